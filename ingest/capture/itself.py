"""What has a process that records itself seen so far? It stands in a file of the recording: for whoever may have to finish that,
and for the process itself, which holds little of it.

What is added at once is put in order of time. A later part may begin before the end of an earlier one, as of a file that
was open for long: where there is very much, the parts are merged whenever it is gone through.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from errno import EBADF
from heapq import merge
from io import FileIO
from operator import attrgetter
from pathlib import Path
from typing import Final

import msgspec

from provgraph.ingest.capture.events import (
    Closed,
    Event,
    Image,
    Linked,
    Moved,
    Opened,
    Renamed,
    Unlinked,
)
from provgraph.ingest.capture.streams import Events, Stream

_LENGTH: Final = struct.Struct("=I")
_KINDS: Final = (Closed, Image, Linked, Moved, Opened, Renamed, Unlinked)
_DECODE: Final[dict[str, Callable[[msgspec.Raw], Event]]] = {
    kind.__name__: msgspec.msgpack.Decoder(kind).decode for kind in _KINDS
}
_told: Final = msgspec.msgpack.Decoder(tuple[str, msgspec.Raw]).decode
_tick: Final = attrgetter("tick")
MOST_HELD: Final = 100_000
"""More events than these are not held at once: it is the user's process."""
_FIRST, _FURTHER = 1 << 12, 1 << 16
"""Bytes that are read at once: few of a part of which nothing is needed yet but when it begins."""


class Seen:
    """A part begins with a length of nothing.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     seen = Seen(Path(folder) / "seen")
    ...     seen.add([Moved(b"/b", pid=1, tick=7), Moved(b"/a", pid=1, tick=5)])
    ...     place = seen.end()
    ...     seen.add([Moved(b"/c", pid=1, tick=6)])
    ...     [event.tick for event in seen.events()], [event.tick for event in seen.fresh(place)]
    ...     seen.close()
    ([5, 6, 7], [6])
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1  # of who adds: it stays though the recording is removed
        self._identity: tuple[int, int] | None = None
        self._end = 0

    def end(self) -> int:
        """Where the next part will begin."""
        return self._end

    def is_whole(self) -> bool:
        """Whether all that was added is there."""
        try:
            return not self._end or os.fstat(self._held()).st_size == self._end
        except OSError:
            return False

    def _held(self) -> int:
        """Where the process has closed all that it had open, the number may be another file's: then it is opened again.
        Raises OSError."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        if self._file < 0:
            self._file = os.open(self._path, flags | os.O_CREAT, 0o600)
            self._identity = identity(self._file)
        elif identity(self._file) != self._identity:
            self._file = os.open(self._path, flags)
            if identity(self._file) != self._identity:
                raise OSError(EBADF, os.strerror(EBADF))
        return self._file

    def close(self) -> None:
        with suppress(OSError):
            if self._file >= 0:
                os.close(self._held())
        self._file = -1

    def add(self, events: list[Event]) -> None:
        """Where there is no room for all, nothing of it stays. Raises OSError."""
        if not events:
            return
        part = bytearray(_LENGTH.pack(0))
        for event in sorted(events, key=_tick):
            data = msgspec.msgpack.encode((type(event).__name__, event))
            part += _LENGTH.pack(len(data)) + data
        file, left = self._held(), memoryview(part)
        try:
            while left:
                left = left[os.write(file, left) :]
        except OSError:
            os.ftruncate(file, self._end)
            raise
        self._end += len(part)

    def events(self) -> Events:
        """All, in order of time. More than `MOST_HELD` are read again each time."""
        found, count = self._since(0)
        return found if count > MOST_HELD else list(found)

    def fresh(self, since: int) -> Iterable[Event]:
        """Those that were added from a place on, in order of time."""
        return self._since(since)[0]

    def _since(self, since: int) -> tuple[Stream[Event], int]:
        try:
            # As long as the stream.
            file = FileIO(self._path) if self._file < 0 else FileIO(os.dup(self._held()))
        except OSError:
            return Stream(lambda: ()), 0
        parts, count = list[list[int]](), 0
        for at, length in _lengths(file.fileno(), since):
            if not length or not parts:
                parts.append([at, at])
            parts[-1][1] = at + _LENGTH.size + length
            count += length > 0

        def merged() -> Iterator[Event]:
            return merge(*(_part(file, *part) for part in parts), key=_tick)

        return Stream(merged), count


def identity(file: int) -> tuple[int, int] | None:
    """Of what is open under a number, if anything is."""
    try:
        found = os.fstat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _lengths(file: int, at: int) -> Iterator[tuple[int, int]]:
    """Where each is, up to the first that is not whole: its process was killed."""
    size = os.fstat(file).st_size
    held, begin = b"", at
    while at + _LENGTH.size <= size:
        if at + _LENGTH.size > begin + len(held):
            held, begin = os.pread(file, _FURTHER, at), at
        length: int = _LENGTH.unpack_from(held, at - begin)[0]
        if at + _LENGTH.size + length > size:
            return
        yield at, length
        at += _LENGTH.size + length


def _part(file: FileIO, begin: int, end: int) -> Iterator[Event]:
    held, at, piece = b"", 0, _FIRST
    while begin < end or at < len(held):
        read = os.pread(file.fileno(), min(piece, end - begin), begin)
        held, at, begin, piece = held[at:] + read, 0, begin + len(read), _FURTHER
        while at + _LENGTH.size <= len(held):
            over = at + _LENGTH.size + _LENGTH.unpack_from(held, at)[0]
            if over > len(held):
                break
            if over > at + _LENGTH.size:
                name, event = _told(held[at + _LENGTH.size : over])
                yield _DECODE[name](event)
            at = over
        if not read:
            return
