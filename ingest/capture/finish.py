"""The end of a run that the native front does not leave to the next sync: its record is made at once.

The front does so where waiting would lose something, where a command line may hold a secret, where
nothing was seen, or where processes stay behind.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from provgraph.config import Project, find_project, prepare_state
from provgraph.errors import ProvgraphError, reason_of
from provgraph.ingest.capture import front, line, ongoing, surroundings
from provgraph.ingest.capture.recording import Manifest, Recording, account, keep_contents
from provgraph.ingest.capture.recover import (
    asking,
    described,
    evidence_of,
    is_whole,
    recover,
    seen_events,
    unsaid,
    writer_for,
)
from provgraph.ingest.capture.runner import (
    note,
    outlived,
    still_at_work,
    warn,
    without_pending,
)
from provgraph.ingest.capture.spool import Spool


def finish(folder: Path) -> int:
    """Write down the run of a recording, and those that wait besides, and tell of those that go on for
    long. Never raises."""
    try:
        project = find_project(folder)
        if project is not None:
            _finish(project, folder)
            recover(project, note)
            ongoing.tell(project)
    except KeyboardInterrupt:
        return 130  # the next sync does it
    except (OSError, ProvgraphError) as error:
        note(f"the run was not recorded to its end: {reason_of(error)}")
    except Exception as error:  # noqa: BLE001 - a fault of ours must not become one of the program
        note(f"the run was not recorded to its end ({type(error).__name__}: {error})")
    return 0


def _finish(project: Project, folder: Path) -> None:
    recording = Recording.claim(folder)
    if recording is None:  # a sync was quicker
        return
    staying: set[int] = set()
    try:
        told, manifest = described(project, recording, asking(project))
        if manifest is not None:  # our environment is the program's, and has what else is asked for
            manifest.variables = surroundings.variables(os.environ, project)
        if told is not None and manifest is not None:
            staying = _write(project, recording, told, manifest)
    except BaseException:
        recording.release()
        raise
    if staying or manifest is None:
        recording.release()
    else:
        recording.remove()


def _write(
    project: Project, recording: Recording, told: front.Told, manifest: Manifest
) -> set[int]:
    """The processes that are still at work."""
    if is_whole(project.journal / f"{told.run}.segment"):
        return set()
    staying: set[int] = set()
    with suppress(ProvgraphError), Spool(recording.events) as spool:
        staying = still_at_work(spool, told.run, told.pid)
    events, gaps = seen_events(recording, sealing=not staying)
    if staying:
        events = without_pending(events, staying)
        manifest.gaps.append(outlived(len(staying)))
    evidence = evidence_of(project, recording, manifest, told, events, gaps)
    made = account(project, evidence, recording.folder)
    if not staying and line.is_nothing(evidence.shell, evidence.events, made.records):
        return set()
    prepare_state(project)
    records = unsaid(project, told.run, made.records)
    with writer_for(project, told.run) as writer:
        for record in records:
            writer.write(record)
    evidence.contents.close()
    keep_contents(project, evidence, made)
    warn(made.ended, told.argv, evidence.contents)
    return staying
