"""What programs, and hooks in Python processes (`site/notes.py`), noted for their run. Any process may have written to
these files, so a line that is none is passed over, such as one with a number that no store holds."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

Whole = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
Told = str | Whole | float | bool | None


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """Which process noted it, and when."""

    pid: Whole
    tick: Whole


Line = TypeVar("Line", bound=Noted)


def read(folder: Path, suffix: str, kind: type[Line]) -> list[Line]:
    """In order of time."""
    found = []
    for path in folder.glob(f"*{suffix}"):
        with suppress(OSError):
            for text in path.read_bytes().splitlines():
                with suppress(msgspec.DecodeError):
                    found.append(msgspec.json.decode(text, type=kind))
    return sorted(found, key=lambda line: line.tick)
