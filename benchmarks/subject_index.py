"""How long does an index of ten million pairs of subject and content take, and a look-up in it?

python benchmarks/subject_index.py [CONTENTS] [SUBJECTS]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from provgraph.subjects.index import SubjectIndex
from provgraph.subjects.keys import Key

BATCH = 20_000


def batches(key: Key, content: int, subjects: int) -> Iterator[list[bytes]]:
    """The hashes of one content; each next content has a hundredth of its subjects new."""
    first = content * subjects // 100
    for start in range(first, first + subjects, BATCH):
        end = min(start + BATCH, first + subjects)
        yield [key.hashed(f"client:{n}") for n in range(start, end)]


def main(contents: int = 100, subjects: int = 100_000) -> None:
    key = Key(bytes(range(32)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "subjects.db"
        with SubjectIndex(path) as index:
            wall, cpu = time.perf_counter(), time.process_time()
            pairs = sum(
                index.add(f"blake3:{n:064x}", "rule", key.name, batches(key, n, subjects))
                for n in range(contents)
            )
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        size = path.stat().st_size / 1e6
        asked = [key.hashed(f"client:{n}") for n in range(0, subjects, max(1, subjects // 50))]
        longest, found = 0.0, 0
        for mac in asked:
            with SubjectIndex(path) as index:  # opened anew: nothing is warm but the file system
                begin = time.perf_counter()
                found += len(index.holding([mac]))
                longest = max(longest, time.perf_counter() - begin)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{pairs:,} pairs in {wall:.1f} s wall, {cpu:.1f} s CPU; {size:.0f} MB; {memory:.0f} MB memory"
    )
    print(f"{len(asked)} look-ups, {found:,} contents found, the longest {longest * 1000:.2f} ms")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
