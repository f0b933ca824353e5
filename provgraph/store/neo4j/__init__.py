"""The store of a team: a provenance graph in a Neo4j, through the official driver.

Every statement is about one project: several may share a database. Questions run in transactions
that are tried again where the server says so; a batch is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from provgraph.config import Project
from provgraph.errors import StoreError
from provgraph.model.batches import together
from provgraph.model.elements import Batch, Edge, Node, Value, Watermark
from provgraph.model.tails import Stored
from provgraph.model.vocabulary import Label
from provgraph.query.operators import Cone
from provgraph.query.plan import Budget, Plan, Walk
from provgraph.store import Rows, Statistics, Surroundings

try:
    from provgraph.store.neo4j import own_cypher
    from provgraph.store.neo4j.apply import Writer
    from provgraph.store.neo4j.connection import Connection
    from provgraph.store.neo4j.dialect import dialect_of
    from provgraph.store.neo4j.faults import explained
    from provgraph.store.neo4j.overwriting import overwrite
    from provgraph.store.neo4j.own_cypher import Answer
    from provgraph.store.neo4j.reading import Reader
    from provgraph.store.neo4j.run import Runner
    from provgraph.store.neo4j.schema import prepare, server_version
    from provgraph.store.neo4j.settings import Settings, settings_of
except ImportError as error:
    raise StoreError(
        "the driver for Neo4j is not installed", hint="pip install 'provgraph[neo4j]'"
    ) from error

__all__ = ["Neo4jStore", "Settings", "open", "open_for"]


class Neo4jStore:
    """A `Store` in a Neo4j database. `version` is the server's.

    `warning` says what is to be known of the database, or is None.
    """

    def __init__(
        self,
        connection: Connection,
        project: str,
        version: str,
        warning: str | None,
        read_only: bool,
    ) -> None:
        self.uri = connection.uri
        self.project = project
        self.version = version
        self.warning = warning
        self.read_only = read_only
        self._connection = connection
        self._writer = Writer(connection, project)
        self._reader = Reader(connection, project)
        self._runner = Runner(connection, project, dialect_of(server_version(version)))
        self._expected: int | None = None

    def apply(self, batch: Batch) -> None:
        """Raises `StoreChanged` if somebody else wrote after this store's first `tails` or `timelines` since its last
        batch: what was bound by them may no longer hold."""
        self._writable()
        expected, self._expected = self._expected, None
        with explained(self.uri):
            self._writer.apply(batch, expected)

    def begin(self, batch: Batch, ready: Callable[[], None] = lambda: None) -> None:
        ready()
        self.apply(batch)

    def begin_making(
        self,
        make: Callable[[Self], Iterable[Batch]],
        artifacts: frozenset[str],
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        self.begin(together(make(self)), ready)

    def run(self, plan: Plan, budget: Budget = Budget()) -> Rows:  # noqa: B008
        with explained(self.uri):
            return self._runner.run(plan, budget)

    def cone(self, walk: Walk, budget: Budget = Budget()) -> Cone:  # noqa: B008
        with explained(self.uri):
            return self._runner.cone(walk, budget)

    def reached(self, walk: Walk, budget: Budget = Budget()) -> tuple[Cone, list[Node]]:  # noqa: B008
        with explained(self.uri):
            return self._runner.reached(walk, budget)

    def nodes(self, ids: Sequence[str]) -> list[Node]:
        with explained(self.uri):
            return self._reader.nodes(ids)

    def edges(
        self, ids: Sequence[str], types: Sequence[str] = (), *, incoming: bool = False
    ) -> list[Edge]:
        with explained(self.uri):
            return self._reader.edges(ids, types, incoming=incoming)

    def degrees(
        self, ids: Sequence[str], types: Sequence[str] = (), *, incoming: bool = False
    ) -> dict[str, dict[str, int]]:
        with explained(self.uri):
            return self._reader.degrees(ids, types, incoming=incoming)

    def values(
        self,
        label: Label,
        key: str,
        most: int,
        budget: Budget = Budget(),  # noqa: B008
    ) -> list[Value]:
        with explained(self.uri):
            return self._reader.values(label, key, most, budget.seconds)

    def timelines(self, artifacts: Sequence[str]) -> Surroundings:
        with explained(self.uri):
            self._expect()
            return self._reader.timelines(artifacts)

    def tails(self, artifacts: Sequence[str]) -> list[Stored]:
        with explained(self.uri):
            self._expect()
            return self._reader.tails(artifacts)

    def _expect(self) -> None:
        """What is read before a batch is read of one state: the first that is read says of which."""
        if self._expected is None:
            self._expected = self._reader.writes()

    def existing(self, ids: Sequence[str]) -> set[str]:
        return {node.id for node in self.nodes(ids)}

    def begun(self) -> frozenset[str]:
        return frozenset()

    def watermarks(self) -> dict[str, Watermark]:
        with explained(self.uri):
            return self._reader.watermarks()

    def statistics(self) -> Statistics:
        with explained(self.uri):
            return self._reader.statistics()

    def clear(self) -> None:
        self._writable()
        with explained(self.uri):
            self._writer.clear()

    def overwrite(self, nodes: int) -> None:
        """Leave nothing in the store's files of what `clear` has deleted: so many nodes at most. The
        server's transaction logs and backups keep it."""
        self._writable()
        with explained(self.uri):
            overwrite(self._connection, nodes)

    def cypher(
        self,
        text: str,
        parameters: Mapping[str, Any],
        *,
        write: bool = False,
        seconds: float | None = None,
    ) -> Answer:
        """The answer to a person's own statement, which sees all of the database. Raises
        `UsageError` for a mistake in it, or where it writes without `write`."""
        if write:
            self._writable()
        with explained(self.uri):
            return own_cypher.asked(
                self._connection, text, parameters, write=write, seconds=seconds
            )

    def beside(self, project: str) -> Neo4jStore:
        """The graph of another project in this database, over the same connection."""
        return Neo4jStore(self._connection, project, self.version, self.warning, self.read_only)

    def close(self) -> None:
        """May be called twice; nothing else may be called afterwards."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _writable(self) -> None:
        if self.read_only:
            raise StoreError(f"{self.uri}: opened to read only")


def open(
    settings: Settings,
    project: str,
    *,
    read_only: bool = False,
    bookmarks: Path | None = None,
) -> Neo4jStore:
    """Open the graph of a project (its id) in a database, and make our constraints and indexes
    there if they are missing. Raises `StoreError`."""
    with explained(settings.uri):
        connection = Connection(settings, bookmarks)
        try:
            connection.check()
            version, warning = prepare(connection, make=settings.schema_ and not read_only)
        except BaseException:
            connection.close()
            raise
    return Neo4jStore(connection, project, version, warning, read_only)


def open_for(project: Project, *, read_only: bool = False) -> Neo4jStore:
    """The store that a project's settings name. Raises `StoreError`, `ProjectError`."""
    bookmarks = project.state / "neo4j-bookmarks.json"
    return open(settings_of(project), project.id, read_only=read_only, bookmarks=bookmarks)
