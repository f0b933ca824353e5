"""CSV and TSV: rows as they were written, so that what stays is byte for byte the same."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from provgraph.subjects.tables import BATCH, Goes, TableError, no_column

_DELIMITERS: Final = (",", ";", "\t", "|")
_BOM: Final = "\ufeff"
csv.field_size_limit(2**31 - 1)


def identifiers(path: Path, column: str, table: str) -> Iterator[list[str]]:
    with _opened(path, column) as rows:
        batch: list[str] = []
        for _, identifier in rows:
            if identifier:
                batch.append(identifier)
            if len(batch) >= BATCH:
                yield batch
                batch = []
        if batch:
            yield batch


def without(path: Path, column: str, table: str, goes: Goes, target: Path) -> int:
    gone = 0
    with _opened(path, column) as rows, _writing(target) as out:
        out.write(rows.header)
        for written, identifier in rows:
            if identifier and goes(identifier):
                gone += 1
            else:
                out.write(written)
    return gone


def _writing(target: Path) -> IO[str]:
    return open(target, "w", encoding="utf-8", errors="surrogateescape", newline="")


class _Rows:
    """The rows of a file: each as it was written, and its identifier ("" where it has none).

    Bytes that are not UTF-8 go through as they are.
    """

    def __init__(self, path: Path, file: IO[str], column: str) -> None:
        self._file, self._taken, self._path = file, list[str](), path
        first = file.readline()
        delimiter = _delimiter(path, first, column)
        file.seek(0)
        self._reader = csv.reader(self._lines(), delimiter=delimiter, strict=True)
        header = next(self._reader, [])
        names = [header[0].removeprefix(_BOM), *header[1:]] if header else []
        if column not in names:
            raise no_column(path, column, names)
        self._place = names.index(column)
        self.header = self._written()

    def _lines(self) -> Iterator[str]:
        while line := self._file.readline():
            self._taken.append(line)
            yield line

    def _written(self) -> str:
        text = "".join(self._taken)
        self._taken.clear()
        return text

    def __iter__(self) -> Iterator[tuple[str, str]]:
        try:
            for row in self._reader:
                yield self._written(), row[self._place] if self._place < len(row) else ""
        except csv.Error as error:
            place = f"{self._path.name}:{self._reader.line_num}"
            raise TableError(f"{place}: {error}") from None
        if rest := self._written():
            yield rest, ""


@contextmanager
def _opened(path: Path, column: str) -> Iterator[_Rows]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            yield _Rows(path, file, column)
    except OSError as error:
        raise TableError(f"{path.name}: {error.strerror}") from error


def _delimiter(path: Path, header: str, column: str) -> str:
    """A comma in a `.csv` and a tab elsewhere, unless only another one shows the column."""
    usual = "," if path.suffix.lower() == ".csv" else "\t"
    for delimiter in (usual, *_DELIMITERS):
        names = next(csv.reader([header.lstrip(_BOM)], delimiter=delimiter), [])
        if column in names:
            return delimiter
    return usual
