"""A small project that was really recorded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import provgraph
from provgraph.graph import Graph

CLEAN = (
    "raw = open('raw/a.csv').read() + open('raw/b.csv').read()\nopen('clean.csv', 'w').write(raw)\n"
)
TRAIN = (
    "import provgraph\n"
    "provgraph.log_params(depth=6)\n"
    "provgraph.log_metrics(auc=0.93)\n"
    "open('churn.pkl', 'w').write(open('clean.csv').read())\n"
)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`raw/a.csv` and `raw/b.csv` become `clean.csv`, and that becomes `churn.pkl`, twice; then a
    command fails."""
    folder = tmp_path_factory.mktemp("asked") / "project"
    (folder / "raw").mkdir(parents=True)
    (folder / "raw" / "a.csv").write_text("id,x\n1,2\n")
    (folder / "raw" / "b.csv").write_text("3,4\n")
    (folder / "clean.py").write_text(CLEAN)
    (folder / "train.py").write_text(TRAIN)
    for words in (
        ["clean.py"],
        ["train.py"],
        ["clean.py"],
        ["train.py"],
        ["-c", "raise SystemExit(3)"],
    ):
        recorded = [sys.executable, "-m", "provgraph", "run", "--", sys.executable, *words]
        done = subprocess.run(recorded, cwd=folder, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == (3 if words[0] == "-c" else 0), done.stderr
    return folder


@pytest.fixture
def graph(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    monkeypatch.chdir(project)
    with provgraph.open() as opened:
        yield opened


@pytest.fixture
def twins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    """Two files of one name, in two folders."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.txt").write_text(folder)
    recorded = [
        sys.executable,
        "-m",
        "provgraph",
        "run",
        "--",
        "sh",
        "-c",
        "cat */same.txt > all.txt",
    ]
    subprocess.run(recorded, cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    with provgraph.open() as opened:
        yield opened
