"""Which files are known so far, by their names, their inodes and their readers? In memory, or on a shelf."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable
from pathlib import Path
from typing import Final

import msgspec

from provgraph.ingest.capture.assemble.actions import Actions, Held, OnShelf
from provgraph.ingest.capture.assemble.names import Names
from provgraph.ingest.capture.assemble.processes import Execution
from provgraph.ingest.capture.assemble.shelf import Shelf
from provgraph.ingest.capture.assemble.states import (
    Action,
    File,
    Opening,
    Read,
    Reads,
    State,
)

MOST: Final = 130_000
"""So many files and actions are held in memory before those at rest are put on a shelf."""


class Room(msgspec.Struct, frozen=True):
    """Where a shelf may stand, and from how many files and actions on; 0 means `MOST`."""

    folder: Path
    most: int = 0


class Known:
    """`actions` are those that are in memory, in the order in which they were made."""

    def __init__(self, room: Room | None) -> None:
        self._room = room
        self._least = 1 << 62 if room is None else room.most or MOST
        self._most = self._least
        self._names = Names[File]()
        self._inodes: dict[tuple[int, int], File] = {}
        self._seen: dict[Execution, dict[bytes, Reads]] = {}
        self._waiting: set[File] = set()  # on the shelf are actions of theirs, but not they
        self._count = 0
        self.actions: list[Action] = []
        self.touched: set[bytes] = set()
        self.shelf: Shelf | None = None

    # Names

    def named(self, path: bytes) -> File | None:
        file = self._names.get(path)
        if file is None and self.shelf is not None and self._take_back(self.shelf.at_name(path)):
            file = self._names.get(path)
        return file

    def name(self, path: bytes, file: File) -> None:
        if self.shelf is not None:
            self.named(path)
        self._names[path] = file

    def unname(self, path: bytes) -> None:
        if self.shelf is not None:
            self.named(path)
        self._names.pop(path)

    def under(self, folder: bytes) -> list[bytes]:
        """The names below a folder, in the order of their letters."""
        if self.shelf is not None:
            for number in self.shelf.below(folder):
                self._take_back(number)
        return sorted(self._names.under(folder))

    # Inodes

    def at(self, key: tuple[int, int]) -> File | None:
        file = self._inodes.get(key)
        if file is None and self.shelf is not None and self._take_back(self.shelf.at_inode(key)):
            file = self._inodes.get(key)
        return file

    def enter(self, key: tuple[int, int], file: File) -> None:
        self._inodes[key], file.key = file, key

    # Reads

    def reads(self, by: Execution, path: bytes) -> Reads | None:
        found = self._seen.get(by)
        reads = None if found is None else found.get(path)
        if reads is None and self.shelf is not None:
            states = self.shelf.seen(by, path)
            return None if states is None else dict.fromkeys(states)
        return reads

    def note(self, by: Execution, path: bytes, reads: Reads) -> None:
        self._seen.setdefault(by, {})[path] = reads

    def forget(self, by: Execution, path: bytes) -> Reads | None:
        reads = self.reads(by, path)
        self._seen.get(by, {}).pop(path, None)
        if self.shelf is not None:
            self.shelf.forget_seen(by, path)
        return reads

    def all(self) -> tuple[Actions, Container[bytes]]:
        """What was done, and to which paths; the files are over."""
        if self.shelf is None:
            held = [action for action in self.actions if not _is_void(action)]
            return Held(held), self.touched
        self.put_away(to_the_last=True)
        return OnShelf(self.shelf, self._count), self.shelf

    # Room

    def is_full(self) -> bool:
        return len(self.actions) + len(self._inodes) >= self._most

    def put_away(self, openings: Collection[Opening] = (), *, to_the_last: bool = False) -> None:
        """Put on the shelf what nobody has open; `to_the_last` when nothing more can happen to any file."""
        if self.shelf is None:
            assert self._room is not None
            self.shelf = Shelf(self._room.folder)
        shelf, busy = self.shelf, {opening.file for opening in openings}
        busy |= {a.file for a in self.actions if a.file is not None and _may_change(a)}
        for action in self.actions:
            if action.seq < 0:
                action.seq, self._count = self._count, self._count + 1
        known = self._all_files()
        rest = [file for file in known if to_the_last or (file not in busy and not file.writers)]
        active = known.difference(rest)
        needed: set[Action] = {v for file in active for v in file.versions()}
        needed |= {opening.read for opening in openings if opening.read is not None}
        gone: list[Action] = []
        kept: list[Action] = []
        for action in self.actions:
            stays = not to_the_last and (action in needed or _may_change(action))
            (kept if stays else gone).append(action)
        self.actions = kept
        self._waiting = {action.file for action in gone if action.file in active} | (
            self._waiting & active
        )
        shelf.put_actions(a for a in gone if not _is_void(a))
        shelf.renew(active)
        shelf.put_files([self._let_go(file) for file in rest])
        for file in rest:  # the collector is paused, so nothing may hold itself
            file.names, file.last, file.others, file.readers = {}, None, None, {}
        for by, seen in self._seen.items():
            shelf.put_seen(by, self._states_of(seen))
        shelf.put_touched(self.touched)
        self.touched = set()
        self._most = max(self._least, 2 * (len(self.actions) + len(self._inodes)))

    def _all_files(self) -> set[File]:
        known = {*self._inodes.values(), *self._names.values(), *self._waiting}
        known.update(action.file for action in self.actions if action.file is not None)
        return known

    def _let_go(self, file: File) -> tuple[File, list[bytes], bool]:
        own = [path for path in file.names if self._names.get(path) is file]
        for path in own:
            self._names.pop(path)
        is_its = file.key is not None and self._inodes.get(file.key) is file
        if file.key is not None and is_its:
            del self._inodes[file.key]
        return file, own, is_its

    def _states_of(self, seen: dict[bytes, Reads]) -> Iterable[tuple[bytes, list[State]]]:
        """Of those paths that need not be known any more."""
        for path in list(seen):
            reads = seen[path]
            states = [reads.state] if isinstance(reads, Read) else list(reads)
            if () not in states:
                del seen[path]
                yield path, states

    def _take_back(self, number: int | None) -> bool:
        """Whether there is such a file on the shelf."""
        if number is None or self.shelf is None:
            return False
        file, own = self.shelf.file(number)
        for path in own:
            self._names[path] = file
        key = file.key
        if key is not None and key not in self._inodes and self.shelf.at_inode(key) == number:
            self._inodes[key] = file
        return True


def _may_change(action: Action) -> bool:
    """Whether it is a read of a compiled form, which may turn out to be one of the source."""
    return type(action) is Read and action.compiled


def _is_void(action: Action) -> bool:
    return type(action) is Read and action.void
