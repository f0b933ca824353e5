"""Which files were renamed past the shim? Told by their inodes.

Some libraries rename by a system call of their own (safetensors, and others that are written in Rust),
which the shim does not see. But the tree has been looked at before and after: a new file that has the
inode, size and time of one that a captured program wrote under a name that is gone is that one.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import defaultdict
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
    wanted = {_inode(change.after): change for change in changes if change.after is not None}
    if not wanted:
        return
    writers: set[tuple[int, int]] = set()
    written: dict[tuple[int, int], Closed] = {}
    told: set[bytes] = set()
    carriers = _Carriers()
    for event in events:
        if type(event) is Opened:
            if event.writable:
                writers.add((event.pid, event.tick))
            continue
        if type(event) is Closed:
            made = wanted.get(_inode(event.stat))
            if made is None or made.path == event.path:  # as nearly all: it was written where it is
                continue
            is_left = made.after is not None and _state(made.after) == _state(event.stat)
            if is_left and (event.pid, event.opened) in writers:
                written[_inode(event.stat)] = event
            continue
        match event:
            case Renamed() if event.directory:
                carriers.add(event)
            case Renamed() | Linked():
                told |= {event.source, event.target}
            case _:
                pass
    for inode, close in written.items():
        change = wanted[inode]
        source, target = close.path, change.path
        if not source or {source, target} & told or os.path.lexists(source):
            continue
        if carriers.carried(source, close.tick) == target:
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


class _Carriers:
    """The renames of folders, by the names that they took away."""

    def __init__(self) -> None:
        self._of: defaultdict[bytes, list[tuple[int, bytes]]] = defaultdict(list)

    def add(self, folder: Renamed) -> None:
        self._of[folder.source].append((folder.tick, folder.target))
        if folder.exchange:
            self._of[folder.target].append((folder.tick, folder.source))

    def carried(self, path: bytes, since: int) -> bytes:
        """Where they have brought a file that had this name then.

        >>> carriers = _Carriers()
        >>> carriers.add(Renamed(b"/a", b"/b", directory=True, exchange=True, pid=1, tick=5))
        >>> carriers.add(Renamed(b"/b", b"/c/d", directory=True, pid=1, tick=7))
        >>> carriers.carried(b"/a/x/y", 4), carriers.carried(b"/b/x", 4), carriers.carried(b"/b/x", 6)
        (b'/c/d/x/y', b'/a/x', b'/c/d/x')
        """
        while self._of and (next_one := min(self._after(path, since), default=None)):
            tick, source, target = next_one
            path, since = target + path[len(source) :], tick + 1
        return path

    def _after(self, path: bytes, since: int) -> Iterator[tuple[int, bytes, bytes]]:
        above = path
        while above := above.rpartition(b"/")[0]:
            renames = self._of.get(above, ())
            place = bisect_left(renames, (since, b""))
            if place < len(renames):
                yield renames[place][0], above, renames[place][1]


def _inode(stat: Stat) -> tuple[int, int]:
    return stat.device, stat.inode


def _state(stat: Stat) -> tuple[int, int]:
    return stat.size, stat.mtime
