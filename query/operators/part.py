"""A part of the graph that an operator fetched, and what its nodes are called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from provgraph.model.elements import Edge, Node
from provgraph.query.plan import Given, Known


@dataclass(slots=True)
class Part:
    """Nodes by id and edges by both ends; what is added twice is there once."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str, str, str], Edge] = field(default_factory=dict)
    _out: defaultdict[str, list[Edge]] = field(default_factory=lambda: defaultdict(list))
    _into: defaultdict[str, list[Edge]] = field(default_factory=lambda: defaultdict(list))

    def add(self, nodes: Iterable[Node] = (), edges: Iterable[Edge] = ()) -> None:
        self.nodes.update((node.id, node) for node in nodes)
        for edge in edges:
            if edge.identity not in self.edges:
                self.edges[edge.identity] = edge
                self._out[edge.source].append(edge)
                self._into[edge.target].append(edge)

    def out(self, id: str, *types: str) -> Iterator[Edge]:
        """The edges of these types (all, if none are given) from a node to its causes."""
        return (edge for edge in self._out.get(id, ()) if not types or edge.type in types)

    def into(self, id: str, *types: str) -> Iterator[Edge]:
        """Those from its effects."""
        return (edge for edge in self._into.get(id, ()) if not types or edge.type in types)


def given(nodes: Iterable[Node]) -> Given:
    """These nodes as a plan."""
    rows = tuple(Known(node.id, node.label) for node in nodes)
    return Given(rows, tuple(sorted({row.label for row in rows})))


def name_of(node: Node) -> str:
    """
    >>> name_of(Node("r1", "Run"))
    'r1'
    """
    name = node.properties.get("name")
    return name if isinstance(name, str) else node.id


def place_of(node: Node) -> tuple[bool, Any, str]:
    """Where it comes in order of time."""
    at = node.properties.get("at")
    return at is None, at, node.id
