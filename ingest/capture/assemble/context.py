"""What assembling needs to know of a run, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping

import msgspec

from provgraph.ingest.capture.assemble.known import Room
from provgraph.ingest.capture.streams import Records
from provgraph.model.records import Content, Stat, When


class Written(msgspec.Struct, frozen=True):
    """Another run had a pipe or FIFO to write, from a moment to another: what it wrote has this name. From `surely_until` on it may have
    closed it."""

    stream: bytes
    since: float
    until: float
    surely_until: float


class Elsewhere(msgspec.Struct, frozen=True):
    """What other runs have to do with a pipe or FIFO. `read`: they have it to read, or had."""

    read: bool = False
    written: tuple[Written, ...] = ()


class Context(msgspec.Struct, frozen=True):
    """`root` is the project's absolute, canonical folder. `offset` is the wall clock minus the boot
    clock and `ended` the boot clock's tick when the run ended, in nanoseconds. `exclude` says which
    absolute paths are never recorded. `content` says what is known of the bytes that a path held in
    a state at a tick, never raising; without a stat it means the file as it is now. `parent` is the
    step that started this run, when runs nest, `runners` the processes that record runs within it: steps,
    whatever they do. `known` are the sockets, by inode, of which it is known what came over them, and
    `databases` those of them whose other end is no program of any run. `given`: something came by a pipe that was its
    standard input; `passed_on` are the streams of pipes that other runs were given, each with the name by which these know it.
    `elsewhere` finds what other runs have to do with pipes and FIFOs, `open_to_strangers` whether others than runs may have written to a FIFO until a tick; `of_pipes` is the device of pipes without a name, `began` when the
    run did. `typed`: it is a line that a shell ran, which goes on.
    `going_on`: the run has not ended, so what is open is not closed. `room` is where very much
    may stand besides memory."""

    project: str
    root: bytes
    run: str
    boot: str
    host: str
    offset: int
    ended: int
    exclude: Callable[[bytes], bool]
    content: Callable[[bytes, Stat | None, int], Content]
    parent: str = ""
    going_on: bool = False
    runners: frozenset[int] = frozenset()
    known: frozenset[int] = frozenset()
    databases: frozenset[int] = frozenset()
    given: bool = False
    passed_on: frozenset[tuple[bytes, bytes]] = frozenset()
    elsewhere: Callable[[Iterable[tuple[int, int]]], Mapping[tuple[int, int], Elsewhere]] = (
        lambda _: {}
    )
    open_to_strangers: Callable[[tuple[int, int], float], bool] = lambda fifo, until: False
    of_pipes: int | None = None
    began: int | None = None
    typed: bool = False
    room: Room | None = None

    def when(self, tick: int) -> When:
        return When(tick + self.offset, tick, self.boot, self.host)


class Assembly(msgspec.Struct, frozen=True):
    """`records` are in a deterministic order, whatever the order of events of different processes.
    `gaps` say what was not seen. `writes` are the absolute paths of which some change was captured;
    one of them may be a folder that moved, with all that is under it. `environment_reads` are the
    folders that the noise folded into. `within` are the sockets, by inode, of connections between its programs."""

    records: Records
    gaps: list[str]
    writes: Container[bytes]
    environment_reads: list[bytes]
    within: frozenset[int] = frozenset()
