"""Is the version said in one place, and does a release's changelog have every fragment?"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from provgraph import __version__

ROOT = Path(__file__).resolve().parents[2]


def test_the_version_stands_in_one_place() -> None:
    saying = [
        path.name
        for path in (*ROOT.glob("*.*"), *ROOT.glob("docs/**/*.md"), ROOT / "provgraph/__init__.py")
        if path.is_file() and f'"{__version__}"' in path.read_text("utf-8", "replace")
    ]
    assert saying == ["__init__.py"]


def test_collecting_moves_every_sentence_to_the_changelog(tmp_path: Path) -> None:
    fragments = [path for path in ROOT.glob("changelog.d/*.md") if path.name != "README.md"]
    for name in ("CHANGELOG.md", "pyproject.toml", "provgraph/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "changelog.d", tmp_path / "changelog.d")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    if fragments:  # right after a release there is none
        subprocess.run([sys.executable, "-m", "scriv", "collect"], cwd=tmp_path, check=True)
    collected = (tmp_path / "CHANGELOG.md").read_text()
    assert not fragments or f"## {__version__} " in collected
    for fragment in fragments:
        assert fragment.read_text().strip() in collected
    assert [path.name for path in (tmp_path / "changelog.d").iterdir()] == ["README.md"]
