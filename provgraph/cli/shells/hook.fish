# provgraph: what is typed at this prompt is recorded. docs/shell-hook.md tells what that means.

if status is-interactive; and not set -q _provgraph_program

    set -g _provgraph_program @FRONT@
    set -g _provgraph_library @LIBRARY@
    set -g _provgraph_site @SITE@
    set -g _provgraph_on 1
    set -g _provgraph_said ''
    set -g _provgraph_answer
    set -g _provgraph_lent

    # A shell in a recorded run has runs of its own.
    if set -q PROVGRAPH_SPOOL
        echo $fish_pid shell >>(path dirname $PROVGRAPH_SPOOL)/nested 2>/dev/null
        set -e PROVGRAPH_SPOOL
    end

    # Give a variable of the environment another value, until the line has ended. A global one of fish
    # hides a universal one, so it is the global one that comes back.
    function _provgraph_lend
        set -l name $argv[1]
        set -e _provgraph_before_$name
        if set -q $name
            set -g _provgraph_before_$name "$$name"
        end
        set -g _provgraph_lent_$name $argv[2]
        set -ga _provgraph_lent $name
        set -gx $name $argv[2]
    end

    function _provgraph_take_back
        for name in $_provgraph_lent
            set -l before _provgraph_before_$name
            set -l lent _provgraph_lent_$name
            if test "$$name" != "$$lent"
                continue # the line has changed it
            else if set -q $before
                set -gx $name $$before
            else
                set -e -g $name
            end
        end
        set -g _provgraph_lent
    end

    # With what it had behind ours.
    function _provgraph_put_before
        set -l name $argv[1]
        set -l now "$$name"
        test -n "$now"; and set now ":$now"
        _provgraph_lend $name "$argv[2]$now"
    end

    function _provgraph_preexec --on-event fish_preexec
        set -g _provgraph_answer
        test $_provgraph_on = 1; and not string match -qr '^(\s|$)' -- "$argv[1]"; or return
        set -l ignored 'provgraph *'
        set -q PROVGRAPH_IGNORE; and set ignored (string split : -- $PROVGRAPH_IGNORE)
        for pattern in $ignored
            string match -q -- $pattern "$argv[1]"; and return
        end
        # A pipe into `read`, since a substitution waits for a thread of fish's besides.
        command $_provgraph_program shell-hook --begin $fish_pid "$argv[1]" 2>/dev/null | read -gz --list -d \n _provgraph_answer
        set -q _provgraph_answer[1]; and set -e _provgraph_answer[-1] # what is behind the last newline
        test -n "$_provgraph_answer[1]"; or return
        _provgraph_lend PROVGRAPH_SPOOL $_provgraph_answer[1]/events
        _provgraph_put_before LD_PRELOAD $_provgraph_library
        _provgraph_put_before PYTHONPATH $_provgraph_site
        _provgraph_put_before ASAN_OPTIONS verify_asan_link_order=0
    end

    function _provgraph_say
        test "$_provgraph_said" = "$argv[1]"; or echo "provgraph: $argv[1]" >&2
        set -g _provgraph_said $argv[1]
    end

    function _provgraph_end
        _provgraph_take_back
        if test -n "$_provgraph_answer[1]"
            command $_provgraph_program shell-hook --end $_provgraph_answer[2] $argv[1] </dev/null &>/dev/null
            for name in $_provgraph_answer[3..]
                echo "provgraph: what $name does is not recorded: it cannot be watched from here; provgraph run may" >&2
            end
            set -g _provgraph_said ''
        else
            switch "$_provgraph_answer[2]"
                case no-project
                    _provgraph_say 'that was not recorded: it is in no project (provgraph init makes one)'
                case changed
                    _provgraph_say 'what is typed here is not recorded: provgraph was changed; start a new shell'
                case limited
                    _provgraph_say 'what is typed here is not recorded: the size of files is limited (ulimit -f)'
                case not-written
                    _provgraph_say 'what is typed here is not recorded: the recording cannot be written'
            end
        end
        set -g _provgraph_answer
    end

    function _provgraph_postexec --on-event fish_postexec
        _provgraph_end $status
    end

    function provgraph-hook
        switch "$argv[1]"
            case on
                set -g _provgraph_on 1
            case off
                set -g _provgraph_on 0
            case status
                test $_provgraph_on = 1
                and echo 'what is typed here is recorded'
                or echo 'what is typed here is not recorded'
            case '*'
                echo 'usage: provgraph-hook on|off|status' >&2
                return 2
        end
    end
end
