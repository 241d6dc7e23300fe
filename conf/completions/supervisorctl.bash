# Completions of supervisorctl for bash: source this file, or install it as
# /usr/share/bash-completion/completions/supervisorctl.
#
# Names of actions, processes and groups come from supervisorctl itself, which asks the supervisord of the options on
# the line. One that does not answer within a second has nothing to complete.

# Names may hold whatever a config may: each is quoted before it comes to the line.

# Split the line as bash does, for words are quoted and bash itself splits them at colons, which names of processes
# have. Set the caller's `words`, without quotes; `quote`, the one that is open at the end; and `settled`, the part of
# the last word that bash leaves as it is: up to the last character of COMP_WORDBREAKS.
__supervisorctl_split() {
    local line=$1 at=0 character word="" begun=
    quote="" settled=""
    while ((at < ${#line})); do
        character=${line:at:1}
        ((at += 1))
        if [[ $quote ]]; then
            if [[ $character == "$quote" ]]; then
                quote=""
                continue
            elif [[ $quote == '"' && $character == \\ && ${line:at:1} == [\$\`\"\\] ]]; then
                character=${line:at:1}
                ((at += 1))
            fi
            word+=$character
        elif [[ $character == [[:space:]] ]]; then
            [[ ! $begun ]] || words+=("$word")
            word="" begun="" settled=""
            continue
        elif [[ $character == [\'\"] ]]; then
            quote=$character
        elif [[ $character == \\ ]]; then
            word+=${line:at:1}
            ((at += 1))
        else
            word+=$character
            [[ $COMP_WORDBREAKS != *"$character"* ]] || settled=$word
        fi
        begun=yes
    done
    words+=("$word")
}

_supervisorctl() {
    COMPREPLY=()
    local words=() options=() i=1 last current quote settled word candidates candidate
    # Of a plugin, which knows the words of its commands and quotes them by itself.
    local quoted="^([A-Za-z0-9@%+=:,./_-]|'[^']*'|\"'\")*$"
    __supervisorctl_split "${COMP_LINE:0:COMP_POINT}"
    last=$((${#words[@]} - 1))
    current=${words[last]}
    while ((i < last)); do
        case ${words[i]} in
            -[csupr] | --configuration | --serverurl | --username | --password | --history_file)
                if ((i + 1 == last)); then
                    [[ ${words[i]} == -[cr] || ${words[i]} == --configuration || ${words[i]} == --history_file ]] || return
                    mapfile -t COMPREPLY < <(compgen -f -- "$current")
                    COMPREPLY=("${COMPREPLY[@]#"$settled"}")
                    compopt -o filenames 2>/dev/null
                    return
                fi
                word=${words[i + 1]}
                [[ $word != '~/'* ]] || word=$HOME/${word:2}
                options+=("${words[i]}" "$word")
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
    # What is quoted for a place without quotes would come apart behind one.
    [[ ! $quote ]] || return
    word=$1
    [[ $word != '~/'* ]] || word=$HOME/${word:2}
    mapfile -t candidates < <("$word" "${options[@]}" _complete "${words[@]:i}" 2>/dev/null)
    for candidate in "${candidates[@]}"; do
        [[ $candidate != *[[:cntrl:]]* ]] || continue
        if [[ $candidate == *\'* && $candidate =~ $quoted ]]; then
            if [[ ! $settled ]]; then
                COMPREPLY+=("$candidate")
                continue
            fi
            candidate=$(words=() && __supervisorctl_split "$candidate" && printf %s "${words[0]}")
        fi
        candidate=${candidate#"$settled"}
        # All of a group, as people type it.
        case $candidate in
            '*') ;;
            *:'*') printf -v candidate '%q*' "${candidate%'*'}" ;;
            *) printf -v candidate %q "$candidate" ;;
        esac
        COMPREPLY+=("$candidate")
    done
}

complete -F _supervisorctl supervisorctl
