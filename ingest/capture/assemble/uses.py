"""Who took something out of a pipe, and who had given it, where each such use is told?

A use is told once in a turn. Turns are counted over the whole run: a new one begins where somebody who has such pipes
opens a file, has made one or forks. Within a turn nobody learns more from files, so that it does not matter who
spoke first: all that somebody takes in it may be in all that it gives. What is given in a turn may be taken in
it and in later ones, never in those before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from provgraph.ingest.capture.assemble.processes import Execution, Story
from provgraph.ingest.capture.events import Talked

_MOST: Final = 8192
"""From more uses than this on, and than two a user, neighbouring turns become one."""


class Use(msgspec.Struct, frozen=True):
    """The first of a turn, at `tick`; others may follow until `until`."""

    by: Execution
    turn: int
    tick: int
    until: int


def by_execution(uses: Iterable[Use]) -> Iterable[list[Use]]:
    """Those of each, in their order."""
    found: defaultdict[Execution, list[Use]] = defaultdict(list)
    for use in uses:
        found[use.by].append(use)
    return found.values()


def is_one_program(one: Execution, other: Execution) -> bool:
    """Whether both are it, or parts of it."""
    return one.process is other.process and one.place == other.place


class Channel(msgspec.Struct):
    """What comes out of one end of a pipe, or of a pair of sockets; both in order of turns."""

    socket: bool = False
    takes: list[Use] = []
    gives: list[Use] = []

    def heard(self) -> Iterator[tuple[Use, Use]]:
        """What was taken, and the last that everybody else had given by then, each time that it was more."""
        for own in by_execution(self.takes):
            taker = own[0].by
            at = 0
            for take in own:
                fresh: dict[Execution, Use] = {}
                while at < len(self.gives) and self.gives[at].turn <= take.turn:
                    give = self.gives[at]
                    if not is_one_program(give.by, taker):
                        fresh[give.by] = give
                    at += 1
                yield from ((take, give) for give in fresh.values())


Acted = Callable[[Execution], Sequence[int]]
"""When an execution read or made something, in order of time."""


def channels(
    story: Story, peers: Mapping[int, int], acted: Acted, number: Callable[[int, int], int]
) -> dict[int, Channel]:
    """By the inode of the end that things are taken from, as `number` tells it apart from what had that before. `peers` are
    the ends of pairs of sockets."""
    told = [
        (event, by)
        for event, by, _ in story.happenings
        if isinstance(event, Talked) and not event.lasting
    ]
    if not told:
        return {}
    turns = _Turns(told, story, acted)
    found: defaultdict[int, Channel] = defaultdict(Channel)
    for event, by in told:
        socket = event.kind == "socket"
        inode = event.inode if socket else number(event.inode, event.tick)
        for use in turns.uses(event, by):
            if event.took:
                found[inode].takes.append(use)
                found[inode].socket = socket
            target = peers.get(inode, 0) if socket else inode
            if event.gave and target:
                found[target].gives.append(use)
                found[target].socket = socket
    for channel in found.values():
        channel.takes = _each_once(channel.takes)
        channel.gives = _each_once(channel.gives)
    return dict(found)


def _each_once(uses: list[Use]) -> list[Use]:
    found: dict[tuple[Execution, int], Use] = {}
    for use in sorted(uses, key=lambda use: (use.turn, use.tick)):
        found.setdefault((use.by, use.turn), use)
    return list(found.values())


class _Turns:
    def __init__(self, told: list[tuple[Talked, Execution]], story: Story, acted: Acted) -> None:
        self._acted = acted
        self._last = max(process.last for process in story.processes)
        self._width = 1
        most = max(_MOST, 2 * len({by for _, by in told}))
        while len({(by, event.turn // self._width) for event, by in told}) > most:
            self._width *= 2
        first: dict[int, int] = {}
        self._spoke: dict[tuple[Execution, int], int] = {}
        for event, by in told:
            turn = event.turn // self._width
            first[turn] = min(first.get(turn, event.tick), event.tick)
            self._spoke[by, turn] = max(self._spoke.get((by, turn), 0), event.tick)
        self._ends = _ends(first, self._last)
        self._times: dict[Execution, Sequence[int]] = {}

    def uses(self, event: Talked, by: Execution) -> Iterator[Use]:
        """Of the parts of a program that are steps, each that goes on has the use."""
        turn = event.turn // self._width
        end = self._ends[turn]
        for part in _parts(by, event.tick, end):
            tick = max(event.tick, part.started)
            spoke = max(tick, self._spoke[by, turn])
            yield Use(part, turn, tick, max(spoke, min(end, self._next(part, spoke)) - 1))

    def _next(self, by: Execution, tick: int) -> int:
        """When something next came in or went out, or it ended: a new turn then, if there is one."""
        if by not in self._times:
            self._times[by] = self._acted(by)
        times = self._times[by]
        place = bisect_right(times, tick)
        ended = self._last + 1 if by.ended is None else by.ended
        return min(ended, times[place]) if place < len(times) else ended


def _ends(first: dict[int, int], last: int) -> dict[int, int]:
    """When the next turn had begun by, at the latest."""
    ends: dict[int, int] = {}
    end = last + 1
    for turn in sorted(first, reverse=True):
        ends[turn] = end
        end = min(end, first[turn])
    return ends


def _parts(by: Execution, since: int, until: int) -> Iterable[Execution]:
    process = by.process
    if not process.calls:
        return (by,)
    program = process.executions[by.place]
    return [
        part
        for part in (program, *process.calls.values())
        if part.place == by.place
        and part.started <= until
        and (part.ended is None or part.ended >= since)
    ]
