"""A project with customers, captured, and the command line as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

USERS = {"u1": "a", "u2": "a", "u3": "b", "u4": "b", "u5": "c"}
"""Each customer's group: the pipeline keeps a and b apart, and takes no c into anything but the count."""

SPLIT = """
import csv
rows = list(csv.DictReader(open("raw/users.csv")))
for group in "ab":
    with open(f"work/{group}.csv", "w", newline="") as file:
        out = csv.DictWriter(file, ["user_id", "amount"])
        out.writeheader()
        out.writerows({"user_id": r["user_id"], "amount": r["amount"]} for r in rows if r["grp"] == group)
"""
FIT = """
import csv, json, sys
amounts = [float(r["amount"]) for path in sys.argv[2:] for r in csv.DictReader(open(path))]
json.dump({"mean": sum(amounts) / len(amounts)}, open(sys.argv[1], "w"))
"""
COUNT = """
open("out/count.txt", "w").write(str(sum(1 for _ in open("raw/users.csv")) - 1))
"""
PIPELINE = """
set -e
python3 split.py
python3 fit.py models/a.json work/a.csv
python3 fit.py models/b.json work/b.csv
python3 fit.py models/both.json work/a.csv work/b.csv
python3 count.py
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in ("raw", "work", "models", "out"):
        (folder / name).mkdir(parents=True)
    amounts = {user: 77123.25 if user == "u3" else n + 0.5 for n, user in enumerate(USERS)}
    rows = "".join(f"{user},{group},{amounts[user]}\n" for user, group in USERS.items())
    (folder / "raw/users.csv").write_text(f"user_id,grp,amount\n{rows}")
    for name, text in (("split", SPLIT), ("fit", FIT), ("count", COUNT)):
        (folder / f"{name}.py").write_text(text)
    (folder / "pipeline.sh").write_text(PIPELINE)
    return folder


@pytest.fixture
def cli(project: Path, tmp_path: Path) -> Cli:
    """Runs `provgraph ...` in the project, or another folder; `check=False` lets it fail."""

    def call(
        *words: str, check: bool = True, folder: Path = project, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        own = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
        done = subprocess.run(
            [sys.executable, "-m", "provgraph", *words],
            cwd=folder,
            env=os.environ | own | variables,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        if check:
            assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done

    return call


@pytest.fixture
def captured(project: Path, cli: Cli) -> Path:
    cli("run", "--", "sh", "pipeline.sh")
    return project
