"""Which program execution did each event belong to?

A process id may be used again, a process may run several programs one after the other, and what
happens between a fork and an exec belongs to neither program alone. So events are sorted by tick and
put into lives: a `Process` is one life of a process id, an `Execution` one program in it, or the
stretch after a fork in which there is no program of its own yet (`stretch`).
"""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from provgraph.ingest.capture.events import (
    Closed,
    Descriptor,
    Entered,
    Event,
    ExecFailed,
    Executing,
    Exited,
    Forked,
    Image,
    Interpreted,
    Killed,
    Left,
    Linked,
    Moved,
    Opened,
    Piped,
    Preserved,
    Renamed,
    Truncated,
    Unlinked,
)
from provgraph.ingest.capture.numbers import Numbers
from provgraph.ingest.capture.streams import Events, Stream, in_order

STRETCH: Final = -1
"""The number of the execution between a fork and the first exec; images count from 0."""
CALLS: Final = 1 << 24
"""The number of a process's first part that is a step of its own."""


class Execution(msgspec.Struct, eq=False):
    """One program execution, or a part of one that is a step of its own: then `call` says which, `left`
    how it ended and `within` what is around it. `place` is its index in its process, `number` counts images
    alone. `cwd` is where it began, `folder` where it went. `events` counts its events. `drained` are the pipes among its
    standard descriptors that nothing could come from any more when it began."""

    process: Process
    place: int
    number: int
    started: int
    cwd: bytes
    image: Image | None = None
    traced: bool = True
    ended: int | None = None
    events: int = 0
    folder: bytes = b""
    call: Entered | None = None
    left: Left | None = None
    within: Execution | None = None
    drained: dict[int, Piped] = {}

    @property
    def stretch(self) -> bool:
        return self.image is None and self.call is None


class Process(msgspec.Struct, eq=False):
    """One life of a process id. `parent` is the execution that forked or spawned it, None where it
    was not seen. `suspended`: its parent did nothing until it ran its first program (vfork, spawn).
    `exit` is None if it was killed or outlived the run; `last` is its last tick. `standard` are the
    pipes on its descriptors 0 to 2, `given` those that its program began with, `forked_with` those that it had as a fork. `calls` are the parts of its
    programs that are steps, `active` those that go on; `did` says who opened what at a tick, where another
    part went on meanwhile."""

    pid: int
    started: int
    parent: Execution | None = None
    forked: bool = False
    suspended: bool = True
    exit: int | None = None
    exited: int | None = None
    last: int = 0
    executions: list[Execution] = []
    standard: dict[int, Piped] = {}
    given: dict[int, Piped] = {}
    forked_with: dict[int, Piped] = {}
    pending: Executing | None = None
    pending_place: int = -1
    calls: dict[int, Execution] = {}
    active: list[Execution] = []
    did: dict[int, Execution] = {}

    @property
    def program(self) -> Execution:
        """The last program that it ran."""
        return self.executions[-1]

    @property
    def current(self) -> Execution:
        """What it does now: the part of its program that began last."""
        return self.active[-1] if self.active else self.program

    @property
    def images(self) -> int:
        """How many programs it ran."""
        return self.program.number + 1 if self.executions else 0

    def begin_with(self, standard: dict[int, Piped]) -> None:
        self.given, self.standard = standard, dict(standard)

    def add(self, image: Image | None, tick: int, cwd: bytes, traced: bool = True) -> None:
        number = STRETCH if image is None else self.images
        place = len(self.executions)
        if self.executions:
            self.end(tick)
        self.executions.append(Execution(self, place, number, tick, cwd, image, traced, folder=cwd))

    def end(self, tick: int) -> None:
        for execution in (self.program, *self.active):
            execution.ended = tick
        self.active.clear()

    def enter(self, event: Entered) -> None:
        program = self.program
        around = self.calls.get(event.within) if event.within else program
        made = Execution(
            self,
            program.place,
            CALLS + event.number,
            event.tick,
            program.folder,
            program.image,
            folder=program.folder,
            call=event,
            within=around or self.current,
        )
        self.calls[event.number] = made
        self.active.append(made)

    def leave(self, event: Left) -> None:
        for call in self.active:
            if call is self.calls.get(event.number):
                call.left, call.ended = event, event.tick
                self.active.remove(call)
                return

    def doer(self, event: Event) -> Execution:
        """Which part of it an event belongs to, where it has parts."""
        match event:
            case Entered() | Left():
                return self.calls.get(event.number, self.current)
            case Closed() if event.opened in self.did:
                return self.did.pop(event.opened)
            case _ if event.call < 0:
                return self.current
            case _:
                by = self.calls.get(event.call, self.program)
                if by is not self.current and isinstance(event, Opened):
                    self.did[event.tick] = by
                return by


Happening = tuple[Event, "Execution", int]
"""An event, whose it is, and its number among the events of that execution."""


class Happenings:
    """Happenings in order of time. Those of files, which are most, are told by `all` alone. What is said of each event
    stands in `room` where they are very many."""

    def __init__(self, events: Events, room: Path | None = None) -> None:
        self._events = events
        self._executions: list[Execution] = []
        self._places: dict[Execution, int] = {}
        self._by, self._numbers = _numbers(events, room), _numbers(events, room)
        self._instead: dict[int, Happening] = {}
        self._others: list[Happening] = []

    def __len__(self) -> int:
        return len(self._by)

    def __iter__(self) -> Iterator[Happening]:
        """Those that are not of files, but for a virtual environment's."""
        return iter(self._others)

    def all(self) -> Iterator[Happening]:
        """The events are gone through once more."""
        whose = map(self._executions.__getitem__, self._by)
        told = zip(self._events, whose, self._numbers, strict=True)
        return self._with_others(told) if self._instead else told

    def _with_others(self, told: Iterator[Happening]) -> Iterator[Happening]:
        begin = 0
        for place in sorted(self._instead):
            yield from islice(told, place - begin)
            next(told)
            yield self._instead[place]
            begin = place + 1
        yield from told

    def append(self, event: Event, by: Execution, number: int) -> None:
        place = self._places.get(by)
        if place is None:
            place = self._places[by] = len(self._executions)
            self._executions.append(by)
        self._by.append(place)
        self._numbers.append(number)
        if type(event) not in _OF_FILES or (
            type(event) is Opened and event.path.endswith(b"/pyvenv.cfg")
        ):
            self._others.append((event, by, number))

    def replace(self, place: int, before: Event, happening: Happening) -> None:
        """What happened at a place was something else than the event before."""
        self._instead[place] = happening
        for at in range(len(self._others) - 1, -1, -1):
            if self._others[at][0] is before:
                self._others[at] = happening
                return


def _numbers(events: Events, room: Path | None) -> array[int] | Numbers:
    return array("Q") if room is None or isinstance(events, list) else Numbers(room)


_LOADER: Final = re.compile(rb"ld(64|-[\w.-]+)?\.so(\.\d+)?")
_ASKING: Final = frozenset((b"--verify", b"--list", b"--version", b"--help"))
_OF_FILES: Final = frozenset((Opened, Closed, Renamed, Linked, Unlinked, Truncated, Preserved))


class Story(msgspec.Struct):
    """All processes in order of their start, all events in order of time."""

    processes: list[Process]
    happenings: Happenings
    escaped: list[tuple[int, Executing]]  # programs that nothing was seen of


def lives(events: Iterable[Event], root: bytes, room: Path | None = None) -> Story:
    """Put events into lives. Events of one process must be in order; processes may come in any."""
    ordered = in_order(events if isinstance(events, Stream) else list(events))
    teller = _Teller(root, Happenings(ordered, room))
    for event in ordered:
        teller.tell(event)
    return teller.story()


class _Teller:
    def __init__(self, root: bytes, happenings: Happenings) -> None:
        self.root = root
        self.now: dict[int, Process] = {}
        self.processes: list[Process] = []
        self.happenings = happenings
        self.escaped: list[tuple[int, Executing]] = []

    def story(self) -> Story:
        for process in self.now.values():
            self._escape(process)
        self.escaped.sort(key=lambda escape: escape[0])
        return Story(self.processes, self.happenings, self.escaped)

    def tell(self, event: Event) -> None:
        process = self.now.get(event.pid)
        match event:
            case _ if process is not None and type(event) in _OFTEN:
                pass
            case Forked():
                process = self._begin(event, self._execution(event.parent))
                process.forked = True
                process.suspended = not event.inherited
                if event.inherited:
                    parent = process.parent
                    drained = _drained(event, parent.process.standard if parent else {})
                    process.begin_with(drained | _standard(event, event.inherited))
                elif process.parent is not None:
                    # What its parent has plugged since may be unplugged again, which is not seen.
                    process.begin_with(process.parent.process.given)
                process.forked_with = process.given
                self._stretch(process)
            case Image():
                process = self._process_of_image(event)
                self._run(process, event)
            case _:
                process = self._process_of(event)
                self._note(process, event)
        process.last = event.tick
        by = process.doer(event) if process.calls else process.executions[-1]
        number = by.events
        self.happenings.append(event, by, number)
        if type(event) not in _SAID_LATE or not _is_said_late(event):
            by.events = number + 1

    def _execution(self, pid: int) -> Execution | None:
        """What a process runs now. One that was not seen (it did nothing but fork, or the parent that
        a process is asked for is no more the one that it had) descends from the first all the same."""
        process = self.now.get(pid) or (self.processes[0] if self.processes else None)
        return process.current if process else None

    def _begin(self, event: Event, parent: Execution | None) -> Process:
        before = self.now.get(event.pid)
        if before is not None:
            self._escape(before)
        process = Process(event.pid, event.tick, parent)
        self.now[event.pid] = process
        self.processes.append(process)
        return process

    def _stretch(self, process: Process) -> None:
        parent = process.parent
        process.add(None, process.started, parent.folder if parent else self.root)

    def _process_of(self, event: Event) -> Process:
        """A vfork child is first seen by what it does before its exec. What follows a process's
        exit belongs to it still (its exit handlers), unless it is about to run a program."""
        process = self.now.get(event.pid)
        if process is None or (process.exited is not None and isinstance(event, Executing)):
            process = self._begin(event, None)
            self._stretch(process)
        return process

    def _process_of_image(self, event: Image) -> Process:
        process = self.now.get(event.pid)
        if process is not None and process.exited is None:
            parent = process.parent
            known = parent is None or parent.process.pid == event.parent
            if process.pending is not None or known:
                if parent is None and process.images == 0:
                    process.parent = self._execution(event.parent)
                return process
        return self._begin(event, self._execution(event.parent))

    def _run(self, process: Process, event: Image, traced: bool = True) -> None:
        process.add(event, event.tick, event.cwd, traced)
        process.pending = None
        drained = process.program.drained = _drained(event, process.standard)
        process.begin_with(drained | _standard(event, event.inherited))

    def _note(self, process: Process, event: Event) -> None:
        match event:
            case Executing():
                process.pending, process.pending_place = event, len(self.happenings)
            case ExecFailed():
                process.pending = None
            case Killed():
                if process.pending is not None and not process.pending.reason:
                    process.pending = None
            case Exited():
                if process.pending is not None and process.pending.is_inert:
                    self._escape(process)
                process.exit, process.exited = event.status, event.tick
                process.end(event.tick)
            case Piped() if 0 <= event.fd <= 2:
                process.standard[event.fd] = event
            case Moved():
                for execution in (process.program, *process.active):
                    execution.folder = event.cwd
            case Entered():
                process.enter(event)
            case Left():
                process.leave(event)
            case _:
                pass

    def _escape(self, process: Process) -> None:
        """An exec that nothing follows ran a program that could not be traced, or need not be. What the process of
        the former had redirected tells of it all the same."""
        pending = process.pending
        if pending is None:
            return
        inert = pending.is_inert
        if not inert and not _asks_loader(pending):
            self.escaped.append((pending.tick, pending))
        before = process.program
        image = Image(
            pid=process.pid,
            tick=pending.tick,
            parent=before.process.parent.process.pid if before.process.parent else 0,
            executable=pending.path,
            argv=pending.argv or [pending.path],
            cwd=before.folder,
            inherited=pending.inherited,
        )
        standard = process.standard
        self._run(process, image, traced=inert)
        if not inert:
            process.begin_with(standard)
        happening = image, process.program, 0
        self.happenings.replace(process.pending_place, pending, happening)
        process.program.events = 1


def _asks_loader(event: Executing) -> bool:
    """Whether it is only asked of the dynamic linker what a program would load, as `ldd` does. A program
    that the linker starts would have been seen."""
    if not _LOADER.fullmatch(os.path.basename(event.path)):
        return False
    return not event.reason or bool({*event.argv[1:2]} & _ASKING)


_OFTEN: Final = frozenset((Opened, Closed))
"""What most events are. Whether an event is of a class is seen at once by its type; `isinstance` takes many times as long
where it is not."""
_SAID_LATE: Final = frozenset((Interpreted, Renamed))


def _is_said_late(event: Event) -> bool:
    """Whether who told of the run before did not know of it: so it is not counted, and numbers stay."""
    return isinstance(event, Interpreted) or (isinstance(event, Renamed) and not event.seen)


def _standard(event: Event, inherited: list[Descriptor]) -> dict[int, Piped]:
    return {
        d.fd: Piped(d.fd, d.end, d.readable, d.writable, pid=event.pid, tick=event.tick)
        for d in inherited
        if d.end is not None and d.fd <= 2
    }


def _drained(event: Forked | Image, had: Mapping[int, Piped]) -> dict[int, Piped]:
    """Of the pipes that its parent or the program before it had: those that had neither a writer nor content when a fork
    looked, which is late, or when a program began. It may have read all of it by then, or what it was before may."""
    return {
        d.fd: Piped(d.fd, d.stat.inode, d.readable, d.writable, pid=event.pid, tick=event.tick)
        for d in event.inherited
        if d.kind == "other" and d.fd in had and had[d.fd].inode == d.stat.inode
    }


def is_started_by(one: Execution, other: Execution) -> bool:
    """Whether it is of the other one's process, or was started by that, directly or not: not by what the process was before."""
    if one.process is other.process:
        return True
    above = one.process.parent
    while above is not None and above.process is not other.process:
        above = above.process.parent
    return above is not None and above.place >= other.place


def ancestors(execution: Execution) -> Iterator[Execution]:
    """The executions that started this one, from the nearest on: the one that it is a part of, the one
    before it in its process, else the one that forked or spawned the process."""
    while True:
        process = execution.process
        place = execution.place
        above = execution.within or (process.executions[place - 1] if place else process.parent)
        if above is None:
            return
        yield above
        execution = above
