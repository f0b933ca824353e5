"""Which stretch of a program does each of its actions belong to?

What a program read after it had finished an output is no origin of that output. So an execution is
split: a read after something went out (a version was completed, a fork went its own way) opens the
next phase, which continues the one before. Very many phases are merged again where that says nothing
wrong and closes no circle.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice, pairwise, starmap
from typing import Final

import msgspec

from provgraph.ingest.capture.assemble.pipes import Inform
from provgraph.ingest.capture.assemble.processes import Execution
from provgraph.ingest.capture.assemble.states import Action, Read, Removal, Version, place

MOST: Final = 1024
"""From more phases of one execution than this on, older ones are merged."""
MANY: Final = 50_000
"""From more than this on they are held as numbers."""


class Phase(msgspec.Struct, eq=False):
    """`number` is the index of its first event, 0 for the first phase. `count` says how many of its execution's
    actions are its: they follow those of the phase before. `out` is when something first went out of it, `fresh`
    the latest tick at which something was made that it took in."""

    by: Execution
    number: int
    started: int
    count: int = 0
    heard: list[Inform] | None = None
    out: int | None = None
    fresh: int = 0

    def merge(self, later: Phase) -> None:
        self.count += later.count
        if later.heard:
            self.heard = [*(self.heard or ()), *later.heard]
        self.out = later.out if self.out is None else self.out
        self.fresh = max(self.fresh, later.fresh)


class Phases:
    """Of one execution, in order of time. Very many are made anew from five numbers each whenever they are asked for."""

    def __init__(self, first: Iterable[Phase] = ()) -> None:
        self._held = list(first)
        self._numbers = array("q")
        self._heard: dict[int, list[Inform]] = {}
        self._by: Execution | None = None

    def append(self, phase: Phase) -> None:
        if self._by is not None:
            self._pack(phase)
            return
        self._held.append(phase)
        if len(self._held) > MANY:
            self._by = phase.by
            for held in self._held:
                self._pack(held)
            self._held = []

    def _pack(self, phase: Phase) -> None:
        if phase.heard:
            self._heard[len(self._numbers) // 5] = phase.heard
        out = -1 if phase.out is None else phase.out
        self._numbers.extend((phase.number, phase.started, phase.count, out, phase.fresh))

    def __len__(self) -> int:
        return len(self._held) or len(self._numbers) // 5

    def __iter__(self) -> Iterator[Phase]:
        return iter(self._held) if self._by is None else map(self.__getitem__, range(len(self)))

    def __getitem__(self, place: int) -> Phase:
        if self._by is None:
            return self._held[place]
        place = range(len(self))[place]
        number, started, count, out, fresh = self._numbers[5 * place : 5 * place + 5]
        heard = self._heard.get(place)
        return Phase(self._by, number, started, count, heard, None if out < 0 else out, fresh)


class Sent(msgspec.Struct, eq=False):
    """Something went out of an execution: a fork, or a word through a pipe, a socket or memory. It may be all that
    was heard by then, but for what `to` said itself, whom it was told."""

    tick: int
    to: Execution | None = None


class Course(msgspec.Struct):
    """What one execution did, in order of time, and heard, not yet in phases."""

    by: Execution
    actions: Iterable[Action] = ()
    sent: list[Sent] = []
    heard: list[Inform] = []


def phases(course: Course) -> Phases:
    """In order of time; at least one."""
    return _merged(_Split(course).phases)


def phase_at(phases: Phases, tick: int) -> Phase:
    """The phase in which an execution was at a moment.

    The phases' starts are in order, so that this takes the logarithm of their number.
    """
    return phases[max(0, bisect_right(phases, tick, key=lambda phase: phase.started) - 1)]


class _Split:
    def __init__(self, course: Course) -> None:
        by = course.by
        self.now = Phase(by, 0, by.started)
        self.phases = Phases()
        self.waiting: list[Inform] = []
        for item in _in_order(course):
            if type(item) is Read:
                self.take_in(item.tick, item.index).count += 1
                self.now.fresh = max(self.now.fresh, item.made)
                continue
            if type(item) is Version:
                if item.renamed is None:
                    self.hear(item.tick, item.index)
                self.now.count += 1
                if item.renamed is None:
                    self.went_out(item.tick)
                continue
            match item:
                case Removal():
                    self.now.count += 1
                case Sent():
                    self.hear(item.tick, self.now.number, item.to)
                    self.went_out(item.tick)
                case Inform():
                    if item.held:
                        self.listen(item, item.tick, self.now.number)
                    else:
                        self.waiting.append(item)
        if self.waiting:
            end = by.ended if by.ended is not None else self.waiting[-1].tick
            said = max((sent.tick + 1 for sent in course.sent), default=0)
            self.hear(max(end, said, self.now.started), by.events)
        self.phases.append(self.now)

    def take_in(self, tick: int, index: int) -> Phase:
        """The phase that something read now belongs to: a new one if something went out."""
        if self.now.out is not None:
            number = max(index, self.now.number + 1)
            self.phases.append(self.now)
            self.now = Phase(self.now.by, number, max(tick, self.now.started))
        return self.now

    def went_out(self, tick: int) -> None:
        if self.now.out is None:
            self.now.out = tick

    def hear(self, tick: int, index: int, to: Execution | None = None) -> None:
        """What is said at an unknown moment is taken to be heard as late as it can matter: before
        the next thing that goes out."""
        waiting, self.waiting = self.waiting, []
        for inform in waiting:
            if inform.by is to:
                self.waiting.append(inform)
            else:
                self.listen(inform, tick, index)

    def listen(self, inform: Inform, tick: int, index: int) -> None:
        phase = self.take_in(tick, index)
        if phase.heard is None:
            phase.heard = []
        phase.heard.append(inform)
        ended = inform.by.ended
        phase.fresh = max(phase.fresh, ended if ended is not None else inform.tick)


Item = Action | Sent | Inform


def _in_order(course: Course) -> Iterable[Item]:
    """What goes out at a moment comes before what is read at it."""
    said: list[Sent | Inform] = [*course.sent, *course.heard]
    if not said:
        return course.actions
    said.sort(key=_place)
    return merge(course.actions, said, key=_place)


def _place(item: Item) -> tuple[int, int]:
    match item:
        case Sent():
            return item.tick, 0
        case Inform():
            return item.tick, 1 if item.held else 3
        case _:
            return place(item)


def _merged(phases: Phases) -> Phases:
    """At most `MOST`, if so few say nothing wrong: neighbours are merged from the oldest on, in pairs,
    round by round, so that the newest stay the finest. A phase that took in something made after the
    one before it had let something out stays apart from it: it may have come from there."""
    while len(phases) > MOST and not all(starmap(_are_apart, pairwise(phases))):
        surplus, kept, last = len(phases) - MOST, Phases(), phases[0]
        grown = False
        for later in islice(phases, 1, None):
            if surplus and not grown and not _are_apart(last, later):
                last.merge(later)
                surplus -= 1
                grown = True
            else:
                kept.append(last)
                last, grown = later, False
        kept.append(last)
        phases = kept
    return phases


def _are_apart(phase: Phase, later: Phase) -> bool:
    return phase.out is not None and later.fresh >= phase.out
