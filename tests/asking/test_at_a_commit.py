"""Files at the commits of a real repository: what is there, and what is told of a file that is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import provgraph
from provgraph.asking.missing import Beside, missing
from provgraph.graph import Graph

NOON = 1_795_003_200  # 2026-11-18, 12:00 UTC
SUBJECTS = ("made", "gone", "changed", "again", "gone again")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Commits a minute apart: of `a.csv` and `k.txt`, without `a.csv`, of `k.txt`, of `a.csv`, without it."""
    folder = tmp_path_factory.mktemp("commits")
    git(folder, "init", "--quiet")
    for number, subject in enumerate(SUBJECTS):
        if "gone" in subject:
            (folder / "a.csv").unlink()
        else:
            (folder / "k.txt").write_text(subject)
        if subject in ("made", "again"):
            (folder / "a.csv").write_text(subject)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "-m", subject, at=NOON + 60 * number)
    for words in (["init"], ["ingest", "git"]):
        subprocess.run([sys.executable, "-m", "provgraph", *words], cwd=folder, check=True)
    return folder


@pytest.fixture
def graph(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    monkeypatch.chdir(repository)
    with provgraph.open() as opened:
        yield opened


def git(folder: Path, *words: str, at: int = NOON) -> str:
    who = {
        f"GIT_{role}_{key}": f"Ann{end}"
        for role in ("AUTHOR", "COMMITTER")
        for key, end in (("NAME", ""), ("EMAIL", "@example.org"))
    }
    when = {f"GIT_{role}_DATE": f"{at} +0000" for role in ("AUTHOR", "COMMITTER")}
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    said = subprocess.run(
        ["git", *words],
        cwd=folder,
        env=os.environ | who | when | settings,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return said.stdout.strip()


def sha(folder: Path, subject: str) -> str:
    return git(folder, "log", "--format=%H", f"--grep=^{subject}$")


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_file_is_there_at_the_commits_whose_tree_has_it(
    graph: Graph, repository: Path, subject: str
) -> None:
    """As git itself says."""
    commit = sha(repository, subject)
    for name in ("a.csv", "k.txt"):
        blobs = [
            f"git:{line.split()[2]}"
            for line in git(repository, "ls-tree", commit, name).splitlines()
        ]
        found = graph.ask(f'file "{name}"@"commit:{commit}" | select blob')
        assert [row["blob"] for row in found] == blobs


def test_a_file_that_a_commit_removed_is_told_of_with_what_there_was(
    graph: Graph, repository: Path
) -> None:
    made, gone, changed, again, gone_again = (sha(repository, subject) for subject in SUBJECTS)
    for commit, removed, before in (
        (gone, gone, made),
        (changed, gone, made),
        (gone_again, gone_again, again),
    ):
        (told,) = missing(Beside(graph), graph.ask(f"file a.csv@commit:{commit[:8]}").plan)
        assert str(told) == (
            f"`a.csv` is not there at commit {commit[:8]}: commit {removed[:9]} of Ann removed it on 2026-11-18\n"
            f"  hint: what it was before: `@commit:{before[:9]}`"
        )
        assert [row["blob"] for row in graph.ask(f"file a.csv@commit:{before[:9]} | select blob")]


def test_a_commit_where_a_digest_is_asked_for_is_told_of(graph: Graph, repository: Path) -> None:
    commit = "a" + sha(repository, "made")[:8]  # a letter: digits alone would be a number
    (told,) = missing(Beside(graph), graph.ask(f"file a.csv@commit:{commit}").plan)
    assert str(told).startswith(f"no commit begins with {commit}\n")
    known = sha(repository, "made")
    (told,) = missing(Beside(graph), graph.ask(f"file a.csv@sha:{known[:12]}").plan)
    assert str(told).endswith(
        f"hint: that is a commit: `@commit:{known[:12]}` is the file that it has"
    )
