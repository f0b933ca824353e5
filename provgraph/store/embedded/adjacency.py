"""One direction of the lineage edges: each node's targets, side by side in arrays that can grow.

A node's targets stand at `start`, `degree` of them. When it gets more than fit there, they move to
the room at the end. So an addition costs what it touches, and a walk never looks in two places.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


class Full(Exception):
    """There is no room left; build it anew."""


def room(count: int) -> int:
    """How much is left free for what comes, beside so many nodes or edges."""
    return max(1 << 16, count // 4)


@dataclass(slots=True)
class Adjacency:
    """`used` is how many places of `targets` and `types` are taken."""

    start: NDArray[np.int32]
    degree: NDArray[np.int32]
    targets: NDArray[np.int32]
    types: NDArray[np.uint8]
    used: int
    _places: dict[int, int] = field(default_factory=dict)  # of nodes that moved

    def add(self, sources: Ids, types: NDArray[np.uint8], targets: Ids) -> None:
        """Add edges. Raises `Full`; what was added by then is undefined."""
        if max(sources.max(), targets.max()) >= len(self.start):
            raise Full
        order = sources.argsort(kind="stable")
        nodes, counts = np.unique(sources, return_counts=True)
        had = self.degree[nodes].astype(np.int64)
        has = had + counts
        fits = [self._places.get(node, 0) for node in nodes.tolist()] >= has
        self._move(nodes[~fits], has[~fits])
        places = spans(self.start[nodes] + had, counts)
        self.targets[places] = targets[order]
        self.types[places] = types[order]
        self.degree[nodes] = has

    def _move(self, nodes: Ids, wanted: Ids) -> None:
        """Give nodes so many places at the end, and half as many again."""
        places = wanted + (wanted >> 1)
        ends = self.used + places.cumsum()
        if not len(nodes):
            return
        if ends[-1] > len(self.targets):
            raise Full
        degree = self.degree[nodes].astype(np.int64)
        old, new = spans(self.start[nodes].astype(np.int64), degree), spans(ends - places, degree)
        self.targets[new] = self.targets[old]
        self.types[new] = self.types[old]
        self.start[nodes] = ends - places
        self.used = int(ends[-1])
        self._places.update(zip(nodes.tolist(), places.tolist(), strict=True))


def spans(starts: Ids, lengths: Ids) -> Ids:
    """The numbers of ranges, one range after the other.

    >>> spans(np.array([10, 3]), np.array([2, 3])).tolist()
    [10, 11, 3, 4, 5]
    """
    before = lengths.cumsum() - lengths
    return (starts - before).repeat(lengths) + np.arange(lengths.sum())


def adjacency(nodes: int, sources: Ids, types: NDArray[np.uint8], targets: Ids) -> Adjacency:
    """The adjacency of edges that are in order of `sources`, of nodes below `nodes`, and room for
    more of both."""
    edges = len(sources)
    degree = _with_room(np.bincount(sources, minlength=nodes), np.int32)
    start = np.zeros_like(degree)
    np.cumsum(degree[: nodes - 1], out=start[1:nodes])
    return Adjacency(
        start, degree, _with_room(targets, np.int32), _with_room(types, np.uint8), edges
    )


def _with_room(given: NDArray[Any], kind: type[np.generic]) -> NDArray[Any]:
    held = np.zeros(len(given) + room(len(given)), kind)
    held[: len(given)] = given
    return held
