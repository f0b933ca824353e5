"""What is typed at a prompt is recorded, and the prompt is the one that it was.

A real shell reads its start-up file on a pseudo-terminal and is typed to. Its prompt counts the lines,
so that it is known when one has ended.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pexpect
import pytest
from capture.workspace import Workspace
from manual.pages import left_to

from provgraph.config import create_project
from provgraph.graph import Graph
from provgraph.graph import open as open_graph
from provgraph.ingest.capture import given
from provgraph.model.records import RunEnded, RunStarted

START: Final = {
    "bash": "n=${FIRST-0}; PS1='[ready $n]'; PROMPT_COMMAND='n=$((n+1))'; HISTCONTROL=ignoreboth\n"
    'set -o history; alias greet="echo hello"\neval "$(@PROVGRAPH@ shell-hook bash)"\n',
    "zsh": "n=${FIRST-0}; PS1='[ready $n]'; setopt promptsubst histignorespace; unsetopt zle\n"
    'precmd() { n=$((n+1)); }\nalias greet="echo hello"\n'
    'eval "$(@PROVGRAPH@ shell-hook zsh)"\n',
    "fish": 'set -g n (math 1 + "0$FIRST"); function fish_prompt; echo -n "[ready $n]"; end; set -g fish_greeting\n'
    "function counted --on-event fish_postexec; set -g n (math $n + 1); end\n"
    'alias greet="echo hello"\n@PROVGRAPH@ shell-hook fish | source\n',
}
SHELLS: Final = [pytest.param(name, id=name) for name in START if shutil.which(name)]
STATUS: Final = {"bash": "$?", "zsh": "$?", "fish": "$status"}
KILL_JOB: Final = {"bash": "kill -9 %1", "zsh": "kill -9 %1", "fish": "kill -9 (jobs -p)"}


class Terminal:
    """A shell of which one kind is typed to."""

    def __init__(self, shell: str, workspace: Workspace, home: Path) -> None:
        self.shell, self.workspace, self.lines = shell, workspace, 1
        self.provgraph = workspace.provgraph[0]
        text = START[shell].replace("@PROVGRAPH@", self.provgraph)
        file = home / {"bash": "rc", "zsh": ".zshrc", "fish": "fish/config.fish"}[shell]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        # Where it is missing, fish reads all manual pages in the background.
        (home / "fish" / "generated_completions").mkdir(parents=True, exist_ok=True)
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        environment = {
            **workspace.environment,
            "TERM": "dumb",
            "ZDOTDIR": str(home),
            "XDG_CONFIG_HOME": str(home),
            "XDG_DATA_HOME": str(home),
            "XDG_CACHE_HOME": cache,
            "HISTFILE": str(home / "history"),
        }
        words = ["--noprofile", "--rcfile", str(file), "-i"] if shell == "bash" else ["-i"]
        self.process: pexpect.spawn[str] = pexpect.spawn(
            shell,
            words,
            cwd=str(workspace.root),
            env=environment,
            encoding="utf-8",
            timeout=120,
            dimensions=(50, 200),
        )
        self.wait()

    def wait(self) -> str:
        """Until the prompt after so many lines is there; what was printed before it."""
        self.process.expect_exact(f"[ready {self.lines}]")
        return str(self.process.before)

    def type(self, line: str) -> str:
        """Type a line and wait for its end; all that the terminal showed of it."""
        self.process.sendline(line)
        self.lines += 1
        shown = self.wait()
        assert "_provgraph" not in shown  # no shell complains of what the hook does
        return shown

    def interrupt(self, line: str, key: str) -> None:
        """Type a line that does not end, wait for it to run, and press Ctrl with a key."""
        begun = self.workspace.root / "begun"
        self.process.sendline(line)
        self.lines += 1
        while not begun.exists():
            time.sleep(0.02)
        begun.unlink()
        self.process.sendcontrol(key)
        self.wait()

    def leave(self) -> None:
        self.process.sendline("exit")
        self.process.expect(pexpect.EOF)
        self.process.close()

    def settled(self) -> None:
        """Until every keeper is gone: it has written what it had to, or had it written."""
        while any(map(self.is_keeping, filter(str.isdigit, os.listdir("/proc")))):
            time.sleep(0.02)

    def is_keeping(self, pid: str) -> bool:
        try:
            words = Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        keeps = b"--begin" in words and os.fsencode(self.provgraph) in words
        writes = b"--finish" in words and os.fsencode(self.workspace.root) in b"".join(words)
        return keeps or writes

    def graph(self) -> Graph:
        self.settled()
        return open_graph(self.workspace.root)


@pytest.fixture(params=SHELLS)
def terminal(
    request: pytest.FixtureRequest, native_workspace: Workspace, tmp_path: Path
) -> Iterator[Terminal]:
    made = Terminal(request.param, native_workspace, tmp_path / "home")
    yield made
    made.process.close(force=True)


def lineage(graph: Graph, name: str) -> set[str]:
    rows = graph.file(name).lineage().select("path", "program")
    return {str(row["path"]) for row in rows if row["program"] is None}


def commands(graph: Graph) -> list[tuple[Any, Any]]:
    rows = graph.run().sort("started").select("command", "exit")
    return [(row["command"], row["exit"]) for row in rows]


def test_every_command_typed_is_a_run_and_what_it_makes_has_its_lineage(terminal: Terminal) -> None:
    root, shell = terminal.workspace.root, terminal.shell
    (root / "a").write_text("b\na\n")
    (root / "sub").mkdir()
    (root / "fail.py").write_text(
        "open('made', 'w').write(open('first').read())\nraise SystemExit(3)\n"
    )
    assert "provgraph:" not in terminal.type("sort a | head -n1 > first")
    terminal.type("python3 fail.py")
    assert "status 3 here" in terminal.type(f'echo "status {STATUS[shell]} here"')
    terminal.type("cd sub")
    terminal.type("cat ../made > copy; cat ../a >> copy")
    terminal.type("greet > said")
    graph = terminal.graph()
    assert commands(graph) == [
        (f"{shell} -c 'sort a | head -n1 > first'", 0),
        ("python3 fail.py", 3),
        (f"{shell} -c 'cat ../made > copy; cat ../a >> copy'", 0),
        (f"{shell} -c 'greet > said'", 0),
    ]
    assert lineage(graph, "sub/copy") >= {"made", "first", "a"}
    assert lineage(graph, "first") == {"a"}
    ended = terminal.workspace.all(RunEnded)
    gaps = {tuple(record.gaps) for record in ended}
    assert gaps == {(), ("1 file changed by the shell itself, or by a program that was not seen",)}
    assert all(record.properties["tag.shell"] == shell for record in ended)


def test_a_question_waits_for_the_lines_before_it_although_the_prompt_does_not(
    terminal: Terminal,
) -> None:
    terminal.type("head -c 50000000 /dev/zero > large; cat large > copy")  # takes some hashing
    assert "cat large" in terminal.type(f"{terminal.provgraph} why copy")
    terminal.leave()
    terminal.settled()


def test_the_shell_is_the_one_that_it_was(terminal: Terminal) -> None:
    """Interrupts, job control, builtins, variables and the environment."""
    shell, root = terminal.shell, terminal.workspace.root
    assert "hello" in terminal.type("greet")
    waiting = (
        "perl -e 'open F, q(>begun); sleep 1000'"  # dash loses a key that comes between commands
    )
    terminal.interrupt(waiting, "c")
    assert "status 130 here" in terminal.type(f'echo "status {STATUS[shell]} here"')
    terminal.interrupt(waiting, "z")
    assert "sleep 1000" in terminal.type("jobs")
    terminal.type(KILL_JOB[shell])
    before = terminal.type(" env | sort | sed 's/^/=/'")
    terminal.type("export KEPT=yes" if shell != "fish" else "set -gx KEPT yes")
    assert "it is yes" in terminal.type('echo "it is $KEPT"')
    assert "PROVGRAPH_" not in before and "LD_PRELOAD" not in before
    inside = terminal.type("env | sort | sed 's/^/=/'")
    assert "PROVGRAPH_SPOOL" in inside and "LD_PRELOAD" in inside
    terminal.leave()
    terminal.settled()
    killed = [r.exit for r in terminal.workspace.all(RunEnded) if r.exit not in (0, None)]
    assert 130 in killed
    assert root.joinpath("begun").exists() is False


def test_what_is_not_wanted_is_not_recorded_and_what_cannot_be_is_said(
    terminal: Terminal, tmp_path: Path
) -> None:
    shell, root = terminal.shell, terminal.workspace.root
    (root / "a").write_text("a\n")
    terminal.type(" cat a > blank")
    assign = "set -gx {0} '{1}'" if shell == "fish" else "export {0}='{1}'"
    terminal.type(assign.format("PROVGRAPH_IGNORE", "cat *:head *"))
    terminal.type("cat a > ignored")
    terminal.type("provgraph-hook off")
    assert "is not recorded" in terminal.type("provgraph-hook status")
    terminal.type("tail -n1 a > off")
    terminal.type("provgraph-hook on")
    terminal.type("tail -n1 a > on")
    static = root / "static"
    source = tmp_path / "static.c"
    source.write_text("int main(void) { return 0; }\n")
    subprocess.run(["cc", "-static", "-o", static, source], check=True)
    assert "what ./static does is not recorded" in terminal.type("./static")
    terminal.type(f"cd {tmp_path}")
    assert "it is in no project" in terminal.type("tail -n1 project/a > nowhere")
    assert "no project" not in terminal.type("tail -n1 project/a > nowhere2")
    graph = terminal.graph()
    assert {command for command, _ in commands(graph)} == {
        f"{shell} -c 'tail -n1 a > on'",
        "./static",
    }
    (gap,) = {gap for record in terminal.workspace.all(RunEnded) for gap in record.gaps}
    assert gap == "static program not traced: static"


def test_the_manuals_page_can_be_typed(native_workspace: Workspace, tmp_path: Path) -> None:
    (block,) = left_to(__file__, "docs/shell-hook.md")
    off, ignore, blank = block.splitlines()
    root = native_workspace.root
    (root / "secret.csv").write_text("b\na\n")
    terminal = Terminal("bash", native_workspace, tmp_path / "home")
    terminal.type(off)
    assert "is not recorded" in terminal.type("provgraph-hook status")
    terminal.type("sort secret.csv > first")
    terminal.type("provgraph-hook on")
    terminal.type(ignore)
    assert "secret.csv" in terminal.type("ls -1")
    assert "a\r\nb" in terminal.type(blank)
    terminal.type("sort secret.csv > last")
    assert commands(terminal.graph()) == [("bash -c 'sort secret.csv > last'", 0)]
    terminal.process.close(force=True)


def test_the_same_line_again_is_a_run_again(terminal: Terminal) -> None:
    for _ in range(3):
        terminal.type("date > now")
    assert len(commands(terminal.graph())) == 3


LOOP: Final = {
    "bash": "for i in a b; do cat $i > {0}$i; done",
    "zsh": "for i in a b; do cat $i > {0}$i; done",
    "fish": "for i in a b; cat $i > {0}$i; end",
}


def test_programs_that_share_a_terminal_are_told_apart(terminal: Terminal) -> None:
    for name in "ab":
        (terminal.workspace.root / name).write_text(f"{name}\n")
    terminal.type(LOOP[terminal.shell].format("loop-"))
    terminal.type("cat a > first & cat b > second & wait")
    graph = terminal.graph()
    assert lineage(graph, "loop-a") == {"a"} and lineage(graph, "loop-b") == {"b"}
    assert lineage(graph, "first") == {"a"} and lineage(graph, "second") == {"b"}
    assert {tuple(ended.gaps) for ended in terminal.workspace.all(RunEnded)} == {()}


def test_what_the_shell_reads_itself_is_an_origin_and_what_it_had_before_a_gap(
    terminal: Terminal,
) -> None:
    shell = terminal.shell
    for name in "abc":
        (terminal.workspace.root / name).write_text(f"{name}\n")
    terminal.type("read x < a; echo $x | sort > read")
    terminal.type(
        "cat b | while read x"
        + ("; echo $x; end" if shell == "fish" else "; do echo $x; done")
        + " > looped"
    )
    terminal.type("set x (cat c)" if shell == "fish" else "x=$(cat c)")
    terminal.type("echo $x | sort > later")
    terminal.type("echo words | sort > words")
    if shell != "fish":
        terminal.type('sort <<< "$(<a)" > string')
    graph = terminal.graph()
    assert lineage(graph, "read") == {"a"} and lineage(graph, "looped") == {"b"}
    assert shell == "fish" or lineage(graph, "string") == {"a"}
    found = {str(run["command"]): run["gaps"] for run in graph.run().select("command", "gaps")}
    of_before = "where the shell had from what it told programs is not known: $x"
    told = [command for command, gaps in found.items() if of_before in str(gaps)]
    assert told == [f"{shell} -c 'echo $x | sort > later'"]
    assert not found[f"{shell} -c 'echo words | sort > words'"]


def test_what_goes_on_in_the_background_is_recorded_when_it_has_ended(terminal: Terminal) -> None:
    root = terminal.workspace.root
    (root / "a").write_text("a\n")
    os.mkfifo(root / "go")
    terminal.type("sh -c 'read x < go; cat a > late' &")
    terminal.type("cat a > soon")
    terminal.settled()
    (root / "go").write_text("1\n")
    terminal.type("wait")
    assert lineage(terminal.graph(), "late") == {"a"}


def test_a_line_that_goes_on_for_long_is_told_of_meanwhile(
    native_workspace: Workspace, tmp_path: Path
) -> None:
    root, journal = native_workspace.root, native_workspace.project.journal
    settings = root / "provgraph.toml"
    settings.write_text(settings.read_text() + '\n[capture]\nevery = "1s"\n')
    (root / "a").write_text("a\n")
    os.mkfifo(root / "go")
    terminal = Terminal("bash", native_workspace, tmp_path / "home")
    terminal.process.sendline("sh -c 'cat a > early; read x < go'")
    while not list(journal.glob("*.1.segment")):  # nobody asks for it
        time.sleep(0.02)
    (root / "go").write_text("1\n")
    terminal.lines += 1
    terminal.wait()
    terminal.leave()
    with open_graph(root) as graph:
        assert lineage(graph, "early") == {"a"}


@pytest.mark.parametrize("terminal", ["bash", "zsh"], indirect=True)
def test_what_lines_tell_each_other_by_a_pipe_that_the_shell_keeps_joins_them(
    terminal: Terminal,
) -> None:
    root = terminal.workspace.root
    for name in ("a", "b", "c"):
        (root / name).write_text(f"{name}\n")
    terminal.type("exec 4>&1 > >(tee log; : > done)")
    terminal.type("cat a")
    terminal.type("provgraph() { " + terminal.provgraph + ' "$@"; }')
    terminal.type("provgraph run -- cat b")
    terminal.type("cat c > other")
    terminal.type("exec >&4 4>&-")
    while not (root / "done").exists():
        time.sleep(0.02)
    with terminal.graph() as graph:
        found = {uri for uri in lineage(graph, "log") if "://" not in uri}
        assert (found, lineage(graph, "other")) == ({"a", "b"}, {"c"})
        rows = list(graph.run().select("command", "gaps"))
    gaps = {str(row["command"]): row["gaps"] for row in rows}
    (first,) = (said for command, said in gaps.items() if "tee" in command)
    assert given.GAP in str(first)  # the shell itself may write to it, too
    assert all("pipe" not in str(said) for command, said in gaps.items() if "tee" not in command)


def test_what_a_co_process_says_to_a_later_line_joins_them(
    native_workspace: Workspace, tmp_path: Path
) -> None:
    (native_workspace.root / "a").write_text("a\n")
    terminal = Terminal("bash", native_workspace, tmp_path / "home")
    terminal.type("coproc { cat a -; : > done; }")
    terminal.type('head -n 1 <&"${COPROC[0]}" > out')
    terminal.type("exec {COPROC[1]}>&-")
    while not (native_workspace.root / "done").exists():
        time.sleep(0.02)
    with terminal.graph() as graph:
        assert "a" in lineage(graph, "out")
    terminal.process.close(force=True)


def test_a_shell_within_a_shell_has_runs_of_its_own(terminal: Terminal) -> None:
    shell, root = terminal.shell, terminal.workspace.root
    (root / "a").write_text("a\n")
    rc = terminal.workspace.root.parent / "home" / "rc"
    words = f"--noprofile --rcfile {rc} -i" if shell == "bash" else "-i"
    outside = terminal.lines
    terminal.process.sendline(f"FIRST=100 {shell} {words}")
    terminal.lines = 101
    terminal.wait()
    terminal.type("cat a > inside")
    terminal.process.sendline("exit")
    terminal.lines = outside + 1
    terminal.wait()
    terminal.type("cat inside > outside")
    graph = terminal.graph()
    assert [r["command"] for r in graph.file("inside").runs()] == [f"{shell} -c 'cat a > inside'"]
    assert lineage(graph, "outside") == {"inside", "a"}


def test_runs_that_are_asked_for_are_not_recorded_twice(terminal: Terminal) -> None:
    (terminal.workspace.root / "a").write_text("a\n")
    body = f"{terminal.provgraph} " + ("$argv; end" if terminal.shell == "fish" else '"$@"; }')
    terminal.type(("function provgraph; " if terminal.shell == "fish" else "provgraph() { ") + body)
    terminal.type("provgraph run -- cp a b")
    copied = [record.argv for record in terminal.workspace.all(RunStarted) if "cp" in record.argv]
    assert copied == [["cp", "a", "b"]]


def test_a_program_that_the_shell_becomes_is_recorded(terminal: Terminal) -> None:
    (terminal.workspace.root / "a").write_text("a\n")
    terminal.process.sendline("exec cp a b")
    terminal.process.expect(pexpect.EOF)
    assert lineage(terminal.graph(), "b") == {"a"}


@pytest.mark.parametrize(
    "later",
    ["PROMPT_COMMAND=true", "set -u", "unset HISTCONTROL; set -o vi; shopt -s extglob"],
)
def test_a_prompt_of_bash_is_recorded_whatever_its_start_up_file_goes_on_with(
    later: str, native_workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(START, "bash", f"{START['bash']}{later}\n")
    (native_workspace.root / "a").write_text("a\n")
    terminal = Terminal("bash", native_workspace, tmp_path / "home")
    terminal.type("cat a > b")
    terminal.type("flock lock cat b > c")
    assert lineage(terminal.graph(), "c") == {"a", "b"}
    assert {tuple(ended.gaps) for ended in native_workspace.all(RunEnded)} == {()}
    terminal.process.close(force=True)


def test_a_hook_of_bash_that_was_replaced_says_so(
    native_workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(START, "bash", f"{START['bash']}PS0=later; PS1='[ready 1]'\n")
    monkeypatch.setattr(Terminal, "wait", lambda self: "")
    terminal = Terminal("bash", native_workspace, tmp_path / "home")
    terminal.process.sendline("sort /dev/null")
    terminal.process.expect_exact("the prompt was changed after provgraph shell-hook")
    terminal.process.close(force=True)


LOST = "this line is not recorded, the next ones are: the prompt was changed"


@pytest.mark.parametrize("when", ["at start-up", "later", "later, with a trap of one's own"])
@pytest.mark.parametrize(
    "how",
    ["unset PROMPT_COMMAND", "unset PROMPT_COMMAND; PROMPT_COMMAND=true", "PROMPT_COMMAND=(true)"],
)
def test_bash_goes_on_being_recorded_where_its_prompt_was_taken_away(
    how: str,
    when: str,
    native_workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = START["bash"].replace("[ready $n]", "[ready \\#]")  # `\\#` counts lines by itself
    if "trap" in when:
        start = f"trap true DEBUG\n{start}"
    monkeypatch.setitem(START, "bash", f"{start}{how}\n" if when == "at start-up" else start)
    (native_workspace.root / "a").write_text("a\n")
    terminal = Terminal("bash", native_workspace, tmp_path / "home")
    if when != "at start-up":
        terminal.type("sort a > before")
        terminal.type(how)
    shown = [terminal.type(f"cat a > b{number}") for number in range(3)]
    assert [LOST in each for each in shown] == [
        when != "later, with a trap of one's own",
        False,
        False,
    ]
    with terminal.graph() as graph:
        assert [lineage(graph, f"b{number}") for number in (1, 2)] == [{"a"}, {"a"}]
        typed = [command for command, _ in commands(graph)]
    assert typed[-2:] == ["bash -c 'cat a > b1'", "bash -c 'cat a > b2'"]
    terminal.process.close(force=True)


def test_where_there_is_no_native_part_the_hook_says_so(tmp_path: Path) -> None:
    create_project(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "provgraph", "shell-hook", "bash"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0 and done.stdout == ""
    assert "native part" in done.stderr
