"""What is told of a run that goes on for long, before it has ended?

What its programs have done so far: once an hour, and as soon as they have said very much. So what a daemon did can be
asked about while it runs, and a loss of power takes no more than what came since. Each time it is a segment of its own,
closed, with what no earlier one holds. The ids are those that the end gives, so telling early changes
nothing. What a program has open to write to is told when it is closed.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

import msgspec

from provgraph.config import Project
from provgraph.errors import ProvgraphError
from provgraph.ingest.capture.recording import EVENTS, TOLD, Recording, account, recordings
from provgraph.ingest.capture.recover import (
    Ask,
    asking,
    described,
    evidence_of,
    is_of_the_run,
    unsaid,
    writer_for,
)
from provgraph.ingest.capture.rhythm import rhythm
from provgraph.ingest.capture.runner import without_pending
from provgraph.ingest.capture.spool import Spool
from provgraph.ingest.capture.surroundings import boot_id, tick
from provgraph.model.collector import paused_collector


def now() -> int:
    """Nanoseconds, UTC."""
    return time.time_ns()


class Reached(msgspec.Struct, frozen=True):
    """When a run was told of last, how much had been done to files by then, and how many bytes told it."""

    at: int
    activity: int
    events: int


def tell(project: Project, but: Collection[str] = ()) -> list[Path]:
    """Tell of the runs of which it is due; the segments that were written. What cannot be told now is told the
    next time, or at the end; of those in `but` the end is being written down. Raises `ProjectError` where the
    settings are wrong."""
    found = []
    ask = asking(project)
    every, after = rhythm(project)
    for folder in recordings(project):
        if folder.name in but:
            continue
        with suppress(OSError, ProvgraphError, ValueError), paused_collector():
            if segment := _tell(project, folder, ask, every, after):
                found.append(segment)
    return found


def _tell(project: Project, folder: Path, ask: Ask, every: int, after: int) -> Path | None:
    recording = Recording(folder, -1)  # whoever holds its lock goes on
    told, manifest = described(project, recording, ask)
    if manifest is None or manifest.machine.boot != boot_id():
        return None
    run = manifest.started.run
    if not (project.journal / f"{run}.segment").exists():
        return None  # its start comes first
    with Spool(folder / EVENTS) as spool, _turn(folder) as turn:
        reached = Reached(now(), spool.activity(), spool.reached())
        last = turn.reached or Reached(manifest.started.when.at, 0, 0)
        early = reached.at - last.at < every and reached.events - last.events < after
        if early or reached.activity == last.activity:
            return None
        living = {life.pid for life in spool.lives() if not life.exited and life.is_alive()}
        events = without_pending(spool.streamed(), living)
        if manifest.ended:
            told = None  # the end has been told; this is about who stayed behind
        manifest.ended = tick()
        evidence = evidence_of(project, recording, manifest, told, events, [])
        evidence.going_on = True
        made = account(project, evidence, folder)
        evidence.contents.close()
        records = (r for r in unsaid(project, run, made.records) if not is_of_the_run(r))
        path = None
        for first in records:
            with writer_for(project, run) as writer:
                for record in chain([first], records):
                    writer.write(record)
            path = writer.path
        turn.save(reached)
    return path


class _Turn:
    """What is noted in a recording of what was told. One process tells at a time."""

    def __init__(self, file: int) -> None:
        self._file = file
        self.reached: Reached | None = None
        with suppress(msgspec.DecodeError):
            self.reached = msgspec.json.decode(os.pread(file, 200, 0), type=Reached)

    def save(self, reached: Reached) -> None:
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, msgspec.json.encode(reached), 0)


@contextmanager
def _turn(folder: Path) -> Iterator[_Turn]:
    """Raises OSError where another process is at it."""
    file = os.open(folder / TOLD, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield _Turn(file)
    finally:
        os.close(file)
