"""Which files were renamed past the shim? Told by their inodes.

Some libraries rename by a system call of their own (safetensors, and others that are written in Rust),
which the shim does not see. But the tree has been looked at before and after: a new file that has the
inode, size and time of one that a captured program wrote under a name that is gone is that one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from provgraph.ingest.capture.events import Closed, Event, Linked, Opened, Renamed
from provgraph.ingest.capture.tree import Change
from provgraph.model.records import Stat


def unseen_moves(events: Iterable[Event], changes: Iterable[Change]) -> Iterator[Renamed]:
    """The renames that no event tells of, each by who wrote the file, right after the close.

    >>> written = Stat(1, 7, 3, 100, 100)
    >>> create = Opened(3, b"/no/tmp1", False, True, True, False, True, written, pid=42, tick=5)
    >>> close = Closed(3, b"/no/tmp1", 5, written, pid=42, tick=9)
    >>> made = Change(b"/no/out", None, Stat(1, 7, 3, 100, 101))
    >>> [(e.source, e.target, e.pid, e.tick) for e in unseen_moves([create, close], [made])]
    [(b'/no/tmp1', b'/no/out', 42, 10)]
    >>> told = Renamed(b"/no/tmp1", b"/no/out", pid=42, tick=10)
    >>> list(unseen_moves([create, close, told], [made]))
    []
    """
    wanted = {_identity(c.after): c for c in changes if c.after is not None}
    if not wanted:
        return
    writers: set[tuple[int, int]] = set()
    written: dict[tuple[int, ...], Closed] = {}
    told: set[bytes] = set()
    folders: list[Renamed] = []
    for event in events:
        match event:
            case Opened() if event.writable:
                writers.add((event.pid, event.tick))
            case Closed() if (event.pid, event.opened) in writers:
                identity = _identity(event.stat)
                if identity in wanted:
                    written[identity] = event
            case Renamed() if event.directory:
                folders.append(event)
            case Renamed() | Linked():
                told |= {event.source, event.target}
            case _:
                pass
    for identity, close in written.items():
        change = wanted[identity]
        source, target = close.path, change.path
        if source == target or not source or {source, target} & told or os.path.lexists(source):
            continue
        if _carried(source, close.tick, folders) == target:
            continue
        yield Renamed(
            source,
            target,
            change.after,
            change.before,
            seen=False,
            pid=close.pid,
            tick=close.tick + 1,
        )


def _carried(path: bytes, since: int, folders: Iterable[Renamed]) -> bytes:
    """Where the renames of folders have brought it."""
    for folder in folders:
        source, target = folder.source + b"/", folder.target + b"/"
        if folder.tick < since:
            continue
        if path.startswith(source):
            path = target + path.removeprefix(source)
        elif folder.exchange and path.startswith(target):
            path = source + path.removeprefix(target)
    return path


def _identity(stat: Stat) -> tuple[int, ...]:
    return stat.device, stat.inode, stat.size, stat.mtime
