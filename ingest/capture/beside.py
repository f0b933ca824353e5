"""How is a run written down while this process goes on? In a fork of it, which has the records already.

The fork has the recording, its lock too, and removes it when everything is done. What it could not do, whatever the
reason, stays for the next time, as what a process leaves that is killed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from provgraph.errors import JournalError, reason_of
from provgraph.model.forks import is_possible
from provgraph.model.records import Record

LARGE: Final = 20_000
"""Fewer records are written sooner than a process is made."""

_DONE: Final = b"\0"
_LONGEST: Final = 4096


class Begun(NamedTuple):
    """Process `pid` is at it. `over` ends when it has written or has ended, and then `told` holds what it says of it:
    so any number of processes may wait for it."""

    pid: int
    over: BinaryIO
    told: int


class Writing:
    """The segment of a run, with its records, that is written, or is being written by another process."""

    def __init__(
        self, run: str, path: Path, records: list[Record], begun: Begun | None = None
    ) -> None:
        self.run, self.path, self.records = run, path, records
        self._begun = begun
        self._told: bytes | None = _DONE if begun is None else None

    @property
    def is_done(self) -> bool:
        return self._begun is None

    def wait(self) -> None:
        """Until the segment is on the disk. Raises `JournalError` where it could not be written."""
        if self._told is None and self._begun is not None:
            self._begun.over.read()
            self._told = os.pread(self._begun.told, _LONGEST, 0)
        if self._told != _DONE:
            reason = (self._told or b"its process was killed").decode(errors="replace")
            raise JournalError(f"{self.path} could not be written ({reason}); its run stays")

    def end(self) -> None:
        """Wait until nobody is at it any more."""
        if self._begun is not None:
            with suppress(JournalError):
                self.wait()
            self._begun.over.close()
            os.close(self._begun.told)
            with suppress(ChildProcessError):  # somebody else waited for it
                os.waitpid(self._begun.pid, 0)
            self._begun = None


def begin(write: Callable[[], None], then: Callable[[], None]) -> Begun | None:
    """`write` makes a segment durable, `then` does what nobody waits for. None where there is no process to be had."""
    if not is_possible():
        return None
    told = os.memfd_create("told")
    over, writing = os.pipe2(os.O_CLOEXEC)
    try:
        pid = os.fork()
    except OSError:
        os.close(told)
        os.close(over)
        os.close(writing)
        return None
    if pid == 0:
        _do(write, then, told, writing)
    os.close(writing)
    return Begun(pid, open(over, "rb", buffering=0), told)


def _do(write: Callable[[], None], then: Callable[[], None], told: int, writing: int) -> None:
    """Ends the process, with nothing that its end would do otherwise: that is its parent's."""
    try:
        try:
            write()
        except Exception as error:  # noqa: BLE001 - it is told, and the parent goes on
            os.write(told, reason_of(error).encode()[:_LONGEST])
        else:
            os.write(told, _DONE)
            os.close(writing)
            then()
    finally:
        os._exit(0)
