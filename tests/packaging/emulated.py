"""Does the release's library record on aarch64, too? `make soak` runs this, with an emulator.

On Debian: apt install qemu-user-static libc6-arm64-cross
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from provgraph.ingest.capture import spool
from provgraph.ingest.capture.events import Closed, Opened

EMULATOR = ("qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu")
COPY = """
#include <fcntl.h>
#include <unistd.h>
int main(void) {
    char text[9];
    int in = open("raw", O_RDONLY), out = open("made", O_WRONLY | O_CREAT, 0644);
    return write(out, text, read(in, text, 9)) < 0;
}
"""


@pytest.mark.timeout(1200)
def test_the_library_records_on_aarch64(tree: Path, tmp_path: Path) -> None:
    if shutil.which(EMULATOR[0]) is None or not Path(EMULATOR[2]).exists():
        pytest.skip("no emulator of aarch64, or no libc for it")
    release = [sys.executable, str(tree / "tools" / "release.py"), str(tmp_path / "dist")]
    subprocess.run([*release, "--no-isolation"], check=True)
    (wheel,) = tmp_path.glob("dist/*_aarch64.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    (library,) = tmp_path.glob("provgraph/ingest/capture/preload-*.so")
    (tmp_path / "copy.c").write_text(COPY)
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-gnu.2.17"]
    subprocess.run([*compiler, "-o", "copy", "copy.c"], cwd=tmp_path, check=True)
    (tmp_path / "raw").write_text("1\n")
    events = tmp_path / "events"
    spool.create(events)
    given = ["-E", f"LD_PRELOAD={library}", "-E", f"PROVGRAPH_SPOOL={events}"]
    subprocess.run([*EMULATOR, *given, tmp_path / "copy"], cwd=tmp_path, check=True)
    with spool.Spool(events) as read:
        found = list(read.events())
    opened = {Path(event.path.decode()).name for event in found if isinstance(event, Opened)}
    closed = {Path(event.path.decode()).name for event in found if isinstance(event, Closed)}
    assert {"raw", "made"} <= opened
    assert {"raw", "made"} <= closed
