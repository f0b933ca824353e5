"""Which files of the project did programs name by mounts of their own? Told by their stats.

A namespace of mounts that a program makes (`unshare`, `bwrap`) is gone with it, and its table was never ours to
read: what it called `/work/a.csv` is not there for us, or is another file. But a file's stat is the same by every
name. What has that of a file which the looks at the tree know, and does not answer to its own name here, is that file.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import itemgetter
from typing import Final

import msgspec

from provgraph.ingest.capture import tree
from provgraph.ingest.capture.events import (
    Closed,
    Descriptor,
    Event,
    Forked,
    Image,
    Interpreted,
    Linked,
    Opened,
    Renamed,
    Truncated,
    Unlinked,
)
from provgraph.ingest.capture.noise import Noise
from provgraph.model.records import Stat

_MANY: Final = 50_000
"""So many files are held before they are compared with the tree."""
_INODE: Final = (1 << 56) - 1
"""An overlay of several file systems keeps in the highest bits of an inode's number which of them it is on."""

_State = tuple[int, int, int, int, int]
_identity = itemgetter(0, 1)
_anywhere = itemgetter(1, 2, 3, 4)


class Strangers:
    """What files outside the project at `root` programs had open, so far as it may be the project's. `looks` are
    at its tree; `now` makes one where nobody had to. Nothing is asked of the disk but by `now`, and for what has a file's
    stat there. `began` is when the run did, by the clock of files."""

    def __init__(
        self,
        root: bytes,
        looks: Iterable[tree.Look | None],
        now: Callable[[], tree.Look],
        began: int,
    ) -> None:
        self._root, self._inside, self._now = root, root.rstrip(b"/") + b"/", now
        self._began = began
        self._looks: list[tree.Look] = []
        given = [look for look in looks if look is not None]
        for look in given:
            if look.files and not any(look is other for other in self._looks):
                self._looks.append(look)
        self._is_looked_at = bool(self._looks) or not all(look.whole for look in given)
        self._noise = Noise(root)
        self._devices = self._all_devices()
        self._same: set[tuple[int, int]] = set()
        self._other: set[tuple[int, int, int, int]] = set()
        self._names: dict[bytes, tuple[int, int]] = {}
        self._written: set[bytes] = set()
        self._is_unanswered = False
        self._found: set[tuple[int, int]] = set()
        self._found_elsewhere: set[tuple[int, int, int, int]] = set()
        self._moved: dict[tuple[int, int], Renamed | Linked] = {}
        self._is_begun = False

    def watching(self, events: Iterable[Event]) -> Iterator[Event]:
        """The same, with note taken of what is outside."""
        self._is_begun = True
        inside = self._inside
        for event in events:
            if type(event) is Opened:
                if not event.path.startswith(inside):
                    self._note(event.path, event.after, event.writable)
            elif type(event) is Closed:
                if not event.path.startswith(inside):
                    self._note(event.path, event.stat, None)
            elif type(event) is Renamed or type(event) is Linked:
                stat = event.stat
                if stat is not None and not event.target.startswith(inside):
                    self._moved[stat.device, stat.inode] = event
            yield event

    def names(self, events: Iterable[Event], changes: Iterable[tree.Change]) -> Names | None:
        """What these are called in the project; None where, as nearly always, there is nothing to be named anew."""
        if not self._is_begun:
            deque(self.watching(events), maxlen=0)
        self._compare()
        self._ask()
        if self._is_unanswered:
            self._looks, self._is_looked_at = [self._now()], True
            self._devices = self._all_devices()
            deque(self.watching(events), maxlen=0)
            self._compare()
        moved = self._moves(changes)
        if not (self._found or self._found_elsewhere or moved):
            return None
        ours, copies = self._matched(events) | moved, self._matched_elsewhere()
        for key in self._linked(events, ours) if ours else ():
            ours.pop(key, None)
        names = Names(ours, copies)
        names.leave_what_answers(events, self._inside)
        return names if names.ours or names.copies else None

    # What may be the project's

    def _all_devices(self) -> set[int]:
        return set(map(itemgetter(0), self._states()))

    def _note(self, path: bytes, stat: Stat, is_written: bool | None) -> None:
        """Of what is closed it is not said whether it was written."""
        if not self._is_looked_at:
            if is_written is None or self._is_unanswered or self._noise.fold(path) is not None:
                return
            if is_written:
                self._written.add(path)
            else:
                self._names[path] = stat.device, stat.inode
            if len(self._names) + len(self._written) >= _MANY:
                self._ask()
            return
        if stat.device in self._devices:
            self._same.add((stat.device, stat.inode))
        elif stat.ctime < self._began:
            self._other.add((stat.inode & _INODE, stat.size, stat.mtime, stat.ctime))
        if len(self._same) + len(self._other) >= _MANY:
            self._compare()

    def _states(self) -> Iterable[_State]:
        return chain.from_iterable(look.files.values() for look in self._looks)

    def _compare(self) -> None:
        if self._same:
            self._found |= self._same.intersection(map(_identity, self._states()))
            self._same.clear()
        if self._other:
            self._found_elsewhere |= self._other.intersection(map(_anywhere, self._states()))
            self._other.clear()

    def _ask(self) -> None:
        """Whether it is worth a look: a run that touched nothing of the project has none. What the run made itself is often
        gone, as temporary files are."""
        for path, inode in self._names.items():
            if path not in self._written and not _answers(path, *inode):
                self._is_unanswered = True
                break
        self._names.clear()
        self._written.clear()

    # Which file it is

    def _matched(self, events: Iterable[Event]) -> dict[_Key, bytes]:
        """By name and inode: one state of it is one that the project's file had, by a look or by an event."""
        if not self._found:
            return {}
        known: dict[Stat, bytes] = {}
        for look in self._looks:
            for path, state in look.files.items():
                if _identity(state) in self._found:
                    known.setdefault(Stat(*state), path)
        seen: list[tuple[bytes, Stat]] = []
        for path, stat in _stats(events):
            if (stat.device, stat.inode) not in self._found:
                continue
            if path.startswith(self._inside):
                known.setdefault(stat, path)
            else:
                seen.append((path, stat))
        return {
            (path, stat.device, stat.inode): known[stat] for path, stat in seen if stat in known
        }

    def _matched_elsewhere(self) -> dict[tuple[int, int, int, int], tuple[bytes, Stat]]:
        """By all of a state but the device. Two file systems in memory may number files alike that are made at the same moment,
        so neither those that the run may have made count nor what is mounted into the project."""
        found: dict[tuple[int, int, int, int], tuple[bytes, Stat]] = {}
        if not self._found_elsewhere:
            return found
        try:
            device = os.lstat(self._root).st_dev
        except OSError:
            return found
        for look in self._looks:
            for path, state in look.files.items():
                if state[0] == device and _anywhere(state) in self._found_elsewhere:
                    found.setdefault(_anywhere(state), (path, Stat(*state)))
        return found

    def _linked(self, events: Iterable[Event], ours: dict[_Key, bytes]) -> Iterator[_Key]:
        """Names that were seen to be others of the same file than the project's: they were linked to it or moved into it, or
        taken away, and it is still there."""
        last = self._looks[-1].files if self._looks else {}
        for event in events:
            if not isinstance(event, Renamed | Linked | Unlinked) or event.stat is None:
                continue
            inode = event.stat.device, event.stat.inode
            if isinstance(event, Unlinked):
                left = [event.path]
            else:
                left = [event.source, event.target]
                if not any(path.startswith(self._inside) for path in left):
                    left = [event.source] if isinstance(event, Renamed) else []
                else:
                    yield from ((path, *inode) for path in left)
            for path in left:
                state = last.get(ours.get((path, *inode), b""))
                if state is not None and _identity(state) == inode:
                    yield path, *inode

    def _moves(self, changes: Iterable[tree.Change]) -> dict[_Key, bytes]:
        """What was given a name outside by a rename that was seen, which changes the ctime, and now lies in the project."""
        found: dict[_Key, bytes] = {}
        if not self._moved:
            return found
        for change in changes:
            after = change.after
            event = self._moved.get((after.device, after.inode)) if after else None
            if after is None or event is None or event.stat is None or event.target == change.path:
                continue
            if (after.size, after.mtime) == (event.stat.size, event.stat.mtime):
                found[event.target, after.device, after.inode] = change.path
        return found


_Key = tuple[bytes, int, int]
"""A name, a device and an inode."""


class Names:
    """`ours` are files by their names outside and their inodes. `copies` are seen through something that gives them another
    device and keeps what is written to it (an overlay), so they are the project's only as long as they are as they were."""

    def __init__(
        self,
        ours: dict[_Key, bytes],
        copies: dict[tuple[int, int, int, int], tuple[bytes, Stat]],
    ) -> None:
        self.ours, self.copies = ours, copies
        self._answering: dict[_Key, bool] = {}
        self._alone: dict[bytes, bytes] = {}

    def leave_what_answers(self, events: Iterable[Event], inside: bytes) -> None:
        """A hard link, say, has a name of its own here."""
        self.ours = {key: path for key, path in self.ours.items() if not _answers(*key)}
        if self.copies:
            used: set[tuple[int, int, int, int]] = set()
            for path, stat in _stats(events):
                key = _as_anywhere(stat)
                is_outside = key in self.copies and not path.startswith(inside)
                if is_outside and self._is_copy(path, stat):
                    used.add(key)
            self.copies = {key: self.copies[key] for key in used}
        found: dict[bytes, set[bytes]] = {}
        for (name, _, _), path in self.ours.items():
            found.setdefault(name, set()).add(path)
        self._alone = {name: paths.pop() for name, paths in found.items() if len(paths) == 1}

    def _is_copy(self, path: bytes, stat: Stat) -> bool:
        known = self.copies[_as_anywhere(stat)][1]
        if known.device == stat.device:
            return False
        key = path, stat.device, stat.inode
        answers = self._answering.get(key)
        if answers is None:
            answers = self._answering[key] = _answers(*key)
        return not answers

    def name(self, path: bytes, stat: Stat | None) -> bytes:
        """What a file of this stat is called."""
        return path if stat is None else self.ours.get((path, stat.device, stat.inode), path)

    def named(self, path: bytes) -> bytes:
        """The same where only the name is told."""
        return self._alone.get(path, path)

    def given(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events with the names that files have in the project."""
        copied: set[tuple[int, int]] = set()
        for event in events:
            yield self._given(event, copied)

    def _given(self, event: Event, copied: set[tuple[int, int]]) -> Event:
        changed: dict[str, object] = {}
        match event:
            case Opened():
                if not event.writable and (copy := self._copy(event.path, event.after)):
                    copied.add((event.pid, event.tick))
                    return msgspec.structs.replace(event, path=copy[0], after=copy[1])
                changed["path"] = self.name(event.path, event.after)
            case Closed():
                if (event.pid, event.opened) in copied and (
                    copy := self._copy(event.path, event.stat)
                ):
                    return msgspec.structs.replace(event, path=copy[0], stat=copy[1])
                changed["path"] = self.name(event.path, event.stat)
            case Renamed() | Linked():
                changed["source"] = self.name(event.source, event.stat)
                changed["target"] = self.name(event.target, event.stat)
            case Unlinked():
                changed["path"] = self.name(event.path, event.stat)
            case Truncated():
                changed["path"] = self.name(event.path, event.after)
            case Image() | Forked():
                held = [self._held(one) for one in event.inherited]
                if held != event.inherited:
                    changed["inherited"] = held
                if isinstance(event, Image):
                    changed["executable"] = self.named(event.executable)
            case Interpreted():
                changed["script"] = self.named(event.script)
                changed["sources"] = [self.named(source) for source in event.sources]
            case _:
                return event
        if all(getattr(event, field) == value for field, value in changed.items()):
            return event
        return msgspec.structs.replace(event, **changed)

    def _held(self, held: Descriptor) -> Descriptor:
        path = self.name(held.path, held.stat)
        return held if path == held.path else msgspec.structs.replace(held, path=path)

    def _copy(self, path: bytes, stat: Stat) -> tuple[bytes, Stat] | None:
        known = self.copies.get(_as_anywhere(stat)) if self.copies else None
        return known if known is not None and self._is_copy(path, stat) else None


def _as_anywhere(stat: Stat) -> tuple[int, int, int, int]:
    return stat.inode & _INODE, stat.size, stat.mtime, stat.ctime


def _stats(events: Iterable[Event]) -> Iterator[tuple[bytes, Stat]]:
    """What stats files had by which names."""
    for event in events:
        if type(event) is Opened:
            yield event.path, event.after
            if event.before is not None:
                yield event.path, event.before
        elif type(event) is Closed:
            yield event.path, event.stat
        elif isinstance(event, Image | Forked):
            for held in event.inherited:
                if held.path:
                    yield held.path, held.stat


def _answers(path: bytes, device: int, inode: int) -> bool:
    """Whether the file lies here by that name."""
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return False
    return (found.st_dev, found.st_ino) == (device, inode)
