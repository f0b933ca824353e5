"""Does a shell complete commands, options, recorded names and questions?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pexpect
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


LINES = {
    "provgraph hist": "provgraph history",
    "provgraph completion fi": "provgraph completion fish",
    "provgraph why --vers": "provgraph why --version",
    "provgraph why models/": "provgraph why models/churn.pkl",
    "provgraph ask model '*' '|' lin": "provgraph ask model '*' '|' lineage",
}
"""What is typed, and what the shell makes of it."""


@pytest.fixture
def program(recorded: Any, project: Path) -> Path:
    """The folder with a command called `provgraph`."""
    folder = project.parent / "bin"
    folder.mkdir()
    (folder / "provgraph").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m provgraph "$@"\n')
    (folder / "provgraph").chmod(0o755)
    return folder


def found_on(program: Path, **more: str) -> dict[str, str]:
    return os.environ | {"PATH": f"{program}:{os.environ['PATH']}", **more}


def test_bash_completes_a_line_that_is_being_typed(
    recorded: Any, program: Path, project: Path
) -> None:
    """The function that the script defines is called as readline would."""
    script = recorded("completion", "bash").stdout
    for typed, completed in LINES.items():
        words = f"COMP_WORDS=({typed}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))"
        done = subprocess.run(
            [
                "bash",
                "-c",
                f'{script}\n{words}; _provgraph_completion provgraph; echo "$COMPREPLY"',
            ],
            cwd=project,
            env=found_on(program),
            check=True,
            capture_output=True,
            text=True,
        )
        assert done.stdout == f"{completed.split()[-1]}\n", (typed, done.stderr)


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes_a_line_that_is_being_typed(
    recorded: Any, program: Path, project: Path
) -> None:
    file = project.parent / "provgraph.fish"
    file.write_text(recorded("completion", "fish").stdout)
    for typed, completed in LINES.items():
        done = subprocess.run(
            ["fish", "--no-config", "-c", 'source $argv[1]; complete -C "$argv[2]"', file, typed],
            cwd=project,
            env=found_on(program, HOME=str(project.parent)),
            check=True,
            capture_output=True,
            text=True,
        )
        offers = [line.split("\t")[0] for line in done.stdout.splitlines()]
        assert offers == [completed.split()[-1]], (typed, done.stderr)


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_completes_a_line_that_is_being_typed(
    recorded: Any, program: Path, project: Path
) -> None:
    """Its line editor is typed to; a key of the test's writes down what then stands in the line."""
    home = project.parent
    (home / ".zshrc").write_text(
        "autoload -Uz compinit; compinit -u -D\n"
        'look() { print -r -- "$BUFFER" > "$HOME/looked"; mv "$HOME/looked" "$HOME/line"; BUFFER= }\n'
        f"zle -N look; bindkey '^X' look; PS1='[ready]'\n{recorded('completion', 'zsh').stdout}"
    )
    variables = found_on(program, HOME=str(home), ZDOTDIR=str(home), TERM="xterm")
    shell: pexpect.spawn[str] = pexpect.spawn(
        "zsh", ["-d", "-i"], cwd=str(project), env=variables, encoding="utf-8", timeout=120
    )
    try:
        shell.expect_exact("[ready]")
        for typed, completed in LINES.items():
            shell.send(f"{typed}\t\x18")
            while not (home / "line").exists():
                assert shell.isalive()
                time.sleep(0.02)
            assert (home / "line").read_text().strip() == completed
            (home / "line").unlink()
    finally:
        shell.close(force=True)
