"""Build the distributions of a release: `python tools/release.py [FOLDER]`, `dist` by default.

A source distribution, and from it a wheel for each machine that the capture knows, for glibc and musl
alike, and one without compiled parts for all others. `make release` runs it; docs/contributing.md
tells what comes before and after.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MACHINES = ("x86_64", "aarch64")


def main(folder: Path, *options: str) -> None:
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"{folder} is not empty")
    archive = build("sdist", ROOT, folder, *options)
    print(archive)
    for machine in (*MACHINES, ""):
        with unpacked(archive) as sources:
            print(build("wheel", sources, folder, *options, **variables(machine)))


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """Anew for each wheel: what one build leaves, the next would take for its own."""
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(archive) as opened:
            opened.extractall(scratch, filter="data")
        (sources,) = Path(scratch).iterdir()
        yield sources


def variables(machine: str) -> dict[str, str]:
    """What the build of a machine's wheel is told; without a machine, that there is no compiler."""
    if not machine:
        return {"CC": "/nowhere/cc"}
    compiler = [sys.executable, str(ROOT / "tools" / "zig_cc.py"), machine]
    return {"CC": shlex.join(compiler), "PROVGRAPH_BUILD_FOR": machine}


def build(kind: str, sources: Path, folder: Path, *options: str, **variables: str) -> Path:
    """Build one distribution. A wheel that lacks what its machine should have is an error."""
    before = set(folder.glob("*"))
    subprocess.run(
        [sys.executable, "-m", "build", f"--{kind}", *options, "--outdir", folder, sources],
        env=os.environ | variables,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (made,) = set(folder.glob("*")) - before
    if variables.get("PROVGRAPH_BUILD_FOR", "") not in made.name:
        sys.exit(f"{made.name}: something did not compile (see the warnings above)")
    return made


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist").absolute(), *sys.argv[2:])
