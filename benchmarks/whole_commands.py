"""How long whole commands take, and what capture costs: `python benchmarks/whole_commands.py`.

Each figure is a whole process, start-up included. Capture is measured as the CPU time (user and
system, of the command and all it starts) under `provgraph run` over that of the bare command, in
alternating pairs: the median of the ratios and its 95% interval. What a run leaves to be done when
somebody asks is measured by itself. Each command is measured in a plain folder and in a git work
tree, by the `provgraph` beside this interpreter and by `python -m provgraph`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from pairs import Pairs, spent

PYTHON = [sys.executable, "-m", "provgraph"]
INSTALLED = Path(sys.executable).with_name("provgraph")
PROVGRAPH = [str(INSTALLED)] if INSTALLED.exists() else PYTHON
FORKS = "i=0; while [ $i -lt 250 ]; do /bin/true; i=$((i+1)); done"
READING_FORKS = FORKS.replace("/bin/true", "/bin/cat train.py > /dev/null")
"""The former are inert, so the library is left out of them; the latter have it."""
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


def ratio(
    name: str, command: list[str], folder: Path, times: int, provgraph: list[str] | None = None
) -> None:
    captured = [*(provgraph or PROVGRAPH), "run", "--", *command]
    for _ in range(2):  # the first one compiles, the second one fills caches
        spent(captured, folder)
        spent(command, folder)
    made = Pairs().measure(lambda: spent(command, folder), lambda: spent(captured, folder), times)
    sync = spent([*PYTHON, "sync"], folder).cpu
    print(f"{name:<44} {made}", flush=True)
    if sync > 0.2:
        print(f"{'':<44} left to the next sync: {sync / times * 1e3:.0f} ms a run", flush=True)


def wall(name: str, command: list[str], folder: Path, times: int = 11) -> None:
    spent(command, folder)
    walls = [spent(command, folder).wall for _ in range(times)]
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


def repository(folder: Path) -> None:
    """Make the folder a git work tree with a commit of what is in it."""
    run = ["git", "-C", str(folder), "-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        subprocess.run([*run, *words], check=True)


def prepared(folder: Path, *, git: bool) -> Path:
    build = folder / "build"
    build.mkdir(parents=True)
    c_files(build)
    (folder / "train.py").write_text(TRAINING)
    (folder / ".gitignore").write_text("*.o\nprog\n*.pkl\ntable.csv\n")
    subprocess.run([*PROVGRAPH, "init"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    if git:
        repository(folder)
    return folder


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pairs", type=int, default=20)
    arguments.add_argument("--only", default="", help="measure only what has this in its name")
    given = arguments.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as temporary:
        plain = prepared(Path(temporary, "plain"), git=False)
        tracked = prepared(Path(temporary, "tracked"), git=True)
        walls = {
            "bare python -c pass": [sys.executable, "-c", "pass"],
            "import provgraph": [sys.executable, "-c", "import provgraph"],
            "provgraph run -- true": [*PROVGRAPH, "run", "--", "true"],
            "python -m provgraph run -- true": [*PYTHON, "run", "--", "true"],
            "provgraph --help": [*PROVGRAPH, "--help"],
        }
        for name, command in walls.items():
            if given.only in name:
                wall(name, command, plain)
        workloads = {
            "250 forks": ["sh", "-c", FORKS],
            "250 forks that read a file": ["sh", "-c", READING_FORKS],
            "pandas + scikit-learn": [sys.executable, "train.py"],
            "33 C files, make -j2": ["sh", "-c", "cd build && make clean && make -j2"],
        }
        for name, command in workloads.items():
            if given.only in name:
                ratio(name, command, plain, given.pairs)
                ratio(f"{name}, in a git work tree", command, tracked, given.pairs)
                ratio(f"{name}, Python's runner", command, plain, given.pairs, PYTHON)


if __name__ == "__main__":
    main()
