"""What did the shim write? Makes the spool of a run, watches it grow, and decodes it into events.

The file's format is told in `docs/spool-format.md` and lies in `preload.h`. Whatever a killed
process or a full disk left behind, reading goes on behind it.
"""

from __future__ import annotations

import mmap
import os
import platform
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from heapq import merge
from io import FileIO
from itertools import islice
from pathlib import Path
from struct import Struct
from struct import error as struct_error
from typing import Final, Self

import msgspec

from provgraph.errors import CaptureError, JournalError, ProvgraphError
from provgraph.ingest.capture import aside
from provgraph.ingest.capture.events import (
    INERT,
    Closed,
    Connected,
    Descriptor,
    Drawn,
    Event,
    ExecFailed,
    Executing,
    Exited,
    Forked,
    Image,
    Killed,
    Linked,
    Memory,
    Missed,
    Moved,
    Opened,
    Paired,
    Parted,
    Piped,
    Preserved,
    Renamed,
    Talked,
    Truncated,
    Unlinked,
)
from provgraph.ingest.capture.numbers import Numbers
from provgraph.ingest.capture.streams import Events, Stream
from provgraph.model.records import Stat
from provgraph.tracking import SPOOL

_READ: Final = mmap.ACCESS_READ
MAGIC: Final = 0x314C4F4F50535650
VERSION: Final = 1
CHUNK_MAGIC: Final = 0x4B4E4843
DATA_START: Final = 4096
GRANULE: Final = 1024
FIRST_STEP: Final = 1 << 20
"""Bytes of disk that a new spool takes; the shim adds as many whenever they are used up."""
LONGEST_PATH: Final = 767
MOST_HELD: Final = 300_000
"""More events than these are not held in memory at once."""
_PASSED: Final = 1 << 24
_AT_ONCE: Final = 8192

HEADER = Struct("=QIIQQQI")  # magic, version, sealed, cursor, allocated, activity, gaps
SEALED_AT: Final = 12
CURSOR_AT: Final = 16
ALLOCATED_AT: Final = 24
ACTIVITY_AT: Final = 32
GAPS_AT: Final = 40
TRACER_AT: Final = 48
TRACERS = Struct("=24I")
TRACERS_AT: Final = 56
BEGAN_AT: Final = 152
LOOKED_AT: Final = 168
ROOT_AT: Final = 184
IDENTITY_AT: Final = 192
CHUNK = Struct("=IIIIQ")  # magic, size, used, pid, its own offset
RECORD = Struct("=IHHIiQ")  # length, type, flags, pid, value, tick
_WHOSE = Struct("=I4xI")  # of a record, its length and its pid
PROGRESS = Struct("=Q")
IDENTITY = Struct("=QQ")  # device, inode
WORD = Struct("=I")
STAT = Struct("=QQqqq")
_OPENED = Struct("=40sI")  # a stat, and the length of a path
_OPENED_ANEW = Struct("=40s40sI")
_CLOSED = Struct("=Q40sI")
DESCRIPTOR = Struct("=IHHQQqqq")
UNFINISHED: Final = 1
ELSEWHERE: Final = 0xFFFFFFFF
LONGEST_TEXT: Final = 4096
KEPT = Struct("=IIQQQQ")

LOOKS_SIZE: Final = 8 * 8192

HARMED: Final = 1 << 4
GAPS: Final = (
    (1 << 0, "spool full"),
    (1 << 1, "spool unreachable"),
    (1 << 2, "file size limit"),
    (1 << 3, "events after the end of the run"),
    (
        HARMED,
        "the record was emptied or removed while the run went on, and with it some of what programs did",
    ),
)

READABLE, WRITABLE, TRUNCATES, APPENDS, CREATED = (1 << n for n in range(5))
HAS_BEFORE, MAPPED, HAS_STAT, HAS_REPLACED, DIRECTORY = (1 << n for n in range(5, 10))
BY_NAME, OF_TERMINAL = CREATED, HAS_BEFORE  # of what is piped
EXCHANGE, TRACEABLE, CUT, ACCEPTED, GIVEN, HEARD = (1 << n for n in range(10, 16))
SHORTENED: Final = 1 << 31
ELLIPSIS: Final = "…".encode()
KINDS: Final = ("file", "pipe", "socket", "other", "terminal")


def create(path: Path, tracer: Path | None = None, root: Path | None = None) -> None:
    """Makes an empty spool that only its owner may read. `tracer` is what shall follow the programs
    that cannot load the shim, None if nothing shall; `root` is the project's folder, within which nothing is left out.

    Its first mebibyte is allocated on the disk at once. Raises CaptureError where it cannot be.
    """
    if len(os.fsencode(path.absolute())) > LONGEST_PATH:
        raise CaptureError(f"the path of the spool is too long: {path}")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, FIRST_STEP)
            header = HEADER.pack(MAGIC, VERSION, 0, DATA_START + GRANULE, FIRST_STEP, 0, 0)
            os.pwrite(descriptor, header, 0)
            os.pwrite(descriptor, PROGRESS.pack(time.time_ns()), BEGAN_AT)
            own = os.fstat(descriptor)
            os.pwrite(descriptor, IDENTITY.pack(own.st_dev, own.st_ino), IDENTITY_AT)
            names = {TRACER_AT: tracer, LOOKED_AT: looks(), ROOT_AT: root}
            _put_names(descriptor, {at: bytes(name) for at, name in names.items() if name})
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CaptureError(
            f"cannot make the spool {path}: {error.strerror}", hint="free some disk space"
        ) from error


def begin(events: Path, tracer: Path | None, root: Path) -> Spool:
    """Makes an empty spool and reads it: `events`, or where that cannot be mapped one on local storage, to which
    `events` is then a link. Raises CaptureError."""
    create(events, tracer, root)
    try:
        return Spool(events, ours=True)
    except JournalError:
        events.unlink()
    for place in aside.places(events.parent.name, os.environ):
        with suppress(OSError, ProvgraphError):
            create(place, tracer, root)
            events.symlink_to(place)
            return Spool(events, ours=True)
        aside.discard(place)
        with suppress(OSError):
            events.unlink()
    raise CaptureError(
        f"{events.parent} gives no shared mappings, nor does any local folder",
        hint="set TMPDIR to a folder on local storage that only you can write",
    )


def root_of(path: Path) -> bytes:
    """Where the project lay for who made the spool, empty where it does not say. Raises OSError."""
    with path.open("rb") as file:
        (at,) = PROGRESS.unpack(
            os.pread(file.fileno(), PROGRESS.size, ROOT_AT).ljust(PROGRESS.size, b"\0")
        )
        if not 0 < at < DATA_START + GRANULE:
            return b""
        (size,) = WORD.unpack(os.pread(file.fileno(), WORD.size, at).ljust(WORD.size, b"\0"))
        return os.pread(file.fileno(), size, at + WORD.size) if size < GRANULE else b""


def _put_names(descriptor: int, names: Mapping[int, bytes]) -> None:
    """A chunk without records, behind whose end paths stand; each key is where the header says its place.
    One for which there is no room is left out: static programs stay a gap, or programs are looked at anew."""
    chunk = CHUNK.pack(CHUNK_MAGIC, GRANULE, CHUNK.size, 0, DATA_START)
    os.pwrite(descriptor, chunk, DATA_START)
    at = DATA_START + CHUNK.size + RECORD.size
    for place, path in names.items():
        if at + WORD.size + len(path) >= DATA_START + GRANULE:
            continue
        os.pwrite(descriptor, WORD.pack(len(path)) + path + b"\0", at)
        os.pwrite(descriptor, PROGRESS.pack(at), place)
        at += (WORD.size + len(path) + 8) & ~7


def looks() -> Path | None:
    """Where the shim keeps, for all runs of a user, what it saw in programs: made if it is not there. A run
    does without where it cannot be."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = Path(home) / "provgraph" / f"looks-{platform.machine()}-1"
    if not path.is_absolute():
        return None
    with suppress(OSError):
        if os.path.exists(path) and path.stat().st_size == LOOKS_SIZE:
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, LOOKS_SIZE)
        finally:
            os.close(descriptor)
        return path
    return None


def environment(library: Path, spool_path: Path, base_env: Mapping[str, str]) -> dict[str, str]:
    """`base_env` with what makes every program it is given to write to the spool.

    A preload that is there stays, behind the shim. The sanitizer that gcc links (ASan) refuses to
    start behind any preload unless told not to look.

    >>> made = environment(Path("/s.so"), Path("/spool"), {"LD_PRELOAD": "/usr/lib/other.so"})
    >>> made["LD_PRELOAD"], made["PROVGRAPH_SPOOL"]
    ('/s.so:/usr/lib/other.so', '/spool')
    """
    shim = str(library)
    others = base_env.get("LD_PRELOAD", "").replace(":", " ").split()
    sanitizer = [entry for entry in base_env.get("ASAN_OPTIONS", "").split(":") if entry]
    if not any(entry.startswith("verify_asan_link_order=") for entry in sanitizer):
        sanitizer.append("verify_asan_link_order=0")
    return {
        **base_env,
        "LD_PRELOAD": ":".join([shim, *(entry for entry in others if entry != shim)]),
        SPOOL: str(spool_path.absolute()),
        "ASAN_OPTIONS": ":".join(sanitizer),
    }


def without_shim(spool_path: Path, base_env: Mapping[str, str]) -> dict[str, str]:
    """`base_env` for programs that the tracer follows: it names the spool and loads no shim, not even
    that of a run around this one.

    >>> without_shim(Path("/spool"), {"LD_PRELOAD": "/c/preload-1.so /x.so", "A": "b"})
    {'LD_PRELOAD': '/x.so', 'A': 'b', 'PROVGRAPH_SPOOL': '/spool'}
    """
    env = dict(base_env)
    preloads = env.pop("LD_PRELOAD", "").replace(":", " ").split()
    kept = [entry for entry in preloads if not os.path.basename(entry).startswith("preload-")]
    if kept:
        env = {"LD_PRELOAD": ":".join(kept), **env}
    return {**env, SPOOL: str(spool_path.absolute())}


class Life(msgspec.Struct, frozen=True):
    """One process id as the spool knows it. `started` and `last` are ticks."""

    pid: int
    started: int
    last: int
    exited: bool

    def is_alive(self) -> bool:
        """Whether that process, and not a later one of the same number, still runs."""
        fields = _fields_of(self.pid)
        if fields is None:
            return False
        return _begun(fields) <= self.started + 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def _fields_of(pid: int) -> list[bytes] | None:
    """What the kernel says of a process behind its name; None if there is none that runs."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else fields


def _begun(fields: list[bytes]) -> int:
    return int(fields[19]) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def started_at(pid: int) -> int:
    """The tick, or some milliseconds before; 0 if there is none that runs."""
    fields = _fields_of(pid)
    return _begun(fields) if fields else 0


def is_running(pid: int) -> bool:
    return _fields_of(pid) is not None


class Spool:
    """A reader of one spool, which may be growing. Use it in a `with`, or close it.

    Raises JournalError where the file is no spool, or one of a later format.
    """

    def __init__(self, path: Path, *, ours: bool = False) -> None:
        """`ours`: of the run that this process records, which may write to it. The shim keeps that from who is in the run."""
        self.path = path
        if not aside.is_trusted(path):
            raise JournalError(f"{aside.target(path)} is not in a private folder of this user")
        try:
            # Held open: who moves the project away while the run goes on does not take the record away.
            self._file = path.open("r+b" if ours else "rb", buffering=0)
        except OSError as error:
            raise JournalError(f"cannot read the spool {path}: {error}") from error
        try:
            access = mmap.ACCESS_WRITE if ours else _READ
            mmap.mmap(self._file.fileno(), DATA_START, access=access).close()
        except (OSError, ValueError) as error:
            self._file.close()
            raise JournalError(f"cannot read the spool {path}: {error}") from error
        self._size = os.fstat(self._file.fileno()).st_size
        magic, version, *_ = self._head(HEADER, 0)
        if magic != MAGIC or version != VERSION:
            self.close()
            raise JournalError(
                f"{path} is no spool of format {VERSION}",
                hint="it may come from another version of provgraph",
            )
        self._read: dict[int, int] = {}
        self._paths: dict[int, dict[int, bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def _head(self, what: Struct, at: int) -> tuple[int, ...]:
        # Read, not mapped: who empties the file would end this process by SIGBUS.
        return what.unpack(os.pread(self._file.fileno(), what.size, at).ljust(what.size, b"\0"))

    def _mend(self) -> None:
        """Give the spool its size back where somebody made it shorter whom the shim does not keep from that: before
        more programs end by SIGBUS. They write no more then."""
        file, size = self._file.fileno(), os.fstat(self._file.fileno()).st_size
        if size < self._size:
            head = HEADER.pack(MAGIC, VERSION, 1, DATA_START, DATA_START, 0, HARMED)
            os.pwrite(file, head.ljust(DATA_START, b"\0"), 0)
            os.ftruncate(file, self._size)
        self._size = max(size, self._size)

    def activity(self) -> int:
        """A number that grows whenever a written file is closed, renamed or linked."""
        return self._head(PROGRESS, ACTIVITY_AT)[0]

    def reached(self) -> int:
        """How far into the file events reach."""
        return self._head(PROGRESS, CURSOR_AT)[0]

    def seal(self) -> None:
        """Programs that still run write no more; that they tried is then in `gaps`."""
        with suppress(OSError), self.path.open("r+b", buffering=0) as file:
            os.pwrite(file.fileno(), WORD.pack(1), SEALED_AT)

    def gaps(self) -> list[str]:
        """What is known to be lost, besides `Missed` events."""
        (flags,) = self._head(WORD, GAPS_AT)
        lost = [text for bit, text in GAPS if flags & bit]
        gone = [(at, pid) for at, pid in enumerate(self._tracers()) if pid and not is_running(pid)]
        tracers = self._tracers()  # one that ended in between took its number away before
        if any(tracers[at] == pid for at, pid in gone):
            lost.append("a tracer was killed, and what it followed went on unseen")
        if not self._is_in_place():
            lost.append(f"{self.path} is gone, and with it what programs did that started later")
        return lost

    def _is_in_place(self) -> bool:
        with suppress(OSError):
            return os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        return False

    def _tracers(self) -> tuple[int, ...]:
        return self._head(TRACERS, TRACERS_AT)

    def events(self) -> list[Event]:
        """All events, in order of tick."""
        with self._mapped() as data:
            return _all(data, _index(data))

    def of_programs(self) -> list[Event]:
        """The events that say which programs ran, and which pipes they had: few beside those of files."""
        with self._mapped() as data:
            index = {
                pid: array("Q", (at for at in offsets if _kind(data, at) in _OF_PROGRAMS))
                for pid, offsets in _index(data).items()
            }
            return _all(data, index)

    def streamed(self) -> Events:
        """All events, in order of tick. More than `MOST_HELD` are read from the file again each time that they are gone
        through, which has to stay: what says where each begins stands beside it."""
        with self._mapped() as data:
            index = _index(data)
            if sum(map(len, index.values())) <= MOST_HELD:
                return _all(data, index)
            offsets = Numbers(self.path.parent)
            offsets.extend(_merged(data, index))
        file = os.fdopen(os.dup(self._file.fileno()), "rb", buffering=0)  # as long as the stream
        return Stream(lambda: _read_again(file, offsets, list(index)))

    def fresh(self) -> Iterator[Event]:
        """The events written since the last call, in order of tick; all of them at first. Memory is 8 bytes an event.

        A record that is being written just now comes with the next call.
        """
        if self._file.writable():
            self._mend()
        with self._mapped() as data:
            index: dict[int, array[int]] = {}
            for at, pid in _unread(data, self._read):
                index.setdefault(pid, array("Q")).append(at)
            for pid in index.keys() - self._paths.keys():
                self._paths[pid] = {}
            yield from _decoded(data, _given_back(data, _merged(data, index)), self._paths)

    def processes(self) -> Iterator[tuple[int, Iterator[Event]]]:
        """Each pid with its events in order of tick, decoded as they are asked for.

        The pids come in order of their first event. Memory is 8 bytes an event, whatever it holds.
        Each iterator is to be used before the next pid is asked for.
        """
        with self._mapped() as data:
            index = _index(data)
            for pid in sorted(index, key=lambda pid: min(_tick(data, at) for at in index[pid])):
                yield pid, _decoded(data, _ordered(data, index.pop(pid)), {pid: {}})

    def of(self, pid: int) -> list[Event]:
        """The events of one process, in order of tick."""
        with self._mapped() as data:
            return _decode(data, _ordered(data, _index(data).get(pid, array("Q"))), {pid: {}})

    def first_image(self) -> Image | None:
        """The program that the run began with: it writes before all that it starts. None where it has not begun."""
        with self._mapped() as data:
            for begin, _, end in _chunks(data):
                for at, word in _records(data, begin + CHUNK.size, end):
                    _, kind, _, pid, *_ = RECORD.unpack_from(data, at)
                    if kind == _IMAGE and not word & UNFINISHED:
                        (event, *_) = _decode(data, [at], {pid: {}})
                        return event if isinstance(event, Image) else None
        return None

    def lives(self) -> list[Life]:
        """The processes seen, by their first event."""
        with self._mapped() as data:
            return sorted(
                (_life(data, pid, offsets) for pid, offsets in _index(data).items()),
                key=lambda life: life.started,
            )

    def _mapped(self) -> mmap.mmap:
        return _mapped(self._file)


def _mapped(file: FileIO) -> mmap.mmap:
    return mmap.mmap(file.fileno(), 0, access=_READ)


def _read_again(file: FileIO, offsets: Numbers, pids: list[int]) -> Iterator[Event]:
    with _mapped(file) as data:
        paths: dict[int, dict[int, bytes]] = {pid: {} for pid in pids}
        yield from _decoded(data, _given_back(data, offsets), paths)


def _chunks(data: mmap.mmap) -> Iterator[tuple[int, int, int]]:
    """Where each chunk begins, ends, and is filled to. One whose claimer was killed before it wrote
    the chunk's head is all zeros and is passed over by granules."""
    header = HEADER.unpack_from(data)
    end, at = min(header[3], header[4], len(data)), DATA_START
    while at + CHUNK.size <= end:
        magic, size, used, *_ = CHUNK.unpack_from(data, at)
        if magic != CHUNK_MAGIC or size < GRANULE or size % GRANULE:
            at += GRANULE
            continue
        whole = min(size, len(data) - at)
        yield at, at + whole, at + min(used, whole)
        at += size


def _records(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Offset and length word of each record from `at`, to the first that was never begun."""
    while at + RECORD.size <= end:
        word: int = WORD.unpack_from(data, at)[0]
        length = word & ~7
        if length < RECORD.size or at + length > end:
            return
        yield at, word
        at += length


def _index(data: mmap.mmap) -> dict[int, array[int]]:
    """The offsets of each process's records."""
    index: dict[int, array[int]] = {}
    whose, held = _WHOSE.unpack_from, 0
    for begin, _, end in _chunks(data):
        if begin - held > _PASSED:
            _let_go(data)
            held = begin
        at, last = begin + CHUNK.size, end - RECORD.size
        while at <= last:
            word, pid = whose(data, at)
            length = word & ~7
            if length < RECORD.size or at + length > end:
                break
            if not word & UNFINISHED:
                if pid in index:
                    index[pid].append(at)
                else:
                    index[pid] = array("Q", (at,))
            at += length
    return index


def _unread(data: mmap.mmap, read: dict[int, int]) -> Iterator[tuple[int, int]]:
    """The offsets of the records behind `read`, which says for each chunk how far it was read, and whose they are."""
    for begin, _, end in _chunks(data):
        for at, word in _records(data, read.get(begin, begin + CHUNK.size), end):
            if word & UNFINISHED:
                break
            yield at, _WHOSE.unpack_from(data, at)[1]
            read[begin] = at + word


def _tick(data: mmap.mmap, at: int) -> int:
    tick: int = PROGRESS.unpack_from(data, at + 16)[0]
    return tick


def _kind(data: mmap.mmap, at: int) -> int:
    kind: int = RECORD.unpack_from(data, at)[1]
    return kind


def _all(data: mmap.mmap, index: Mapping[int, array[int]]) -> list[Event]:
    offsets = [at for own in index.values() for at in own]
    return _decode(data, _ordered(data, offsets), {pid: {} for pid in index})


def _ordered(data: mmap.mmap, offsets: array[int] | list[int]) -> array[int] | list[int]:
    """Threads and their chunks mix the order of ticks; most processes have one thread."""
    last, tick_at = 0, PROGRESS.unpack_from
    for at in offsets:
        (tick,) = tick_at(data, at + 16)
        if tick < last:
            return sorted(offsets, key=lambda at: _tick(data, at))
        last = tick
    return offsets


def _merged(data: mmap.mmap, index: dict[int, array[int]]) -> Iterable[int]:
    """All offsets in order of tick. Those of `index` are let go of."""
    orders = [_ordered(data, index[pid]) for pid in index]
    _let_go(data)
    index.update(dict.fromkeys(index, array("Q")))
    return orders[0] if len(orders) == 1 else merge(*orders, key=lambda at: _tick(data, at))


def _given_back(data: mmap.mmap, offsets: Iterable[int]) -> Iterator[int]:
    """The same; what is read at them is given back on the way."""
    coming = iter(offsets)
    while some := array("Q", islice(coming, _AT_ONCE)):
        yield from some
        _let_go(data)


def _let_go(data: mmap.mmap) -> None:
    """What was read of a file counts as memory until it is given back."""
    data.madvise(mmap.MADV_DONTNEED)


def _life(data: mmap.mmap, pid: int, offsets: array[int]) -> Life:
    ordered = _ordered(data, offsets)
    last = RECORD.unpack_from(data, ordered[-1])
    return Life(pid, _tick(data, ordered[0]), last[5], last[1] == _EXITED)


def stat_like(before: Stat, fields: tuple[int, int, int, int, int]) -> Stat:
    """A stat whose numbers are the same objects as those of the one before, where they are equal: of very many
    that is most of the memory."""
    device, inode, size, mtime, ctime = fields
    return Stat(
        before.device if device == before.device else device,
        before.inode if inode == before.inode else inode,
        size,
        mtime,
        mtime if ctime == mtime else ctime,
    )


class _Payload:
    """Reads the fields of one record's payload in their order."""

    __slots__ = ("at", "file", "opened", "own", "path", "raw", "state")

    def __init__(self, file: mmap.mmap) -> None:
        self.file = file
        self.own = b""
        self.at = 0
        self.raw, self.state = b"", Stat(0, 0, 0, 0, 0)  # the last that was read
        self.path, self.opened = b"", 0

    def word(self) -> int:
        number: int = WORD.unpack_from(self.own, self.at)[0]
        self.at += 4
        return number

    def long(self) -> int:
        number: int = PROGRESS.unpack_from(self.own, self.at)[0]
        self.at += 8
        return number

    def text(self) -> bytes:
        length = self.word()
        if length == ELSEWHERE:
            return self.text_at(self.long())
        self.at += length
        return self.own[self.at - length : self.at]

    def text_at(self, offset: int) -> bytes:
        """A text that another record wrote; empty where there is none."""
        start = offset + WORD.size
        if not DATA_START <= offset <= len(self.file) - WORD.size:
            return b""
        length = WORD.unpack_from(self.file, offset)[0]
        return b"" if length > LONGEST_TEXT else self.file[start : start + length]

    def kept(self) -> bytes:
        """The descriptors that are left to the next image, which announces them itself."""
        begin = self.at + 8
        self.at = begin + KEPT.size * WORD.unpack_from(self.own, self.at)[0]
        return self.own[begin : self.at]

    def stat(self) -> Stat:
        begin = self.at
        self.at = end = begin + STAT.size
        return self.stat_of(self.own[begin:end])

    def stat_of(self, raw: bytes) -> Stat:
        """One object where it is what the stat before was: as what a file was left in, then opened in."""
        if raw != self.raw:
            self.state = stat_like(self.state, STAT.unpack(raw))
            self.raw = raw
        return self.state

    def named(self, begin: int, length: int) -> bytes:
        """A text of that length, as one object where it is what the one before was."""
        if length == ELSEWHERE:
            text = self.text_at(PROGRESS.unpack_from(self.own, begin)[0])
        else:
            text = self.own[begin : begin + length]
        if text and text != self.path:
            self.path = text
        return self.path if text else text

    def stat_if(self, there: int) -> Stat | None:
        return self.stat() if there else None

    def texts(self) -> list[bytes]:
        """With an ellipsis behind them where more followed."""
        number = self.word()
        texts = [self.text() for _ in range(number & ~SHORTENED)]
        return [*texts, ELLIPSIS] if number & SHORTENED else texts

    def descriptors(self) -> list[Descriptor]:
        return [self.descriptor() for _ in range(self.word())]

    def descriptor(self) -> Descriptor:
        fd, kind, access, *stat = DESCRIPTOR.unpack_from(self.own, self.at)
        self.at += DESCRIPTOR.size
        readable, writable = bool(access & READABLE), bool(access & WRITABLE)
        return Descriptor(fd, KINDS[kind], readable, writable, Stat(*stat), self.text())


Read = Callable[[_Payload, int, int, int, int, dict[int, bytes]], Event]
"""What decodes one type of record: its payload, flags, value, pid and tick, and the paths of this
process's opens by their ticks."""


def _image(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    executable, cwd, inherited = p.text(), p.text(), p.descriptors()
    return Image(value, executable, p.texts(), cwd, inherited, pid=pid, tick=tick)


def _forked(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    inherited = p.descriptors()
    looked = p.long() if len(p.own) - p.at >= PROGRESS.size else tick
    return Forked(value, inherited, looked, pid=pid, tick=tick)


def _executing(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    kept = p.kept()
    reason, path, argv = p.text().decode(), p.text(), p.texts()
    inherited = [_end(*entry) for entry in KEPT.iter_unpack(kept)] if reason == INERT else []
    traceable = bool(flags & TRACEABLE)
    return Executing(path, argv, traceable, reason, inherited, value, pid=pid, tick=tick)


def _end(fd: int, access: int, device: int, inode: int, kind: int, _: int) -> Descriptor:
    """One of the ends that an inert program is given."""
    readable, writable = bool(access & READABLE), bool(access & WRITABLE)
    return Descriptor(fd, KINDS[kind], readable, writable, Stat(device, inode, 0, 0, 0))


def _exec_failed(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    return ExecFailed(value, pid=pid, tick=tick)


def _opened(
    p: _Payload, flags: int, value: int, pid: int, tick: int, paths: dict[int, bytes]
) -> Event:
    own = p.own
    if flags & HAS_BEFORE:
        raw, earlier, length = _OPENED_ANEW.unpack_from(own)
        after, before, begin = p.stat_of(raw), p.stat_of(earlier), _OPENED_ANEW.size
    else:
        raw, length = _OPENED.unpack_from(own)
        after, before, begin = p.stat_of(raw), None, _OPENED.size
    path = p.named(begin, length)
    readable, writable, truncates, appends, created = _ACCESS[flags & (len(_ACCESS) - 1)]
    p.opened = tick
    if not writable:
        paths[tick] = path
    return Opened(
        value,
        path,
        readable,
        writable,
        truncates,
        appends,
        created,
        after,
        before,
        pid=pid,
        tick=tick,
    )


_ACCESS: Final = [
    tuple(bool(flags & which) for which in (READABLE, WRITABLE, TRUNCATES, APPENDS, CREATED))
    for flags in range(1 << 5)
]
"""What the flags of an `Opened` say, by those flags."""


def _closed(
    p: _Payload, flags: int, value: int, pid: int, tick: int, paths: dict[int, bytes]
) -> Event:
    opened, raw, length = _CLOSED.unpack_from(p.own)
    stat, path = p.stat_of(raw), p.named(_CLOSED.size, length)
    if opened == p.opened:
        opened = p.opened  # one object
    path = path or paths.pop(opened, b"")
    mapped, wrote, took = bool(flags & MAPPED), bool(flags & GIVEN), bool(flags & READABLE)
    return Closed(value, path, opened, stat, mapped, wrote, took, pid=pid, tick=tick)


def _renamed(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    stat, replaced = p.stat_if(flags & HAS_STAT), p.stat_if(flags & HAS_REPLACED)
    return Renamed(
        p.text(),
        p.text(),
        stat,
        replaced,
        bool(flags & DIRECTORY),
        bool(flags & EXCHANGE),
        pid=pid,
        tick=tick,
    )


def _linked(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    stat = p.stat_if(flags & HAS_STAT)
    return Linked(p.text(), p.text(), stat, pid=pid, tick=tick)


def _unlinked(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    stat = p.stat_if(flags & HAS_STAT)
    return Unlinked(p.text(), stat, pid=pid, tick=tick)


def _truncated(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    before, after = p.stat_if(flags & HAS_BEFORE), p.stat_if(flags & HAS_STAT)
    return Truncated(p.text(), before, after, pid=pid, tick=tick)


def _piped(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    readable, writable, named = bool(flags & READABLE), bool(flags & WRITABLE), flags & BY_NAME
    inode, device = p.long(), p.long() if named else 0
    inode = -inode if flags & OF_TERMINAL else inode
    return Piped(value, inode, readable, writable, bool(named), device, pid=pid, tick=tick)


def _paired(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    return Paired(p.long(), p.long(), pid=pid, tick=tick)


def _connected(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    inode, network, other, listener = p.long(), p.long(), p.word(), p.word()
    return Connected(
        inode,
        p.text().decode(),
        p.text(),
        p.text(),
        bool(flags & ACCEPTED),
        bool(flags & GIVEN),
        network,
        other,
        listener,
        pid=pid,
        tick=tick,
    )


def _parted(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    return Parted(p.long(), bool(flags & HEARD), pid=pid, tick=tick)


def _drawn(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    return Drawn(value, p.long(), p.long(), p.long(), pid=pid, tick=tick)


def _talked(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    inode, turn, kind = p.long(), p.word(), KINDS[p.word()]
    took, gave, lasting = (bool(flags & which) for which in (READABLE, WRITABLE, MAPPED))
    return Talked(value, inode, kind, turn, took, gave, lasting, pid=pid, tick=tick)


def _moved(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    return Moved(p.text(), pid=pid, tick=tick)


def _exited(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    return Exited(value, pid=pid, tick=tick)


def _killed(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    return Killed(value, pid=pid, tick=tick)


def _missed(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    return Missed(p.text().decode(), p.text(), pid=pid, tick=tick)


def _preserved(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    return Preserved(p.stat(), p.text(), pid=pid, tick=tick)


def _memory(p: _Payload, flags: int, value: int, pid: int, tick: int, _: object) -> Event:
    return Memory(value, pid=pid, tick=tick)


_IMAGE, _EXITED = 1, 13
_READERS: dict[int, Read] = {
    _IMAGE: _image,
    2: _forked,
    3: _executing,
    4: _exec_failed,
    5: _opened,
    6: _closed,
    7: _renamed,
    8: _linked,
    9: _unlinked,
    10: _truncated,
    11: _piped,
    12: _moved,
    _EXITED: _exited,
    14: _missed,
    15: _preserved,
    16: _paired,
    17: _connected,
    18: _parted,
    19: _drawn,
    20: _memory,
    21: _talked,
    22: _killed,
}
_ABOUT_PROGRAMS: Final = (_image, _forked, _executing, _exec_failed, _piped, _exited, _killed)
_OF_PROGRAMS: Final = frozenset(kind for kind, read in _READERS.items() if read in _ABOUT_PROGRAMS)


def _decode(
    data: mmap.mmap, offsets: array[int] | list[int], paths: dict[int, dict[int, bytes]]
) -> list[Event]:
    return list(_decoded(data, offsets, paths))


def _decoded(
    data: mmap.mmap, offsets: Iterable[int], paths: dict[int, dict[int, bytes]]
) -> Iterator[Event]:
    payload, own = _Payload(data), dict[int, bytes]()
    last, head, size, readers = -1, RECORD.unpack_from, RECORD.size, _READERS
    for at in offsets:
        length, kind, flags, pid, value, tick = head(data, at)
        payload.own, payload.at = data[at + size : at + length], 0
        try:
            if pid != last:
                own, last = paths[pid], pid  # one object for all events of a process
            yield readers[kind](payload, flags, value, last, tick, own)
        except (KeyError, IndexError, struct_error, UnicodeDecodeError):
            yield Missed("damaged record", str(kind).encode(), pid=pid, tick=tick)
        if flags & CUT:
            yield Missed("cut", pid=pid, tick=tick)
