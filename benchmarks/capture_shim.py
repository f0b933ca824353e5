"""What does the preload shim cost a program, and how fast is its spool read?

    python benchmarks/capture_shim.py [--rounds 15] [--folder /tmp]

Prints a table of processor time (user and system, of all children) with the shim and without. The
two take turns in one run, so that their ratio means something on a machine that others use.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
WORKLOADS: Mapping[str, Sequence[str]] = {
    "250 forks of a shell": ("bash", "-c", FORKS),
    "standard library imports": (sys.executable, "-S", "-c", IMPORTS),
    "pandas and scikit-learn imports": (sys.executable, "-c", SCIENCE),
    "6,000 opens of small files": (sys.executable, "-S", "-c", FILES),
}


@dataclass(frozen=True)
class Cost:
    without: list[float]
    within: list[float]

    def row(self, name: str) -> str:
        least = min(self.within) / min(self.without)
        middle = statistics.median(self.within) / statistics.median(self.without)
        return (
            f"{name:34} {min(self.without) * 1e3:9.1f} {min(self.within) * 1e3:9.1f}"
            f" {least:8.3f} {middle:8.3f}"
        )


def processor_time(argv: Sequence[str], environment: Mapping[str, str], folder: Path) -> float:
    """Seconds of user and system time of the command and all it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        argv,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(argv: Sequence[str], library: Path, folder: Path, rounds: int) -> Cost:
    cost = Cost([], [])
    path = folder / "spool"
    for _ in range(rounds):
        cost.without.append(processor_time(argv, os.environ, folder))
        path.unlink(missing_ok=True)
        spool.create(path)
        with_shim = spool.environment(library, path, os.environ)
        cost.within.append(processor_time(argv, with_shim, folder))
    return cost


def works(argv: Sequence[str], folder: Path) -> bool:
    return subprocess.run(argv, cwd=folder, capture_output=True, check=False).returncode == 0


def decoding(library: Path, folder: Path, argv: Sequence[str]) -> tuple[int, float, float]:
    """Events, and the seconds to decode them all at once and process by process."""
    path = folder / "decoded"
    path.unlink(missing_ok=True)
    spool.create(path)
    processor_time(argv, spool.environment(library, path, os.environ), folder)
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
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    library = shim.library()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        print(f"{'':34} {'off ms':>9} {'on ms':>9} {'minima':>8} {'medians':>8}")
        for title, argv in WORKLOADS.items():
            if works(argv, folder):
                print(measure(argv, library, folder, options.rounds).row(title), flush=True)
        print(f"\n{'':34} {'events':>9} {'whole ms':>9} {'by process ms':>14}")
        many = (sys.executable, "-S", "-c", FILES.replace("3000", "250000"))
        decoded = {"250 forks of a shell": WORKLOADS["250 forks of a shell"], "one process": many}
        for title, argv in decoded.items():
            count, whole, apart = decoding(library, folder, argv)
            print(f"{title:34} {count:9} {whole * 1e3:9.1f} {apart * 1e3:14.1f}", flush=True)


if __name__ == "__main__":
    main()
