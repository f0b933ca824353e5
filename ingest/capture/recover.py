"""Which runs wait to be written down, and which lost their recorder?

The native front leaves its recording to be written down later. A runner that is killed leaves its own
behind; so does one whose program left processes that were still at work. When nobody holds the
recording's lock and its processes have ended, the events are assembled as Python's runner does it at
once. Who recovers holds that lock meanwhile, so it is done once; the ids are the same whoever does
it, so doing it twice would change nothing. Of a run that is still going on, its start is told.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from provgraph.config import Project, prepare_state
from provgraph.errors import JournalError, ProvgraphError, reason_of
from provgraph.ingest.capture import aside, audit, beside, front, line, mounts, tree
from provgraph.ingest.capture.events import Exited
from provgraph.ingest.capture.hashing import Cache, never
from provgraph.ingest.capture.marks import Marks
from provgraph.ingest.capture.recording import (
    EVENTS,
    MANIFEST,
    Evidence,
    Manifest,
    Outside,
    Recording,
    account,
    contents_of,
    manifest_of,
    recordings,
    seen_at,
    texts_of,
    told_in,
)
from provgraph.ingest.capture.spool import Spool, is_running
from provgraph.ingest.capture.streams import Events, Records, joined
from provgraph.ingest.capture.surroundings import Machine, ancestors, boot_id
from provgraph.model.collector import paused_collector
from provgraph.model.journal import Reading, SegmentWriter, read_segment
from provgraph.model.records import EnvironmentSeen, Record, RunEnded, RunStarted
from provgraph.model.uri import shown, uri_of
from provgraph.tracking import run_folder

KILLED: Final = "provgraph was killed before the run ended"
UNFINISHED: Final = "the record was not finished when the run ended; what no program was seen to change is not known"
Ask = Callable[[front.Told], tuple[str, str]]
"""Asks who worked there: the name and the address."""
Hand = Callable[[beside.Writing], None]
_PATIENCE: Final = 2.0
_ABANDONED: Final = 3600.0
"""Seconds after which a folder without a manifest is taken for one whose runner died making it."""


def orphans(project: Project) -> list[Path]:
    """The recordings that can be recovered now."""
    found = []
    for folder in recordings(project):
        recording = Recording.claim(folder)
        if recording is not None:
            with suppress(ProvgraphError):
                _, manifest = described(project, recording, lambda told: ("", ""))
                if _is_described(folder) and _has_ended(recording, manifest):
                    found.append(folder)
            recording.release()
    return found


def recover(
    project: Project,
    fault: Callable[[str], None] | None = None,
    hand: Hand | None = None,
) -> list[Path]:
    """Journal the runs whose recorder is gone; the paths of the segments written.

    What cannot be recovered now (its processes live, the disk is full, somebody else is at it) stays
    for the next time; what holds nothing is removed. `fault` is told what keeps a run from being written
    down: it stays, and the others are written; without it an error of ours is raised. `hand` is given the
    records of a segment, where they are in memory: it may be being written yet, of which it says when it is done.
    """
    written = []
    ask = asking(project)
    for folder in recordings(project):
        recording = Recording.claim(folder) or _of_our_prompt(project, folder)
        if recording is None:
            _tell_start(project, folder, ask)
            _remove_remains(folder)
            continue
        try:
            with paused_collector():
                segment = _recover(project, recording, ask, hand)
        except FileNotFoundError:  # somebody else was quicker
            recording.release()
            continue
        except Exception as error:
            recording.release()
            outside = isinstance(error, OSError | ProvgraphError)
            if fault is None and not outside:
                raise
            if fault is not None:
                reason = reason_of(error) if outside else f"{type(error).__name__}: {error}"
                fault(f"{folder}: a run could not be written down ({reason}); it stays")
            continue
        if segment is not None:
            written.append(segment)
    return written


def _of_our_prompt(project: Project, folder: Path) -> Recording | None:
    """The recording of a line of the prompt that we were started from. The line is over, then, but the
    prompt does not wait until its keeper is through; we do, for a while."""
    with suppress(OSError, ProvgraphError):
        told = front.read(folder)
        if told is None or told.shell is None or folder.name == os.path.basename(run_folder()):
            return None
        if told.shell.pid not in ancestors(os.getpid()):
            return None
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and folder.exists():
            if recording := Recording.claim(folder):
                return recording
            time.sleep(0.005)
    return None


def _recover(project: Project, recording: Recording, ask: Ask, hand: Hand | None) -> Path | None:
    told, manifest = described(project, recording, ask)
    if manifest is None:
        if _is_described(recording.folder) or _is_old(recording.folder):
            recording.remove()
        else:
            recording.release()
        return None
    if not (told and told.is_over) and not _has_ended(recording, manifest):
        recording.release()
        return None
    _refuse_elsewhere(recording, manifest)
    late = is_whole(project.journal / f"{manifest.started.run}.segment")
    typed = told is not None and told.shell is not None
    found = _found(project, recording, manifest, None if late else told, late=late, typed=typed)
    told = manifest = None  # much, where the run is large
    if found is None:
        recording.remove()
        return None
    prepare_state(project)
    return _write(project, recording, found, hand)


def _refuse_elsewhere(recording: Recording, manifest: Manifest) -> None:
    """Raises JournalError where the spool lies on another host."""
    place, host = aside.target(recording.events), manifest.machine.host
    if place is not None and host != Machine.here().host:
        raise JournalError(f"what its programs did lies on {host} in {place}: a sync there does it")


def asking(project: Project) -> Ask:
    """Git is asked once for all runs with the same settings."""
    answers: dict[tuple[tuple[str, str], ...], tuple[str, str]] = {}

    def ask(told: front.Told) -> tuple[str, str]:
        key = tuple(told.settings.items())
        if key not in answers:
            answers[key] = front.person(project, told)
        return answers[key]

    return ask


def described(
    project: Project, recording: Recording, ask: Ask
) -> tuple[front.Told | None, Manifest | None]:
    """What the native front told of a run, if it was the one, and what is known whoever it was.
    Raises JournalError where that comes from another version."""
    told = recording.told(project)
    manifest = recording.manifest()
    if manifest is None and told is not None:
        manifest = manifest_of(told, project, ask(told))
    elif manifest is not None:
        seen, root = seen_at(recording.folder), os.fsencode(project.root)
        manifest.names = mounts.moved(manifest.names, seen, root)
    return told, manifest


def _is_described(folder: Path) -> bool:
    return (folder / MANIFEST).exists() or front.is_there(folder)


class _Found(NamedTuple):
    """What is to be written down of a run: its records, and the contents that are kept. `late`: the run has been recorded,
    but for what it left behind did afterwards. Nothing else: a fork would hold it, and what is let go of beside one is copied."""

    run: str
    host: str
    records: Records
    cache: Cache | None
    texts: list[bytes]
    late: bool


def _found(
    project: Project,
    recording: Recording,
    manifest: Manifest,
    told: front.Told | None,
    *,
    late: bool,
    typed: bool,
) -> _Found | None:
    """None where there is nothing to be told. `told`: what happened until the end, if that has not been written down."""
    events, gaps = seen_events(recording)
    # A runner saves the end only if something stayed behind.
    if late and not any(0 < manifest.ended < event.tick for event in events):
        return None
    if told is None or not told.ended:
        if not late:
            manifest.gaps.append(UNFINISHED if manifest.ended else KILLED)
            if not manifest.ended:
                # A runner that was killed at once had not noted the program, which spoke first.
                first = next((event.pid for event in events), 0)
                manifest.exit = _exit_of(manifest.pid or first, events)
        last = max((event.tick for event in events), default=manifest.began)
        manifest.ended = max(manifest.ended, last)
    evidence = evidence_of(project, recording, manifest, told, events, gaps)
    evidence.typed = typed
    made = account(project, evidence, recording.folder)
    if not late and line.is_nothing(evidence.shell, evidence.events, made.records):
        return None
    run, host = manifest.started.run, manifest.machine.host
    return _Found(run, host, made.records, evidence.contents.cache, texts_of(evidence), late)


def _write(project: Project, recording: Recording, found: _Found, hand: Hand | None) -> Path:
    records = unsaid(project, found.run, found.records)
    writer = writer_for(project, found.run)

    def write() -> None:
        with writer:
            for record in records:
                if not (found.late and is_of_the_run(record)):
                    writer.write(record)

    def clear_up() -> None:
        from provgraph.ingest.capture.keeping import keep

        if found.cache:
            found.cache.close()
        keep(project, found.records, found.texts, found.host)
        recording.remove()

    held = records if hand is not None and isinstance(records, list) and not found.late else []
    begun = beside.begin(write, clear_up) if len(held) >= beside.LARGE else None
    if begun is None:
        write()
        clear_up()
    else:
        writer.hand_over()
        if found.cache:
            found.cache.leave()
        recording.release()
    if hand is not None and held:
        hand(beside.Writing(found.run, writer.path, held, begun))
    return writer.path


def evidence_of(
    project: Project,
    recording: Recording,
    manifest: Manifest,
    told: front.Told | None,
    events: Events,
    gaps: list[str],
) -> Evidence:
    """All that a recording holds. `told` is what the native front saw, if it was the one."""
    ignored = tree.Ignored.of(os.fsencode(project.root))
    outside = Outside(project, ignored)
    contents = contents_of(project, manifest.started.run, outside, never, told, recording.folder)
    spoken = list(audit.read(recording.python))
    evidence = Evidence(manifest, events, gaps, contents, outside, spoken)
    if told is not None:
        evidence.start, evidence.digests, evidence.packages = (
            told.start,
            told.digests,
            told.packages,
        )
        evidence.before, evidence.after, evidence.ignored = told.before, told.after, ignored
        evidence.texts = told.texts
        if told.shell is not None:
            evidence.shell, evidence.typed = told.shell, True
            shell = line.image(told.shell, told.began)
            since = told.began + manifest.machine.offset
            read = line.reads(told.shell, told.began, since)
            evidence.events = joined(events, [shell, *read])
            evidence.gaps = [*gaps, *unseen(project, told)]
    return evidence


def unseen(project: Project, told: front.Told) -> Iterator[str]:
    """The programs of a typed line that nothing was seen of."""
    from provgraph.ingest.capture.assemble import gap

    for why, path in line.gaps(told.shell, os.environ) if told.shell else ():
        yield gap(why, shown(uri_of(path, os.fsencode(project.root), told.machine.host)))


def _tell_start(project: Project, folder: Path, ask: Ask) -> None:
    """Journal the start of a run that the native front is at; Python's runner has done so itself."""
    segment = project.journal / f"{folder.name}.segment"
    if segment.exists() or not front.is_there(folder):
        return
    with suppress(OSError, ProvgraphError):
        told = told_in(folder, project)
        if told is None or told.ended:
            return
        if told.shell is not None and not _has_begun(folder):
            return  # a line that nothing comes of leaves no run
        writer = SegmentWriter(project.journal, project.id, folder.name)
        writer.write(front.started(told, project, ask(told)))
        writer.leave()


def _has_begun(folder: Path) -> bool:
    with Spool(folder / EVENTS) as spool:
        return spool.first_image() is not None


def is_of_the_run(record: Record) -> bool:
    """What has been told already, by somebody who saw it."""
    return isinstance(record, (EnvironmentSeen, RunStarted, RunEnded))


def unsaid(project: Project, run: str, records: Iterable[Record]) -> Iterable[Record]:
    """Those records that no segment of the run holds yet."""
    said = Marks(project.spools)
    for path in _segments_of(project, run):
        with suppress(OSError, ProvgraphError):
            said.add(Reading(path))
    return (record for record in records if record not in said) if said else records


def _segments_of(project: Project, run: str) -> Iterator[Path]:
    for name in _names(run):
        path = project.journal / f"{name}.segment"
        if not path.exists():
            return
        yield path


def _names(run: str) -> Iterator[str]:
    yield run
    yield from (f"{run}.{number}" for number in range(1, 1000))


def writer_for(project: Project, run: str) -> SegmentWriter:
    """The run's segment, or where one was left open one beside it: that may have been applied
    already. A recovery that was killed leaves one behind too; then the next number is taken."""
    for name in _names(run):
        with suppress(JournalError):
            return SegmentWriter(project.journal, project.id, name)
        if not (project.journal / f"{name}.segment").exists():
            break
    raise JournalError(f"{project.journal} cannot be written")


def _has_ended(recording: Recording, manifest: Manifest | None) -> bool:
    """Whether no process of the run lives; after a new boot none does."""
    if manifest is not None and manifest.machine.boot != boot_id():
        return True
    if manifest is not None and manifest.pid and not recording.events.exists():
        return not is_running(manifest.pid)
    with suppress(OSError, ProvgraphError, ValueError), Spool(recording.events) as spool:
        return not any(not life.exited and life.is_alive() for life in spool.lives())
    return True


def seen_events(recording: Recording, *, sealing: bool = True) -> tuple[Events, list[str]]:
    """The events of a run and what is known to be lost. `sealing`: nothing more shall be written."""
    own = recording.itself().events()
    if not recording.events.exists():
        return own, [aside.lost(recording.events)] if aside.target(recording.events) else []
    try:
        with Spool(recording.events) as spool:
            if sealing:
                spool.seal()
            return joined(spool.streamed(), own), spool.gaps()
    except (ProvgraphError, ValueError) as error:
        return own, [f"the spool is damaged: {error}"]


def _exit_of(pid: int, events: Events) -> int | None:
    statuses = [e.status for e in events if isinstance(e, Exited) and e.pid == pid]
    return statuses[-1] if statuses else None


def is_whole(segment: Path) -> bool:
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
        aside.remove(folder / EVENTS)
        for path in _below(folder):
            with suppress(OSError):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, topdown=False):
        yield from (Path(parent) / name for name in [*names, *folders])
    yield folder
