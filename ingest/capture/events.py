"""What the capture backends see: events of processes, decoded, before any meaning is given to them.

A backend (the preload shim's spool, a tracer) yields these; `assemble.py` turns them into records.
Paths are bytes, as the kernel has them. `tick` is CLOCK_BOOTTIME in nanoseconds; events of one
process are in order of tick.
"""

from __future__ import annotations

from typing import Final

import msgspec

from provgraph.model.elements import Scalar
from provgraph.model.records import Content, Stat

INERT: Final = "inert"
"""Why the capture's library is left out of a program: there would be nothing to see in it."""


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`pid` did something at `tick`. A vfork child, which shares its parent's memory, has its own
    pid here. `call` is the part of the program that did it (`Entered`), -1 where time has to tell."""

    pid: int
    tick: int
    call: int = -1


class Descriptor(msgspec.Struct, frozen=True, gc=False):
    """An open descriptor that an image inherited. `kind`: file, pipe, socket, terminal or other; a pipe that has
    neither a writer nor content counts as other. `path` is empty but for files."""

    fd: int
    kind: str
    readable: bool
    writable: bool
    stat: Stat
    path: bytes = b""

    @property
    def end(self) -> int | None:
        """Which pipe, socket or terminal it is of, if any. Terminals are numbered by themselves: below 0."""
        if self.kind == "terminal":
            return -self.stat.inode
        return self.stat.inode if self.kind in ("pipe", "socket") else None


class Image(Event, frozen=True):
    """A program image began to run (the shim's constructor: after an exec). `image` counts this
    process's images from 0 where the backend knows, `inherited` are descriptors 0 to 2 (and others
    the backend cared to look at)."""

    parent: int
    executable: bytes
    argv: list[bytes]
    cwd: bytes
    inherited: list[Descriptor] = []


class Forked(Event, frozen=True):
    """A child without an exec so far: it shares its parent's past up to this tick and inherits its
    descriptors. `inherited` names those that matter, as `Image` does, in the states that they had at the tick `looked`, when it
    did something first; a vfork child, which can only exec or exit, has none."""

    parent: int
    inherited: list[Descriptor] = []
    looked: int = 0


class Executing(Event, frozen=True):
    """An exec was asked for. `traceable` is False where the new program will escape (static, setuid,
    another architecture): `reason` says why. If an `Image` of the pid follows, it succeeded. No image of an `INERT` one
    follows, unless it failed: there would be nothing to see in it. `inherited` are the pipes and the like on its
    descriptors 0 to 2, and whoever waits for it tells its end. `spoke` has a bit for each descriptor of these that a fork has
    written to before."""

    path: bytes
    argv: list[bytes] = []
    traceable: bool = True
    reason: str = ""
    inherited: list[Descriptor] = []
    spoke: int = 0

    @property
    def is_inert(self) -> bool:
        return self.reason == INERT


class ExecFailed(Event, frozen=True):
    errno: int


class Opened(Event, frozen=True):
    """A regular file was opened. `path` is absolute and canonical (symlinks resolved) where the
    backend could; `before` is what was there before an open that may create or truncate (None:
    nothing was, or it was not looked at; then `created` says which). `after` is fstat's answer."""

    fd: int
    path: bytes
    readable: bool
    writable: bool
    truncates: bool
    appends: bool
    created: bool
    after: Stat
    before: Stat | None = None


class Closed(Event, frozen=True):
    """The last descriptor of an open in this process was closed (dup'ed ones counted), or the
    process ended with it open. `stat` is fstat's answer just before."""

    fd: int
    path: bytes
    opened: int  # the tick of its `Opened`, or of the `Image` that inherited it
    stat: Stat
    mapped: bool = False  # MAP_SHARED and writable was asked for: changes may come after the close
    wrote: bool = False  # it was given the file open, and was seen to write there
    took: bool = False  # it was seen to read there


class Drawn(Event, frozen=True):
    """Something was read from a file through a descriptor above 2 that the image of `opened` had inherited, or that
    the fork had, by when this is said."""

    fd: int
    opened: int
    device: int
    inode: int


class Memory(Event, frozen=True):
    """The process has memory that others write and read, too: those that it forks from now on (`segment` is 0), or
    whoever attaches the same segment, and their forks."""

    segment: int


class Renamed(Event, frozen=True):
    """`stat` is the moved file, `replaced` what the new name had before. `seen` unless only the tree
    tells of it, at the end."""

    source: bytes
    target: bytes
    stat: Stat | None = None
    replaced: Stat | None = None
    directory: bool = False
    exchange: bool = False
    seen: bool = True


class Linked(Event, frozen=True):
    """A second name: link, linkat, or an O_TMPFILE given its name (then `source` may be empty)."""

    source: bytes
    target: bytes
    stat: Stat | None = None


class Unlinked(Event, frozen=True):
    path: bytes
    stat: Stat | None = None


class Truncated(Event, frozen=True):
    """truncate(2) by path, outside any open descriptor."""

    path: bytes
    before: Stat | None = None
    after: Stat | None = None


class Preserved(Event, frozen=True):
    """What a file held just before it was emptied, replaced or removed, whose stat was then `stat`.
    Not of every file: neither of a large one, nor of one that the run itself made."""

    stat: Stat
    content: bytes


class Piped(Event, frozen=True):
    """A pipe (FIFO, socket, terminal: numbered as in `Descriptor.end`) was put on a standard descriptor after the image
    began (dup2), or made there, or a FIFO opened: the process holds this end from now on. `fd` is -1 of a FIFO that was made: nobody has it yet, nor
    any more what had its inode before. `named`: it was opened by its name, and lies on `device`."""

    fd: int
    inode: int
    readable: bool
    writable: bool
    named: bool = False
    device: int = 0


class Paired(Event, frozen=True):
    """A pair of sockets was made: what is written into the one comes out of the other."""

    inode: int
    peer: int


class Talked(Event, frozen=True):
    """Something was taken from a pipe or from a socket of a pair (`kind`) through a descriptor above 2, by when this is
    said, or is about to be given into it: for the first time in this `turn` of the run. Or, if it is `lasting`, may be from
    now on."""

    fd: int
    inode: int
    kind: str
    turn: int
    took: bool
    gave: bool
    lasting: bool = False


class Connected(Event, frozen=True):
    """A stream between two addresses was begun: `tick` is before the call that connected, and
    after the one that `accepted`. Or it was `given`, by a process that had it. `inode` is this end's socket.
    `what`: network or local socket. `network` tells namespaces apart, where it is known. Of a local socket `other`
    is the process that connected, or that listens, and `listener` who listens, where it was accepted."""

    inode: int
    what: str
    own: bytes
    peer: bytes
    accepted: bool = False
    given: bool = False
    network: int = 0
    other: int = 0
    listener: int = 0


class Parted(Event, frozen=True):
    """A process closed its last descriptor of a `Connected` socket. `heard`: something may have come over it."""

    inode: int
    heard: bool = True


class Moved(Event, frozen=True):
    """chdir or fchdir succeeded."""

    cwd: bytes


class Exited(Event, frozen=True):
    """The process ended of its own will; a killed one has no such event. `status` is -1 where the
    backend cannot know it (musl, when main returns)."""

    status: int


class Killed(Event, frozen=True):
    """The process was killed before the program of its last `Executing` could do anything: the shim was sure to wake in
    it before, and did not. Said by who waited for it."""

    signal: int


class Entered(Event, frozen=True):
    """A part of a program began that is a step of its own: a call, a block, a notebook's cell (`kind`).
    `number` counts those of its process from 1, `within` is the one around it, 0 the program itself.
    `text` is its command line, so to speak; `source` the file in which it is written, if it is in one; `plan`
    and `content` what it executes where that is no file."""

    number: int
    name: str
    kind: str
    within: int = 0
    text: str = ""
    source: bytes = b""
    plan: str = ""
    content: Content = Content()
    properties: dict[str, Scalar] = {}


class Left(Event, frozen=True):
    """It ended, by an exception if `error` names one. `tells`: what is around it knows something by it.
    `heard` are variables that it read, and the parts that had made them."""

    number: int
    error: str = ""
    tells: bool = True
    heard: list[tuple[str, int]] = []


class Missed(Event, frozen=True):
    """Something that the backend knows it could not see: `what` is a word (io_uring, mmap, static,
    setuid, spool-full, ...), `detail` a path or number."""

    what: str
    detail: bytes = b""


class Interpreted(Event, frozen=True):
    """From Python's audit hook: what this process runs. `script` is an absolute path (empty for -c
    and stdin), `module` the name given to -m, `sources` the project's own modules it imported."""

    script: bytes = b""
    module: str = ""
    sources: list[bytes] = []
    properties: dict[str, str | int | float | bool] = {}
