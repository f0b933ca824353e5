"""Nodes, edges and batches of them: what a store keeps and what it is given."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from provgraph.model.vocabulary import Label

Scalar = str | int | float | bool | None
Value = Scalar | tuple[str, ...]
Properties = Mapping[str, Value]


class Node(msgspec.Struct, frozen=True):
    """A node. `id` is unique in a project; `properties` never holds `id` or a null."""

    id: str
    label: Label
    properties: dict[str, Value] = {}


class Edge(msgspec.Struct, frozen=True):
    """An edge from effect to cause. (source, type, target, key) is its identity: `key` tells apart
    parallel edges, such as two reads of one version."""

    source: str
    type: str
    target: str
    key: str = ""
    properties: dict[str, Value] = {}

    @property
    def identity(self) -> tuple[str, str, str, str]:
        return (self.source, self.type, self.target, self.key)


class Watermark(msgspec.Struct, frozen=True):
    """How far a segment has been applied: `records` of its records, at `generation` (which counts
    how often the segment was rewritten, as erasure does). `stamp` is the file's size and time of
    change when it was read, so that an unchanged segment need not be opened again."""

    segment: str
    generation: int
    records: int
    stamp: str = ""


class Batch(msgspec.Struct, frozen=True):
    """What is applied to a store in one transaction, all or nothing.

    Applied in this order: `removed_edges`, `removed_nodes` (with every edge that touches them),
    `nodes`, `edges`, `watermarks`. A node that exists takes the given properties over its own, key
    by key (a None value removes the key); so does an edge. Edges name nodes that exist or stand
    in the same batch. Applying a batch twice is applying it once.
    """

    nodes: list[Node] = []
    edges: list[Edge] = []
    removed_nodes: list[str] = []
    removed_edges: list[tuple[str, str, str, str]] = []
    watermarks: list[Watermark] = []
    artifacts: frozenset[str] | None = None
    """Those whose timelines it may change; None where that is not known."""

    def __len__(self) -> int:
        return len(self.nodes) + len(self.edges) + len(self.removed_nodes) + len(self.removed_edges)
