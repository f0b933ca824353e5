"""The records of a run with very much in it, on the disk until they are written down for good."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from provgraph.ingest.capture.streams import Stream
from provgraph.model.journal import encoded
from provgraph.model.records import Observation, Record

_LENGTH: Final = struct.Struct("<I")
_PIECE: Final = 1 << 20


def kept(records: Iterable[Record], folder: Path) -> Stream[Record]:
    """They stand in a file without a name, which goes when nobody goes through them any more. Raises OSError."""
    from tempfile import TemporaryFile

    file = TemporaryFile(dir=folder)  # noqa: SIM115 - as long as the stream
    for record in records:
        payload = encoded(record)
        file.write(_LENGTH.pack(len(payload)) + payload)
    file.flush()
    decode = msgspec.msgpack.Decoder(Observation).decode

    def again() -> Iterator[Record]:
        held, at, offset = b"", 0, 0
        while piece := os.pread(file.fileno(), _PIECE, offset):
            held, at, offset = held[at:] + piece, 0, offset + len(piece)
            while at + _LENGTH.size <= len(held):
                end = at + _LENGTH.size + _LENGTH.unpack_from(held, at)[0]
                if end > len(held):
                    break
                yield decode(held[at + _LENGTH.size : end])
                at = end

    return Stream(again)
