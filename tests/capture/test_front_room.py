"""Of a run with very many files, is the native front's own memory bounded, and nothing lost for it?"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from blake3 import blake3
from capture.disks import mounted
from capture.test_recover import until
from capture.workspace import Workspace

from provgraph.ingest.capture import front
from provgraph.ingest.capture.recover import orphans
from provgraph.model.records import Generated

FILES = 20_000
MOST_OWN = 28 << 20
"""What the front says of itself (MOST_OWN in native/system.h), with its buffers, which do not grow with a run."""

MANY = """
import os, sys, time
deep = "/".join(["d" * 200] * 4)
os.makedirs(deep)
os.chdir(deep)
def write(text):
    for i in range(int(sys.argv[1])):
        file = os.open(f"{i:0200}", os.O_WRONLY | os.O_CREAT)
        os.write(file, text % i)
        os.close(file)
write(b"first %d")
if sys.argv[2:]:
    open(sys.argv[2], "w").close()
    while not os.path.exists(sys.argv[3]):
        time.sleep(0.01)
    write(b"the second %d")
"""


def own_memory(pid: int) -> int:
    """Bytes of a process that lie in no file; 0 once it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Anonymous:"):
                return int(line.split()[1]) * 1024
    return 0


def named_room(pid: int) -> bool:
    """Whether a process has mapped a file for what is known of the run."""
    with suppress(OSError):
        return "events.room (deleted)" in Path(f"/proc/{pid}/maps").read_text()
    return False


@pytest.fixture
def small_disk(native_workspace: Workspace) -> Iterator[Path]:
    """A file system of 16 MiB for the recordings, where the system lets us mount one."""
    with mounted(native_workspace.project.spools, 16) as folder:
        yield folder


def test_its_memory_is_bounded_and_every_file_is_known(native_workspace: Workspace) -> None:
    process = native_workspace.start(sys.executable, "-c", MANY, str(FILES))
    most, room = 0, False
    while process.poll() is None:
        most = max(most, own_memory(process.pid))
        room = room or named_room(process.pid)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    assert process.returncode == 0
    assert 0 < most < MOST_OWN
    assert room
    (name,) = native_workspace.spools()
    recording = native_workspace.project.spools / name
    assert sorted(path.name for path in recording.iterdir()) == [
        "events",
        "front",
        "lock",
        "python",
    ]
    made = native_workspace.generated()
    assert len(made) == FILES
    assert all(record.content.digest for record in made.values())
    assert native_workspace.ended.verdict == "complete"


def test_on_a_full_disk_it_goes_on_with_what_is_left(
    native_workspace: Workspace, small_disk: Path
) -> None:
    done = native_workspace.run(sys.executable, "-c", f"{MANY}\nprint('said')", str(FILES))
    assert (done.returncode, done.stdout) == (0, "said\n"), done.stderr
    made = native_workspace.generated()
    seen = [record for record in made.values() if record.attributed]
    assert 1000 < len(seen) < FILES
    assert all(record.content.digest for record in seen)
    assert "spool full" in " ".join(native_workspace.ended.gaps)


def test_what_it_hashed_before_it_was_killed_is_known(
    native_workspace: Workspace, tmp_path: Path
) -> None:
    """Those files are others by the time that somebody writes the run down."""
    written, go_on = tmp_path / "written", tmp_path / "go on"
    words = ["-c", MANY, str(FILES // 2), str(written), str(go_on)]
    process = native_workspace.start(sys.executable, *words)
    until(written.exists)
    (name,) = native_workspace.spools()
    recording = native_workspace.project.spools / name

    def digests() -> int:
        told = front.read(recording)
        return sum(1 for _ in told.digests) if told else 0

    until(lambda: digests() > FILES // 4)
    process.send_signal(signal.SIGKILL)
    process.wait()
    go_on.touch()
    until(lambda: orphans(native_workspace.project))
    first = {
        f"{number:0200}": blake3(b"first %d" % number).hexdigest() for number in range(FILES // 2)
    }
    known = 0
    for record in native_workspace.all(Generated):
        name = record.names[-1].uri.rpartition("/")[2]
        known += record.content.digest == f"blake3:{first.get(name)}"
    assert known > FILES // 4
