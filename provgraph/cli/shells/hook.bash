# provgraph: what is typed at this prompt is recorded. docs/shell-hook.md tells what that means.
#
# PS0 is expanded in the shell itself after a line was read and before it runs, whatever it consists of.
# What it assigns (`:=`) the line's programs find in their environment; the keys of an array that stays
# empty let it assign without printing. No key may be empty.

if [[ $- != *i* || -n ${_provgraph_program-} ]]; then
    :
elif ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    echo 'provgraph: what is typed here is not recorded: bash 4.4 or newer is needed' >&2
else

_provgraph_program=@FRONT@
_provgraph_library=@LIBRARY@
_provgraph_site=@SITE@
_provgraph_replaced='what is typed here is not recorded: the prompt was changed after provgraph shell-hook'
_provgraph_lost='this line is not recorded, the next ones are: the prompt was changed after provgraph shell-hook (PROMPT_COMMAND)'
_provgraph_on=1 _provgraph_said='' _provgraph_newline=$'\n'
_provgraph_next='\!' _provgraph_number='' # what the history's next line is counted
_provgraph_answer='' _provgraph_folder=''
_provgraph_lines=1 # so many have begun since the prompt was ours
declare -A _provgraph_nowhere=()

# A shell in a recorded run has runs of its own.
if [[ -n ${PROVGRAPH_SPOOL-} ]]; then
    (umask 077; echo $$ shell >>"${PROVGRAPH_SPOOL%/*}/nested") 2>/dev/null
    unset PROVGRAPH_SPOOL
fi

# The last line of the history, in REPLY.
_provgraph_history() {
    REPLY=$(HISTTIMEFORMAT='' builtin history 1)
    REPLY=${REPLY#"${REPLY%%[! ]*}"}
    REPLY=${REPLY#"${REPLY%%[!0-9]*}"}
    REPLY=${REPLY:2}
}

_provgraph_is_wanted() {
    local IFS=: pattern
    set -f
    for pattern in ${PROVGRAPH_IGNORE-'provgraph *'}; do
        # shellcheck disable=SC2053 # it is a pattern
        [[ $1 != $pattern ]] || return 1
    done
    [[ -n $1 && $1 != [[:blank:]]* ]]
}

# In a substitution, whose process becomes the program.
_provgraph_ask() {
    exec "$_provgraph_program" shell-hook --begin $$ "$1" 2>/dev/null
}

# A line that the history does not take is not wanted, unless it is the same again.
_provgraph_begin() {
    local REPLY
    ((_provgraph_on)) || return
    if ((_provgraph_lines > 1)); then
        _provgraph_say "$_provgraph_lost"
        return
    fi
    _provgraph_history
    if [[ ${_provgraph_next@P} != "$_provgraph_number" ]]; then
        ! _provgraph_is_wanted "$REPLY" || _provgraph_ask "$REPLY"
    elif [[ :${HISTCONTROL-}: != *:@(ignoreboth|ignoredups|erasedups):* ]]; then
        return
    elif [[ -z ${HISTIGNORE-} && :${HISTCONTROL-}: != *:@(ignoreboth|ignorespace):* ]]; then
        ! _provgraph_is_wanted "$REPLY" || _provgraph_ask "$REPLY"
    else
        printf '\nagain'
    fi
}

# Before each simple command; it does something before the first of a line that follows one whose end was not seen, and
# of a line that may be the same again: it is, if it begins as the last did. A line that begins with parentheses has
# no such moment.
_provgraph_before() {
    local status=$?
    if ((_provgraph_lines > 1)) && [[ -n $_provgraph_folder ]]; then
        _provgraph_prompt "$status"
        _provgraph_keep_prompt
        _provgraph_say "$_provgraph_lost"
    fi
    [[ $_provgraph_answer == "${_provgraph_newline}again" ]] || return 0
    _provgraph_answer=''
    local REPLY word typed ran
    _provgraph_history
    word=${REPLY%%[[:blank:]]*}
    read -ra typed <<<"${BASH_ALIASES[$word]-$word}${REPLY#"$word"}"
    read -ra ran <<<"$1"
    if [[ "${typed[*]} " == "${ran[*]}"* ]] && _provgraph_is_wanted "$REPLY"; then
        _provgraph_answer=$(_provgraph_ask "$REPLY")
        _provgraph_lines=0
        : "${PS0@P}"
    fi
}

_provgraph_say() {
    [[ $_provgraph_said == "$1" ]] || echo "provgraph: $1" >&2
    _provgraph_said=$1
}

_provgraph_prompt() {
    local status=${1-$?} name lines
    _provgraph_lines=0
    mapfile -t lines <<<"$_provgraph_answer"
    unset PROVGRAPH_SPOOL
    if [[ -n $_provgraph_folder ]]; then
        command "$_provgraph_program" shell-hook --end "${lines[1]}" "$status" </dev/null &>/dev/null
        for name in "${lines[@]:2}"; do
            echo "provgraph: what $name does is not recorded: it cannot be watched from here; provgraph run may" >&2
        done
        _provgraph_said=''
    else
        case ${lines[1]-} in
            no-project) _provgraph_say 'that was not recorded: it is in no project (provgraph init makes one)' ;;
            changed) _provgraph_say 'what is typed here is not recorded: provgraph was changed; start a new shell' ;;
            limited) _provgraph_say 'what is typed here is not recorded: the size of files is limited (ulimit -f)' ;;
            not-written) _provgraph_say 'what is typed here is not recorded: the recording cannot be written' ;;
        esac
    fi
    [[ ${PS0-} == *_provgraph_* ]] || _provgraph_say "$_provgraph_replaced (PS0)"
    _provgraph_answer='' _provgraph_folder=''
    [[ ${LD_PRELOAD-} != "$_provgraph_library" ]] || unset LD_PRELOAD
    [[ ${PYTHONPATH-} != "$_provgraph_site" ]] || unset PYTHONPATH
    [[ ${ASAN_OPTIONS-} != verify_asan_link_order=0 ]] || unset ASAN_OPTIONS
    if ((_provgraph_on)); then
        # Marked for the environment, where they are only once PS0 has given them values. It cannot
        # change what has a value already: that has ours in front all the time.
        export PROVGRAPH_SPOOL
        [[ -z ${LD_PRELOAD-} || $LD_PRELOAD == *"$_provgraph_library"* ]] || LD_PRELOAD=$_provgraph_library:$LD_PRELOAD
        [[ -z ${PYTHONPATH-} || $PYTHONPATH == *"$_provgraph_site"* ]] || PYTHONPATH=$_provgraph_site:$PYTHONPATH
        [[ -z ${ASAN_OPTIONS-} || $ASAN_OPTIONS == *verify_asan_link_order=* ]] || ASAN_OPTIONS=verify_asan_link_order=0:$ASAN_OPTIONS
        export LD_PRELOAD PYTHONPATH ASAN_OPTIONS
    fi
    _provgraph_number=${_provgraph_next@P}
    return "$status"
}

provgraph-hook() {
    case ${1-} in
        on) _provgraph_on=1 ;;
        off) _provgraph_on=0 ;;
        status) ((_provgraph_on)) && echo 'what is typed here is recorded' || echo 'what is typed here is not recorded' ;;
        *) echo 'usage: provgraph-hook on|off|status' >&2; return 2 ;;
    esac
}

# Last, too: an assignment to PROMPT_COMMAND later on replaces the first. PS0 gives it back where it was taken away.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 501)); then
    _provgraph_keep_prompt() { :; }
    PROMPT_COMMAND=(_provgraph_prompt "${PROMPT_COMMAND[@]}" [999]=_provgraph_prompt)
    _provgraph_kept='${PROMPT_COMMAND[999]=_provgraph_prompt}'
else
    _provgraph_keep_prompt() {
        [[ ${PROMPT_COMMAND-} == *_provgraph_prompt* ]] || PROMPT_COMMAND="_provgraph_prompt${PROMPT_COMMAND:+;$PROMPT_COMMAND}"
    }
    _provgraph_keep_prompt
    _provgraph_kept='${PROMPT_COMMAND=_provgraph_prompt}'
fi
_provgraph_set='${_provgraph_nowhere["${PROVGRAPH_SPOOL:=$_provgraph_folder/events}${LD_PRELOAD:=$_provgraph_library}${PYTHONPATH:=$_provgraph_site}${ASAN_OPTIONS:=verify_asan_link_order=0}"]-}'
PS0='${_provgraph_nowhere["$((_provgraph_lines += 1))'$_provgraph_kept'${_provgraph_answer:=$(_provgraph_begin)}${_provgraph_folder:=${_provgraph_answer%%"$_provgraph_newline"*}}"]-}${_provgraph_folder:+'$_provgraph_set'}'${PS0-}
unset _provgraph_kept _provgraph_set
[[ -n $(trap -p DEBUG) ]] || trap '_provgraph_before "$BASH_COMMAND" "$_"' DEBUG

fi
