"""Of a run with very many events, is the memory of Python's runner bounded, and does it tell the same?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from blake3 import blake3
from capture.workspace import Workspace

from provgraph.model.records import Generated, Invalidated, StepSeen, Used

RUNNER = """
import sys
from pathlib import Path
from provgraph.config import find_project
from provgraph.ingest.capture import hashing, put_away, runner, spool
from provgraph.ingest.capture.assemble import known, phases, report

def peak():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])

{limits}
status = runner.run(sys.argv[1:], find_project(Path(".")))
print("peak", peak())
sys.exit(status)
"""
LITTLE = """
spool.MOST_HELD = hashing.MOST_KNOWN = known.MOST = phases.MANY = report._MANY = 100
put_away.CACHE = 256
"""
MANY = """
import os, sys
os.chdir(sys.argv[1])
for i in range(int(sys.argv[2])):
    for mode, text in (("wb", b"%d" % i), ("rb", b"")):
        with open(f"made{i}", mode, 0) as file:
            file.write(text) if text else file.read()
"""
EVENTS_A_FILE = 4


def run(workspace: Workspace, limits: str, *argv: str | Path) -> subprocess.CompletedProcess[str]:
    """Python's runner, with other limits than its own."""
    return subprocess.run(
        [sys.executable, "-c", RUNNER.format(limits=limits), *argv],
        cwd=workspace.root,
        env=workspace.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def python_workspace(native_workspace: Workspace) -> Workspace:
    return Workspace(native_workspace.project, native_workspace.environment)


def test_its_memory_does_not_grow_with_the_events(
    python_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    peaks = []
    for files in (2_000, 10_000):
        folder = tmp_path_factory.mktemp("beside")  # the project's own tree is looked at, and known
        done = run(python_workspace, LITTLE, sys.executable, "-c", MANY, str(folder), str(files))
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout.split()[-1]) * 1024)
        made = [
            record
            for record in python_workspace.all(Generated)
            if str(folder) in record.names[-1].uri
        ]
        assert len(made) == files
        wanted = {blake3(b"%d" % number).hexdigest() for number in range(files)}
        assert {record.content.digest.removeprefix("blake3:") for record in made} == wanted
        assert python_workspace.ended.verdict == "complete", python_workspace.ended.gaps
    more = (10_000 - 2_000) * EVENTS_A_FILE
    assert peaks[1] - peaks[0] < 150 * more, peaks


WORK = """
for i in 1 2 3 4 5; do
  echo $i > made$i; cat made$i >> all; cp made$i copy$i; mv copy$i moved$i; sort -o sorted$i all; rm made$i
done
(echo a; sleep 0.1; echo b) | sort > piped
"""


def account(workspace: Workspace) -> tuple[set[tuple[str, ...]], dict[str, str], list[str]]:
    """What the last run did to which files, and by which commands; what there is of them in the end, as what comes
    before may have gone before it was hashed; and what is not known."""
    records = workspace.records()
    run = workspace.ended.run
    commands = {
        record.step: " ".join(record.argv)
        for record in records
        if isinstance(record, StepSeen) and record.run == run
    }
    done: set[tuple[str, ...]] = set()
    left: dict[str, str] = {}
    for record in records:
        match record:
            case Generated(names=[*_, name]) if record.step in commands:
                done.add(("generated", commands[record.step], name.uri))
                left[name.uri] = record.content.digest
            case Used() | Invalidated() if record.step in commands:
                done.add((type(record).__name__, commands[record.step], record.uri))
            case _:
                pass
    there = {uri: digest for uri, digest in left.items() if (workspace.root / uri).exists()}
    return done, there, workspace.ended.gaps


def test_what_it_reads_again_it_tells_as_it_would_have_and_as_the_front_does(
    native_workspace: Workspace, python_workspace: Workspace
) -> None:
    accounts = []
    for limits in (None, "", LITTLE.replace("100", "3")):
        words = "sh", "-c", WORK
        done = (
            native_workspace.run(*words)
            if limits is None
            else run(python_workspace, limits, *words)
        )
        assert done.returncode == 0, done.stderr
        accounts.append(account(native_workspace))
        for name in os.listdir(native_workspace.root):
            if (native_workspace.root / name).is_file() and name != "provgraph.toml":
                (native_workspace.root / name).unlink()
    by_front, held, read_again = accounts
    assert len(held[0]) > 40
    assert len(held[1]) == 12 and all(held[1].values())
    assert held == by_front
    assert read_again == by_front


HASHED = """
hashing._TICK = 1 << 60  # whatever is hashed was written a moment ago
remember = hashing.Contents._remember
def remembered(contents, stat, *others):
    remember(contents, stat, *others)
    Path("{hashed}").touch()
hashing.Contents._remember = remembered
"""


def test_what_it_hashed_in_time_is_known_of_what_is_gone_in_the_end(
    python_workspace: Workspace, tmp_path: Path
) -> None:
    hashed = tmp_path / "hashed"
    wait = f"while [ ! -e {hashed} ]; do sleep 0.01; done"
    script = f"echo x > made; {wait}; rm made"
    done = run(python_workspace, HASHED.format(hashed=hashed), "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    made = python_workspace.generated()["made"]
    assert made.content.digest == f"blake3:{blake3(b'x' + bytes([10])).hexdigest()}"
    assert python_workspace.ended.verdict == "complete"


FULL = """
import errno, os
put_away_in = hashing.PutAway
def full(folder):
    hashing.PutAway = put_away_in
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
hashing.PutAway = full
"""


def test_a_disk_that_is_full_for_a_while_harms_neither_the_program_nor_its_record(
    python_workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "beside").mkdir()
    words = (sys.executable, "-c", f"{MANY}\nsys.exit(3)", str(tmp_path / "beside"), "1000")
    done = run(python_workspace, LITTLE + FULL, *words)
    assert done.returncode == 3, done.stderr
    made = [r for r in python_workspace.all(Generated) if "beside" in r.names[-1].uri]
    assert len(made) == 1000
    assert all(record.content.digest for record in made)
    assert python_workspace.ended.verdict == "complete", python_workspace.ended.gaps


AT_WORK = """
import os, signal, time
seen = []
observe = hashing.Contents.observe

def there(name):
    until = time.monotonic() + 20
    while not os.path.exists(name) and time.monotonic() < until:
        time.sleep(0.01)
    return os.path.exists(name)

def observed(contents, event, **how):
    observe(contents, event, **how)
    if not seen:
        Path("begin").touch()
        assert there("written")  # so all that follows comes at once
    seen.append(getattr(event, "path", b""))
    if seen[-1].endswith(b"/first"):
        os.kill(os.getpid(), signal.SIGUSR1)
    if seen[-1].endswith(b"/last"):
        print("heard", there("heard"))
        hashing.Contents.observe = observe

hashing.Contents.observe = observed
"""


def test_a_signal_is_passed_on_while_it_is_at_very_many_events(
    python_workspace: Workspace,
) -> None:
    many = "n=0; while [ $((n+=1)) -lt 200 ]; do : > other; done"
    begin, heard = (f"while [ ! -e {name} ]; do sleep 0.01; done" for name in ("begin", "heard"))
    script = f"trap ': > heard' USR1; {begin}; : > first; {many}; : > last; : > written; {heard}"
    done = run(python_workspace, AT_WORK, "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    assert "heard True" in done.stdout
