"""What is said in a working directory that somebody has removed?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

THERE = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"'


def said(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-c", THERE, "sh", sys.executable, "-m", "provgraph", *words]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("words", [("why", "x"), ("init",), ("sync",), ("log",), ("demo",)])
def test_a_command_says_that_it_was_removed(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = said(tmp_path, *words)
    assert done.returncode != 0
    assert done.stderr.startswith("provgraph: ")
    assert "Traceback" not in done.stderr
    assert words == ("demo",) or "the working directory was removed" in done.stderr


def test_a_program_runs_all_the_same(tmp_path: Path) -> None:
    done = said(tmp_path, "run", "--", "echo", "hi")
    assert (done.returncode, done.stdout) == (0, "hi\n")
    assert done.stderr.startswith("provgraph: not recorded: ")
