"""Nodes and edges by their ids, what binding needs, and counts; each statement gives columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from provgraph.model.binding import TAIL
from provgraph.model.elements import Edge, Node, Value, Watermark
from provgraph.model.tails import LENGTH, Stored
from provgraph.model.vocabulary import EDGES, LABELS, LETTERS, Label
from provgraph.store import Statistics, Surroundings
from provgraph.store.neo4j.connection import Connection
from provgraph.store.neo4j.values import column_of, given_back, properties_of

_ANY: Final = "|".join(LABELS)
_OURS: Final = frozenset(LABELS)
_LABELS: Final[dict[str, Label]] = {letter: label for label, letter in LETTERS.items()}
_BOUND: Final = "|".join(
    sorted({name for name, type in EDGES.items() if type.bound} | {"REVISION_OF", "VERSION_OF"})
)
_WHOLE: Final = "RETURN collect(n.id), collect(labels(n)), collect(properties(n))"
_NODES: Final = f"MATCH (n:{_ANY} {{project: $project}}) WHERE n.id IN $ids {_WHOLE}"
_LABELLED: Final = f"UNWIND $ids AS id MATCH (n:{{}} {{{{project: $project, id: id}}}}) {_WHOLE}"
_FEW: Final = 1_000
"""So many ids are sought among all labels, each with its index, in one round trip."""
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
_TAILS: Final = f"""
UNWIND $ids AS id
MATCH (a:Artifact {{project: $project, id: id}}) WHERE a.{TAIL} IS NOT NULL
MATCH (last:Version {{project: $project, id: a.{TAIL}[0]}})
MATCH (newest:Version {{project: $project, id: a.{TAIL}[1]}})
MATCH (last)-[path:REVISION_OF*0..{LENGTH - 1}]->(v) WHERE all(r IN path WHERE r.key = a.name)
MATCH (v)-[of:VERSION_OF]->(a)
WITH a, newest, size(path) AS place, v, of ORDER BY id(a), place
WITH a, newest, collect(v) AS versions, collect(of) AS each
RETURN collect(properties(a)), collect(properties(newest)),
    collect([v IN versions | properties(v)]), collect([of IN each | properties(of)])
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
        wanted, nodes = set(ids), list[Node]()
        if len(wanted) > _FEW:
            for label, some in by_letter(wanted):
                nodes += self._nodes(_LABELLED.format(label), some)
            wanted = wanted.difference(node.id for node in nodes)
        if wanted:
            nodes += self._nodes(_NODES, wanted)
        return sorted(nodes, key=lambda node: node.id)

    def _nodes(self, text: str, ids: Iterable[str]) -> list[Node]:
        found = self._columns(text, ids=sorted(ids))
        return [
            Node(id, self._label(labels), properties_of(properties))
            for id, labels, properties in zip(*found, strict=True)
        ]

    def edges(self, ids: Iterable[str], types: Sequence[str], *, incoming: bool) -> list[Edge]:
        way = _way(types, incoming)
        if way is None:
            return []
        return self._edges(
            f"MATCH {way}() WHERE n.id IN $ids {_EDGE_COLUMNS}",
            ids=sorted(set(ids)),
        )

    def degrees(
        self, ids: Iterable[str], types: Sequence[str], *, incoming: bool
    ) -> dict[str, dict[str, int]]:
        way = _way(types, incoming)
        if way is None:
            return {}
        found = self._columns(
            f"MATCH {way}() WHERE n.id IN $ids"
            " WITH n.id AS id, type(r) AS type, count(r) AS number"
            " RETURN collect(id), collect(type), collect(number)",
            ids=sorted(set(ids)),
        )
        degrees: dict[str, dict[str, int]] = {}
        for id, type, number in zip(*found, strict=True):
            degrees.setdefault(id, {})[self.connection.names.word(type)] = number
        return degrees

    def values(self, label: Label, key: str, most: int, seconds: float | None) -> list[Value]:
        (found,) = self._columns(
            f"MATCH (n:{label} {{project: $project}}) WHERE n[$key] IS NOT NULL"
            " WITH DISTINCT n[$key] AS held LIMIT $most RETURN collect(held)",
            seconds,
            key=key,
            most=most,
        )
        return column_of(found)

    def timelines(self, artifacts: Sequence[str]) -> Surroundings:
        edges = self._edges(_TIMELINES, ids=sorted(set(artifacts)))
        owned = [edge for edge in edges if edge.type == "VERSION_OF"]
        around = {edge.target for edge in owned}
        around |= {edge.source for edge in owned if edge.target in set(artifacts)}
        nodes = self.nodes(around.union(artifacts))
        return Surroundings([n for n in nodes if n.id in around or n.label == "Artifact"], edges)

    def tails(self, artifacts: Sequence[str]) -> list[Stored]:
        found = self._columns(_TAILS, ids=sorted(set(artifacts)))
        return sorted(
            (_stored(*row) for row in zip(*found, strict=True)),
            key=lambda stored: stored.artifact.id,
        )

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

    def _columns(self, text: str, seconds: float | None = None, **parameters: Any) -> list[Any]:
        said = self.connection.names.said(text)
        return self.connection.columns(said, seconds, project=self.project, **parameters)

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
    """From nodes of the labels that have such edges.

    >>> _way(["USED", "BY"], incoming=True)
    '(n:Agent|Version {project: $project})<-[r:USED|BY]-'
    >>> _way(["else"], incoming=False)
    """
    known = [EDGES[type] for type in types if type in EDGES]
    if types and not known:
        return None
    ends = {label for edge in known for label in (edge.target if incoming else edge.source)}
    node = f"(n:{'|'.join(sorted(ends)) or _ANY} {{project: $project}})"
    kind = f"r:{'|'.join(edge.name for edge in known)}" if known else "r"
    return f"{node}<-[{kind}]-" if incoming else f"{node}-[{kind}]->"


def _stored(
    artifact: dict[str, Any],
    newest: dict[str, Any],
    versions: list[dict[str, Any]],
    moments: list[dict[str, Any]],
) -> Stored:
    kept = Node(artifact["id"], "Artifact", properties_of(artifact))
    held = []
    for version, moment in zip(versions, moments, strict=True):
        node = Node(version["id"], "Version", properties_of(version))
        held.append((node, Edge(node.id, "VERSION_OF", kept.id, *key_and_rest(moment))))
    return Stored(kept, Node(newest["id"], "Version", properties_of(newest)), held)


def by_letter(ids: Iterable[str]) -> list[tuple[Label, list[str]]]:
    """The ids by the label whose letter they begin with; what begins with none is left out.

    >>> by_letter(["v1", "s1", "v2", "?"])
    [('Step', ['s1']), ('Version', ['v1', 'v2'])]
    """
    parts: dict[Label, list[str]] = {}
    for id in ids:
        if label := _LABELS.get(id[:1]):
            parts.setdefault(label, []).append(id)
    return sorted(parts.items())


def key_and_rest(held: dict[str, Any]) -> tuple[str, dict[str, Value]]:
    """
    >>> key_and_rest({"key": "k", "role": "input"})
    ('k', {'role': 'input'})
    """
    key: str = held.pop("key")
    return key, {name: given_back(value) for name, value in held.items()}
