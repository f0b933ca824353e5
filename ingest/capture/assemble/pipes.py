"""Who could tell whom something without a file: pipes, sockets, forks.

Of descriptors 0 to 2, of FIFOs that were opened and of streams, only who has them is seen; whoever has an end may use it
as long as it lives. Of an end under another number each use is told (`uses`). Where both ends of a pipe are with somebody,
each writer informs each reader. Where one end alone is, the other is with whoever made the pipe: the nearest ancestor
that does not have it itself. Of a pipe that came
from outside the run there is none. A pair of sockets is two pipes, one in each direction; so is a terminal, whose other
end is always with its maker (`script`, `expect`), which no shell is: it was started on its own. What goes through
sockets with addresses stands in `connections`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping
from math import inf
from operator import attrgetter
from typing import Final, Literal

import msgspec

from provgraph.ingest.capture.assemble.processes import Execution, Process, Story
from provgraph.ingest.capture.assemble.uses import (
    Acted,
    Channel,
    by_execution,
    channels,
    is_one_program,
)
from provgraph.ingest.capture.events import (
    Descriptor,
    Event,
    Executing,
    Forked,
    Image,
    Paired,
    Piped,
    Talked,
)

Way = Literal["pipe", "fork", "socket", "memory", "call", "variable"]


class Inform(msgspec.Struct, frozen=True):
    """`by` told `reader` something from `tick` on. `held`: the reader has the end among its standard
    descriptors, and so reads from then on; else when it read is not known, only that it did so
    before it wrote what depends on it. `until` is the last moment at which `by` may have told it,
    where that is not its own end. `name` is that of a variable."""

    reader: Execution
    by: Execution
    channel: Way
    tick: int
    held: bool = True
    until: int | None = None
    name: str = ""

    @property
    def end(self) -> int:
        return self.tick if self.until is None else self.until


class Pipe(msgspec.Struct):
    """One inode: the executions with its ends, and since when. Above its 64 bits is which of the FIFOs that had it one
    after the other. `anyhow`: the number that somebody has it under says nothing of what for."""

    inode: int
    socket: bool = False
    readers: dict[Execution, int] = {}
    writers: dict[Execution, int] = {}
    anyhow: bool = False

    @property
    def terminal(self) -> bool:
        """What is written to it comes out of its other end alone, never where it is read."""
        return self.inode < 0


class Joint(msgspec.Struct):
    """A pipe with very many ends, as an activity of its own between writers and readers."""

    inode: int
    tick: int
    writers: list[Execution]
    readers: list[Execution]


class Talk(msgspec.Struct):
    """`flows` are the informs of those who may talk at any time, until they stop (`rounds`); `told` those of which each
    use of a pipe is told."""

    informs: list[Inform]
    joints: list[Joint]
    told: list[Inform] = []
    flows: list[Inform] = []

    @property
    def ends(self) -> set[Execution]:
        """Everybody who told or was told something."""
        said = (*self.informs, *self.told, *self.flows)
        found = {end for inform in said for end in (inform.reader, inform.by)}
        for joint in self.joints:
            found.update(joint.writers, joint.readers)
        return found


_tick: Final = attrgetter("tick")
_until: Final = attrgetter("until")
_INODE: Final = 2**64 - 1
MANY: Final = 2000
"""From so many pairs of a writer and a reader on, a pipe becomes a `Joint`."""


def talk(
    story: Story,
    is_step: Callable[[Execution], bool],
    lends: Callable[[Execution], bool],
    is_shell: Callable[[Execution], bool],
    acted: Acted,
    connected: Container[int] = (),
) -> Talk:
    """`is_step` says whether an execution does something apart from holding pipes, `lends` whether the
    pipes that it plugs in are those of the child that it is about to fork. `connected` are sockets of
    which it is known by other means who is at their other end."""
    made = Talk([], [])
    number = _Numbers(story)
    pipes = _pipes(story, is_step, lends, number)
    for inode in [inode for inode in pipes if inode in connected]:
        del pipes[inode]
    holders = _holders(story, lends, number)
    peers = _peers(story)
    used = channels(story, peers, acted, number)
    for pipe in sorted(pipes.values(), key=lambda pipe: pipe.inode):
        if pipe.terminal:
            made.informs.extend(_with_maker(pipe, holders[pipe.inode], is_shell))
        elif pipe.readers and pipe.writers and not pipe.socket:
            _join(pipe, made)
        else:
            alone = _joined_with(pipes.get(peers.get(pipe.inode, 0)), pipe, made)
            made.informs.extend(_with_maker(_untold(alone, used, peers), holders[pipe.inode]))
    for inode, channel in used.items():
        target, source = (
            pipes.get(inode),
            pipes.get(peers.get(inode, 0) if channel.socket else inode),
        )
        readers, writers = target.readers if target else {}, source.writers if source else {}
        _join_uses(inode, channel, readers, writers, made)
        if channel.takes and not channel.gives and not writers:
            alone = Pipe(inode, channel.socket, {}, {})
            for take in channel.takes:
                alone.readers.setdefault(take.by, take.tick)
            made.informs.extend(_with_maker(alone, holders[inode]))
    return made


def shared_with_others(
    story: Story,
    is_step: Callable[[Execution], bool],
    lends: Callable[[Execution], bool],
    runners: Container[int],
) -> Iterator[tuple[Descriptor, Pipe, int]]:
    """The pipes that the run was started with, and those that runners within it were, whose programs are runs of their own:
    each as its first program or the runner has it, who else has it, and which runner does, 0 where none."""
    number = _Numbers(story)
    pipes = _with_users(_pipes(story, is_step, lends, number), story, number)
    holders = _holders(story, lends, number) if runners else {}
    first = story.processes[0].executions[0] if story.processes else None
    told = set[tuple[int, bool, int]]()
    for event, by, _ in story.happenings:
        runner = by.process.pid if by.process.pid in runners else 0
        if not isinstance(event, Image) or not (runner or by is first):
            continue
        for held in pipes_given(event):
            inode, reads = number(held.stat.inode, event.tick), held.fd == 0
            if inode in pipes and (inode, reads, runner) not in told:
                told.add((inode, reads, runner))
                ends = pipes[inode].readers, pipes[inode].writers
                readers, writers = (
                    {by: since for by, since in end.items() if by.process.pid not in runners}
                    for end in ends
                )
                other = writers if reads else readers
                if runner and not other:
                    maker = _maker(by.process, holders[inode], {})
                    other |= {maker: event.tick} if maker else {}
                yield held, Pipe(inode, False, readers, writers), runner


def pipes_given(image: Image) -> Iterator[Descriptor]:
    """Those that a program has as its standard descriptors."""
    return (held for held in image.inherited if held.kind == "pipe" and held.fd <= 2)


class Fifo(msgspec.Struct, frozen=True):
    """One that other runs may have to do with. `named`: it was opened by its name to write, `given`: it was not opened so at
    all. `begun` is since when who has it may have waited for the other end, which may be gone by the time that this is told;
    `over` when a shell that had plugged it in, probably for a command alone, had put its own back."""

    device: int
    inode: int
    pipe: Pipe
    named: bool
    given: bool
    begun: dict[Execution, int]
    over: dict[Execution, int]

    @property
    def identity(self) -> tuple[int, int]:
        return self.device, self.inode

    def times(self) -> list[tuple[int, float]]:
        """When somebody had it without a break: it keeps what was written to it as long."""
        found: list[tuple[int, float]] = []
        held = self.pipe.writers | self.pipe.readers | self.begun
        for since, until in sorted((since, end_of(by)) for by, since in held.items()):
            if found and since <= found[-1][1]:
                found[-1] = (found[-1][0], max(found[-1][1], until))
            else:
                found.append((since, until))
        return found

    def surely_until(self, by: Execution) -> float:
        return self.over.get(by, end_of(by))


def end_of(execution: Execution) -> float:
    return inf if execution.ended is None else execution.ended


def fifos(
    story: Story,
    is_step: Callable[[Execution], bool],
    lends: Callable[[Execution], bool],
    of_pipes: int | None,
    runners: Container[int] = (),
    began: int | None = None,
    *,
    all_given: bool = False,
) -> list[Fifo]:
    """Those that were opened by their names, or that the run was started with when it `began`: pipes that lie on another
    device than `of_pipes`, that of those without a name. `all_given`: those, too, that any program was started with. Runners
    are not among who has them: their programs are of other runs."""
    number, plugged = _Numbers(story), _Plugged()
    first = story.processes[0].executions[0] if story.processes else None
    devices: dict[int, int] = {}
    begun: defaultdict[int, dict[Execution, int]] = defaultdict(dict)
    opened: set[int] = set()
    named: set[int] = set()
    last: dict[Process, Event] = {}
    for event, by, _ in story.happenings:
        before = last.get(by.process)
        last[by.process] = event
        match event:
            case Piped() if event.named:
                key = number(event.inode, event.tick)
                devices.setdefault(key, event.device)
                opened.add(key)
                begun[key].setdefault(by, before.tick if before else by.process.started)
                if event.writable and by.process.pid not in runners:
                    named.add(key)
            case Piped() if isinstance(before, Piped) and before.named and event.fd <= 2:
                if before.inode == event.inode and not (before.readable and before.writable):
                    plugged.add(by, number(event.inode, event.tick))
            case Image() | Forked():
                plugged.look_at_child(event, by)
                is_given = of_pipes is not None and (all_given or by is first)
                if isinstance(event, Image) and is_given:
                    for held in pipes_given(event):
                        if held.stat.device != of_pipes:
                            key = number(held.stat.inode, event.tick)
                            devices.setdefault(key, held.stat.device)
                            begun[key][by] = event.tick if began is None else began
            case _:
                pass
    pipes = _with_users(_pipes(story, is_step, lends, number), story, number) if devices else {}
    return [
        Fifo(
            device,
            key & _INODE,
            Pipe(key, False, *_apart_from(runners, pipes[key])),
            named=key in named,
            given=key not in opened,
            begun=begun[key],
            over=plugged.over[key],
        )
        for key, device in devices.items()
        if key in pipes
    ]


class _Plugged:
    """Which FIFOs did shells plug in, probably for a command alone? `over` says when one had put its own back: its next child
    does not have it."""

    def __init__(self) -> None:
        self.over: defaultdict[int, dict[Execution, int]] = defaultdict(dict)
        self._by: defaultdict[Execution, set[int]] = defaultdict(set)

    def add(self, by: Execution, key: int) -> None:
        self._by[by].add(key)
        self.over[key].pop(by, None)

    def look_at_child(self, event: Image | Forked, child: Execution) -> None:
        shell = child.process.parent
        if not event.inherited or shell is None or shell not in self._by:
            return
        ends = {held.end for held in event.inherited}
        for key in self._by[shell]:
            if key & _INODE in ends:
                self.over[key].pop(shell, None)
            else:
                self.over[key].setdefault(shell, event.tick)


def _apart_from(
    runners: Container[int], pipe: Pipe
) -> tuple[dict[Execution, int], dict[Execution, int]]:
    readers, writers = (
        {by: since for by, since in ends.items() if by.process.pid not in runners}
        for ends in (pipe.readers, pipe.writers)
    )
    return readers, writers


def opened_from_outside(story: Story) -> dict[int, Piped]:
    """The FIFOs (`Pipe.inode`) that were opened by their names to read, and other pipes through `/dev/fd`, which nobody in the
    run has to write: each as it was opened first."""
    number = _Numbers(story)
    read: dict[int, Piped] = {}
    written: set[int] = set()
    for event, _, _ in story.happenings:
        match event:
            case Piped() if event.fd >= 0:
                inode = number(event.inode, event.tick)
                if event.writable:
                    written.add(inode)
                elif event.named or event.fd > 2:
                    read.setdefault(inode, event)
            case Image() | Forked():
                ends = (held for held in event.inherited if held.kind == "pipe" and held.writable)
                written.update(number(held.stat.inode, event.tick) for held in ends)
            case Talked() if event.gave:
                written.add(number(event.inode, event.tick))
            case _:
                pass
    return {inode: event for inode, event in read.items() if inode not in written}


def substituted(
    story: Story,
    outside: Mapping[int, Piped],
    is_step: Callable[[Execution], bool],
    lends: Callable[[Execution], bool],
) -> list[Pipe]:
    """Those of the pipes `opened_from_outside` that came under a number and were opened through `/dev/fd`, as a shell
    substitutes processes."""
    found = [key for key, opened in outside.items() if not opened.named]
    pipes = _pipes(story, is_step, lends, _Numbers(story)) if found else {}
    return [pipes[key] for key in found if key in pipes]


def half_given(
    story: Story,
    is_step: Callable[[Execution], bool],
    lends: Callable[[Execution], bool],
    of_pipes: int,
) -> list[Pipe]:
    """The pipes without a name of which one end alone is with programs of a typed line: the shell may have had the other one
    before, and keep it (`exec > >(tee log)`)."""
    number = _Numbers(story)
    given = {
        number(held.stat.inode, event.tick)
        for event, _, _ in story.happenings
        if isinstance(event, Image)
        for held in pipes_given(event)
        if held.stat.device == of_pipes
    }
    pipes = _pipes(story, is_step, lends, number) if given else {}
    return [
        pipe
        for key, pipe in pipes.items()
        if key in given and bool(pipe.readers) != bool(pipe.writers)
    ]


def _untold(pipe: Pipe, used: Mapping[int, Channel], peers: Mapping[int, int]) -> Pipe:
    """Without the ends whose other end somebody is told to use."""
    into = used.get(pipe.inode)
    out_of = used.get(peers.get(pipe.inode, 0) if pipe.socket else pipe.inode)
    return Pipe(
        pipe.inode,
        pipe.socket,
        readers={} if into and into.gives else pipe.readers,
        writers={} if out_of and out_of.takes else pipe.writers,
    )


def _join_uses(
    inode: int,
    channel: Channel,
    readers: Mapping[Execution, int],
    writers: Mapping[Execution, int],
    made: Talk,
) -> None:
    """Join those whose uses are told with each other, and with those who may use their ends at any time."""
    takers = dict.fromkeys(take.by for take in channel.takes)
    givers = dict.fromkeys(give.by for give in channel.gives)
    if (len(takers) + len(readers)) * (len(givers) + len(writers)) > MANY:
        tick = min(use.tick for use in (*channel.takes, *channel.gives))
        made.joints.append(Joint(inode, tick, [*givers, *writers], [*takers, *readers]))
        return
    name: Way = "socket" if channel.socket else "pipe"
    for take, give in channel.heard():
        made.told.append(Inform(take.by, give.by, name, take.tick, until=give.until))
    for reader, since in readers.items():
        for gives in by_execution(channel.gives):
            if is_one_program(gives[0].by, reader):
                continue
            first = max(0, bisect_right(gives, since, key=_tick) - 1)
            for give in gives[first : bisect_right(gives, _end(reader), key=_tick)]:
                tick = max(give.tick, since)
                made.told.append(Inform(reader, give.by, name, tick, until=give.until))
    for writer, since in writers.items():
        for takes in by_execution(channel.takes):
            if is_one_program(writer, takes[0].by):
                continue
            first = bisect_left(takes, since, key=_until)
            last = (
                len(takes) if writer.ended is None else bisect_right(takes, writer.ended, key=_tick)
            )
            for take in takes[first : last + 1]:
                tick = max(take.tick, since)
                made.told.append(Inform(take.by, writer, name, tick, until=take.until))


class _Numbers:
    """Tells FIFOs apart that had one inode one after the other."""

    def __init__(self, story: Story) -> None:
        self._made: defaultdict[int, list[int]] = defaultdict(list)
        for event, _, _ in story.happenings:
            if isinstance(event, Piped) and event.fd < 0:
                self._made[event.inode].append(event.tick)

    def __call__(self, inode: int, tick: int) -> int:
        made = self._made.get(inode)
        return inode if made is None else inode | bisect_right(made, tick) << 64


def _holders(
    story: Story, lends: Callable[[Execution], bool], number: _Numbers
) -> defaultdict[int, set[Process]]:
    """Who was given which pipe among its standard descriptors, used or not. A program that plugs one
    in by itself has made it (a shell's here-document), a fork on its way has not."""
    holders: defaultdict[int, set[Process]] = defaultdict(set)
    ends = _Ends(number)
    for event, by, _ in story.happenings:
        lent = ends.are_new(event) and _is_lent(by, lends)
        match event:
            case Image() | Forked():
                for descriptor in event.inherited:
                    if descriptor.end is not None:
                        holders[number(descriptor.end, event.tick)].add(by.process)
            case Piped() if event.fd >= 0 and by.stretch and not lent:
                holders[number(event.inode, event.tick)].add(by.process)
            case _:
                pass
    return holders


def _peers(story: Story) -> dict[int, int]:
    pairs = [event for event, _, _ in story.happenings if isinstance(event, Paired)]
    return {pair.inode: pair.peer for pair in pairs} | {pair.peer: pair.inode for pair in pairs}


def _joined_with(peer: Pipe | None, pipe: Pipe, made: Talk) -> Pipe:
    """Join who writes into one of two sockets with who reads from the other; what is left is joined with nobody."""
    if peer is None:
        return pipe
    if pipe.writers and peer.readers:
        _join(Pipe(pipe.inode, True, readers=peer.readers, writers=pipe.writers), made)
    return Pipe(
        pipe.inode,
        True,
        readers={} if peer.writers else pipe.readers,
        writers={} if peer.readers else pipe.writers,
    )


def _join(pipe: Pipe, made: Talk) -> None:
    if len(pipe.readers) * len(pipe.writers) > MANY:
        tick = min(pipe.readers.values())
        made.joints.append(Joint(pipe.inode, tick, list(pipe.writers), list(pipe.readers)))
        return
    for reader, tick in pipe.readers.items():
        for writer, begun in pipe.writers.items():
            if writer is not reader and (reader.ended is None or begun <= reader.ended):
                channel: Way = "socket" if pipe.socket else "pipe"
                made.informs.append(Inform(reader, writer, channel, tick))


class _Ends:
    """Which ends did nobody have before they were plugged in? To be asked of all events, in order."""

    def __init__(self, number: _Numbers) -> None:
        self._number = number
        self._had: set[tuple[int, bool]] = set()

    def are_new(self, event: Event) -> bool:
        match event:
            case Image() | Forked():
                for held in event.inherited:
                    if held.end is not None:
                        self._had.add((self._number(held.end, event.tick), held.fd == 0))
            case Piped() if event.fd in (0, 1, 2):
                end = self._number(event.inode, event.tick), event.fd == 0
                if end not in self._had:
                    self._had.add(end)
                    return True
            case Piped() if event.named:
                key = self._number(event.inode, event.tick)
                self._had -= {(key, True), (key, False)}  # opened anew
            case _:
                pass
        return False


def _is_lent(by: Execution, lends: Callable[[Execution], bool]) -> bool:
    """Whether a shell plugs in a new pipe for a child that it is about to fork. An end that somebody had before it uses
    itself (`echo 1>&3`), for all that is known; and a fork that runs a program next plugs in for itself."""
    return not (by.stretch and by.process.images) and lends(by)


def _pipes(
    story: Story,
    is_step: Callable[[Execution], bool],
    lends: Callable[[Execution], bool],
    number: _Numbers,
) -> dict[int, Pipe]:
    return _Found(story, is_step, lends, number).pipes


class _Found:
    """The pipes of a run, each with those who have its ends to use them. A fork has what it plugs in for the program that it
    becomes, unless it was a step, heard or spoke before."""

    def __init__(
        self,
        story: Story,
        is_step: Callable[[Execution], bool],
        lends: Callable[[Execution], bool],
        number: _Numbers,
    ) -> None:
        self._is_step, self._lends, self._number = is_step, lends, number
        self._ends = _Ends(number)
        self.pipes: dict[int, Pipe] = {}
        self._streams: list[tuple[Talked, Process]] = []
        self._plugged: set[int] = set()  # before it was told that it is of a pair: it was made so
        # What a fork did to none but pipes; which of those it was given it replaced by a new one before it did more.
        self._quiet: defaultdict[Execution, int] = defaultdict(int)
        self._replaced: set[tuple[Process, int]] = set()
        self._takers: set[Execution] = set()
        self._spoke: dict[Execution, int] = {}
        for event, by, _ in story.happenings:
            if isinstance(event, Executing) and event.spoke and by.stretch:
                self._spoke[by] = event.spoke
            elif _takes(event):
                self._takers.add(by)
        self._listeners = set(self._takers)  # and those that plugged in what they may have read
        for event, by, nth in story.happenings:
            self._take(event, by, nth)
        for process in story.processes:
            if process.forked and process.executions:
                self._look_at_fork(process, process.executions[0])

    def _take(self, event: Event, by: Execution, nth: int) -> None:
        is_new = self._ends.are_new(event)
        lent = is_new and _is_lent(by, self._lends)
        if isinstance(event, Piped):
            self._plugged.add(event.inode)
            if is_new and not lent and nth <= self._quiet[by]:
                self._replaced.add((by.process, event.fd))
        self._quiet[by] += isinstance(event, Forked | Piped | Talked)
        match event:
            case Image():
                self._look_at_image(event, by)
            case Paired():
                for inode in (event.inode, event.peer):
                    if inode in self._plugged:
                        _hold_anyhow(self._pipe(inode, event.tick), by, event.tick)
            case Talked() if event.lasting:
                self._streams.append((event, by.process))
                _hold_stream(self._pipe(event.inode, event.tick), event, by, event.tick)
            case Forked() if event.inherited and by.process.parent is not None:
                parent = by.process.parent.process
                for stream, process in self._streams:
                    if process is parent:
                        _hold_stream(self._pipe(stream.inode, stream.tick), stream, by, event.tick)
            case Piped() if event.fd >= 0 and not lent and self._uses(by, event.fd):
                if event.fd == 0 or (event.fd > 2 and event.readable):
                    self._listeners.add(by)
                self._hold(by, event, event.tick)
            case _:
                pass

    def _uses(self, by: Execution, fd: int) -> bool:
        """Whether it has an end for itself."""
        if not by.stretch or not by.process.images or self._is_step(by) or by in self._takers:
            return True
        return self._spoke_through(by, fd)

    def _spoke_through(self, by: Execution, fd: int) -> bool:
        """Who spoke through the standard error alone did so nowhere else; any other number may have been another's copy."""
        spoke = self._spoke.get(by, 0)
        return bool(spoke) and (fd != 1 or spoke != 1 << 2)

    def _look_at_image(self, event: Image, by: Execution) -> None:
        for descriptor in event.inherited:
            if descriptor.end is not None and descriptor.fd <= 2:
                pipe = self._pipe(descriptor.end, event.tick)
                pipe.socket = descriptor.kind == "socket"
                _hold(pipe, by, descriptor, event.tick)
        for held in (by.drained if by.traced else by.process.standard).values():
            _hold(self._pipe(held.inode, held.tick), by, held, event.tick)

    def _look_at_fork(self, process: Process, fork: Execution) -> None:
        """Who heard something may have told it by what it had before: `x=$(cat a | while read y; do echo $y; done)`. Who became
        no program has its ends for itself."""
        for fd, held in process.forked_with.items():
            told = not process.images or self._is_step(fork) or fork in self._listeners
            if (told or self._spoke_through(fork, fd)) and (process, fd) not in self._replaced:
                self._hold(fork, held, process.started)

    def _pipe(self, inode: int, tick: int) -> Pipe:
        key = self._number(inode, tick)
        return self.pipes.setdefault(key, Pipe(key))

    def _hold(self, by: Execution, held: Piped, tick: int) -> None:
        _hold(self._pipe(held.inode, held.tick), by, held, tick)


def _takes(event: Event) -> bool:
    """Whether who did this hears through a pipe by itself, rather than have it for a program."""
    match event:
        case Talked():
            return event.took
        case Piped():
            return event.named and event.readable
        case _:
            return False


def _with_users(pipes: dict[int, Pipe], story: Story, number: _Numbers) -> dict[int, Pipe]:
    """With those, too, who were told to use an end under another number: for other runs, each has it from then on."""
    for event, by, _ in story.happenings:
        if isinstance(event, Talked):
            pipe = pipes.get(number(event.inode, event.tick))
            if pipe is not None:
                _hold_stream(pipe, event, by, event.tick)
    return pipes


def _hold_stream(pipe: Pipe, event: Talked, by: Execution, tick: int) -> None:
    """A stream's own reads and writes are not seen; a fork has its copy of it."""
    pipe.socket = event.kind == "socket"
    _since(by, tick, pipe.readers if event.took else {}, pipe.writers if event.gave else {})


def _hold_anyhow(pipe: Pipe, by: Execution, tick: int) -> None:
    pipe.socket = pipe.anyhow = True
    _since(by, tick, pipe.readers, pipe.writers)


def _hold(pipe: Pipe, by: Execution, held: Descriptor | Piped, tick: int) -> None:
    """What was opened one way alone is for that, whichever number it has. Else a standard descriptor says by its number
    what it is for."""
    reads, writes = held.readable, held.writable
    if held.fd <= 2 and reads == writes and not pipe.anyhow:
        reads, writes = held.fd == 0, held.fd != 0
    _since(by, tick, pipe.readers if reads else {}, pipe.writers if writes else {})


def _since(by: Execution, tick: int, *ends: dict[Execution, int]) -> None:
    for end in ends:
        end[by] = min(tick, end.get(by, tick))


def _with_maker(
    pipe: Pipe, holders: set[Process], is_other: Callable[[Execution], bool] = lambda _: False
) -> Iterator[Inform]:
    """The other end of a pipe is with the process that made it, unless that `is_other` than one who makes such pipes."""
    channel: Way = "socket" if pipe.socket else "pipe"
    makers: dict[Process, Execution | None] = {}
    for writer, tick in pipe.writers.items():
        maker = _maker(writer.process, holders, makers)
        if maker is not None and not is_other(maker):
            yield Inform(maker, writer, channel, tick, held=False)
    for reader, tick in pipe.readers.items():
        maker = _maker(reader.process, holders, makers)
        if maker is not None and not is_other(maker):
            yield Inform(reader, maker, channel, tick, until=_end(reader))


def _maker(
    process: Process, holding: set[Process], makers: dict[Process, Execution | None]
) -> Execution | None:
    passed = []
    while process not in makers:
        passed.append(process)
        above = process.parent
        if above is None:
            makers[process] = None
        elif above.process in holding:
            process = above.process
            if process in passed:
                break
        else:
            makers[process] = above
    found = makers.get(process)
    for process in passed:
        makers[process] = found
    return found


def _end(execution: Execution) -> int:
    """After its last event, nothing that a killed process was told shows in what it did."""
    return execution.process.last if execution.ended is None else execution.ended
