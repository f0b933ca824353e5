"""A run's files while they are followed: inodes, who has them open, and what was read, made and removed."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final

import msgspec

from provgraph.ingest.capture.assemble.processes import Execution, Process
from provgraph.ingest.capture.events import Closed
from provgraph.model.records import Stat

if TYPE_CHECKING:
    from provgraph.ingest.capture.assemble.writers import Writers

GONE: Final = b" (deleted)"
"""How the kernel ends the path of a file that has no name (any more)."""


class File(msgspec.Struct, eq=False):
    """An inode. `names` are those that it has now, each with the version that it got under it in
    this run. `last` is the newest, `others` the newest by each other execution. `writers` are the openings that may
    still change it, `readers` those through which what others write there may be read. `user` and `shared` tell whether one process alone ever had to do with it. `tellers` wrote to it
    while it had no name, who did so last at the end. `key` is its inode, where that was seen, and `number` what a shelf calls it."""

    names: dict[bytes, Version | None] = {}
    last: Version | None = None
    others: dict[Execution, Version] | None = None
    writers: Writers | None = None
    readers: dict[Opening, None] = {}
    created: bool = False
    removed: bool = False
    user: Process | None = None
    shared: bool = False
    tellers: dict[Execution, None] = {}
    key: tuple[int, int] | None = None
    number: int = 0

    def versions(self) -> list[Version]:
        """Those that it is known by still, each once."""
        found = [*self.names.values(), self.last, *(self.others or {}).values()]
        return list({id(version): version for version in found if version is not None}.values())

    def newest(self, tick: int) -> Version | None:
        """The newest that it is known by of those made until then."""
        if self.last is None or self.last.tick <= tick:
            return self.last
        known = (version for version in self.versions() if version.tick <= tick)
        return max(known, key=attrgetter("tick"), default=None)

    def touch(self, by: Execution) -> None:
        process = by.process
        if self.user is not process:
            self.shared = self.shared or self.user is not None
            self.user = process

    def accept(self, version: Version) -> None:
        """It has another version, mostly a newer one: of some it is told late."""
        last = self.last
        newer, older = version, last
        if last is not None and version.tick < last.tick:
            newer, older = last, version
        if older is not None and older.by is not newer.by:
            self.others = self.others or {}
            known = self.others.get(older.by)
            if known is None or known.tick <= older.tick:
                self.others[older.by] = older
        self.last = newer

    def made_by(self, by: Execution) -> Version | None:
        """The newest by an execution."""
        if self.last is not None and self.last.by is by:
            return self.last
        return self.others.get(by) if self.others else None

    @property
    def name(self) -> bytes | None:
        return next(reversed(self.names), None)

    @property
    def passing(self) -> bool:
        """Whether one process made it, had it to itself and removed it."""
        return self.created and self.removed and not self.shared


class _Placed(msgspec.Struct, eq=False, kw_only=True):
    """`seq` is its place among all actions, once it was given one."""

    seq: int = -1


class Action(_Placed, eq=False):
    """`index` is the number of the event within its execution that showed it."""

    by: Execution
    path: bytes
    tick: int
    index: int
    stat: Stat | None
    file: File | None


class Read(Action):
    """`made` is the tick of the version of this run that was read, 0 if it was none. `compiled`:
    what was read is the compiled form of `path`. `void`: it turned out not to be one."""

    made: int = 0
    compiled: bool = False
    void: bool = False

    @property
    def state(self) -> State:
        """What tells the states of its file apart."""
        stat = self.stat
        return () if stat is None else (stat.inode, stat.size, stat.mtime)


State = tuple[int, ...]
Reads = Read | dict[State, Read | None]
"""Those of a path by an execution, by its states: None where it need not be known any more. Most files are read in
one state, and then kept as that read alone."""


def by_state(reads: Reads) -> dict[State, Read | None]:
    return {reads.state: reads} if isinstance(reads, Read) else reads


class Source(msgspec.Struct, eq=False):
    """What a version was made from: what `path` held at `tick`."""

    path: bytes
    tick: int
    stat: Stat | None
    how: str
    version: Version | None = None


class Version(Action):
    """`path` is where it was made, `names` are all it had, with the ticks from which on; `moved` is
    its stat under the last of them, or once its times were set. `shared`: its maker had the descriptor from another. `linked`: it was
    written while its file had several names, and has them all. `renamed` is when that was made which it is under
    another name, by the same program: it belongs to its phase. `begun`: its first bytes were about to come when somebody
    looked, so that it had another time and no size yet."""

    names: list[tuple[bytes, int]] = []
    moved: Stat | None = None
    shared: bool = False
    linked: bool = False
    renamed: int | None = None
    sources: tuple[Source, ...] = ()
    begun: bool = False

    @property
    def is_empty(self) -> bool:
        return self.stat is not None and not self.stat.size and not self.begun


class Removal(Action):
    how: str = "delete"
    version: Version | None = None


def place(action: Action) -> tuple[int, int]:
    """Where it stands among what its execution did: a moment, and a rank in it. What goes out comes before what is
    read at that moment: a state that somebody sees is there before it is seen."""
    if type(action) is not Version:
        return action.tick, 2
    return (action.tick, 0) if action.renamed is None else (action.renamed, 3)


class Opening(msgspec.Struct, eq=False):
    """An open file description as one execution has it. `base` is the file's state when it got it;
    `fresh` says that this opening created or emptied the file; `inherited` that it came by an exec or
    a fork, `forked` by a fork, which `looked` at that state then; `made` is the tick of the newest version then; `unaccounted` is who else had changed the file by then. `borrowers` are
    the programs that were given it while its owner did nothing, `lent` is what the owner had done
    until then, `forks` how many forks that owner had made by when it opened it, `kept` that it had it open while it closed another that it had opened later. `read` is what was read when it was opened, `drawn` says that it is known to have been read,
    `later` is what others wrote while it was open, `wrote` that it was seen to write there."""

    file: File
    by: Execution
    tick: int
    index: int
    fd: int
    base: Stat
    path: bytes
    readable: bool
    writable: bool
    fresh: bool = False
    appends: bool = False
    inherited: bool = False
    forked: bool = False
    looked: int = 0
    made: int = 0
    unaccounted: Opening | None = None
    borrowers: tuple[Execution, ...] = ()
    lent: int = 0
    forks: int = 0
    kept: bool = False
    read: Read | None = None
    drawn: bool = False
    later: list[Read] = []
    wrote: bool = False
    late: Closed | None = None
    closed: bool = False


def same(one: Stat | None, other: Stat | None) -> bool:
    """Whether two states of one file have the same content, as far as stats tell. A rename, a link
    or a chmod changes ctime, so it does not count."""
    if one is None or other is None:
        return False
    return one is other or (
        one.inode == other.inode
        and one.mtime == other.mtime
        and one.size == other.size
        and one.device == other.device
    )


def source_of(path: bytes) -> bytes:
    """The module that Python compiled into a file of a `__pycache__`, else the path itself.

    >>> source_of(b"/p/src/__pycache__/load.cpython-311.opt-1.pyc"), source_of(b"/p/load.py")
    (b'/p/src/load.py', b'/p/load.py')
    """
    if not path.endswith(b".pyc"):  # as nearly all
        return path
    folder, _, name = path.rpartition(b"/")
    if not folder.endswith(b"/__pycache__"):
        return path
    return folder.removesuffix(b"__pycache__") + name.split(b".", 1)[0] + b".py"
