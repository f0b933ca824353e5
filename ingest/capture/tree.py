"""Which files of the project changed between two looks at it, whoever changed them?

A look is the stats of all regular files below the root, without what is never lineage: git's own
folder, provgraph's, virtual environments, installed packages, caches and what `.provgraphignore`
names. Links are not followed.
"""

from __future__ import annotations

import os
import re
import stat as modes
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from typing import Final

import msgspec

from provgraph.ingest.capture.noise import MARKS, SKIPPED
from provgraph.model.records import Stat

MOST: Final = 200_000
"""The most entries (files and folders) that a look takes in."""

IGNORE_FILE: Final = b".provgraphignore"

_State = tuple[int, int, int, int, int]


class Look(msgspec.Struct):
    """The regular files at a moment, by absolute path. `whole` is False where there were too many
    entries; then it compares with nothing. `unreadable` are folders that could not be listed."""

    files: dict[bytes, _State] = {}
    whole: bool = True
    unreadable: set[bytes] = set()

    def stat(self, path: bytes) -> Stat | None:
        state = self.files.get(path)
        return Stat(*state) if state else None


class Change(msgspec.Struct, frozen=True):
    """A file that was created (`before` is None), deleted (`after` is None) or changed."""

    path: bytes
    before: Stat | None
    after: Stat | None


def look(root: bytes, ignored: Ignored, most: int = MOST) -> Look:
    """Look at the tree now."""
    found = Look()
    files, seen = found.files, 0
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as listing:
                entries = list(listing)
        except OSError:
            found.unreadable.add(folder)
            continue
        seen += len(entries)
        if seen > most:
            return Look(whole=False)
        if folder != root and any(entry.name in MARKS for entry in entries):
            continue
        for entry in entries:
            path = entry.path
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in SKIPPED and not ignored(path, folder=True):
                        folders.append(path)
                elif entry.is_file(follow_symlinks=False) and not ignored(path):
                    s = entry.stat(follow_symlinks=False)
                    files[path] = (s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns)
    return found


def changes(before: Look, after: Look) -> Iterator[Change]:
    """What differs, by path. A new ctime alone (chmod, a new link, a rename back) is no change."""
    if not (before.whole and after.whole):
        return
    unlisted = before.unreadable | after.unreadable
    for path in sorted(before.files.keys() | after.files.keys()):
        old, new = before.files.get(path), after.files.get(path)
        if old == new or (old and new and old[:4] == new[:4]):
            continue
        if unlisted and not unlisted.isdisjoint(_above(path)):
            continue
        yield Change(path, Stat(*old) if old else None, Stat(*new) if new else None)


def explained(path: bytes, writes: Container[bytes]) -> bool:
    """Whether a captured write is of the path, or of a folder above it that moved.

    >>> explained(b"/p/a/b", {b"/p/a"}), explained(b"/p/ab", {b"/p/a"})
    (True, False)
    """
    return path in writes or any(folder in writes for folder in _above(path))


def _above(path: bytes) -> Iterator[bytes]:
    at = path.rfind(b"/")
    while at > 0:
        yield path[:at]
        at = path.rfind(b"/", 0, at)


class Ignored:
    """What a `.provgraphignore` at the root names, in the syntax of gitignore.

    >>> ignored = Ignored(b"/p", [b"*.log", b"!keep.log", b"/build/", b"data/**/tmp"])
    >>> [ignored(b"/p/" + name) for name in (b"a.log", b"x/keep.log", b"data/a/b/tmp", b"build")]
    [True, False, True, False]
    >>> ignored(b"/p/build", folder=True), ignored(b"/p/x/build", folder=True)
    (True, False)
    """

    def __init__(self, root: bytes, lines: Iterable[bytes] = ()) -> None:
        self._root = root.rstrip(b"/") + b"/"
        self._rules = [rule for line in lines if (rule := _rule(line))]

    @classmethod
    def of(cls, root: bytes) -> Ignored:
        """What the project's file says; nothing where there is none."""
        try:
            file = os.open(os.path.join(root, IGNORE_FILE), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return cls(root)
        try:
            size = os.fstat(file).st_size if modes.S_ISREG(os.fstat(file).st_mode) else 0
            return cls(root, os.read(file, size).splitlines())
        finally:
            os.close(file)

    def __call__(self, path: bytes, *, folder: bool = False) -> bool:
        """Whether the path itself is named; what is below an ignored folder is not asked for."""
        if not self._rules or not path.startswith(self._root):
            return False
        name = path[len(self._root) :]
        for negated, folders_only, pattern in reversed(self._rules):
            if (folder or not folders_only) and pattern.fullmatch(name):
                return not negated
        return False

    def covers(self, path: bytes) -> bool:
        """Whether the path or a folder above it is named."""
        if not self._rules:
            return False
        return self(path) or any(self(above, folder=True) for above in _above(path))


def _rule(line: bytes) -> tuple[bool, bool, re.Pattern[bytes]] | None:
    """Negated, for folders only, and the expression of the path relative to the root."""
    line = line.rstrip(b"\r\n")
    while line.endswith(b" ") and not line.endswith(b"\\ "):
        line = line[:-1]
    if not line or line.startswith(b"#"):
        return None
    negated = line.startswith(b"!")
    pattern = line[1:] if negated else line
    folders_only = pattern.endswith(b"/")
    pattern = pattern.rstrip(b"/") if folders_only else pattern
    anchored = b"/" in pattern
    pattern = pattern.removeprefix(b"/")
    if not pattern:
        return None
    expression = b"".join(_translated(token) for token in _TOKEN.findall(pattern))
    try:
        return (
            negated,
            folders_only,
            re.compile((b"" if anchored else b"(?:.*/)?") + expression, re.DOTALL),
        )
    except re.error:
        return None


_TOKEN: Final = re.compile(rb"\*\*/|/\*\*\Z|\*+|\?|\[[!^]?\]?[^\]]*\]|\\.|[^*?\[\\/]+|.", re.DOTALL)


def _translated(token: bytes) -> bytes:
    if token == b"**/":
        return b"(?:.*/)?"
    if token == b"/**":
        return b"/.+"
    if token.startswith(b"*"):
        return b"[^/]*"
    if token == b"?":
        return b"[^/]"
    if token.startswith(b"[") and len(token) > 2:
        inside = token[1:-1].replace(b"\\", b"\\\\")
        return b"(?!/)[" + (b"^" + inside[1:] if inside[:1] in b"!^" else inside) + b"]"
    return re.escape(token[1:] if token.startswith(b"\\") and len(token) == 2 else token)
