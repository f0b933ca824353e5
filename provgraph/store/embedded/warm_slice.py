"""Slice -> its rows, counted over a snapshot."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

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
    """Rows of a few kinds, by what they learned: row n has learned `taught[kinds[n]]`."""

    ids: Ids
    kinds: NDArray[np.intp]
    taught: list[dict[str, float]]

    def first(self, count: int, order: Sequence[SortKey]) -> Sliced:
        """Those that can be among so many first rows in an order, whatever decides between equals."""
        signs = {key.key: -1 if key.descending else 1 for key in order}
        places = [[each[key] * sign for key, sign in signs.items()] for each in self.taught]
        sizes = np.bincount(self.kinds, minlength=len(places)).tolist()
        taken, last, is_kept = 0, None, np.zeros(len(places), np.bool_)
        for kind in sorted(range(len(places)), key=places.__getitem__):
            if taken >= count and places[kind] != last:
                break
            taken, last, is_kept[kind] = taken + sizes[kind], places[kind], True
        kept = is_kept[self.kinds]
        return Sliced(self.ids[kept], self.kinds[kept], self.taught)

    def relation(self) -> Relation:
        if not len(self.ids):
            return NOTHING
        texts = {kind: json.dumps(self.taught[kind]) for kind in np.unique(self.kinds).tolist()}
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
    known, kinds = _distinct(support, others_support)
    least = plan.least(len(first))
    is_kept = np.array([ours >= least for ours, _ in known], np.bool_)
    if not is_kept.all():
        kept = is_kept[kinds]
        ids, kinds = ids[kept], (is_kept.cumsum() - 1)[kinds[kept]]
        known = [pair for pair, stays in zip(known, is_kept, strict=True) if stays]
    meter.visit(len(kinds))
    keys = [field.key for field in shape.learned(plan)]
    taught = [
        dict(zip(keys, learned(ours, ours + theirs, len(first), len(others)), strict=True))
        for ours, theirs in known
    ]
    return Sliced(ids, kinds, taught)


def _distinct(ours: Ids, theirs: Ids) -> tuple[list[tuple[int, int]], NDArray[np.intp]]:
    """The pairs that occur, and which of them each place has.

    >>> pairs, kinds = _distinct(np.array([2, 1, 2]), np.array([0, 3, 0]))
    >>> pairs, kinds.tolist()
    ([(1, 3), (2, 0)], [1, 0, 1])
    """
    width = int(theirs.max(initial=0)) + 1
    codes = ours * width + theirs
    if width * (int(ours.max(initial=0)) + 1) <= _COUNTED:  # and no sort is needed
        occurs = np.bincount(codes) > 0
        known, kinds = np.flatnonzero(occurs), (occurs.cumsum() - 1)[codes]
    else:
        known, kinds = np.unique(codes, return_inverse=True)
    return [divmod(code, width) for code in known.tolist()], kinds
