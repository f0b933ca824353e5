"""Nodes and edges by their ids, what binding needs, and counts; each statement gives columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from provgraph.model.elements import Edge, Node, Value, Watermark
from provgraph.model.vocabulary import EDGES, LABELS, Label
from provgraph.store import Statistics, Surroundings
from provgraph.store.neo4j.connection import Connection
from provgraph.store.neo4j.values import given_back, properties_of

_ANY: Final = "|".join(LABELS)
_OURS: Final = frozenset(LABELS)
_BOUND: Final = "|".join(
    sorted({name for name, type in EDGES.items() if type.bound} | {"REVISION_OF", "VERSION_OF"})
)
_NODES: Final = f"""
MATCH (n:{_ANY} {{project: $project}}) WHERE n.id IN $ids
RETURN collect(n.id), collect(labels(n)), collect(properties(n))
"""
_EDGE_COLUMNS: Final = """
RETURN collect(startNode(r).id), collect(type(r)), collect(endNode(r).id), collect(properties(r))
"""
_TIMELINES: Final = f"""
MATCH (a:Artifact {{project: $project}})<-[:VERSION_OF]-(v) WHERE a.id IN $ids
WITH DISTINCT v
MATCH (v)-[r:{_BOUND}]-()
WITH DISTINCT r
{_EDGE_COLUMNS}
"""
_HERE: Final = {label: f"MATCH (n:{label} {{project: $project}})" for label in LABELS}
_COUNTED: Final = " UNION ALL ".join(
    f"{here} RETURN '{label}' AS label, count(n) AS nodes" for label, here in _HERE.items()
)
_JOINED: Final = " UNION ALL ".join(
    f"{here} MATCH (n)-[r]->() RETURN type(r) AS type, count(r) AS some" for here in _HERE.values()
)
_STATISTICS: Final = f"""
CALL () {{ {_COUNTED} }}
WITH label, nodes WHERE nodes > 0
WITH collect(label) AS labels, collect(nodes) AS nodes
CALL () {{
    CALL () {{ {_JOINED} }}
    WITH type, sum(some) AS edges
    RETURN collect(type) AS types, collect(edges) AS edges
}}
RETURN labels, nodes, types, edges
"""
_WATERMARKS: Final = """
MATCH (w:ProvgraphWatermark {project: $project})
RETURN collect([w.segment, w.generation, w.records, w.stamp])
"""
_WRITES: Final = """
OPTIONAL MATCH (p:ProvgraphProject {id: $project}) RETURN coalesce(p.writes, 0)
"""


class Reader:
    """Reads one project."""

    def __init__(self, connection: Connection, project: str) -> None:
        self.connection = connection
        self.project = project

    def nodes(self, ids: Iterable[str]) -> list[Node]:
        found = self._columns(_NODES, ids=sorted(set(ids)))
        nodes = [
            Node(id, self._label(labels), properties_of(properties))
            for id, labels, properties in zip(*found, strict=True)
        ]
        return sorted(nodes, key=lambda node: node.id)

    def edges(self, ids: Iterable[str], types: Sequence[str], *, incoming: bool) -> list[Edge]:
        way = _way(types, incoming)
        if way is None:
            return []
        return self._edges(
            f"MATCH (n:{_ANY} {{project: $project}}){way}() WHERE n.id IN $ids {_EDGE_COLUMNS}",
            ids=sorted(set(ids)),
        )

    def degrees(
        self, ids: Iterable[str], types: Sequence[str], *, incoming: bool
    ) -> dict[str, dict[str, int]]:
        way = _way(types, incoming)
        if way is None:
            return {}
        found = self._columns(
            f"MATCH (n:{_ANY} {{project: $project}}){way}() WHERE n.id IN $ids"
            " WITH n.id AS id, type(r) AS type, count(r) AS number"
            " RETURN collect(id), collect(type), collect(number)",
            ids=sorted(set(ids)),
        )
        degrees: dict[str, dict[str, int]] = {}
        for id, type, number in zip(*found, strict=True):
            degrees.setdefault(id, {})[self.connection.names.word(type)] = number
        return degrees

    def timelines(self, artifacts: Sequence[str]) -> Surroundings:
        edges = self._edges(_TIMELINES, ids=sorted(set(artifacts)))
        owned = [edge for edge in edges if edge.type == "VERSION_OF"]
        around = {edge.target for edge in owned}
        around |= {edge.source for edge in owned if edge.target in set(artifacts)}
        nodes = self.nodes(around.union(artifacts))
        return Surroundings([n for n in nodes if n.id in around or n.label == "Artifact"], edges)

    def watermarks(self) -> dict[str, Watermark]:
        (rows,) = self._columns(_WATERMARKS)
        return {row[0]: Watermark(*row) for row in rows}

    def writes(self) -> int:
        """How often the project has been written."""
        writes: int = self._columns(_WRITES)[0]
        return writes

    def statistics(self) -> Statistics:
        labels, nodes, types, edges = self._columns(_STATISTICS)
        words = [self.connection.names.word(type) for type in types]
        return Statistics(
            dict(zip(labels, nodes, strict=True)), dict(zip(words, edges, strict=True))
        )

    def _columns(self, text: str, **parameters: Any) -> list[Any]:
        said = self.connection.names.said(text)
        return self.connection.columns(said, project=self.project, **parameters)

    def _edges(self, text: str, **parameters: Any) -> list[Edge]:
        edges = [
            Edge(source, self.connection.names.word(type), target, *key_and_rest(held))
            for source, type, target, held in zip(*self._columns(text, **parameters), strict=True)
        ]
        return sorted(edges, key=lambda edge: edge.identity)

    def _label(self, labels: list[str]) -> Label:
        words = map(self.connection.names.word, labels)
        label: Label = next(word for word in words if word in _OURS)
        return label


def _way(types: Sequence[str], incoming: bool) -> str | None:
    """
    >>> _way(["USED", "BY"], incoming=True), _way([], incoming=False), _way(["else"], incoming=False)
    ('<-[r:USED|BY]-', '-[r]->', None)
    """
    known = [type for type in types if type in EDGES]
    if types and not known:
        return None
    kind = f"r:{'|'.join(known)}" if known else "r"
    return f"<-[{kind}]-" if incoming else f"-[{kind}]->"


def key_and_rest(held: dict[str, Any]) -> tuple[str, dict[str, Value]]:
    """
    >>> key_and_rest({"key": "k", "role": "input"})
    ('k', {'role': 'input'})
    """
    key: str = held.pop("key")
    return key, {name: given_back(value) for name, value in held.items()}
