"""Does a file that git brought back lead to the commit or the version that it is a copy of?"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from capture.workspace import Workspace

from provgraph.graph import Graph
from provgraph.model.records import Derived, Used


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    """A repository of two commits: `f` was `one`, and is `two`."""
    git(workspace, "init", "-q")
    for day, text in ((1, "one\n"), (2, "two\n")):
        (workspace.root / "f").write_text(text)
        git(workspace, "add", "f")
        git(workspace, "commit", "-qm", text, day=day)
    return workspace


def git(workspace: Workspace, *words: str, day: int = 3) -> str:
    who = {"NAME": "Ann", "EMAIL": "a@b.c", "DATE": f"2026-01-0{day}T00:00:00Z"}
    own = {f"GIT_{of}_{name}": text for of in ("AUTHOR", "COMMITTER") for name, text in who.items()}
    return subprocess.run(
        ["git", "-C", workspace.root, *words],
        check=True,
        capture_output=True,
        text=True,
        env=workspace.environment | own,
    ).stdout.strip()


def origins(workspace: Workspace, name: str) -> list[tuple[str, str]]:
    """The versions that the newest one was made from, and since when there is each."""
    workspace.records()
    with Graph.open(workspace.root) as graph:
        graph.ingest("git", str(workspace.root))
        asked = f'file "{name}" | lineage | where not (kind = step) | select name, created'
        rows = graph.ask(asked).rows.values
        return [
            (str(name), time.strftime("%F", time.gmtime(int(at) // 10**9))) for name, at in rows
        ]


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("checkout -q -- f", 2),
        ("checkout -q HEAD~1 -- f", 1),
        ("restore f", 2),
        ("restore --source HEAD~1 f", 1),
        ("reset -q --hard HEAD~1", 1),
    ],
)
def test_what_git_brings_back_is_a_copy_of_what_a_commit_has(
    workspace: Workspace, words: str, day: int
) -> None:
    (workspace.root / "f").write_text("not\n")  # as long as what comes back: git looks into it
    assert workspace.run("git", *words.split()).returncode == 0
    assert origins(workspace, "f") == [("f", f"2026-01-0{day}")]
    assert workspace.ended.verdict == "complete"


def test_a_file_that_git_knows_and_that_was_only_given_another_time_is_no_change(
    workspace: Workspace,
) -> None:
    touch = "import os; os.utime('f', (1, 1))"  # as `pathlib.Path.touch` does
    assert workspace.run(sys.executable, "-c", touch).returncode == 0
    assert workspace.ended.gaps == []
    assert "f" not in workspace.generated()


def test_a_switch_of_branches_and_a_stash_bring_back_what_a_run_made(workspace: Workspace) -> None:
    (workspace.root / "in").write_text("made\n")
    assert workspace.run("sh", "-c", "cat in > f").returncode == 0
    assert workspace.run("git", "stash", "-q").returncode == 0
    assert workspace.run("git", "switch", "-q", "--detach", "HEAD~1").returncode == 0
    assert (workspace.root / "f").read_text() == "one\n"
    git(workspace, "switch", "-q", "-")
    assert workspace.run("git", "stash", "pop", "-q").returncode == 0
    assert [name for name, _ in origins(workspace, "f")] == ["f", "in"]


def test_what_git_makes_of_a_patch_comes_from_the_patch(workspace: Workspace) -> None:
    (workspace.root / "f").write_text("three\n")
    (workspace.root / "change").write_text(git(workspace, "diff") + "\n")
    git(workspace, "checkout", "-q", "--", "f")
    assert workspace.run("git", "apply", "--index", "change").returncode == 0
    assert (workspace.root / "f").read_text() == "three\n"
    assert workspace.all(Derived) == []
    assert {record.uri for record in workspace.all(Used)} >= {"f", "change"}


def test_what_another_repository_keeps_is_no_origin_here(workspace: Workspace) -> None:
    other = workspace.root.parent / "other"
    subprocess.run(["git", "clone", "-q", workspace.root, other], check=True)
    (other / "g").write_text("only there\n")
    there = Workspace(workspace.project, workspace.environment)
    there.root = other
    git(there, "add", "g")
    git(there, "commit", "-qm", "g")
    assert workspace.run("git", "clone", "-q", os.fspath(other), "within").returncode == 0
    assert "within/g" in workspace.generated()
    assert not any(record.uri == "within/g" for record in workspace.all(Derived))
