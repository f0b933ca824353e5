"""What is there to try provgraph on? A small machine-learning project, with data and a history.

`project/` is the project as it is shipped. `prepare` copies it, writes the tables it works on, and
commits it step by step. What captured runs of it should show stands in `provgraph.demo.truth`.
"""

from __future__ import annotations

import csv
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from provgraph.errors import ProvgraphError, UsageError

PIPELINE = ("sh", "pipeline.sh")
"""The command that makes everything; to be run in the prepared folder, with `environment()`."""

CUSTOMERS = ("sh", "customers.sh")
"""The one that makes models of customers, who may want to be forgotten."""

_PROJECT = Path(__file__).parent / "project"
_IGNORED = ("data/", "models/", "metrics/", "report/", "__pycache__/")


@dataclass(frozen=True, slots=True)
class Author:
    name: str
    email: str


MIRA = Author("Mira Okafor", "mira@example.org")
JONAS = Author("Jonas Falk", "jonas@example.org")


@dataclass(frozen=True, slots=True)
class Change:
    """A commit of the project's history: `before` became `after` in the file at `path`."""

    author: Author
    when: str
    message: str
    path: str
    before: str
    after: str


CHANGES = (
    Change(
        JONAS,
        "2026-09-15T09:12:00+02:00",
        "Scale the test by what is known of the training data",
        "src/features.py",
        "scaled(unseen, like=unseen)",
        "scaled(unseen, like=known)",
    ),
    Change(
        MIRA,
        "2026-09-17T16:40:00+02:00",
        "Choose by ROC AUC: accuracy hides the rarer class",
        "params.toml",
        'by = "accuracy"',
        'by = "roc_auc"',
    ),
    Change(
        JONAS,
        "2026-10-02T11:05:00+02:00",
        "Grow a larger forest",
        "params.toml",
        "n_estimators = 20",
        "n_estimators = 60",
    ),
)
"""What came after the first commit, oldest first."""


def prepare(target: Path) -> None:
    """Make the project in `target`: its files, its tables, its git history of four commits.

    Nothing outside `target` is read for it or changed: no global git configuration, no network.
    The commits' ids are the same on every machine. Raises `UsageError` if `target` has something
    in it, `ProvgraphError` if git or scikit-learn is missing.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is not empty", hint="choose a folder that does not exist yet")
    tables = _tables()
    _require_git()
    shutil.copytree(_PROJECT, target, dirs_exist_ok=True, ignore=_not_the_projects)
    for name, rows in {**tables, "customers.csv": _customers()}.items():
        _write_table(target / "data" / "raw" / name, rows)
    _commit_history(target)


def environment() -> dict[str, str]:
    """This process's environment variables, with the interpreter that the pipeline should use."""
    return {**os.environ, "PYTHON": sys.executable}


def _not_the_projects(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name == "__pycache__" or name.endswith((".pyc", ".pyo"))}


def _tables() -> dict[str, list[list[object]]]:
    """The raw tables by file name, from the data that scikit-learn ships."""
    try:
        from sklearn.datasets import load_breast_cancer, load_wine
    except ImportError as error:
        raise ProvgraphError(
            "the demo needs scikit-learn, pandas and matplotlib",
            hint='pip install "provgraph[demo]"',
        ) from error
    tumours, wines = load_breast_cancer(), load_wine()
    patients = [f"P{number:03}" for number in range(1, len(tumours.target) + 1)]
    diagnoses = ["MB"[target] for target in tumours.target]
    columns = [_column(name) for name in tumours.feature_names]
    return {
        "measurements.csv": [
            ["patient", *columns],
            *(
                [patient, *row]
                for patient, row in zip(patients, tumours.data.tolist(), strict=True)
            ),
        ],
        "labels.csv": [
            ["patient", "diagnosis"],
            *sorted(map(list, zip(patients, diagnoses, strict=True)), key=lambda row: row[::-1]),
        ],
        "wine.csv": [
            ["cultivar", *wines.feature_names],
            *([c, *row] for c, row in zip(wines.target.tolist(), wines.data.tolist(), strict=True)),
        ],
    }


_GIVEN = ("Ada", "Ben", "Chidi", "Dana", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jun")
_FAMILY = ("Albers", "Bakker", "Costa", "Dahl", "Evans", "Farah", "Grau", "Haas")


def _customers() -> list[list[object]]:
    """Eighty invented customers, 4701 to 4780; the odd ones live in the north. The same each time."""
    drawn = random.Random(4711)
    rows: list[list[object]] = [["user_id", "name", "region", "months", "monthly", "calls", "left"]]
    for number, (family, given) in enumerate(product(_FAMILY, _GIVEN), 4701):
        months, calls = drawn.randint(1, 60), drawn.randint(0, 9)
        monthly = round(drawn.uniform(9, 90), 2)
        left = int(calls * 6 + monthly / 3 - months > drawn.uniform(-10, 40))
        region = "north" if number % 2 else "south"
        rows.append([number, f"{given} {family}", region, months, monthly, calls, left])
    return rows


def _column(feature: str) -> str:
    """
    >>> _column("mean radius"), _column("area error")
    ('mean_radius', 'area_error')
    """
    return feature.replace(" ", "_")


def _write_table(path: Path, rows: Iterable[Iterable[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as table:
        csv.writer(table, lineterminator="\n").writerows(rows)


def _require_git() -> None:
    if shutil.which("git") is None:
        raise ProvgraphError("the demo needs git", hint="install git, such as `apt install git`")


def _commit_history(target: Path) -> None:
    _git(target, "init", "--quiet", "--template=", "--initial-branch=main")
    (target / ".gitignore").write_text("".join(f"{line}\n" for line in _IGNORED))
    for change in reversed(CHANGES):
        _replace(target / change.path, change.after, change.before)
    message = "Tell malignant tumours from benign ones"
    _commit(target, MIRA, "2026-09-14T10:30:00+02:00", message)
    for change in CHANGES:
        _replace(target / change.path, change.before, change.after)
        _commit(target, change.author, change.when, change.message)


def _replace(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, (path, before)
    path.write_text(text.replace(before, after), encoding="utf-8")


def _commit(target: Path, author: Author, when: str, message: str) -> None:
    identity = {
        f"GIT_{role}_{field}": value
        for role in ("AUTHOR", "COMMITTER")
        for field, value in (("NAME", author.name), ("EMAIL", author.email), ("DATE", when))
    }
    _git(target, "add", "--all", **identity)
    _git(target, "commit", "--quiet", "--message", message, **identity)


def _git(target: Path, *arguments: str, **variables: str) -> None:
    """Run git in `target`, deaf to the configuration and the repository of whoever calls."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    done = subprocess.run(
        ["git", *arguments],
        cwd=target,
        env=inherited | own | variables,
        stdin=subprocess.DEVNULL,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise ProvgraphError(f"git {arguments[0]} failed in {target}: {said}")
