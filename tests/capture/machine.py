"""A small machine that runs programs and says what a capture backend would have seen of them, and what
was made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import networkx as nx  # type: ignore[import-untyped]
from msgspec import structs

from provgraph.ingest.capture.assemble import Assembly, Context, Room, assemble
from provgraph.ingest.capture.events import (
    Closed,
    Descriptor,
    Event,
    Executing,
    Exited,
    Forked,
    Image,
    Linked,
    Opened,
    Piped,
    Renamed,
    Unlinked,
)
from provgraph.ingest.capture.streams import Stream
from provgraph.model.binding import Timelines, bound_batch, touched_uris
from provgraph.model.elements import Batch
from provgraph.model.kinds import Kinds
from provgraph.model.records import (
    Content,
    Derived,
    Generated,
    Informed,
    Invalidated,
    Record,
    Stat,
    StepSeen,
    Used,
)
from provgraph.model.translate import translate
from provgraph.model.vocabulary import LINEAGE_EDGES

ROOT = b"/p"


# The machine


@dataclass(eq=False)
class Inode:
    number: int
    size: int = 0
    modified: int = 0
    text: str = ""

    def stat(self) -> Stat:
        return Stat(1, self.number, self.size, self.modified, self.modified)


@dataclass(eq=False)
class Handle:
    fd: int
    path: bytes
    opened: int
    inode: Inode
    writable: bool
    readable: bool


def absolute(path: str) -> bytes:
    return path.encode() if path.startswith("/") else ROOT + b"/" + path.encode()


class Machine:
    """Files, pipes, a clock, and the events of the processes that use them."""

    def __init__(self, *names: str) -> None:
        self.tick = 1_000
        self.pids = 100
        self.root: Process | None = None
        self.inodes = 0
        self.files: dict[bytes, Inode] = {}
        self.events: list[Event] = []
        self.known: dict[tuple[int, int, int], str] = {}
        for name in names:
            self.write(absolute(name), f"old {name}")

    def now(self) -> int:
        self.tick += 10
        return self.tick

    def inode(self) -> Inode:
        self.inodes += 1
        return Inode(self.inodes, modified=self.tick)

    def write(self, path: bytes, text: str) -> None:
        self.fill(self.files.setdefault(path, self.inode()), text)

    def fill(self, inode: Inode, text: str) -> None:
        inode.text += text
        inode.size = len(inode.text)
        inode.modified = self.now()
        self.known[inode.number, inode.size, inode.modified] = inode.text

    def say(self, event: Event) -> None:
        self.events.append(event)

    def program(self, *argv: str, executable: str = "", out: Descriptor | None = None) -> Process:
        """A process that runs a program without a fork that was seen (posix_spawn)."""
        self.pids += 1
        process = Process(self, self.pids, self.root)
        self.root = self.root or process
        return process.image(*argv, inherited=[out] if out else [], executable=executable)

    def name_of(self, handle: Handle) -> bytes:
        """What /proc/self/fd says."""
        if self.files.get(handle.path) is handle.inode:
            return handle.path
        names = [name for name, inode in self.files.items() if inode is handle.inode]
        return names[0] if names else handle.path + b" (deleted)"

    def pipe(self) -> Pipe:
        return Pipe(self.inode())

    def content(self, path: bytes, stat: Stat | None, tick: int) -> Content:
        if stat is None:
            inode = self.files.get(path)
            if inode is None:
                return Content()
            stat = inode.stat()
        text = self.known.get((stat.inode, stat.size, stat.mtime), "")
        return Content(digest=f"text:{text}" if text else "", size=stat.size, stat=stat)

    def assemble(self, events: Iterable[Event] | None = None, **changes: object) -> Told:
        context = Context(
            project="p",
            root=ROOT,
            run="r1",
            boot="b007",
            host="here",
            offset=1_000_000,
            ended=self.tick + 1_000,
            exclude=lambda path: path.startswith((b"/p/.git/", b"/p/.provgraph/")),
            content=self.content,
        )
        context = structs.replace(context, **changes)
        history = self.events if events is None else list(events)
        made = assemble(history, context)
        with TemporaryDirectory() as folder:
            cramped = structs.replace(context, room=Room(Path(folder), 1))
            again = assemble(Stream(lambda: sorted(history, key=lambda e: e.tick)), cramped)
        assert (list(again.records), again.gaps) == (made.records, made.gaps)
        assert isinstance(made.writes, set)
        assert all(path in again.writes for path in made.writes)
        return Told(made)


@dataclass(frozen=True)
class Pipe:
    inode: Inode

    def read(self, fd: int = 0) -> Descriptor:
        return Descriptor(fd, "pipe", True, False, self.inode.stat())

    def write(self, fd: int = 1) -> Descriptor:
        return Descriptor(fd, "pipe", False, True, self.inode.stat())


class Process:
    """One process. What it opens under descriptor 0, 1 or 2 is inherited by its children and the
    programs that it becomes."""

    def __init__(self, machine: Machine, pid: int, parent: Process | None) -> None:
        self.machine, self.pid, self.parent = machine, pid, parent
        self.handles: dict[int, Handle] = {}
        self.pipes: dict[int, Descriptor] = dict(parent.pipes) if parent else {}
        self.shared: dict[int, Handle] = {}
        if parent:
            self.shared = {**parent.shared, **parent.handles}

    def __repr__(self) -> str:
        return f"<{self.pid}>"

    def say(self, make: Callable[..., Event], *rest: object, **more: object) -> int:
        tick = self.machine.now()
        self.machine.say(make(*rest, pid=self.pid, tick=tick, **more))
        return tick

    # Programs

    def image(
        self, *argv: str, inherited: Iterable[Descriptor] = (), executable: str = ""
    ) -> Process:
        named = [*inherited]
        for fd, handle in {**self.shared, **self.handles}.items():
            if fd <= 2:
                named.append(self.descriptor(fd, handle))
        named += [pipe for fd, pipe in self.pipes.items() if fd <= 2]
        program = executable or f"/usr/bin/{argv[0]}"
        tick = self.say(
            Image,
            self.parent.pid if self.parent else 1,
            absolute(program),
            [word.encode() for word in argv],
            ROOT,
            named,
        )
        self.inherit(named, tick)
        return self

    def descriptor(self, fd: int, handle: Handle) -> Descriptor:
        return Descriptor(
            fd,
            "file",
            handle.readable,
            handle.writable,
            handle.inode.stat(),
            self.machine.name_of(handle),
        )

    def inherit(self, named: Iterable[Descriptor], tick: int) -> None:
        for d in named:
            if d.kind == "file":
                held = {**self.shared, **self.handles}[d.fd]
                path, inode = held.path, held.inode
                self.handles[d.fd] = Handle(d.fd, path, tick, inode, d.writable, d.readable)
            else:
                self.pipes[d.fd] = d

    def exec(self, *argv: str, executable: str = "") -> Process:
        self.say(Executing, absolute(executable or f"/usr/bin/{argv[0]}"))
        return self.image(*argv, executable=executable)

    def fork(self) -> Process:
        self.machine.pids += 1
        child = Process(self.machine, self.machine.pids, self)
        named = [child.descriptor(fd, handle) for fd, handle in child.shared.items()]
        named += child.pipes.values()
        tick = child.say(Forked, self.pid, named)
        child.inherit(named, tick)
        return child

    def spawn(self, *argv: str, executable: str = "") -> Process:
        return self.fork().exec(*argv, executable=executable)

    def exit(self, status: int = 0) -> None:
        for fd in list(self.handles):
            self.close(fd)
        self.say(Exited, status)

    # Files

    def open(self, path: str, mode: str = "r", fd: int | None = None) -> int:
        machine, name = self.machine, absolute(path)
        before = machine.files.get(name)
        stat = before.stat() if before else None
        if before is None:
            assert mode[0] != "r", path
            before = machine.files[name] = machine.inode()
        if mode[0] == "w" and before.size:
            before.text = ""
            machine.fill(before, "")
        fd = max([2, *self.handles, *self.shared]) + 1 if fd is None else fd
        readable, writable = mode[0] == "r" or "+" in mode, mode != "r"
        tick = self.say(
            Opened,
            fd,
            name,
            readable,
            writable,
            mode[0] == "w",
            mode[0] == "a",
            stat is None,
            before.stat(),
            stat if mode[0] != "r" else None,
        )
        self.handles[fd] = Handle(fd, name, tick, before, writable, readable)
        return fd

    def put(self, fd: int, text: str) -> None:
        self.machine.fill(self.handles[fd].inode, text)

    def close(self, fd: int, mapped: bool = False, wrote: bool = False) -> None:
        handle = self.handles.pop(fd)
        path = self.machine.name_of(handle)
        self.say(Closed, fd, path, handle.opened, handle.inode.stat(), mapped, wrote)

    def read(self, *paths: str) -> None:
        for path in paths:
            self.close(self.open(path))

    def write(self, path: str, text: str = "", mode: str = "w") -> None:
        fd = self.open(path, mode)
        self.put(fd, text or f"{path} by {self.pid}")
        self.close(fd)

    def rename(self, source: str, target: str) -> None:
        files, old, new = self.machine.files, absolute(source), absolute(target)
        replaced = files.get(new)
        inode = files[new] = files.pop(old)
        stat = replaced.stat() if replaced else None
        self.say(Renamed, old, new, inode.stat(), stat)

    def link(self, source: str, target: str) -> None:
        inode = self.machine.files[absolute(source)]
        self.machine.files[absolute(target)] = inode
        self.say(Linked, absolute(source), absolute(target), inode.stat())

    def unlink(self, path: str) -> None:
        inode = self.machine.files.pop(absolute(path))
        self.say(Unlinked, absolute(path), inode.stat())

    # Pipes

    def plug(self, end: Descriptor) -> None:
        """dup2 of a pipe's end onto a standard descriptor."""
        self.handles.pop(end.fd, None)
        self.pipes[end.fd] = end
        self.say(Piped, end.fd, end.stat.inode, end.readable, end.writable)


def pipeline(shell: Process, *commands: tuple[str, ...]) -> list[Process]:
    """`a | b | c` as a shell does it: all at once."""
    started: list[Process] = []
    before: Pipe | None = None
    for place, command in enumerate(commands):
        child = shell.fork()
        if before:
            child.plug(before.read())
        if place < len(commands) - 1:
            before = shell.machine.pipe()
            child.plug(before.write())
        started.append(child.exec(*command))
    return started


# What was told

R = TypeVar("R", bound=Record)


class Told:
    """An assembly, and the graph that the records make when they are applied."""

    def __init__(self, assembly: Assembly) -> None:
        self.records, self.gaps = assembly.records, assembly.gaps
        self.assembly = assembly
        self.steps = {step.step: step for step in self.of(StepSeen)}

    def of(self, type: type[R]) -> list[R]:
        return [record for record in self.records if isinstance(record, type)]

    def name(self, step: str) -> str:
        """A step for people: its command, its phase behind it."""
        seen = self.steps[step]
        command = " ".join(seen.argv)
        command += "" if seen.kind == "process" else f" ({seen.kind})"
        return f"{command} #{seen.phase}" if seen.phase else command

    @property
    def commands(self) -> list[str]:
        return [self.name(step) for step in self.steps]

    @property
    def used(self) -> list[tuple[str, str]]:
        return [(self.name(used.step), used.uri) for used in self.of(Used)]

    @property
    def roles(self) -> dict[str, str]:
        return {used.uri: used.role for used in self.of(Used)}

    @property
    def generated(self) -> list[tuple[str, ...]]:
        return [
            (self.name(made.step), *(name.uri for name in made.names))
            for made in self.of(Generated)
        ]

    @property
    def invalidated(self) -> list[tuple[str, str, str]]:
        return [(self.name(gone.step), gone.uri, gone.how) for gone in self.of(Invalidated)]

    @property
    def informed(self) -> set[tuple[str, str, str]]:
        return {(self.name(i.step), self.name(i.by), i.channel) for i in self.of(Informed)}

    @property
    def derived(self) -> list[tuple[str, str, str]]:
        made = {made.version: made.names[-1].uri for made in self.of(Generated)}
        return [(made[d.version], d.uri, d.how) for d in self.of(Derived)]

    @cached_property
    def batch(self) -> Batch:
        translation = translate(self.records, "p")  # type: ignore[arg-type]
        nothing = Timelines([], [], touched_uris(translation))
        return bound_batch(translation, nothing, "p", Kinds.of({}))

    @cached_property
    def causes(self) -> Any:
        graph: Any = nx.DiGraph()
        graph.add_nodes_from(node.id for node in self.batch.nodes)
        graph.add_edges_from(
            (edge.source, edge.target) for edge in self.batch.edges if edge.type in LINEAGE_EDGES
        )
        return graph

    def version(self, uri: str) -> str:
        """The newest version of a name, as a question would find it."""
        nodes = {node.id: node for node in self.batch.nodes}
        held = [
            (nodes[edge.source].properties["at"], edge.source)
            for edge in self.batch.edges
            if edge.type == "VERSION_OF" and nodes[edge.target].properties["name"] == uri
        ]
        return max(held)[1]

    def lineage(self, uri: str) -> set[str]:
        """The names of all files that the newest version of a name came from."""
        names = {
            node.id: str(node.properties["name"])
            for node in self.batch.nodes
            if node.label == "Version"
        }
        return {
            names[id] for id in nx.descendants(self.causes, self.version(uri)) if id in names
        } - {uri}
