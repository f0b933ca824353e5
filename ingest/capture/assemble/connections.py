"""Which processes of a run talked to each other through sockets, and which talked to somebody else?

Each end of a connection tells both its addresses, or which processes are behind it: so the two ends find each
other. An end is with the process that connected or accepted, and with each that inherited it or was given it, until
it is closed there. What is found to have one end only is a gap, unless nothing came over it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from provgraph.ingest.capture.assemble.pipes import Inform, Talk, Way
from provgraph.ingest.capture.assemble.processes import Execution, Story
from provgraph.ingest.capture.assemble.states import Action, Read, Removal, Source, Version
from provgraph.ingest.capture.events import Connected, Forked, Image, Parted
from provgraph.model.records import Stat

_OF_SERVICES: Final = (
    b"/run/",
    b"/var/run/",
    b"/dev/",
    b"/tmp/.X11-unix/",
    b"/tmp/.ICE-unix/",
    b"/tmp/ssh-",
)
_NAMED_FOR_SERVICES: Final = (b"/pymp-", b"/.gnupg/", b"/tmp/dbus-", b"/ibus/")
_BY_TURNS: Final = ("pipe", "socket")
_SPOKEN_OF: Final = 8
"""So many addresses of a process are named at most."""


class Holder(msgspec.Struct, eq=False):
    """An execution that has an end. `heard`: something may have come to it; `hears`: it takes that in."""

    by: Execution
    since: int
    until: int | None = None
    heard: bool = True
    hears: bool = True

    def end(self, last: int) -> int:
        """When it has that no more; `last` is the end of those who have none."""
        if self.until is not None:
            return self.until
        return last if self.by.ended is None else self.by.ended


def flow(by: Holder, to: Holder, last: int, channel: Way) -> Iterator[Inform]:
    """What one tells another as long as both have it."""
    tick, end = max(by.since, to.since), to.end(last)
    if to.heard and to.hears and tick <= end:
        until = min(by.end(last), end)
        yield Inform(to.by, by.by, channel, tick, held=False, until=until)


class End(msgspec.Struct, eq=False):
    """What is known of one socket that is connected."""

    seen: Connected
    holders: list[Holder] = []

    @property
    def heard(self) -> bool:
        return any(holder.heard or holder.until is None for holder in self.holders)

    @property
    def address(self) -> bytes:
        """That of who was asked."""
        return self.seen.own if self.seen.accepted else self.seen.peer


class Connections(msgspec.Struct):
    """`pairs` are the two ends of what went on within the run, `alone` those of what did not. `heard_by` says until when
    who listened to what of `beyond`."""

    pairs: list[tuple[End, End]]
    alone: list[End]
    last: int
    heard_by: dict[tuple[Execution, bytes], int] = {}

    @property
    def inodes(self) -> set[int]:
        return {end.seen.inode for pair in self.pairs for end in pair}

    def flows(self) -> Iterator[Inform]:
        """Who told whom something, and until when."""
        for pair in self.pairs:
            one, other = (list(with_parts(end.holders)) for end in pair)
            for holder in one:
                for peer in other:
                    if holder.by.process is not peer.by.process:
                        yield from flow(holder, peer, self.last, "socket")
                        yield from flow(peer, holder, self.last, "socket")

    def among(self, said: Talk) -> tuple[list[Inform], list[Inform], list[Inform]]:
        """The informs of a talk, those of uses that are told, and its flows. Those who talk through sockets may have
        said by other ways, too, at no known moment, what they know: turns do not bound what they hear so."""
        talking = {end for flow in said.flows for end in (flow.reader, flow.by)}
        alone, told, flows = [], [], list(said.flows)
        for inform in said.told:
            if inform.tick < inform.end and {inform.reader, inform.by} <= talking:
                flows.append(msgspec.structs.replace(inform, held=False))
            else:
                told.append(inform)
        for inform in said.informs:
            bound = inform.held and inform.until is None
            if (
                bound
                or inform.channel not in _BY_TURNS
                or not {inform.reader, inform.by} <= talking
            ):
                alone.append(inform)
                continue
            until = inform.until
            if until is None:
                until = self.last if inform.by.ended is None else inform.by.ended
            flows.append(msgspec.structs.replace(inform, held=False, until=until))
        return alone, told, flows

    def beyond(self, place: bytes, known: frozenset[int], going_on: bool) -> Iterator[Action]:
        """What was told to others than this run, and heard from them, as of files that are gone once the connection is.
        Whoever has the end may have heard all from its beginning on, and told all that was known at its end. While
        the run goes on, the other end may still be seen, but not of one that was accepted and is over."""
        for end in self.alone[:_MOST_BEYOND]:
            is_over = all(holder.until is not None for holder in end.holders)
            if going_on and not (end.seen.accepted and is_over):
                continue
            address = end.address
            streams = _streams(end, SCHEME + place)
            if (
                streams is None
                or (end.seen.what == "local socket" and _is_of_a_service(address))
                or end.seen.inode in known
            ):
                continue
            yield from self.through(*streams, end.holders)

    def through(self, own: bytes, peer: bytes, holders: Iterable[Holder]) -> Iterator[Action]:
        """What goes out under one name and comes in under the other; an empty name is of nothing."""
        before: Version | None = None
        for holder in sorted(holders, key=lambda holder: holder.since):
            since, until = holder.since, max(holder.since, holder.end(self.last))
            if peer and (holder.heard or holder.until is None):
                self.heard_by[holder.by, peer] = until
                yield Read(holder.by, peer, since, 0, None, None)
                yield Removal(holder.by, peer, until + 1, 0, None, None)
            if own:
                made = Version(holder.by, own, until, 0, None, None, names=[(own, since)])
                if before is not None:
                    made.sources = (Source(own, since, None, "append", before),)
                yield made
                before = made
        if before is not None:
            yield Removal(before.by, own, before.tick + 1, 0, None, None, version=before)

    def unseen(self, known: frozenset[int]) -> Iterator[tuple[int, str, bytes]]:
        """Tick, kind and address of what came from somebody who was not seen. `known` are the sockets, by inode, of
        which it is known what came over them."""
        said: defaultdict[int, dict[bytes, None]] = defaultdict(dict)
        for end in self.alone:
            pid, address = end.seen.pid, end.address
            if not end.heard or end.seen.inode in known:
                continue
            if end.seen.what == "local socket" and _is_of_a_service(address):
                continue
            if len(said[pid]) >= _SPOKEN_OF and address not in said[pid]:
                address = b"more addresses"
            said[pid][address] = None
            yield end.seen.tick, end.seen.what, address


SCHEME: Final = b"socket://"
OF_PIPES: Final = b"pipe://"
STREAMS: Final = (SCHEME, OF_PIPES)
"""How the names begin of what went over connections and pipes to others than this run. They are no paths."""
_SCHEMES: Final = tuple(each.decode() for each in STREAMS)


def is_stream(uri: str) -> bool:
    return uri.startswith(_SCHEMES)


def stream_of(pipe: Stat, place: bytes) -> bytes:
    """What goes through a pipe, by a name that each run with an end of it gives it."""
    return fifo_stream((pipe.device, pipe.inode), place)


def fifo_stream(identity: tuple[int, int], place: bytes) -> bytes:
    return OF_PIPES + place + b"/%d-%d" % identity


def written_by(fifo: bytes, run: str, *, named: bool) -> bytes:
    """What a run writes to a pipe, which others may write to as well. Who opened a FIFO by its `name` did so itself; where a run was
    given it, who did that may write to it, too."""
    return b"%s/%s" % (fifo, run.encode()) if named else b"%s/%s%s" % (fifo, run.encode(), GIVEN)


def from_anybody(stream: bytes) -> bytes:
    """The pipe's own name, of what somebody writes to it."""
    return b"/".join(stream.split(b"/", _PARTS)[:_PARTS])


GIVEN: Final = b"/given"
_PARTS: Final = len((b"pipe:", b"", b"host", b"boot", b"numbers"))
_MOST_BEYOND: Final = 64
"""So many connections of a run to others may be joined to them."""


def _streams(end: End, place: bytes) -> tuple[bytes, bytes] | None:
    """What goes out of an end and what comes in, by names that its other end gives them, too, if another run has it.
    Ports and process ids are used again: then the newest of that name before is meant."""
    seen = end.seen
    if seen.what == "network":
        if not _is_within(seen.own, seen.peer):
            return None
        base = place + b"/%d/" % seen.network
        return base + seen.own + b"/to/" + seen.peer, base + seen.peer + b"/to/" + seen.own
    connector, listener = (seen.other, seen.listener) if seen.accepted else (seen.pid, seen.other)
    if not connector or not listener:
        return None
    base = place + b"/%d-%d/" % (connector, listener) + end.address.rpartition(b"/")[2]
    asked, answered = base + b"/asked", base + b"/answered"
    return (answered, asked) if seen.accepted else (asked, answered)


def _is_within(own: bytes, peer: bytes) -> bool:
    """Whether both addresses are of one machine."""
    loops = own.startswith(b"127.") and peer.startswith(b"127.")
    return loops or own.rpartition(b":")[0] == peer.rpartition(b":")[0]


def from_within(stream: bytes, runner: int) -> bytes:
    """What the program of a runner within a run says through a pipe of that: several may, one after the other."""
    return stream + b"/%d" % runner


def connections(story: Story) -> Connections:
    ends: dict[int, End] = {}
    for event, by, _ in story.happenings:
        match event:
            case Connected():
                if not event.given or event.inode not in ends:
                    ends[event.inode] = End(event)
                ends[event.inode].holders.append(Holder(by, event.tick))
            case Parted() if event.inode in ends:
                for holder in ends[event.inode].holders:
                    if holder.by.process is by.process and holder.until is None:
                        holder.until, holder.heard = event.tick, event.heard
            case Image() | Forked() if ends:
                for inode in _inherited(event, by):
                    if inode in ends:
                        ends[inode].holders.append(Holder(by, event.tick))
            case _:
                pass
    last = max((process.last for process in story.processes), default=0)
    return Connections(*_matched(ends.values()), last)


def _inherited(event: Image | Forked, by: Execution) -> set[int]:
    found = {held.stat.inode for held in event.inherited if held.kind == "socket"}
    if not by.traced:
        found |= {held.inode for held in by.process.standard.values()}
    return found


def _matched(ends: Iterable[End]) -> tuple[list[tuple[End, End]], list[End]]:
    """A port may be used again: of two that connected by the same addresses, the one that is accepted next is
    the newer. Those who connect to one local socket are accepted in their order."""
    pairs: list[tuple[End, End]] = []
    alone: dict[int, End] = {}
    by_addresses: dict[tuple[int, bytes, bytes], End] = {}
    by_processes: defaultdict[tuple[int, int], list[End]] = defaultdict(list)
    for end in sorted(ends, key=lambda end: end.seen.tick):
        seen, found = end.seen, None
        if seen.what == "network":
            found = by_addresses.pop((seen.network, seen.peer, seen.own), None)
            if found is None:
                by_addresses[seen.network, seen.own, seen.peer] = end
        elif seen.accepted:
            waiting = by_processes[seen.other, seen.listener]
            found = next((other for other in waiting if other.seen.peer == seen.own), None)
            found = found or next(iter(waiting), None)
            if found is not None:
                waiting.remove(found)
        else:
            by_processes[seen.pid, seen.other].append(end)
        if found is None:
            alone[seen.inode] = end
        else:
            del alone[found.seen.inode]
            pairs.append((found, end))
    return pairs, list(alone.values())


def with_parts(holders: list[Holder]) -> Iterator[Holder]:
    """A part of a program that is a step has what the program has. A notebook's cell is asked by its kernel and
    tells it, but knows of others only by what cells connected."""
    for holder in holders:
        by, process = holder.by, holder.by.process
        program = process.executions[by.place]
        if not process.calls:
            yield holder
            continue
        yield msgspec.structs.replace(holder, by=program)
        for part in process.calls.values():
            since = max(holder.since, part.started)
            ends = [tick for tick in (holder.until, part.ended) if tick is not None]
            if part.place == by.place and all(since <= tick for tick in ends):
                hears = by.call is not None or (part.call is not None and part.call.kind != "cell")
                yield Holder(part, since, min(ends, default=None), holder.heard, hears)


def _is_of_a_service(path: bytes) -> bool:
    """Sockets of the machine and the desktop, and those through which Python's pools pass descriptors."""
    path = path.removeprefix(b"@")
    return path.startswith(_OF_SERVICES) or any(part in path for part in _NAMED_FOR_SERVICES)
