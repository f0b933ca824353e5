"""How is each case of `tests/capture/cases` recorded by each backend? Writes docs/capture-cases.md.

    python benchmarks/capture_cases.py [--only GLOB] [--output docs/capture-cases.md]

Each case is run under each backend, in a project of its own, and held against what it states.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from capture.casebook import Case, Outcome, load, missing, mistakes, names, outcome, prepare
from capture.workspace import Workspace, environment

from provgraph.config import create_project

BACKENDS = ("auto", "preload", "ptrace")
HEAD = """# Cases of capture

Each is a small program in `tests/capture/cases`, which states what must be recorded: every file that was made, by which command, and everything that it came from. *right* says that the record has just that and is `complete`; else the gaps stand here that the verdict of the run names. `auto` is the shim with the tracer for what cannot load it, `preload` the shim alone, `ptrace` the tracer alone. Written by `benchmarks/capture_cases.py`; `tests/capture/test_cases.py` holds `auto` and `ptrace` to it, and to each other.

"""


def found(case: Case, backend: str, folder: Path) -> str:
    folder.mkdir()
    kept = environment()
    place = Workspace(create_project(folder), kept)
    prepare(case, folder, {**kept, "CGO_ENABLED": "0"})
    return shown(case, outcome(case, place, backend))


def shown(case: Case, seen: Outcome) -> str:
    if seen.gaps:
        return "; ".join(dict.fromkeys(gap.partition(":")[0] for gap in seen.gaps))
    wrong = mistakes(case, seen.facts)
    return "; ".join(wrong) if wrong else "right"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="*")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "capture-cases.md")
    options = parser.parse_args()
    rows, right = [], dict.fromkeys(BACKENDS, 0)
    for name in [name for name in names() if fnmatch(name, options.only)]:
        case = load(name)
        lacking = missing(case)
        if lacking:
            sys.exit(f"{name} needs {', '.join(lacking)}")
        cells = []
        with tempfile.TemporaryDirectory() as folder:
            for backend in BACKENDS:
                cells.append(found(case, backend, Path(folder).resolve() / backend))
                right[backend] += cells[-1] == "right"
        rows.append(f"| {name} | {case.about} | {' | '.join(cells)} |")
        print(rows[-1], flush=True)
    counts = " | ".join(f"{right[backend]} of {len(rows)} right" for backend in BACKENDS)
    table = ["| case | what it shows | auto | preload | ptrace |", "|---|---|---|---|---|"]
    text = "\n".join([*table, *rows, f"| | | {counts} |"])
    options.output.write_text(f"{HEAD}{text}\n")


if __name__ == "__main__":
    main()
