"""A request to be forgotten, from the first word to the receipt: what was asked, and what was done.

A request is a folder `.provgraph/erasure/ID/`, private to its owner: `request.json`, `plan.json`, an
approval a file, and `log.ndjson`, to which lines are only added, each with the hash of the one before (so
that none can be changed or left out unseen). Whoever reads the log knows where an execution stands.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from provgraph.config import Project
from provgraph.errors import NotFound, ProvgraphError, StoreError, UsageError
from provgraph.model.elements import Scalar

_ID: Final = re.compile(r"e\d+")
DEADLINE: Final = 30 * 86_400 * 10**9
"""Nanoseconds until a request is due: a month (GDPR, article 12(3))."""

State = Literal["planned", "approved", "executing", "done", "abandoned", "joined"]
ENDED: Final[frozenset[State]] = frozenset({"done", "abandoned", "joined"})


class Busy(ProvgraphError):
    """Another process has the requests of the project in hand."""


class Request(msgspec.Struct, frozen=True):
    """What was asked. `subjects` are keyed hashes in hexadecimal, and go when it is done; `texts` are
    words to be taken out of names, arguments and messages; `kept` are versions that an earlier request had
    to keep, `old` those that are older than a rule allows. With `erase_derived` what was made from the data is erased and not rebuilt. Times are
    nanoseconds UTC."""

    id: str
    reference: str
    asked: int
    due: int
    subjects: list[str] = []
    files: list[str] = []
    texts: list[str] = []
    erase_derived: bool = False
    kept: list[str] = []
    old: list[str] = []


class Kept(msgspec.Struct, frozen=True):
    """A version that was not erased because a rule said so, and under which name it lies."""

    version: str
    name: str


class Entry(msgspec.Struct, frozen=True):
    """A line of the log. `hash` is SHA-256 over the line before it and everything in this one."""

    at: int
    what: str
    details: dict[str, Scalar]
    hash: str


class Folder:
    """The folder of a request."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        return self.path.name

    def request(self) -> Request:
        return msgspec.json.decode(self.read("request.json"), type=Request)

    def read(self, name: str) -> bytes:
        """Raises `StoreError`."""
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise StoreError(f"{self.path / name} cannot be read: {error.strerror}") from error

    def write(self, name: str, content: bytes) -> None:
        """Whole or not at all, and on the disk. Raises `StoreError`."""
        path, fresh = self.path / name, self.path / f"{name}.new"
        try:
            file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(file, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            os.replace(fresh, path)
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror}") from error

    def clear(self, *, bare: bool) -> None:
        """Overwrite and remove what says which contents are meant, and with `bare` who was asked about too:
        of what is kept, that stays until the hold ends. Raises `StoreError`, OSError."""
        from provgraph.model.erased import remove

        for name in ("prepared.json", "plan.json"):
            if self.has(name):
                remove(self.path / name)
        if bare:
            request, kept = self.request(), self.kept()
            names, versions = {each.name for each in kept}, {each.version for each in kept}
            left = msgspec.structs.replace(
                request,
                subjects=request.subjects if kept else [],
                files=[name for name in request.files if name in names],
                texts=[],
                kept=[],
                old=[version for version in request.old if version in versions],
            )
            self.write("request.json", msgspec.json.encode(left))

    def keep(self, kept: Sequence[Kept]) -> None:
        """Note what is kept. Raises `StoreError`."""
        if kept:
            self.write("kept.json", msgspec.json.encode(kept))

    def kept(self) -> list[Kept]:
        """What it had to keep, until another request asks for it."""
        if not self.has("kept.json"):
            return []
        return msgspec.json.decode(self.read("kept.json"), type=list[Kept])

    def hand_over(self, to: str) -> None:
        """Leave what is kept to the request `to`. Raises `StoreError`, OSError."""
        self.log("asked again", request=to)
        (self.path / "kept.json").unlink(missing_ok=True)
        self.clear(bare=True)

    def has(self, name: str) -> bool:
        return (self.path / name).exists()

    # The log.

    def log(self, what: str, **details: Scalar) -> None:
        """Add a line, on the disk when this returns. Raises `StoreError`."""
        entries = list(self.entries())
        before = entries[-1].hash if entries else ""
        at = time.time_ns()
        entry = Entry(at, what, details, _chained(before, at, what, details))
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            file = os.open(self.path / "log.ndjson", flags, 0o600)
            with open(file, "ab") as out:
                out.write(msgspec.json.encode(entry) + b"\n")
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise StoreError(f"{self.path}: the log cannot be written: {error.strerror}") from error

    def entries(self) -> Iterator[Entry]:
        """The log. Raises `StoreError` where a line was changed or left out."""
        if not self.has("log.ndjson"):
            return
        before = ""
        for number, line in enumerate(self.read("log.ndjson").splitlines(), 1):
            try:
                entry = msgspec.json.decode(line, type=Entry)
            except msgspec.DecodeError:
                if number == len(self.read("log.ndjson").splitlines()):
                    return  # torn by a kill: the line was never acknowledged
                raise StoreError(f"{self.path}/log.ndjson: line {number} is damaged") from None
            if entry.hash != _chained(before, entry.at, entry.what, entry.details):
                raise StoreError(f"{self.path}/log.ndjson: line {number} was changed")
            before = entry.hash
            yield entry

    def done(self) -> set[str]:
        return {entry.what for entry in self.entries()}

    def state(self) -> State:
        done = self.done()
        for what, state in _STATES:
            if what in done:
                return state
        return "planned"


_STATES: Final[tuple[tuple[str, State], ...]] = (
    ("receipt", "done"),
    ("abandoned", "abandoned"),
    ("joined", "joined"),
    ("began", "executing"),
    ("approved", "approved"),
)


def _chained(before: str, at: int, what: str, details: dict[str, Any]) -> str:
    """
    >>> _chained("", 1, "a", {}) != _chained("x", 1, "a", {})
    True
    """
    return hashlib.sha256(msgspec.json.encode([before, at, what, details])).hexdigest()


def no_plan(folder: Folder) -> UsageError:
    """The error for a request whose plan is not there."""
    state = folder.state()
    if state in ("planned", "approved"):
        return UsageError(
            f"the plan of {folder.id} became void when another request was carried out",
            hint=f"`provgraph forget replan {folder.id}`",
        )
    shown = folder.path / "receipt.html" if state == "done" else "`provgraph forget list` shows it"
    return UsageError(f"{folder.id} is {state}; its plan is not kept", hint=f"{shown}")


def home(project: Project) -> Path:
    return project.state / "erasure"


@contextmanager
def alone(project: Project) -> Iterator[None]:
    """While it lasts, no other process plans anew, signs or carries out here. Raises `Busy` where one is at it,
    `StoreError`."""
    path = home(project) / "lock"
    try:
        home(project).mkdir(mode=0o700, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                "another process signs or carries out a deletion here",
                hint="when it has ended, say it again; `provgraph forget list` tells where requests stand",
            ) from None
        yield
    finally:
        os.close(file)


def folders(project: Project) -> list[Folder]:
    """All requests, the oldest first."""
    if not home(project).is_dir():
        return []
    found = [path for path in home(project).iterdir() if _ID.fullmatch(path.name)]
    return [Folder(path) for path in sorted(found, key=lambda path: int(path.name[1:]))]


def folder(project: Project, id: str) -> Folder:
    """Raises `NotFound`."""
    for each in folders(project):
        if each.id == id:
            return each
    raise NotFound(f"there is no request `{id}`", hint="`provgraph forget list` lists them")


def open_request(project: Project, request: Request) -> Folder:
    """Make the folder of a new request; its id is given here. Raises `StoreError`."""
    try:
        home(project).mkdir(mode=0o700, exist_ok=True)
        number = max((int(each.id[1:]) for each in folders(project)), default=0) + 1
        while True:
            path = home(project) / f"e{number}"
            try:
                path.mkdir(mode=0o700)
                break
            except FileExistsError:
                number += 1
    except OSError as error:
        raise StoreError(f"{home(project)} cannot be written: {error.strerror}") from error
    made = Folder(path)
    made.write("request.json", msgspec.json.encode(msgspec.structs.replace(request, id=path.name)))
    made.log("asked", reference=request.reference)
    return made
