"""Did the programs of a run read what a pipe from outside gives them on standard input?

Who reads it is not seen, only what the pipe holds before the run and after it: as much, if nobody did. A pipe that was full,
or to which more came, may have been read, which counts as read. `native/given.h` asks the same for the front.
"""

from __future__ import annotations

import fcntl
import os
import select
import stat
import termios

import msgspec

GAP = "input through a pipe from outside the run not seen"


class Given(msgspec.Struct, frozen=True):
    """`room` is for how much; `over`: nobody is left who could write into it."""

    held: int
    room: int
    over: bool

    @classmethod
    def now(cls) -> Given | None:
        """None where standard input is no pipe."""
        try:
            if not stat.S_ISFIFO(os.fstat(0).st_mode):
                return None
            held = int.from_bytes(fcntl.ioctl(0, termios.FIONREAD, bytes(4)), "little")
            room = fcntl.fcntl(0, fcntl.F_GETPIPE_SZ)
            asked = select.poll()
            asked.register(0, select.POLLIN)
            said = dict(asked.poll(0)).get(0, 0)
        except OSError:
            return None
        return cls(held, room, bool(said & select.POLLHUP))


def was_heard(before: Given | None, after: Given | None) -> bool:
    """
    >>> open, over = Given(0, 64, over=False), Given(0, 64, over=True)
    >>> was_heard(open, over), was_heard(open, open), was_heard(over, over)
    (True, False, False)
    >>> some, full = Given(9, 64, over=False), Given(64, 64, over=False)
    >>> was_heard(some, open), was_heard(some, some), was_heard(full, full)
    (True, False, True)
    """
    if before is None or after is None or (before.over and not before.held):
        return False
    if before.held != after.held:
        return True
    return not after.over and 2 * after.held > after.room if after.held else after.over
