# Completions of supervisorctl for fish: install this file in /usr/share/fish/vendor_completions.d, or in
# ~/.config/fish/completions.
#
# Names of actions, processes and groups come from supervisorctl itself, which asks the supervisord of the options on
# the line. One that does not answer within a second has nothing to complete.

function __supervisorctl_candidates
    set -l words (commandline -opc)
    set -l program (string replace -r '^~/' "$HOME/" -- "$words[1]")
    set -e words[1]
    set -l options
    while set -q words[1]
        switch $words[1]
            case -c -s -u -p -r --configuration --serverurl --username --password --history_file
                set -a options $words[1] (string replace -r '^~/' "$HOME/" -- "$words[2]")
                set -e words[1]
                set -e words[1]
            case '-*'
                set -a options $words[1]
                set -e words[1]
            case '*'
                break
        end
    end
    # As the shell would pass it on; what cannot be that yet, such as a quote that is open, as it is.
    set -l current (commandline -ct)
    set -l unquoted (string unescape -- "$current")
    and set current "$unquoted"
    # Fish quotes candidates as it inserts them: of those that a plugin has quoted the quotes go.
    for candidate in ($program $options _complete $words "$current" 2>/dev/null)
        if string match -qr "^'.*'\$" -- $candidate
            string unescape -- $candidate
        else
            printf '%s\n' $candidate
        end
    end
end

complete -c supervisorctl -f -a '(__supervisorctl_candidates)'
complete -c supervisorctl -s c -l configuration -r -F -d 'config file'
complete -c supervisorctl -s h -l help -d 'print the options'
complete -c supervisorctl -s i -l interactive -d 'ask before what ends programs'
complete -c supervisorctl -s s -l serverurl -x -d 'where supervisord listens'
complete -c supervisorctl -s u -l username -x -d 'user name for the server'
complete -c supervisorctl -s p -l password -x -d 'password for the server'
complete -c supervisorctl -s r -l history_file -r -F -d 'file of the history of the shell'
complete -c supervisorctl -l json -d 'print JSON'
