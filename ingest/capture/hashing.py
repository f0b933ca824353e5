"""What bytes a file had: BLAKE3 digests, remembered by the file's stat within a run and across runs.

A digest belongs to a stat (device, inode, size, mtime, ctime): a file is hashed only while it has
the stat that was asked for, before and after its bytes were read, so a digest is never that of
other bytes. A file too young for its timestamps to tell two writes apart is hashed again instead of
being believed.
"""

from __future__ import annotations

import fcntl
import os
import stat as modes
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
from blake3 import blake3

from provgraph.ingest.capture.events import (
    Closed,
    Event,
    Linked,
    Opened,
    Preserved,
    Renamed,
    Truncated,
)
from provgraph.ingest.capture.put_away import Inode, PutAway, Told
from provgraph.model.records import Content, Stat

TAG: Final = "blake3:"
EMPTY: Final = TAG + blake3().hexdigest()
THREADED: Final = 64 * 1024 * 1024
"""Larger files (bytes) are hashed with every core."""
_PIECE: Final = 1024 * 1024
_LARGE_PIECE: Final = 16 * 1024 * 1024
_YOUNG: Final = 2_000_000_000
"""Nanoseconds: a file that was hashed so soon after its last change is not kept across runs (some
file systems count time in steps of two seconds)."""
_TICK: Final = 20_000_000
"""The same within a run: the step of the kernel's own file times, with room."""
_NAMES_TRIED: Final = 64
"""Of the names that a file had, so many of the last ones are looked at for what is there now."""

MOST_KNOWN: Final = 50_000
"""What is known of more files than these is not all held in memory, where there is room elsewhere."""


class Interrupted(Exception):
    """Hashing was asked to stop."""


def _inode(stat: Stat) -> Inode:
    return stat.device, stat.inode


def _change(stat: Stat) -> tuple[int, int, int, int]:
    return stat.device, stat.inode, stat.size, stat.mtime


def _is_touched(one: Stat, other: Stat) -> bool:
    """Whether nothing but times tells two states of a file apart."""
    return _inode(one) == _inode(other) and one.size == other.size


def stat_of(found: os.stat_result) -> Stat:
    return Stat(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def regular(path: bytes) -> Stat | None:
    """The stat of a regular file, not following a link; None where there is none."""
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return None
    return stat_of(found) if modes.S_ISREG(found.st_mode) else None


def never() -> bool:
    return False


def hash_file(
    path: bytes, accept: Callable[[Stat], bool], interrupted: Callable[[], bool] = never
) -> tuple[str, Stat] | None:
    """The digest of the file at `path` and the stat it had meanwhile.

    None where it is no regular file, cannot be read, `accept` refuses its stat, or it changed while
    it was read. Raises `Interrupted`.
    """
    try:
        file = _open(path)
    except (OSError, ValueError):
        return None
    try:
        found = os.fstat(file)
        before = stat_of(found)
        if not modes.S_ISREG(found.st_mode) or not accept(before):
            return None
        digest = _digest(file, before.size, interrupted)
        return (TAG + digest, before) if stat_of(os.fstat(file)) == before else None
    except OSError:
        return None
    finally:
        os.close(file)


def _open(path: bytes) -> int:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    try:
        return os.open(path, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:  # O_NOATIME is for the owner only
        return os.open(path, flags)


def _digest(file: int, size: int, interrupted: Callable[[], bool]) -> str:
    # Read, not mapped: a mapped file that another process truncates ends this one by SIGBUS.
    large = size > THREADED
    hasher = blake3(max_threads=blake3.AUTO) if large else blake3()
    if size < _PIECE:
        while piece := os.read(file, _PIECE):
            hasher.update(piece)
        return hasher.hexdigest()
    buffer = memoryview(bytearray(_LARGE_PIECE if large else _PIECE))
    while count := os.readv(file, [buffer]):
        hasher.update(buffer[:count])
        if interrupted():
            raise Interrupted
    return hasher.hexdigest()


class Found(msgspec.Struct, frozen=True):
    """A digest that somebody else took: `asked` is the stat that was told, `found` the one that was
    hashed. `began` is a tick before the first byte was read, `at` the time (nanoseconds, UTC) when
    the last had been. `blob` is git's name of the bytes as they are, without a tag; empty where it
    was not asked for."""

    asked: Stat
    found: Stat
    digest: str
    began: int
    at: int
    blob: str = ""


class Entry(msgspec.Struct, frozen=True):
    """`blob` is git's name of the same bytes, zeros where nobody asked for it."""

    stat: Stat
    digest: bytes
    blob: bytes = bytes(20)


MAGIC: Final = b"provgraph digests 2\n"
_ENTRY: Final = struct.Struct(">QQqqq32s20s")
_WIDTH: Final = _ENTRY.size + 4
_KEY: Final = 16
_CTIME: Final = slice(32, 40)  # big-endian, so that bytes stand in order of time
_SORTED: Final = "sorted"
_LOOSE: Final = ".loose"
_MOST: Final = 500_000
_MANY_LOOSE: Final = 32


def _encoded(entry: Entry) -> bytes:
    device, inode, size, mtime, ctime = _fields(entry.stat)
    raw = _ENTRY.pack(device, inode, size, mtime, ctime, entry.digest, entry.blob)
    return raw + zlib.crc32(raw).to_bytes(4, "big")


def _fields(stat: Stat) -> tuple[int, int, int, int, int]:
    return stat.device, stat.inode, stat.size, stat.mtime, stat.ctime


def _is_whole(raw: bytes) -> bool:
    return zlib.crc32(raw[:-4]) == int.from_bytes(raw[-4:], "big")


def _decoded(raw: bytes) -> Entry | None:
    if not _is_whole(raw):
        return None
    *fields, digest, blob = _ENTRY.unpack(raw[:-4])
    return Entry(Stat(*fields), digest, blob)


def _raw_entries(data: bytes) -> Iterator[bytes]:
    """The entries of a file of them as they stand there, those that are damaged left out."""
    if not data.startswith(MAGIC):
        return
    for at in range(len(MAGIC), len(data) - _WIDTH + 1, _WIDTH):
        raw = data[at : at + _WIDTH]
        if _is_whole(raw):
            yield raw


def _entries(data: bytes) -> Iterator[Entry]:
    return filter(None, map(_decoded, _raw_entries(data)))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


class Cache:
    """Digests kept across runs in `folder`: a file sorted by inode, and one loose file a run,
    appended to as it hashes. Nothing in it is needed: what is missing or damaged is hashed again.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self._folder = folder
        self._own = folder / f"{run}{_LOOSE}"
        self._file = -1
        self._loaded = False
        self._loose: dict[Inode, Entry] = {}
        self._sorted = b""

    def find(self, stat: Stat) -> str:
        """The digest of the file with exactly this stat, empty where it is not known."""
        if not self._loaded:
            self._load()
        key = (stat.device, stat.inode)
        entry = self._loose.get(key) or self._search(_ENTRY.pack(*key, 0, 0, 0, b"", b"")[:_KEY])
        return TAG + entry.digest.hex() if entry and entry.stat == stat else ""

    def keep(self, stat: Stat, digest: str, now: int) -> None:
        """Keep a digest taken at `now` (nanoseconds, UTC), unless the file is too young."""
        if now - max(stat.mtime, stat.ctime) < _YOUNG:
            return
        entry = Entry(stat, bytes.fromhex(digest.removeprefix(TAG)))
        with suppress(OSError, struct.error):
            if self._file < 0:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                self._file = os.open(self._own, flags, 0o600)
                if os.fstat(self._file).st_size == 0:
                    os.write(self._file, MAGIC)
            os.write(self._file, _encoded(entry))

    def close(self) -> None:
        """Merge loose files where there are many; leaves that to another process that is at it."""
        self.leave()
        with suppress(OSError):  # the native front only adds to them
            self._merge()

    def leave(self) -> None:
        """Close what is open."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _load(self) -> None:
        self._loaded = True
        self._sorted = _read(self._folder / _SORTED)
        if not self._sorted.startswith(MAGIC) or (len(self._sorted) - len(MAGIC)) % _WIDTH:
            self._sorted = b""
        for path in self._loose_files():
            for entry in _entries(_read(path)):
                self._loose[entry.stat.device, entry.stat.inode] = entry

    def _loose_files(self) -> list[Path]:
        with suppress(OSError):
            found = [entry for entry in os.scandir(self._folder) if entry.name.endswith(_LOOSE)]
            found.sort(key=lambda entry: entry.stat().st_mtime_ns)
            return [Path(entry.path) for entry in found]
        return []

    def _search(self, key: bytes) -> Entry | None:
        data, low, high = self._sorted, 0, (len(self._sorted) - len(MAGIC)) // _WIDTH
        while low < high:
            middle = (low + high) // 2
            at = len(MAGIC) + middle * _WIDTH
            found = data[at : at + _KEY]
            if found == key:
                return _decoded(data[at : at + _WIDTH])
            low, high = (middle + 1, high) if found < key else (low, middle)
        return None

    def _merge(self) -> None:
        files = self._loose_files()
        weight = sum(path.stat().st_size for path in files)
        known = self._folder / _SORTED
        size = known.stat().st_size if known.exists() else 0
        if len(files) < _MANY_LOOSE and weight < max(1 << 16, size // 8):
            return
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._write_sorted(known, files)
        finally:
            os.close(lock)

    def _write_sorted(self, known: Path, files: list[Path]) -> None:
        merged: dict[
            bytes, bytes
        ] = {}  # there may be very many: as they stand there, they take least
        for path in (known, *files):
            merged.update((raw[:_KEY], raw) for raw in _raw_entries(_read(path)))
        newest = list(merged.values())
        merged.clear()
        if len(newest) > _MOST:
            newest.sort(key=lambda raw: raw[_CTIME])
            newest = newest[-_MOST:]
        newest.sort()  # by inode
        fresh = known.with_suffix(f".{os.getpid()}")
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(file, "wb") as out:
                out.write(MAGIC)
                out.writelines(newest)
            fresh.replace(known)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        for path in files:
            path.unlink(missing_ok=True)


class _Seen(msgspec.Struct, gc=False):
    """An inode: its last name, those before it, the last one last, and when it was last opened to be
    written or changed. `latest` is the latest mtime that it was closed with after a write, `since` its ctime then, and
    `closed` how it was when it was closed last after a write."""

    name: bytes
    before: dict[bytes, None] | None = None
    written: int = 0
    latest: int = 0
    since: int = 0
    closed: Stat | None = None

    def rename(self, name: bytes) -> None:
        before = self.before or {}
        before[self.name] = None
        before.pop(name, None)
        self.name, self.before = name, before

    def names(self) -> Iterator[bytes]:
        """The last first."""
        yield self.name
        yield from reversed(self.before or {})


Known = tuple[str, Stat]
"""A digest, and the stat that the file had when it was hashed."""


class Contents:
    """What the files of one run contained, as events tell of them.

    `matters` says which paths are worth hashing while the program still runs; `interrupted` is
    asked between pieces, after which nothing more is hashed. Where the run has ended some time ago,
    `until` is when (nanoseconds, UTC) and `ends` knows the stats that files had then: what was
    changed since is not taken for what the run had. `room` is a folder for what is known of very many files.
    """

    def __init__(
        self,
        cache: Cache | None = None,
        matters: Callable[[bytes], bool] = lambda path: True,
        interrupted: Callable[[], bool] = never,
        until: int = 0,
        ends: Callable[[bytes], Stat | None] = lambda path: None,
        room: Path | None = None,
    ) -> None:
        self.cache = cache
        self.matters = matters
        self._interrupted = interrupted
        self._until = until
        self._ends = ends
        self._digests: dict[Stat, Known] = {}
        self._by_change: dict[tuple[int, int, int, int], Known] = {}
        self._young: set[Stat] = set()
        self._seen: dict[Inode, _Seen] = {}
        self._open: dict[tuple[int, int, bytes], bool] = {}
        """What is open, and whether it may be written."""
        self.blobs: dict[Stat, str] = {}
        self.plain_blobs: dict[Stat, str] = {}
        """What git would name the bytes as they are, before any conversion."""
        self.stopped = False
        self._room = room
        self._away: PutAway | None = None
        self._present: set[Inode] = set()
        """Those of which all that is known is in memory, once something was put away."""
        self._changing: set[Inode] = set()

    # What is known of very many files

    def _recall(self, stat: Stat, *, changing: bool = False) -> None:
        """To be done before anything is asked or said of an inode."""
        if self._room is None:
            return
        if self._away is None:  # all that is known is in memory
            if len(self._seen) < MOST_KNOWN and len(self._digests) < MOST_KNOWN:
                return
            self._put_away(self._room)
        inode = _inode(stat)
        if inode not in self._present:
            if len(self._present) >= MOST_KNOWN:
                self._put_away(self._room)
            self._present.add(inode)
            self._take_back(inode)
        if changing:
            self._changing.add(inode)

    def _take_back(self, inode: Inode) -> None:
        told = None if self._away is None else self._away.take(inode)
        if told is None:
            return
        if told.names:
            *before, name = told.names
            earlier = dict.fromkeys(before) or None
            self._seen[inode] = _Seen(
                name, earlier, told.written, told.latest, told.since, told.closed
            )
        self._digests.update((stat, (digest, found)) for stat, digest, found in told.digests)
        for size, mtime, digest, found in told.changes:
            self._by_change[(*inode, size, mtime)] = digest, found
        self._young.update(told.young)

    def _put_away(self, room: Path) -> None:
        if self._away is None:
            self._changing = {*self._seen, *map(_inode, self._digests), *map(_inode, self._young)}
            self._changing.update((device, number) for device, number, *_ in self._by_change)
        told: dict[Inode, Told] = {inode: Told() for inode in self._changing}
        nobody = Told()
        for inode, seen in self._seen.items():
            known = told.get(inode, nobody)
            known.names, known.written = [*(seen.before or ()), seen.name], seen.written
            known.latest, known.since, known.closed = seen.latest, seen.since, seen.closed
        for stat, (digest, found) in self._digests.items():
            told.get(_inode(stat), nobody).digests.append((stat, digest, found))
        for (device, number, size, mtime), (digest, found) in self._by_change.items():
            told.get((device, number), nobody).changes.append((size, mtime, digest, found))
        for stat in self._young:
            told.get(_inode(stat), nobody).young.append(stat)
        if self._away is None:
            self._away = PutAway(room)
        self._away.put(told.items())
        for held in (self._seen, self._digests, self._by_change, self._young):
            held.clear()
        self._present.clear()
        self._changing.clear()

    def observe_all(self, events: Iterable[Event], digests: Iterable[Found]) -> None:
        """Take note of events, and between them of the digests that were taken then; hash nothing."""
        waiting = iter(digests)
        following = next(waiting, None)
        for event in events:
            while following is not None and following.began < event.tick:
                self.take(following)
                following = next(waiting, None)
            if type(event) is Opened:
                self._opened(event, hashing=False)
            elif type(event) is Closed:
                self._file_closed(event, hashing=False)
            else:
                self.observe(event, hashing=False)
        while following is not None:
            self.take(following)
            following = next(waiting, None)

    def observe(self, event: Event, *, hashing: bool = True) -> None:
        """Take note of an event, and hash what it says is there to be hashed."""
        match event:
            case Opened():
                self._opened(event, hashing=hashing)
            case Closed():
                self._file_closed(event, hashing=hashing)
            case Renamed() | Linked() if event.stat:
                self._named(event.stat, event.target)
            case Truncated() if event.after:
                self._changed(event.path, event.after, event.tick)
            case Preserved():
                digest = TAG + blake3(event.content).hexdigest()
                self._remember(event.stat, digest, event.stat, time.time_ns())
            case _:
                pass

    def content(self, path: bytes, stat: Stat | None, tick: int) -> Content:
        """What the file had when its stat was `stat`, at `tick`: with a digest where that is
        certain, else with the stat alone. No stat means the file as it is now. Every event has to
        have been observed before."""
        stat = stat or self.end(path)
        if stat is None:
            return Content()
        self._recall(stat)
        # `touch`, `cp -p` and `shutil.copy2` set the mtime after the last close: a file that no
        # captured process has opened for writing since still has the bytes that were written.
        digest = self.known(stat)
        if not digest:
            seen = self._seen.get(_inode(stat))
            lenient = seen is not None and seen.closed == stat and seen.written <= tick
            if lenient and (end := self.end(path)) and _is_touched(stat, end):
                digest = self.known(end)
            digest = digest or self._hash(path, stat, lenient=lenient)
        return Content(digest, self.blobs.get(stat, ""), stat.size, stat)

    def end(self, path: bytes) -> Stat | None:
        """The file's stat when the run ended, now if it has only just; None if that is not known."""
        end = self._ends(path)
        if end is None:
            end = regular(path)
            if end is not None and self._is_later(end):
                return None
        return end

    def take(self, found: Found) -> None:
        """Believe a digest that was taken during the run; in order of `began` among the events."""
        self._remember(found.asked, found.digest, found.found, found.at)
        if found.blob:
            self.plain_blobs[found.asked] = self.plain_blobs[found.found] = found.blob

    def close(self) -> None:
        if self.cache:
            self.cache.close()

    def _is_later(self, stat: Stat) -> bool:
        return 0 < self._until < stat.ctime

    def _opened(self, event: Opened, *, hashing: bool) -> None:
        seen = self._named(event.after, event.path)
        if event.created:  # its inode may have been another's, of whose names none leads to it
            seen.before = None
        self._open[event.pid, event.tick, event.path] = event.writable
        if event.writable:
            seen.written = max(seen.written, event.tick)
        elif hashing:
            self._hash_now(event.path, event.after)

    def _file_closed(self, event: Closed, *, hashing: bool) -> None:
        writable = self._open.pop((event.pid, event.opened, event.path), None)
        if writable is not False:  # not known: it was inherited, and written to
            self._changed(event.path, event.stat, event.tick)
        if writable and hashing:
            self._hash_now(event.path, event.stat)

    def _changed(self, path: bytes, stat: Stat, tick: int) -> None:
        seen = self._named(stat, path)
        if seen.closed != stat:  # a shell closes what its command has written
            seen.closed = stat
            seen.written = max(seen.written, tick)
            if stat.mtime >= seen.latest:
                seen.latest, seen.since = stat.mtime, stat.ctime
        if stat in self._young:  # a second write within one step of the clock: no stat tells
            self._digests.pop(stat, None)
            self._by_change.pop(_change(stat), None)

    def _set_back(self, stat: Stat) -> int:
        """Since when a file's mtime is an older one than it was once written at, 0 where it is not. A state of that
        mtime from before may have had other bytes."""
        seen = self._seen.get(_inode(stat))
        return seen.since if seen and stat.mtime < seen.latest and stat.ctime >= seen.since else 0

    def _named(self, stat: Stat, path: bytes) -> _Seen:
        key = (stat.device, stat.inode)
        seen = self._seen.get(key) if self._away is None else None
        if seen is None:
            self._recall(stat, changing=True)
            seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = _Seen(path)
        elif seen.name != path:
            seen.rename(path)
        return seen

    def _hash_now(self, path: bytes, stat: Stat) -> None:
        if not self.stopped and self.matters(path) and not self.known(stat):
            self._hash(path, stat)

    def known(self, stat: Stat) -> str:
        """The digest that is known for a stat without reading anything, empty where none is."""
        self._recall(stat)
        if stat.size == 0:
            return EMPTY
        known = self._digests.get(stat)
        if known and self._is_of(known[1], stat):
            return known[0]
        known = self._by_change.get(_change(stat))  # chmod, link and rename change the ctime alone
        if known and self._is_of(known[1], stat):
            return known[0]
        return self.cache.find(stat) if self.cache else ""

    def _is_of(self, hashed: Stat, stat: Stat) -> bool:
        """Whether a digest that was taken at the one counts for the other."""
        return hashed == stat or self._set_back(hashed) == self._set_back(stat)

    def _hash(self, path: bytes, stat: Stat, *, lenient: bool = False) -> str:
        def accept(found: Stat) -> bool:
            same = found.mtime == stat.mtime and found.size == stat.size
            same = same and self._set_back(found) == self._set_back(stat)
            same = same or (lenient and _is_touched(stat, found) and not self._is_later(found))
            return same and _inode(found) == _inode(stat)

        self._recall(stat)
        seen = self._seen.get(_inode(stat))
        for name in (path, *(islice(seen.names(), _NAMES_TRIED) if seen else ())):
            if self.stopped:
                break
            try:
                hashed = hash_file(name, accept, self._interrupted)
            except Interrupted:
                self.stopped = True
                break
            if hashed:
                now = time.time_ns()
                self._remember(stat, *hashed, now)
                if self.cache:
                    self.cache.keep(hashed[1], hashed[0], now)
                return hashed[0]
        return ""

    def _remember(self, asked: Stat, digest: str, found: Stat, now: int) -> None:
        for stat in (asked,) if found is asked else (asked, found):
            self._recall(stat, changing=True)
            self._digests[stat] = self._by_change[_change(stat)] = digest, found
            if now - max(stat.mtime, stat.ctime) < _TICK:
                self._young.add(stat)
