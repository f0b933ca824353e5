"""How is a database file opened: to write, to read only, or where nothing can be written?"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw

from provgraph.errors import StoreError
from provgraph.query.glob import compiled
from provgraph.store.embedded import filesystem, schema
from provgraph.store.embedded.faults import REBUILD, StoreOutdated, explained
from provgraph.store.embedded.transactions import writing

OLDEST_SQLITE: Final = (3, 51, 3)
"""Before it, a WAL that is reset while another process reads can corrupt the file.
https://sqlite.org/wal.html#walresetbug"""

BUSY_SECONDS: Final = 60
_SAFE: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_-.~")


@dataclass(frozen=True, slots=True)
class Opened:
    """`warning` says what a user should know of the place where the file lies."""

    connection: apsw.Connection
    read_only: bool
    warning: str | None = None


def open_database(path: Path, *, read_only: bool = False) -> Opened:
    """Open a file, and make it if it is to be written and does not exist. What cannot be written is
    opened to read. Raises `StoreError`, and `StoreOutdated` for an older schema."""
    require_sqlite(apsw.sqlite_lib_version())
    path = Path(os.path.abspath(path))
    if not path.exists() and (read_only or not filesystem.is_writable(path)):
        raise StoreError(f"{path}: no database there", hint="make it: `provgraph sync`")
    with explained(path):
        if read_only or not filesystem.is_writable(path):
            return Opened(_to_read(path), read_only=True)
        return _to_write(path)


def require_sqlite(version: str) -> None:
    """
    >>> require_sqlite("3.54.1")
    >>> require_sqlite("3.50.4")
    Traceback (most recent call last):
    provgraph.errors.StoreError: SQLite 3.50.4 can damage a file that many processes use
      hint: install apsw 3.51.3 or newer
    """
    if tuple(int(part) for part in version.split(".")[:3]) < OLDEST_SQLITE:
        raise StoreError(
            f"SQLite {version} can damage a file that many processes use",
            hint=f"install apsw {'.'.join(map(str, OLDEST_SQLITE))} or newer",
        )


def _to_write(path: Path) -> Opened:
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
    kind = filesystem.type_of(path)
    remote = filesystem.is_remote(kind)
    with _closed_on_error(apsw.Connection(_uri(path), flags=flags)) as connection:
        _prepare(connection)
        if _is_new(connection, path):
            _journal(connection, "delete" if remote else "wal")
            with writing(connection):
                if _is_new(connection, path):  # else another process made it meanwhile
                    schema.create(connection)
        elif remote and connection.pragma("journal_mode") != "delete":
            _journal(connection, "delete")
        connection.execute("PRAGMA synchronous = FULL")
    return Opened(connection, read_only=False, warning=_warning(path, kind) if remote else None)


def _warning(path: Path, kind: str) -> str:
    return (
        f"{path} is on a network file system ({kind}): locks may not hold between machines; "
        "keep the database on a local disk, or use a server"
    )


def _journal(connection: apsw.Connection, mode: str) -> None:
    """SQLite does not call the busy handler when it changes this mode."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.pragma("journal_mode", mode)
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _to_read(path: Path) -> apsw.Connection:
    """The usual way needs the log's index beside the file, and makes it. Where nothing can be
    written, a log that was left behind is indexed in memory; without one the file is a constant."""
    log = path.with_name(path.name + "-wal")
    try:
        return _reading(path, "?mode=ro")
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        if log.exists() and log.stat().st_size:
            return _reading(path, "?mode=ro", alone=True)
        return _reading(path, "?immutable=1")


def _reading(path: Path, options: str, *, alone: bool = False) -> apsw.Connection:
    """`alone` takes no locks: they would need a file that can be written."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    vfs = "unix-none" if alone else None
    with _closed_on_error(
        apsw.Connection(_uri(path) + options, flags=flags, vfs=vfs)
    ) as connection:
        if alone:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _prepare(connection)
        if _is_new(connection, path):
            raise StoreError(f"{path}: the database is empty", hint="fill it: `provgraph sync`")
    return connection


@contextmanager
def _closed_on_error(connection: apsw.Connection) -> Iterator[apsw.Connection]:
    try:
        yield connection
    except BaseException:
        connection.close()
        raise


def _is_new(connection: apsw.Connection, path: Path) -> bool:
    """Whether the file has no tables yet. Raises `StoreError` if it is not ours or not of today."""
    version = connection.pragma("user_version")
    application = connection.pragma("application_id")
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if not (version or application or tables):
        return True
    if application != schema.APPLICATION_ID:
        raise StoreError(f"{path}: not a database of provgraph", hint="name another file")
    if version > schema.SCHEMA_VERSION:
        raise StoreError(
            f"{path}: written by a newer provgraph (schema {version}; this one reads "
            f"{schema.SCHEMA_VERSION})",
            hint="upgrade provgraph",
        )
    if version < schema.SCHEMA_VERSION:
        raise StoreOutdated(f"{path}: written by an older provgraph", hint=REBUILD)
    return False


def _prepare(connection: apsw.Connection) -> None:
    connection.set_busy_timeout(BUSY_SECONDS * 1000)
    connection.execute("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768")
    connection.create_scalar_function("matches", _matches, 2, deterministic=True)


def _matches(*arguments: Any) -> bool:
    pattern, text = arguments
    return isinstance(text, str) and compiled(pattern).fullmatch(text) is not None


def _uri(path: Path) -> str:
    """A URI says every path, even one that is not UTF-8.

    >>> _uri(Path("/a b/graph.db"))
    'file:/a%20b/graph.db'
    """
    raw = os.fsencode(path)
    return "file:" + "".join(chr(byte) if byte in _SAFE else f"%{byte:02x}" for byte in raw)
