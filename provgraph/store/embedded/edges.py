"""How are a batch's edges written?

Many edges of a batch are alike but for their ends, so those are inserted as one array: SQLite reads
it without calling Python for each row. What is like no other goes in a row at a time.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from operator import itemgetter
from typing import Final

import apsw

from provgraph.errors import StoreError
from provgraph.model.elements import Edge
from provgraph.store.embedded.properties import merged, written

LARGEST_NUMBER: Final = 2**31 - 1
"""Of a node, so that two fit in an integer of 64 bits: `carray` gives one column."""

_INSERT: Final = """
INSERT INTO edge SELECT value >> 32, ?2, value & 4294967295, ?3, ?4 FROM carray(?1)
WHERE true ON CONFLICT DO NOTHING
"""
_INSERT_ONE: Final = """
INSERT INTO edge VALUES (?1 >> 32, ?2, ?1 & 4294967295, ?3, ?4) ON CONFLICT DO NOTHING
"""
_MERGE: Final = """
UPDATE edge SET properties = nullif(json_patch(coalesce(properties, '{}'), ?5), '{}')
WHERE src = ?1 AND type = ?2 AND dst = ?3 AND key = ?4
"""  # a merge patch is RFC 7396

_Alike = tuple[str, str, str | None]  # type, key, properties
_Alone = tuple[str, str, str, str | None]  # source, target, key, properties
_Patch = tuple[str, str, str, str, str | None]  # source, type, target, key, properties


class Edges:
    """A batch's edges, made ready to be inserted: what does not depend on what the graph has is done when they are added.
    Kept is what is inserted, not what it was made from."""

    def __init__(self) -> None:
        self._alike: dict[_Alike, list[tuple[str, str]]] = {}
        self._alone: dict[str, list[_Alone]] = {}
        """One that keeps a moment is like no other. By type."""
        self._patches: list[_Patch] = []
        self.ends: set[str] = set()
        self.types: Counter[str] = Counter()
        self.added: dict[int, array[int]] = {}
        """The ends of what was inserted, by type, and perhaps of what was there already."""

    def add(self, edges: list[Edge]) -> None:
        """Raises `StoreError` for what cannot be kept."""
        self.ends.update([edge.source for edge in edges])
        self.ends.update([edge.target for edge in edges])
        self.types.update([edge.type for edge in edges])
        for edge in edges:
            patch = fresh = None
            if edge.properties:
                patch = _patch(edge)
                fresh = _fresh(edge, patch)
                self._patches.append((edge.source, edge.type, edge.target, edge.key, patch))
                if "at" in edge.properties:
                    row = (edge.source, edge.target, edge.key, fresh)
                    self._alone.setdefault(edge.type, []).append(row)
                    continue
            ends = (edge.source, edge.target)
            group = self._alike.get((edge.type, edge.key, fresh))
            if group is None:
                self._alike[edge.type, edge.key, fresh] = [ends]
            else:
                group.append(ends)

    def __len__(self) -> int:
        return self.types.total()

    def insert(
        self, connection: apsw.Connection, numbers: Mapping[str, int], types: Mapping[str, int]
    ) -> Counter[int]:
        """Insert those that do not exist, and count them by type. `numbers` and `types` are the row ids of ends and
        types. Raises `StoreError` if an end has none."""
        inserted: Counter[int] = Counter()
        try:
            for (name, key, properties), ends in self._alike.items():
                # In the table's order, which SQLite inserts faster.
                given = array("q", sorted(numbers[s] << 32 | numbers[t] for s, t in ends))
                with self._counted(connection, inserted, types[name], given):
                    statement = (apsw.carray(given), types[name], key, properties)
                    connection.execute(_INSERT, statement)
            for name, alone in self._alone.items():
                number = types[name]
                rows = [
                    (numbers[source] << 32 | numbers[target], number, key, properties)
                    for source, target, key, properties in alone
                ]
                rows.sort(key=itemgetter(0))
                given = array("q", map(itemgetter(0), rows))
                with self._counted(connection, inserted, number, given):
                    connection.executemany(_INSERT_ONE, rows)
        except KeyError as missing:
            raise self._no_node(missing.args[0]) from missing
        return inserted

    @contextmanager
    def _counted(
        self, connection: apsw.Connection, inserted: Counter[int], number: int, given: array[int]
    ) -> Iterator[None]:
        before = connection.total_changes()
        yield
        if count := connection.total_changes() - before:
            inserted[number] += count
            self.added.setdefault(number, array("q")).extend(given)

    def merge(
        self,
        connection: apsw.Connection,
        numbers: Mapping[str, int],
        types: Mapping[str, int],
        inserted: Mapping[int, int],
    ) -> None:
        """Give all their properties, in order, but those of a type of which all were just inserted: these have
        them already. So have the others that were, which keep what they have."""
        met = {name for name, count in self.types.items() if inserted.get(types[name], 0) < count}
        connection.executemany(
            _MERGE,
            (
                (numbers[source], types[name], numbers[target], key, patch)
                for source, name, target, key, patch in self._patches
                if name in met
            ),
        )

    def _no_node(self, id: str) -> StoreError:
        named = ((name, *ends) for (name, _, _), group in self._alike.items() for ends in group)
        moved = ((name, *row[:2]) for name, rows in self._alone.items() for row in rows)
        edge = next(Edge(s, name, t) for name, s, t in chain(named, moved) if id in (s, t))
        return StoreError(
            f"{_named(edge)}: there is no node {id}",
            hint="an edge names nodes that exist or stand in the same batch",
        )


def _fresh(edge: Edge, patch: str | None) -> str | None:
    """The properties of a new edge, as JSON. `patch` is that with nulls."""
    if None in edge.properties.values():
        return _patch(
            Edge(edge.source, edge.type, edge.target, edge.key, merged({}, edge.properties))
        )
    return patch


def _patch(edge: Edge) -> str | None:
    try:
        return written(edge.properties)
    except StoreError as error:
        raise StoreError(f"{_named(edge)}: {error.message}") from error


def _named(edge: Edge) -> str:
    return f"edge {edge.type} from {edge.source} to {edge.target}"
