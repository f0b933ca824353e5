"""A file's blob id is the one that git itself gives it, whatever filters stand between."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from provgraph.ingest.capture import worktree
from provgraph.ingest.capture.worktree import Command, Start, Status, blobs, work_tree_of

Git = Callable[..., str]


@pytest.fixture(params=["sha1", "sha256"])
def format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def git(tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch) -> Git:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)

    def run(*words: str) -> str:
        command = [
            "git",
            "-C",
            str(tmp_path),
            "-c",
            "user.name=Ann",
            "-c",
            "user.email=a@b",
            *words,
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    run("init", "-q", f"--object-format={format}")
    return run


def found(root: Path, *names: str) -> dict[str, str]:
    answer = blobs(os.fsencode(root), [os.fsencode(root / name) for name in names])
    return {os.path.relpath(os.fsdecode(path), root): blob for path, blob in answer.items()}


def index(git: Git) -> dict[str, str]:
    """What git stores when everything is added."""
    git("add", "-A")
    entries = git("ls-files", "-s", "-z").split("\0")
    return {e.split("\t")[1]: "git:" + e.split(" ")[1] for e in entries if e}


def test_tracked_changed_and_new_files_have_the_blobs_that_git_would_store(
    tmp_path: Path, git: Git, format: str
) -> None:
    for name in ("same", "changed", "staged", "deleted"):
        (tmp_path / name).write_text(name)
    git("add", "-A")
    git("commit", "-qm", "x")
    (tmp_path / "changed").write_text("otherwise")
    (tmp_path / "staged").write_text("staged now")
    git("add", "staged")
    (tmp_path / "deleted").unlink()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/new").write_text("new")
    (tmp_path / "empty").write_text("")
    names = ["same", "changed", "staged", "deleted", "folder/new", "empty"]
    ours = found(tmp_path, *names)
    assert ours == index(git)
    assert {len(blob) for blob in ours.values()} == {4 + (40 if format == "sha1" else 64)}


def test_line_endings_are_normalised(tmp_path: Path, git: Git) -> None:
    (tmp_path / ".gitattributes").write_text("* text=auto eol=crlf\n")
    (tmp_path / "dos.txt").write_bytes(b"a\r\nb\r\n")
    (tmp_path / "binary").write_bytes(b"\0\r\n")
    ours = found(tmp_path, ".gitattributes", "dos.txt", "binary")
    assert ours == index(git)
    git("commit", "-qm", "x")
    assert found(tmp_path, "dos.txt", "binary", ".gitattributes") == ours


def test_clean_filters_run(tmp_path: Path, git: Git) -> None:
    git("config", "filter.upper.clean", "tr a-z A-Z")
    (tmp_path / ".gitattributes").write_text("*.up filter=upper\n")
    (tmp_path / "a.up").write_text("shout")
    assert found(tmp_path, "a.up")["a.up"] == index(git)["a.up"]
    assert git("cat-file", "blob", ":a.up") == "SHOUT"


def test_a_failing_filter_costs_its_own_file_alone(tmp_path: Path, git: Git) -> None:
    git("config", "filter.broken.clean", "false")
    git("config", "filter.broken.required", "true")
    (tmp_path / ".gitattributes").write_text("*.bad filter=broken\n")
    for name in ("a", "b.bad", "c", "d.bad"):
        (tmp_path / name).write_text(name)
    assert set(found(tmp_path, "a", "b.bad", "c", "d.bad")) == {"a", "c"}


@pytest.mark.parametrize("installed", [False, True])
def test_a_file_under_git_lfs_has_the_blob_of_its_pointer(
    tmp_path: Path, git: Git, installed: bool
) -> None:
    if installed:  # a stand-in that would leave a mark, as the real one leaves a copy
        git("config", "filter.lfs.clean", f"touch {tmp_path}/ran; cat")
        git("config", "filter.lfs.required", "true")
    (tmp_path / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    data = b"x" * 3_000_000
    (tmp_path / "big.bin").write_bytes(data)
    (tmp_path / "empty.bin").write_bytes(b"")
    sha = subprocess.run(
        ["sha256sum", str(tmp_path / "big.bin")], check=True, capture_output=True, text=True
    ).stdout.split()[0]
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha}\nsize {len(data)}\n"
    (tmp_path / "pointer.bin").write_text(pointer)
    expected = subprocess.run(
        ["git", "-C", str(tmp_path), "hash-object", "--stdin", "--no-filters"],
        input=pointer,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    ours = found(tmp_path, "big.bin", "pointer.bin", "empty.bin")
    assert ours["big.bin"] == ours["pointer.bin"] == f"git:{expected}"
    assert ours["empty.bin"] == "git:" + git("hash-object", "/dev/null").strip()
    assert not (tmp_path / "ran").exists()


def test_ignored_files_have_no_blob_unless_they_are_tracked(tmp_path: Path, git: Git) -> None:
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "kept.log").write_text("tracked")
    git("add", "-f", "kept.log")
    (tmp_path / "kept.log").write_text("tracked, and changed")
    (tmp_path / "other.log").write_text("ignored")
    assert set(found(tmp_path, "kept.log", "other.log")) == {"kept.log"}


def test_hostile_names_have_their_blobs(tmp_path: Path, git: Git) -> None:
    names = ["new\nline", '"quoted"', "-dash", ":(top)x", "*glob*", " blank ", "back\\slash", "#x"]
    names += ["é", os.fsdecode(b"caf\xe9"), '"new\nline\\n', "tab\t"]
    for name in names:
        (tmp_path / name).write_text(name, "utf-8", "surrogateescape")
    ours = found(tmp_path, *names)
    assert set(ours) == set(names)
    git("add", "-A")
    git("commit", "-qm", "x")
    assert found(tmp_path, *names) == ours  # now as git has them in its index


def test_many_files_are_asked_for_at_once(tmp_path: Path, git: Git) -> None:
    names = [f"{n}.txt" for n in range(worktree._MANY + 50)]
    for name in names:
        (tmp_path / name).write_text(name)
    git("add", *names[:150])
    assert found(tmp_path, *names) == index(git)


def test_another_repository_inside_is_left_alone(tmp_path: Path, git: Git) -> None:
    (tmp_path / "inner").mkdir()
    git("init", "-q", str(tmp_path / "inner"))
    (tmp_path / "inner/a").write_text("a")
    (tmp_path / "b").write_text("b")
    assert set(found(tmp_path, "inner/a", "b", ".git/HEAD", "gone")) == {"b"}


def test_a_project_below_the_root_of_its_repository_is_found(tmp_path: Path, git: Git) -> None:
    (tmp_path / "sub/folder").mkdir(parents=True)
    (tmp_path / "sub/folder/a").write_text("a")
    git("add", "-A")
    git("commit", "-qm", "x")
    path = os.fsencode(tmp_path / "sub/folder/a")
    assert set(blobs(os.fsencode(tmp_path / "sub"), [path])) == {path}
    assert work_tree_of(os.fsencode(tmp_path / "sub/folder")) == os.fsencode(tmp_path)


def test_the_start_is_the_commit_and_what_differs_from_it(
    tmp_path: Path, git: Git, format: str
) -> None:
    root = os.fsencode(tmp_path)
    assert Status(root).read() == Start("", False, known=True)
    for name in ("a b", "staged", "é"):
        (tmp_path / name).write_text("1")
    git("add", "-A")
    assert Status(root).read().dirty is True
    git("commit", "-qm", "x")
    clean = Status(root).read()
    assert (clean.commit, clean.dirty) == (git("rev-parse", "HEAD").strip(), False)
    (tmp_path / "untracked").write_text("x")
    assert Status(root).read().dirty is False
    (tmp_path / "a b").write_text("2")
    (tmp_path / "é").unlink()
    (tmp_path / "staged").write_text("2")
    git("add", "staged")
    start = Status(root).read()
    assert start.dirty is True
    assert start.changed == {os.fsencode(tmp_path / name) for name in ("a b", "é")}


def test_an_input_that_was_clean_has_its_blob_after_it_was_overwritten(
    tmp_path: Path, git: Git
) -> None:
    for name in ("clean", "changed"):
        (tmp_path / name).write_text("1")
    git("add", "-A")
    git("commit", "-qm", "x")
    (tmp_path / "changed").write_text("2")
    root = os.fsencode(tmp_path)
    start = Status(root).read()
    paths = [os.fsencode(tmp_path / name) for name in ("clean", "changed", "none")]
    (tmp_path / "clean").write_text("overwritten")
    blob = "git:" + git("rev-parse", "HEAD:clean").strip()
    assert worktree.blobs_at_start(root, paths, start) == {paths[0]: blob}


def test_git_s_lock_is_neither_taken_nor_waited_for(tmp_path: Path, git: Git) -> None:
    (tmp_path / "a").write_text("1")
    git("add", "-A")
    git("commit", "-qm", "x")
    os.utime(tmp_path / "a", (1, 1))  # stale stats in the index make git want to write it
    before = (tmp_path / ".git/index").stat()
    assert Status(os.fsencode(tmp_path)).read().dirty is False
    assert found(tmp_path, "a")
    after = (tmp_path / ".git/index").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    (tmp_path / ".git/index.lock").write_text("")
    assert Status(os.fsencode(tmp_path)).read().known


def test_the_variables_of_a_hook_do_not_lead_to_its_repository(
    tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("a")
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent/index")
    assert set(found(tmp_path, "a")) == {"a"}


def test_without_a_repository_or_without_git_nothing_is_known(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path_factory.mktemp("bare")
    (bare / "a").write_text("a")
    assert Status(work_tree_of(os.fsencode(bare))).read() == Start()
    assert found(bare, "a") == {}
    (bare / ".git").mkdir()
    assert Status(os.fsencode(bare)).read() == Start()
    monkeypatch.setenv("PATH", "/nonexistent")
    assert Status(os.fsencode(bare)).read() == Start()
    assert found(bare, "a") == {}


def test_a_command_takes_and_gives_more_than_a_pipe_holds() -> None:
    data = os.urandom(1_000_000)
    assert Command(["cat"], data).wait() == (0, data)
    assert Command(["sh", "-c", "exit 3"]).wait() == (3, b"")
    assert Command(["/nonexistent/program"]).wait() == (127, b"")
