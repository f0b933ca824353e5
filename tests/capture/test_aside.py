"""On storage without shared mappings, is a run recorded as it is elsewhere, and found again whatever happens?

The storage is a FUSE file system that gives none, as some network file systems do.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from capture.test_recover import WAIT, until
from capture.test_shell_hook import Terminal
from capture.workspace import Workspace, environment

from provgraph.config import create_project
from provgraph.graph import Graph
from provgraph.ingest.capture import aside
from provgraph.ingest.capture.recover import orphans, recover
from provgraph.model.records import RunEnded, StepSeen


@pytest.fixture
def unmapped(tmp_path: Path) -> Iterator[Path]:
    if shutil.which("bindfs") is None or not os.access("/dev/fuse", os.W_OK) or os.getuid() != 0:
        pytest.skip("needs bindfs and the right to mount")
    behind, mounted = tmp_path / "behind", tmp_path / "mounted"
    behind.mkdir()
    mounted.mkdir()
    subprocess.run(["bindfs", "-o", "direct_io", behind, mounted], check=True)
    yield mounted
    subprocess.run(["umount", "--lazy", mounted], check=True)


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """What the user calls local storage. Nothing may be left there."""
    folder = tmp_path / "local"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture(params=["python", "native"])
def there(request: pytest.FixtureRequest, unmapped: Path, local: Path) -> Workspace:
    project = create_project(unmapped / "project")
    given = environment() | {"TMPDIR": str(local)}
    if request.param == "python":
        return Workspace(project, given)
    return Workspace(project, given, [str(request.getfixturevalue("native_front"))])


def recordings(there: Workspace) -> list[Path]:
    """FUSE keeps a folder for a moment longer whose last file was open when it was removed."""
    return list(there.project.spools.glob("*/lock"))


def test_its_programs_are_seen_and_nothing_is_missing_or_left(
    there: Workspace, local: Path
) -> None:
    done = there.run("sh", "-c", "echo x > made.txt; cat made.txt | sort > sorted.txt; exit 3")
    assert done.returncode == 3, done.stderr
    assert "provgraph" not in done.stderr
    assert [path.parent.name for path in local.glob("*/*")] == [f"provgraph-{os.getuid()}"] * (
        there.native
    )
    assert there.generated()["sorted.txt"].attributed
    assert there.used()["made.txt"].content.digest
    assert (there.ended.exit, there.ended.verdict) == (3, "complete"), there.ended.gaps
    assert (recordings(there), os.listdir(local)) == ([], [])
    with Graph.open(there.root) as graph:
        graph.sync()
        assert graph.ask(
            'file sorted.txt | lineage | where path = "made.txt" | count'
        ).rows.values == [(1,)]


def test_runs_within_runs_and_a_python_process_that_records_itself_are_seen(
    there: Workspace, local: Path
) -> None:
    done = there.run(
        "sh", "-c", f"echo x > outer.txt; {there.shell('cp', 'outer.txt', 'inner.txt')}"
    )
    assert done.returncode == 0, done.stderr
    own = "import provgraph\nwith provgraph.track():\n    open('own.txt', 'w').write('x')"
    subprocess.run([sys.executable, "-c", own], cwd=there.root, env=there.environment, check=True)
    made = there.generated()
    assert all(made[name].attributed for name in ("outer.txt", "inner.txt", "own.txt"))
    steps = {step.step: step.run for step in there.all(StepSeen)}
    assert len({steps[made[name].step] for name in ("outer.txt", "inner.txt", "own.txt")}) == 3
    gaps = [gap for ended in there.all(RunEnded) for gap in ended.gaps]
    assert [gap for gap in gaps if not gap.startswith("files that libraries opened")] == []
    assert os.listdir(local) == []


@pytest.mark.parametrize("there", ["native"], indirect=True)
def test_what_is_typed_at_a_prompt_is_seen(there: Workspace, local: Path, tmp_path: Path) -> None:
    terminal = Terminal("bash", there, tmp_path / "home")
    terminal.type("sort /etc/hostname > typed.txt")
    terminal.leave()
    terminal.settled()
    assert there.generated()["typed.txt"].attributed
    assert there.ended.verdict == "complete", there.ended.gaps
    assert os.listdir(local) == []


def killed(there: Workspace) -> Path:
    """A run of which everybody was killed; where its spool lies."""
    waiting = WAIT.replace("go", "never")
    script = f"echo one > one; echo > said; {waiting}"
    process = there.start("sh", "-c", script, start_new_session=True)
    until(lambda: (there.root / "said").exists())
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: orphans(there.project))  # the others are dead, too
    [folder] = there.project.spools.iterdir()
    place = aside.target(folder / "events")
    assert place is not None and place.stat().st_mode & 0o077 == 0
    return place


def test_a_sync_finds_it_again_when_everybody_was_killed(there: Workspace, local: Path) -> None:
    killed(there)
    assert there.generated()["one"].attributed
    assert (recordings(there), os.listdir(local)) == ([], [])


def test_what_a_restart_has_taken_away_is_told_as_lost(there: Workspace) -> None:
    place = killed(there)
    shutil.rmtree(place.parent)
    assert there.ended.verdict == "nothing recorded"
    assert f"what its programs did is lost: {place} is gone" in there.ended.gaps
    assert recordings(there) == []


def test_a_program_that_removes_it_harms_its_own_record_alone(
    there: Workspace, local: Path
) -> None:
    done = there.run("sh", "-c", "rm -r $TMPDIR/*; echo x > made.txt; cat made.txt")
    assert (done.returncode, done.stdout) == (0, "x\n"), done.stderr
    assert "made.txt" in there.generated()
    assert there.ended.verdict != "complete"
    said = ("is gone", "removed while the run went on")
    assert any(text in gap for gap in there.ended.gaps for text in said), there.ended.gaps
    assert (recordings(there), os.listdir(local)) == ([], [])


def test_what_somebody_else_put_in_its_place_is_not_believed(there: Workspace) -> None:
    place = killed(there)
    place.parent.chmod(0o777)
    assert there.ended.verdict == "nothing recorded"
    assert any("not in a private folder" in gap for gap in there.ended.gaps), there.ended.gaps
    assert place.exists()


@pytest.mark.parametrize("there", ["python"], indirect=True)
def test_a_sync_on_another_host_leaves_it_and_says_where_it_lies(there: Workspace) -> None:
    place = killed(there)
    [folder] = there.project.spools.iterdir()
    manifest = folder / "run.json"
    about = msgspec.json.decode(manifest.read_bytes())
    about["machine"]["host"] = "elsewhere"
    manifest.write_bytes(msgspec.json.encode(about))
    faults: list[str] = []
    assert recover(there.project, faults.append) == []
    assert [f"on elsewhere in {place}: a sync there" in fault for fault in faults] == [True]
    assert place.exists() and folder.exists()


@pytest.mark.parametrize("there", ["python"], indirect=True)
def test_where_no_folder_is_safe_or_there_the_program_runs_untraced(
    there: Workspace, local: Path, tmp_path: Path
) -> None:
    """Each place is one that others could exchange: the folder is theirs, or a link, or leads nowhere."""
    local.chmod(0o777)
    (tmp_path / "others").mkdir()
    linked = tmp_path / "linked"
    linked.mkdir(mode=0o700)
    (linked / f"provgraph-{os.getuid()}").symlink_to(tmp_path / "others")
    given = {"TMPDIR": str(local), "XDG_RUNTIME_DIR": str(linked)}
    assert [place for place in aside.places("r", given) if "/local/" in str(place)] == []
    assert [place for place in aside.places("r", given) if "/linked/" in str(place)] == []
    # In a view of its own, where nothing but the project can be written.
    readonly = "mount --bind $place $place; mount -o remount,bind,ro $place"
    hide = f"for place in /var/tmp /tmp /dev/shm; do {readonly}; done"
    view = Path("/mnt") if str(there.root).startswith("/tmp") else there.root
    keep = f"mount --bind {there.root} {view}" if view != there.root else "true"
    script = f'{keep}; {hide}; cd {view}; exec "$@"'
    homeless = {"HOME": "/proc/nowhere", "XDG_CACHE_HOME": "/proc/nowhere"}
    done = there.run(
        *("sh", "-c", "echo x > made.txt; echo said; exit 3"),
        within=("unshare", "--mount", "sh", "-ec", script, "sh"),
        env=there.environment | given | homeless,
    )
    assert (done.returncode, done.stdout) == (3, "said\n"), done.stderr
    assert there.generated()["made.txt"].attributed is False
    assert there.ended.verdict == "incomplete"
    assert any("not traced" in gap for gap in there.ended.gaps), there.ended.gaps
    assert os.listdir(local) == []
