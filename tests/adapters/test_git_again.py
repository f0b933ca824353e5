"""Reading a repository again: only what is new, whatever happened to it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provgraph.ingest import ReadContext, adapter


@pytest.fixture
def branching(repository: Any) -> Any:
    """Seven commits: a side branch, a merge with content of its own, a tag, an empty commit."""
    repository.commit(a=b"1", b=b"1")
    repository.git("checkout", "--quiet", "-b", "side")
    repository.commit(a=b"side")
    repository.git("checkout", "--quiet", "main")
    repository.commit(a=b"main")
    repository.git("merge", "--quiet", "-s", "ours", "--no-commit", "side")
    repository.commit(a=b"both")
    repository.git("checkout", "--quiet", "--detach")
    repository.commit(c=b"tagged")
    repository.git("tag", "v1")
    repository.git("checkout", "--quiet", "main")
    repository.commit("empty")
    repository.commit(b=b"2")
    return repository


def test_nothing_new_is_nothing_read(branching: Any) -> None:
    before = branching.read()
    assert len(before.commits) == 7
    assert branching.read(known=before) == []


def test_only_new_commits_are_read(branching: Any) -> None:
    before = branching.read()
    first = branching.commit(a=b"new")
    branching.git("checkout", "--quiet", "side")
    second = branching.commit(d=b"new on a branch")
    after = branching.read(known=before)
    assert {c.sha for c in after.commits} == {first, second}
    assert after.of(first).keys() == {"a"}
    assert after.of(second).keys() == {"d"}


def test_reading_may_be_cut_short_at_any_record(branching: Any) -> None:
    whole = branching.read()
    for cut in range(len(whole) + 1):
        begun = whole[:cut]
        rest = branching.read(known=begun)
        assert len(rest.commits) + sum(r in whole.commits for r in begun) == 7
        assert {repr(record) for record in [*begun, *rest]} == {repr(record) for record in whole}


def test_commits_known_without_their_parents_are_not_read_again(branching: Any) -> None:
    shas = dict.fromkeys((c.sha for c in branching.read().commits), ())
    context = ReadContext(branching.path, "p", known=lambda: shas)
    assert list(adapter("git").read("", context)) == []


def test_a_rewritten_history_adds_what_replaced_the_old(branching: Any) -> None:
    before = branching.read()
    amended = branching.commit("reworded", "--amend", b=b"3")
    assert [c.sha for c in branching.read(known=before).commits] == [amended]


def test_commits_that_vanished_cost_no_commit_and_repeat_none(branching: Any) -> None:
    branching.git("branch", "-D", "side")
    before = branching.read()
    branching.git("reset", "--quiet", "--hard", "HEAD~2")
    added = branching.commit(b=b"instead")
    branching.git("reflog", "expire", "--expire=now", "--all")
    branching.git("gc", "--quiet", "--prune=now")
    assert [c.sha for c in branching.read(known=before).commits] == [added]


def test_another_repositorys_commits_do_not_matter(
    branching: Any, make_repository: Callable[..., Any]
) -> None:
    other = make_repository("other")
    other.commit(z=b"z")
    assert len(other.read(known=branching.read()).commits) == 1
    assert len(branching.read(known=other.read()).commits) == 7


def test_known_names_that_are_no_shas_never_reach_git(branching: Any) -> None:
    odd = {"--all": (), "HEAD": (), "--not\n": ("--glob=*",), "^main": (), "": ("",)}
    context = ReadContext(branching.path, "p", known=lambda: odd)
    assert len([r for r in adapter("git").read("", context) if hasattr(r, "parents")]) == 7


@pytest.fixture
def shallow(branching: Any, make_repository: Callable[..., Any], tmp_path: Path) -> Any:
    clone = make_repository("shallow")
    clone.git("remote", "add", "origin", f"file://{branching.path}")
    clone.git("fetch", "--quiet", "--depth=2", "origin", "main:main", "--update-head-ok")
    clone.git("reset", "--quiet", "--hard")
    return clone


def test_the_oldest_commit_of_a_shallow_clone_holds_its_files_and_names_its_parents(
    branching: Any, shallow: Any
) -> None:
    oldest, newest = shallow.read().commits
    assert (oldest.message, newest.message) == ("empty", "a change")
    assert oldest.parents == [branching.git("rev-parse", "HEAD~2")]
    assert shallow.read().of(oldest.sha).keys() == {"a", "b"}
    assert any("is shallow" in note for note in shallow.notes)
    assert shallow.read(known=shallow.read()) == []


def test_deepening_a_shallow_clone_adds_what_was_absent(branching: Any, shallow: Any) -> None:
    before = shallow.read()
    shallow.git("fetch", "--quiet", "--deepen=1", "origin")
    deeper = shallow.read(known=before)
    assert [c.sha for c in deeper.commits] == [branching.git("rev-parse", "HEAD~2")]
    shallow.git("fetch", "--quiet", "--unshallow", "origin", "main")
    last = shallow.read(known=[*before, *deeper])
    all_of_main = branching.git("rev-list", "main").split()
    assert {c.sha for c in [*before.commits, *deeper.commits, *last.commits]} == set(all_of_main)
    assert len(last.commits) == len(all_of_main) - 3


def test_new_commits_of_a_shallow_clone_are_read_alone(branching: Any, shallow: Any) -> None:
    before = shallow.read()
    added = shallow.commit(a=b"new")
    after = shallow.read(known=before)
    assert [c.sha for c in after.commits] == [added]
    assert after.of(added).keys() == {"a"}


def test_grafts_and_replacements_do_not_change_history(branching: Any) -> None:
    plain = branching.read()
    root = branching.git("rev-list", "--max-parents=0", "main")
    merge = branching.git("rev-parse", "main~2")
    branching.git("replace", "--graft", "main")
    branching.git("replace", "-f", merge, root)
    grafts = branching.path / ".git/info/grafts"
    grafts.parent.mkdir(exist_ok=True)
    grafts.write_text(merge + "\n")
    assert branching.read() == plain
    assert not [note for note in branching.notes if "graft" in note]
