"""`@commit:` means what git means: each file as it is in the commit's tree."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random

import msgspec
import pytest
from histories import random_history

from provgraph.asking.missing import Beside, missing
from provgraph.config import create_project
from provgraph.graph import Graph
from provgraph.ingest import ReadContext, adapter
from provgraph.model.journal import SegmentWriter
from provgraph.model.records import CommitSeen, Committed

SECOND = 1_700_000_000
WHO = {f"GIT_{role}_{what}": "a" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
SETTINGS = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


class Tree:
    """A work tree of git; `clock` gives the time of each commit."""

    def __init__(self, folder: Path, clock: Iterator[int]) -> None:
        self.folder, self.clock = folder, clock
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str, given: bytes = b"", fails: bool = False) -> str:
        now = f"{SECOND + next(self.clock)} +0000"
        when = {"GIT_AUTHOR_DATE": now, "GIT_COMMITTER_DATE": now}
        environment = os.environ | WHO | when | SETTINGS
        done = subprocess.run(
            ["git", *words],
            cwd=self.folder,
            env=environment,
            input=given,
            capture_output=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done.stdout.decode().strip()

    def commit(self, **contents: str | None) -> str:
        for name, content in contents.items():
            path = self.folder / f"{name}.txt"
            path.unlink(missing_ok=True) if content is None else path.write_text(content)
        self.git("add", "--all", "*.txt")
        self.git("commit", "-qm", "more")
        return self.git("rev-parse", "HEAD")

    def trees(self) -> dict[str, dict[str, str]]:
        """For each commit the blob that git itself says each file has in it."""
        trees = {}
        for sha in self.git("rev-list", "--all").split():
            lines = [line.split() for line in self.git("ls-tree", "-r", sha).splitlines()]
            trees[sha] = {name: f"git:{blob}" for _, _, blob, name in lines}
        return trees


def branch(tree: Tree) -> None:
    """Some commits are made within one second, where the clock tells seconds at all."""
    tree.commit(a="1", b="1", kept="1", gone="1", both="1")
    tree.commit(a="2")
    tree.git("switch", "-qc", "side")
    tree.commit(b="2")
    for content in "3", "4", "1":  # the first content again
        tree.commit(b=content, side=content)
    tree.commit(gone=None, kept="side", both="side")
    tree.git("switch", "-q", "main")
    tree.commit(a="3")
    tree.commit(c="1", both="main")


def merge(tree: Tree) -> None:
    """In each of the ways in which a merge may leave a side out."""
    tree.git("branch", "ours")
    tree.git("branch", "theirs")
    tree.git("branch", "evil")
    tree.git("branch", "removed")
    tree.git("switch", "-q", "ours")
    tree.git("merge", "-q", "-s", "ours", "-m", "ours", "side")
    tree.commit(d="ours")
    tree.git("switch", "-q", "theirs")
    tree.git("merge", "-q", "-X", "theirs", "-m", "theirs", "side")
    tree.git("switch", "-q", "evil")
    tree.git("merge", "-q", "-X", "ours", "--no-commit", "side")
    tree.commit(a="in no parent", new="in no parent", c=None)
    tree.git("switch", "-q", "removed")
    tree.commit(kept=None)  # which the other side has changed
    tree.git("merge", "-q", "side", fails=True)
    tree.commit(kept=None, both="resolved")
    tree.git("switch", "-qc", "again", "removed~1")
    tree.git("merge", "-q", "side", fails=True)
    tree.commit(kept="side", both="side")
    tree.git("switch", "-q", "main")
    for name in "x", "y":
        tree.git("switch", "-qc", name, "main")
        tree.commit(**{name: name})
        tree.commit(**{name: None})
        tree.commit(**{name: name + name})
    tree.git("switch", "-q", "main")
    tree.commit(x="main's own", z="z")
    tree.commit(x=None)
    tree.git("merge", "-q", "-m", "octopus", "x", "y")
    tree.commit(a="5")
    tree.git("merge", "-q", "-X", "theirs", "-m", "what was merged", "theirs")
    tree.commit(a="6", b=None)


CLOCKS: dict[str, Callable[[], Iterator[int]]] = {
    "a second a command": lambda: count(),
    "some within a second": lambda: (second // 9 for second in count()),
    "backwards": lambda: count(10_000, -7),
    "anything": lambda: iter(Random(4).choices(range(10_000), k=1000)),
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_file_at_a_commit_is_what_the_commits_tree_has(tmp_path: Path, clock: str) -> None:
    tree = Tree(tmp_path, CLOCKS[clock]())
    branch(tree)
    merge(tree)
    with Graph(create_project(tmp_path)) as graph:
        graph.ingest("git", str(tmp_path))
        agrees(graph, tree.trees())


@pytest.mark.parametrize("seed", range(3))
def test_a_file_at_a_commit_of_any_history_is_what_the_commits_tree_has(
    tmp_path: Path, seed: int
) -> None:
    tree = Tree(tmp_path, count())
    tree.git("fast-import", "--quiet", given=random_history(seed))
    with Graph(create_project(tmp_path)) as graph:
        graph.ingest("git", str(tmp_path))
        agrees(graph, tree.trees())


def test_merges_that_an_earlier_version_read_are_read_again(tmp_path: Path) -> None:
    """It told of a merge what differs from all its parents."""
    tree = Tree(tmp_path, count())
    branch(tree)
    merge(tree)
    project, trees = create_project(tmp_path), tree.trees()
    merges = set(tree.git("rev-list", "--all", "--merges").split())
    with SegmentWriter(project.journal, project.id, "git-earlier") as writer:
        for record in adapter("git").read("", ReadContext(tmp_path, project.id)):
            if isinstance(record, CommitSeen):
                writer.write(msgspec.structs.replace(record, told=""))
            elif not (isinstance(record, Committed) and record.sha in merges):
                writer.write(record)
    last = tree.git("rev-parse", "main")
    (cut,) = (
        each for each in tree.git("rev-list", "--first-parent", last).split()[:3] if each in merges
    )
    little = f"not all files at commit {last} are known: an earlier provgraph read too little of commit {cut[:9]}"
    with Graph(project) as graph:
        graph.sync()
        (told,) = missing(Beside(graph), graph.ask(f'file "kept.txt"@"commit:{last}"').plan)
        assert str(told) == f"{little}\n  hint: `provgraph ingest git` reads it again"
        (remark,) = graph.ask(f'file *@"commit:{last}"').remarks
        assert remark == f"{little}; `provgraph ingest git` reads it again"
        graph.ingest("git", str(tmp_path))
        assert graph.ask(f'file *@"commit:{last}"').remarks == ()
        agrees(graph, trees)
        assert graph.ingest("git", str(tmp_path)) == 0


def test_a_shallow_clone_that_was_deepened_has_at_its_old_end_what_was_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "whole").mkdir()
    tree = Tree(tmp_path / "whole", count())
    for name in "abc":
        tree.commit(**{name: "1"})
    tree.commit(a=None)
    tree.commit(b="2")
    tree.git("clone", "--quiet", "--depth=2", f"file://{tree.folder}", str(tmp_path / "clone"))
    tree.folder = tmp_path / "clone"
    with Graph(create_project(tree.folder)) as graph:
        graph.ingest("git", str(tree.folder))
        assert graph.ingest("git", str(tree.folder)) == 0
        tree.git("fetch", "--quiet", "--unshallow")
        graph.ingest("git", str(tree.folder))
        agrees(graph, tree.trees())


def agrees(graph: Graph, trees: dict[str, dict[str, str]]) -> None:
    """Asked for all files at once, and for each that there ever was."""
    assert len(trees) >= 5
    names = sorted({name for tree in trees.values() for name in tree})
    for sha, tree in trees.items():
        found = graph.ask(f'file *@"commit:{sha}" | select path, blob')
        assert {row["path"]: row["blob"] for row in found} == tree
    for sha, tree in list(trees.items())[::5]:
        for name in names:
            one = graph.ask(f'file "{name}"@"commit:{sha[:12]}" | select blob')
            assert [row["blob"] for row in one] == ([tree[name]] if name in tree else [])
