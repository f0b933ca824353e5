"""How a batch is written: one transaction, all or nothing, one statement a label or edge type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

from neo4j import ManagedTransaction

from provgraph.errors import StoreError
from provgraph.model.elements import Batch, Edge, Node
from provgraph.model.vocabulary import EDGES, LABELS
from provgraph.store import StoreChanged
from provgraph.store.neo4j.connection import Connection, columns
from provgraph.store.neo4j.values import kept

T = TypeVar("T")

_ROWS: Final = 5_000  # a statement: the server holds them until it has read them all
_ANY: Final = "|".join(LABELS)
_BEGIN: Final = """
MERGE (p:ProvgraphProject {id: $project})
SET p.writes = coalesce(p.writes, 0) + 1
RETURN p.writes
"""
_REMOVE_NODES: Final = f"""
MATCH (n:{_ANY} {{project: $project}}) WHERE n.id IN $rows DETACH DELETE n
"""
_MARK: Final = """
UNWIND $rows AS row
MERGE (w:ProvgraphWatermark {project: $project, segment: row[0]})
SET w.generation = row[1], w.records = row[2], w.stamp = row[3]
"""
_EXISTING: Final = f"""
MATCH (n:{_ANY} {{project: $project}}) WHERE n.id IN $rows RETURN collect(n.id)
"""


class Writer:
    """Writes batches of a project."""

    def __init__(self, connection: Connection, project: str) -> None:
        self.connection = connection
        self.project = project

    def apply(self, batch: Batch, expected: int | None) -> int:
        """Returns how often the project has been written. Raises `StoreChanged` if that was not
        `expected` before, and `StoreError`; then nothing has changed."""
        nodes = {label: _rows(found) for label, found in _by_label(batch.nodes).items()}
        edges = {type: _merged(found) for type, found in _by_type(batch.edges).items()}

        def work(transaction: ManagedTransaction) -> int:
            say = Say(transaction, self)
            writes: int = say(_BEGIN)[0]  # and nobody else writes the project until the end
            if expected is not None and writes != expected + 1:
                raise StoreChanged("somebody else wrote meanwhile", hint="repeat")
            _remove_edges(say, batch.removed_edges)
            say.each(_REMOVE_NODES, batch.removed_nodes)
            for label, rows in nodes.items():
                say.each(_put_nodes(label), rows)
            for type, found in edges.items():
                _put_edges(say, type, found)
            say.each(
                _MARK, [[w.segment, w.generation, w.records, w.stamp] for w in batch.watermarks]
            )
            return writes

        return self.connection.write(work)

    def clear(self) -> None:
        """The watermarks first: what is cut short is brought in again."""
        for label in ("ProvgraphWatermark", _ANY):
            text = (
                f"MATCH (n:{label} {{project: $project}})"
                " CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS"
            )
            self.connection.alone(self.connection.names.said(text), project=self.project)


class Say:
    """Statements in one transaction."""

    def __init__(self, transaction: ManagedTransaction, writer: Writer) -> None:
        self.transaction = transaction
        self.writer = writer

    def __call__(self, text: str, **parameters: Any) -> list[Any]:
        said = self.writer.connection.names.said(text)
        return columns(self.transaction, said, {"project": self.writer.project, **parameters})

    def each(self, text: str, rows: Sequence[Any]) -> None:
        said = self.writer.connection.names.said(text)
        for some in _parts(rows):
            self.transaction.run(said, {"project": self.writer.project, "rows": some}).consume()


def _put_nodes(label: str) -> str:
    assert label in LABELS, label
    return f"""
    UNWIND $rows AS row MERGE (n:{label} {{project: $project, id: row[0]}}) SET n += row[1]
    """


def _put_edges(say: Say, type: str, edges: list[list[Any]]) -> None:
    """The ends are sought under the labels that the edge type has, then under any."""
    named = EDGES[type]
    usual = _put(type, "|".join(named.source), "|".join(named.target))
    for some in _parts(edges):
        (put,) = say(usual, rows=some)
        if put < len(some) and say(_put(type, _ANY, _ANY), rows=some)[0] < len(some):
            raise _without_node(say, type, some)


def _put(type: str, source: str, target: str) -> str:
    return f"""
    UNWIND $rows AS row
    MATCH (s:{source} {{project: $project, id: row[0]}})
    MATCH (t:{target} {{project: $project, id: row[1]}})
    MERGE (s)-[r:{type} {{key: row[2]}}]->(t) SET r += row[3]
    RETURN count(r)
    """


def _without_node(say: Say, type: str, edges: Sequence[list[Any]]) -> StoreError:
    (existing,) = say(_EXISTING, rows=sorted({end for edge in edges for end in edge[:2]}))
    known = set(existing)
    source, target = next(edge[:2] for edge in edges if not known.issuperset(edge[:2]))
    missing = target if source in known else source
    return StoreError(
        f"edge {type} from {source} to {target}: there is no node {missing}",
        hint="an edge names nodes that exist or stand in the same batch",
    )


def _remove_edges(say: Say, edges: list[tuple[str, str, str, str]]) -> None:
    by_type: dict[str, list[list[str]]] = defaultdict(list)
    for source, type, target, key in edges:
        if type in EDGES:
            by_type[type].append([source, target, key])
    for type, rows in by_type.items():
        say.each(
            f"""
            UNWIND $rows AS row
            MATCH (s:{_ANY} {{project: $project, id: row[0]}})-[r:{type} {{key: row[2]}}]->(t)
            WHERE t.id = row[1]
            DELETE r
            """,
            rows,
        )


def _by_label(nodes: list[Node]) -> dict[str, list[Node]]:
    found: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        found[node.label].append(node)
    return found


def _rows(nodes: list[Node]) -> list[list[Any]]:
    """A node given twice once, with what was given last over what was given first."""
    rows: dict[str, dict[str, Any]] = {}
    for node in nodes:
        properties = kept(node.properties)
        known = rows.get(node.id)
        rows[node.id] = {**known, **properties} if known else properties
    return [[id, properties] for id, properties in rows.items()]


def _by_type(edges: list[Edge]) -> dict[str, list[Edge]]:
    found: dict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        found[edge.type].append(edge)
    return found


def _merged(edges: list[Edge]) -> list[list[Any]]:
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for edge in edges:
        place = (edge.source, edge.target, edge.key)
        properties = kept(edge.properties)
        known = rows.get(place)
        rows[place] = {**known, **properties} if known else properties
    return [[*place, properties] for place, properties in rows.items()]


def _parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), _ROWS):
        yield rows[start : start + _ROWS]
