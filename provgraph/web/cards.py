"""Nodes in short: found by id or by plan, with how many edges lead on from each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from provgraph.errors import NotFound
from provgraph.graph import Graph
from provgraph.model.elements import Node
from provgraph.model.vocabulary import LABELS, LINEAGE_EDGES, Label
from provgraph.query.plan import Budget, Find, Identified, Limit, Plan, Runs, Versions
from provgraph.web.documents import Card

BUDGET: Final = Budget(seconds=20.0, nodes=5_000_000)
"""How far a question from the page may run."""


def node(graph: Graph, id: str) -> Node:
    """The node with an id. Raises `NotFound`."""
    found = graph.store.nodes([id])
    if not found:
        raise NotFound(
            f"there is no node `{id}`",
            hint="it may have been erased, or the link may be of another project",
        )
    return found[0]


def shown_node(graph: Graph, id: str) -> Node:
    """The node that a page for an id shows: an artifact's is its latest version."""
    found = node(graph, id)
    if found.label != "Artifact":
        return found
    versions = nodes(graph, Versions(only(found)))
    return versions[-1] if versions else found


def only(node: Node) -> Find:
    return Find(label_of(node), name=Identified((node.id,)))


def label_of(node: Node) -> Label:
    return next(label for label in LABELS if label == node.label)


def nodes(graph: Graph, plan: Plan) -> list[Node]:
    """The rows of a plan as nodes, in its order."""
    rows = graph.answer(plan, BUDGET)
    return [Node(id, label, properties) for id, label, _, properties in rows.values]


def run_of(graph: Graph, here: Node) -> Node | None:
    """The run that a node is, belongs to, or was made in."""
    if here.label == "Run":
        return here
    if here.label not in ("Version", "Step"):
        return None
    found = nodes(graph, Limit(Runs(only(here)), 1))
    return found[0] if found else None


def cards(graph: Graph, found: Iterable[Node], *, counted: bool = False) -> list[Card]:
    """In the order they are given; `counted` looks at how many edges lead on."""
    found = list(found)
    ids = [node.id for node in found]
    commits = _degrees(graph, ids, ("IN_COMMIT",))
    causes = _degrees(graph, ids, LINEAGE_EDGES) if counted else {}
    effects = _degrees(graph, ids, LINEAGE_EDGES, incoming=True) if counted else {}
    return [
        Card.of(
            node,
            commits=commits.get(node.id, 0),
            causes=causes.get(node.id, 0),
            effects=effects.get(node.id, 0),
        )
        for node in found
    ]


def _degrees(
    graph: Graph, ids: Sequence[str], types: Sequence[str], *, incoming: bool = False
) -> dict[str, int]:
    counts = graph.store.degrees(ids, types, incoming=incoming)
    return {id: sum(by_type.values()) for id, by_type in counts.items()}
