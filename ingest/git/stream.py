"""What `git diff-tree --stdin -z --raw --format=...` prints -> records.

The output is a row of fields that end with NUL, a byte that neither messages nor paths can hold.
A commit is its header's fields and then, for each file, a field that begins with a colon and one
that is the path (https://git-scm.com/docs/git-diff#_raw_output_format).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from provgraph.errors import IngestError
from provgraph.model.records import CommitSeen, Committed, Record
from provgraph.model.uri import uri_of

FORMAT: Final = "%H%x00%P%x00%aN%x00%aE%x00%at%x00%ct%x00%B%x00"
MESSAGE_LENGTH: Final = 10_000
NAME_LENGTH: Final = 1_000

_LONGEST_FIELD: Final = 16 * 1024 * 1024
_SECOND: Final = 1_000_000_000
_LAST_SECOND: Final = (2**63 - 1) // _SECOND - 1
_ABSENT: Final = b"000000"
_SUBMODULE: Final = b"160000"
_SYMLINK: Final = b"120000"
_COLON: Final = ord(":")


class Naming:
    """Paths of a repository -> URIs. `top` is what the paths are relative to, `root` the project's
    folder, both absolute and canonical."""

    def __init__(self, top: bytes, root: bytes, host: str) -> None:
        self._top, self._root, self._host = top.rstrip(b"/"), root, host
        self.uri = lru_cache(maxsize=100_000)(self._uri)
        self.unnamed = 0
        self.submodules = 0

    def _uri(self, path: bytes) -> str | None:
        """None for what no work tree can hold, such as `../x`: only a forged tree has it."""
        if any(part in (b"", b".", b"..") for part in path.split(b"/")):
            return None
        return uri_of(self._top + b"/" + path, self._root, self._host)

    def notes(self) -> Iterator[str]:
        if self.submodules:
            yield f"left out {self.submodules} changes of submodules: they are other repositories"
        if self.unnamed:
            yield f"left out {self.unnamed} changes of paths that no work tree can hold"


def fields(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """What stands before each NUL. A field is cut after 16 MiB (a giant message).

    >>> list(fields([b"ab\\0c", b"d", b"e\\0\\0rest"]))
    [b'ab', b'cde', b'']
    """
    begun, length = [], 0
    for block in blocks:
        first, *others = block.split(b"\0")
        if length < _LONGEST_FIELD:
            begun.append(first)
            length += len(first)
        if others:
            yield b"".join(begun)
            *whole, last = others
            yield from whole
            begun, length = [last], len(last)


def records(
    blocks: Iterable[bytes], naming: Naming, parents: Mapping[str, list[str]]
) -> Iterator[Record]:
    """For each commit its `Committed`, then its `CommitSeen`. `parents` replaces what git says of
    the commits at a shallow clone's end."""
    following = fields(blocks)
    commit: CommitSeen | None = None
    for raw in following:
        field = raw.removeprefix(b"\n")  # what git puts between a header and the first entry
        if not field:
            continue
        if field[0] != _COLON:
            if commit is not None:
                yield commit
            commit = header(field, following, parents)
            at = commit.committed + _SECOND - 1
            continue
        if commit is None:
            raise _unexpected(field)
        path = next(following, b"")
        blob = change(field)
        if blob is None:
            naming.submodules += _SUBMODULE in field
        elif (uri := naming.uri(path)) is None:
            naming.unnamed += 1
        else:
            yield Committed(commit.sha, uri, blob, at)
    if commit is not None:
        yield commit


def header(
    first: bytes, following: Iterator[bytes], parents: Mapping[str, list[str]]
) -> CommitSeen:
    """
    >>> rest = iter([b"", b"Ann", b"a@b.c", b"1700000000", b"1700000001", b"Why\\n"])
    >>> header(b"a" * 40, rest, {}).message
    'Why'
    """
    try:
        sha = first.decode("ascii")
        named, name, email, authored, committed, message = (next(following) for _ in range(6))
        before = named.decode("ascii").split()
        return CommitSeen(
            sha=sha,
            parents=parents.get(sha) or before,
            author=_text(name, NAME_LENGTH),
            email=_text(email, NAME_LENGTH),
            authored=_nanoseconds(authored),
            committed=_nanoseconds(committed),
            message=_text(message, MESSAGE_LENGTH),
            told="changes" if before else "whole",
        )
    except (UnicodeDecodeError, ValueError, RuntimeError) as error:
        raise _unexpected(first) from error


def change(entry: bytes) -> str | None:
    """The blob that a file was given (tagged), empty where the file was removed, None where no
    file's content changed: a submodule, or a mode alone.

    >>> change(b":100644 100644 aaaa bbbb M"), change(b":100644 000000 aaaa 0000 D")
    ('git:bbbb', '')
    >>> change(b":100644 100755 aaaa aaaa M") is change(b":000000 160000 0000 cccc A") is None
    True
    """
    try:
        was, mode, old, blob, _ = entry.removeprefix(b":").split(b" ")
    except ValueError as error:
        raise _unexpected(entry) from error
    if not _is_file(mode):
        return "" if _is_file(was) else None
    if old == blob and _is_file(was) and (was == _SYMLINK) == (mode == _SYMLINK):
        return None
    return "git:" + blob.decode("ascii")


def _is_file(mode: bytes) -> bool:
    return mode != _ABSENT and mode != _SUBMODULE


def _text(raw: bytes, length: int) -> str:
    """At most `length` characters; what is not UTF-8 is replaced."""
    return raw[: 4 * length].decode("utf-8", "replace")[:length].rstrip("\n")


def _nanoseconds(seconds: bytes) -> int:
    """Of seconds since the epoch; what is no such number, or is beyond the year 2262, is moved to
    the nearest end.

    >>> _nanoseconds(b"1"), _nanoseconds(b""), _nanoseconds(b"9" * 30) < 2**63
    (1000000000, 0, True)
    """
    number = int(seconds) if seconds.isdigit() else 0
    return min(number, _LAST_SECOND) * _SECOND


def _unexpected(field: bytes) -> IngestError:
    return IngestError(
        f"git printed what it does not document: {field[:80]!r}", hint="try a newer git"
    )
