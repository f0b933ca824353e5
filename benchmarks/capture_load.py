"""What does a run with very many file events cost? `python benchmarks/capture_load.py --events 100000`.

A program writes files and reads each back, so every file is two openings and two closings: the worst case. With
`--like-a-build` it starts others instead, each of which reads the same hundred files and writes one. Shown are the
program's CPU time alone and under capture with the recorder's peak of memory, then those of the sync that follows, and
then, from where that began, of its two halves by themselves: writing the run down in the journal, and bringing that into the
graph. After it a second such run over the same files, which binds to what is known. Each is a whole process, start-up
included. The peak is the largest process's, with the pages of files that it has mapped; "own" is the memory that all
processes of the command had at once and that could not be taken back: none of it lies in a file, and what forks
share counts once. The program itself, which has nothing to do with capture, is left out of it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from whole_commands import PROVGRAPH, PYTHON

PROGRAM = """
import os, sys
for i in range(int(sys.argv[1])):
    folder = f"out/{i // 1000}"
    if i % 1000 == 0:
        os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/{i}", "wb", 0) as file:
        file.write(b"%s %d" % (sys.argv[2].encode(), i))
    with open(f"{folder}/{i}", "rb", 0) as file:
        file.read()
"""
EVENTS_A_FILE = 4
BUILD = """
import os, subprocess, sys
headers = [f"include/{i}.h" for i in range(100)]
os.makedirs("include", exist_ok=True)
os.makedirs("out", exist_ok=True)
for i, header in enumerate(headers):
    with open(header, "w") as file:
        file.write(f"int f{i}; {sys.argv[2]}")
for i in range(int(sys.argv[1])):
    with open(f"out/{i}", "wb") as file:
        subprocess.run(["cat", *headers], check=True, stdout=file)
"""
EVENTS_OF_A_PROGRAM = 204
WRITE_DOWN = """
from provgraph.graph import Graph
from provgraph.ingest.capture.recover import recover
recover(Graph.open().project)
"""


OFTEN = 0.1
"""Seconds between two looks at the memory of all processes."""


class Cost(NamedTuple):
    wall: float
    cpu: float
    peak: float
    own: float

    def __str__(self) -> str:
        return (
            f"{self.wall:8.2f} s   {self.cpu:8.2f} s CPU   peak {self.peak:6.0f} MiB   "
            f"own, of all together {self.own:6.0f} MiB"
        )


def processes(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    with suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                yield from processes(int(child))


def own_memory(pid: int) -> int:
    """Bytes of a process that lie in no file, its part of what it shares, what is swapped out included."""
    sizes = {"Pss_Anon:": 0, "SwapPss:": 0}
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, size, *_ = line.split()
            if name in sizes:
                sizes[name] = int(size) * 1024
    return sum(sizes.values())


def is_the_program(pid: int) -> bool:
    with suppress(OSError):
        return b"many.py" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1:2]
    return True


def cost(command: list[str], folder: Path) -> Cost:
    """Of a command and all that it waited for."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    ended, own = threading.Event(), [0]

    def look() -> None:
        while not ended.wait(OFTEN):
            running = [pid for pid in processes(process.pid) if not is_the_program(pid)]
            own.append(sum(map(own_memory, running)))

    looking = threading.Thread(target=look)
    looking.start()
    _, status, used = os.wait4(process.pid, 0)
    ended.set()
    looking.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    wall = time.perf_counter() - began
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, max(own) / 1024 / 1024)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=100_000)
    arguments.add_argument(
        "--python",
        action="store_true",
        help="recorded by Python's runner, which writes it down itself",
    )
    arguments.add_argument("--like-a-build", action="store_true")
    given = arguments.parse_args()
    text, each = (BUILD, EVENTS_OF_A_PROGRAM) if given.like_a_build else (PROGRAM, EVENTS_A_FILE)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "many.py").write_text(text)
        for words in (["init"], ["run", "--", "true"], ["run", "--", "true"]):
            subprocess.run([*PROVGRAPH, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        program = [sys.executable, "many.py", str(given.events // each)]
        for turn in ("first", "again"):
            print(f"{turn}: the program alone     {cost([*program, 'alone'], folder)}")
            captured = [*(PYTHON if given.python else PROVGRAPH), "run", "--", *program, turn]
            print(f"{turn}: under capture         {cost(captured, folder)}", flush=True)
            state, before = folder / ".provgraph", folder / "before"
            shutil.copytree(state, before)
            print(f"{turn}: the whole sync        {cost([*PYTHON, 'sync'], folder)}", flush=True)
            shutil.rmtree(state)
            before.rename(state)
            down = cost([sys.executable, "-c", WRITE_DOWN], folder)
            ingested = cost([*PYTHON, "sync"], folder)
            print(f"{turn}: written down          {down}")
            print(f"{turn}: into the graph        {ingested}", flush=True)


if __name__ == "__main__":
    main()
