"""Statements to one database: tried again where that helps, after what was written before."""

from __future__ import annotations

import json
import logging
import os
import time
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from neo4j import (
    READ_ACCESS,
    WRITE_ACCESS,
    Bookmarks,
    Driver,
    GraphDatabase,
    ManagedTransaction,
    NotificationMinimumSeverity,
    Query,
    Result,
    Session,
    unit_of_work,
)
from neo4j.exceptions import DriverError, Neo4jError

from provgraph import __version__
from provgraph.store.neo4j.names import Names
from provgraph.store.neo4j.settings import Settings

T = TypeVar("T")

_CONNECT_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 20.0
SHORTEST_SECONDS: Final = 0.001  # to the server, none are any

# The driver logs what it tries again; where nobody has set logging up, Python would print that.
logging.getLogger("neo4j").addHandler(logging.NullHandler())


class Asked(Protocol):
    """What takes a statement: a transaction, or a session whose statements each are one."""

    def run(self, query: Any, parameters: dict[str, Any], /) -> Result: ...


class Connection:
    """A driver for one database. `bookmarks` is the file by which one process sees what another of
    this project wrote, whichever member of a cluster answers it. Another server would wait in vain for
    what it never had."""

    def __init__(self, settings: Settings, bookmarks: Path | None = None) -> None:
        self.uri = settings.uri
        self.names = Names(settings.prefix)
        self._database = settings.database
        self._file = bookmarks
        known = Bookmarks.from_raw_values(_read(bookmarks, self.uri))
        self._kept = known.raw_values
        self._manager = GraphDatabase.bookmark_manager(
            initial_bookmarks=known,
            bookmarks_consumer=self._keep,
        )
        self.driver: Driver = GraphDatabase.driver(
            settings.uri,
            auth=(settings.user, settings.secret()),
            user_agent=f"provgraph/{__version__}",
            connection_timeout=_CONNECT_SECONDS,
            max_transaction_retry_time=_RETRY_SECONDS,
            notifications_min_severity=NotificationMinimumSeverity.OFF,
            telemetry_disabled=True,
        )

    def check(self) -> None:
        """Raises the driver's error at once where nothing answers."""
        self.driver.verify_connectivity()

    def read(self, work: Callable[[Asked], T], timeout: float | None = None) -> T:
        """What `work` makes of the answers to its statements; it may be called again.

        Each statement is a transaction of its own first, which the server begins and ends by
        itself: one round trip instead of three. One transaction would not show one state of the
        database either. Where that fails and may be tried again, the driver does so.
        """
        with self._session(READ_ACCESS) as session:
            try:
                return work(session if timeout is None else _Timed(session, timeout))
            except (DriverError, Neo4jError) as error:
                if not error.is_retryable():
                    raise
            found: T = session.execute_read(unit_of_work(timeout=timeout)(work))
            return found

    def write(self, work: Callable[[ManagedTransaction], T]) -> T:
        """One transaction: all of it or nothing, and again where the server says so."""
        with self._session(WRITE_ACCESS) as session:
            found: T = session.execute_write(work)
            return found

    def one(self, text: str, **parameters: Any) -> Sequence[Any]:
        """The one row of a statement."""
        said = self.names.said(text)
        row = self.read(lambda transaction: transaction.run(said, parameters).single(strict=True))
        return tuple(row.values())

    def columns(self, text: str, timeout: float | None = None, **parameters: Any) -> list[Any]:
        """The one row of a statement whose columns are lists."""
        return list(self.read(lambda each: columns(each, text, parameters), timeout))

    def alone(self, text: str, **parameters: Any) -> None:
        """A statement that brings its own transactions, or changes the schema, with our names."""
        with self._session(WRITE_ACCESS) as session:
            session.run(text, parameters).consume()

    def state(self) -> frozenset[str]:
        """The bookmarks of what was answered last: the same as before while nobody wrote between."""
        return frozenset(self._manager.get_bookmarks())

    def writing(self) -> Any:
        """A session whose statements each are a transaction."""
        return self._session(WRITE_ACCESS)

    def close(self) -> None:
        self.driver.close()

    @contextmanager
    def _session(self, access: str) -> Iterator[Any]:
        session: Any = self.driver.session(
            database=self._database,
            default_access_mode=access,
            bookmark_manager=self._manager,
            fetch_size=-1,
        )
        try:
            yield session
        except KeyboardInterrupt:
            # Closing waits for the answer. The driver cuts the connection, upon which the server
            # ends the transaction, only for what is cancelled as asynchronous code is.
            session.__exit__(CancelledError, None, None)
            raise
        finally:
            session.close()

    def _keep(self, bookmarks: Bookmarks) -> None:
        """After each statement, and most give a bookmark that is known."""
        if self._file is None or bookmarks.raw_values == self._kept:
            return
        self._kept = bookmarks.raw_values
        new = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            new.write_text(json.dumps({self.uri: sorted(bookmarks.raw_values)}), "utf-8")
            new.replace(self._file)
        except OSError:  # a folder that cannot be written: the next process may see less
            new.unlink(missing_ok=True)


class _Timed:
    """A session whose statements share a time."""

    def __init__(self, session: Session, seconds: float) -> None:
        self.session = session
        self.until = time.monotonic() + seconds

    def run(self, text: Any, parameters: dict[str, Any], /) -> Result:
        left = max(self.until - time.monotonic(), SHORTEST_SECONDS)
        return self.session.run(Query(text, timeout=left), parameters)


def columns(asked: Asked, text: str, parameters: dict[str, Any]) -> list[Any]:
    """The one row of a statement that gives one."""
    return list(asked.run(text, parameters).single(strict=True))


def _read(file: Path | None, uri: str) -> list[str]:
    """
    >>> _read(None, "bolt://db"), _read(Path("/nowhere"), "bolt://db")
    ([], [])
    """
    try:
        held = json.loads(file.read_text("utf-8")) if file else {}
    except (OSError, ValueError):
        return []
    found = held.get(uri) if isinstance(held, dict) else None
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
