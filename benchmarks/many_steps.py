"""What does a program with very many steps cost? `python benchmarks/many_steps.py --calls 12500 25000 50000 100000`.

A program calls a function that is a step (`@provgraph.step`) so often. Shown are the CPU time and the peak of
memory of what a sync does in one: writing the run down in the journal, and bringing that into the graph, each
beside the number of calls before. Each is a whole process, start-up included.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from capture_load import WRITE_DOWN, cost
from whole_commands import PROVGRAPH, PYTHON

PROGRAM = """
import sys
from provgraph import step

@step
def work(number):
    return number * 2

for number in range(int(sys.argv[1])):
    work(number)
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, nargs="+", default=[12_500, 25_000, 50_000])
    before = 0.0
    for calls in arguments.parse_args().calls:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / "calls.py").write_text(PROGRAM)
            for words in (["init"], ["run", "--", "true"], ["run", "--", "true"]):
                subprocess.run(
                    [*PROVGRAPH, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL
                )
            subprocess.run(
                [*PYTHON, "sync"],
                cwd=folder,
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            program = [*PROVGRAPH, "run", "--", sys.executable, "calls.py", str(calls)]
            subprocess.run(program, cwd=folder, check=True)
            down = cost([sys.executable, "-c", WRITE_DOWN], folder)
            graph = cost([*PYTHON, "sync"], folder)
        whole = down.cpu + graph.cpu
        ratio = f"   {whole / before:.2f} times the one before" if before else ""
        print(f"{calls:8} calls: written down {down}")
        print(f"{'':8}   into the graph {graph}{ratio}", flush=True)
        before = whole


if __name__ == "__main__":
    main()
