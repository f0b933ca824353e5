"""Is what stands in front of every captured command light? (`sys.modules` is looked at, no clock.)"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = frozenset(
    [
        "IPython",
        "apsw",
        "asyncio",
        "click",
        "cryptography",
        "fastapi",
        "jinja2",
        "lark",
        "matplotlib",
        "neo4j",
        "networkx",
        "numpy",
        "pandas",
        "prompt_toolkit",
        "pyarrow",
        "pydantic",
        "pydantic_core",
        "pygments",
        "rich",
        "scipy",
        "sklearn",
        "typer",
        "uvicorn",
    ]
)


def imported(arguments: list[str], cwd: Path) -> set[str]:
    """The top-level modules that this process of Python imports. (Those it starts are silent: the
    option is not inherited.)"""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=cwd,
        env=os.environ | {"XDG_CACHE_HOME": str(cwd / "cache")},
        check=True,
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize("statement", ["import provgraph", "import provgraph.__main__"])
def test_importing_provgraph_imports_nothing_heavy(statement: str, tmp_path: Path) -> None:
    modules = imported(["-c", statement], tmp_path)
    assert "provgraph" in modules
    assert modules & HEAVY == set()


def test_running_a_command_imports_nothing_heavy(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    modules = imported(["-m", "provgraph", "run", "--", "touch", "made"], tmp_path)
    assert (tmp_path / "made").exists()
    assert "provgraph" in modules
    assert modules & HEAVY == set()


def test_a_question_imports_no_numpy(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    run = [sys.executable, "-m", "provgraph", "run", "--", "cp", "/etc/hostname", "made"]
    subprocess.run(run, cwd=tmp_path, check=True)
    modules = imported(["-m", "provgraph", "ask", 'file "made" | lineage'], tmp_path)
    assert "apsw" in modules
    assert modules & {"networkx", "numpy", "scipy"} == set()


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["why", "--help"], ["ask", "--help"]])
def test_help_needs_little_more_than_click(words: list[str], tmp_path: Path) -> None:
    modules = imported(["-m", "provgraph", *words], tmp_path)
    assert modules & HEAVY - {"apsw"} == {"click"}
