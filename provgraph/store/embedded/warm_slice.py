"""Slice -> its rows, counted over a snapshot."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from provgraph.query import shape
from provgraph.query.operators.slicing import learned
from provgraph.query.plan import Slice, SortKey
from provgraph.store.embedded.adjacency import Ids
from provgraph.store.embedded.budget import Meter
from provgraph.store.embedded.relation import NOTHING, Relation, listed
from provgraph.store.embedded.shares import shares
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
        places = self._places(order)
        nearest = np.lexsort(places[::-1])
        full = int(np.searchsorted(self.sizes[nearest].cumsum(), count))  # after so many kinds
        if full >= len(nearest):
            return self
        is_kept = np.zeros(len(nearest), np.bool_)
        is_kept[nearest[:full]] = True
        is_kept |= (places == places[:, nearest[full], None]).all(axis=0)
        return self.only(is_kept)

    def only(self, kept: NDArray[np.bool_]) -> Sliced:
        """The rows of some kinds."""
        taught = {key: each[kept] for key, each in self.taught.items()}
        return Sliced(self.ids, self.kinds, self.numbers[kept], self.sizes[kept], taught)

    def relation(self) -> Relation:
        rows, texts = self._rows(), self._texts()
        if not rows:
            return NOTHING
        return listed([(id, None, None, texts[number]) for id, number in rows])

    def ranked(
        self,
        order: Sequence[SortKey],
        count: int | None,
        uids: Callable[[Iterable[int]], Mapping[int, str]],
    ) -> Relation:
        """The first so many rows in an order of what they learned, then of the ids that `uids` tells."""
        nearest = self if count is None else self.first(count, order)
        rows, texts = nearest._rows(), nearest._texts()
        if not rows:
            return NOTHING
        places = dict(zip(nearest.numbers.tolist(), nearest._places(order).T.tolist(), strict=True))
        names = uids([id for id, _ in rows])
        rows.sort(key=lambda row: (places[row[1]], names[row[0]]))
        return listed(
            [(id, None, rank, texts[number]) for rank, (id, number) in enumerate(rows[:count])]
        )

    def _places(self, order: Sequence[SortKey]) -> NDArray[Any]:
        """What each key sorts the kinds by, the least first."""
        return np.array(
            [-self.taught[key.key] if key.descending else self.taught[key.key] for key in order]
        )

    def _rows(self) -> list[tuple[int, int]]:
        """The ids, and the numbers of their kinds."""
        if not len(self.numbers):
            return []
        wanted = np.zeros(int(self.kinds.max()) + 1, np.bool_)
        wanted[self.numbers] = True
        rows = np.flatnonzero(wanted[self.kinds])
        return list(zip(self.ids[rows].tolist(), self.kinds[rows].tolist(), strict=True))

    def _texts(self) -> dict[int, str]:
        """For the number of a kind, JSON of what its rows learned."""
        learned = zip(*(each.tolist() for each in self.taught.values()), strict=True)
        return {
            number: json.dumps(dict(zip(self.taught, values, strict=True)))
            for number, values in zip(self.numbers.tolist(), learned, strict=True)
        }


def sliced(
    ready: Ready, plan: Slice, source: Collection[int], against: Collection[int], meter: Meter
) -> Sliced:
    """The rows of a slice whose `source` and `against` are these."""
    first, size = set(source), ready.lineage.size
    others = set(against) - first
    # What is not below has no lineage edges; it still counts as a row that has none.
    groups = [np.array([id for id in group if id < size], np.int64) for group in (first, others)]
    ids, (support, others_support) = shares(ready.lineage.origin, ready.walker, groups, meter.visit)
    kinds, numbers, sizes, ours, theirs = _by_kind(support, len(first), others_support, len(others))
    keys = [field.key for field in shape.learned(plan)]
    with np.errstate(invalid="ignore"):  # of what no row has in its lineage; it is left out below
        values = learned(ours, ours + theirs, len(first), len(others))
    every = Sliced(ids, kinds, numbers, sizes, dict(zip(keys, values, strict=True)))
    found = every.only(ours >= plan.least(len(first)))
    meter.visit(int(found.sizes.sum()))
    return found


def _by_kind(ours: Ids, most: int, theirs: Ids, others: int) -> tuple[Ids, Ids, Ids, Ids, Ids]:
    """A number for each place, by its pair, of which neither is above what it is `most` and for the
    `others`; then the numbers that there are, how often each is, and its pair. The numbers stand where `ours`
    were: fresh memory for so many would take longer than to count them.

    >>> [each.tolist() for each in _by_kind(np.array([2, 1, 2]), 2, np.array([0, 3, 0]), 3)]
    [[8, 7, 8], [7, 8], [1, 2], [1, 2], [3, 0]]
    """
    width = others + 1
    codes = np.multiply(ours, width, out=ours)
    codes += theirs
    if width * (most + 1) <= _COUNTED:  # and no sort is needed
        sizes = np.bincount(codes)
        known = np.flatnonzero(sizes)
        return codes, known, sizes[known], known // width, known % width
    known, kinds, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    return kinds, np.arange(len(known)), sizes, known // width, known % width
