"""Under which other names does the project lie? What is mounted at two places has two.

A program may name a file of the project by any of them, and links do not lead from one to the other. The
kernel's table of mounts tells them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from provgraph.ingest.capture.events import Event

Name = tuple[bytes, bytes]
"""The beginning of a path, and what it is called in the project."""

_ESCAPED: Final = re.compile(rb"\\([0-7]{3})")
_PATHS: Final = ("path", "source", "target", "cwd", "executable", "script")


class _Mount(NamedTuple):
    """`folder` is what of the file system stands at `place`. `above` is the mount in which that lies."""

    number: int
    above: int
    device: bytes
    folder: bytes
    place: bytes


def here(root: bytes) -> list[Name]:
    """`other_names` of the project for this process, now."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            return other_names(file.read(), root)
    except OSError:
        return []


def other_names(table: bytes, root: bytes) -> list[Name]:
    """The beginnings of paths outside the project at `root` that lead into it, in the table of mounts that
    /proc/self/mountinfo has. A longer one counts before a shorter; one that is its own name leads elsewhere.

    >>> disk = b"20 1 8:1 / / rw - ext4 /dev/sda1 rw\\n"
    >>> bound = disk + b"30 20 8:1 /home/ann /srv\\\\040ann rw - ext4 /dev/sda1 rw\\n"
    >>> other_names(disk, b"/home/ann/p"), other_names(bound, b"/home/ann/p")
    ([], [(b'/srv ann/p', b'/home/ann/p')])
    >>> other_names(bound, b"/srv ann/p")
    [(b'/home/ann/p', b'/srv ann/p')]
    >>> within = disk + b"31 20 8:1 /data /home/ann/p/data rw - ext4 /dev/sda1 rw\\n"
    >>> other_names(within, b"/home/ann/p")
    [(b'/data', b'/home/ann/p/data')]
    """
    mounts = _in_sight([*_read(table)])
    within = [mount for mount in mounts if _is_in(mount.place, root)]
    regions = [_at(mounts, root)] if not any(mount.place == root for mount in within) else []
    found: dict[bytes, bytes] = {}
    for region, name in [
        *((mount, root) for mount in regions if mount is not None),
        *((mount, mount.place) for mount in within),
    ]:
        lies = region.folder + name[len(region.place) :]
        for mount in mounts:
            if mount.device != region.device:
                continue
            if _is_in(lies, mount.folder):
                other, called = mount.place + lies[len(mount.folder) :], name
            elif _is_in(mount.folder, lies):
                other, called = mount.place, name + mount.folder[len(lies) :]
            else:
                continue
            leads = _at(mounts, other) is mount and _at(mounts, called) is region
            if other and leads and not _is_in(other, root):
                found[other] = called
    return _with_exceptions(found, mounts)


def _with_exceptions(found: dict[bytes, bytes], mounts: list[_Mount]) -> list[Name]:
    """And what is mounted over a part of them, under the one name or the other."""
    exceptions: set[bytes] = set()
    for other, called in found.items():
        for mount in mounts:
            if _is_in(mount.place, other):
                exceptions.add(mount.place)
            elif _is_in(mount.place, called):
                exceptions.add(other + mount.place[len(called) :])
    names = {**{place: place for place in exceptions if place}, **found}
    if not found:
        return []
    return sorted(names.items(), key=lambda name: (-len(name[0]), name))


def _read(table: bytes) -> Iterator[_Mount]:
    for line in table.splitlines():
        words = line.split(b" ")
        if len(words) > 4 and words[0].isdigit() and words[1].isdigit():
            folder, place = (_ESCAPED.sub(_byte, word).rstrip(b"/") for word in words[3:5])
            yield _Mount(int(words[0]), int(words[1]), words[2], folder, place)


def _byte(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 8) & 0xFF])


def _in_sight(mounts: list[_Mount]) -> list[_Mount]:
    """Without those that another one covers."""
    by_number = {mount.number: mount for mount in mounts}
    covered = {
        m.above for m in mounts if m.above in by_number and m.place == by_number[m.above].place
    }
    beside: defaultdict[int, Counter[bytes]] = defaultdict(Counter)
    for mount in mounts:
        beside[mount.above][mount.place] += 1

    def is_covered(mount: _Mount) -> bool:
        seen = set()
        at: _Mount | None = mount
        while at is not None and at.number not in seen:
            seen.add(at.number)
            others = beside[at.above]
            if others[at.place] > 1 or any(folder in others for folder in _above(at.place)):
                return True
            at = by_number.get(at.above)
        return False

    return [m for m in mounts if m.number not in covered and not is_covered(m)]


def _above(path: bytes) -> Iterator[bytes]:
    """The folders that a path lies in, the root last.

    >>> [*_above(b"/a/b")], [*_above(b"")]
    ([b'/a', b''], [])
    """
    while path:
        path = path.rpartition(b"/")[0]
        yield path


def _at(mounts: Iterable[_Mount], path: bytes) -> _Mount | None:
    """The mount in which a path lies."""
    around = (mount for mount in mounts if _is_in(path, mount.place))
    return max(around, key=lambda mount: len(mount.place), default=None)


def _is_in(path: bytes, folder: bytes) -> bool:
    """Whether it is the folder, or below it. The root is empty.

    >>> _is_in(b"/a/b", b"/a"), _is_in(b"/ab", b"/a"), _is_in(b"/a", b"")
    (True, False, True)
    """
    return path == folder or path.startswith(folder + b"/")


def called(names: list[Name]) -> Callable[[bytes], bytes]:
    """What a path is called in the project, itself if it does not lie there.

    >>> name = called([(b"/srv/p/sub", b"/srv/p/sub"), (b"/srv/p", b"/home/p")])
    >>> name(b"/srv/p/a"), name(b"/srv/p/sub/a"), name(b"/srv/pa"), name(b"/srv/p")
    (b'/home/p/a', b'/srv/p/sub/a', b'/srv/pa', b'/home/p')
    """

    def name(path: bytes) -> bytes:
        for other, ours in names:
            if _is_in(path, other):
                return ours + path[len(other) :]
        return path

    return name


def moved(names: list[Name], seen: bytes, root: bytes) -> list[Name]:
    """What `names` are where the project lies at `root`, for events of those for whom it lay at `seen`: in a container, or
    before it was moved.

    >>> moved([(b"/srv/p", b"/project")], b"/project", b"/home/ann/p")
    [(b'/project', b'/home/ann/p'), (b'/srv/p', b'/home/ann/p')]
    >>> moved([(b"/srv/p", b"/project")], b"/project", b"/project")
    [(b'/srv/p', b'/project')]
    """
    if not seen or seen == root:
        return names
    ours = called([(seen, root)])
    found = {seen: root, **{other: ours(leads) for other, leads in names}}
    return sorted(found.items(), key=lambda name: (-len(name[0]), name))


def renamed(events: Iterable[Event], names: list[Name]) -> Iterator[Event]:
    """The events with the names that files have in the project."""
    name = called(names)
    for event in events:
        told = {field: getattr(event, field, b"") for field in _PATHS}
        changed: dict[str, object] = {
            field: name(path) for field, path in told.items() if path and name(path) != path
        }
        inherited = getattr(event, "inherited", [])
        if any(name(held.path) != held.path for held in inherited):
            changed["inherited"] = [
                msgspec.structs.replace(held, path=name(held.path)) for held in inherited
            ]
        sources = getattr(event, "sources", [])
        if any(name(path) != path for path in sources):
            changed["sources"] = [name(path) for path in sources]
        yield msgspec.structs.replace(event, **changed) if changed else event
