"""A person's own SQL, asked of the embedded store: the one text that is a query because it was meant to be.

Read-only unless told: the file is opened so, the connection is told so, and an authorizer lets nothing
through but reading (no ATTACH, no PRAGMA that sets anything, no VACUUM INTO a file).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw

from provgraph.errors import BudgetExceeded, QuerySyntaxError, StoreError, UsageError
from provgraph.store.embedded import changes, views
from provgraph.store.embedded.faults import explained
from provgraph.store.embedded.opening import open_database

_READING: Final = frozenset(
    (apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE)
)
_ASKING_PRAGMAS: Final = frozenset(
    ("table_info", "table_xinfo", "table_list", "index_list", "index_info", "function_list")
)
_STEPS: Final = 20_000  # of SQLite's machine between two looks at the clock and at Ctrl-C


@dataclass(frozen=True, slots=True)
class Selected:
    """Columns, and the rows as they come. `changed` counts rows written, once all rows were read."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]
    connection: apsw.Connection

    @property
    def changed(self) -> int:
        return self.connection.total_changes()


@contextmanager
def asked(
    path: Path, text: str, *, write: bool = False, seconds: float | None = None
) -> Iterator[Selected]:
    """The answer to one statement; with `write`, it may change the database, in one transaction.

    Raises `QuerySyntaxError` for a mistake in it, `UsageError` for one that would write and may not,
    `BudgetExceeded`, `StoreError`.
    """
    opened = open_database(path, read_only=not write)
    connection = opened.connection
    try:
        if write and opened.read_only:
            raise StoreError(f"{path}: the database cannot be written here")
        with explained(path), _told(text, seconds):
            connection.execute(views.create())
            if not write:
                connection.pragma("query_only", True)
                connection.authorizer = _may_read
            connection.set_progress_handler(_deadline(seconds), _STEPS)
            if write:
                with connection:
                    yield _selected(connection, text)
                    if connection.total_changes():
                        changes.cut(connection)
            else:
                yield _selected(connection, text)
    finally:
        connection.close(True)


def _selected(connection: apsw.Connection, text: str) -> Selected:
    import apsw.ext

    details = apsw.ext.query_info(connection, text)
    if details.query_remaining and details.query_remaining.strip().strip(";"):
        at = len(text) - len(details.query_remaining)
        raise QuerySyntaxError(
            "one statement at a time", text=text, start=at, end=len(text), hint="leave out the rest"
        )
    columns = tuple(name for name, *_ in details.description)
    return Selected(columns, iter(connection.execute(text)), connection)


def _may_read(
    action: int, one: str | None, two: str | None, database: str | None, trigger: str | None
) -> int:
    asks = action in _READING and two != "load_extension"
    asks |= action == apsw.SQLITE_PRAGMA and one in _ASKING_PRAGMAS
    return apsw.SQLITE_OK if asks else apsw.SQLITE_DENY


def _deadline(seconds: float | None) -> Any:
    """Called between steps: true ends the statement. Being called is what lets Ctrl-C through."""
    end = None if seconds is None else time.monotonic() + seconds
    return lambda: end is not None and time.monotonic() > end


@contextmanager
def _told(text: str, seconds: float | None) -> Iterator[None]:
    """What SQLite says of the statement, as errors of ours."""
    try:
        yield
    except apsw.InterruptError as error:
        raise BudgetExceeded(
            f"the statement runs longer than {seconds:g} s", hint="narrow it, or raise `--timeout`"
        ) from error
    except (apsw.AuthError, apsw.ReadOnlyError) as error:
        raise UsageError(f"this does more than read: {error}", hint="`--write` lets it") from error
    except (apsw.SQLError, apsw.BindingsError, apsw.IncompleteExecutionError) as error:
        place = getattr(error, "error_offset", -1)
        start = len(text.encode()[: max(place, 0)].decode(errors="ignore"))
        word = re.compile(r"\w*").match(text, start)
        end = start if word is None else word.end()
        raise QuerySyntaxError(str(error), text=text, start=start, end=end) from error
