"""How does a walk of a plan go over a snapshot?"""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import apsw
import numpy as np
from numpy.typing import NDArray

from provgraph.model.collector import paused_collector
from provgraph.model.vocabulary import Label
from provgraph.query.operators import Cone
from provgraph.query.plan import Limit, Project, Walk
from provgraph.store import Rows
from provgraph.store.embedded.adjacency import Ids
from provgraph.store.embedded.budget import Meter
from provgraph.store.embedded.closure import Bounds, Reached
from provgraph.store.embedded.known_nodes import KnownNodes, texts
from provgraph.store.embedded.named_rows import NamedRows
from provgraph.store.embedded.relation import DEPTH_BITS, Relation, packed
from provgraph.store.embedded.schema import LINEAGE_NUMBERS, LINEAGE_TYPES, Lexicon
from provgraph.store.embedded.subgraph import among, joined
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
    keys = tuple(column.key for column in plan.columns)
    values = NamedRows(keys, nodes.uids(reached.ids[order]), depths[order])
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
    near = start < ready.lineage.size  # the others have no lineage edges
    nodes = joined(reached.ids, start[near], ready.walker.places)
    nodes = np.concatenate([nodes, start[~near]])
    if not len(nodes):
        return Cone([], [], [], [], [])
    types = _among(lexicon.numbers_of(plan.via))
    inside = nodes[: len(nodes) - np.count_nonzero(~near)]
    effects, causes = _once(*among(ready.lineage.origin, inside, ready.walker.places, types))
    with paused_collector():
        ids, labels = _named(nodes, known, connection, lexicon)
        begun = range(len(nodes) - len(start), len(nodes))
        return Cone(ids, labels, begun, effects.tolist(), causes.tolist())


def _once(effects: Ids, causes: Ids) -> tuple[Ids, Ids]:
    """Each pair once."""
    pairs = np.sort(effects << 32 | causes)
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
    return pairs >> 32, pairs & 0xFFFFFFFF


def _named(
    nodes: Ids, known: KnownNodes | None, connection: apsw.Connection, lexicon: Lexicon
) -> tuple[list[str], list[Label]]:
    if known is None:
        names = named(connection, lexicon, nodes.tolist())
        return [id for id, _ in names], [label for _, label in names]
    name_of = cast("dict[int, Label]", lexicon.label_of())
    return texts(known.uids(nodes)), list(map(name_of.__getitem__, known.labels(nodes)))


def _ids(ids: Collection[int]) -> Ids:
    return np.fromiter(ids, np.int64, len(ids))


def _among(types: frozenset[int]) -> NDArray[np.bool_]:
    return np.isin(np.arange(LINEAGE_NUMBERS[-1] + 1), list(types))
