"""Slice -> its rows, counted over a snapshot."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from provgraph.query import shape
from provgraph.query.operators.slicing import learned
from provgraph.query.plan import Slice, SortKey
from provgraph.store.embedded.adjacency import Ids
from provgraph.store.embedded.budget import Meter
from provgraph.store.embedded.relation import NOTHING, Relation
from provgraph.store.embedded.shares import shares
from provgraph.store.embedded.sql import sql
from provgraph.store.embedded.warm import Ready

_COUNTED: Final = 1 << 16
"""Pairs that may occur."""


@dataclass(frozen=True, slots=True)
class Sliced:
    """Rows of a few kinds, by what they learned: row n has learned the values at `kinds[n]`."""

    ids: Ids
    kinds: NDArray[np.intp]
    taught: dict[str, NDArray[Any]]

    def first(self, count: int, order: Sequence[SortKey]) -> Sliced:
        """Those that can be among so many first rows in an order, whatever decides between equals."""
        places = [
            -self.taught[key.key] if key.descending else self.taught[key.key] for key in order
        ]
        nearest = np.lexsort(places[::-1])
        sizes = np.bincount(self.kinds, minlength=len(nearest))[nearest].cumsum()
        is_kept = np.zeros(len(nearest), np.bool_)
        if count > 0 and len(nearest):
            last = min(int(np.searchsorted(sizes, count)), len(nearest) - 1)
            is_kept[nearest[:last]] = True
            is_kept |= np.logical_and.reduce([each == each[nearest[last]] for each in places])
        kept = is_kept[self.kinds]
        return Sliced(self.ids[kept], self.kinds[kept], self.taught)

    def relation(self) -> Relation:
        if not len(self.ids):
            return NOTHING
        texts = {
            kind: json.dumps({key: each[kind].item() for key, each in self.taught.items()})
            for kind in np.unique(self.kinds).tolist()
        }
        rows = zip(self.ids.tolist(), (texts[kind] for kind in self.kinds.tolist()), strict=True)
        return Relation(
            sql(
                "SELECT value ->> 0 AS id, NULL AS depth, NULL AS rank, value ->> 1 AS learned"
                " FROM json_each({})",
                json.dumps(list(rows)),
            )
        )


def sliced(
    ready: Ready, plan: Slice, source: Collection[int], against: Collection[int], meter: Meter
) -> Sliced:
    """The rows of a slice whose `source` and `against` are these."""
    first, size = set(source), ready.lineage.size
    others = set(against) - first
    # What is not below has no lineage edges; it still counts as a row that has none.
    groups = [np.array([id for id in group if id < size], np.int64) for group in (first, others)]
    ids, (support, others_support) = shares(ready.lineage.origin, ready.walker, groups, meter.visit)
    ours, theirs, kinds = _distinct(support, others_support)
    is_kept = ours >= plan.least(len(first))
    if not is_kept.all():
        kept = is_kept[kinds]
        ids, kinds = ids[kept], (is_kept.cumsum() - 1)[kinds[kept]]
        ours, theirs = ours[is_kept], theirs[is_kept]
    meter.visit(len(kinds))
    keys = [field.key for field in shape.learned(plan)]
    values = learned(ours, ours + theirs, len(first), len(others))
    return Sliced(ids, kinds, dict(zip(keys, values, strict=True)))


def _distinct(ours: Ids, theirs: Ids) -> tuple[Ids, Ids, NDArray[np.intp]]:
    """The pairs that occur, and which of them each place has.

    >>> one, other, kinds = _distinct(np.array([2, 1, 2]), np.array([0, 3, 0]))
    >>> one.tolist(), other.tolist(), kinds.tolist()
    ([1, 2], [3, 0], [1, 0, 1])
    """
    width = int(theirs.max(initial=0)) + 1
    codes = ours * width + theirs
    if width * (int(ours.max(initial=0)) + 1) <= _COUNTED:  # and no sort is needed
        occurs = np.bincount(codes) > 0
        known, kinds = np.flatnonzero(occurs), (occurs.cumsum() - 1)[codes]
    else:
        known, kinds = np.unique(codes, return_inverse=True)
    return known // width, known % width, kinds
