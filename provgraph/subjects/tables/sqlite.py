"""A table of an SQLite database. Names are taken from its schema, never from what a user wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw

from provgraph.subjects.tables import (
    BATCH,
    Goes,
    TableError,
    chosen_table,
    no_column,
    text_of,
)


def identifiers(path: Path, column: str, table: str) -> Iterator[list[str]]:
    connection = _opened(path)
    try:
        named, of = _names(connection, path, column, table)
        found = connection.execute(f"SELECT {named} FROM {of} WHERE {named} IS NOT NULL")
        while rows := [text_of(row[0]) for row, _ in zip(found, range(BATCH), strict=False)]:
            yield [text for text in rows if text]
    except apsw.Error as error:
        raise TableError(f"{path.name} cannot be read as SQLite: {error}") from error
    finally:
        connection.close()


def without(path: Path, column: str, table: str, goes: Goes, target: Path) -> int:
    source = _opened(path)
    try:
        target.unlink(missing_ok=True)
        copy = apsw.Connection(str(target))
        try:
            with copy.backup("main", source, "main") as backup:
                backup.step()
            named, of = _names(copy, path, column, table)

            def is_going(*values: object) -> int:
                return int(goes(text_of(values[0])))

            copy.create_scalar_function("goes", is_going, 1)
            copy.execute("PRAGMA secure_delete = ON")
            copy.execute(f"DELETE FROM {of} WHERE {named} IS NOT NULL AND goes({named})")
            gone = copy.changes()
            copy.execute("PRAGMA journal_mode = DELETE; VACUUM")
            return gone
        finally:
            copy.close()
    except apsw.Error as error:
        raise TableError(f"{path.name} cannot be written anew: {error}") from error
    finally:
        source.close()


def _opened(path: Path) -> apsw.Connection:
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        connection = apsw.Connection(path.absolute().as_uri() + "?mode=ro", flags=flags)
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.Error as error:
        raise TableError(f"{path.name} cannot be read as SQLite: {error}") from error
    return connection


def _names(connection: apsw.Connection, path: Path, column: str, table: str) -> tuple[str, str]:
    """The column and the table, quoted."""
    tables = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
            " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        )
    ]
    of = chosen_table(path, table, tables)
    columns = [
        name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (of,))
    ]
    if column not in columns:
        raise no_column(path, column, columns)
    return quoted(column), quoted(of)


def quoted(name: str) -> str:
    """
    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'
