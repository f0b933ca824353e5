"""A project of its own, and the command line as a process."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from capture.workspace import PYTHON, native_front

__all__ = ["native_front"]

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def provgraph() -> list[str]:
    """How the command line is started."""
    return PYTHON


@pytest.fixture
def cli(project: Path, provgraph: list[str]) -> Cli:
    """Runs `provgraph ...` in the project; `check=False` lets it fail."""

    def call(
        *words: str, check: bool = True, **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [*provgraph, *words],
            cwd=project,
            env=os.environ | variables,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        if check:
            assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done

    return call
