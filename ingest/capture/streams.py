"""How is what is very much gone through again and again? From the disk each time: only a little of it is held.

What is a list stays one and is quick; what is a stream stays one and takes no memory. Who goes through events or
records need not know which it is.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from itertools import chain, islice
from operator import attrgetter, lt
from typing import Final, Generic, TypeVar

from provgraph.ingest.capture.events import Event
from provgraph.model.records import Record

T = TypeVar("T")


class Stream(Generic[T]):
    """What is made anew each time that it is gone through."""

    def __init__(self, made: Callable[[], Iterable[T]]) -> None:
        self._made = made

    def __iter__(self) -> Iterator[T]:
        return iter(self._made())


Events = list[Event] | Stream[Event]
"""In order of time."""
Records = list[Record] | Stream[Record]

_FEW: Final = 64
"""So many are put among very many sooner than all are sorted."""

_tick = attrgetter("tick")
_pid = attrgetter("pid")


def through(
    many: list[T] | Stream[T], change: Callable[[Iterable[T]], Iterable[T]]
) -> list[T] | Stream[T]:
    """What a change makes of it all. It begins anew each time.

    >>> double = lambda numbers: (2 * number for number in numbers)
    >>> through([1, 2], double), list(through(Stream(lambda: [1, 2]), double))
    ([2, 4], [2, 4])
    """
    if isinstance(many, list):
        return list(change(many))
    return Stream(lambda: change(many))


def together(*parts: list[T] | Stream[T]) -> list[T] | Stream[T]:
    """One after the other."""
    if all(isinstance(part, list) for part in parts):
        return list(chain(*parts))
    return Stream(lambda: chain(*parts))


def joined(events: Events, others: Iterable[Event]) -> Events:
    """Both in order of time; of those at one moment the others come last. A stream of others is in order."""
    if isinstance(others, Stream):
        return Stream(lambda: merge(events, others, key=_tick))
    more = list(others)
    if not more:
        return events
    more.sort(key=_tick)
    if isinstance(events, list):
        if len(more) > _FEW:
            return sorted([*events, *more], key=_tick)
        both = list(events)
        for event in more:
            insort(both, event, key=_tick)
        return both
    return Stream(lambda: merge(events, more, key=_tick))


def in_order(events: Events) -> Events:
    """By their ticks, then by their processes."""
    if isinstance(events, list):
        ticks = list(map(_tick, events))
        if all(map(lt, ticks, islice(ticks, 1, None))):  # as usual: no two at one moment
            return events
        ordered = sorted(events, key=_pid)
        ordered.sort(key=_tick)
        return ordered
    return Stream(lambda: _by_process_too(events))


def _by_process_too(events: Iterable[Event]) -> Iterator[Event]:
    """What is in order of time, that of one moment by its processes."""
    moment: list[Event] = []
    for event in events:
        if moment and event.tick != moment[0].tick:
            if len(moment) > 1:
                moment.sort(key=_pid)
            yield from moment
            moment.clear()
        moment.append(event)
    moment.sort(key=_pid)
    yield from moment
