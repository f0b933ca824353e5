"""Which nodes does a walk over a snapshot reach, and how far are they? Breadth first, in arrays.

Compiled where that can be had, as long as nothing need be asked on the way. Else a level is a handful
of numpy's calls, whatever its size; where levels are narrow, as many steps of Python are faster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from provgraph.store.embedded.adjacency import Adjacency, Ids
from provgraph.store.embedded.kernel import Kernel

Level = Ids | list[int]

NARROW, WIDE = 16, 64
"""Nodes of a level, and edges that leave it: so few take longer in arrays."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a walk may pass. `types` has a place for each number of a type; `stops` are reached but
    not passed; `visible` leaves out nodes that are not there; `visit` is told how many nodes each
    level reached, and may raise."""

    types: NDArray[np.bool_] | None = None
    max_hops: int | None = None
    stops: Ids | None = None
    visible: Callable[[Ids], Ids] | None = None
    visit: Callable[[int], None] = lambda count: None


@dataclass(frozen=True, slots=True)
class Reached:
    """Row ids by depth: those at depth d, from 1, are the next `counts[d - 1]`."""

    ids: Ids
    counts: Ids

    def depths(self) -> Ids:
        return np.arange(1, len(self.counts) + 1).repeat(self.counts)

    def first(self, count: int) -> Reached:
        """The levels that hold the so many nearest nodes."""
        ends = self.counts.cumsum()
        levels = int(np.searchsorted(ends, count)) + 1
        return Reached(self.ids[: ends[:levels].max(initial=0)], self.counts[:levels])


class Walker:
    """Walks over nodes below `size`, one walk at a time."""

    def __init__(self, size: int, kernel: Kernel | None = None) -> None:
        self.kernel = kernel
        self._unseen = np.ones(size, np.bool_)
        self._stopping = np.zeros(size, np.bool_)
        self.places = np.zeros(size, np.int32)
        """For whoever needs a place for each node; it holds anything."""
        self._counting = np.arange(1 << 12)

    def reached(self, side: Adjacency, sources: Ids, bounds: Bounds) -> Reached:
        if bounds.stops is not None:
            self._stopping[bounds.stops] = True
        try:
            if self.kernel is not None and bounds.visible is None:
                return self._compiled(self.kernel, side, sources, bounds)
            return self._by_levels(side, sources, bounds)
        finally:
            if bounds.stops is not None:
                self._stopping[bounds.stops] = False

    def _compiled(self, kernel: Kernel, side: Adjacency, sources: Ids, bounds: Bounds) -> Reached:
        found, ends = self._found
        stopping = None if bounds.stops is None else self._stopping
        levels = kernel.reached(
            side, bounds.types, stopping, self._unseen, sources, bounds.max_hops, found, ends
        )
        counts = np.diff(ends[:levels], prepend=0)
        ids = found[: counts.sum()].copy()
        bounds.visit(len(ids))
        return Reached(ids, counts)

    @cached_property
    def _found(self) -> tuple[Ids, Ids]:
        size = len(self._unseen)
        return np.empty(size, np.int64), np.empty(size, np.int64)

    def _by_levels(self, side: Adjacency, sources: Ids, bounds: Bounds) -> Reached:
        levels = _Levels()
        try:
            self._walk(side, sources, bounds, levels)
        finally:
            ids = levels.ids()
            self._unseen[ids] = True
        return Reached(ids, np.array(levels.counts, np.int64))

    def _walk(self, side: Adjacency, level: Level, bounds: Bounds, levels: _Levels) -> None:
        is_plain = bounds.types is None and bounds.visible is None
        step = _Step(side, self._unseen) if is_plain else None
        while len(level) and (bounds.max_hops is None or len(levels.counts) < bounds.max_hops):
            found: Level | None = None
            if step is not None and len(level) <= NARROW:
                found = step.found(level)
            if found is None:
                found = self._new(self._targets(side, np.asarray(level), bounds.types))
                if bounds.visible is not None:
                    found = bounds.visible(found)
                self._unseen[found] = False
            if not len(found):
                break
            levels.add(found)
            bounds.visit(len(found))
            level = found
            if bounds.stops is not None:
                level = np.asarray(level)[~self._stopping[level]]

    def _targets(self, side: Adjacency, level: Ids, types: NDArray[np.bool_] | None) -> Ids:
        """The targets of all edges that leave a level."""
        counts = side.degree.take(level)
        ends: Ids = counts.cumsum(dtype=np.int64)
        places = (side.start.take(level) - (ends - counts)).repeat(counts)
        places += self._first(int(ends[-1]))
        if types is not None:
            places = places.compress(types.take(side.types.take(places)))
        return side.targets.take(places).astype(np.int64)

    def _new(self, found: Ids) -> Ids:
        """Those not seen yet, each once."""
        found = found.compress(self._unseen.take(found))
        numbers = self._first(len(found))
        self.places[found] = numbers
        return found.compress(self.places.take(found) == numbers)

    def _first(self, count: int) -> Ids:
        if count > len(self._counting):
            self._counting = np.arange(2 * count)
        return self._counting[:count]


class _Step:
    """One level of few nodes, in Python."""

    def __init__(self, side: Adjacency, unseen: NDArray[np.bool_]) -> None:
        self._start, self._degree, self._targets = (
            array.data for array in (side.start, side.degree, side.targets)
        )
        self._unseen = unseen.data

    def found(self, level: Level) -> list[int] | None:
        """The nodes not seen yet, each once, and now seen; None if it would take long."""
        start, degree, targets, unseen = self._start, self._degree, self._targets, self._unseen
        nodes = level if isinstance(level, list) else level.tolist()
        if sum([degree[node] for node in nodes]) > WIDE:
            return None
        found = []
        for node in nodes:
            first = start[node]
            for target in targets[first : first + degree[node]]:
                if unseen[target]:
                    unseen[target] = False
                    found.append(target)
        return found


class _Levels:
    """Collects levels, narrow ones as one list."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self._wide: list[Ids] = []
        self._narrow: list[int] = []

    def add(self, level: Level) -> None:
        self.counts.append(len(level))
        if isinstance(level, list):
            self._narrow += level
        else:
            self._close()
            self._wide.append(level)

    def ids(self) -> Ids:
        self._close()
        return np.concatenate(self._wide) if self._wide else np.zeros(0, np.int64)

    def _close(self) -> None:
        if self._narrow:
            self._wide.append(np.array(self._narrow, np.int64))
            self._narrow = []
