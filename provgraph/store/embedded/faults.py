"""What SQLite's errors mean to a person."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from provgraph.errors import StoreError

REBUILD = "rebuild it from the journal: `provgraph sync --rebuild`"
_INDEX: Final = 32 * 1024  # bytes of the smallest index of a log


class StoreOutdated(StoreError):
    """The file has an older schema; the journal can fill a new one."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into `StoreError`."""
    try:
        yield
    except apsw.Error as error:
        raise store_error(error, path) from error


def store_error(error: apsw.Error, path: Path) -> StoreError:
    """
    >>> print(store_error(apsw.FullError("database or disk is full"), Path("graph.db")))
    graph.db: the disk is full; nothing was changed
      hint: free some space and repeat
    """
    match error:
        case apsw.CorruptError() | apsw.NotADBError():
            return StoreError(f"{path}: the database file is damaged", hint=REBUILD)
        case apsw.BusyError() | apsw.LockedError() | apsw.ProtocolError():
            return StoreError(
                f"{path}: another process keeps the database locked",
                hint="repeat when it has finished",
            )
        case apsw.FullError():
            return _full(path)
        case apsw.IOError() if _has_no_room(path):  # SQLite says no more of it
            return _full(path)
        case apsw.ReadOnlyError():
            return StoreError(f"{path}: the database cannot be written here")
        case apsw.CantOpenError():
            return StoreError(
                f"{path}: the database cannot be opened",
                hint="look at the folder and its permissions",
            )
        case apsw.IOError():
            return StoreError(f"{path}: the database cannot be read or written: {error}")
        case apsw.SQLError() if "no such" in str(error):
            return StoreError(f"{path}: the database has not the tables it should", hint=REBUILD)
        case _:
            return StoreError(f"{path}: {error}")


def _full(path: Path) -> StoreError:
    return StoreError(
        f"{path}: the disk is full; nothing was changed", hint="free some space and repeat"
    )


def _has_no_room(path: Path) -> bool:
    """Whether not even the index of its log would have found room beside it."""
    try:
        about = os.statvfs(path.parent)
    except OSError:
        return False
    return about.f_bavail * about.f_frsize < _INDEX
