"""How is a batch made and applied while this process goes on? In a fork of it, which has in memory what it is made from.

A connection is not to be taken across a fork, so the caller has none open then. Any number of processes may wait for
a fork. What it could not do, whatever the reason, is done again by who waits for it: applying a batch twice is
applying it once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import apsw

from provgraph.model.elements import Batch

_DONE = b"\0"


@dataclass(frozen=True, slots=True)
class Work:
    """A batch that is to be made, in pieces, and applied, when it is `ready` to be. `artifacts` are those whose timelines it may
    change, None where that is not known; `batch` is there where it has been made."""

    make: Callable[[Any], Iterable[Batch]]
    artifacts: frozenset[str] | None
    ready: Callable[[], None]
    batch: Batch | None = None

    def may_make(self, ids: Collection[str]) -> bool:
        """Whether some of these nodes may be among its."""
        if self.batch is None or not ids:
            return bool(ids)
        return any(node.id in ids for node in self.batch.nodes)


class Begun:
    """Process `pid` is at some work."""

    def __init__(self, work: Work, pid: int, over: BinaryIO, told: int) -> None:
        self.work, self.pid = work, pid
        self._over: BinaryIO | None = over
        self._told = told
        self._is_done = False

    def is_done(self) -> bool:
        """Wait for it; whether it could be done."""
        if self._over is not None:
            self._over.read()  # ends with the process
            self._is_done = os.pread(self._told, len(_DONE), 0) == _DONE
            self._over.close()
            self._over = None
            os.close(self._told)
            with suppress(ChildProcessError):  # another's, or somebody else waited for it
                os.waitpid(self.pid, 0)
        return self._is_done


def begin(work: Work, do: Callable[[], object]) -> Begun | None:
    """Have a fork `do` the work. None where there is no process to be had."""
    told = os.memfd_create("told")
    over, open_until = os.pipe2(os.O_CLOEXEC)
    try:
        pid = os.fork()
    except OSError:
        for file in (told, over, open_until):
            os.close(file)
        return None
    if pid == 0:
        _do(do, told)
    os.close(open_until)
    return Begun(work, pid, open(over, "rb", buffering=0), told)


def _do(do: Callable[[], object], told: int) -> None:
    """Ends the process, with nothing that its end would do otherwise: that is its parent's. What was made is held until
    then: to take it apart would take longer than to end."""
    try:
        _made = do()
        os.write(told, _DONE)
    finally:
        os._exit(0)


def leave(connection: apsw.Connection) -> None:
    """Close a connection for a moment: what is in the log stays there."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()


def do_not_sync(connection: apsw.Connection) -> None:
    """What it commits is in the log, in order, and on the disk with what is committed next by another, at the latest: the
    watermark comes last. So nobody waits for the disk meanwhile. A database without a log needs to."""
    if connection.pragma("journal_mode") == "wal":
        connection.execute("PRAGMA synchronous = NORMAL")
