"""What the git adapter says of a repository's commits, files and names."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from histories import random_history

from provgraph.errors import UsageError
from provgraph.ingest import Adapter, ReadContext, adapter, names
from provgraph.ingest import git as git_adapter
from provgraph.model.journal import SegmentWriter, read_segment
from provgraph.model.records import CommitSeen
from provgraph.model.uri import path_of

SECOND = 1_000_000_000
ABSENT = ""


def git_blob(content: bytes) -> str:
    return "git:" + hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def test_the_module_is_an_adapter_and_is_found_by_its_file_name() -> None:
    checked: Adapter = git_adapter
    assert adapter("git") is checked
    assert "git" in names()


def test_an_unknown_adapter_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="unknown adapter `gitt`") as caught:
        adapter("gitt")
    assert caught.value.hint == "`git` might be meant"


def test_a_module_that_is_no_adapter_cannot_be_asked_for() -> None:
    for name in ("capture", "__init__", "git.stream", "../git", ""):
        with pytest.raises(UsageError):
            adapter(name)


def test_an_unknown_option_is_refused(repository: Any) -> None:
    with pytest.raises(UsageError, match="no option `al`") as caught:
        repository.read(al=True)
    assert caught.value.hint == "`all` might be meant"


def test_a_commit_has_its_author_times_message_and_parents(repository: Any) -> None:
    first = repository.commit("The first\n\nIts body\nof two lines", a=b"1")
    second = repository.commit("", a=b"2")
    one, two = repository.read().commits
    assert one == CommitSeen(
        sha=first,
        parents=[],
        author="Ann Lee",
        email="ann@example.org",
        authored=1_700_000_030 * SECOND,
        committed=1_700_000_060 * SECOND,
        message="The first\n\nIts body\nof two lines",
        told="whole",
    )
    assert (two.sha, two.parents, two.message) == (second, [first], "")


def test_a_file_precedes_its_commit_if_it_was_made_in_the_same_second(repository: Any) -> None:
    repository.commit(a=b"1")
    (change,), (commit,) = repository.read().changes, repository.read().commits
    assert change.at == commit.committed + 999_999_999


def test_additions_changes_and_removals_are_told_by_blob(repository: Any) -> None:
    first = repository.commit(a=b"1", b=b"b")
    second = repository.commit(a=b"2")
    (repository.path / "b").unlink()
    third = repository.commit()
    records = repository.read()
    assert records.of(first) == {"a": git_blob(b"1"), "b": git_blob(b"b")}
    assert records.of(second) == {"a": git_blob(b"2")}
    assert records.of(third) == {"b": ABSENT}


def test_a_rename_is_a_removal_and_an_addition_of_one_blob(repository: Any) -> None:
    repository.git("config", "diff.renames", "copies")
    repository.commit(old=b"the same\n" * 20)
    repository.git("mv", "old", "new")
    renamed = repository.commit()
    assert repository.read().of(renamed) == {"old": ABSENT, "new": git_blob(b"the same\n" * 20)}


def test_a_changed_mode_alone_is_no_change_of_content(repository: Any) -> None:
    repository.commit(a=b"1")
    (repository.path / "a").chmod(0o755)
    chmod = repository.commit()
    (repository.path / "a").chmod(0o644)
    both = repository.commit(a=b"2")
    records = repository.read()
    assert records.of(chmod) == {}
    assert records.of(both) == {"a": git_blob(b"2")}


def test_a_symbolic_link_is_a_file_that_holds_its_target(repository: Any) -> None:
    (repository.path / "link").symlink_to("target")
    made = repository.commit()
    (repository.path / "link").unlink()
    replaced = repository.commit(link=b"target")
    records = repository.read()
    assert records.of(made) == {"link": git_blob(b"target")}
    assert records.of(replaced) == {"link": git_blob(b"target")}, "now it is a file"


def test_a_submodule_is_left_out_and_that_is_said(repository: Any) -> None:
    repository.commit(a=b"1", sub=b"a file first")
    (repository.path / "sub").unlink()
    repository.git("update-index", "--force-remove", "sub")
    entry = f"160000,{'1' * 40},sub"
    repository.git("update-index", "--add", "--cacheinfo", entry)
    repository.git("commit", "--quiet", "-m", "a submodule takes its place")
    replaced = repository.git("rev-parse", "HEAD")
    repository.git("update-index", "--cacheinfo", f"160000,{'2' * 40},sub")
    repository.git("commit", "--quiet", "-m", "it moves")
    moved = repository.git("rev-parse", "HEAD")
    records = repository.read()
    assert records.of(replaced) == {"sub": ABSENT}
    assert records.of(moved) == {}
    assert any("1 changes of submodules" in note for note in repository.notes)


def test_a_merge_tells_what_differs_from_its_first_parent(repository: Any) -> None:
    base = repository.commit(a=b"base", b=b"base", c=b"base", e=b"base")
    repository.git("checkout", "--quiet", "-b", "side")
    (repository.path / "e").unlink()
    side = repository.commit(a=b"side", c=b"side")
    repository.git("checkout", "--quiet", "main")
    main = repository.commit(b=b"main", c=b"main")
    repository.git("merge", "--quiet", "-s", "ours", "--no-commit", "side")
    (repository.path / "e").unlink()
    merge = repository.commit(a=b"side", c=b"resolved", d=b"new in the merge")
    records = repository.read()
    assert records.of(base).keys() == {"a", "b", "c", "e"}
    assert records.of(side).keys() == {"a", "c", "e"}
    told = {"a": b"side", "c": b"resolved", "d": b"new in the merge"}
    assert records.of(merge) == {name: git_blob(held) for name, held in told.items()} | {
        "e": ABSENT
    }
    assert records.commits[-1].parents == [main, side]
    assert [commit.told for commit in records.commits] == ["whole", *["changes"] * 3]


def test_an_octopus_tells_what_it_took_from_the_others(repository: Any) -> None:
    repository.commit(a=b"base")
    for branch in ("one", "two", "three"):
        repository.git("checkout", "--quiet", "-b", branch, "main")
        repository.commit(**{branch: branch.encode()})
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "-m", "octopus", "one", "two", "three")
    merge = repository.git("rev-parse", "HEAD")
    assert repository.read().of(merge).keys() == {"one", "two", "three"}


def test_a_file_that_a_merge_removes_from_all_sides_is_removed_by_it(repository: Any) -> None:
    repository.commit(a=b"base")
    repository.git("checkout", "--quiet", "-b", "side")
    repository.commit(b=b"side")
    repository.git("checkout", "--quiet", "main")
    repository.commit(c=b"main")
    repository.git("merge", "--quiet", "--no-commit", "side")
    repository.git("rm", "--quiet", "-f", "a")
    merge = repository.commit()
    assert repository.read().of(merge) == {"a": ABSENT, "b": git_blob(b"side")}


def test_parents_come_before_children(repository: Any) -> None:
    # Committed backwards in time, so that the order is that of the graph and not of the clock.
    for number in range(5):
        repository.seconds -= 1000
        repository.commit(a=b"%d" % number)
    seen: set[str] = set()
    for commit in repository.read().commits:
        assert seen.issuperset(commit.parents)
        seen.add(commit.sha)
    assert len(seen) == 5


NAMES = [
    b"new\nline",
    b"\nbegins with one",
    b'quote"s and \\ and \ttab',
    b"caf\xc3\xa9",
    b"latin-\xe9",
    b":100644 100644 imitates an entry",
    b"--option",
    b" spaces ",
    b"deep/er/est",
    b"\x01\x7f",
    "\U0010ffe9 looks like our escape".encode(),
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_comes_back_from_its_uri(repository: Any, name: bytes) -> None:
    repository.write(name, b"1")
    repository.commit()
    (change,) = repository.read().changes
    expected = os.path.join(os.fsencode(repository.path), name)
    assert path_of(change.uri, os.fsencode(repository.path), "here") == expected


def test_a_message_in_another_encoding_is_read_as_what_it_says(repository: Any) -> None:
    repository.git("config", "i18n.commitEncoding", "ISO-8859-1")
    repository.git("config", "i18n.logOutputEncoding", "UTF-16")
    repository.commit("x")
    repository.git("commit", "--quiet", "--allow-empty", "-F", "-", given=b"caf\xe9")
    assert repository.read().commits[-1].message == "café"


def test_what_is_not_text_in_a_message_is_replaced(repository: Any) -> None:
    repository.commit("x")
    tree = repository.git("rev-parse", "HEAD^{tree}")
    raw = f"tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 2 +0000\n\n".encode()
    sha = repository.git("hash-object", "-t", "commit", "-w", "--stdin", given=raw + b"a\xff\xfeb")
    repository.git("branch", "odd", sha)
    assert [c.message for c in repository.read().commits if c.sha == sha] == ["a\ufffd\ufffdb"]


def test_the_committed_mailmap_names_authors_and_a_personal_one_does_not(
    repository: Any, tmp_path: Path
) -> None:
    personal = tmp_path / "personal"
    personal.write_text("Wrong <wrong@example.org> <ann@example.org>\n")
    repository.git("config", "mailmap.file", str(personal))
    repository.commit(a=b"1")
    assert repository.read().commits[0].email == "ann@example.org"
    repository.commit(**{".mailmap": b"Ann B. Lee <lee@example.org> <ann@example.org>\n"})
    bare = tmp_path / "bare.git"
    repository.git("clone", "--quiet", "--bare", str(repository.path), str(bare))
    for source in (repository.path, bare):
        named = {(c.author, c.email) for c in repository.read(source=source).commits}
        assert named == {("Ann B. Lee", "lee@example.org")}


def test_nothing_in_a_configuration_changes_what_is_read(repository: Any) -> None:
    repository.commit(a=b"1\n" * 50, b=b"2")
    repository.git("mv", "a", "c")
    repository.commit("renamed", b=b"3")
    repository.git("notes", "add", "-m", "a note\n:100644 in it", "HEAD")
    plain = repository.read()
    for key, value in {
        "log.showSignature": "true",
        "log.showRoot": "false",
        "log.diffMerges": "first-parent",
        "log.decorate": "full",
        "log.date": "relative",
        "log.follow": "true",
        "format.pretty": "fuller",
        "format.notes": "true",
        "notes.displayRef": "refs/notes/*",
        "diff.renames": "copies",
        "diff.relative": "true",
        "diff.noprefix": "true",
        "diff.external": "false",
        "diff.orderFile": "/dev/null",
        "diff.ignoreSubmodules": "all",
        "diff.submodule": "log",
        "core.quotePath": "true",
        "core.abbrev": "4",
        "core.pager": "false",
        "color.ui": "always",
        "color.diff": "always",
    }.items():
        repository.git("config", key, value)
    assert repository.read() == plain


def test_a_repository_that_is_the_project_gives_relative_names(repository: Any) -> None:
    repository.write("data/raw.csv", b"1")
    repository.commit()
    (repository.path / "deep").mkdir()
    assert [c.uri for c in repository.read().changes] == ["data/raw.csv"]
    below = repository.read(source=repository.path / "data")
    assert [c.uri for c in below.changes] == ["data/raw.csv"], "named by a folder in it"


def test_a_repository_inside_the_project_is_named_from_the_projects_root(
    repository: Any, tmp_path: Path
) -> None:
    repository.commit(a=b"1")
    assert [c.uri for c in repository.read(root=tmp_path).changes] == ["repository/a"]


def test_what_lies_outside_of_the_project_is_a_file_uri(repository: Any) -> None:
    repository.write("project/inside", b"1")
    repository.write("outside", b"2")
    repository.commit()
    uris = [c.uri for c in repository.read(root=repository.path / "project").changes]
    assert uris == [f"file://here{repository.path}/outside", "inside"]


def test_a_project_that_is_reached_through_a_symbolic_link_is_the_same(
    repository: Any, tmp_path: Path
) -> None:
    repository.commit(a=b"1")
    link = tmp_path / "link"
    link.symlink_to(repository.path)
    assert [c.uri for c in repository.read(root=link, source=link).changes] == ["a"]


def test_a_bare_repository_is_read_under_its_own_folder(
    repository: Any, make_repository: Callable[..., Any], tmp_path: Path
) -> None:
    repository.commit(a=b"1")
    bare = make_repository("bare.git", "--bare")
    repository.git("push", "--quiet", str(bare.path), "main")
    assert [c.uri for c in bare.read(root=repository.path).changes] == [f"file://here{bare.path}/a"]
    assert [c.uri for c in bare.read(root=tmp_path).changes] == ["bare.git/a"]


def test_a_linked_work_tree_names_files_from_itself(repository: Any, tmp_path: Path) -> None:
    repository.commit(a=b"1")
    linked = tmp_path / "linked"
    repository.git("worktree", "add", "--quiet", str(linked))
    assert [c.uri for c in repository.read(root=linked, source=linked).changes] == ["a"]


def test_a_repository_with_its_git_folder_elsewhere_is_read(
    make_repository: Callable[..., Any], tmp_path: Path
) -> None:
    repository = make_repository("tree", f"--separate-git-dir={tmp_path / 'elsewhere'}")
    repository.commit(a=b"1")
    assert [c.uri for c in repository.read().changes] == ["a"]


def test_sha256_repositories_are_read(make_repository: Callable[..., Any]) -> None:
    repository = make_repository("new", "--object-format=sha256")
    first = repository.commit(a=b"1")
    second = repository.commit(a=b"2")
    records = repository.read()
    content = hashlib.sha256(b"blob 1\0" + b"2").hexdigest()
    assert records.of(second) == {"a": f"git:{content}"}
    assert len(first) == 64
    assert repository.read(known=records) == []


def test_a_large_file_pointer_is_what_is_committed(repository: Any) -> None:
    pointer = (
        b"version https://git-lfs.github.com/spec/v1\n"
        b"oid sha256:" + hashlib.sha256(b"weights").hexdigest().encode() + b"\nsize 7\n"
    )
    repository.write("clean", b"")
    repository.git("config", "filter.lfs.clean", f"cat >/dev/null; printf '{pointer.decode()}'")
    repository.git("config", "filter.lfs.smudge", "printf weights")
    repository.write(".gitattributes", b"*.pkl filter=lfs\n")
    repository.write("model.pkl", b"weights")
    sha = repository.commit()
    assert repository.read().of(sha)["model.pkl"] == git_blob(pointer)


def test_normalised_line_ends_are_what_is_committed(repository: Any) -> None:
    repository.write(".gitattributes", b"* text=auto\n")
    sha = repository.commit(a=b"one\r\ntwo\r\n")
    assert repository.read().of(sha)["a"] == git_blob(b"one\ntwo\n")


def test_branches_tags_and_head_are_read_and_all_reads_every_ref(repository: Any) -> None:
    main = repository.commit(a=b"1")
    shas = {}
    for name in ("branch", "tag", "remote", "detached"):
        repository.git("checkout", "--quiet", "--detach", main)
        shas[name] = repository.commit(name)
    repository.git("branch", "topic", shas["branch"])
    repository.git("tag", "-a", "-m", "annotated", "v1", shas["tag"])
    repository.git("tag", "of-a-blob", "HEAD:a")
    repository.git("tag", "of-a-tree", "HEAD^{tree}")
    repository.git("update-ref", "refs/remotes/origin/topic", shas["remote"])
    repository.git("notes", "add", "-m", "about it", main)
    own = {main, shas["branch"], shas["tag"], shas["detached"]}
    assert {c.sha for c in repository.read().commits} == own
    everything = repository.read(all=True)
    assert {c.sha for c in everything.commits} == own | {shas["remote"]}
    assert {c.uri for c in everything.changes} == {"a"}, "notes hold no file of the project"


def test_progress_counts_up_to_the_number_of_commits(repository: Any) -> None:
    script = b"".join(
        b"commit refs/heads/many\ncommitter A <a@b> %d +0000\ndata 0\nM 644 inline a\ndata 3\n%03d\n"
        % (number, number)
        for number in range(600)
    )
    repository.git("fast-import", "--quiet", given=script)
    told: list[tuple[int, int | None]] = []
    context = ReadContext(
        repository.path, "p", progress=lambda done, total: told.append((done, total))
    )
    assert len(list(adapter("git").read("", context))) == 2 * 600
    assert told == sorted(told)
    assert told[-1] == (600, 600)
    assert len(told) > 2


def test_records_come_back_from_a_journal_as_they_were(repository: Any, tmp_path: Path) -> None:
    repository.write(b"odd-\xff\n", b"1")
    repository.commit("caf\udce9 and \x1b[31mcolour")
    records = repository.read()
    with SegmentWriter(tmp_path, "project", "git") as writer:
        for record in records:
            writer.write(record)
    assert read_segment(writer.path).records == records


@pytest.mark.parametrize("seed", range(6))
def test_every_tree_is_its_first_parents_with_what_the_commit_told(
    repository: Any, seed: int
) -> None:
    repository.git("fast-import", "--quiet", given=random_history(seed))
    read = repository.read()

    def tree(sha: str) -> dict[str, str]:
        entries = repository.git("ls-tree", "-r", "-z", sha).split("\0")[:-1]
        return {e.split("\t")[1]: "git:" + e.split("\t")[0].split()[2] for e in entries}

    assert len(read.commits) == len(repository.git("rev-list", "--branches").split())
    for commit in read.commits:
        after, told = tree(commit.sha), read.of(commit.sha)
        before = tree(commit.parents[0]) if commit.parents else {}
        assert {uri: blob for uri, blob in (before | told).items() if blob != ABSENT} == after
        assert ABSENT not in {
            before.get(uri, ABSENT) for uri, blob in told.items() if blob == ABSENT
        }
