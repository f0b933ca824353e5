"""Which processes of a run share memory in which each sees what the others write?

A fork has what was mapped so when it began, until it runs another program; a segment, whoever attached it. What is
written there and read is not seen: all who share it may know what the others knew meanwhile, as those do who are
connected (`rounds`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from provgraph.ingest.capture.assemble.connections import Holder, flow, with_parts
from provgraph.ingest.capture.assemble.pipes import Inform
from provgraph.ingest.capture.assemble.processes import Execution, Story
from provgraph.ingest.capture.events import Memory

Place = tuple[int, int, int]
"""A piece of shared memory: its segment, or who mapped it and when."""


def through_memory(story: Story, last: int) -> Iterator[Inform]:
    """Who may have told whom something, and until when. `last` is the end of those who have none."""
    for members in _members(story).values():
        yield from _told(sorted(members, key=lambda member: member.since), last)


def _members(story: Story) -> dict[Place, list[Holder]]:
    members: defaultdict[Place, list[Holder]] = defaultdict(list)
    held: defaultdict[Execution, dict[Place, int]] = defaultdict(dict)

    def hold(by: Execution, since: int, place: Place) -> None:
        if place not in held[by]:  # a segment may be attached any number of times
            held[by][place] = since
            members[place].append(Holder(by, since))

    for event, by, _ in story.happenings:
        if isinstance(event, Memory):
            place = (event.segment, 0, 0) if event.segment else (0, event.pid, event.tick)
            hold(_whole(by), event.tick, place)
    for process in sorted(story.processes, key=lambda process: process.started) if held else ():
        if process.parent is None or not process.executions or not process.executions[0].stretch:
            continue
        for place, since in held.get(_whole(process.parent), {}).items():
            if since <= process.started:
                hold(process.executions[0], process.started, place)
    return members


def _whole(by: Execution) -> Execution:
    """The program of which it is a part."""
    return by.process.executions[by.place]


def _told(members: list[Holder], last: int) -> Iterator[Inform]:
    """Each tells the first, which tells each; those who outlive it, likewise the last of them. That is as much as if
    each told each, in fewer words."""
    while len(members) > 1:
        hub, *others = members
        for one in with_parts([hub]):
            for other in with_parts(others):
                if one.by.process is not other.by.process:
                    yield from flow(one, other, last, "memory")
                    yield from flow(other, one, last, "memory")
        end = hub.end(last)
        members = sorted(
            (other for other in others if other.end(last) > end),
            key=lambda other: -other.end(last),
        )
