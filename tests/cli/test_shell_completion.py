"""Does a shell complete commands, options, recorded names and questions?"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def recorded(cli: Any, project: Path) -> Any:
    cli(
        "run",
        "--",
        "sh",
        "-c",
        "mkdir models; echo x > models/churn.pkl; cp models/churn.pkl c.csv",
    )
    cli("sync")
    return cli


def offered(cli: Any, *words: str) -> list[str]:
    """What Bash is offered for the last word."""
    lines = cli(
        COMP_WORDS="\n".join(("provgraph", *words)),
        COMP_CWORD=str(len(words)),
        _PROVGRAPH_COMPLETE="bash_complete",
    ).stdout.splitlines()
    return [line.partition(",")[2] for line in lines if line]


def test_commands_and_options_are_completed(cli: Any) -> None:
    assert offered(cli, "hi") == ["history"]
    assert offered(cli, "subject", "re") == ["report"]
    assert offered(cli, "why", "--ver") == ["--version"]
    assert offered(cli, "completion", "") == ["bash", "zsh", "fish"]
    assert offered(cli, "ingest", "g") == ["git"]


@pytest.mark.parametrize("command", ["why", "impact", "history", "show", "flag"])
def test_recorded_names_are_completed(recorded: Any, command: str) -> None:
    assert "models/churn.pkl" in offered(recorded, command, "mod")
    assert "c.csv" not in offered(recorded, command, "mod")


def test_a_question_is_completed_word_by_word(recorded: Any) -> None:
    assert offered(recorded, "ask", "mod") == ["model"]
    assert "lineage" in offered(recorded, "ask", "model", "*", "|", "lin")


def test_outside_a_project_nothing_is_offered_and_nothing_fails(cli: Any) -> None:
    assert offered(cli, "ask", "mod") == []
    assert offered(cli, "why", "mod") == ["mod"]  # which Bash completes as a path


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_reads(cli: Any, shell: str, tmp_path: Path) -> None:
    script = json.loads(cli("completion", shell, "--json").stdout)["script"]
    assert cli("completion", shell).stdout == f"{script}\n"
    assert "_PROVGRAPH_COMPLETE" in script
    if shutil.which(shell) is None:
        assert shell != "bash"  # the others need not be here
        return
    (tmp_path / "script").write_text(script)
    subprocess.run([shell, "-n", tmp_path / "script"], check=True)


def test_bash_completes_a_line_that_is_being_typed(recorded: Any, project: Path) -> None:
    """The function that the script defines is called as readline would."""
    script = recorded("completion", "bash").stdout
    program = project / "provgraph"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m provgraph "$@"\n')
    program.chmod(0o755)
    typed = f"COMP_WORDS=(provgraph why models/) COMP_CWORD=2; _provgraph_completion {program}"
    done = subprocess.run(
        ["bash", "-c", f'{script}\n{typed}\necho "${{COMPREPLY[*]}}"'],
        cwd=project,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "models/churn.pkl\n", done.stderr


def recorded_python() -> str:
    import sys

    return sys.executable
