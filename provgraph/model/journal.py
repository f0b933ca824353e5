"""The journal: append-only segments of records, one writer each. Format: docs/journal-format.md.

A segment is a header line and then frames. A frame is the payload's length and its CRC-32 (both
unsigned 32 bit, little-endian) and the payload, one record in MessagePack. The last record of a
segment that was closed is `Done`. A torn frame at the end is what a killed writer leaves: reading
stops before it and says so. A frame that is damaged in the middle ends reading too; nothing after
it is trusted.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, Self

import msgspec

from provgraph.errors import JournalError
from provgraph.model.records import FORMAT, OBSERVATIONS, Done, Observation, Record

MAGIC: Final = b"provgraph journal\n"
SUFFIX: Final = ".segment"
_FRAME: Final = struct.Struct("<II")
_LONGEST: Final = 64 * 1024 * 1024
_BUFFERED: Final = 1024 * 1024


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
    condition: Literal["whole", "open", "torn", "damaged"]
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


class SegmentWriter:
    """Writes one segment. Closing it without an exception writes the `Done` mark.

    Raises `JournalError` where the folder cannot be written or the disk is full; what was flushed
    before stays readable.
    """

    def __init__(self, folder: Path, project: str, name: str) -> None:
        self.path = folder / f"{name}{SUFFIX}"
        self.records = 0
        self._buffer = bytearray()
        header = Header(FORMAT, project, name, time.time_ns(), writer=f"provgraph/{FORMAT}")
        try:
            self._file = os.open(
                self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise JournalError(f"{self.path} cannot be written: {error.strerror}") from error
        self._buffer += MAGIC + frame(_encoder.encode(header))
        try:
            self.flush()
        except JournalError:  # without a head it is no segment, and every sync would say so
            os.close(self._file)
            self.path.unlink()
            raise

    def write(self, record: Record) -> None:
        self._buffer += frame(_encoder.encode(record))
        self.records += 1
        if len(self._buffer) > _BUFFERED:
            self.flush()

    def flush(self, *, durable: bool = False) -> None:
        """Hand what was written to the kernel (it then survives kill -9), and with `durable` to the
        disk (it then survives a loss of power)."""
        view = memoryview(bytes(self._buffer))
        self._buffer.clear()
        try:
            while view:
                view = view[os.write(self._file, view) :]
            if durable:
                os.fdatasync(self._file)
        except OSError as error:
            raise JournalError(f"{self.path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Write the mark and make the segment durable."""
        try:
            self._buffer += frame(_encoder.encode(Done(self.records)))
            self.flush(durable=True)
        finally:
            os.close(self._file)

    def leave(self) -> None:
        """Close the segment without its mark: more is known later, and stands in another."""
        try:
            self.flush()
        finally:
            os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.leave()


def read_segment(path: Path) -> Segment:
    """Read a segment, as far as it can be trusted.

    Raises `JournalError` where there is no readable header, or the format is newer than this one.
    """
    data = path.read_bytes()
    frames = _frames(data)
    header = _header(path, data, frames)
    decoder = _record_decoder()
    records: list[Observation] = []
    end = len(MAGIC)
    for payload, end in frames:  # noqa: B007 - the last `end` says how far the frames reach
        try:
            records.append(decoder.decode(payload))
        except msgspec.ValidationError as error:
            if _is_unknown(payload):
                continue  # a record type of a newer writer within this format
            raise JournalError(f"{path}: a record is not one: {error}") from error
    end = max(end, _header_end(data))
    if records and isinstance(records[-1], Done):
        return Segment(path, header, records[:-1], "whole", len(data) - end)
    if end == len(data):
        return Segment(path, header, records, "open")
    return Segment(path, header, records, _what_is_wrong(data, end), len(data) - end)


def _frames(data: bytes) -> Iterator[tuple[bytes, int]]:
    """The payloads of the whole frames, each with the offset after it."""
    at = len(MAGIC)
    while at + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, at)
        start, end = at + _FRAME.size, at + _FRAME.size + length
        if length > _LONGEST or end > len(data) or zlib.crc32(data[start:end]) != checksum:
            return
        yield data[start:end], end
        at = end


def _header_end(data: bytes) -> int:
    return len(MAGIC) + _FRAME.size + int(_FRAME.unpack_from(data, len(MAGIC))[0])


def _header(path: Path, data: bytes, frames: Iterator[tuple[bytes, int]]) -> Header:
    first = next(frames, None) if data.startswith(MAGIC) else None
    if first is None:
        raise JournalError(
            f"{path} is not a journal segment, or its head is damaged",
            hint="move it out of the journal folder; the other segments are not touched by it",
        )
    header = msgspec.msgpack.decode(first[0], type=Header)
    if header.format > FORMAT:
        raise JournalError(
            f"{path} is of format {header.format}; this provgraph reads up to {FORMAT}",
            hint="upgrade provgraph",
        )
    return header


def _what_is_wrong(data: bytes, end: int) -> Literal["torn", "damaged"]:
    if end + _FRAME.size > len(data):
        return "torn"
    length = int(_FRAME.unpack_from(data, end)[0])
    return "torn" if end + _FRAME.size + length > len(data) else "damaged"


_TAGS: Final = frozenset(t.__struct_config__.tag for t in OBSERVATIONS)


def _is_unknown(payload: bytes) -> bool:
    raw = msgspec.msgpack.decode(payload)
    return isinstance(raw, dict) and isinstance(raw.get("t"), str) and raw["t"] not in _TAGS


def segments(folder: Path) -> list[Path]:
    """The segments of a journal, by name."""
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.name.endswith(SUFFIX)]
    except FileNotFoundError:
        return []
    return [folder / name for name in sorted(names)]
