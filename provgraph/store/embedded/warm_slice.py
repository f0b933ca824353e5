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
    """Rows of a few kinds, by what they learned: the rows whose number in `kinds` is `numbers[n]` are
    `sizes[n]`, and have learned the nth of the values in `taught`. Rows of other numbers are none."""

    ids: Ids
    kinds: Ids
    numbers: Ids
    sizes: Ids
    taught: dict[str, NDArray[Any]]

    def first(self, count: int, order: Sequence[SortKey]) -> Sliced:
        """Those that can be among so many first rows in an order, whatever decides between equals."""
        places = [
            -self.taught[key.key] if key.descending else self.taught[key.key] for key in order
        ]
        nearest = np.lexsort(places[::-1])
        full = int(np.searchsorted(self.sizes[nearest].cumsum(), count))  # after so many kinds
        if full >= len(nearest):
            return self
        is_kept = np.zeros(len(nearest), np.bool_)
        is_kept[nearest[:full]] = True
        is_kept |= np.logical_and.reduce([each == each[nearest[full]] for each in places])
        return self.only(is_kept)

    def only(self, kept: NDArray[np.bool_]) -> Sliced:
        """The rows of some kinds."""
        taught = {key: each[kept] for key, each in self.taught.items()}
        return Sliced(self.ids, self.kinds, self.numbers[kept], self.sizes[kept], taught)

    def relation(self) -> Relation:
        if not len(self.numbers):
            return NOTHING
        wanted = np.zeros(int(self.kinds.max()) + 1, np.bool_)
        wanted[self.numbers] = True
        rows = np.flatnonzero(wanted[self.kinds])
        learned = zip(*(each.tolist() for each in self.taught.values()), strict=True)
        texts = {
            number: json.dumps(dict(zip(self.taught, values, strict=True)))
            for number, values in zip(self.numbers.tolist(), learned, strict=True)
        }
        kinds = self.kinds[rows].tolist()
        told = zip(self.ids[rows].tolist(), (texts[kind] for kind in kinds), strict=True)
        return Relation(
            sql(
                "SELECT value ->> 0 AS id, NULL AS depth, NULL AS rank, value ->> 1 AS learned"
                " FROM json_each({})",
                json.dumps(list(told)),
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
    kinds, numbers, sizes, ours, theirs = _by_kind(support, others_support)
    keys = [field.key for field in shape.learned(plan)]
    with np.errstate(invalid="ignore"):  # of what no row has in its lineage; it is left out below
        values = learned(ours, ours + theirs, len(first), len(others))
    every = Sliced(ids, kinds, numbers, sizes, dict(zip(keys, values, strict=True)))
    found = every.only(ours >= plan.least(len(first)))
    meter.visit(int(found.sizes.sum()))
    return found


def _by_kind(ours: Ids, theirs: Ids) -> tuple[Ids, Ids, Ids, Ids, Ids]:
    """A number for each place, by its pair; then the numbers that there are, how often each is, and
    its pair.

    >>> [each.tolist() for each in _by_kind(np.array([2, 1, 2]), np.array([0, 3, 0]))]
    [[8, 7, 8], [7, 8], [1, 2], [1, 2], [3, 0]]
    """
    width = int(theirs.max(initial=0)) + 1
    codes = ours * width + theirs
    if width * (int(ours.max(initial=0)) + 1) <= _COUNTED:  # and no sort is needed
        sizes = np.bincount(codes)
        known = np.flatnonzero(sizes)
        return codes, known, sizes[known], known // width, known % width
    known, kinds, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    return kinds, np.arange(len(known)), sizes, known // width, known % width
