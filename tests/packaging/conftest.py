"""The tree, and what is built from it, once for all packaging tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Build = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[2]
SOURCES = (
    "benchmarks",
    "docs",
    "ingest",
    "provgraph",
    "query",
    "tests",
    "tools",
    "LICENSE",
    "MANIFEST.in",
    "README.md",
    "pyproject.toml",
    "setup.py",
)


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources without anything that was built from them."""
    copy = tmp_path_factory.mktemp("packaging") / "tree"
    copy.mkdir()
    built = shutil.ignore_patterns("__pycache__", "*.py[co]", "*.so", ".*")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, symlinks=True, ignore=built)
        elif source.exists():
            shutil.copy(source, copy / name)
    return copy


@pytest.fixture(scope="session")
def wheel(tree: Path, build: Build) -> Path:
    return build("wheel", tree, tree.parent / "wheels")


@pytest.fixture(scope="session")
def sdist(tree: Path, build: Build) -> Path:
    return build("sdist", tree, tree.parent / "sdists")


@pytest.fixture(scope="session")
def build() -> Build:
    """Builds a distribution of a tree into a folder, with the setuptools that is installed: no
    network. More environment variables can be given."""

    def build(kind: str, tree: Path, into: Path, **variables: str) -> Path:
        done = subprocess.run(
            [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", into, tree],
            env=os.environ | variables,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        shutil.rmtree(tree / "build", ignore_errors=True)
        (built,) = into.iterdir()
        return built

    return build
