"""How a batch is written: one transaction, all or nothing."""

from __future__ import annotations

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import apsw

from provgraph.errors import StoreError
from provgraph.model.collector import paused_collector
from provgraph.model.elements import Batch, Node, Properties, Watermark
from provgraph.store.embedded import changes
from provgraph.store.embedded.edges import LARGEST_NUMBER, Edges
from provgraph.store.embedded.properties import joined, merged, split
from provgraph.store.embedded.room import LARGE, MEMORY, give_room
from provgraph.store.embedded.schema import COLUMNS, LINEAGE_NUMBERS, PLACES, Lexicon
from provgraph.store.embedded.transactions import writing

_SHOWN: Final = ", ".join(f'n."{key}"' for key in COLUMNS)
_INSERT_NODE: Final = (
    f"INSERT INTO node VALUES ({', '.join('?' * (3 + len(COLUMNS) + 1))})"  # in the table's order
)
_EXISTING: Final = (
    f"SELECT n.uid, n.id, n.label, n.properties, {_SHOWN}"
    " FROM json_each(?) AS given CROSS JOIN node n ON n.uid = given.value"
)
_KEPT: Final = (*COLUMNS, "properties", "label")
"""What of a node may change, in the order in which it is compared."""
_LABEL: Final = len(COLUMNS) + 1
_REMOVE_EDGE: Final = """
DELETE FROM edge WHERE src = (SELECT id FROM node WHERE uid = ?1) AND type = ?2
AND dst = (SELECT id FROM node WHERE uid = ?3) AND key = ?4 RETURNING type
"""
_REMOVE_TOUCHING: Final = (
    "DELETE FROM edge WHERE src = ? RETURNING type",
    "DELETE FROM edge WHERE dst = ? RETURNING type",
)
_REMOVE_NODE: Final = "DELETE FROM node WHERE id = ? RETURNING label"


class Prepared:
    """The rows that a batch, which comes in pieces, becomes, as far as they do not depend on what the graph has: so much
    less is to be done by who holds the database. Raises `StoreError` for what cannot be kept."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self.nodes: dict[str, Node] = {}
        self.rows: dict[str, tuple[list[Any], str | None]] = {}
        self.spilled: set[str] = set()
        self.edges = Edges()
        self.removed_nodes: list[str] = []
        self.removed_edges: list[tuple[str, str, str, str]] = []
        self.watermarks: list[Watermark] = []
        for batch in batches:
            self._take(batch)

    def _take(self, batch: Batch) -> None:
        try:
            for node in batch.nodes:
                self._add(node)
            self.edges.add(batch.edges)
        except UnicodeEncodeError as error:
            raise _not_unicode(error) from error
        self.removed_nodes += batch.removed_nodes
        self.removed_edges += batch.removed_edges
        self.watermarks += batch.watermarks

    def _add(self, node: Node) -> None:
        """What is given twice is merged, nulls kept."""
        before = self.nodes.get(node.id)
        if before is not None:
            node = Node(node.id, node.label, {**before.properties, **node.properties})
        self.nodes[node.id] = node
        self.rows[node.id] = _split(node.id, node.properties, self.spilled)

    def __len__(self) -> int:
        removed = len(self.removed_nodes) + len(self.removed_edges)
        return len(self.nodes) + len(self.edges) + removed


def apply(connection: apsw.Connection, prepared: Prepared, memory: int = MEMORY) -> None:
    """`memory` is for pages (KiB), where it is much. Raises `StoreError`, and then nothing has changed."""
    if len(prepared) >= LARGE:
        give_room(connection, memory)
    try:
        with writing(connection), paused_collector():
            _apply(connection, prepared)
    except UnicodeEncodeError as error:
        raise _not_unicode(error) from error


def _not_unicode(error: UnicodeEncodeError) -> StoreError:
    return StoreError(f"text that is not Unicode cannot be kept: {error.object!r}")


def _apply(connection: apsw.Connection, prepared: Prepared) -> None:
    lexicon = Lexicon(connection)
    _remove_edges(connection, lexicon, prepared.removed_edges)
    _remove_nodes(connection, prepared.removed_nodes)
    numbers = _put_nodes(connection, lexicon, prepared)
    _put_edges(connection, lexicon, prepared.edges, numbers)
    connection.executemany(
        "INSERT OR REPLACE INTO watermark VALUES (?, ?, ?, ?)",
        ((mark.segment, mark.generation, mark.records, mark.stamp) for mark in prepared.watermarks),
    )


def _remove_edges(
    connection: apsw.Connection, lexicon: Lexicon, edges: Iterable[tuple[str, str, str, str]]
) -> None:
    known = (
        (source, lexicon.types[name], target, key)
        for source, name, target, key in edges
        if name in lexicon.types
    )
    gone = _removed(connection, _REMOVE_EDGE, known)
    _tally(connection, "edge_type", gone)
    if any(number in LINEAGE_NUMBERS for number in gone):
        changes.cut(connection)


def _remove_nodes(connection: apsw.Connection, ids: list[str]) -> None:
    gone = [(number,) for number in numbers(connection, ids).values()] if ids else []
    for statement in _REMOVE_TOUCHING:
        _tally(connection, "edge_type", _removed(connection, statement, gone))
    _tally(connection, "label", _removed(connection, _REMOVE_NODE, gone))
    if gone:  # their edges are gone, and their numbers may be given again
        changes.cut(connection)


def _removed(
    connection: apsw.Connection, statement: str, rows: Iterable[tuple[Any, ...]]
) -> Counter[int]:
    """Run a removal for each row, and count what it returns, as a change."""
    gone: Counter[int] = Counter()
    gone.subtract(number for (number,) in connection.executemany(statement, rows))
    return gone


def numbers(connection: apsw.Connection, ids: Iterable[str]) -> dict[str, int]:
    """The row ids of those nodes that exist."""
    return dict(
        connection.execute(
            "SELECT n.uid, n.id FROM json_each(?) AS given CROSS JOIN node n ON n.uid = given.value",
            (json.dumps(list(ids)),),
        )
    )


def _put_nodes(connection: apsw.Connection, lexicon: Lexicon, prepared: Prepared) -> dict[str, int]:
    """Insert or merge, and give the row ids of these nodes."""
    given, spilled = prepared.nodes, prepared.spilled
    if not given:
        return {}
    last = connection.execute("SELECT max(id) FROM node").get or 0
    lexicon.add({node.label for node in given.values()}, (), ())
    numbers = _merge(connection, lexicon, prepared) if last else {}
    if last + len(given) > LARGEST_NUMBER:
        raise StoreError(f"more than {LARGEST_NUMBER} nodes cannot be kept")
    labels = lexicon.labels
    new = (uid for uid in given if uid not in numbers) if numbers else given
    rows: list[tuple[Any, ...]] = []
    for number, uid in enumerate(list(new), last + 1):
        numbers[uid] = number
        columns, rest = prepared.rows[uid]
        rows.append((number, uid, labels[given[uid].label], *columns, rest))
    lexicon.add((), (), spilled)
    connection.executemany(_INSERT_NODE, rows)
    _tally(connection, "label", Counter(row[2] for row in rows))
    return numbers


def _merge(connection: apsw.Connection, lexicon: Lexicon, prepared: Prepared) -> dict[str, int]:
    """Update those that exist and change, and give the row ids of those that exist. Only what changes is written: an
    index has nothing to do then with what it is not of."""
    given = prepared.nodes
    numbers: dict[str, int] = {}
    changed: defaultdict[tuple[int, ...], list[tuple[Any, ...]]] = defaultdict(list)
    touched = array("q")
    relabelled: Counter[int] = Counter()
    existing = connection.execute(_EXISTING, (json.dumps(list(given)),))
    for uid, number, label, rest, *columns in existing:
        numbers[uid] = number
        node = given[uid]
        old = (*columns, rest, label)
        new = (*_merged(prepared, lexicon, node, columns, rest), lexicon.labels[node.label])
        if places := tuple(i for i, value in enumerate(old) if _differ(value, new[i])):
            changed[places].append((*[new[i] for i in places], number))
            if new[_LABEL] != label:
                relabelled.update({new[_LABEL]: 1})
                relabelled.subtract({label: 1})
            if _LABEL in places or PLACES["at"] in places:
                touched.append(number)
    for places, rows in changed.items():
        assigned = ", ".join(f'"{_KEPT[i]}" = ?' for i in places)
        connection.executemany(f"UPDATE node SET {assigned} WHERE id = ?", rows)
    if touched:
        changes.add(connection, {changes.TOUCHED: touched})
    _tally(connection, "label", relabelled)
    return numbers


def _merged(
    prepared: Prepared, lexicon: Lexicon, node: Node, columns: list[Any], rest: str | None
) -> tuple[Any, ...]:
    """The columns of a node that is there, and its JSON, with what is given."""
    given, more = prepared.rows[node.id]
    properties = node.properties
    if more is None and None not in properties.values() and lexicon.spilled.isdisjoint(properties):
        return (*[c if g is None else g for c, g in zip(columns, given, strict=True)], rest)
    now, rest = _split(node.id, merged(joined(columns, rest), properties), prepared.spilled)
    return (*now, rest)


def _differ(old: object, new: object) -> bool:
    """Unlike `!=`, 1 and 1.0 differ."""
    return old != new or type(old) is not type(new)


def _split(uid: str, properties: Properties, spilled: set[str]) -> tuple[list[Any], str | None]:
    try:
        return split(properties, spilled)
    except StoreError as error:
        raise StoreError(f"node {uid}: {error.message}") from error


def _put_edges(
    connection: apsw.Connection, lexicon: Lexicon, edges: Edges, given: dict[str, int]
) -> None:
    """`given` are the row ids of the batch's nodes."""
    if not edges:
        return
    lexicon.add((), edges.types, ())
    if ends := edges.ends - given.keys():
        given = given | numbers(connection, ends)
    inserted = edges.insert(connection, given, lexicon.types)
    _tally(connection, "edge_type", inserted)
    changes.add(connection, {n: edges.added[n] for n in LINEAGE_NUMBERS if n in edges.added})
    if inserted.total() < len(edges):
        edges.merge(connection, given, lexicon.types, inserted)


def _tally(connection: apsw.Connection, table: str, changes: Mapping[int, int]) -> None:
    """Keep the counts of `label` or `edge_type`."""
    connection.executemany(
        f"UPDATE {table} SET count = count + ? WHERE id = ?",
        ((change, number) for number, change in changes.items() if change),
    )


def clear(connection: apsw.Connection) -> None:
    """Remove all that was applied, and give the space back."""
    with writing(connection):
        for table in ("node", "edge", "watermark", "spilled"):
            connection.execute(f"DELETE FROM {table}")
        connection.execute("UPDATE label SET count = 0; UPDATE edge_type SET count = 0")
        changes.cut(connection)
    connection.execute("VACUUM")
