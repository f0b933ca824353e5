"""The journal written again without what was erased.

Each erased content gets a random token, which stands in the place of its digest and of its blob in every
record. So reads still bind to the versions that they meant, and nothing says what the content was: no digest,
no size, no time of change. Ids that hash a path become random too. Words that were asked to go are taken out
of every text.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from provgraph.errors import JournalError
from provgraph.model.journal import (
    MAGIC,
    Reading,
    Segment,
    apart_from_its_writer,
    frame,
    read_segment,
    segments,
)
from provgraph.model.records import (
    ERASED,
    Committed,
    Content,
    Derived,
    Done,
    Generated,
    Invalidated,
    Observation,
    Stat,
    Used,
)

GONE: Final = "[erased]"
S = TypeVar("S", bound=msgspec.Struct)


class Mapped(msgspec.Struct, frozen=True):
    """What stands for what. `contents`: digests and blobs, each with its token. `versions`: ids, each with
    a random one. `texts`: words that are taken out."""

    contents: dict[str, str]
    versions: dict[str, str]
    texts: list[str] = []


def mapped(
    request: str,
    digests: Iterable[str],
    blobs: Mapping[str, str],
    versions: Iterable[str],
    texts: Iterable[str],
) -> Mapped:
    """Fresh tokens. `blobs` are those of the digests: git's name of a content is its name as well."""
    contents = {
        digest: f"{ERASED}{request}:{os.urandom(13).hex()}" for digest in sorted(set(digests))
    }
    contents |= {blob: contents[digest] for blob, digest in blobs.items() if digest in contents}
    ids = {version: "v" + os.urandom(13).hex() for version in sorted(set(versions))}
    return Mapped(contents, ids, sorted(set(texts), key=len, reverse=True))


class StillWritten(JournalError):
    """A segment that has to be written again is being written."""


def rewrite_journal(folder: Path, what: Mapped) -> list[str]:
    """Write every segment again that says something of it; returns what became of the bytes of each
    (`put_in_place`). A segment is replaced whole; one that was replaced before says nothing any more, and
    one that is made meanwhile is left alone. Raises `StillWritten`, `JournalError`."""
    paths = _begun(folder)
    stats = frozenset[Stat]().union(*(_stats(path, what) for path in paths))
    return [how for path in paths if (how := _rewrite(path, what, stats))]


def still_written(folder: Path, what: Mapped) -> list[str]:
    """The segments that would have to be written again, and are being written. Raises `JournalError`."""
    return [path.stem for path in _begun(folder) if _is_in_the_way(path, what)]


def _begun(folder: Path) -> list[Path]:
    """The segments in which something stands. One that is just being made has nothing yet; that of a run which
    was never started goes again."""
    found = []
    for path in segments(folder):
        with suppress(FileNotFoundError):
            if path.stat().st_size:
                found.append(path)
    return found


def _is_in_the_way(path: Path, what: Mapped) -> bool:
    with apart_from_its_writer(path) as is_held:
        if is_held:
            return False
        return any(scrubbed(record, what) != record for record in Reading(path))


def rewrite_segment(path: Path, what: Mapped) -> str:
    """The same of one segment; nothing, if it says nothing. Raises `StillWritten`, `JournalError`."""
    return _rewrite(path, what, _stats(path, what))


def _stats(path: Path, what: Mapped) -> frozenset[Stat]:
    """The stats under which a segment has seen what was erased."""
    return frozenset(
        content.stat
        for content in contents(read_segment(path).records)
        if content.stat and (content.digest in what.contents or content.blob in what.contents)
    )


def contents(records: Iterable[Observation]) -> Iterator[Content]:
    """What records say of contents."""
    return (record.content for record in records if hasattr(record, "content"))


def named(records: Sequence[Observation]) -> dict[str, str]:
    """What names the contents in records: digests, and git's blobs, each with its digest where that is
    known (else itself)."""
    found: dict[str, str] = {}
    for content in contents(records):
        if content.digest:
            found[content.digest] = content.digest
        if content.blob:
            found[content.blob] = content.digest or found.get(content.blob, content.blob)
    for record in records:
        if isinstance(record, Committed) and record.blob:
            found.setdefault(record.blob, record.blob)
    return found


def taken_out(path: Path, request: str, erased: Iterable[str]) -> list[str]:
    """Take contents that were erased before, and have come again, out of a segment; returns the names
    that they came under. `erased` are digests and blobs. Raises `JournalError`."""
    records = read_segment(path).records
    again, names = set(erased), named(records)
    digests = {names[name] for name in again if name in names}
    made = [r for r in records if isinstance(r, Generated) and r.content.digest in digests]
    blobs = {blob: digest for blob, digest in names.items() if digest in digests and blob != digest}
    rewrite_segment(path, mapped(request, digests, blobs, [r.version for r in made], []))
    seen = [record.names[-1].uri for record in made]
    held = [r for r in records if isinstance(r, Used | Derived | Invalidated)]
    seen += [record.uri for record in held if record.content.digest in digests]
    committed = [r for r in records if isinstance(r, Committed)]
    seen += [record.uri for record in committed if record.blob in digests]
    return list(dict.fromkeys(seen))


def _rewrite(path: Path, what: Mapped, stats: frozenset[Stat]) -> str:
    with apart_from_its_writer(path) as is_held:
        segment = read_segment(path)
        changed = [scrubbed(record, what, stats) for record in segment.records]
        if changed == segment.records and (segment.lost == 0 or not is_held):
            return ""
        if not is_held:
            raise StillWritten(
                f"{path.stem} is being recorded, and has to do with what is erased",
                hint="when it has ended, this can be done",
            )
        return _written_again(path, segment, changed)


def _written_again(path: Path, segment: Segment, changed: Sequence[Observation]) -> str:
    header = msgspec.structs.replace(segment.header, generation=segment.header.generation + 1)
    encode = msgspec.msgpack.Encoder().encode
    frames = [frame(encode(record)) for record in (header, *changed, Done(len(changed)))]
    fresh = path.with_name(f"{path.name}.new")
    try:
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(file, "wb") as out:
            out.write(MAGIC + b"".join(frames))
            out.flush()
            os.fsync(out.fileno())
        return put_in_place(fresh, path)
    except OSError as error:
        raise JournalError(f"{path} cannot be written anew: {error.strerror}") from error


def scrubbed(record: S, what: Mapped, stats: frozenset[Stat] = frozenset()) -> S:
    """The record without what was erased. `stats` are those of erased contents.

    >>> from provgraph.model.records import Used, When
    >>> read = Used("s1", "raw/ann.csv", When(5), Content("blake3:ab", "", 9))
    >>> scrubbed(read, Mapped({"blake3:ab": "erased:e1:77"}, {}, ["ann"]))
    Used(step='s1', uri='raw/[erased].csv', when=When(at=5, tick=0, boot='', host=''), \
content=Content(digest='erased:e1:77', blob='', size=-1, stat=None), role='input')
    """
    changes: dict[str, Any] = {}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        better = _better(value, what, stats)
        if better != value:
            changes[name] = better
    return msgspec.structs.replace(record, **changes) if changes else record


def _better(value: Any, what: Mapped, stats: frozenset[Stat]) -> Any:
    match value:
        case str():
            return (
                what.versions.get(value) or what.contents.get(value) or _without(value, what.texts)
            )
        case Content():
            return _content(value, what, stats)
        case list():
            return [_better(each, what, stats) for each in value]
        case dict():
            return {key: _better(each, what, stats) for key, each in value.items()}
        case msgspec.Struct():
            return scrubbed(value, what, stats)
        case _:
            return value


def _content(content: Content, what: Mapped, stats: frozenset[Stat]) -> Content:
    token = what.contents.get(content.digest) or what.contents.get(content.blob)
    if token:
        return Content(digest=token)
    if content.stat in stats and not content.digest:
        return Content()
    return content


_NAMES_NOBODY: Final = re.compile(r"(?:(?:blake3|git):|[a-z])?[0-9a-f]{8,}|erased:\S+")
"""What an id, a digest or a commit looks like: a word that happens to be in it says nothing."""


def _without(text: str, words: list[str]) -> str:
    """
    >>> _without("mail to ada", ["ada"]), _without("vada0123456789abcdef", ["ada"])
    ('mail to [erased]', 'vada0123456789abcdef')
    """
    if _NAMES_NOBODY.fullmatch(text):
        return text
    for word in words:
        text = text.replace(word, GONE)
    return text


def put_in_place(fresh: Path, path: Path) -> str:
    """Put a file in the place of another, whose bytes are then overwritten, if that can reach them; says
    which: `overwritten`, or `unlinked` where the file system writes elsewhere, or others hold the file
    under another name. Killed between, it leaves the new file, or both. Raises OSError."""
    with open(path, "r+b", buffering=0) as old:
        os.replace(fresh, path)
        return overwritten(old, path)


def remove(path: Path) -> str:
    """Remove a file, and overwrite its bytes as `put_in_place` does. Raises OSError."""
    with open(path, "r+b", buffering=0) as old:
        os.unlink(path)
        return overwritten(old, path.parent)


def overwritten(file: FileIO, beside: Path) -> str:
    """Overwrite a file that has no name any more, if that can reach its bytes; says what became of them.
    `beside` lies on the same file system. Raises OSError."""
    about = os.fstat(file.fileno())
    if about.st_nlink > 0 or not _writes_in_place(beside):
        return "unlinked"
    left = about.st_size
    while left > 0:
        left -= file.write(bytes(min(left, 1 << 20)))
    os.fsync(file.fileno())
    return "overwritten"


_IN_PLACE: Final = {0xEF53: "ext", 0x58465342: "xfs", 0x01021994: "tmpfs"}


def _writes_in_place(path: Path) -> bool:
    """Whether the file system is known to write a block again where it was. (An SSD may still keep the
    old one below that; a receipt says so.)"""
    try:
        done = subprocess.run(
            ["stat", "--file-system", "--format=%t", "--", str(path)],
            capture_output=True,
            check=True,
            text=True,
        )
        return int(done.stdout.strip() or "0", 16) in _IN_PLACE
    except (OSError, subprocess.CalledProcessError, ValueError):
        return False
