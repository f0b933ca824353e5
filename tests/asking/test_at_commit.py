"""`@commit:` means what git means: each file as it is in the commit's tree."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provgraph.config import create_project
from provgraph.graph import Graph

SECOND = 1_700_000_000


@pytest.fixture
def commits(tmp_path: Path) -> dict[str, dict[str, str]]:
    """A repository with two branches that were merged, and a project in it. For each commit the
    blob that git itself says each file has in it. Some commits were made within one second."""
    clock = iter((*range(9), 9, 9, 9, *range(10, 90)))

    def git(*words: str) -> str:
        now = f"{SECOND + next(clock)} +0000"
        who = {
            f"GIT_{role}_{what}": "a"
            for role in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        when = {"GIT_AUTHOR_DATE": now, "GIT_COMMITTER_DATE": now}
        done = subprocess.run(
            ["git", *words],
            cwd=tmp_path,
            env=os.environ | who | when,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def commit(**contents: str) -> None:
        for name, content in contents.items():
            (tmp_path / f"{name}.txt").write_text(content)
        git("add", "--all", "*.txt")
        git("commit", "-qm", "more")

    git("init", "-q", "-b", "main")
    commit(a="1", b="1")
    commit(a="2")
    git("switch", "-qc", "side")
    commit(b="2")
    for content in "3", "4", "1":  # the first content again
        commit(b=content, side=content)
    git("switch", "-q", "main")
    commit(a="3")
    commit(c="1")
    git("merge", "-q", "--no-ff", "-m", "both", "side")
    commit(a="4")
    create_project(tmp_path)
    trees = {}
    for sha in git("rev-list", "--all").split():
        lines = [line.split() for line in git("ls-tree", "-r", sha).splitlines()]
        trees[sha] = {name: f"git:{blob}" for _, _, blob, name in lines}
    return trees


def test_a_file_at_a_commit_is_what_the_commits_tree_has(
    tmp_path: Path, commits: dict[str, dict[str, str]]
) -> None:
    with Graph.open(tmp_path) as graph:
        graph.ingest("git", str(tmp_path))
        graph.sync()
        for sha, tree in commits.items():
            found = graph.ask(f'file *@"commit:{sha}" | select path, blob')
            assert {row["path"]: row["blob"] for row in found} == tree
            for name, blob in tree.items():
                (row,) = graph.ask(f'file "{name}"@"commit:{sha[:12]}" | select blob')
                assert row["blob"] == blob
