"""What a run has read is known by what it was then, whatever became of it; or it is said to be unknown."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from blake3 import blake3
from capture.workspace import Workspace

from provgraph.model.journal import segments

READ_THEN_WRITTEN = """
import os, sys
name, way = sys.argv[1:]
open(name, "rb").read(10)
if way == "emptied":
    with open(name, "wb") as file:
        file.write(b"new")
elif way == "truncated":
    os.truncate(name, 3)
elif way == "shortened":
    with open(name, "r+b") as file:
        file.truncate(3)
elif way == "replaced":
    with open("fresh", "wb") as file:
        file.write(b"new")
    os.rename("fresh", name)
elif way == "removed":
    os.remove(name)
elif way == "changed":
    with open(name, "r+b") as file:
        file.write(b"new")
"""
UNKNOWN = "1 file changed or went before being hashed"


def digest_of(data: bytes) -> str:
    return "blake3:" + blake3(data).hexdigest()


@pytest.mark.parametrize("way", ["emptied", "shortened", "replaced", "removed", "changed"])
def test_a_small_input_that_the_run_then_destroys_has_the_digest_of_what_was_read(
    workspace: Workspace, way: str
) -> None:
    old = os.urandom(50_000)
    (workspace.root / "in").write_bytes(old)
    assert workspace.run(sys.executable, "-c", READ_THEN_WRITTEN, "in", way).returncode == 0
    assert workspace.used()["in"].content.digest == digest_of(old)
    assert workspace.ended.verdict == "complete"


@pytest.mark.parametrize("way", ["emptied", "truncated", "replaced", "removed", "changed"])
def test_a_large_input_that_the_run_then_destroys_has_that_digest_or_is_said_to_be_unknown(
    workspace: Workspace, way: str
) -> None:
    old = os.urandom(400_000)
    (workspace.root / "in").write_bytes(old)
    assert workspace.run(sys.executable, "-c", READ_THEN_WRITTEN, "in", way).returncode == 0
    found = workspace.used()["in"].content
    known = found.digest == digest_of(old)
    assert known or (found.digest, found.size) == ("", len(old))
    assert workspace.ended.gaps == ([] if known else [UNKNOWN])


@pytest.mark.parametrize("backend", ["preload", "ptrace"])
def test_a_small_database_that_a_run_adds_to_has_the_digest_of_what_it_was(
    workspace: Workspace, backend: str
) -> None:
    adding = "import sqlite3\nwith sqlite3.connect('db') as db: db.execute('CREATE TABLE {} (n)')"
    subprocess.run([sys.executable, "-c", adding.format("a")], cwd=workspace.root, check=True)
    old = (workspace.root / "db").read_bytes()
    done = workspace.run(sys.executable, "-c", adding.format("b"), flags=("--backend", backend))
    assert done.returncode == 0
    assert workspace.used()["db"].content.digest == digest_of(old)
    assert workspace.ended.verdict == "complete"


@contextmanager
def growing(path: Path) -> Iterator[None]:
    """A file that somebody else appends to all the time."""
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b"x")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


def test_an_input_that_another_program_changes_meanwhile_is_said_to_be_unknown(
    workspace: Workspace,
) -> None:
    old = bytes(20_000_000)
    (workspace.root / "log").write_bytes(old)
    with growing(workspace.root / "log"):
        for _ in range(20):
            for segment in segments(workspace.project.journal):
                segment.unlink()
            assert workspace.run("head", "-c", "1", "log").returncode == 0
            found = workspace.used()["log"].content
            if not found.digest:
                break
            # The other program did not come to its turn meanwhile.
            assert found.digest == digest_of(old + b"x" * (found.size - len(old)))
    assert (found.digest, found.stat is None) == ("", False)
    assert UNKNOWN in workspace.ended.gaps
