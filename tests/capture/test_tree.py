"""The comparison of two looks at a tree finds every change that matters and no other."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from provgraph.ingest.capture.tree import Change, Ignored, Look, changes, explained, look


def files(root: Path, ignored: Ignored | None = None) -> set[str]:
    found = look(os.fsencode(root), ignored or Ignored(os.fsencode(root)))
    return {os.path.relpath(os.fsdecode(path), root) for path in found.files}


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def compared(root: Path, act: object = None) -> list[Change]:
    name = os.fsencode(root)
    before = look(name, Ignored(name))
    assert callable(act)
    act()
    return list(changes(before, look(name, Ignored(name))))


def test_environments_caches_and_state_are_left_out(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "src/b.py", ".git/HEAD", ".provgraph/journal/x", "node_modules/m.js")
    put(tmp_path, "src/__pycache__/b.pyc", "env/pyvenv.cfg", "env/lib/x.py", ".mypy_cache/c")
    put(tmp_path, "conda/conda-meta/history", "conda/x")
    (tmp_path / "link").symlink_to("a.csv")
    (tmp_path / "loop").symlink_to(".")
    os.mkfifo(tmp_path / "fifo")
    assert files(tmp_path) == {"a.csv", "src/b.py"}


def test_a_root_that_is_itself_an_environment_is_still_looked_at(tmp_path: Path) -> None:
    put(tmp_path, "pyvenv.cfg", "a.csv")
    assert files(tmp_path) == {"pyvenv.cfg", "a.csv"}


def test_created_changed_and_deleted_files_are_found(tmp_path: Path) -> None:
    put(tmp_path, "same", "changed", "deleted", "moved", "touched")

    def act() -> None:
        (tmp_path / "changed").write_text("something longer")
        (tmp_path / "deleted").unlink()
        (tmp_path / "moved").rename(tmp_path / "there")
        (tmp_path / "same").chmod(0o600)
        put(tmp_path, "new/created")

    found = compared(tmp_path, act)
    seen = {os.path.relpath(os.fsdecode(c.path), tmp_path): (c.before, c.after) for c in found}
    assert set(seen) == {"changed", "deleted", "moved", "there", "new/created"}
    assert seen["deleted"][1] is seen["moved"][1] is None
    assert seen["new/created"][0] is seen["there"][0] is None
    assert seen["changed"][0] and seen["changed"][1] and seen["changed"][1].size == 16


def test_names_that_are_no_text_are_found(tmp_path: Path) -> None:
    odd = os.path.join(os.fsencode(tmp_path), b"caf\xe9\n.csv")

    def act() -> None:
        Path(os.fsdecode(odd)).write_text("x")

    assert [change.path for change in compared(tmp_path, act)] == [odd]


def test_too_many_entries_make_no_comparison(tmp_path: Path) -> None:
    put(tmp_path, "a", "b", "c")
    name = os.fsencode(tmp_path)
    before = look(name, Ignored(name), most=2)
    assert not before.whole
    assert list(changes(before, look(name, Ignored(name)))) == []


def test_what_is_in_a_folder_that_could_not_be_listed_is_not_called_deleted() -> None:
    before = Look({b"/p/folder/a": (1, 2, 3, 4, 5), b"/p/b": (1, 3, 3, 4, 5)})
    after = Look({}, unreadable={b"/p/folder"})
    assert [change.path for change in changes(before, after)] == [b"/p/b"]


def test_a_folder_that_moved_explains_what_is_below_it() -> None:
    assert explained(b"/p/new/a/b", {b"/p/new"})
    assert not explained(b"/p/newer/a", {b"/p/new"})


PATTERNS = [
    "*.log",
    "!keep.log",
    "/top",
    "build/",
    "data/*.tmp",
    "**/deep/x",
    "logs/**",
    "a/**/z",
    "[abc]?.txt",
    "[!q]x.bin",
    "\\!literal",
    "\\#hash",
    "trailing ",
    "kept\\ ",
    "# comment",
    "",
    "sub/dir/",
    "foo*bar",
]
NAMES = [
    "x.log keep.log d/x.log d/keep.log top d/top build d/build buildx data/a.tmp data/b/c.tmp",
    "deep/x a/deep/x a/b/deep/x logs/a logs/b/c a/z a/b/z a/b/c/z az a1.txt d1.txt d/b2.txt",
    "qx.bin rx.bin !literal #hash trailing sub/dir x/sub/dir foobar fooxbar foo/bar dir",
]


def test_patterns_mean_what_git_takes_them_to_mean(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("\n".join(PATTERNS) + "\n")
    names = [*" ".join(NAMES).split(), "kept "]
    asked = "\0".join(names) + "\0"
    git = subprocess.run(
        ["git", "-C", str(tmp_path), "check-ignore", "-z", "--no-index", "--stdin"],
        input=asked.encode(),
        check=False,
        capture_output=True,
    )
    by_git = set(git.stdout.decode().split("\0")) - {""}
    root = os.fsencode(tmp_path)
    ignored = Ignored(root, (tmp_path / ".gitignore").read_bytes().splitlines())
    ours = {name for name in names if ignored.covers(os.path.join(root, os.fsencode(name)))}
    assert ours == by_git
    assert {"x.log", "logs/b/c", "a/z"} <= ours


def test_an_ignored_folder_is_not_entered(tmp_path: Path) -> None:
    put(tmp_path, "a", "scratch/b", "deep/scratch/c", "x.tmp")
    (tmp_path / ".provgraphignore").write_bytes(b"scratch/\r\n*.tmp\n")
    ignored = Ignored.of(os.fsencode(tmp_path))
    assert files(tmp_path, ignored) == {"a", ".provgraphignore"}
