# provgraph: what is typed at this prompt is recorded. docs/shell-hook.md tells what that means.

if [[ -o interactive && -z ${_provgraph_program-} ]]; then

typeset -g _provgraph_program=@FRONT@
typeset -g _provgraph_library=@LIBRARY@
typeset -g _provgraph_site=@SITE@
typeset -g _provgraph_on=1 _provgraph_said=
typeset -ga _provgraph_answer=()
typeset -gA _provgraph_before=() _provgraph_lent=()

# A shell in a recorded run has runs of its own.
if [[ -n ${PROVGRAPH_SPOOL-} ]]; then
    (umask 077; echo $$ shell >>"${PROVGRAPH_SPOOL:h}/nested") 2>/dev/null
    unset PROVGRAPH_SPOOL
fi

# Give a variable of the environment another value, until the line has ended.
_provgraph_lend() {
    unset "_provgraph_before[$1]"
    (( ! ${(P)+1} )) || _provgraph_before[$1]=${(P)1}
    _provgraph_lent[$1]=$2
    export "$1=$2"
}

_provgraph_take_back() {
    local name
    for name in ${(k)_provgraph_lent}; do
        if [[ ${(P)name-} != $_provgraph_lent[$name] ]]; then
            : # the line has changed it
        elif (( ${+_provgraph_before[$name]} )); then
            export "$name=$_provgraph_before[$name]"
        else
            unset $name
        fi
    done
    _provgraph_lent=()
}

_provgraph_preexec() {
    emulate -L zsh
    local line=${1:-$3} pattern folder
    (( _provgraph_on )) && [[ -n $line && $line != [[:blank:]]* ]] || return 0
    for pattern in "${(@s.:.)${PROVGRAPH_IGNORE-provgraph *}}"; do
        [[ $line != ${~pattern} ]] || return 0
    done
    _provgraph_answer=("${(@f)$(command $_provgraph_program shell-hook --begin $$ "$line" 2>/dev/null)}")
    folder=${_provgraph_answer[1]-}
    [[ -n $folder ]] || return 0
    _provgraph_lend PROVGRAPH_SPOOL $folder/events
    _provgraph_lend LD_PRELOAD $_provgraph_library${LD_PRELOAD:+:$LD_PRELOAD}
    _provgraph_lend PYTHONPATH $_provgraph_site${PYTHONPATH:+:$PYTHONPATH}
    _provgraph_lend ASAN_OPTIONS verify_asan_link_order=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}
}

_provgraph_say() {
    [[ $_provgraph_said == $1 ]] || print -ru2 -- "provgraph: $1"
    _provgraph_said=$1
}

_provgraph_precmd() {
    local result=$? name
    emulate -L zsh
    _provgraph_take_back
    if [[ -n ${_provgraph_answer[1]-} ]]; then
        command $_provgraph_program shell-hook --end $_provgraph_answer[2] $result </dev/null &>/dev/null
        for name in $_provgraph_answer[3,-1]; do
            print -ru2 -- "provgraph: what $name does is not recorded: it cannot be watched from here; provgraph run may"
        done
        _provgraph_said=
    else
        case ${_provgraph_answer[2]-} in
            no-project) _provgraph_say 'that was not recorded: it is in no project (provgraph init makes one)' ;;
            changed) _provgraph_say 'what is typed here is not recorded: provgraph was changed; start a new shell' ;;
            limited) _provgraph_say 'what is typed here is not recorded: the size of files is limited (ulimit -f)' ;;
            not-written) _provgraph_say 'what is typed here is not recorded: the recording cannot be written' ;;
        esac
    fi
    _provgraph_answer=()
}

provgraph-hook() {
    case ${1-} in
        on) _provgraph_on=1 ;;
        off) _provgraph_on=0 ;;
        status) (( _provgraph_on )) && echo 'what is typed here is recorded' || echo 'what is typed here is not recorded' ;;
        *) echo 'usage: provgraph-hook on|off|status' >&2; return 2 ;;
    esac
}

# Last before a line, first after it: other hooks are no part of it.
preexec_functions+=(_provgraph_preexec)
precmd_functions=(_provgraph_precmd $precmd_functions)

fi
