"""How a batch is written: one transaction, all or nothing, one statement a label or edge type.

Which of its nodes are there already is asked first. What is new is then made without being sought
again, and so are its edges; only an edge between two old nodes may be there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from neo4j import ManagedTransaction

from provgraph.errors import StoreError
from provgraph.model.elements import Batch, Edge, Node
from provgraph.model.vocabulary import EDGES, LABELS, Label
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
_CLEARED: Final = "MATCH (p:ProvgraphProject {id: $project}) SET p.writes = p.writes + 1"
_REMOVE_NODES: Final = f"""
MATCH (n:{_ANY} {{project: $project}}) WHERE n.id IN $rows DETACH DELETE n
"""
_MARK: Final = """
UNWIND $rows AS row
MERGE (w:ProvgraphWatermark {project: $project, segment: row[0]})
SET w.generation = row[1], w.records = row[2], w.stamp = row[3]
"""
_PLACES: Final = "RETURN collect(n.id), collect(id(n))"
_ENDS: Final = """
CYPHER 5
UNWIND $rows AS row
MATCH (s) WHERE id(s) = row[0]
MATCH (t) WHERE id(t) = row[1]
"""
_CHANGE: Final = "CYPHER 5 UNWIND $rows AS row MATCH (n) WHERE id(n) = row[0] SET n += row[1]"

Given = dict[str, dict[str, Any]]
"""Properties, by the node's id."""


class Writer:
    """Writes batches of a project."""

    def __init__(self, connection: Connection, project: str) -> None:
        self.connection = connection
        self.project = project

    def apply(self, batch: Batch, expected: int | None) -> int:
        """Returns how often the project has been written. Raises `StoreChanged` if that was not
        `expected` before, and `StoreError`; then nothing has changed."""
        nodes = {label: _given(found) for label, found in _by_label(batch.nodes).items()}
        edges = {type: _merged(found) for type, found in _by_type(batch.edges).items()}

        def work(transaction: ManagedTransaction) -> int:
            say = Say(transaction, self)
            writes: int = say(_BEGIN)[0]  # and nobody else writes the project until the end
            if expected is not None and writes != expected + 1:
                raise StoreChanged("somebody else wrote meanwhile", hint="repeat")
            _remove_edges(say, batch.removed_edges)
            say.each(_REMOVE_NODES, batch.removed_nodes)
            places = Places(say)
            for labels, ids in _sought(nodes, edges).items():
                places.seek(labels, ids)
            for label, given in nodes.items():
                places.put(label, given)
            for type, found in edges.items():
                places.join(type, found)
            say.each(
                _MARK, [[w.segment, w.generation, w.records, w.stamp] for w in batch.watermarks]
            )
            return writes

        return self.connection.write(work)

    def clear(self) -> None:
        """The watermarks first: what is cut short is brought in again. And last: so is what another
        wrote meanwhile, which cannot rely on what it read before."""
        for label in ("ProvgraphWatermark", _ANY, "ProvgraphWatermark"):
            text = (
                f"MATCH (n:{label} {{project: $project}})"
                " CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS"
            )
            self.connection.alone(self.connection.names.said(text), project=self.project)
        self.connection.alone(self.connection.names.said(_CLEARED), project=self.project)


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


class Places:
    """Where a batch's nodes and its edges' ends are, by id: the server's own numbers, which hold for
    a transaction while nobody else writes the project."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.at: dict[str, int] = {}
        self.new: set[str] = set()

    def seek(self, labels: str, ids: Iterable[str]) -> None:
        """Those of these nodes that exist."""
        text = f"CYPHER 5 MATCH (n:{labels} {{project: $project}}) WHERE n.id IN $rows {_PLACES}"
        for some in _parts(sorted(ids)):
            self.at.update(zip(*self.say(text, rows=some), strict=True))

    def put(self, label: Label, given: Given) -> None:
        """Make those that do not exist; give the others these properties over their own."""
        project = self.say.writer.project
        new: list[dict[str, Any]] = []
        old: list[list[Any]] = []
        for id, properties in given.items():
            if id in self.at:
                old.append([self.at[id], properties])
            else:
                new.append({**properties, "id": id, "project": project})
        self.say.each(_CHANGE, old)
        text = f"CYPHER 5 UNWIND $rows AS row CREATE (n:{label}) SET n = row {_PLACES}"
        for some in _parts(new):
            ids, places = self.say(text, rows=some)
            self.at.update(zip(ids, places, strict=True))
            self.new.update(ids)

    def join(self, type: str, edges: list[list[Any]]) -> None:
        ends = {end for edge in edges for end in edge[:2]}
        if unusual := ends - self.at.keys():  # not under a label that the edge type has
            self.seek(_ANY, unusual)
        new: list[list[Any]] = []
        old: list[list[Any]] = []
        for source, target, key, properties in edges:
            for end in (source, target):
                if end not in self.at:
                    raise _without_node(type, source, target, end)
            row = [self.at[source], self.at[target], {**properties, "key": key}]
            (old if self.new.isdisjoint((source, target)) else new).append(row)
        self.say.each(f"{_ENDS} CREATE (s)-[r:{type}]->(t) SET r = row[2]", new)
        self.say.each(f"{_ENDS} MERGE (s)-[r:{type} {{key: row[2].key}}]->(t) SET r += row[2]", old)


def _sought(
    nodes: Mapping[Label, Given], edges: Mapping[str, list[list[Any]]]
) -> dict[str, set[str]]:
    """The ids of a batch's nodes, and of its edges' other ends, by the labels that they may have.

    >>> sorted(_sought({"Version": {"v1": {}}}, {"USED": [["s1", "v1", "", {}]]}).items())
    [('Step', {'s1'}), ('Version', {'v1'})]
    """
    sought: dict[str, set[str]] = {label: set(given) for label, given in nodes.items()}
    own = {id for given in nodes.values() for id in given}
    for type, found in edges.items():
        for labels, ids in (
            (EDGES[type].source, {edge[0] for edge in found}),
            (EDGES[type].target, {edge[1] for edge in found}),
        ):
            if others := ids - own:
                sought.setdefault("|".join(labels), set()).update(others)
    return sought


def _without_node(type: str, source: str, target: str, missing: str) -> StoreError:
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


def _by_label(nodes: list[Node]) -> dict[Label, list[Node]]:
    found: dict[Label, list[Node]] = defaultdict(list)
    for node in nodes:
        found[node.label].append(node)
    return found


def _given(nodes: list[Node]) -> Given:
    """A node given twice once, with what was given last over what was given first."""
    given: Given = {}
    for node in nodes:
        properties = kept(node.properties)
        known = given.get(node.id)
        given[node.id] = {**known, **properties} if known else properties
    return given


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
