"""A table of a DuckDB database. Names are taken from its schema, never from what a user wrote."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from provgraph.subjects.tables import (
    BATCH,
    Goes,
    TableError,
    chosen_table,
    missing,
    no_column,
    text_of,
)
from provgraph.subjects.tables.sqlite import quoted


def identifiers(path: Path, column: str, table: str) -> Iterator[list[str]]:
    connection = _opened(path, read_only=True)
    try:
        named, of = _names(connection, path, column, table)
        found = connection.execute(f"SELECT {named} FROM {of} WHERE {named} IS NOT NULL")
        while rows := found.fetchmany(BATCH):
            yield [text for (value,) in rows if (text := text_of(value))]
    finally:
        connection.close()


def without(path: Path, column: str, table: str, goes: Goes, target: Path) -> int:
    """The database is written table by table into a new file: DuckDB keeps deleted rows in an old
    one until their blocks are used again."""
    scratch = target.with_name(f"{target.name}.copy")
    shutil.copyfile(path, scratch)
    try:
        connection = _opened(scratch, read_only=False)
        try:
            named, of = _names(connection, path, column, table)
            values = connection.execute(f"SELECT DISTINCT {named} FROM {of}").fetchall()
            going = [(value,) for (value,) in values if value is not None and goes(text_of(value))]
            gone = 0
            for each in going:
                asked = f"DELETE FROM {of} WHERE {named} = ? RETURNING 1"
                gone += len(connection.execute(asked, each).fetchall())
            target.unlink(missing_ok=True)
            connection.execute("ATTACH ? AS written", [str(target)])
            current = connection.execute("SELECT current_database()").fetchone()[0]
            connection.execute(f"COPY FROM DATABASE {quoted(current)} TO written")
            return gone
        finally:
            connection.close()
    finally:
        scratch.unlink(missing_ok=True)


def _opened(path: Path, *, read_only: bool) -> Any:
    try:
        import duckdb
    except ImportError:
        raise missing("DuckDB", path) from None
    try:
        return duckdb.connect(str(path), read_only=read_only)
    except duckdb.Error as error:
        raise TableError(f"{path.name} cannot be read as DuckDB: {error}") from error


def _names(connection: Any, path: Path, column: str, table: str) -> tuple[str, str]:
    """The column and the table, quoted."""
    asked = (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main' ORDER BY 1"
    )
    of = chosen_table(path, table, [name for (name,) in connection.execute(asked).fetchall()])
    asked = "SELECT column_name FROM information_schema.columns WHERE table_name = ? ORDER BY 1"
    columns = [name for (name,) in connection.execute(asked, [of]).fetchall()]
    if column not in columns:
        raise no_column(path, column, columns)
    return quoted(column), quoted(of)
