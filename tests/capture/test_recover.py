"""A run whose recorder was killed is recorded all the same, once."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest
from blake3 import blake3
from capture.workspace import Workspace

from provgraph.graph import Graph
from provgraph.ingest.capture import hashing
from provgraph.ingest.capture import spool as spools
from provgraph.ingest.capture.assemble import known, phases
from provgraph.ingest.capture.recording import Recording
from provgraph.ingest.capture.recover import KILLED, orphans, recover
from provgraph.model.journal import SegmentWriter, read_segment, segments
from provgraph.model.records import Generated, RunEnded, RunStarted, StepSeen, When

WAIT = "n=0; while [ ! -e go ] && [ $((n+=1)) -lt 3000 ]; do sleep 0.02; done"


def until(found: Callable[[], object]) -> None:
    while not found():
        time.sleep(0.01)


def described(workspace: Workspace, run: str) -> Path:
    """The file that tells of a run."""
    return workspace.project.spools / run / ("front" if workspace.native else "run.json")


def killed(workspace: Workspace, script: str) -> None:
    """Run a shell script whose runner is killed before it goes on to `script`."""
    waiting = WAIT.replace("go", "killed")
    process = workspace.start("sh", "-c", f"echo one > one; {waiting}; {script}")
    until(lambda: (workspace.root / "one").exists())
    process.send_signal(signal.SIGKILL)
    process.wait()
    (workspace.root / "killed").touch()


MANY = """
for i in 1 2 3 4 5; do
  echo $i > made$i; cat made$i >> all; cp made$i copy$i; mv copy$i moved$i; sort -o sorted$i all; rm made$i
done
python3 -c "open('a', 'w').write(open('all').read()); open('b', 'w').write(open('a').read())"
"""


def test_what_is_put_on_the_disk_for_want_of_memory_changes_no_record(
    native_workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = native_workspace.project
    assert native_workspace.run("sh", "-c", MANY).returncode == 0
    (spool,) = native_workspace.spools()
    shutil.copytree(project.spools / spool, tmp_path / spool, symlinks=True)
    (segment,) = recover(project)
    held = read_segment(segment).records
    assert sum(isinstance(record, Generated) for record in held) > 20
    segment.unlink()
    shutil.copytree(tmp_path / spool, project.spools / spool, symlinks=True)
    monkeypatch.setattr(spools, "MOST_HELD", 0)
    monkeypatch.setattr(hashing, "MOST_KNOWN", 3)
    monkeypatch.setattr(known, "MOST", 8)
    monkeypatch.setattr(phases, "MANY", 2)
    (segment,) = recover(project)
    assert read_segment(segment).records == held
    assert native_workspace.spools() == []


BESIDE = """
import errno, os, signal, sys
from provgraph import graph
from provgraph.graph import Graph
from provgraph.ingest.capture import beside
from provgraph.model.forks import is_possible
from provgraph.store import embedded

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def fill(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

def begin(write, then):
    fate = {"whole": (write, then), "killed": (kill, then), "full": (fill, then), "killed later": (write, kill)}
    return there(*fate[sys.argv[1]])

there, beside.begin, beside.LARGE = beside.begin, begin, 1
graph._PART, embedded._WORTH_A_FORK = 20, 1  # parts are applied beside, too
assert is_possible() or len(os.sched_getaffinity(0)) == 1
with Graph.open() as graph:
    print(*graph.sync().problems, end="")
"""


@pytest.mark.parametrize("fate", ["whole", "killed", "full", "killed later"])
def test_a_run_that_is_written_down_beside_its_way_into_the_graph_is_in_both_whole_in_the_end(
    native_workspace: Workspace, fate: str
) -> None:
    assert native_workspace.run("sh", "-c", MANY).returncode == 0

    def synced(fate: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", BESIDE, fate],
            cwd=native_workspace.root, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout

    said = synced(fate)
    if len(os.sched_getaffinity(0)) > 1:
        reason = {"killed": "its process was killed", "full": os.strerror(errno.ENOSPC)}.get(fate)
        assert said.endswith(f"({reason}); its run stays" if reason else "")
        assert bool(said) == bool(reason)
        with Graph.open(native_workspace.root) as graph:
            known = graph.store.statistics().nodes
        assert ("Version" in known) == (reason is None)
    assert synced("whole") == ""
    assert native_workspace.spools() == []
    assert native_workspace.ended.verdict == "complete"
    with Graph.open(native_workspace.root) as graph:
        held = graph.store.statistics()
        assert held.nodes["Version"] > 20
        graph.rebuild()
        assert graph.store.statistics() == held


def test_what_a_program_did_before_and_after_its_runner_was_killed_is_recorded(
    workspace: Workspace,
) -> None:
    killed(workspace, "echo two > two; exit 4")
    until(lambda: orphans(workspace.project))
    (segment,) = recover(workspace.project)
    assert read_segment(segment).condition == "whole"
    made = workspace.generated()
    assert {"one", "two"} <= made.keys()
    assert made["two"].content.digest == "blake3:" + blake3(b"two\n").hexdigest()
    assert (workspace.ended.verdict, workspace.ended.exit) == ("incomplete", 4)
    assert KILLED in workspace.ended.gaps
    assert len({record.run for record in workspace.all(RunStarted)}) == 1
    assert workspace.spools() == []


def test_a_run_that_cannot_be_written_down_keeps_nobody_from_asking(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(workspace, "exit 4")
    until(lambda: orphans(workspace.project))
    with monkeypatch.context() as patch, Graph.open(workspace.root) as graph:
        patch.setattr("provgraph.ingest.capture.recover.account", lambda *_: 1 // 0)
        (problem,) = graph.sync().problems
        assert "a run could not be written down (ZeroDivisionError" in problem
        assert "; it stays" in problem
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        patch.setattr("provgraph.ingest.capture.recover.account", Mock(side_effect=full))
        (problem,) = graph.sync().problems
        assert f"({full.strerror}); it stays" in problem
    assert len(recover(workspace.project)) == 1
    assert workspace.ended.exit == 4


def test_a_run_that_lives_is_left_alone(workspace: Workspace) -> None:
    os.mkfifo(workspace.root / "fifo")
    process = workspace.start("sh", "-c", "touch begun; cat fifo")
    until((workspace.root / "begun").exists)
    assert orphans(workspace.project) == recover(workspace.project) == []
    (workspace.root / "fifo").write_text("")
    process.wait()
    unseen = "input through a FIFO that nobody in the run writes to not seen"
    assert (workspace.ended.exit, workspace.ended.gaps) == (0, [unseen])


def test_a_run_whose_program_lives_on_without_its_runner_waits(workspace: Workspace) -> None:
    killed(workspace, f"{WAIT}; echo x > late")
    assert recover(workspace.project) == []
    assert workspace.spools() != []
    (workspace.root / "go").touch()
    until(lambda: orphans(workspace.project))
    assert len(recover(workspace.project)) == 1
    assert "late" in workspace.generated()


def test_recovering_again_does_nothing(workspace: Workspace) -> None:
    killed(workspace, "echo x > x")
    until(lambda: orphans(workspace.project))
    assert len(recover(workspace.project)) == 1
    assert recover(workspace.project) == []


def test_many_recover_at_once_and_one_does_it(workspace: Workspace) -> None:
    killed(workspace, "echo x > x")
    until(lambda: orphans(workspace.project))
    text = (
        "from pathlib import Path\n"
        "from provgraph.config import find_project\n"
        "from provgraph.ingest.capture.recover import recover\n"
        "print(len(recover(find_project(Path('.')))))\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", text], cwd=workspace.root, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    assert sorted(process.communicate()[0] for process in started) == ["0\n", "0\n", "0\n", "1\n"]
    assert len(workspace.all(RunEnded)) == 1


def test_a_recovery_that_was_killed_is_done_again_to_the_same_records(workspace: Workspace) -> None:
    killed(workspace, "echo x > x")
    until(lambda: orphans(workspace.project))
    (run,) = workspace.spools()
    # What a recovery killed midway leaves: an open segment, and the recording.
    first, second = (run, f"{run}.1") if workspace.native else (f"{run}.1", f"{run}.2")
    with SegmentWriter(workspace.project.journal, workspace.project.id, first) as torn:
        torn.write(StepSeen("s1", run, [], "", When(1)))
    torn.path.write_bytes(torn.path.read_bytes()[:-3])
    (segment,) = recover(workspace.project)
    assert segment.stem == second
    assert read_segment(segment).condition == "whole"


def test_a_runner_that_was_killed_after_it_had_written_all_leaves_only_its_folder(
    workspace: Workspace,
) -> None:
    workspace.run("sh", "-c", "cp -r .provgraph/spool kept")
    run = workspace.started.run
    (workspace.root / "kept" / run).rename(workspace.project.spools / run)
    assert recover(workspace.project) == []
    assert workspace.spools() == []
    assert len(workspace.all(RunEnded)) == 1


def test_what_a_process_does_after_its_run_has_ended_is_added_later(workspace: Workspace) -> None:
    script = f"({WAIT}; echo x > late) >/dev/null 2>&1 & echo x > early"
    done = workspace.run("sh", "-c", script)
    assert done.returncode == 0
    # Another, where it was starting a `sleep` when the run ended.
    assert any("outlived the run" in gap for gap in workspace.ended.gaps)
    assert workspace.ended.verdict == "incomplete"
    assert set(workspace.generated()) == {"early"}
    assert recover(workspace.project) == []
    (workspace.root / "go").touch()
    until(lambda: orphans(workspace.project))
    assert len(recover(workspace.project)) == 1
    assert {"early", "late"} == set(workspace.generated())
    assert len({record.version for record in workspace.all(Generated)}) == 2
    assert len(workspace.all(RunEnded)) == 1
    assert {record.run for record in workspace.all(StepSeen)} == {workspace.started.run}
    assert workspace.spools() == []


def test_remains_without_a_manifest_are_removed_when_they_are_old(workspace: Workspace) -> None:
    young = Recording.create(workspace.project, "ryoung")
    young.release()
    old = Recording.create(workspace.project, "rold")
    old.release()
    unlocked = workspace.project.spools / "runlocked"
    (unlocked / "python").mkdir(parents=True)
    for folder in (old.folder, unlocked):
        os.utime(folder, (1, 1))
    assert recover(workspace.project) == []
    assert workspace.spools() == ["ryoung"]


def test_a_damaged_spool_is_a_gap(workspace: Workspace) -> None:
    killed(workspace, "echo x > x")
    until(lambda: orphans(workspace.project))
    (name,) = workspace.spools()
    Path(workspace.project.spools, name, "events").write_bytes(b"nonsense" * 1000)
    assert len(recover(workspace.project)) == 1
    assert any("spool" in gap for gap in workspace.ended.gaps)


def test_a_damaged_manifest_is_given_up(workspace: Workspace) -> None:
    killed(workspace, "echo x > x")
    until(lambda: orphans(workspace.project))
    (name,) = workspace.spools()
    described(workspace, name).write_bytes(b"{")
    assert recover(workspace.project) == []
    assert workspace.spools() == []


def test_every_moment_of_a_kill_leaves_a_readable_journal(workspace: Workspace) -> None:
    for delay in range(0, 24, 3):
        process = workspace.start("sh", "-c", "echo x > out; cat out > copy")
        time.sleep(delay / 100)
        process.send_signal(signal.SIGKILL)
        process.wait()
    until(
        lambda: (
            len(orphans(workspace.project))
            == len([run for run in workspace.spools() if described(workspace, run).exists()])
        )
    )
    recover(workspace.project)
    for path in segments(workspace.project.journal):
        assert read_segment(path).condition in ("whole", "open")
    ended = {record.run for record in workspace.all(RunEnded)}
    started = {record.run for record in workspace.all(RunStarted)}
    assert started - set(workspace.spools()) <= ended <= started
