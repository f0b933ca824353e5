"""Which lineage edges are among some nodes?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from provgraph.store.embedded.adjacency import Adjacency, Ids, spans


def joined(first: Ids, then: Ids, places: NDArray[np.int32]) -> Ids:
    """Each node of both once, those of `first` alone before the others in their order. `places` is
    as for `among`; neither has a node twice."""
    places[first] = -1
    places[then] = 0
    return np.concatenate([first[places[first] < 0], then])


def among(
    side: Adjacency, nodes: Ids, places: NDArray[np.int32], types: NDArray[np.bool_] | None = None
) -> tuple[Ids, Ids]:
    """The edges of these types from one of the nodes to another, by the places of both in `nodes`,
    in order of the first. Two that differ in their types alone are two.

    `places` has a place for each node there is. It is given back with those of these nodes; what
    it holds elsewhere is of no matter.
    """
    places[nodes] = np.arange(len(nodes), dtype=np.int32)
    degree = side.degree[nodes].astype(np.int64)
    at = spans(side.start[nodes].astype(np.int64), degree)
    ends = side.targets[at]
    beginnings, inside = np.arange(len(nodes)).repeat(degree), places[ends].astype(np.int64)
    kept = inside < len(nodes)
    kept[kept] = nodes[inside[kept]] == ends[kept]
    if types is not None:
        kept &= types[side.types[at]]
    return beginnings[kept], inside[kept]
