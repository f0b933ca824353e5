"""What the git adapter does where a repository is absent, damaged or hostile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from provgraph.errors import IngestError
from provgraph.ingest import ReadContext, adapter
from provgraph.ingest.git.stream import MESSAGE_LENGTH, Naming, records
from provgraph.model.records import CommitSeen, Committed, Record

ZEROS = b"0" * 40


def object_path(repository: Any, sha: str) -> Path:
    path: Path = repository.path / ".git/objects" / sha[:2] / sha[2:]
    path.chmod(0o644)
    return path


def raw_commit(repository: Any, tree: str, message: bytes, times: str = "1 +0000") -> str:
    """A commit as no porcelain would make it."""
    head = f"tree {tree}\nauthor A <a@b> {times}\ncommitter A <a@b> {times}\n\n".encode()
    arguments = ("hash-object", "-t", "commit", "-w", "--stdin", "--literally")
    sha: str = repository.git(*arguments, given=head + message)
    return sha


def test_an_empty_repository_has_no_records_and_that_is_said(repository: Any) -> None:
    assert repository.read() == []
    assert repository.notes == [f"{repository.path} has no commits yet"]


def test_a_branch_without_commits_does_not_hide_the_others(repository: Any) -> None:
    repository.commit(a=b"1")
    repository.git("checkout", "--quiet", "--orphan", "unborn")
    assert len(repository.read().commits) == 1
    assert repository.notes == []


def test_a_folder_outside_of_repositories_is_refused(plain_git: None, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="is not in a git repository") as caught:
        list(adapter("git").read(str(tmp_path), ReadContext(tmp_path, "p")))
    assert caught.value.hint


@pytest.mark.parametrize("name", ["absent", "file"])
def test_what_is_no_folder_is_refused(plain_git: None, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IngestError, match=f"{name} is not a folder"):
        list(adapter("git").read(str(tmp_path / name), ReadContext(tmp_path, "p")))


def test_the_git_folder_of_a_work_tree_is_no_work_tree(repository: Any) -> None:
    with pytest.raises(IngestError, match="inside a repository's own folder"):
        repository.read(source=repository.path / ".git")


def test_a_missing_git_is_named(
    repository: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(IngestError, match="git is not installed"):
        repository.read()


def test_a_refusal_for_the_owners_sake_is_quoted_with_gits_remedy(
    repository: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(IngestError, match="dubious ownership") as caught:
        repository.read()
    assert f"git config --global --add safe.directory {repository.path}" in str(caught.value.hint)


def test_a_lost_tree_is_told_in_gits_words(repository: Any) -> None:
    repository.commit(a=b"1")
    repository.write("folder/b", b"2")
    repository.commit()
    lost = repository.git("rev-parse", "HEAD:folder")
    object_path(repository, lost).unlink()
    with pytest.raises(IngestError, match=lost) as caught:
        repository.read()
    assert caught.value.hint == "`git fsck` says what is damaged"


def test_a_commit_is_sealed_only_when_all_its_files_were_read() -> None:
    def torn() -> Iterator[bytes]:
        for sha in (b"a" * 40, b"b" * 40):
            yield sha + b"\0\0A\0a@b\0001\0001\0m\n\0\0\n"
            yield b":000000 100644 " + ZEROS + b" " + b"1" * 40 + b" A\0file\0"
        raise IngestError("git ended")

    taken: list[Record] = []
    with pytest.raises(IngestError, match="git ended"):
        taken.extend(records(torn(), Naming(b"/r", b"/r", "here"), {}))
    assert [type(record) for record in taken] == [Committed, CommitSeen, Committed]


def test_a_garbled_commit_is_told_in_gits_words(repository: Any) -> None:
    first = repository.commit(a=b"1")
    repository.commit(a=b"2")
    object_path(repository, first).write_bytes(b"garbage")
    with pytest.raises(IngestError, match=first):
        repository.read()


@pytest.mark.parametrize("content", ["1" * 40, "garbage"])
def test_a_broken_branch_is_an_error_in_gits_words(repository: Any, content: str) -> None:
    repository.commit(a=b"1")
    (repository.path / ".git/refs/heads/broken").write_text(content + "\n")
    with pytest.raises(IngestError, match="bad object"):
        repository.read()


def test_what_git_says_reaches_no_terminal_raw(repository: Any, tmp_path: Path) -> None:
    repository.commit(a=b"1")
    evil = tmp_path / "\x1b[31mred"
    shutil.copytree(repository.path, evil)
    (evil / ".git/refs/heads/broken").write_text("1" * 40 + "\n")
    with pytest.raises(IngestError) as caught:
        repository.read(source=evil)
    assert "\x1b" not in str(caught.value)


def test_a_hooks_environment_does_not_lead_elsewhere(
    repository: Any, make_repository: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_repository("other")
    other.commit(z=b"z")
    sha = repository.commit(a=b"1")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / ".git/index"))
    assert [c.sha for c in repository.read().commits] == [sha]


def test_names_of_refs_and_files_are_never_options(repository: Any) -> None:
    sha = repository.commit(HEAD=b"a file", main=b"another")
    for name in ("--output=stolen", "--exec=x", "-x"):
        refs = repository.path / ".git/packed-refs"
        with refs.open("a") as file:
            file.write(f"{sha} refs/heads/{name}\n")
    assert [c.sha for c in repository.read().commits] == [sha]
    assert sorted(repository.read().of(sha)) == ["HEAD", "main"]
    assert not (repository.path / "stolen").exists()


def test_a_message_cannot_pass_for_entries_or_commits(repository: Any) -> None:
    forged = f"x\n:000000 100644 {'0' * 40} {'1' * 40} A\nstolen\n{'2' * 40}\n"
    sha = repository.commit(forged, a=b"1")
    read = repository.read()
    assert read.of(sha).keys() == {"a"}
    assert read.commits[0].message == forged.rstrip("\n")


def test_a_nul_in_a_message_ends_it_and_nothing_else(repository: Any) -> None:
    repository.commit(a=b"1")
    tree = repository.git("rev-parse", "HEAD^{tree}")
    entry = b":000000 100644 " + ZEROS + b" " + b"1" * 40 + b" A\0stolen\0"
    sha = raw_commit(repository, tree, b"before\0" + entry)
    repository.git("branch", "odd", sha)
    read = repository.read()
    assert [c.message for c in read.commits if c.sha == sha] == ["before"]
    assert read.of(sha).keys() == {"a"}


def test_a_giant_message_is_cut(repository: Any) -> None:
    repository.commit(a=b"1")
    tree = repository.git("rev-parse", "HEAD^{tree}")
    sha = raw_commit(repository, tree, "é".encode() * 20_000_000)
    repository.git("branch", "odd", sha)
    (message,) = [c.message for c in repository.read().commits if c.sha == sha]
    assert message == "é" * MESSAGE_LENGTH


@pytest.mark.parametrize("times", ["-5 +0000", "99999999999999999999999 +0000", "x", ""])
def test_impossible_times_stay_within_what_the_journal_can_hold(
    repository: Any, times: str
) -> None:
    repository.commit(a=b"1")
    tree = repository.git("rev-parse", "HEAD^{tree}")
    sha = raw_commit(repository, tree, b"when?", times)
    repository.git("branch", "odd", sha)
    read = repository.read()
    (commit,) = [c for c in read.commits if c.sha == sha]
    assert 0 <= commit.committed < 2**63
    assert all(0 <= change.at < 2**63 for change in read.changes)


def test_thousands_of_parents_are_all_named(repository: Any) -> None:
    # Each parent has another content of `a`, and the merge yet another.
    script = b"".join(
        b"reset refs/tags/%d\ncommit refs/tags/%d\nmark :%d\ncommitter A <a@b> 1 +0000\ndata 0\n"
        b"M 644 inline a\ndata 4\n%04d\n" % (number, number, number, number)
        for number in range(1, 3001)
    )
    repository.git("fast-import", "--quiet", given=script)
    parents = repository.git("for-each-ref", "--format=%(objectname)", "refs/tags").split()
    repository.write("a", b"merged")
    repository.git("add", "a")
    tree = repository.git("write-tree")
    lines = "".join(f"parent {parent}\n" for parent in parents)
    raw = f"tree {tree}\n{lines}author A <a@b> 2 +0000\ncommitter A <a@b> 2 +0000\n\nall\n"
    sha = repository.git("hash-object", "-t", "commit", "-w", "--stdin", given=raw.encode())
    repository.git("update-ref", "refs/heads/main", sha)
    read = repository.read()
    merge = read.commits[-1]
    assert (merge.sha, len(merge.parents), set(merge.parents)) == (sha, 3000, set(parents))
    assert read.of(sha) == {"a": repository.blob("main:a")}


@pytest.mark.parametrize("name", [b"..", b".", b"../../etc/passwd", b"/etc/passwd", b"a//b"])
def test_names_that_no_work_tree_can_hold_are_left_out_and_that_is_said(
    repository: Any, name: bytes
) -> None:
    blob = repository.git("hash-object", "-w", "--stdin", given=b"1")
    entries = b"".join(
        b"100644 " + n + b"\0" + bytes.fromhex(blob) for n in sorted([name, b"fine"])
    )
    tree = repository.git(
        "hash-object", "-t", "tree", "-w", "--stdin", "--literally", given=entries
    )
    repository.git("branch", "odd", raw_commit(repository, tree, b"forged"))
    assert [change.uri for change in repository.read().changes] == ["fine"]
    assert any("no work tree can hold" in note for note in repository.notes)


def test_reading_runs_nothing_that_a_repository_names(repository: Any, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\necho $0 >>{marker}\n")
    script.chmod(0o755)
    repository.write(".gitattributes", b"* filter=evil diff=evil\n")
    repository.commit(a=b"1")
    repository.commit(a=b"2")
    before = repository.read()
    for key in (
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.command",
        "diff.evil.textconv",
        "diff.external",
        "core.pager",
        "pager.diff-tree",
        "pager.rev-list",
        "core.fsmonitor",
        "core.sshCommand",
        "core.editor",
        "gpg.program",
        "alias.rev-list",
    ):
        repository.git("config", key, str(script))
    repository.git("config", "log.showSignature", "true")
    hooks = repository.path / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-index-change", "reference-transaction", "fsmonitor-watchman"):
        shutil.copy(script, hooks / name)
    assert repository.read() == before
    assert not marker.exists()


def test_a_partial_clone_is_not_completed_behind_anybodys_back(
    repository: Any, tmp_path: Path
) -> None:
    repository.write("folder/a", b"1")
    repository.commit()
    repository.git("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    repository.git(
        *("clone", "--quiet", "--bare", "--filter=tree:0", f"file://{repository.path}"),
        str(partial),
    )
    marker = tmp_path / "marker"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\necho ran >{marker}\n")
    script.chmod(0o755)
    git = ("--git-dir", str(partial), "config")
    repository.git(*git, "remote.origin.uploadpack", str(script))
    repository.git(*git, "protocol.ext.allow", "always")
    for url in (f"file://{repository.path}", f"ext::{script}"):
        repository.git(*git, "remote.origin.url", url)
        with pytest.raises(IngestError, match="git cannot read") as caught:
            repository.read(source=partial)
        assert "the clone is partial" in str(caught.value.hint)
    assert not marker.exists()


def test_leaving_early_ends_git(repository: Any) -> None:
    script = b"".join(
        b"commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata 0\nM 644 inline a\ndata 5\n%05d\n"
        % (number, number)
        for number in range(20_000)
    )
    repository.git("fast-import", "--quiet", given=script)
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    before = set(children.read_text().split())
    reading = adapter("git").read("", ReadContext(repository.path, "p"))
    next(iter(reading))
    assert set(children.read_text().split()) - before, "git is at work"
    reading.close()  # type: ignore[attr-defined]
    assert set(children.read_text().split()) <= before


def test_reading_leaves_no_trace_in_the_repository(repository: Any) -> None:
    repository.commit(a=b"1")
    (repository.path / "a").touch()

    def state() -> dict[Path, tuple[int, int]]:
        return {
            path: (path.stat().st_mtime_ns, path.stat().st_size)
            for path in repository.path.rglob("*")
        }

    before = state()
    repository.read()
    assert state() == before


def test_output_that_git_does_not_document_is_an_error_and_not_a_guess(tmp_path: Path) -> None:
    naming = Naming(b"/r", b"/r", "here")
    sha, rest = b"a" * 40, b"\0\0A\0a@b\0001\0001\0m\n\0"
    for garbled in (
        b":100644 100644 aa bb M\0path\0",
        sha + b"\0only\0",
        sha + rest + b"\0\n:100644 M\0path\0",
        sha + b"\0\xff" + rest,
    ):
        with pytest.raises(IngestError, match="does not document"):
            list(records([garbled], naming, {}))


def test_a_clone_without_blobs_has_all_its_history(repository: Any, tmp_path: Path) -> None:
    repository.write(".mailmap", b"Ann B. Lee <ann@example.org>\n")
    repository.commit(a=b"1")
    repository.git("checkout", "--quiet", "-b", "side")
    repository.commit(a=b"2")
    repository.git("checkout", "--quiet", "main")
    repository.commit(a=b"3")
    repository.git("merge", "--quiet", "-s", "ours", "--no-commit", "side")
    repository.commit(a=b"4")
    repository.git("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    repository.git(
        *("clone", "--quiet", "--bare", "--filter=blob:none", f"file://{repository.path}"),
        str(partial),
    )
    read, whole = repository.read(source=partial, root=partial), repository.read()
    told = {(change.sha, change.uri, change.blob) for change in read.changes}
    assert told == {(change.sha, change.uri, change.blob) for change in whole.changes}
    assert {c.sha for c in read.commits} == {c.sha for c in whole.commits}
