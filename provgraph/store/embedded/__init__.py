"""The store without a server: a provenance graph in one SQLite file.

Any number of processes may read and write it at once. Readers never wait; writers take turns. A
store belongs to one thread, and to one process: open it again after a fork.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import apsw

from provgraph.errors import StoreError
from provgraph.model.elements import Batch, Edge, Node, Value, Watermark
from provgraph.model.forks import is_possible
from provgraph.model.tails import Stored
from provgraph.model.vocabulary import Label
from provgraph.query.operators import Cone
from provgraph.query.plan import Budget, Plan, Walk
from provgraph.store import Rows, Statistics, Surroundings
from provgraph.store.embedded import apply, beside, reading
from provgraph.store.embedded import run as running
from provgraph.store.embedded.apply import Prepared
from provgraph.store.embedded.budget import Meter
from provgraph.store.embedded.faults import StoreOutdated, explained
from provgraph.store.embedded.opening import Opened, open_database
from provgraph.store.embedded.room import MEMORY, MEMORY_OF_A_FORK
from provgraph.store.embedded.warm import Engine, Warm

__all__ = ["EmbeddedStore", "StoreOutdated", "open"]

_WORTH_A_FORK: Final = 5_000
"""Elements of a batch that take longer to apply than a process takes to be made."""


class EmbeddedStore:
    """A `Store` in the file `path`.

    `read_only` is true where nothing can be written, asked for or not. `warning` says what is to be
    known of the place where the file lies, or is None.
    """

    def __init__(self, path: Path, opened: Opened, engine: Engine = "auto") -> None:
        self.path = path
        self.read_only = opened.read_only
        self.warning = opened.warning
        self._open = opened.connection
        self._begun: list[beside.Begun] = []
        self._warm = Warm(path, engine)

    @property
    def _connection(self) -> apsw.Connection:
        """As it is when what was begun is done."""
        self._finish()
        return self._open

    def _finish(self, left: int = 0) -> None:
        """Until no more than so many of those that were begun are left."""
        while len(self._begun) > left:
            if self._begun[0].is_done():
                del self._begun[0]
                continue
            failed = [begun for begun in self._begun if not begun.is_done()]
            self._begun = []
            for begun in failed:
                self._do(begun.work)

    def _do(self, work: beside.Work, memory: int = MEMORY) -> Prepared:
        """Here and now, when those that were begun before are done. What was applied."""
        prepared = Prepared(work.make(self))
        work.ready()
        apply.apply(self._connection, prepared, memory)
        return prepared

    def apply(self, batch: Batch) -> None:
        self._writable()
        with explained(self.path):
            apply.apply(self._connection, Prepared([batch]))

    def begin(self, batch: Batch, ready: Callable[[], None] = lambda: None) -> None:
        if len(batch) < _WORTH_A_FORK or not is_possible():
            ready()
            self.apply(batch)
            return
        self._begin(beside.Work(lambda _: [batch], batch.artifacts, ready, batch), beside_others=0)

    def begin_making(
        self,
        make: Callable[[Self], Iterable[Batch]],
        artifacts: frozenset[str],
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        work = beside.Work(make, artifacts, ready)
        if is_possible():
            self._begin(work, beside_others=1)
        else:
            self._writable()
            with explained(self.path):
                self._do(work)

    def _begin(self, work: beside.Work, beside_others: int) -> None:
        self._writable()

        def do() -> Prepared:
            self._open = open_database(self.path).connection
            beside.do_not_sync(self._open)
            prepared = self._do(work, MEMORY_OF_A_FORK)
            self._open.close()
            return prepared

        with explained(self.path):
            self._finish(beside_others)
            beside.leave(self._open)
            try:
                begun = beside.begin(work, do)
            finally:
                self._open = open_database(self.path).connection
            if begun is None:
                self._do(work)
            else:
                self._begun.append(begun)

    def run(self, plan: Plan, budget: Budget = Budget()) -> Rows:  # noqa: B008
        with explained(self.path):
            return running.run(self._connection, plan, budget, self._warm)

    def cone(self, walk: Walk, budget: Budget = Budget()) -> Cone:  # noqa: B008
        with explained(self.path):
            return running.cone(self._connection, walk, budget, self._warm)

    def reached(self, walk: Walk, budget: Budget = Budget()) -> tuple[Cone, list[Node]]:  # noqa: B008
        cone = self.cone(walk, budget)
        return cone, self.nodes(cone.ids)

    def nodes(self, ids: Sequence[str]) -> list[Node]:
        with explained(self.path):
            return reading.nodes(self._connection, ids)

    def edges(
        self, ids: Sequence[str], types: Sequence[str] = (), *, incoming: bool = False
    ) -> list[Edge]:
        with explained(self.path):
            return reading.edges(self._connection, ids, types, incoming=incoming)

    def degrees(
        self, ids: Sequence[str], types: Sequence[str] = (), *, incoming: bool = False
    ) -> dict[str, dict[str, int]]:
        with explained(self.path):
            return reading.degrees(self._connection, ids, types, incoming=incoming)

    def values(
        self,
        label: Label,
        key: str,
        most: int,
        budget: Budget = Budget(),  # noqa: B008
    ) -> list[Value]:
        with explained(self.path):
            meter = Meter(budget)
            with meter.limiting(self._connection):
                return reading.values(self._connection, label, key, most)

    def timelines(self, artifacts: Sequence[str]) -> Surroundings:
        with explained(self.path):
            if self._is_apart_from_begun(artifacts):
                found = reading.timelines(self._open, artifacts)
                # A version may tie an artifact to another.
                if self._is_apart_from_begun([node.id for node in found.nodes]):
                    return found
            return reading.timelines(self._connection, artifacts)

    def _is_apart_from_begun(self, artifacts: Sequence[str]) -> bool:
        changing = [begun.work.artifacts for begun in self._begun]
        return all(each is not None and each.isdisjoint(artifacts) for each in changing)

    def tails(self, artifacts: Sequence[str]) -> list[Stored]:
        if not artifacts:
            return []
        with explained(self.path):
            if self._is_apart_from_begun(artifacts):
                found = reading.tails(self._open, artifacts)
                held = {node.id for stored in found for node in (stored.newest, *stored.nodes())}
                if not any(begun.work.may_make(held) for begun in self._begun):
                    return found
            return reading.tails(self._connection, artifacts)

    def existing(self, ids: Sequence[str]) -> set[str]:
        with explained(self.path):
            batches = [begun.work.batch for begun in self._begun]
            if None in batches:
                return set(apply.numbers(self._connection, ids))
            nodes = (node.id for batch in batches if batch is not None for node in batch.nodes)
            return set(nodes).intersection(ids).union(apply.numbers(self._open, ids))

    def begun(self) -> frozenset[str]:
        return frozenset().union(*(begun.work.artifacts or () for begun in self._begun))

    def watermarks(self) -> dict[str, Watermark]:
        with explained(self.path):
            return reading.watermarks(self._connection)

    def statistics(self) -> Statistics:
        with explained(self.path):
            return reading.statistics(self._connection)

    def clear(self) -> None:
        self._writable()
        with explained(self.path):
            apply.clear(self._connection)
        self._warm.forget()

    def close(self) -> None:
        """May be called twice; nothing else may be called afterwards."""
        with explained(self.path):
            try:
                self._connection.close()
            finally:
                self._open.close()  # even where what was begun has failed

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
            raise StoreError(f"{self.path}: the database cannot be written here")


def open(path: Path, *, read_only: bool = False, engine: Engine = "auto") -> EmbeddedStore:
    """Open the store in a file, and make it if it does not exist and is to be written.

    `engine` is for tests and benchmarks: what walks, SQL or a snapshot in memory. The answers are
    the same; `auto` chooses by cost (`warm.py`).

    Raises `StoreError` if the file is damaged, not ours or of a newer version, or if SQLite is too
    old; `StoreOutdated` if it is of an older version, which `sync` rebuilds from the journal.
    """
    return EmbeddedStore(path, open_database(path, read_only=read_only), engine)
