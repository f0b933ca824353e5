"""JSON lines: an object a line (https://jsonlines.org); a dotted column leads into objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from provgraph.subjects.tables import BATCH, Goes, TableError, no_column, text_of


def identifiers(path: Path, column: str, table: str) -> Iterator[list[str]]:
    batch: list[str] = []
    for _, identifier in _rows(path, column):
        if identifier:
            batch.append(identifier)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def without(path: Path, column: str, table: str, goes: Goes, target: Path) -> int:
    gone = 0
    with open(target, "wb") as out:
        for line, identifier in _rows(path, column):
            if identifier and goes(identifier):
                gone += 1
            else:
                out.write(line)
    return gone


def _rows(path: Path, column: str) -> Iterator[tuple[bytes, str]]:
    """Each line as it was written, and its identifier. A column that no line has is none."""
    decode = msgspec.json.Decoder().decode
    found, empty, names = False, True, list[str]()
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    yield line, ""
                    continue
                try:
                    row = decode(line)
                except msgspec.DecodeError as error:
                    raise TableError(f"{path.name}:{number}: {error}") from None
                empty = False
                there, value = _value(row, column)
                if not found and not there and isinstance(row, dict):
                    names = list(dict.fromkeys([*names, *row]))[:100]
                found = found or there
                yield line, text_of(value) if not isinstance(value, dict | list) else ""
    except OSError as error:
        raise TableError(f"{path.name} cannot be read: {error.strerror}") from error
    if not found and not empty:
        raise no_column(path, column, names)


def _value(row: Any, column: str) -> tuple[bool, Any]:
    """
    >>> _value({"user": {"id": 7}}, "user.id"), _value({"user.id": 7}, "user.id"), _value({}, "a")
    ((True, 7), (True, 7), (False, None))
    """
    if isinstance(row, dict):
        if column in row:
            return True, row[column]
        head, dot, rest = column.partition(".")
        if dot and head in row:
            return _value(row[head], rest)
    return False, None
