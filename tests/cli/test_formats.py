"""`provgraph ask --format`: the same answer as a table, JSON, CSV, a picture's source and a tree."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def recorded(cli: Any, project: Path) -> Any:
    (project / 'a "b", c.txt').write_text("input")
    cli("run", "--", "sh", "-c", """cat 'a "b", c.txt' > mid.txt; cat mid.txt > out.txt""")
    return cli


def test_json_and_csv_have_the_same_cells(recorded: Any) -> None:
    question = "file * | sort by path | select path, size, created, names"
    found = json.loads(recorded("ask", question, "--format", "json").stdout)
    assert json.loads(recorded("ask", question, "--json").stdout) == found
    assert [row["path"] for row in found] == ['a "b", c.txt', "mid.txt", "out.txt"]
    raw = recorded("ask", question, "--format", "csv").stdout
    rows = list(csv.DictReader(raw.splitlines()))
    assert [
        {**row, "size": int(row["size"]), "names": json.loads(row["names"])} for row in rows
    ] == found


def test_csv_is_as_rfc_4180_has_it(recorded: Any, project: Path) -> None:
    words = ["ask", "file * | sort by path | select path, param.none", "--format", "csv"]
    done = subprocess.run(
        [sys.executable, "-m", "provgraph", *words], cwd=project, capture_output=True, check=True
    )
    assert done.stdout.split(b"\r\n") == [
        b"path,param.none",
        b'"a ""b"", c.txt",',
        b"mid.txt,",
        b"out.txt,",
        b"",
    ]


def test_dot_has_the_answers_nodes_and_edges_and_where_the_walk_began(recorded: Any) -> None:
    lines = recorded("ask", "file out.txt | lineage", "--format", "dot").stdout.splitlines()
    assert lines[0] == "digraph provenance {" and lines[-1] == "}"
    text = "\n".join(lines)
    assert 'label = "a \\"b\\", c.txt' in text
    assert len(re.findall(r"shape = box", text)) == 3
    assert len(re.findall(r"shape = ellipse", text)) == 2
    assert len(re.findall(r'-> .*label = "(?:used|generated)"', text)) == 4
    near = recorded("ask", "file out.txt | lineage | where kind = step", "--format", "dot").stdout
    assert "shape = box" not in near


def test_a_tree_grows_from_what_was_asked_about(recorded: Any) -> None:
    lines = recorded("ask", "file out.txt | lineage", "--format", "tree").stdout.splitlines()
    assert [re.sub(r"  .*", "", line.strip("│└─ ")) for line in lines] == [
        "out.txt",
        "cat mid.txt",
        "mid.txt",
        "cat 'a \"b\", c.txt'",
        'a "b", c.txt',
    ]
    down = recorded("ask", "file mid.txt | impact", "--format", "tree").stdout.splitlines()
    assert [re.sub(r"  .*", "", line.strip("│└─ ")) for line in down] == [
        "mid.txt",
        "cat mid.txt",
        "out.txt",
    ]
    flat = recorded("ask", "file * | sort by path", "--format", "tree").stdout.splitlines()
    assert len(flat) == 3


def test_a_table_cannot_be_drawn(recorded: Any) -> None:
    for format in ("dot", "tree"):
        done = recorded("ask", "file * | count by kind", "--format", format, check=False)
        assert done.returncode == 2
        assert "are no nodes" in done.stderr
        assert done.stdout == ""


def on_a_terminal(project: Path, *words: str, **variables: str) -> str:
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "provgraph", *words],
        cwd=project,
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        | {"TERM": "xterm-256color"}
        | variables,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    assert done.wait(timeout=60) == 0
    os.close(ours)
    return seen.decode()


def test_a_terminal_has_colours_unless_told_and_a_pipe_has_none(
    recorded: Any, project: Path
) -> None:
    words = ("ask", "file out.txt | lineage", "--format", "tree")
    assert "\x1b[" in on_a_terminal(project, *words)
    assert not re.search(r"\x1b\[(?:3|4|9)\d", on_a_terminal(project, *words, NO_COLOR="1"))
    assert "\x1b" not in recorded(*words).stdout


def test_what_is_longer_than_the_screen_goes_through_the_pager(
    recorded: Any, project: Path, tmp_path: Path
) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho PAGED\nexec cat\n")
    pager.chmod(0o755)
    screen = {"LINES": "5", "COLUMNS": "80", "PAGER": str(pager)}
    words = ("ask", "file * | select path")
    assert "PAGED" not in on_a_terminal(project, *words, **screen)
    for number in range(9):
        (project / f"{number}.txt").write_text("x")
    recorded("run", "--", "sh", "-c", "cat ?.txt > all.txt")
    assert "PAGED" in on_a_terminal(project, *words, **screen)
