"""Tables in files: a module a format, found by the file's suffix, loaded when it is met.

A format reads the identifiers of a column, and writes a file again without some of its rows. Both read
the same way, so a row whose identifier was found is the row that goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol, cast

from provgraph.errors import IngestError

_MODULES: Final = {
    ".csv": "delimited",
    ".tsv": "delimited",
    ".tab": "delimited",
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".db": "sqlite",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".duckdb": "duck",
}
BATCH: Final = 20_000
"""Identifiers in a batch, about."""

Goes = Callable[[str], bool]
"""Whether the row with this identifier is to go."""


class TableError(IngestError):
    """A table that cannot be read as a rule says."""


class Format(Protocol):
    def identifiers(self, path: Path, column: str, table: str) -> Iterator[list[str]]:
        """The values of a column as text, in batches, empty ones and nulls left out. A number that
        is whole is written without a fraction. Raises `TableError`."""
        ...

    def without(self, path: Path, column: str, table: str, goes: Goes, target: Path) -> int:
        """Write the file to `target` without the rows that go, everything else as it was; returns
        how many went. Raises `TableError`, OSError."""
        ...


def format_of(path: Path | str) -> Format | None:
    """The format of a file by its suffix, None where it is none of ours.

    >>> format_of("a.tsv").__name__, format_of("a.docx")
    ('provgraph.subjects.tables.delimited', None)
    """
    from importlib import import_module

    name = _MODULES.get(Path(path).suffix.lower())
    return cast(Format, import_module(f"{__name__}.{name}")) if name else None


def format_for(path: Path) -> Format:
    """The same. Raises `TableError` where there is none."""
    found = format_of(path)
    if found is None:
        known = ", ".join(sorted(_MODULES))
        raise TableError(f"{path.name}: not a table that can be read", hint=f"there are {known}")
    return found


def text_of(value: object) -> str:
    """An identifier as text.

    >>> text_of(4711), text_of(4711.0), text_of("0042"), text_of(None), text_of(True), text_of(b"a")
    ('4711', '4711', '0042', '', 'true', 'a')
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case bytes():
            return value.decode("utf-8", "surrogateescape")
        case _:
            return str(value)


def no_column(path: Path, column: str, there: list[str]) -> TableError:
    from provgraph.query.mistake import listed, nearest

    hint = nearest(column, there) or (f"there are {listed(there[:30])}" if there else None)
    return TableError(f"{path.name} has no column `{column}`", hint=hint)


def chosen_table(path: Path, table: str, there: list[str]) -> str:
    """The table that is meant; it need not be named where there is one. Raises `TableError`."""
    from provgraph.query.mistake import listed

    if table in there:
        return table
    if not table and len(there) == 1:
        return there[0]
    named = f"has no table `{table}`" if table else f"has {len(there)} tables"
    hint = f"there are {listed(there[:30])}" if there else None
    raise TableError(f"{path.name} {named}", hint=hint)


def missing(module: str, path: Path) -> TableError:
    return TableError(
        f"{path.name} is read by {module}, which is not installed",
        hint="pip install 'provgraph[subjects]'",
    )
