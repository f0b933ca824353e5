"""How does a walk of a plan go over a snapshot?"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

import apsw
import numpy as np
from numpy.typing import NDArray

from provgraph.model.vocabulary import Label
from provgraph.query.operators import Cone
from provgraph.query.plan import Limit, Project, Walk
from provgraph.store import Rows
from provgraph.store.embedded.adjacency import Ids
from provgraph.store.embedded.budget import Meter
from provgraph.store.embedded.closure import Bounds, Reached
from provgraph.store.embedded.collector import without_collector
from provgraph.store.embedded.known_nodes import KnownNodes
from provgraph.store.embedded.relation import DEPTH_BITS, Relation, packed
from provgraph.store.embedded.schema import LINEAGE_NUMBERS, LINEAGE_TYPES, Lexicon
from provgraph.store.embedded.subgraph import among
from provgraph.store.embedded.walk import named, visible
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


def answered(plan: Project, reached: Reached, nodes: KnownNodes) -> Rows:
    """The rows of a walk, or the first ones, that show their ids and depths."""
    count = None
    if isinstance(plan.source, Limit):
        count = max(plan.source.count, 0)
        reached = reached.first(count)
    depths = reached.depths()
    order = nodes.in_order(reached.ids, depths)[:count]
    columns: dict[str, list[Any]] = {
        "id": nodes.uids(reached.ids[order]),
        "depth": depths[order].tolist(),
    }
    with without_collector():
        values = list(zip(*(columns[column.key] for column in plan.columns), strict=True))
    return Rows(tuple(column.name for column in plan.columns), values)


def cone(
    ready: Ready,
    known: KnownNodes | None,
    connection: apsw.Connection,
    lexicon: Lexicon,
    plan: Walk,
    starts: list[int],
    reached: Reached,
) -> Cone:
    """The nodes of a walk, which left `starts` and has `reached` others, with the edges between."""
    start = _ids(dict.fromkeys(starts))
    nodes = np.concatenate([start, np.setdiff1d(reached.ids, start)])
    if not len(nodes):
        return Cone([], [], [], [], [])
    if known is None:
        names = named(connection, lexicon, nodes.tolist())
        ids, labels = [id for id, _ in names], [label for _, label in names]
    else:
        name_of = lexicon.label_of()
        ids = known.uids(nodes)
        labels = [cast(Label, name_of[number]) for number in known.labels(nodes)]
    inside = np.flatnonzero(nodes < ready.lineage.size)
    types = _among(lexicon.numbers_of(plan.via))
    pairs = among(ready.lineage.origin, nodes[inside], ready.walker.places, types)
    effects, causes = (inside[ends] for ends in pairs)
    once = np.unique(effects * len(nodes) + causes)
    return Cone(
        ids,
        labels,
        list(range(len(start))),
        (once // len(nodes)).tolist(),
        (once % len(nodes)).tolist(),
    )


def _ids(ids: Collection[int]) -> Ids:
    return np.fromiter(ids, np.int64, len(ids))


def _among(types: frozenset[int]) -> NDArray[np.bool_]:
    return np.isin(np.arange(LINEAGE_NUMBERS[-1] + 1), list(types))
