"""The project that the manual's first page makes; every other page begins in a copy of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from manual.pages import Desk, followed

DOCS = Path(__file__).parents[2] / "docs"
PREDICT = """
import provgraph
for number, score in ((17, 0.05), (18, 0.9)):
    provgraph.log_prediction(f"customer-{number}", inputs=["models/churn.pkl"], score=score)
"""


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The home of somebody who followed `start.md`, and the page with what was seen."""
    home = tmp_path_factory.mktemp("manual") / "home"
    home.mkdir()
    return home, followed((DOCS / "start.md").read_text("utf-8"), Desk(home, home))


@pytest.fixture
def desk(begun: tuple[Path, str], tmp_path: Path) -> Desk:
    """A terminal in a copy of the project."""
    shutil.copytree(begun[0], tmp_path / "home", symlinks=True)
    return Desk(tmp_path / "home", tmp_path / "home" / "churn")


@pytest.fixture(scope="session")
def lesson(begun: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A terminal in a copy that has predictions too, and somebody who may approve deletions. What is
    typed there stays for the next test."""
    home = tmp_path_factory.mktemp("lesson") / "home"
    shutil.copytree(begun[0], home, symlinks=True)
    desk = Desk(home, home / "churn")
    (desk.folder / "src" / "predict.py").write_text(PREDICT)
    (home / ".config" / "fish" / "completions").mkdir(parents=True)
    for command in (
        "provgraph run -- python src/predict.py",
        "git init --quiet ../other-repository",
        'printf "\\n%s\\n" "$(provgraph forget key 2>/dev/null)" >> provgraph.toml',
    ):
        status, seen = desk.type(command)
        assert status == 0, seen
    return desk
