"""When does a store walk over a snapshot in memory rather than in SQL, and name nodes from memory?

When its walks in SQL have taken as long as the snapshot would take to get: whatever comes, a process
then spends at most twice what would have been best. A command that asks one question never gets
there, and never imports numpy; a server or a notebook does within seconds. Where numpy is not
installed, SQL walks always. When edges were removed, the snapshot is of no use any more, and the
count begins anew. The same holds for reading the ids of what a walk reached.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import apsw

from provgraph.store.embedded.schema import LINEAGE_NUMBERS

if TYPE_CHECKING:
    from provgraph.store.embedded.closure import Walker
    from provgraph.store.embedded.known_nodes import KnownNodes
    from provgraph.store.embedded.snapshot import Lineage

Engine = Literal["auto", "sql", "snapshot", "numpy"]
"""`numpy` is the snapshot without its compiled library."""

# Seconds, about: what it costs to get ready.
_IMPORT: Final = 0.16
_LOAD: Final = 0.03
_BUILD_AN_EDGE: Final = 0.6e-6
_KNOW_A_NODE: Final = 1e-6

_CAUTION: Final = 4  # getting ready may take this part of the time that a question has left

WORTH_A_FILE: Final = 200_000
"""Edges. A smaller snapshot is built as fast as its file is read and checked."""

_NODES: Final = "SELECT sum(count) FROM label"
_EDGES: Final = f"SELECT sum(count) FROM edge_type WHERE id <= {LINEAGE_NUMBERS[-1]}"


@dataclass(frozen=True, slots=True)
class Ready:
    """A snapshot of the state that the connection reads, and what walks over it."""

    lineage: Lineage
    walker: Walker


class Warm:
    """What one store has in memory."""

    def __init__(self, database: Path, engine: Engine) -> None:
        self._file = database.with_name(f"{database.name}-lineage")
        self._engine = engine
        self._ready: Ready | None = None
        self._paid = 0.0
        self._may_load = True
        self._nodes: KnownNodes | None = None
        self._nodes_paid = 0.0

    def ready(self, connection: apsw.Connection, left: float) -> Ready | None:
        """The snapshot, where it is to be used; the caller holds the read transaction, and has
        `left` seconds for its question."""
        if self._ready is not None and not self._ready.lineage.follow(connection):
            self._ready = None
            self._paid = 0.0
            self._may_load = True
        if self._ready is None and (lineage := self._gotten(connection, left)) is not None:
            from provgraph.store.embedded.closure import Walker
            from provgraph.store.embedded.kernel import kernel

            compiled = kernel() if self._engine != "numpy" else None
            self._ready = Ready(lineage, Walker(lineage.size, compiled))
        return self._ready

    @contextmanager
    def paying(self) -> Iterator[None]:
        """Around a walk in SQL."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._paid += time.perf_counter() - start

    def nodes(self, connection: apsw.Connection, left: float) -> KnownNodes | None:
        """The nodes, where they are to be named from memory; as `ready`."""
        if self._nodes is not None and not self._nodes.follow(connection):
            self._nodes = None
            self._nodes_paid = 0.0
        if self._nodes is None and self._engine != "sql":
            worth = min(self._nodes_paid, left / _CAUTION)
            count = int(connection.execute(_NODES).get or 0)
            if worth > count * _KNOW_A_NODE or self._engine != "auto":
                from provgraph.store.embedded.known_nodes import known_nodes

                self._nodes = known_nodes(connection)
                self._nodes_paid = 0.0  # where they cannot be known, it is tried again, seldom
        return self._nodes

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Around reading nodes that a snapshot's walk reached."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._nodes_paid += time.perf_counter() - start

    def forget(self) -> None:
        """Keep nothing, in memory or beside the database."""
        self._ready = None
        self._nodes = None
        with suppress(OSError):
            self._file.unlink(missing_ok=True)

    def _gotten(self, connection: apsw.Connection, left: float) -> Lineage | None:
        """The snapshot from its file, or built, where that is worth its cost."""
        edges = int(connection.execute(_EDGES).get or 0)
        if self._engine in ("snapshot", "numpy"):
            return self._loaded(connection, edges) or self._built(connection, edges)
        if self._engine == "sql" or not has_numpy():
            return None
        worth = min(self._paid, left / _CAUTION) - ("numpy" not in sys.modules) * _IMPORT
        if self._may_load and worth > _LOAD:
            self._may_load = False  # until another is built
            if lineage := self._loaded(connection, edges):
                return lineage
        return self._built(connection, edges) if worth > edges * _BUILD_AN_EDGE else None

    def _loaded(self, connection: apsw.Connection, edges: int) -> Lineage | None:
        if edges < WORTH_A_FILE or not self._file.exists():
            return None
        from provgraph.store.embedded.snapshot_file import load

        lineage = load(self._file)
        return lineage if lineage is not None and lineage.follow(connection) else None

    def _built(self, connection: apsw.Connection, edges: int) -> Lineage | None:
        from provgraph.store.embedded.snapshot import build
        from provgraph.store.embedded.snapshot_file import load, save

        lineage = build(connection)
        if lineage is not None and edges >= WORTH_A_FILE and save(lineage, self._file):
            mapped = load(self._file)  # memory that processes share
            if mapped is not None and mapped.moment == lineage.moment:
                return mapped
        return lineage


@cache
def has_numpy() -> bool:
    return find_spec("numpy") is not None
