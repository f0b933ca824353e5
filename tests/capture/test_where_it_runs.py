"""Is a run recorded rightly wherever it is started from: within another run, beside one, in a terminal
multiplexer, on several processors, after its terminal is gone?"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from capture.workspace import Workspace, environment
from manual.pages import ROOT, left_to

from provgraph.config import create_project
from provgraph.graph import open as open_graph
from provgraph.ingest.capture import given
from provgraph.model.records import Generated, RunEnded, RunStarted, StepSeen, Used

PAGE = "docs/where-it-runs.md"


def until(found: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    while not found():
        time.sleep(0.02)


def with_commands(workspace: Workspace, folder: Path, **scripts: str) -> dict[str, str]:
    """The environment in which `provgraph`, `python` and these commands are found."""
    tools = folder / "commands"
    tools.mkdir()
    exec_ = '#!/bin/sh\nexec {} "$@"\n'.format
    own = {"provgraph": exec_(shlex.join(workspace.provgraph)), "python": exec_(sys.executable)}
    for name, text in (own | scripts).items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    path = workspace.environment.get("PATH", os.defpath)
    return {**workspace.environment, "PATH": f"{tools}{os.pathsep}{path}"}


def lineage(workspace: Workspace, name: str) -> set[str]:
    with open_graph(workspace.root) as graph:
        rows = graph.file(name).lineage().select("path", "program")
        return {str(row["path"]) for row in rows if row["program"] is None}


def test_a_run_within_a_run_is_its_child_and_they_join_by_the_files(workspace: Workspace) -> None:
    (workspace.root / "a").write_text("x")
    inner = workspace.shell("cp", "a", "b")
    done = workspace.run("sh", "-c", f"cp a first; {inner}; cat b > c")
    assert done.returncode == 0, done.stderr
    started = {record.argv[0]: record for record in workspace.all(RunStarted)}
    outer, nested = started["sh"], started["cp"]
    by = {record.step: record.run for record in workspace.all(StepSeen)}
    assert by[nested.parent] == outer.run
    generated = {name: r for name, r in workspace.generated().items() if "://" not in name}
    makers = {name: by[record.step] for name, record in generated.items()}
    assert makers == {"first": outer.run, "b": nested.run, "c": outer.run}
    assert {record.verdict for record in workspace.all(RunEnded)} == {"complete"}
    assert lineage(workspace, "c") == {"b", "a"}


def test_what_a_run_within_a_run_does_for_itself_is_nobody_s_doing(workspace: Workspace) -> None:
    temporary = workspace.root / "temporary"
    temporary.mkdir()
    (workspace.root / "a").write_text("x")
    inner = workspace.shell("sh", "-c", "cat a; cat a > b")
    environment = {**workspace.environment, "TMPDIR": str(temporary)}
    done = workspace.run("sh", "-c", f"cp a made; exec {inner} > said", env=environment)
    assert done.returncode == 0, done.stderr
    by = {record.step: record.run for record in workspace.all(StepSeen)}
    started = {record.argv[2][:3]: record.run for record in workspace.all(RunStarted)}
    outer, nested = started["cp "], started["cat"]
    made = {(record.names[-1].uri, by[record.step]) for record in workspace.all(Generated)}
    assert made == {("made", outer), ("said", outer), ("said", nested), ("b", nested)}
    used = {record.uri for record in workspace.all(Used) if by[record.step] == outer}
    assert {uri for uri in used if "://" not in uri} == {"a"}
    assert {record.verdict for record in workspace.all(RunEnded)} == {"complete"}


def test_runs_beside_each_other_keep_to_what_each_of_them_did(workspace: Workspace) -> None:
    root = workspace.root
    for name in ("a", "x"):
        (root / name).write_text(name)
    for name in ("go", "come"):
        os.mkfifo(root / name)
    one = workspace.start("sh", "-c", "cat a > b; read line < go; cat x > y; echo > come")
    until(lambda: (root / "b").exists() and bool((root / "b").read_text()))
    two = workspace.start("sh", "-c", "cat b > c; echo > go; read line < come; cat y c > d")
    assert (one.wait(60), two.wait(60)) == (0, 0)
    assert lineage(workspace, "d") == {"y", "x", "c", "b", "a"}
    assert lineage(workspace, "y") == {"x"}
    runs = {record.run for record in workspace.all(StepSeen)}
    assert len(runs) == 2
    by = {record.step: record.run for record in workspace.all(StepSeen)}
    makers = {name: by[record.step] for name, record in workspace.generated().items()}
    assert makers["b"] == makers["y"] != makers["c"] == makers["d"]
    assert {record.verdict for record in workspace.all(RunEnded)} == {"complete"}


def test_runs_that_a_pipe_joins_join_up(workspace: Workspace) -> None:
    for name in ("a", "b", "c"):
        (workspace.root / name).write_text(f"{name}\n")
    wait = "while [ ! -e {} ]; do sleep 0.02; done".format
    first = workspace.shell("sh", "-c", f"{wait('second')}; cat a")
    second = workspace.shell("sh", "-c", f"{wait('third')}; : > second; tee copy; cat b")
    third = workspace.shell("sh", "-c", ": > third; sort -o out; cat c")
    done = subprocess.run(
        f"{first} | {second} | {third}",
        shell=True,
        check=True,
        capture_output=True,
        text=True,
        cwd=workspace.root,
        env=workspace.environment,
        timeout=120,
    )
    assert (done.stdout, (workspace.root / "out").read_text()) == ("c\n", "a\nb\n")
    assert len({record.run for record in workspace.all(RunStarted)}) == 3
    found = {name: lineage(workspace, name) for name in ("copy", "out")}
    files = {name: {uri for uri in uris if "://" not in uri} for name, uris in found.items()}
    assert files == {"copy": {"a"}, "out": {"a", "b"}}
    assert all(uri.startswith("pipe://") for uri in found["out"] - files["out"])
    gaps = [record.gaps for record in workspace.all(RunEnded)]
    assert sorted(gaps) == [[], [given.GAP], [given.GAP]]
    # Who reads the last one's output is no run, so it made nothing of it.
    made = {name.uri for record in workspace.all(Generated) for name in record.names}
    assert len([uri for uri in made if uri.startswith("pipe://")]) == 2


UNSEEN = "input through a FIFO that nobody in the run writes to not seen"


def files_of(workspace: Workspace, name: str) -> set[str]:
    return {uri for uri in lineage(workspace, name) if "://" not in uri}


def in_shell(workspace: Workspace, script: str) -> None:
    subprocess.run(
        ["bash", "-c", script],
        check=True,
        cwd=workspace.root,
        env=workspace.environment,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


BESIDE = {
    "two writers": ("({a} & {b}; wait) | {out}", {"out": {"a", "b"}}),
    "one after the other": ("({a}; {b}) | {out}", {"out": {"a", "b"}}),
    "two readers": ("{a} | ({head}; {out})", {"head": {"a"}, "out": {"a"}}),
    "two of each": ("({a}; {b}) | ({head}; {out})", {"out": {"a", "b"}}),
    "substituted": ("{out} <({a}; {b})", {"out": {"a", "b"}}),
    "with a run around": ("{around} | {out}", {"out": {"a", "b", "c"}}),
}


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("how", BESIDE)
def test_runs_side_by_side_at_one_end_of_a_pipe_are_all_joined(
    workspace: Workspace, how: str, within: bool
) -> None:
    for name in ("a", "b", "c"):
        (workspace.root / name).write_text(f"{name}\n")
    wait = "while [ ! -e begun ]; do sleep 0.02; done; {}".format
    begun = ': > begun; exec sort -o out "$@"' if how != "substituted" else SUBSTITUTED
    a, b = (workspace.shell("sh", "-c", wait(f"cat {name} {name}")) for name in "ab")
    words = {
        "a": a,
        "b": b,
        "head": workspace.shell("sh", "-c", ": > begun; read x; echo $x > head"),
        "out": workspace.shell("sh", "-c", begun, "sh"),
        "around": workspace.shell("sh", "-c", f"{a}; {b}; cat c"),
    }
    script, origins = BESIDE[how]
    whole = script.format(**words)
    in_shell(workspace, workspace.shell("bash", "-c", whole) if within else whole)
    assert {name: files_of(workspace, name) for name in origins} == origins


SUBSTITUTED = 'exec 3< "$1"; : > begun; exec sort -o out <&3'


def gaps_by_command(workspace: Workspace) -> dict[str, list[str]]:
    commands = {record.run: record.argv[-1] for record in workspace.all(RunStarted)}
    return {commands[record.run]: record.gaps for record in workspace.all(RunEnded)}


@pytest.mark.parametrize("backend", ["auto", "preload", "ptrace"])
def test_runs_that_open_a_fifo_by_its_name_join_up(workspace: Workspace, backend: str) -> None:
    """The second pair takes the same one, and has nothing to do with what went through it before."""
    for name in ("a", "b"):
        (workspace.root / name).write_text(f"{name}\n")
    os.mkfifo(workspace.root / "fifo")
    how = ("run", "--backend", backend, "--", "sh", "-c")
    own = [shlex.join([*workspace.provgraph, *how, f"cat {n} > fifo"]) for n in "ab"]
    other = [shlex.join([*workspace.provgraph, *how, f"sort < fifo > {n}"]) for n in "xy"]
    for number in (0, 1):
        in_shell(workspace, f"{own[number]} & {other[number]}; wait")
    assert (workspace.root / "y").read_text() == "b\n"
    assert (files_of(workspace, "x"), files_of(workspace, "y")) == ({"a"}, {"b"})
    assert all(gaps == [] for gaps in gaps_by_command(workspace).values())


def test_a_fifo_that_no_run_writes_to_stays_a_gap(workspace: Workspace) -> None:
    """Even where another run had written to it before."""
    for name in ("a", "b"):
        (workspace.root / name).write_text(f"{name}\n")
    os.mkfifo(workspace.root / "fifo")
    first, second = (workspace.shell("sh", "-c", f"sort < fifo > {name}") for name in "xy")
    in_shell(workspace, f"{workspace.shell('sh', '-c', 'cat a > fifo')} & {first}; wait")
    in_shell(workspace, f"cat b > fifo & {second}; wait")
    assert (files_of(workspace, "x"), files_of(workspace, "y")) == ({"a"}, set())
    gaps = gaps_by_command(workspace)
    assert (gaps["sort < fifo > x"], gaps["sort < fifo > y"]) == ([], [UNSEEN])


def test_who_writes_to_a_fifo_beside_a_run_and_has_it_open_still_is_a_gap(
    workspace: Workspace,
) -> None:
    (workspace.root / "a").write_text("a\n")
    os.mkfifo(workspace.root / "fifo")
    wait, begun = "while [ ! -e begun ]; do sleep 0.02; done", "exec 3< fifo; : > begun"
    write = workspace.shell("sh", "-c", f"{wait}; cat a > fifo")
    read = workspace.shell("sh", "-c", f"{begun}; head -n 2 <&3 > out")
    stranger = os.open(workspace.root / "fifo", os.O_RDWR)
    try:
        os.write(stranger, b"b\n")
        in_shell(workspace, f"{write} & {read}; wait")
        assert (workspace.root / "out").read_text() == "b\na\n"
        assert files_of(workspace, "out") == {"a"}
        assert gaps_by_command(workspace)[f"{begun}; head -n 2 <&3 > out"] == [UNSEEN]
    finally:
        os.close(stranger)


FIFOS = {
    "given to read": ("{q} & {b} < fifo; wait", {"a"}, [given.GAP]),
    "given to write": ("{cat} > fifo & {r}; wait", {"a"}, [UNSEEN]),
    "given both": ("{p} > fifo & {b} < fifo; wait", {"a"}, [given.GAP]),
    "two writers": ("{r} & exec 9> fifo; {w}; {v}; exec 9>&-; wait", {"a", "b"}, []),
    "under another name": ("ln fifo link; {l} & {r}; wait", {"a"}, []),
    "kept open": ("{k} & {w}; wait", {"a"}, []),
    "opened for a fork": ("{f} & {r}; wait", {"a"}, []),
    "given for a fork": ("{g} > fifo & {r}; wait", {"a"}, [UNSEEN]),
    "substituted": ("{s} <({c})", {"a"}, [given.GAP]),
    "given when nobody had it": (
        ": > fifo & {n} < fifo & while [ ! -e begun ]; do sleep 0.02; done; {w}; wait",
        {"a"},
        [given.GAP],
    ),
}


@pytest.mark.parametrize("how", FIFOS)
def test_runs_join_up_by_a_fifo_however_they_have_it(workspace: Workspace, how: str) -> None:
    for name in ("a", "b"):
        (workspace.root / name).write_text(f"{name}\n")
    os.mkfifo(workspace.root / "fifo")
    script, origins, gaps = FIFOS[how]
    wait = "while [ ! -e done ]; do sleep 0.02; done"
    begun = "while [ ! -e begun ]; do sleep 0.02; done"  # who ends before that was seen by nobody
    fork = "os.fork() and os.wait() or os.write(end, open('a', 'rb').read())"
    words = {
        "w": ("sh", "-c", "cat a > fifo; : > done"),
        "v": ("sh", "-c", "cat b > fifo"),
        "l": ("sh", "-c", "cat a > link"),
        "r": ("sh", "-c", "sort < fifo > out"),
        "k": ("sh", "-c", f"exec 3< fifo; {wait}; sort <&3 > out"),
        "s": ("sh", "-c", 'exec 3< "$1"; : > done; sort -o out <&3', "sh"),
        "c": ("sh", "-c", f"{wait}; cat a"),
        "n": ("sh", "-c", f": > begun; {wait}; sort -o out"),
        "b": ("sh", "-c", ": > begun; sort -o out"),
        "p": ("sh", "-c", f"{begun}; cat a"),
        "q": ("sh", "-c", f"exec > fifo; {begun}; cat a"),
        "cat": ("cat", "a"),
        "f": (sys.executable, "-S", "-c", f"import os; end = os.open('fifo', 1); {fork}"),
        "g": (sys.executable, "-S", "-c", f"import os; end = os.dup(1); os.close(1); {fork}"),
    }
    in_shell(workspace, script.format(**{n: workspace.shell(*w) for n, w in words.items()}))
    assert (workspace.root / "out").read_text() == "".join(f"{n}\n" for n in sorted(origins))
    assert files_of(workspace, "out") == origins
    assert sorted(gap for all in gaps_by_command(workspace).values() for gap in all) == gaps


@pytest.mark.parametrize("inner", ["writes", "reads", "both"])
def test_a_run_within_a_run_joins_up_with_it_by_a_fifo(workspace: Workspace, inner: str) -> None:
    (workspace.root / "a").write_text("a\n")
    os.mkfifo(workspace.root / "fifo")
    write, read = "cat a > fifo", "sort < fifo > out"
    if inner != "reads":
        write = workspace.shell("sh", "-c", write)
    if inner != "writes":
        read = workspace.shell("sh", "-c", read)
    done = workspace.run("sh", "-c", f"{write} & {read}; wait")
    assert (done.returncode, (workspace.root / "out").read_text()) == (0, "a\n"), done.stderr
    assert files_of(workspace, "out") == {"a"}
    assert {record.verdict for record in workspace.all(RunEnded)} == {"complete"}


MUCH = """
import os, subprocess, sys
for number in range(40_000):
    open("made", "w").close()
spool = os.path.getsize(os.environ["PROVGRAPH_SPOOL"])
subprocess.run([*sys.argv[1:], "cp", "a", "b"], check=True)
print(spool)
"""


def test_a_run_within_one_that_has_done_very_much_is_its_child(workspace: Workspace) -> None:
    (workspace.root / "a").write_text("x")
    (workspace.root / "much.py").write_text(MUCH)
    begin = shlex.split(workspace.shell())
    done = workspace.run(sys.executable, "much.py", *begin)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 8 * 1024 * 1024
    started = {record.argv[0]: record for record in workspace.all(RunStarted)}
    steps = {record.step: record.run for record in workspace.all(StepSeen)}
    assert steps[started["cp"].parent] == started[sys.executable].run


BY_PYTHON = """
import subprocess, sys
said = subprocess.run([*sys.argv[1:], "cat", "a"], capture_output=True, check=True).stdout
open("out", "wb").write(said)
"""


@pytest.mark.parametrize("how", ["from", "into", "substituted", "by Python", "both", "in turn"])
def test_a_run_within_a_run_joins_up_with_it_by_pipes(workspace: Workspace, how: str) -> None:
    for name in ("a", "b"):
        (workspace.root / name).write_text(f"{name}\n")
    (workspace.root / "by.py").write_text(BY_PYTHON)
    cat, sort = workspace.shell("cat", "a"), workspace.shell("sort", "-o", "out")
    script = {
        "from": f"{cat} | sort -o out",
        "into": f"cat a | {sort}",
        "substituted": f"said=$({cat}); echo $said > out",
        "by Python": f"{sys.executable} by.py {workspace.shell()}",
        "both": f"{cat} | {sort}",
        "in turn": f"{{ {cat}; {workspace.shell('cat', 'empty')}; }} | sort -o out",
    }
    (workspace.root / "empty").write_text("")
    done = workspace.run("sh", "-c", f"cat b; {script[how]}")
    assert (done.returncode, (workspace.root / "out").read_text()) == (0, "a\n"), done.stderr
    origins = lineage(workspace, "out")
    assert "a" in origins
    assert {uri for uri in origins if uri.startswith("pipe://")}


INTO_A_FILE = """
import subprocess, sys
with open("out", "w") as file:
    subprocess.run([*sys.argv[1:], "cat", "a"], stdout=file, check=True)
"""


@pytest.mark.parametrize("how", ["shell", "Python"])
def test_a_file_that_a_run_within_a_run_was_given_comes_from_what_that_read(
    workspace: Workspace, how: str
) -> None:
    (workspace.root / "a").write_text("x")
    (workspace.root / "into.py").write_text(INTO_A_FILE)
    by_python = shlex.join([sys.executable, "into.py"])
    script = {
        "shell": f"{workspace.shell('cat', 'a')} > out",
        "Python": f"{by_python} {workspace.shell()}",
    }
    done = workspace.run("sh", "-c", script[how])
    assert (done.returncode, (workspace.root / "out").read_text()) == (0, "x"), done.stderr
    assert "a" in lineage(workspace, "out")
    assert {record.verdict for record in workspace.all(RunEnded)} == {"complete"}


SERVER = """
import os, socket, sys
family, at = (socket.AF_UNIX, "socket") if sys.argv[1] == "local" else (socket.AF_INET, ("127.0.0.1", 0))
own = socket.socket(family)
own.bind(at)
own.listen()
with open("where.new", "w") as file:
    file.write(repr(own.getsockname()))
os.rename("where.new", "where")
for name in "01":
    client, _ = own.accept()
    asked = client.recv(9)
    client.send(open("model" + name, "rb").read())
    open("log" + name, "wb").write(asked)
    client.close()
"""
CLIENT = """
import socket, sys
at, name = eval(open("where").read()), sys.argv[1]
open("before" + name, "w").write("x")
own = socket.socket(socket.AF_UNIX if isinstance(at, str) else socket.AF_INET)
own.connect(at)
own.send(open("ask" + name, "rb").read())
open("answer" + name, "wb").write(own.recv(9))
"""


@pytest.mark.parametrize("family", ["network", "local"])
def test_a_server_and_its_clients_in_runs_of_their_own_are_joined_in_any_order(
    workspace: Workspace, family: str, tmp_path: Path
) -> None:
    root = workspace.root
    for name in ("model0", "model1", "ask0", "ask1"):
        (root / name).write_text(name)
    (root / "server.py").write_text(SERVER)
    (root / "client.py").write_text(CLIENT)
    server = workspace.start(sys.executable, "-S", "server.py", family)
    until(lambda: (root / "where").exists())
    for name in "01":
        done = workspace.run(sys.executable, "-S", "client.py", name)
        assert done.returncode == 0, done.stderr
    assert server.wait(60) == 0
    ended = workspace.all(RunEnded)
    assert {record.verdict for record in ended} == {"incomplete"}
    assert all("not seen" in gap for record in ended for gap in record.gaps)
    journal = workspace.project.journal
    segments = sorted(journal.glob("*.segment"))
    assert len(segments) == 3
    found = []
    for turn in range(3):
        shutil.rmtree(away := tmp_path / "away", ignore_errors=True)
        away.mkdir()
        for segment in segments:
            segment.rename(away / segment.name)
        for store in root.glob(".provgraph/graph.db*"):
            store.unlink()
        for segment in segments[turn:] + segments[:turn]:
            (away / segment.name).rename(segment)
            lineage(workspace, "server.py")
        names = ("answer0", "log0", "answer1", "before1")
        found.append([{n for n in lineage(workspace, name) if "://" not in n} for name in names])
    files = {"server.py", "client.py", "where"}
    assert found[0] == [
        {*files, "model0", "ask0"},
        {*files, "model0", "ask0"},
        {*files, "model0", "model1", "ask0", "ask1"},
        {*files},
    ]
    assert found[0] == found[1] == found[2]


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_a_run_in_a_window_of_tmux_outlives_who_opened_it(
    workspace: Workspace, tmp_path: Path
) -> None:
    (workspace.root / "a").write_text("x")
    server = ["tmux", "-S", str(tmp_path / "socket"), "-f", "/dev/null"]
    command = workspace.shell("cp", "a", "b")
    try:
        subprocess.run(
            [
                *server,
                "new-session",
                "-d",
                f"{command}; echo $? > {shlex.quote(str(tmp_path))}/done",
            ],
            cwd=workspace.root,
            env=workspace.environment,
            check=True,
        )
        until(lambda: (tmp_path / "done").exists() and bool((tmp_path / "done").read_text()))
    finally:
        subprocess.run([*server, "kill-server"], check=False, capture_output=True)
    assert (tmp_path / "done").read_text() == "0\n"
    assert lineage(workspace, "b") == {"a"}
    assert workspace.ended.verdict == "complete"


def test_nohup_lets_a_run_go_on_when_its_terminal_is_gone(workspace: Workspace) -> None:
    (workspace.root / "a").write_text("x")
    wait = "while [ ! -e ../go ]; do sleep 0.02; done"
    words = workspace.shell("sh", "-c", f"echo > begun; {wait}; cat a > b")
    script = f"nohup {words} > /dev/null 2>&1 & echo $!"
    started = subprocess.run(
        ["sh", "-c", script],
        cwd=workspace.root,
        env=workspace.environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    until((workspace.root / "begun").exists)
    os.kill(int(started.stdout), 1)  # what the terminal would send; the program ignores it, too
    (workspace.root.parent / "go").touch()
    until(lambda: any(isinstance(r, RunEnded) for r in workspace.records()))
    assert lineage(workspace, "b") == {"a"}
    assert (workspace.ended.exit, workspace.ended.verdict) == (0, "complete")


def test_with_no_more_of_an_environment_than_cron_gives(workspace: Workspace) -> None:
    """cron itself starts a job at the next full minute, which is not waited for here."""
    (workspace.root / "a").write_text("x")
    bare = {"HOME": os.environ["HOME"], "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin", "LOGNAME": "x"}
    line = f"cd {shlex.quote(str(workspace.root))} && {workspace.shell('cp', 'a', 'b')}"
    subprocess.run(["/bin/sh", "-c", line], cwd="/", env=bare, stdin=subprocess.DEVNULL, check=True)
    assert lineage(workspace, "b") == {"a"}
    assert workspace.ended.verdict == "complete"


@pytest.mark.skipif(shutil.which("mpirun") is None, reason="mpirun is not installed")
def test_the_ranks_of_mpirun_are_steps_of_one_run(workspace: Workspace) -> None:
    for rank in range(3):
        (workspace.root / f"in{rank}").write_text(str(rank))
    own = "$OMPI_COMM_WORLD_RANK"
    done = workspace.run(
        "mpirun",
        *("--allow-run-as-root", "--oversubscribe", "--stdin", "none", "-np", "3"),
        *("sh", "-c", f"cat in{own} > out{own}"),
    )
    assert done.returncode == 0, done.stderr
    for number in range(3):
        assert lineage(workspace, f"out{number}") == {f"in{number}"}


def test_python_m_provgraph_runs_a_script_under_full_capture(tmp_path: Path) -> None:
    workspace = Workspace(create_project(tmp_path), environment())
    (tmp_path / "copy.py").write_text(
        "import sys\nopen(sys.argv[2], 'w').write(open(sys.argv[1]).read())\nsys.exit(3)\n"
    )
    (tmp_path / "a").write_text("x")
    words = [sys.executable, "-m", "provgraph", "copy.py", "a", "b"]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), check=False)
    assert done.returncode == 3
    assert workspace.started.argv == [sys.executable, "copy.py", "a", "b"]
    assert lineage(workspace, "b") == {"copy.py", "a"}
    assert (workspace.ended.exit, workspace.ended.gaps) == (3, [])


ALONE = ["unshare", "--pid", "--fork", "--mount-proc"]


def test_as_the_first_process_of_a_container(workspace: Workspace, tmp_path: Path) -> None:
    """Its orphans are reaped, its signals passed on, and what they did is recorded."""
    if subprocess.run([*ALONE, "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs `unshare` and the right to make process namespaces")
    root = workspace.root
    (root / "a").write_text("x")
    (root / "work.sh").write_text(
        "trap 'cat a > b; exit 5' TERM\n"
        "(sh -c 'echo $$ > orphan.new; mv orphan.new orphan' &)\n"
        "while [ ! -e orphan ]; do sleep 0.05; done\n"
        "while [ -e /proc/$(cat orphan) ]; do sleep 0.05; done\n"
        "echo > up\n"
        "while :; do sleep 0.05; done\n"
    )
    shown = re.search(r"^ENTRYPOINT (\[.*\])$", (ROOT / PAGE).read_text("utf-8"), re.MULTILINE)
    assert shown, f"{PAGE} has an image's entry point"
    command = [*ALONE, *json.loads(shown[1]), "sh", "work.sh"]
    process = subprocess.Popen(command, cwd=root, env=with_commands(workspace, tmp_path))
    until((root / "up").exists)
    (first,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(first), signal.SIGTERM)
    assert process.wait(60) == 5
    assert lineage(workspace, "b") == {"a"}
    assert (workspace.ended.exit, workspace.ended.verdict) == (5, "complete")


SRUN = """#!/bin/sh
# As Slurm's: each task of `srun --ntasks=2 COMMAND` on a host of its own, which shares this folder.
shift
for task in 0 1; do
    echo node${task}000-0000 > $PWD.boot$task
    SLURM_PROCID=$task unshare --uts --mount sh -c '
        hostname node$SLURM_PROCID
        mount --bind "$PWD.boot$SLURM_PROCID" /proc/sys/kernel/random/boot_id
        exec "$@"' sh "$@" &
done
wait
"""


def hosts_can_be_made() -> None:
    alone = ["unshare", "--uts", "--mount", "true"]
    if subprocess.run(alone, check=False, capture_output=True).returncode:
        pytest.skip("needs `unshare` and the right to make namespaces")


def test_what_crosses_hosts_is_joined_by_the_folder_that_they_share(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Hosts stand in for each other by their names and boots; Slurm itself was tried by hand."""
    hosts_can_be_made()
    root, srun = workspace.root, tmp_path / "srun"
    srun.write_text(SRUN)
    srun.chmod(0o755)
    local = tmp_path / "local"
    for name in ("in0", "in1"):
        (root / name).write_text(name)
    local.write_text("the same path, of either host")
    run = shlex.join([*workspace.provgraph, "run", "--tag"])
    rank = (
        f'exec {run} rank=$SLURM_PROCID -- sh -c "cat in$SLURM_PROCID {local} > part$SLURM_PROCID"'
    )
    subprocess.run(
        [srun, "--ntasks=2", "sh", "-c", rank], cwd=root, env=workspace.environment, check=True
    )
    assert {record.when.host for record in workspace.all(RunStarted)} == {"node0", "node1"}
    assert len({record.when.boot for record in workspace.all(RunStarted)}) == 2
    gather = f'test $SLURM_PROCID = 0 || exec {run} all=1 -- sh -c "cat part0 part1 > all"'
    subprocess.run(
        [srun, "--ntasks=2", "sh", "-c", gather], cwd=root, env=workspace.environment, check=True
    )
    assert {record.verdict for record in workspace.all(RunEnded)} == {"complete"}
    locals = {f"file://node{number}{local}" for number in (0, 1)}
    assert lineage(workspace, "all") == {"part0", "part1", "in0", "in1", *locals}
    assert lineage(workspace, "part0") == {"in0", f"file://node0{local}"}


@pytest.mark.skipif(shutil.which("mpirun") is None, reason="mpirun is not installed")
def test_what_the_page_says_of_hosts_records_each_rank(
    workspace: Workspace, tmp_path: Path
) -> None:
    hosts_can_be_made()
    root = workspace.root
    (root / "hosts").write_text("localhost slots=2\n")
    (root / "train.py").write_text(
        "import os\n"
        "rank = os.environ.get('OMPI_COMM_WORLD_RANK') or 'task' + os.environ['SLURM_PROCID']\n"
        "open(f'model{rank}', 'w').write(open(f'in{rank}').read())\n"
    )
    ranks = ("0", "1", "task0", "task1")
    for rank in ranks:
        (root / f"in{rank}").write_text(rank)
    environment = with_commands(workspace, tmp_path, srun=SRUN)
    environment |= dict.fromkeys(("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"), "1")
    (block,) = left_to(__file__, PAGE, "sh")
    subprocess.run(["sh", "-ec", block], cwd=root, env=environment, check=True)
    for rank in ranks:
        origins = lineage(
            workspace, f"model{rank}"
        )  # whether its input was read is not always sure
        assert {uri for uri in origins if "://" not in uri} == {f"in{rank}", "train.py"}
    tags = {str(record.properties.get("tag.rank")) for record in workspace.all(RunEnded)}
    assert tags == {"0", "1", "None"}
