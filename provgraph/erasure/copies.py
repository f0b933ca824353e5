"""Which files of provgraph's own have to do with contents that go: those that are kept, and the segments of the
journal that name them. Both are found by digest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

import msgspec

from provgraph.config import Project
from provgraph.errors import JournalError
from provgraph.model.content_store import ContentStore
from provgraph.model.journal import segments
from provgraph.model.text import count


class Copy(msgspec.Struct, frozen=True):
    """A file of provgraph's own: a content that it keeps, or a segment of the journal. `name` is relative to
    the project; `said` tells what it has to do with what goes, and `way` leads to that and to the file."""

    what: Literal["kept content", "journal segment"]
    name: str
    bytes: int
    said: str
    way: list[str]


def copies(
    project: Project, ways: Mapping[str, Sequence[str]], blobs: Mapping[str, str]
) -> Iterator[Copy]:
    """The files that hold or name the contents with these digests. `ways` has the names on the way to each
    content, `blobs` git's names of them, each with the digest. Raises `JournalError`."""
    store = ContentStore.of(project)
    for digest in (digest for digest in store.digests() if digest in ways):
        for path in store.files(digest):
            name, way = str(path.relative_to(project.root)), ways[digest]
            with suppress(FileNotFoundError):  # it was half-written, and is whole by now
                size, said = path.stat().st_size, f"the content of {way[-1]}, kept when it was seen"
                yield Copy("kept content", name, size, said, [*way, name])
    called = {digest: digest for digest in ways} | dict(blobs)
    wanted = _by_kind(each.encode() for each in called)
    place = {digest: number for number, digest in enumerate(ways)}
    for path in segments(project.journal) if called else []:
        if found := {called[each.decode()] for each in _mentions(path, wanted)}:
            name = str(path.relative_to(project.root))
            first = ways[min(found, key=place.__getitem__)]
            others = f" and {count(len(found) - 1, 'other content')}" if len(found) > 1 else ""
            said = f"names the content of {first[-1]}{others}"
            yield Copy("journal segment", name, 0, said, [*first, name])


_NAMES: Final = {
    b"blake3": re.compile(rb"blake3:[0-9a-f]{64}"),
    b"git": re.compile(rb"git:[0-9a-f]{40}"),
}
_LONGEST: Final = 7 + 64
_BLOCK: Final = 1 << 24


def _by_kind(names: Iterable[bytes]) -> dict[re.Pattern[bytes], set[bytes]]:
    """What such names look like, and the names. Those of other kinds, such as ETags, are looked for nowhere."""
    found = dict[re.Pattern[bytes], set[bytes]]()
    for name in names:
        if pattern := _NAMES.get(name.partition(b":")[0]):
            found.setdefault(pattern, set()).add(name)
    return found


def _mentions(path: Path, wanted: Mapping[re.Pattern[bytes], set[bytes]]) -> set[bytes]:
    """Which of these digests a segment names. Its records are not read one by one: there may be millions.
    Raises `JournalError`."""
    found = set[bytes]()
    try:
        with open(path, "rb") as file:
            before = b""
            while block := file.read(_BLOCK):
                held = before + block
                for pattern, names in wanted.items():
                    found |= names.intersection(pattern.findall(held))
                before = held[1 - _LONGEST :]  # a name may be cut in two
    except FileNotFoundError:
        pass  # a run that was never started leaves none
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror}") from error
    return found
