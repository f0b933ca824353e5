"""A captured program cannot tell that it is captured, and neither can the shell that waits for it."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from capture.disks import mounted
from capture.workspace import Workspace

from provgraph.config import find_project, prepare_state
from provgraph.ingest.capture.recover import KILLED
from provgraph.model.journal import read_segment, segments
from provgraph.model.records import Generated, RunEnded, RunStarted

HEAVY = {"click", "pydantic", "apsw", "networkx", "rich", "lark", "subprocess", "tomllib", "numpy"}


def until(found: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    while not found():
        time.sleep(0.01)


def python(workspace: Workspace, text: str) -> str:
    """A program of the project, in Python."""
    path = Path(workspace.root) / "program.py"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("status", [0, 1, 3, 126, 127, 255])
def test_the_exit_status_is_the_program_s_own(workspace: Workspace, status: int) -> None:
    done = workspace.run("sh", "-c", f"exit {status}")
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")
    assert (workspace.ended.exit, workspace.ended.signal) == (status, "")


def test_standard_streams_are_the_program_s_own(workspace: Workspace) -> None:
    done = workspace.run("sh", "-c", "cat; echo error >&2", input="given")
    assert (done.returncode, done.stdout, done.stderr) == (0, "given", "error\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_stay_closed(workspace: Workspace, closed: str) -> None:
    script = "ls -l /proc/self/fd > fds; exit 7"
    words = workspace.shell("sh", "-c", script)
    done = subprocess.run(
        ["sh", "-c", f"{words} {closed}"],
        cwd=workspace.root,
        env=workspace.environment,
        check=False,
    )
    assert done.returncode == 7
    assert workspace.ended.exit == 7


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        (["no-such-program"], 127, "provgraph: command not found: no-such-program\n"),
        (["./missing"], 127, "provgraph: command not found: ./missing\n"),
        (["./plain"], 126, "provgraph: cannot execute ./plain: Permission denied\n"),
        (["./"], 126, "provgraph: cannot execute ./: Is a directory\n"),
        (["./orphan"], 127, "provgraph: cannot execute ./orphan: No such file or directory\n"),
    ],
)
def test_a_program_that_cannot_be_started_is_said_as_a_shell_would_and_recorded(
    workspace: Workspace, argv: list[str], status: int, message: str
) -> None:
    (workspace.root / "plain").write_text("x")
    (workspace.root / "orphan").write_text("#!/no/such/interpreter\n")
    (workspace.root / "orphan").chmod(0o755)
    done = workspace.run(*argv)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", message)
    assert workspace.ended.exit == status
    assert workspace.started.argv == argv
    assert workspace.spools() == []


def test_a_script_without_an_interpreter_is_the_shell_s(workspace: Workspace) -> None:
    (workspace.root / "script").write_text("echo $0 $1\n")
    (workspace.root / "script").chmod(0o755)
    assert workspace.run("./script", "a").stdout == "./script a\n"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGINT", "SIGSEGV", "SIGABRT", "SIGPIPE"])
def test_a_signal_that_ends_the_program_ends_the_runner_too(
    workspace: Workspace, name: str
) -> None:
    done = workspace.run("sh", "-c", f"kill -{name[3:]} $$")
    assert done.returncode == -signal.Signals[name]
    assert (workspace.ended.exit, workspace.ended.signal) == (None, name)
    assert not [path for path in workspace.root.iterdir() if path.name.startswith("core")]


def test_so_does_a_signal_without_a_name_of_its_own(workspace: Workspace) -> None:
    number = signal.SIGRTMIN + 6
    done = workspace.run("sh", "-c", f"echo a > out; kill -{number} $$")
    assert done.returncode == -number
    assert "Traceback" not in done.stderr
    assert (workspace.ended.exit, workspace.ended.signal) == (None, "SIGRTMIN+6")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGINT", "SIGQUIT", "SIGRTMIN"])
def test_a_signal_sent_to_the_runner_reaches_the_program(workspace: Workspace, name: str) -> None:
    program = python(
        workspace,
        "import signal, sys\n"
        f"signal.signal(signal.{name}, lambda *_: sys.exit(42))\n"
        "open('ready', 'w').close()\n"
        "while True: signal.pause()\n",
    )
    process = workspace.start(sys.executable, program)
    until((workspace.root / "ready").exists)
    process.send_signal(signal.Signals[name])
    assert process.wait() == 42
    assert workspace.ended.exit == 42


def test_signals_that_were_ignored_stay_ignored_and_no_other_is(workspace: Workspace) -> None:
    show = "grep -E 'SigBlk|SigIgn|SigCgt' /proc/self/status"
    plain = subprocess.run(
        ["sh", "-c", f"trap '' HUP USR1; exec {show}"], capture_output=True, text=True, check=True
    )
    words = workspace.shell("sh", "-c", show)
    captured = subprocess.run(
        ["sh", "-c", f"trap '' HUP USR1; exec {words}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=workspace.root,
        env=workspace.environment,
    )

    def masks(shown: str) -> list[int]:
        # glibc's posix_spawn ignores 32 and 33, which are its own; whoever uses them sets them.
        return [int(word, 16) & ~(0b11 << 31) for word in shown.split()[1::2]]

    assert masks(captured.stdout) == masks(plain.stdout)


def test_the_program_is_in_the_runner_s_process_group_and_session(workspace: Workspace) -> None:
    program = python(
        workspace, "import os\nprint(os.getpgid(0), os.getsid(0), os.getpgid(os.getppid()))"
    )
    group, session, parents = workspace.run(sys.executable, program).stdout.split()
    assert int(session) == os.getsid(0)
    assert group == parents


def test_open_files_are_inherited_and_none_of_ours_are(workspace: Workspace) -> None:
    program = python(workspace, "import os; print(os.listdir('/proc/self/fd'))")
    reading, writing = os.pipe()
    plain = subprocess.run(
        [sys.executable, program], pass_fds=[writing], capture_output=True, text=True, check=True
    )
    captured = workspace.run(sys.executable, program, pass_fds=[writing])
    os.close(reading)
    os.close(writing)
    assert captured.stdout == plain.stdout


def test_the_environment_holds_only_what_capture_needs_besides(workspace: Workspace) -> None:
    seen = workspace.run("env", "-0").stdout.split("\0")
    there = {entry.partition("=")[0] for entry in seen if entry}
    added = there - set(workspace.environment) - {"LC_CTYPE", "_"}
    assert added == {"LD_PRELOAD", "PYTHONPATH", "ASAN_OPTIONS", "PROVGRAPH_SPOOL"}


class Terminal:
    """A shell with job control on a terminal of its own."""

    def __init__(self, workspace: Workspace) -> None:
        self.shown = b""
        self.pid, self.screen = pty.fork()
        if self.pid == 0:
            os.chdir(workspace.root)
            env = {**workspace.environment, "PS1": "$ ", "HISTFILE": "/dev/null"}
            os.execve("/bin/bash", ["bash", "--norc", "--noediting", "-i"], env)

    def type(self, text: str) -> None:
        os.write(self.screen, text.encode())

    def expect(self, pattern: str) -> str:
        while not (found := re.search(pattern.encode(), self.shown)):
            ready, _, _ = select.select([self.screen], [], [], 60)
            assert ready, f"no {pattern} in {self.shown!r}"
            self.shown += os.read(self.screen, 65536)
        self.shown = self.shown[found.end() :]
        return found[0].decode()

    def close(self) -> None:
        os.close(self.screen)
        os.waitpid(self.pid, 0)


@pytest.fixture
def terminal(workspace: Workspace) -> Terminal:
    if not Path("/bin/bash").exists():
        pytest.skip("needs bash")
    return Terminal(workspace)


COUNTING = """
import signal, sys, time
count = []
signal.signal(signal.SIGINT, lambda *_: count.append(1))
print("ready", flush=True)
while not count: time.sleep(0.01)
time.sleep(0.3)
print("interrupts:", len(count), flush=True)
sys.exit(5)
"""


def test_control_c_reaches_the_program_once(workspace: Workspace, terminal: Terminal) -> None:
    program = python(workspace, COUNTING)
    words = workspace.shell(sys.executable, program)
    terminal.type(f"{words}; echo status $?\n")
    terminal.expect("ready\r\n")
    terminal.type("\x03")
    assert terminal.expect(r"interrupts: \d+") == "interrupts: 1"
    terminal.expect("status 5")
    terminal.type("exit\n")
    terminal.close()
    assert workspace.ended.exit == 5


def test_control_z_stops_and_fg_goes_on(workspace: Workspace, terminal: Terminal) -> None:
    program = python(workspace, "print('ready', flush=True); print('got', input(), flush=True)")
    words = workspace.shell(sys.executable, program)
    terminal.type(f"{words}\n")
    terminal.expect("ready\r\n")
    terminal.type("\x1a")
    terminal.expect(r"Stopped.*\r\n\$ ")
    terminal.type("echo between\n")
    terminal.expect(r"\nbetween\r\n\$ ")
    terminal.type("fg\n")
    terminal.expect("program.py\r\n")
    terminal.type("a line\n")
    terminal.expect("got a line\r\n\\$ ")
    terminal.type("echo status $?\n")
    terminal.expect("status 0")
    terminal.type("exit\n")
    terminal.close()
    assert workspace.ended.exit == 0


@pytest.mark.parametrize("block", [".provgraph", "provgraph-journal"])
def test_where_nothing_can_be_recorded_the_program_runs_all_the_same(
    workspace: Workspace, block: str
) -> None:
    shutil.rmtree(workspace.project.state)
    if block == ".provgraph":
        workspace.project.state.write_text("in the way")
    else:
        workspace.project.state.mkdir()
        workspace.project.journal.write_text("in the way")
    done = workspace.run("sh", "-c", "echo out; exit 3")
    assert (done.returncode, done.stdout) == (3, "out\n")
    assert re.fullmatch(r"provgraph: not recorded: .*\n", done.stderr)


def test_a_full_disk_costs_the_record_and_not_the_program(workspace: Workspace) -> None:
    # A limit of no bytes a file refuses every write as a full disk does.
    words = workspace.shell("sh", "-c", "echo out; exit 3")
    done = subprocess.run(
        ["sh", "-c", f"ulimit -f 0; {words}"],
        cwd=workspace.root,
        env=workspace.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "out\n")
    assert done.stderr.startswith("provgraph: ")
    assert workspace.spools() == []


@pytest.fixture
def small_disk(workspace: Workspace) -> Iterator[Path]:
    """A file system of 8 MiB for all that is kept of the project's runs."""
    folder = workspace.project.state
    folder.mkdir(mode=0o700, exist_ok=True)
    with mounted(folder, 8):
        prepare_state(workspace.project)
        yield folder


FILLS = """
import sys
open("before", "w").write("x")
try:
    with open(".provgraph/fill", "wb", 0) as fill:
        for size in 1 << 20, 4096, 512, 1:
            try:
                while fill.write(bytes(size)) == size:
                    pass
            except OSError:
                pass
except OSError:
    pass
for number in range(6000):
    open(f"made-{number}", "w").close()
    open(f"made-{number}").close()
print("said")
sys.exit(3)
"""


def test_what_was_seen_before_the_disk_was_full_and_how_the_run_ended_are_kept(
    workspace: Workspace, small_disk: Path
) -> None:
    done = workspace.run(sys.executable, "-c", FILLS)
    assert (done.returncode, done.stdout) == (3, "said\n"), done.stderr
    (small_disk / "fill").unlink()
    assert {"before", "made-0"} <= workspace.generated().keys()
    assert (workspace.ended.verdict, workspace.ended.exit) == ("incomplete", 3)
    assert "spool full" in workspace.ended.gaps
    assert KILLED not in workspace.ended.gaps
    journal = segments(workspace.project.journal)
    assert {read_segment(path).condition for path in journal} <= {"whole", "open"}
    assert workspace.spools() == []


def test_a_run_that_there_is_no_room_to_begin_leaves_no_run_without_an_end(
    workspace: Workspace, small_disk: Path
) -> None:
    assert workspace.run("true").returncode == 0
    assert len(workspace.all(RunEnded)) == 1
    subprocess.run(["mount", "-o", "remount,nr_inodes=25", small_disk], check=True)
    for number in range(25):
        with suppress(OSError):
            (small_disk / f"fill-{number}").touch()
    for spare in range(7):  # each stage of making a recording finds no room
        (small_disk / f"fill-{spare}").unlink(missing_ok=True)
        done = workspace.run("sh", "-c", "echo out; exit 3")
        assert (done.returncode, done.stdout) == (3, "out\n"), done.stderr
    for path in small_disk.glob("fill-*"):
        path.unlink()
    started = {record.run for record in workspace.all(RunStarted)}
    assert started == {record.run for record in workspace.all(RunEnded)}
    assert workspace.spools() == []


def test_a_project_that_is_moved_away_takes_what_was_seen_along(workspace: Workspace) -> None:
    elsewhere = workspace.root.with_name("elsewhere")
    script = f"echo one > one; mv {workspace.root} {elsewhere}; echo two > two; exit 3"
    assert workspace.run("sh", "-c", script).returncode == 3
    project = find_project(elsewhere)
    assert project is not None
    moved = Workspace(project, workspace.environment)
    names = {record.names[0].uri.rpartition("/")[2] for record in moved.all(Generated)}
    assert {"one", "two"} <= names
    assert moved.ended.exit == 3


def test_a_recording_that_is_removed_with_its_project_is_said_to_be_gone(
    workspace: Workspace,
) -> None:
    done = workspace.run("sh", "-c", f"rm -r {workspace.root}; echo out; exit 3")
    assert (done.returncode, done.stdout) == (3, "out\n")
    assert "its recording was removed" in done.stderr


def test_without_a_compiler_changes_are_still_seen_and_the_gap_is_said(
    workspace: Workspace, tmp_path: Path
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "git", "cp"):
        (tools / name).symlink_to(str(shutil.which(name)))
    env = {**workspace.environment, "PATH": str(tools), "XDG_CACHE_HOME": str(tmp_path / "none")}
    python(workspace, "open('made', 'w').write('x')")
    done = workspace.run(sys.executable, "program.py", env=env)
    assert done.returncode == 0
    if workspace.started.backend == "preload":
        pytest.skip("this installation brings the shim built")
    assert "no C compiler" in done.stderr
    assert workspace.ended.verdict == "incomplete"
    assert any("no C compiler" in gap for gap in workspace.ended.gaps)
    assert workspace.generated()["made"].attributed is False


def test_the_way_to_the_program_imports_nothing_heavy(workspace: Workspace) -> None:
    text = (
        "from pathlib import Path\n"
        "from provgraph.config import find_project\n"
        "from provgraph.ingest.capture.runner import run\n"
        "run(['true'], find_project(Path('.')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", text],
        cwd=workspace.root,
        env=workspace.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "provgraph.ingest.capture.runner" in imported
    assert not {name for name in imported if name.partition(".")[0] in HEAVY}
    assert workspace.ended.exit == 0


ENDING_MEANWHILE = """
import os
from provgraph.ingest.capture.program import Program

program = Program("/bin/sh", ["sh", "-c", "exit 3"], os.environ)

def hashing():
    while program.status is None:
        program.attend(0.01)
    return 0.0

raise SystemExit(program.wait(hashing))
"""


def test_the_exit_status_stays_where_the_end_is_seen_while_something_is_hashed() -> None:
    # A process of its own: a thread that another part of the suite left here might take the signal.
    done = subprocess.run([sys.executable, "-c", ENDING_MEANWHILE], check=False, timeout=100)
    assert done.returncode == 3
