"""When did processes that talk to each other for long say what?

What goes over a connection is not seen, so each may know at any moment what those had read by then that it is
connected with, directly or not. Processes that are connected are split together, as one program is into phases: where
something is read, heard from elsewhere or connected after something went out of one of them or a connection ended, a
new round begins. So whatever was read in a round may be in all that is made in it by those who are connected then, and
nothing of later rounds is.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from provgraph.ingest.capture.assemble.phases import MOST, Course
from provgraph.ingest.capture.assemble.pipes import Inform
from provgraph.ingest.capture.assemble.processes import Execution
from provgraph.ingest.capture.assemble.states import Action, Read, Version

_TELLINGS: Final = 8192
"""More than so many are made coarser: neighbouring rounds become one."""


def in_rounds(
    flows: list[Inform],
    course: Callable[[Execution], Course],
    actions: Callable[[Execution], Iterable[Action]],
) -> Iterator[Inform]:
    """Each flow, once for each round that it reaches into."""
    for talking in _components(flows):
        members = {end: None for flow in talking for end in (flow.reader, flow.by)}
        moments = {(flow.tick, True) for flow in talking} | {(flow.end, False) for flow in talking}
        for member in members:
            moments.update(_moments(course(member), actions(member)))
        cuts = _cuts(sorted(moments), talking)
        for flow in talking:
            yield from _cut(flow, cuts)


def _components(flows: list[Inform]) -> Iterable[list[Inform]]:
    """The flows of those who are connected, directly or not."""
    above: dict[Execution, Execution] = {}

    def head(of: Execution) -> Execution:
        while above.setdefault(of, of) is not of:
            above[of] = of = above[above[of]]
        return of

    for flow in flows:
        above[head(flow.by)] = head(flow.reader)
    found: defaultdict[Execution, list[Inform]] = defaultdict(list)
    for flow in flows:
        found[head(flow.by)].append(flow)
    return found.values()


def _moments(course: Course, actions: Iterable[Action]) -> Iterator[tuple[int, bool]]:
    """When something came in (True) or went out."""
    for action in actions:
        if isinstance(action, Read):
            yield action.tick, True
        elif isinstance(action, Version) and action.renamed is None:
            yield action.tick, False
    for inform in course.heard:
        yield inform.tick, True
    for sent in course.sent:
        yield sent.tick, False


def _cuts(moments: list[tuple[int, bool]], flows: list[Inform]) -> list[int]:
    """The last moments of all rounds but the last."""
    cuts = []
    out = False
    for tick, came in moments:
        if came and out:
            cuts.append(tick - 1)
        out = not came
    told = sum(bisect_left(cuts, flow.end) - bisect_right(cuts, flow.tick) for flow in flows)
    coarser = 1 + max(len(cuts) // MOST, told // _TELLINGS)
    return cuts[coarser - 1 :: coarser]


def _cut(flow: Inform, cuts: list[int]) -> Iterator[Inform]:
    begin = flow.tick
    for cut in cuts[bisect_left(cuts, begin) : bisect_left(cuts, flow.end)]:
        yield replace(flow, tick=begin, until=cut)
        begin = cut + 1
    yield replace(flow, tick=begin)
