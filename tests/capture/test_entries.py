"""Is a file that is read, written or named recorded whichever call of libc or the kernel does it?

`programs/entries.c` knows them; each runs in a process of its own, all in one run.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from capture.casebook import facts_of
from capture.machine import Told
from capture.workspace import Workspace, environment

from provgraph.config import create_project
from provgraph.ingest.capture.assemble import Assembly

SOURCE = Path(__file__).with_name("programs") / "entries.c"
BUILDS = {
    "dynamic": ("cc", "-O1"),
    "fortified": ("cc", "-O2", "-D_FORTIFY_SOURCE=3", "-D_FILE_OFFSET_BITS=64", "-Wl,-z,now"),
    "static": ("cc", "-O1", "-static"),
    "musl": ("musl-gcc", "-O1"),
}
LEAST_WAYS = 115
"""Those that every libc knows."""


@pytest.mark.parametrize(
    ("build", "backend"),
    [
        ("dynamic", "auto"),
        ("dynamic", "ptrace"),
        ("fortified", "auto"),
        ("static", "auto"),
        ("musl", "auto"),
    ],
)
def test_every_way_to_a_file_is_seen(build: str, backend: str, tmp_path: Path) -> None:
    if shutil.which(BUILDS[build][0]) is None:
        pytest.skip(f"needs {BUILDS[build][0]}")
    place = Workspace(create_project(tmp_path), environment())
    program = tmp_path / "entries"
    command = [*BUILDS[build], "-w", "-o", str(program), str(SOURCE)]
    subprocess.run(command, check=True)
    ways = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    assert len(ways) >= LEAST_WAYS
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
    for way in ways:
        (tmp_path / "in" / way).write_text(f"what {way} reads\n")
    each = " && ".join(f"./entries {way}" for way in ways)
    flags = () if backend == "auto" else ("--backend", backend)
    done = place.run("sh", "-c", each, flags=flags, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    facts = facts_of(Told(Assembly(place.records(), [], set(), [])), [])
    kept = {"w_exchange": {"out/w_exchange.part"}}
    stated = {
        f"out/{way}": {f"in/{way}", *kept.get(way, ()), *(["entries"] if way[0] != "p" else [])}
        for way in ways
    }
    assert {uri: set(sources) for uri, (_, sources) in facts.made.items()} == stated
    assert (place.ended.verdict, place.ended.gaps) == ("complete", [])
