"""How is a batch applied while this process goes on? In a fork of it, which has the batch already.

A connection is not to be taken across a fork, so the caller has none open then. What the fork could not do, whatever
the reason, is done again by the one who waits for it: applying a batch twice is applying it once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import apsw

from provgraph.model.elements import Batch
from provgraph.store.embedded import apply
from provgraph.store.embedded.opening import open_database


@dataclass(frozen=True, slots=True)
class Begun:
    """A batch that process `pid` applies, when it is `ready` to be applied."""

    pid: int
    batch: Batch
    ready: Callable[[], None]

    def is_done(self) -> bool:
        """Wait for it; whether it could be done."""
        try:
            _, status = os.waitpid(self.pid, 0)
        except ChildProcessError:  # somebody else waited for it
            return False
        return status == 0


def begin(path: Path, batch: Batch, ready: Callable[[], None]) -> Begun | None:
    """None where there is no process to be had."""
    try:
        pid = os.fork()
    except OSError:
        return None
    if pid == 0:
        _apply(path, batch, ready)
    return Begun(pid, batch, ready)


def _apply(path: Path, batch: Batch, ready: Callable[[], None]) -> None:
    """Ends the process, with nothing that its end would do otherwise: that is its parent's."""
    status = 1
    try:
        ready()
        connection = open_database(path).connection
        apply.apply(connection, batch)
        connection.close()
        status = 0
    finally:
        os._exit(status)


def leave(connection: apsw.Connection) -> None:
    """Close a connection for a moment: what is in the log stays there."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()
