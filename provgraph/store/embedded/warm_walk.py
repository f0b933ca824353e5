"""How does a walk of a plan go over a snapshot?"""

from __future__ import annotations

from collections.abc import Collection

import apsw
import numpy as np
from numpy.typing import NDArray

from provgraph.query.plan import Walk
from provgraph.store.embedded.adjacency import Ids
from provgraph.store.embedded.budget import Meter
from provgraph.store.embedded.closure import Bounds, Reached
from provgraph.store.embedded.relation import DEPTH_BITS, Relation, packed
from provgraph.store.embedded.schema import LINEAGE_NUMBERS, LINEAGE_TYPES
from provgraph.store.embedded.walk import visible
from provgraph.store.embedded.warm import Ready


def relation(reached: Reached) -> Relation:
    return packed(reached.depths() << DEPTH_BITS | reached.ids)


def reached(
    ready: Ready,
    connection: apsw.Connection,
    plan: Walk,
    types: frozenset[int],
    sources: Collection[int],
    stops: Collection[int],
    meter: Meter,
) -> Reached:
    def seen(ids: Ids) -> Ids:
        return _ids(visible(connection, ids.tolist(), plan.until))

    start, stop = _ids(sources), _ids(stops)
    if plan.until is not None:
        start = seen(start)
    size = ready.lineage.size  # what is not below has no lineage edges
    bounds = Bounds(
        types=None if types == LINEAGE_TYPES else _among(types),
        max_hops=plan.max_hops,
        stops=stop[stop < size] if len(stop) else None,
        visible=None if plan.until is None else seen,
        visit=meter.visit,
    )
    side = ready.lineage.side(plan.toward)
    return ready.walker.reached(side, start[start < size], bounds)


def _ids(ids: Collection[int]) -> Ids:
    return np.fromiter(ids, np.int64, len(ids))


def _among(types: frozenset[int]) -> NDArray[np.bool_]:
    return np.isin(np.arange(LINEAGE_NUMBERS[-1] + 1), list(types))
