"""What did the native front write down of a run? Reads the file `front` of its recording.

`docs/recording-format.md` tells the format, `native/main.c` writes it. The front only observes: who
started what, when, from which state of the work tree, how the project looked before and after, which
bytes the files had. What that means is worked out here and where Python's own runner works it out.
"""

from __future__ import annotations

import os
import pwd
import struct
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from operator import attrgetter, le
from pathlib import Path
from typing import Any, Final

import msgspec

from provgraph.config import Project
from provgraph.errors import JournalError
from provgraph.ingest.capture import line as typed
from provgraph.ingest.capture import mounts, redact, surroundings, tree, worktree
from provgraph.ingest.capture.hashing import TAG, Found
from provgraph.ingest.capture.surroundings import Machine
from provgraph.model.elements import Scalar
from provgraph.model.records import RunStarted, Stat
from provgraph.model.uri import text_of, uri_of

FILE: Final = "front"
MAGIC: Final = 0x31544E5246475650
VERSION: Final = 1

SETTINGS: Final = (
    "HOME",
    "XDG_CONFIG_HOME",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
)

TREE_UNCHANGED, TREE_TOO_LARGE, HASHING_STOPPED, TO_BE_FINISHED, INPUT_HEARD = (
    1 << n for n in range(5)
)
_HEAD: Final = struct.Struct("=QIIQiI32x")
_SECTION: Final = struct.Struct("=II")
_BEGUN: Final = struct.Struct("=QqIIII")
_WORD: Final = struct.Struct("=I")
_STATE: Final = struct.Struct("=QQqqq")
_DIGEST: Final = struct.Struct("=QQqqqQQqqqQQ32s20s4x")
_BEGAN: Final = struct.Struct("=80xQ64x")
"""Of a digest, when it was begun."""
_START, _BEFORE, _AFTER, _STATUS, _DIGESTS, _PACKAGES = range(1, 7)
_CONTENTS, _VARIABLES, _SHELL, _UNSEEN, _MOUNTS = range(7, 12)
_UNREADABLE, _NO_FILE = 1 << 31, 1 << 30
_NO_BLOB: Final = bytes(20)


class Told(msgspec.Struct):
    """`began` and `ended` are ticks; `ended` is 0 if the front did not live to see the end. `status`
    is the program's exit status, or the negative number of the signal that ended it. `flags` are
    the words of `--tag` and `--param` as they were given. `packages` are the names in the folders
    of packages that were used, `settings` the variables that say where git's settings are. `before` and
    `after` are None where nobody looked. `heard`: something was taken out of a pipe from outside. `texts` are contents of scripts and small texts, `variables` those of the environment
    that are always kept. `mounts` is the kernel's table of them. `shell` is the one at whose prompt the command was typed, as the one word of `argv`. `root` is where the project
    lay for it."""

    run: str
    machine: Machine
    began: int
    account: int
    cwd: bytes
    author: str
    email: str
    settings: dict[str, str]
    flags: list[str]
    argv: list[bytes]
    pid: int = 0
    ended: int = 0
    status: int = 0
    to_be_finished: bool = False
    stopped: bool = False
    heard: bool = False
    start: worktree.Start = worktree.Start()
    before: tree.Look | None = None
    after: tree.Look | None = None
    digests: Iterable[Found] = ()
    packages: dict[bytes, list[bytes]] = {}
    texts: list[bytes] = []
    variables: dict[str, str] = {}
    mounts: bytes = b""
    shell: typed.Shell | None = None
    root: bytes = b""

    @property
    def is_over(self) -> bool:
        """Whether the front saw that no process of the run was left."""
        return self.ended > 0 and not self.to_be_finished


def read(folder: Path, work_tree: bytes | None = None) -> Told | None:
    """What the front wrote into a recording, None where it wrote nothing whole.

    `work_tree` is the root of the git work tree around the project. Raises JournalError where the
    file comes from another version.
    """
    try:
        head, sections, digests = _sections(folder / FILE)
    except OSError:
        return None
    if len(head) < _HEAD.size:
        return None
    magic, version, marks, ended, status, pid = _HEAD.unpack_from(head)
    if magic != MAGIC or version != VERSION:
        raise JournalError(f"{folder / FILE} comes from another version of provgraph")
    if _START not in sections:
        return None
    told = _started(folder.name, sections[_START])
    told.pid, told.ended, told.status = pid, ended, os.waitstatus_to_exitcode(status)
    told.to_be_finished, told.stopped = bool(marks & TO_BE_FINISHED), bool(marks & HASHING_STOPPED)
    told.heard = bool(marks & INPUT_HEARD)
    if work_tree is not None and _STATUS in sections:
        told.start = _status(work_tree, sections[_STATUS])
    if ended:
        _look(told, marks, sections)
    told.digests = digests
    told.packages = _packages(sections.get(_PACKAGES, b""))
    told.texts = list(_all(sections.get(_CONTENTS, b"")))
    set_then = map(os.fsdecode, _all(sections.get(_VARIABLES, b"")))
    told.mounts = sections.get(_MOUNTS, b"")
    told.variables = dict(entry.split("=", 1) for entry in set_then)
    if _SHELL in sections:
        told.shell = _shell(sections[_SHELL], told, sections.get(_UNSEEN, b""))
    return told


def moved(told: Told, seen: bytes, root: bytes) -> Told:
    """The same for whom the project lies at `root`, where it lay at `seen` for the front: what ran in a container is often
    written down outside."""
    told.root = seen or root
    if told.root == root:
        return told
    name = mounts.called([(seen, root)])
    told.cwd = name(told.cwd)
    was = told.before
    for look in (told.before, None if told.after is was else told.after):
        if look is not None:
            look.files = {name(path): state for path, state in look.files.items()}
            look.unreadable = {name(path) for path in look.unreadable}
    if told.shell is not None:
        told.shell = msgspec.structs.replace(told.shell, cwd=told.cwd)
    told.packages = {name(folder): names for folder, names in told.packages.items()}
    return told


def is_there(folder: Path) -> bool:
    return (folder / FILE).exists()


def _sections(path: Path) -> tuple[bytes, dict[int, bytes], Iterable[Found]]:
    """The head of the front's file, its sections but for the digests, and those: as there may be very many, they are
    read when they are asked for. Raises OSError."""
    sections: dict[int, bytes] = {}
    digests = _Digests(path)
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        head, at = file.read(_HEAD.size), _HEAD.size
        while at + _SECTION.size <= end:
            file.seek(at)
            kind, size = _SECTION.unpack(file.read(_SECTION.size))
            at += _SECTION.size
            if at + size > end:  # the front was killed, or the disk was full
                break
            if kind == _DIGESTS:
                digests.parts.append((at, size // _DIGEST.size))
            else:
                sections[kind] = file.read(size)
            at += size + (-size & 7)
    return head, sections, digests


class _Digests:
    """Those that the front took, in the order in which it began to. `parts` are where they stand, and how many."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.parts: list[tuple[int, int]] = []

    def __iter__(self) -> Iterator[Found]:
        began = array("Q", (when for (when,) in self._raw(_BEGAN)))
        if all(map(le, began, islice(began, 1, None))):  # as usual
            yield from map(_found, self._raw())
        else:
            yield from sorted(map(_found, self._raw()), key=attrgetter("began"))

    def _raw(self, of: struct.Struct = _DIGEST) -> Iterator[tuple[Any, ...]]:
        with self._path.open("rb") as file:
            for at, count in self.parts:
                file.seek(at)
                for begin in range(0, count, _MANY):
                    many = min(_MANY, count - begin)
                    yield from of.iter_unpack(file.read(many * _DIGEST.size))


_MANY: Final = 4096


class _Texts:
    """Reads one text after the other: a length and the bytes."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def more(self) -> bool:
        return self.at + _WORD.size <= len(self.data)

    def next(self) -> bytes:
        size = _WORD.unpack_from(self.data, self.at)[0]
        self.at += _WORD.size + size
        return self.data[self.at - size : self.at]

    def shown(self) -> str:
        return self.next().decode("utf-8", "replace")


def _started(run: str, data: bytes) -> Told:
    began, offset, account, settings, flags, words = _BEGUN.unpack_from(data)
    texts = _Texts(data, _BEGUN.size)
    boot, host, cwd = texts.shown(), texts.shown(), texts.next()
    return Told(
        run,
        Machine(host, boot, offset),
        began,
        account,
        cwd,
        texts.shown(),
        texts.shown(),
        dict(os.fsdecode(texts.next()).split("=", 1) for _ in range(settings)),
        [os.fsdecode(texts.next()) for _ in range(flags)],
        [texts.next() for _ in range(words)],
    )


def _status(work_tree: bytes, data: bytes) -> worktree.Start:
    status = struct.unpack_from("=i", data)[0]
    return worktree.start_of(work_tree, data[4:]) if status == 0 else worktree.Start()


def _look(told: Told, marks: int, sections: dict[int, bytes]) -> None:
    if marks & TREE_TOO_LARGE:
        told.before = tree.Look(whole=False)
    elif _BEFORE in sections:
        told.before = _entries(sections[_BEFORE])
        after = sections.get(_AFTER)
        told.after = told.before if after is None else _entries(after)
    elif marks & TREE_UNCHANGED:  # and nothing of it was touched
        told.before = told.after = tree.Look()


def _entries(data: bytes) -> tree.Look:
    look, at = tree.Look(), 0
    word_at, state_at, files = _WORD.unpack_from, _STATE.unpack_from, look.files
    last = len(data) - _WORD.size
    while at <= last:
        (word,) = word_at(data, at)
        at += _WORD.size
        end = at + (word & (_NO_FILE - 1))
        path, at = data[at:end], end
        if word & _UNREADABLE:
            look.unreadable.add(path)
            continue
        if not word & _NO_FILE:
            files[path] = state_at(data, at)
        at += _STATE.size
    return look


def _found(raw: tuple[Any, ...]) -> Found:
    asked, found, (began, at, digest, blob) = raw[:5], raw[5:10], raw[10:]
    named = "" if blob == _NO_BLOB else blob.hex()
    told = Stat(*asked)
    hashed = told if asked == found else Stat(*found)
    return Found(told, hashed, TAG + digest.hex(), began, at, named)


def _packages(data: bytes) -> dict[bytes, list[bytes]]:
    texts = _Texts(data)
    found: dict[bytes, list[bytes]] = {}
    while texts.more():
        names = found.setdefault(texts.next(), [])
        while texts.more() and (name := texts.next()):
            names.append(name)
    return found


def _all(data: bytes) -> Iterator[bytes]:
    texts = _Texts(data)
    while texts.more():
        yield texts.next()


def _shell(data: bytes, told: Told, unseen: bytes) -> typed.Shell:
    paths = [os.path.normpath(os.path.join(told.cwd, path)) for path in _all(unseen)]
    pid, program = _WORD.unpack_from(data)[0], _Texts(data, _WORD.size).next()
    return typed.Shell(pid, program, told.argv[0], paths, told.cwd)


# --- What it means


def started(told: Told, project: Project, person: tuple[str, str] = ("", "")) -> RunStarted:
    """The record of the run's start. `person` is what git says of who works here."""
    root = os.fsencode(project.root)
    try:
        user = pwd.getpwuid(told.account).pw_name
    except KeyError:
        user = str(told.account)
    return RunStarted(
        told.run,
        redact.argv(command(told)),
        uri_of(told.cwd, root, told.machine.host),
        told.machine.when(told.began),
        user=user,
        agent=told.author or person[0] or user,
        email=told.email or person[1],
        commit=told.start.commit,
        dirty=told.start.dirty,
        backend="preload",
    )


def command(told: Told) -> list[str]:
    """What was run, as words."""
    if told.shell is not None:
        return typed.command(told.shell)
    return [text_of(word) for word in told.argv]


def person(project: Project, told: Told) -> tuple[str, str]:
    """Who worked there, as git's settings have it; both empty where they say nothing."""
    ours = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return surroundings.Person(os.fsencode(project.root), ours | told.settings).configured()


def properties(told: Told) -> dict[str, Scalar]:
    """What `--tag` and `--param` said, and of a line that was typed, to which shell."""
    found: dict[str, Scalar] = {"tag.shell": told.shell.name} if told.shell else {}
    words = iter(told.flags)
    for word in words:
        flag, joined, given = word.partition("=")
        name, value = property_of(flag, given if joined else next(words, ""))
        found[name] = value
    return found


def property_of(flag: str, given: str) -> tuple[str, Scalar]:
    """The property that `--tag` or `--param` with NAME=VALUE means.

    >>> property_of("--tag", "a=1"), property_of("--param", "depth=6"), property_of("--param", "x=y")
    (('tag.a', '1'), ('param.depth', 6), ('param.x', 'y'))
    """
    name, _, value = given.partition("=")
    return (f"tag.{name}", value) if flag == "--tag" else (f"param.{name}", _number(value))


def _number(text: str) -> Scalar:
    """A number, where it is one that the stores hold; else the text.

    >>> _number("6"), _number("1e-3"), _number("9" * 30) == "9" * 30, _number("nan")
    (6, 0.001, True, 'nan')
    """
    with suppress(ValueError):
        whole = int(text)
        return whole if -1 << 63 <= whole < 1 << 63 else text
    with suppress(ValueError):
        value = float(text)
        return value if value - value == 0 else text
    return text
