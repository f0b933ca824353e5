"""What did a shell do itself of a line that was typed at its prompt?

The shim is in the programs that the shell starts, not in the shell. So the shell is put at the head of
the run as the process that it is, and the files of the project that changed with no program's doing
are taken to be its own: redirections of builtins, loops, and functions. What it read is told from the line's text.
"""

from __future__ import annotations

import os
import re
import shlex
import stat as modes
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final

import msgspec

from provgraph.ingest.capture.events import (
    Closed,
    Event,
    Image,
    Linked,
    Opened,
    Renamed,
    Truncated,
    Unlinked,
)
from provgraph.ingest.capture.program import untraceable
from provgraph.ingest.capture.streams import Records, through
from provgraph.ingest.capture.tree import Change
from provgraph.ingest.capture.typed import Typed, typed
from provgraph.model.records import Generated, Informed, Invalidated, Record, Stat, StepSeen
from provgraph.model.uri import text_of


class Shell(msgspec.Struct, frozen=True):
    """The shell at whose prompt `line` was typed, in the folder `cwd`; `unseen` are programs in it that the shim is not
    loaded into."""

    pid: int
    program: bytes
    line: bytes
    unseen: list[bytes] = []
    cwd: bytes = b"/"

    @property
    def name(self) -> str:
        return text_of(os.path.basename(self.program))


_PLAIN: Final = re.compile(r"[\w@%+=:,./ '\"-]+")


def command(shell: Shell) -> list[str]:
    """A line as words, where it is one plain command; else what would run it again.

    >>> command(Shell(1, b"/bin/bash", b"python train.py --depth 6"))
    ['python', 'train.py', '--depth', '6']
    >>> command(Shell(1, b"/bin/bash", b"sort a | head > b"))
    ['bash', '-c', 'sort a | head > b']
    """
    line = text_of(shell.line).strip()
    if _PLAIN.fullmatch(line):
        with suppress(ValueError):  # a quote that is not closed
            words = shlex.split(line)
            if words and "=" not in words[0]:
                return words
    return [shell.name, "-c", line]


def gaps(shell: Shell, environment: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Why which of its programs were not seen."""
    found = [(untraceable(os.fsdecode(path), environment), path) for path in shell.unseen]
    return [(why or "not-traced", path) for why, path in found]


def image(shell: Shell, tick: int) -> Image:
    """The shell as it began with the line."""
    argv = [os.path.basename(shell.program), b"-c", shell.line]
    return Image(
        pid=shell.pid, tick=tick, parent=0, executable=shell.program, argv=argv, cwd=shell.cwd
    )


def understood(shell: Shell) -> Typed:
    return typed(os.fsdecode(shell.line), os.fsdecode(shell.cwd))


def reads(shell: Shell, tick: int, since: int) -> Iterator[Event]:
    """The files that the shell read for itself. One that has changed `since` is left out: who knows when it was read."""
    for name in understood(shell).files:
        stat = stat_of(name)
        if stat is not None and stat.mtime < since:
            yield Opened(
                *(3, os.fsencode(name)),
                readable=True,
                writable=False,
                truncates=False,
                appends=False,
                created=False,
                after=stat,
                before=stat,
                pid=shell.pid,
                tick=tick + 1,
            )
            yield Closed(3, os.fsencode(name), tick + 1, stat, pid=shell.pid, tick=tick + 2)


def stat_of(path: str) -> Stat | None:
    """Of a regular file; None where there is none."""
    with suppress(OSError):
        found = os.stat(path)
        if modes.S_ISREG(found.st_mode):
            times = found.st_mtime_ns, found.st_ctime_ns
            return Stat(found.st_dev, found.st_ino, found.st_size, *times)
    return None


def of_before(shell: Shell, since: int, records: Iterable[Record]) -> Iterator[str]:
    """The gap of a shell that has told programs something, but not where it had that from."""
    own, told = set[str](), set[str]()
    for record in records:
        match record:
            case StepSeen() if record.pid == shell.pid:
                own.add(record.step)
            case Informed() if record.by in own and record.step not in own:
                told.add(record.step)
            case _:
                pass
    if not told:
        return
    found = understood(shell)
    stats = map(stat_of, found.files)
    names = [f"${name}" for name in found.names]
    if found.elsewhere or any(stat is None or stat.mtime >= since for stat in stats):
        names.append("what it read")
    if names:
        yield f"where the shell had from what it told programs is not known: {', '.join(names)}"


def changed(events: Iterable[Event]) -> Iterator[bytes]:
    """The paths that programs did something to, as far as events tell."""
    reading: set[tuple[int, int]] = set()
    for event in events:
        match event:
            case Opened():
                if event.writable or event.created:
                    yield event.path
                else:
                    reading.add((event.pid, event.tick))
            case Closed() if (event.pid, event.opened) not in reading:
                yield event.path  # inherited, and written to
            case Renamed():
                yield event.source
                yield event.target
            case Linked():
                yield event.target
            case Unlinked() | Truncated():
                yield event.path
            case _:
                pass


def doings(shell: Shell, changes: Iterable[tuple[Change, int]]) -> Iterator[Event]:
    """What the shell did for these changes to come about, each with its tick.

    >>> from provgraph.model.records import Stat
    >>> made = Change(b"/p/out", None, Stat(1, 7, 3, 100, 100))
    >>> opened, closed = doings(Shell(5, b"/bin/sh", b"echo hi > out"), [(made, 40)])
    >>> opened.created, opened.truncates, closed.stat.size, closed.tick
    (True, True, 3, 41)
    """
    appends = b">>" in shell.line
    for change, tick in changes:
        path, before, after = change.path, change.before, change.after
        if after is None:
            yield Unlinked(path, before, pid=shell.pid, tick=tick)
            continue
        created = before is None or before.inode != after.inode
        empty = msgspec.structs.replace(after, size=0, mtime=0)
        yield Opened(
            1,
            path,
            readable=False,
            writable=True,
            truncates=not appends,
            appends=appends,
            created=created,
            after=before if before is not None and appends and not created else empty,
            before=None if created else before,
            pid=shell.pid,
            tick=tick,
        )
        yield Closed(1, path, tick, after, pid=shell.pid, tick=tick + 1)


def is_nothing(shell: Shell | None, events: Iterable[Event], records: Iterable[Record]) -> bool:
    """Whether a line has left nothing to be told: it started no program and changed no file. The
    shell's own image is among the events."""
    if shell is None or shell.unseen:
        return False
    programs = sum(isinstance(event, Image) for event in events)
    return programs < 2 and not any(
        isinstance(record, (Generated, Invalidated)) for record in records
    )


def admitted(shell: Shell, records: Records, uris: set[str]) -> Records:
    """The records, with what was only taken to be the shell's own doing marked so."""
    if not uris:
        return records
    steps = {
        record.step
        for record in records
        if isinstance(record, StepSeen) and record.pid == shell.pid
    }

    def marked(record: Record) -> Record:
        if isinstance(record, Generated) and record.step in steps and record.names[-1].uri in uris:
            return msgspec.structs.replace(record, attributed=False)
        return record

    return through(records, lambda all: map(marked, all))
