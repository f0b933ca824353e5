"""Standard descriptors that make and logs share: who is really told something, who really wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile

import pytest

PROVGRAPH = [sys.executable, "-m", "provgraph"]


def rows(folder: Path, query: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [*PROVGRAPH, "ask", query, "--json"], cwd=folder, check=True, capture_output=True
    )
    answer: list[dict[str, object]] = json.loads(done.stdout)
    return answer


def run(folder: Path, *command: str) -> None:
    """What it says goes to a file without a name that can be read, too."""
    with TemporaryFile() as said:
        words = [*PROVGRAPH, "run", *(() if "--" in command else ("--",)), *command]
        subprocess.run(words, cwd=folder, check=True, stdout=said, stderr=said)


def test_parallel_make_tells_its_recipes_nothing(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all: a b c d\n%: %.in\n\tcp $< $@\n")
    for name in "abcd":
        (tmp_path / f"{name}.in").write_text(name)
    run(tmp_path, "make", "-j2")
    for name in "abcd":
        found = rows(tmp_path, f'file "./{name}" | lineage | where size > 0 | select path')
        assert [row["path"] for row in found] == [f"{name}.in"]


def test_who_holds_a_log_and_writes_nothing_is_not_its_writer(tmp_path: Path) -> None:
    run(tmp_path, "sh", "-c", "{ sleep 0.4 & echo one; sleep 0.1; echo two; wait; } > log")
    found = rows(
        tmp_path, 'file "./log"@all | lineage depth 1 | where kind = step | select command'
    )
    assert found
    assert not [row for row in found if str(row["command"]).startswith("sleep")]


@pytest.mark.parametrize("backend", ["preload", "ptrace"])
def test_who_held_a_log_and_ended_is_not_the_writer_of_what_comes_later(
    tmp_path: Path, backend: str
) -> None:
    (tmp_path / "Makefile").write_text("all:\n\techo 1\n\tsleep 0.1\n\techo 2\n")
    run(tmp_path, "--backend", backend, "--", "sh", "-c", "make > log")
    query = 'file "./log"@all | lineage depth 1 | where kind = step | select command'
    commands = {str(row["command"]).partition(" ")[0] for row in rows(tmp_path, query)}
    assert commands == {"make", "echo"}


def test_an_empty_pipe_that_can_still_speak_is_heard(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("said late")
    run(tmp_path, "sh", "-c", "{ sleep 0.3; cat in.txt; } | cat > out.txt")
    found = rows(tmp_path, 'file "./out.txt" | lineage | where size > 0 | select path')
    assert [row["path"] for row in found] == ["in.txt"]
