"""A store in memory, on networkx: nothing is kept, and every answer is the reference's.

Nodes carry their `Node` as `node`; edges are keyed by (type, key) and carry their `Edge` as `edge`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Self

from provgraph.errors import StoreError
from provgraph.model.batches import together
from provgraph.model.binding import TAIL
from provgraph.model.elements import Batch, Edge, Node, Properties, Value, Watermark
from provgraph.model.tails import LENGTH, Stored
from provgraph.model.vocabulary import EDGES, Label
from provgraph.query.evaluate import Evaluator, Row
from provgraph.query.operators import Cone
from provgraph.query.plan import Budget, Plan, Project, Walk, is_table
from provgraph.query.shape import columns, learned
from provgraph.store import Rows, Statistics, Surroundings

_BINDING = frozenset(
    {name for name, type in EDGES.items() if type.bound} | {"REVISION_OF", "VERSION_OF"}
)


class MemoryStore:
    """A `Store`. `graph` is a `networkx.MultiDiGraph`; `evaluator` runs the plans."""

    evaluator = Evaluator
    warning: str | None = None

    def __init__(self) -> None:
        self.graph: Any
        self.clear()

    def apply(self, batch: Batch) -> None:
        changed = self.graph.copy()  # nodes and edges are frozen: a copy of the graph shares them
        changed.remove_edges_from((s, t, (type, key)) for s, type, t, key in batch.removed_edges)
        changed.remove_nodes_from(batch.removed_nodes)
        for node in batch.nodes:
            _put_node(changed, node)
        for edge in batch.edges:
            _put_edge(changed, edge)
        self.graph = changed
        self.applied |= {watermark.segment: watermark for watermark in batch.watermarks}

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
        evaluator = self.evaluator(self.graph, budget)
        if is_table(plan):
            names = tuple(column.name for column in columns(plan))
            return Rows(names, [tuple(row[n] for n in names) for row in evaluator.records(plan)])
        found = evaluator.rows(plan)
        if isinstance(plan, Project):
            names = tuple(column.name for column in plan.columns)
            return Rows(names, [tuple(r.value(c.key) for c in plan.columns) for r in found])
        more = learned(plan)
        names = ("id", "label", "depth", "properties", *(field.name for field in more))
        return Rows(names, [(*_whole(row), *(row.value(f.key) for f in more)) for row in found])

    def cone(self, walk: Walk, budget: Budget = Budget()) -> Cone:  # noqa: B008
        return self.evaluator(self.graph, budget).cone(walk)

    def reached(self, walk: Walk, budget: Budget = Budget()) -> tuple[Cone, list[Node]]:  # noqa: B008
        cone = self.cone(walk, budget)
        return cone, self.nodes(cone.ids)

    def nodes(self, ids: Sequence[str]) -> list[Node]:
        return [self.graph.nodes[id]["node"] for id in sorted(self._known(ids))]

    def edges(
        self, ids: Sequence[str], types: Sequence[str] = (), *, incoming: bool = False
    ) -> list[Edge]:
        around = self.graph.in_edges if incoming else self.graph.out_edges
        found: list[Edge] = [edge for _, _, edge in around(self._known(ids), data="edge")]
        return sorted((e for e in found if not types or e.type in types), key=_identity)

    def degrees(
        self, ids: Sequence[str], types: Sequence[str] = (), *, incoming: bool = False
    ) -> dict[str, dict[str, int]]:
        counts: dict[str, Counter[str]] = {}
        for edge in self.edges(ids, types, incoming=incoming):
            near = edge.target if incoming else edge.source
            counts.setdefault(near, Counter())[edge.type] += 1
        return {near: dict(by_type) for near, by_type in counts.items()}

    def values(
        self,
        label: Label,
        key: str,
        most: int,
        budget: Budget = Budget(),  # noqa: B008
    ) -> list[Value]:
        nodes = (node for _, node in self.graph.nodes(data="node") if node.label == label)
        held = (node.id if key == "id" else node.properties.get(key) for node in nodes)
        return list(islice(dict.fromkeys(value for value in held if value is not None), most))

    def timelines(self, artifacts: Sequence[str]) -> Surroundings:
        known = [node for node in self.nodes(artifacts) if node.label == "Artifact"]
        into = self.edges([node.id for node in known], ["VERSION_OF"], incoming=True)
        versions = {edge.source for edge in into}
        touching = {
            edge.identity: edge
            for incoming in (False, True)
            for edge in self.edges(sorted(versions), sorted(_BINDING), incoming=incoming)
        }
        held = {edge.target for edge in touching.values() if edge.type == "VERSION_OF"}
        nodes = self.nodes(sorted({node.id for node in known} | versions | held))
        return Surroundings(nodes, sorted(touching.values(), key=_identity))

    def tails(self, artifacts: Sequence[str]) -> list[Stored]:
        kept = [node for node in self.nodes(artifacts) if TAIL in node.properties]
        return [self._tail(artifact) for artifact in kept]

    def _tail(self, artifact: Node) -> Stored:
        kept = artifact.properties[TAIL]
        assert isinstance(kept, tuple)
        versions: list[tuple[Node, Edge]] = []
        chain = list(kept[:1])
        while chain and len(versions) < LENGTH:
            version = chain.pop()
            (node,) = self.nodes([version])
            of = next(e for e in self.edges([version], ["VERSION_OF"]) if e.target == artifact.id)
            versions.append((node, of))
            before = self.edges([version], ["REVISION_OF"])
            chain += [e.target for e in before if e.key == artifact.properties["name"]]
        (newest,) = self.nodes([kept[1]])
        return Stored(artifact, newest, versions)

    def existing(self, ids: Sequence[str]) -> set[str]:
        return self._known(ids)

    def begun(self) -> frozenset[str]:
        return frozenset()

    def watermarks(self) -> dict[str, Watermark]:
        return dict(self.applied)

    def statistics(self) -> Statistics:
        labels = Counter(node.label for _, node in self.graph.nodes(data="node"))
        types = Counter(edge.type for _, _, edge in self.graph.edges(data="edge"))
        return Statistics(dict(labels), dict(types))

    def clear(self) -> None:
        import networkx  # type: ignore[import-untyped]  # slow to import, and it ships no types

        self.graph = networkx.MultiDiGraph()
        self.applied: dict[str, Watermark] = {}

    def close(self) -> None:
        self.clear()

    def _known(self, ids: Iterable[str]) -> set[str]:
        return {id for id in ids if id in self.graph}


def _put_node(graph: Any, node: Node) -> None:
    own: Properties = graph.nodes[node.id]["node"].properties if node.id in graph else {}
    graph.add_node(node.id, node=Node(node.id, node.label, _merged(own, node.properties)))


def _put_edge(graph: Any, edge: Edge) -> None:
    for end in (edge.source, edge.target):
        if end not in graph:
            raise StoreError(
                f"edge {edge.type} from {edge.source} to {edge.target}: there is no node {end}",
                hint="an edge names nodes that exist or stand in the same batch",
            )
    key = (edge.type, edge.key)
    exists = graph.has_edge(edge.source, edge.target, key)
    own = graph.edges[edge.source, edge.target, key]["edge"].properties if exists else {}
    merged = Edge(edge.source, edge.type, edge.target, edge.key, _merged(own, edge.properties))
    graph.add_edge(edge.source, edge.target, key, edge=merged)


def _merged(own: Properties, given: Properties) -> dict[str, Value]:
    """The given over one's own, key by key; None removes.

    >>> _merged({"a": 1, "b": 2}, {"b": None, "c": 3})
    {'a': 1, 'c': 3}
    """
    return {key: value for key, value in {**own, **given}.items() if value is not None}


def _whole(row: Row) -> tuple[str, str, int | None, dict[str, Value]]:
    return (row.node.id, row.node.label, row.depth, dict(row.node.properties))


def _identity(edge: Edge) -> tuple[str, str, str, str]:
    return edge.identity
