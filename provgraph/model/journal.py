"""The journal: append-only segments of records, one writer each. Format: docs/journal-format.md.

A segment is a header line and then frames. A frame is the payload's length and its CRC-32 (both
unsigned 32 bit, little-endian) and the payload, one record in MessagePack. The last record of a
segment that was closed is `Done`. A torn frame at the end is what a killed writer leaves: reading
stops before it and says so. A frame that is damaged in the middle ends reading too; nothing after
it is trusted.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, Literal, Self

import msgspec

from provgraph.errors import JournalError
from provgraph.model.records import FORMAT, OBSERVATIONS, Done, Observation, Record

MAGIC: Final = b"provgraph journal\n"
SUFFIX: Final = ".segment"
_FRAME: Final = struct.Struct("<II")
_LONGEST: Final = 64 * 1024 * 1024
_BUFFERED: Final = 1024 * 1024


Condition = Literal["whole", "open", "torn", "damaged"]


class Header(msgspec.Struct, frozen=True):
    """`generation` counts how often the segment was rewritten (as erasure does); `created` is
    nanoseconds UTC."""

    format: int
    project: str
    name: str
    created: int
    generation: int = 0
    writer: str = ""


class Segment(msgspec.Struct, frozen=True):
    """A segment as it was read. `records` leaves the `Done` mark out. `condition`: `whole` (it has
    its mark), `open` (none: still being written, or its writer was killed), `torn` (the last frame
    is incomplete), `damaged` (a frame fails its checksum). `lost` counts the bytes not read."""

    path: Path
    header: Header
    records: list[Observation]
    condition: Condition
    lost: int = 0


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Observation] | None = None


def _record_decoder() -> msgspec.msgpack.Decoder[Observation]:
    global _decoder
    if _decoder is None:  # building it costs milliseconds; a writer never needs it
        _decoder = msgspec.msgpack.Decoder(Observation)
    return _decoder


def frame(payload: bytes) -> bytes:
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def encoded(record: Record) -> bytes:
    """A record as a frame holds it."""
    return _encoder.encode(record)


class SegmentWriter:
    """Writes one segment. Closing it without an exception writes the `Done` mark. Until it is closed,
    nobody else writes the segment anew (`apart_from_its_writer`).

    Raises `JournalError` where the folder cannot be written or the disk is full; what was flushed
    before stays readable.
    """

    def __init__(self, folder: Path, project: str, name: str) -> None:
        self.path = folder / f"{name}{SUFFIX}"
        self.records = 0
        self._buffer = bytearray()
        self._flushed = 0
        header = Header(FORMAT, project, name, time.time_ns(), writer=f"provgraph/{FORMAT}")
        try:
            self._file = os.open(
                self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise JournalError(f"{self.path} cannot be written: {error.strerror}") from error
        with suppress(OSError):  # not all file systems have locks; capture goes on without
            fcntl.flock(self._file, fcntl.LOCK_EX)
        self._buffer += MAGIC + frame(_encoder.encode(header))
        try:
            self.flush()
        except JournalError:  # without a head it is no segment, and every sync would say so
            os.close(self._file)
            self.path.unlink()
            raise

    def write(self, record: Record) -> None:
        payload = encoded(record)
        self._buffer += _FRAME.pack(len(payload), zlib.crc32(payload))
        self._buffer += payload
        self.records += 1
        if len(self._buffer) > _BUFFERED:
            self.flush()

    def flush(self, *, durable: bool = False) -> None:
        """Hand what was written to the kernel (it then survives kill -9), and with `durable` to the
        disk (it then survives a loss of power)."""
        view = memoryview(bytes(self._buffer))
        self._buffer.clear()
        try:
            size = len(view)
            while view:
                view = view[os.write(self._file, view) :]
            self._flushed += size
            if durable:
                os.fdatasync(self._file)
        except OSError as error:
            with suppress(OSError):  # no part of a record stays: nobody will come to write the rest
                os.ftruncate(self._file, self._flushed)
            raise JournalError(f"{self.path} cannot be written: {error.strerror}") from error

    def is_there(self) -> bool:
        """Whether the segment has not been removed."""
        return os.fstat(self._file).st_nlink > 0

    def is_in_place(self) -> bool:
        """Whether it was neither moved, nor replaced, nor emptied."""
        return is_at(self.path, self._file) and os.fstat(self._file).st_size >= self._flushed

    def discard(self) -> None:
        """Let go of the segment, and remove it if it is still at its place."""
        with suppress(OSError):
            if is_at(self.path, self._file):
                self.path.unlink()
        os.close(self._file)

    def close(self) -> None:
        """Write the mark and make the segment durable, its name in the folder too."""
        try:
            self._buffer += frame(_encoder.encode(Done(self.records)))
            self.flush(durable=True)
            with suppress(OSError):  # not all file systems let folders be flushed, nor need it
                folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
        finally:
            os.close(self._file)

    def leave(self) -> None:
        """Close the segment without its mark: more is known later, and stands in another."""
        try:
            self.flush()
        finally:
            os.close(self._file)

    def hand_over(self) -> None:
        """A fork of this process writes the segment, which this one has no more to do with."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.leave()


def is_at(path: Path, file: int) -> bool:
    """Whether what is open as `file` stands at that path, for all that this process may see."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except PermissionError:
        return True
    except OSError:
        return False


@contextmanager
def apart_from_its_writer(path: Path) -> Iterator[bool]:
    """Hold a segment, so that nobody adds to it; whether it is held: not, while its writer is at it."""
    with open(path, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def read_segment(path: Path) -> Segment:
    """Read a segment, as far as it can be trusted.

    Raises `JournalError` where there is no readable header, or the format is newer than this one.
    """
    reading = Reading(path)
    records = list(reading)
    return Segment(path, reading.header, records, reading.condition, reading.lost)


class Reading:
    """A segment that is read a record at a time, as far as it can be trusted: a large one needs little
    memory. `condition` and `lost` (as in `Segment`) are known when the last record has been given.

    Raises `JournalError` where there is no readable header, or the format is newer than this one; and
    later for a record that is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.condition: Condition = "open"
        self.lost = 0
        with path.open("rb") as file:
            self.header, self._start = _header(path, file)

    def __iter__(self) -> Iterator[Observation]:
        decoder = _record_decoder()
        end = self._start
        last: Observation | None = None
        with self.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size  # its writer may be at it
            file.seek(end)
            for payload in _frames(file):
                end += _FRAME.size + len(payload)
                try:
                    record = decoder.decode(payload)
                except msgspec.ValidationError as error:
                    if _is_unknown(payload):
                        continue  # a record type of a newer writer within this format
                    raise JournalError(f"{self.path}: a record is not one: {error}") from error
                if last is not None:
                    yield last
                last = record
            self.lost = max(size - end, 0)
            if isinstance(last, Done):
                self.condition = "whole"
                return
            if self.lost:
                self.condition = _what_is_wrong(file, end, self.lost)
        if last is not None:
            yield last


def _frames(file: BinaryIO) -> Iterator[bytes]:
    """The payloads of the whole frames from here on, read many at a time."""
    held, at, wanted = b"", 0, _FRAME.size
    while True:
        if len(held) - at < wanted:
            more = file.read(max(wanted, _BUFFERED))
            held, at = held[at:] + more, 0
            if len(held) < wanted:
                return
        length, checksum = _FRAME.unpack_from(held, at)
        if length > _LONGEST:
            return
        wanted = _FRAME.size + length
        if len(held) - at < wanted:
            continue
        payload = held[at + _FRAME.size : at + wanted]
        if zlib.crc32(payload) != checksum:
            return
        yield payload
        at, wanted = at + wanted, _FRAME.size


def _header(path: Path, file: BinaryIO) -> tuple[Header, int]:
    """The header, and where it ends."""
    first = next(_frames(file), None) if file.read(len(MAGIC)) == MAGIC else None
    if first is None:
        raise JournalError(
            f"{path} is not a journal segment, or its head is damaged",
            hint="move it out of the journal folder; the other segments are not touched by it",
        )
    header = msgspec.msgpack.decode(first, type=Header)
    if header.format > FORMAT:
        raise JournalError(
            f"{path} is of format {header.format}; this provgraph reads up to {FORMAT}",
            hint="upgrade provgraph",
        )
    return header, len(MAGIC) + _FRAME.size + len(first)


def _what_is_wrong(file: BinaryIO, end: int, lost: int) -> Condition:
    file.seek(end)
    head = file.read(_FRAME.size)
    if len(head) < _FRAME.size:
        return "torn"
    length = int(_FRAME.unpack(head)[0])
    return "torn" if _FRAME.size + length > lost else "damaged"


_TAGS: Final = frozenset(t.__struct_config__.tag for t in OBSERVATIONS)


def _is_unknown(payload: bytes) -> bool:
    raw = msgspec.msgpack.decode(payload)
    return isinstance(raw, dict) and isinstance(raw.get("t"), str) and raw["t"] not in _TAGS


def segments(folder: Path) -> list[Path]:
    """The segments of a journal, by name; of one run as they were written, since a later one goes on from what
    the earlier ones say."""
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.name.endswith(SUFFIX)]
    except FileNotFoundError:
        return []
    return [folder / name for name in sorted(names, key=_place)]


def _place(name: str) -> tuple[str, int, str]:
    """
    >>> sorted(["b.segment", "a.10.segment", "a.2.segment", "a.segment"], key=_place)
    ['a.segment', 'a.2.segment', 'a.10.segment', 'b.segment']
    """
    run, _, number = name.removesuffix(SUFFIX).partition(".")
    return run, len(number), number
