"""Who could tell whom something without a file: pipes, sockets, forks.

Only descriptors 0 to 2 are seen, FIFOs that were opened, and ends that a program was started with under another number
and may have used. Where both ends of a pipe are on
programs' standard descriptors, each writer informs each reader. Where one end alone is, the other is
with whoever made the pipe: the nearest ancestor that does not have it itself. Of a pipe that came
from outside the run there is none. A pair of sockets is two pipes, one in each direction; so is a terminal, whose other
end is always with its maker (`script`, `expect`). What goes through
sockets with addresses stands in `connections`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Final, Literal

import msgspec

from provgraph.ingest.capture.assemble.processes import Execution, Process, Story, are_beside
from provgraph.ingest.capture.events import Descriptor, Drawn, Forked, Image, Paired, Piped

Channel = Literal["pipe", "fork", "socket", "memory", "message", "call", "variable"]


class Inform(msgspec.Struct, frozen=True):
    """`by` told `reader` something from `tick` on. `held`: the reader has the end among its standard
    descriptors, and so reads from then on; else when it read is not known, only that it did so
    before it wrote what depends on it. `until` is the last moment at which `by` may have told it,
    where that is not its own end. `name` is that of a variable."""

    reader: Execution
    by: Execution
    channel: Channel
    tick: int
    held: bool = True
    until: int | None = None
    name: str = ""

    @property
    def end(self) -> int:
        return self.tick if self.until is None else self.until


class Pipe(msgspec.Struct):
    """One inode: the executions with its ends, and since when. `openers` are those who did so to read by its
    name, `output`: it is one of somebody."""

    inode: int
    socket: bool = False
    output: bool = False
    openers: list[Execution] = []
    readers: dict[Execution, int] = {}
    writers: dict[Execution, int] = {}

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
    """`flows` are the informs of those who talk both ways, until they stop (`rounds`); `orders` those of
    forks by who began them."""

    informs: list[Inform]
    joints: list[Joint]
    flows: list[Inform] = []
    orders: list[Inform] = []

    @property
    def ends(self) -> set[Execution]:
        """Everybody who told or was told something."""
        said = (*self.informs, *self.flows, *self.orders)
        found = {end for inform in said for end in (inform.reader, inform.by)}
        for joint in self.joints:
            found.update(joint.writers, joint.readers)
        return found


MANY: Final = 2000
"""From so many pairs of a writer and a reader on, a pipe becomes a `Joint`."""


def talk(
    story: Story,
    is_step: Callable[[Execution], bool],
    lends: Callable[[Execution], bool],
    connected: Container[int] = (),
) -> Talk:
    """`is_step` says whether an execution does something apart from holding pipes, `lends` whether the
    pipes that it plugs in are those of the child that it is about to fork. `connected` are sockets of
    which it is known by other means who is at their other end."""
    made = Talk([], [])
    pipes = _pipes(story, is_step, lends)
    for inode in [inode for inode in pipes if inode in connected]:
        del pipes[inode]
    holders = _holders(story, lends)
    peers = _peers(story)
    for pipe in sorted(pipes.values(), key=lambda pipe: pipe.inode):
        if pipe.terminal:
            made.informs.extend(_with_maker(pipe, holders[pipe.inode]))
        elif pipe.readers and pipe.writers and not pipe.socket:
            _join(pipe, made)
        else:
            alone = _joined_with(pipes.get(peers.get(pipe.inode, 0)), pipe, made)
            made.informs.extend(_with_maker(alone, holders[pipe.inode]))
    return made


def _holders(story: Story, lends: Callable[[Execution], bool]) -> defaultdict[int, set[Process]]:
    """Who was given which pipe among its standard descriptors, used or not. A program that plugs one
    in by itself has made it (a shell's here-document), a fork on its way has not."""
    holders: defaultdict[int, set[Process]] = defaultdict(set)
    for event, by, _ in story.happenings:
        match event:
            case Image() | Forked():
                for descriptor in event.inherited:
                    if descriptor.end is not None:
                        holders[descriptor.end].add(by.process)
            case Piped() if by.stretch and not _is_lent(event, by, lends):
                holders[event.inode].add(by.process)
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
                channel: Channel = "socket" if pipe.socket else "pipe"
                made.informs.append(Inform(reader, writer, channel, tick))


def _is_lent(plugged: Piped, by: Execution, lends: Callable[[Execution], bool]) -> bool:
    """A fork that runs a program next plugs in for itself."""
    runs_another = by.stretch and by.process.images > 0
    return plugged.fd <= 2 and not runs_another and lends(by)


def _pipes(
    story: Story, is_step: Callable[[Execution], bool], lends: Callable[[Execution], bool]
) -> dict[int, Pipe]:
    pipes: dict[int, Pipe] = {}
    used: list[tuple[Execution, Descriptor]] = []
    for event, by, _ in story.happenings:
        match event:
            case Image():
                for descriptor in event.inherited:
                    if descriptor.end is not None and descriptor.fd <= 2:
                        pipe = pipes.setdefault(descriptor.end, Pipe(descriptor.end))
                        pipe.socket = descriptor.kind == "socket"
                        _hold(pipe, by, descriptor.fd, descriptor.readable, event.tick)
                if not by.traced:
                    for held in by.process.standard.values():
                        pipe = pipes.setdefault(held.inode, Pipe(held.inode))
                        _hold(pipe, by, held.fd, held.readable, event.tick)
            case Drawn():
                used += _given(event, by)
            case Piped() if _is_lent(event, by, lends):
                pass
            case Piped() if not by.stretch or not by.process.images:
                pipe = pipes.setdefault(event.inode, Pipe(event.inode))
                if event.fd > 2 and event.readable:
                    pipe.openers.append(by)
                _hold(pipe, by, event.fd, event.readable, event.tick, event.writable)
            case _:
                pass
    for process in story.processes:
        if process.exited is None and process.executions and process.program.image is not None:
            inherited = process.program.image.inherited
            used += [(process.program, end) for end in inherited if end.kind == "pipe"]
        if process.forked and not process.images and is_step(process.program):
            own = process.given if lends(process.program) else process.standard
            for held in own.values():
                pipe = pipes.setdefault(held.inode, Pipe(held.inode))
                _hold(pipe, process.program, held.fd, held.readable, process.started)
    _use(pipes, used)
    return pipes


def _given(event: Drawn, by: Execution) -> list[tuple[Execution, Descriptor]]:
    """Which pipe the image was started with that told of one, or whose fork did."""
    holder: Execution | None = by
    while holder is not None:
        for begun in holder.process.executions:
            if begun.image is not None and begun.image.tick == event.opened:
                given = (end for end in begun.image.inherited if end.kind != "file")
                return [(begun, end) for end in given if end.stat.inode == event.inode]
        holder = holder.process.parent
    return []


def _use(pipes: dict[int, Pipe], ends: list[tuple[Execution, Descriptor]]) -> None:
    """What programs may have used that they had under another number. Where somebody has opened a pipe by its name,
    as that of a substitution, or writes into it as an output, the others only happen to have it."""
    outputs = {inode for inode, pipe in pipes.items() if pipe.output}
    for by, end in ends:
        if end.kind == "file" or end.fd <= 2:
            continue
        pipe = pipes.setdefault(end.stat.inode, Pipe(end.stat.inode))
        pipe.socket = end.kind == "socket"
        readable = end.readable and all(_comes_of(by, opener) for opener in pipe.openers)
        writable = end.writable and pipe.inode not in outputs
        _hold(pipe, by, end.fd, readable, by.started, writable)


def _comes_of(by: Execution, other: Execution) -> bool:
    return not are_beside(by.process, other.process)


def _hold(
    pipe: Pipe, by: Execution, fd: int, readable: bool, tick: int, writable: bool = False
) -> None:
    """A standard descriptor says by its number what it is for; one that was opened, by its mode."""
    if fd == 0 or (fd > 2 and readable):
        pipe.readers.setdefault(by, tick)
    if fd in (1, 2) or (fd > 2 and writable):
        pipe.writers.setdefault(by, tick)
    pipe.output = pipe.output or fd in (1, 2)


def _with_maker(pipe: Pipe, holders: set[Process]) -> Iterator[Inform]:
    """The other end of a pipe is with the process that made it."""
    channel: Channel = "socket" if pipe.socket else "pipe"
    makers: dict[Process, Execution | None] = {}
    for writer, tick in pipe.writers.items():
        maker = _maker(writer.process, holders, makers)
        if maker is not None:
            yield Inform(maker, writer, channel, tick, held=False)
    for reader, tick in pipe.readers.items():
        maker = _maker(reader.process, holders, makers)
        if maker is not None:
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


def workers(
    story: Story, works: Callable[[Execution], bool], is_worker: Callable[[Execution], bool]
) -> Iterable[Inform]:
    """Processes that share a program with their parent answer it by ways that are not seen.
    `works` says whether a fork may have something to answer."""
    for execution, parent in _begun(story):
        if works(execution) if execution.stretch else is_worker(execution):
            yield Inform(parent, execution, "message", execution.started, held=False)


def orders(
    story: Story,
    shares: Callable[[Execution], bool],
    is_worker: Callable[[Execution], bool],
    last: int,
) -> Iterator[Inform]:
    """What they may be told by it as long as they live, by ways that are not seen: what it had read by then.
    `shares` says whether a fork works with what it is told; `last` is the end of those who have none."""
    for execution, parent in _begun(story):
        if shares(execution) if execution.stretch else is_worker(execution):
            ends = (last if end.ended is None else end.ended for end in (execution, parent))
            until = max(execution.started, min(ends) - 1)
            yield Inform(execution, parent, "message", execution.started, held=False, until=until)


def _begun(story: Story) -> Iterator[tuple[Execution, Execution]]:
    for process in story.processes:
        if process.parent is not None:
            for execution in process.executions:
                yield execution, process.parent


def _end(execution: Execution) -> int:
    """After its last event, nothing that a killed process was told shows in what it did."""
    return execution.process.last if execution.ended is None else execution.ended
