"""How long whole commands take, and what capture costs: `python benchmarks/whole_commands.py`.

Each figure is a whole process, start-up included. Capture is measured as the CPU time (user and
system, of the command and all it starts) under `provgraph run` over that of the bare command, in
alternating pairs; the median of the ratios is quoted.
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
from pathlib import Path

PROVGRAPH = [sys.executable, "-m", "provgraph"]
FORKS = "i=0; while [ $i -lt 250 ]; do /bin/true; i=$((i+1)); done"
TRAINING = """
import pandas, numpy
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
table = load_breast_cancer(as_frame=True).frame
table.to_csv("table.csv", index=False)
table = pandas.read_csv("table.csv")
model = RandomForestClassifier(n_estimators=150, random_state=0).fit(table.drop(columns="target"), table["target"])
import joblib
joblib.dump(model, "model.pkl")
"""


def spent(command: list[str], folder: Path) -> tuple[float, float]:
    """CPU seconds and wall seconds of a command and all it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(
        command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall


def ratio(name: str, command: list[str], folder: Path, pairs: int) -> None:
    spent([*PROVGRAPH, "run", "--", *command], folder)
    ratios, walls, bare_cpu = [], [], []
    for _ in range(pairs):
        bare, captured = spent(command, folder), spent([*PROVGRAPH, "run", "--", *command], folder)
        ratios.append(captured[0] / bare[0])
        walls.append(captured[1] / bare[1])
        bare_cpu.append(bare[0])
    print(
        f"capture, {name:<28} CPU x{statistics.median(ratios):.3f}"
        f" ({min(ratios):.3f} to {max(ratios):.3f}), wall x{statistics.median(walls):.3f},"
        f" bare {statistics.median(bare_cpu):.2f} s CPU"
    )


def wall(name: str, command: list[str], folder: Path, times: int = 11) -> None:
    spent(command, folder)
    walls = [spent(command, folder)[1] for _ in range(times)]
    print(
        f"{name:<37} {statistics.median(walls) * 1000:.0f} ms wall (least {min(walls) * 1000:.0f})"
    )


def c_files(folder: Path) -> None:
    """A C build of 33 files, each of some hundred lines that want compiling."""
    body = "".join(
        f"static double f{n}(double x) {{ double s = 0; for (int i = 0; i < {n + 2}; i++)"
        f' s += sin(x + i) * pow(x, {n % 5}); printf("%f\\n", s); return s; }}\n'
        for n in range(60)
    )
    calls = "".join(f" s += f{n}(x);" for n in range(60))
    for n in range(33):
        text = f"#include <stdio.h>\n#include <math.h>\n#include <stdlib.h>\n{body}"
        (folder / f"m{n}.c").write_text(
            f"{text}double g{n}(double x) {{ double s = 0;{calls} return s; }}\n"
        )
    (folder / "main.c").write_text("int main(void) { return 0; }\n")
    objects = " ".join(f"m{n}.o" for n in range(33))
    (folder / "Makefile").write_text(
        f"prog: main.o {objects}\n\tcc -o $@ $^ -lm\n%.o: %.c\n\tcc -O2 -c -o $@ $<\n"
        f"clean:\n\trm -f prog *.o\n"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pairs", type=int, default=7)
    pairs = arguments.parse_args().pairs
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["OMP_NUM_THREADS"] = "1"
        subprocess.run([*PROVGRAPH, "init"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        wall("bare python -c pass", [sys.executable, "-c", "pass"], folder)
        wall("import provgraph", [sys.executable, "-c", "import provgraph"], folder)
        wall("provgraph run -- true", [*PROVGRAPH, "run", "--", "true"], folder)
        wall("provgraph --help", [*PROVGRAPH, "--help"], folder)
        ratio("250 forks", ["sh", "-c", FORKS], folder, pairs)
        (folder / "train.py").write_text(TRAINING)
        ratio("pandas + scikit-learn", [sys.executable, "train.py"], folder, pairs)
        build = folder / "build"
        build.mkdir()
        c_files(build)
        ratio(
            "33 C files, make -j2",
            ["sh", "-c", "cd build && make clean && make -j2"],
            folder,
            max(3, pairs // 2),
        )


if __name__ == "__main__":
    main()
