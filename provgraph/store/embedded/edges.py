"""How are a batch's edges written?

Many edges of a batch are alike but for their ends, so those are inserted as one array: SQLite reads
it without calling Python for each row. What is like no other goes in a row at a time.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
_INSERT_ONE: Final = "INSERT INTO edge VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_MERGE: Final = """
UPDATE edge SET properties = nullif(json_patch(coalesce(properties, '{}'), ?5), '{}')
WHERE src = ?1 AND type = ?2 AND dst = ?3 AND key = ?4
"""  # a merge patch is RFC 7396

_TARGET: Final = 4294967295  # the lower half of two ends in one integer

_Alike = tuple[int, str, str | None]  # type, key, properties
_Alone = tuple[int, str, str | None]  # ends, key, properties


class Edges:
    """A batch's edges, whose ends and types have the row ids `numbers` and `types`. Raises
    `StoreError` if an end has none."""

    def __init__(
        self,
        connection: apsw.Connection,
        edges: list[Edge],
        numbers: Mapping[str, int],
        types: Mapping[str, int],
    ) -> None:
        self._connection = connection
        self._edges = edges
        self._numbers = numbers
        self._types = types
        self.added: dict[int, array[int]] = {}
        """The ends of what was inserted, by type, and perhaps of what was there already."""

    def insert(self) -> Counter[int]:
        """Insert those that do not exist, and count them by type."""
        inserted: Counter[int] = Counter()
        alone: dict[int, list[_Alone]] = {}
        for (number, key, properties), ends in self._grouped(alone).items():
            if len(ends) == 1:
                alone.setdefault(number, []).append((ends[0], key, properties))
                continue
            ends.sort()  # in the table's order, which SQLite inserts faster
            given = array("q", ends)
            with self._counted(inserted, number, given):
                self._connection.execute(_INSERT, (apsw.carray(given), number, key, properties))
        for number, rows in alone.items():
            rows.sort(key=lambda row: row[0])
            with self._counted(inserted, number, array("q", (ends for ends, _, _ in rows))):
                self._connection.executemany(
                    _INSERT_ONE,
                    (
                        (ends >> 32, number, ends & _TARGET, key, properties)
                        for ends, key, properties in rows
                    ),
                )
        return inserted

    @contextmanager
    def _counted(self, inserted: Counter[int], number: int, given: array[int]) -> Iterator[None]:
        before = self._connection.total_changes()
        yield
        if count := self._connection.total_changes() - before:
            inserted[number] += count
            self.added.setdefault(number, array("q")).extend(given)

    def merge(self) -> None:
        """Give all their properties, in order. Those just inserted have them already, and keep
        what they have."""
        self._connection.executemany(
            _MERGE,
            (
                (*self._ends(edge), edge.key, _patch(edge))
                for edge in self._edges
                if edge.properties
            ),
        )

    def _ends(self, edge: Edge) -> tuple[int, int, int]:
        return self._numbers[edge.source], self._types[edge.type], self._numbers[edge.target]

    def _grouped(self, alone: dict[int, list[_Alone]]) -> dict[_Alike, list[int]]:
        """The ends, source and target in one integer, of edges that are alike. One that keeps a moment is
        like no other, and goes to those that are `alone`, by their type."""
        groups: dict[_Alike, list[int]] = {}
        numbers, types = self._numbers, self._types
        for edge in self._edges:
            try:
                ends = numbers[edge.source] << 32 | numbers[edge.target]
            except KeyError as missing:
                raise _no_node(edge, missing.args[0]) from missing
            properties = edge.properties
            if "at" in properties:
                row = (ends, edge.key, _fresh(edge))
                alone.setdefault(types[edge.type], []).append(row)
                continue
            alike = (types[edge.type], edge.key, _fresh(edge) if properties else None)
            group = groups.get(alike)
            if group is None:
                groups[alike] = [ends]
            else:
                group.append(ends)
        return groups


def _fresh(edge: Edge) -> str | None:
    """The properties of a new edge, as JSON."""
    if None in edge.properties.values():
        edge = Edge(edge.source, edge.type, edge.target, edge.key, merged({}, edge.properties))
    return _patch(edge)


def _patch(edge: Edge) -> str | None:
    try:
        return written(edge.properties)
    except StoreError as error:
        raise StoreError(f"{_named(edge)}: {error.message}") from error


def _no_node(edge: Edge, id: str) -> StoreError:
    return StoreError(
        f"{_named(edge)}: there is no node {id}",
        hint="an edge names nodes that exist or stand in the same batch",
    )


def _named(edge: Edge) -> str:
    return f"edge {edge.type} from {edge.source} to {edge.target}"
