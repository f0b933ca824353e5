"""Did the programs of a run read what a pipe from outside gives them on standard input?

The kernel tells that somebody took something out of it, and says so surely from Linux 6.6 on. Where it does not, there is
only what the pipe holds before the run and after it: as much, if nobody did. A pipe that was full, or to which more came,
may have been read then, which counts as read. `native/given.h` asks the same for the front.
"""

from __future__ import annotations

import fcntl
import os
import select
import stat
import termios
from contextlib import suppress

import msgspec

GAP = "input through a pipe from outside the run not seen"
_IN_ACCESS, _IN_ONESHOT = 1, 1 << 31


class Given(msgspec.Struct, frozen=True):
    """`room` is for how much; `over`: nobody is left who could write into it, but by its name, which is `named`."""

    held: int
    room: int
    over: bool
    named: bool = False

    @classmethod
    def now(cls) -> Given | None:
        """None where standard input is no pipe."""
        try:
            if not stat.S_ISFIFO(os.fstat(0).st_mode):
                return None
            asked = select.poll()
            asked.register(0, select.POLLIN)
            said = dict(asked.poll(0)).get(0, 0)
            # Who writes last and goes does so before or between the two: what it holds once nobody is left is all there
            # will be.
            held = int.from_bytes(fcntl.ioctl(0, termios.FIONREAD, bytes(4)), "little")
            room = fcntl.fcntl(0, fcntl.F_GETPIPE_SZ)
        except OSError:
            return None
        return cls(held, room, bool(said & select.POLLHUP), named=not _has_no_name())

    @property
    def nothing_more(self) -> bool:
        return self.over and not self.named and not self.held


def _has_no_name() -> bool:
    """Whether standard input lies in no folder."""
    with suppress(OSError):
        return os.readlink("/proc/self/fd/0").startswith("pipe:")
    return False


class Input:
    """What a run is given, from now on."""

    def __init__(self) -> None:
        self._before = Given.now()
        self._watch: int | None = None
        if self._before is not None and not self._before.nothing_more:
            self._watch = _watch_reading(0)

    def was_heard(self) -> bool:
        if self._watch is not None and _says_read(self._watch):
            return True
        heard = may_be_heard(self._before, Given.now())
        return heard and not (self._watch is not None and tells_of_reading())


def may_be_heard(before: Given | None, after: Given | None) -> bool:
    """
    >>> open, over = Given(0, 64, over=False), Given(0, 64, over=True)
    >>> may_be_heard(open, over), may_be_heard(open, open), may_be_heard(over, over)
    (True, False, False)
    >>> some, full = Given(9, 64, over=False), Given(64, 64, over=False)
    >>> may_be_heard(some, open), may_be_heard(some, some), may_be_heard(full, full)
    (True, False, True)
    >>> may_be_heard(Given(0, 64, over=True, named=True), over)
    True
    """
    if before is None or after is None or before.nothing_more:
        return False
    if before.held != after.held:
        return True
    return not after.over and 2 * after.held > after.room if after.held else after.over


def tells_of_reading() -> bool:
    """Whether this kernel tells of all ways of reading from a pipe: before Linux 6.6 not of splice(2)."""
    (take, give), (other, into) = os.pipe(), os.pipe()
    watch = _watch_reading(take)
    try:
        if watch is None or not os.write(give, b"x") or _says_read(watch):
            return False
        return os.splice(take, into, 1) == 1 and _says_read(watch)
    except OSError:
        return False
    finally:
        for file in (take, give, other, into, *([] if watch is None else [watch])):
            os.close(file)


def _watch_reading(file: int) -> int | None:
    """Of a pipe that is open here. It ends with what it says first."""
    import ctypes

    libc = ctypes.CDLL(None)
    try:
        watch: int = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        path = b"/proc/self/fd/%d" % file
        added = watch >= 0 and libc.inotify_add_watch(watch, path, _IN_ACCESS | _IN_ONESHOT) >= 0
    except AttributeError:  # no Linux
        return None
    if not added and watch >= 0:
        os.close(watch)
    return watch if added else None


def _says_read(watch: int) -> bool:
    try:
        return bool(os.read(watch, 4096))
    except OSError:
        return False
