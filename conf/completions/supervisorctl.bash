# Completions of supervisorctl for bash: source this file, or install it as
# /usr/share/bash-completion/completions/supervisorctl.
#
# Names of actions, processes and groups come from supervisorctl itself, which asks the supervisord of the options on
# the line. One that does not answer within a second has nothing to complete.

_supervisorctl() {
    COMPREPLY=()
    local line=${COMP_LINE:0:COMP_POINT} words=() options=() i=1 last current
    # As typed: bash itself splits words at colons, which names of processes have.
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    last=$((${#words[@]} - 1))
    current=${words[last]}
    while ((i < last)); do
        case ${words[i]} in
            -[csupr] | --configuration | --serverurl | --username | --password | --history_file)
                if ((i + 1 == last)); then
                    [[ ${words[i]} == -[cr] || ${words[i]} == --configuration || ${words[i]} == --history_file ]] || return
                    mapfile -t COMPREPLY < <(compgen -f -- "$current")
                    compopt -o filenames 2>/dev/null
                    return
                fi
                options+=("${words[i]}" "${words[i + 1]/#\~\//$HOME/}")
                ((i += 2))
                ;;
            -*)
                options+=("${words[i]}")
                ((i += 1))
                ;;
            *) break ;;
        esac
    done
    if ((i == last)) && [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "--configuration --help --interactive --serverurl --username --password \
            --history_file --json" -- "$current")
        return
    fi
    mapfile -t COMPREPLY < <("$1" "${options[@]}" _complete "${words[@]:i}" 2>/dev/null)
    if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
        # Bash puts what is left in the place of what stands behind the colon.
        COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*:}"}"}")
    fi
}

complete -F _supervisorctl supervisorctl
