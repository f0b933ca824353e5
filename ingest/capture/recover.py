"""Which runs lost their recorder, and what can still be written down of them?

A runner that is killed leaves its recording behind; so does one whose program left processes that
were still at work. When nobody holds the recording's lock and its processes have ended, the events
are assembled as the runner would have done it. Who recovers holds that lock meanwhile, so it is done
once; the ids are the same whoever does it, so doing it twice would change nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from provgraph.config import Project, prepare_state
from provgraph.errors import JournalError, ProvgraphError
from provgraph.ingest.capture import audit, tree
from provgraph.ingest.capture.events import Event, Exited
from provgraph.ingest.capture.hashing import never
from provgraph.ingest.capture.recording import (
    MANIFEST,
    Evidence,
    Manifest,
    Outside,
    Recording,
    account,
    contents_of,
    recordings,
)
from provgraph.ingest.capture.spool import Spool
from provgraph.ingest.capture.surroundings import boot_id
from provgraph.model.journal import SegmentWriter, read_segment
from provgraph.model.records import EnvironmentSeen, Record, RunEnded, RunStarted

KILLED: Final = "provgraph was killed before the run ended"
_ABANDONED: Final = 3600.0
"""Seconds after which a folder without a manifest is taken for one whose runner died making it."""


def orphans(project: Project) -> list[Path]:
    """The recordings that can be recovered now."""
    found = []
    for folder in recordings(project):
        recording = Recording.claim(folder)
        if recording is not None:
            if (folder / MANIFEST).exists() and _has_ended(recording):
                found.append(folder)
            recording.release()
    return found


def recover(project: Project) -> list[Path]:
    """Journal the runs whose recorder is gone; the paths of the segments written.

    What cannot be recovered now (its processes live, the disk is full, somebody else is at it) stays
    for the next time; what holds nothing is removed.
    """
    written = []
    for folder in recordings(project):
        recording = Recording.claim(folder)
        if recording is None:
            _remove_remains(folder)
            continue
        try:
            segment = _recover(project, recording)
        except (OSError, ProvgraphError):
            recording.release()
            continue
        if segment is not None:
            written.append(segment)
    return written


def _recover(project: Project, recording: Recording) -> Path | None:
    manifest = recording.manifest()
    if manifest is None:
        if (recording.folder / MANIFEST).exists() or _is_old(recording.folder):
            recording.remove()
        else:
            recording.release()
        return None
    if not _has_ended(recording):
        recording.release()
        return None
    late = _is_whole(project.journal / f"{manifest.started.run}.segment")
    events, gaps = _events(recording)
    # A runner saves the end only if something stayed behind.
    if late and not any(0 < manifest.ended < event.tick for event in events):
        recording.remove()
        return None
    segment = _write(project, recording, manifest, events, gaps, late=late)
    recording.remove()
    return segment


def _write(
    project: Project,
    recording: Recording,
    manifest: Manifest,
    events: list[Event],
    gaps: list[str],
    *,
    late: bool,
) -> Path:
    """`late`: the run has been recorded, but for what it left behind did afterwards."""
    ended = manifest.ended
    manifest.ended = max([event.tick for event in events], default=manifest.began)
    if not late:
        manifest.gaps.append(KILLED)
        if not ended:
            manifest.exit = _exit_of(manifest.pid, events)
    ignored = tree.Ignored.of(os.fsencode(project.root))
    outside = Outside(project, ignored)
    contents = contents_of(project, manifest.started.run, outside, never)
    evidence = Evidence(
        manifest, events, gaps, contents, outside, list(audit.read(recording.python))
    )
    made = account(project, evidence, recording.folder)
    prepare_state(project)
    with _writer(project, manifest.started.run) as writer:
        for record in made.records:
            if not (late and _is_of_the_run(record)):
                writer.write(record)
    contents.close()
    return writer.path


def _is_of_the_run(record: Record) -> bool:
    """What has been told already, by somebody who saw it."""
    return isinstance(record, (EnvironmentSeen, RunStarted, RunEnded))


def _writer(project: Project, run: str) -> SegmentWriter:
    """A segment of its own beside the one that was left open: that may have been applied already.

    A recovery that was killed leaves one behind too; then the next number is taken.
    """
    for number in range(1, 1000):
        with suppress(JournalError):
            return SegmentWriter(project.journal, project.id, f"{run}.{number}")
        if not (project.journal / f"{run}.{number}.segment").exists():
            break
    raise JournalError(f"{project.journal} cannot be written")


def _has_ended(recording: Recording) -> bool:
    """Whether no process of the run lives; after a new boot none does."""
    manifest = recording.manifest()
    if manifest is not None and manifest.machine.boot != boot_id():
        return True
    if manifest is not None and manifest.pid and not recording.events.exists():
        return not Path(f"/proc/{manifest.pid}").exists()
    with suppress(OSError, ProvgraphError, ValueError), Spool(recording.events) as spool:
        return not any(not life.exited and life.is_alive() for life in spool.lives())
    return True


def _events(recording: Recording) -> tuple[list[Event], list[str]]:
    if not recording.events.exists():
        return [], []
    try:
        with Spool(recording.events) as spool:
            spool.seal()
            return spool.events(), spool.gaps()
    except (ProvgraphError, ValueError) as error:
        return [], [f"the spool is damaged: {error}"]


def _exit_of(pid: int, events: list[Event]) -> int | None:
    statuses = [e.status for e in events if isinstance(e, Exited) and e.pid == pid]
    return statuses[-1] if statuses else None


def _is_whole(segment: Path) -> bool:
    try:
        return read_segment(segment).condition == "whole"
    except (OSError, ProvgraphError):
        return False


def _is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > _ABANDONED
    except OSError:
        return False


def _remove_remains(folder: Path) -> None:
    """A folder whose runner died before it had a lock, or whose remover died after deleting it."""
    if not (folder / "lock").exists() and _is_old(folder):
        for path in _below(folder):
            with suppress(OSError):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, topdown=False):
        yield from (Path(parent) / name for name in [*names, *folders])
    yield folder
