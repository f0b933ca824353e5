"""What do the preload shim and the tracer cost a program, and how fast is the spool read?

    python benchmarks/capture_shim.py [--rounds 20] [--folder /tmp]

Prints the ratios of processor time (user and system, of all children and of the tracer itself) with the
shim to without, and with the tracer alone to without. What is compared takes turns in one run, so that
its ratio means something on a machine that others use.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pairs import Pairs, Spent, spent

from provgraph.ingest.capture import shim, spool

FORKS = "i=0; while [ $i -lt 250 ]; do /bin/true; i=$((i+1)); done"
IMPORTS = (
    "import argparse, asyncio, concurrent.futures, csv, ctypes, decimal, email.mime.text, "
    "http.server, json, logging.config, multiprocessing, pydoc, sqlite3, tarfile, unittest.mock, "
    "urllib.request, xml.dom.minidom, xmlrpc.client, zipfile"
)
SCIENCE = "import pandas, sklearn.ensemble"
FILES = (
    "import os\n"
    "for n in range(3000):\n"
    "    with open(f'f{n % 50}', 'w') as f: f.write('x')\n"
    "    with open(f'f{n % 50}') as f: f.read()\n"
)
BUILD = (
    'for n in $(seq 33); do echo "#include <stdio.h>\\nint f$n(int x) { return putchar(x); }" > c$n.c; done;'
    " for n in $(seq 33); do cc -O1 -c c$n.c; done"
)
WORKLOADS: Mapping[str, Sequence[str]] = {
    "250 forks of a shell": ("bash", "-c", FORKS),
    "standard library imports": (sys.executable, "-S", "-c", IMPORTS),
    "pandas and scikit-learn imports": (sys.executable, "-c", SCIENCE),
    "33 C files": ("sh", "-c", BUILD),
    "6,000 opens of small files": (sys.executable, "-S", "-c", FILES),
}


def measure(argv: Sequence[str], library: Path, folder: Path, rounds: int) -> Pairs:
    path = folder / "spool"

    def captured() -> Spent:
        path.unlink(missing_ok=True)
        spool.create(path)
        return spent(argv, folder, spool.environment(library, path, os.environ))

    return Pairs().measure(lambda: spent(argv, folder), captured, rounds)


def measure_tracer(argv: Sequence[str], tracer: Path, folder: Path, rounds: int) -> Pairs:
    path = folder / "spool"
    words = [str(tracer), str(path), "whole", shutil.which(argv[0]) or argv[0], *argv]

    def followed() -> Spent:
        path.unlink(missing_ok=True)
        spool.create(path)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        took = spent(words, folder, spool.without_shim(path, os.environ))
        with suppress(ChildProcessError):  # the tracer, an orphan, is ours: we are a subreaper
            while True:
                os.wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Spent(cpu, took.wall)

    return Pairs().measure(lambda: spent(argv, folder), followed, rounds)


def works(argv: Sequence[str], folder: Path) -> bool:
    return subprocess.run(argv, cwd=folder, capture_output=True, check=False).returncode == 0


def decoding(library: Path, folder: Path, argv: Sequence[str]) -> tuple[int, float, float]:
    """Events, and the seconds to decode them all at once and process by process."""
    path = folder / "decoded"
    path.unlink(missing_ok=True)
    spool.create(path)
    spent(argv, folder, spool.environment(library, path, os.environ))
    with spool.Spool(path) as read:
        began = time.perf_counter()
        count = len(read.events())
        whole = time.perf_counter() - began
        began = time.perf_counter()
        apart = sum(1 for _, events in read.processes() for _ in events)
        assert apart == count
        return count, whole, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    library = shim.library()
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        for title, argv in WORKLOADS.items():
            if works(argv, folder):
                made = measure(argv, library, folder, options.rounds)
                print(f"{title:34} shim    {made}", flush=True)
                made = measure_tracer(argv, shim.tracer(), folder, options.rounds)
                print(f"{title:34} tracer  {made}", flush=True)
        print(f"\n{'':34} {'events':>9} {'whole ms':>9} {'by process ms':>14}")
        many = (sys.executable, "-S", "-c", FILES.replace("3000", "250000"))
        decoded = {"250 forks of a shell": WORKLOADS["250 forks of a shell"], "one process": many}
        for title, argv in decoded.items():
            count, whole, apart = decoding(library, folder, argv)
            print(f"{title:34} {count:9} {whole * 1e3:9.1f} {apart * 1e3:14.1f}", flush=True)


if __name__ == "__main__":
    main()
