"""What hooks in Python processes noted for their run (`site/notes.py`)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """Which process noted it, and when."""

    pid: int
    tick: int


Line = TypeVar("Line", bound=Noted)


def read(folder: Path, suffix: str, kind: type[Line]) -> list[Line]:
    """In order of time. A line that is none is passed over: any process may have written to the files."""
    found = []
    for path in folder.glob(f"*{suffix}"):
        with suppress(OSError):
            for text in path.read_bytes().splitlines():
                with suppress(msgspec.DecodeError):
                    found.append(msgspec.json.decode(text, type=kind))
    return sorted(found, key=lambda line: line.tick)
