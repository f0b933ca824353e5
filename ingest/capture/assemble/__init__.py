"""What do the events of a run mean? A pure function from capture events to journal records.

`processes` puts events into program executions, `files` into reads and versions (`states`), `pipes` finds who
told whom, `connections` who did so through sockets, and `rounds` when. `phases` splits executions so that time is
respected, `report` writes records and leaves out what says nothing. `scripts` and `programs` know interpreters.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import Final

import provgraph
from provgraph.ingest.capture.assemble.actions import OnShelf
from provgraph.ingest.capture.assemble.connections import (
    GIVEN,
    Connections,
    Holder,
    connections,
    fifo_stream,
    from_within,
    stream_of,
    written_by,
)
from provgraph.ingest.capture.assemble.context import Assembly, Context, Elsewhere
from provgraph.ingest.capture.assemble.files import traffic
from provgraph.ingest.capture.assemble.kept import kept
from provgraph.ingest.capture.assemble.known import Room
from provgraph.ingest.capture.assemble.pipes import (
    Fifo,
    Pipe,
    end_of,
    fifos,
    half_given,
    opened_from_outside,
    shared_with_others,
    substituted,
)
from provgraph.ingest.capture.assemble.processes import Execution, Story, lives
from provgraph.ingest.capture.assemble.programs import Programs, environments, prefixes
from provgraph.ingest.capture.assemble.report import Report
from provgraph.ingest.capture.assemble.states import Action, Removal
from provgraph.ingest.capture.events import Event, Missed
from provgraph.ingest.capture.given import GAP
from provgraph.ingest.capture.noise import Noise
from provgraph.ingest.capture.streams import Records
from provgraph.model.collector import paused_collector
from provgraph.model.uri import shown, text_of, uri_of

__all__ = ["Assembly", "Context", "Room", "assemble"]


def assemble(events: Iterable[Event], context: Context) -> Assembly:
    """The records of a run. Events of one process must be in order; processes may come merged or
    one after the other: the result is the same. Time grows with n log n, n the number of events."""
    with paused_collector():
        return _assemble(events, context)


def _assemble(events: Iterable[Event], context: Context) -> Assembly:
    story = lives(events, context.root, context.room.folder if context.room else None)
    programs = Programs(story, context.root)
    noise = Noise(
        context.root,
        prefixes(story.happenings, context.root),
        environments(story.happenings),
        own_folders(),
    )
    seen = traffic(
        story.happenings.all(),
        noise,
        lambda path, tick: context.content(path, None, tick),
        programs,
        None if context.going_on else context.ended,
        context.room,
    )
    seen.actions.add(programs.unseen(story, seen.actions))
    talking = connections(story)
    place = f"{context.host}/{context.boot}".encode()
    seen.actions.add(talking.beyond(place, context.databases, context.going_on))
    joined: set[int] = set()
    unknown: list[tuple[int, str]] = []
    outside = opened_from_outside(story)
    if not context.going_on:
        active = {action.by for action in seen.actions}
        if context.given or context.passed_on or context.runners:
            seen.actions.add(_through_pipes(story, context, talking, active, programs, place))
        named = fifos(
            story,
            active.__contains__,
            programs.lends,
            None if context.typed else context.of_pipes,
            context.runners,
            context.began,
        )
        if named:
            seen.actions.add(_through_fifos(named, context, talking, place, joined))
        if context.typed and context.of_pipes is not None:
            halves = half_given(story, active.__contains__, programs.lends, context.of_pipes)
            seen.actions.add(_from_line_to_line(halves, context, talking, place))
            unknown += [(tick, "pipe") for tick in _told_later(halves, context)]
        for pipe in substituted(story, outside, active.__contains__, programs.lends):
            identity = (context.of_pipes or 0, pipe.inode)
            seen.actions.add(_heard(pipe, identity, context, talking, place))
    report = Report(story, seen, programs, noise, context, talking)
    records: Records
    if isinstance(seen.actions, OnShelf) and context.room is not None:
        records = kept(report.records(), context.room.folder)
    else:
        records = list(report.records())
    unknown += [
        (opened.tick, "fifo" if opened.named else "pipe")
        for inode, opened in outside.items()
        if inode not in joined
    ]
    told = gaps(story, context, talking, unknown)
    within = frozenset(talking.inodes)
    return Assembly(records, told, seen.touched, sorted(seen.environment), within)


def _through_pipes(
    story: Story,
    context: Context,
    talking: Connections,
    active: set[Execution],
    programs: Programs,
    place: bytes,
) -> Iterator[Action]:
    """What came by the pipe that the run was given, and went by those that other runs were given, those within it too."""
    shared = shared_with_others(story, active.__contains__, programs.lends, context.runners)
    for held, pipe, runner in shared:
        stream, reads = stream_of(held.stat, place), held.fd == 0
        if not context.parent and context.of_pipes not in (None, held.stat.device) and not runner:
            continue  # a FIFO, which runs may have one after the other
        if runner and reads:
            yield from talking.through(stream, b"", _holding(pipe.writers))
        elif runner:
            yield from talking.through(b"", from_within(stream, runner), _holding(pipe.readers))
        elif not reads:
            for name in sorted(name for told, name in context.passed_on if told == stream):
                yield from talking.through(name, b"", _holding(pipe.writers))
        elif context.given and context.of_pipes in (None, held.stat.device):
            identity = (held.stat.device, held.stat.inode)
            yield from _heard(pipe, identity, context, talking, place)
        elif context.given:
            yield from talking.through(b"", stream, _holding(pipe.readers))


def _heard(
    pipe: Pipe, identity: tuple[int, int], context: Context, talking: Connections, place: bytes
) -> Iterator[Action]:
    """What came by a pipe without a name from all who are known to have had its other end. A pipe lasts as long as somebody
    has it: what was written may be read any time later."""
    written = context.elsewhere({identity}).get(identity, Elsewhere()).written
    for by, since in pipe.readers.items():
        heard = {other.stream: other for other in written if other.since <= end_of(by)}
        for name in sorted(heard or {fifo_stream(identity, place)}):
            until = by.ended
            if until is None and name in heard and heard[name].until < inf:
                until = max(since, int(heard[name].until))
            yield from talking.through(b"", name, [Holder(by, since, until)])


def _from_line_to_line(
    halves: list[Pipe], context: Context, talking: Connections, place: bytes
) -> Iterator[Action]:
    """What the programs of a typed line were told by those of other lines through pipes that the shell keeps, and told them."""
    identities = {pipe.inode: (context.of_pipes or 0, pipe.inode) for pipe in halves}
    others = context.elsewhere(identities.values()) if halves else {}
    for pipe in halves:
        identity = identities[pipe.inode]
        found, stream = others.get(identity, Elsewhere()), fifo_stream(identity, place)
        if pipe.readers and found.written:
            yield from _heard(pipe, identity, context, talking, place)
        elif found.read:
            own = written_by(stream, context.run, named=False)
            yield from talking.through(own, b"", _holding(pipe.writers))


def _told_later(halves: list[Pipe], context: Context) -> Iterator[int]:
    """When those began to read who may be told something by the shell after the line's end."""
    for pipe in halves:
        yield from (since for by, since in pipe.readers.items() if end_of(by) > context.ended)


def _through_fifos(
    named: list[Fifo], context: Context, talking: Connections, place: bytes, joined: set[int]
) -> Iterator[Action]:
    """What went through FIFOs to other runs, and came from those that had them at the same time. `joined` gets those
    of which all that is read in this run came from such as opened them by their names."""
    elsewhere = context.elsewhere({fifo.identity for fifo in named})
    for fifo in named:
        others = elsewhere.get(fifo.identity, Elsewhere())
        stream = fifo_stream(fifo.identity, place)
        if others.read or not fifo.pipe.readers:
            own = written_by(stream, context.run, named=fifo.named)
            yield from talking.through(own, b"", _holding(fifo.pipe.writers))
            for by in fifo.over.keys() & fifo.pipe.writers.keys():
                yield Removal(by, own, fifo.over[by] + 1, 0, None, None)
        if fifo.given and not context.given:
            continue
        times = fifo.times()
        told = set()
        for by, since in fifo.pipe.readers.items():
            began = max((begin for begin, _ in times if begin <= since), default=since)
            heard = [w for w in others.written if w.since <= end_of(by) and began <= w.until]
            for name in sorted({written.stream for written in heard}):
                yield from talking.through(b"", name, _holding({by: since}))
            until = fifo.surely_until(by)
            sure = (w for w in heard if w.since <= until and began <= w.surely_until)
            if not all(written.stream.endswith(GIVEN) for written in sure):
                told.add(by)
        if told and told == fifo.pipe.readers.keys():
            until = min(context.ended, max(map(end_of, told)))
            if not context.open_to_strangers(fifo.identity, until):
                joined.add(fifo.pipe.inode)


def _holding(ends: Mapping[Execution, int]) -> list[Holder]:
    return [Holder(by, since, by.ended) for by, since in ends.items()]


def gaps(
    story: Story, context: Context, talking: Connections, unknown: Iterable[tuple[int, str]]
) -> list[str]:
    """What was not seen, each once, in order of time. `unknown` are when and what pipes are read to which it is not known who
    writes."""

    def named(path: bytes) -> str:
        if path.startswith(b"/"):
            uri = uri_of(path, context.root, context.host)
            return shown(uri if not uri.startswith("file://") else text_of(path))
        return shown(text_of(path))

    missed = [
        (event.tick, gap(event.what, named(event.detail)))
        for event, _, _ in story.happenings
        if isinstance(event, Missed)
    ]
    missed += [(tick, gap(what, named(at))) for tick, what, at in talking.unseen(context.known)]
    missed += [(tick, gap(what, "")) for tick, what in unknown]
    missed += [
        (tick, gap(event.reason or "not-traced", named(event.path)))
        for tick, event in story.escaped
    ]
    return list(dict.fromkeys(text for _, text in sorted(missed)))


_GAPS: Final = {
    "static": "static program not traced",
    "go": "Go program not traced",
    "setuid": "setuid program not traced",
    "capabilities": "program with capabilities not traced",
    "architecture": "program of another architecture not traced",
    "scrubbed environment": "program with a scrubbed environment not traced",
    "another root": "program in another root not traced",
    "another user": "program of another user, who may not read the capture's library, not traced",
    "library removed": "program started after the capture's library was removed not traced",
    "not-traced": "program not traced",
    "past libc": "system calls past libc not seen",
    "own record": "what a program wrote into the record of its run was kept out of it",
    "loaded apart": "files of a library that was loaded apart (dlmopen, RTLD_DEEPBIND, LD_AUDIT) not seen",
    "by libc": "files that libc finds by itself in folders of the project not seen",
    "seccomp": "a program restricted its system calls and was not followed further",
    "ptrace": "a program that is traced by another was not followed further",
    "descriptor": "files open under very high descriptor numbers not followed",
    "cut": "a path was too long to be kept whole",
    "clock": "a program had another clock (a time namespace), so what it did may be told in the wrong order",
    "io_uring": "input and output by io_uring not seen",
    "network": "input over the network not seen",
    "pipe": GAP,
    "fifo": "input through a FIFO that nobody in the run writes to not seen",
    "local socket": "input through a socket of another program not seen",
    "mmap": "writes through a shared mapping not seen",
    "spool-full": "the spool was full, so later events are missing",
}


def gap(what: str, detail: str) -> str:
    """
    >>> gap("static", "bin/tool"), gap("clock-set", "")
    ('static program not traced: bin/tool', 'clock set')
    """
    words = _GAPS.get(what, what.replace("-", " "))
    return f"{words}: {detail}" if detail else words


@lru_cache(maxsize=1)
def own_folders() -> tuple[bytes, ...]:
    """Where provgraph itself is installed, and where its linked folders really are."""
    package = Path(provgraph.__file__).parent
    folders = (package, package.resolve(), *((package / n).resolve() for n in ("query", "ingest")))
    return tuple(dict.fromkeys(os.fsencode(folder) for folder in folders))
