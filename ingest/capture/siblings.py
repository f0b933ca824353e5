"""What have other runs of the project to do with one that is being written down?

Those that are recorded, or wait to be written down, tell by their recordings, the others by their segments.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from math import inf
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final

from provgraph.config import Project
from provgraph.errors import ProvgraphError
from provgraph.ingest.capture import line, tree
from provgraph.ingest.capture.assemble.connections import (
    OF_PIPES,
    fifo_stream,
    from_anybody,
    from_within,
    stream_of,
    written_by,
)
from provgraph.ingest.capture.assemble.context import Elsewhere, Written
from provgraph.ingest.capture.assemble.pipes import (
    Fifo,
    end_of,
    fifos,
    opened_from_outside,
    pipes_given,
    substituted,
)
from provgraph.ingest.capture.assemble.processes import lives
from provgraph.ingest.capture.events import Descriptor, Image
from provgraph.ingest.capture.mounts import called, moved
from provgraph.ingest.capture.recording import (
    EVENTS,
    MOMENTS,
    Manifest,
    Nested,
    recordings,
    seen_at,
)
from provgraph.ingest.capture.spool import Life, Spool, started_at
from provgraph.model.journal import Reading, read_segment, segments
from provgraph.model.records import Generated, Invalidated, Name, StepSeen, Used
from provgraph.model.uri import bytes_of

_NOWHERE: Final = -1
"""Is no device."""


def without_theirs(
    project: Project, manifest: Manifest, changes: list[tree.Change], own: Path
) -> list[tree.Change]:
    """The changes that no other captured run of this project did meanwhile, as far as their records tell. A program says
    that it has opened a file right after it has: while others record, it is given a moment."""
    for pause in MOMENTS:
        time.sleep(pause)
        # The living first: one that ends in between has its segment by the time that those are read.
        told = set(_changed_by_living(project, own))
        told |= set(_changed_by_ended(project, manifest))
        changes = [change for change in changes if not tree.explained(change.path, told)]
        if not changes or all(folder == own for folder in recordings(project)):
            break
    return changes


def passed_on(
    project: Project, manifest: Manifest, first: Image, own: Path
) -> frozenset[tuple[bytes, bytes]]:
    """The streams of pipes that a run's `first` program was given to write to, and another run has to read from, each
    with the name by which that one knows it. What is written to a FIFO has a name anyhow, but for the run around this one."""
    place, run = f"{manifest.machine.host}/{manifest.machine.boot}".encode(), manifest.started.run
    given = [held for held in pipes_given(first) if held.fd > 0]
    streams = {stream_of(held.stat, place) for held in given}
    if not streams:
        return frozenset()
    read = {
        stream_of(held.stat, place)
        for folder in recordings(project)
        if folder != own
        for held in _pipes_of(folder)
        if held.fd == 0
    }
    for folder in recordings(project):
        if folder != own:
            read |= {
                fifo_stream((device_of_pipes(), inode), place) for inode in _substituted(folder)
            }
    for path in _written_since(project, manifest):
        with suppress(OSError, ProvgraphError, ValueError):
            read |= set(map(from_anybody, _heard_in(path, path.stat().st_mtime_ns)))
    of_pipes = {stream_of(held.stat, place) for held in given if _has_no_name(held.stat.device)}
    found = {(stream, written_by(stream, run, named=False)) for stream in of_pipes & read}
    if manifest.around:  # what it has not been given itself is between it and this one
        outer = {stream_of(held.stat, place) for held in _pipes_of(Path(manifest.around))}
        found |= {(s, from_within(s, manifest.runner)) for s in streams - outer}
    return frozenset(found)


def elsewhere(
    project: Project, manifest: Manifest, asked: Iterable[tuple[int, int]], own: Path
) -> dict[tuple[int, int], Elsewhere]:
    """What other runs have to do with these pipes and FIFOs. The run around this one tells of a pipe within it by the name
    that it has for all."""
    place = f"{manifest.machine.host}/{manifest.machine.boot}".encode()
    by_stream = {fifo_stream(identity, place): identity for identity in asked}
    read: set[bytes] = set()
    written: defaultdict[bytes, set[Written]] = defaultdict(set)
    for folder in recordings(project):
        # The living first: one that ends in between has its segment by the time that those are read.
        if folder == own or not _is_of_this_boot(folder, manifest):
            continue
        for fifo in _fifos_of(folder):
            stream = fifo_stream(fifo.identity, place)
            if fifo.pipe.readers:
                read.add(stream)
            name = written_by(stream, folder.name, named=fifo.named)
            written[stream].update(
                Written(name, since, end_of(by), fifo.surely_until(by))
                for by, since in fifo.pipe.writers.items()
            )
    ours = b"/" + manifest.started.run.encode()
    for path in _written_since(project, manifest):
        with suppress(OSError, ProvgraphError, ValueError):
            at = path.stat().st_mtime_ns
            for stream, by in _fifos_in(path, at).items():
                written[stream] |= by
            read |= {stream.partition(ours)[0] for stream in _heard_in(path, at)}
    if manifest.around:
        outer = {stream_of(held.stat, place) for held in _pipes_of(Path(manifest.around))}
        for stream, (device, _) in by_stream.items():
            if stream not in outer and _has_no_name(device):
                written[stream].add(Written(stream, 0, inf, inf))
    return {
        identity: Elsewhere(stream in read, tuple(written[stream]))
        for stream, identity in by_stream.items()
    }


def open_to_strangers(project: Project, asked: tuple[int, int], until: float) -> bool:
    """Whether a process of no run has a FIFO open to write now, and may have had until a moment. What such a one had open and
    closed again is known to nobody."""
    ours = {
        life.pid for folder in recordings(project) for life in _lives_in(folder) if life.is_alive()
    }
    return any(
        pid not in ours and 0 < started_at(pid) <= until
        for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
        if _may_write_to(asked, pid)
    )


def _lives_in(folder: Path) -> list[Life]:
    with suppress(OSError, ProvgraphError, ValueError), Spool(folder / EVENTS) as spool:
        return spool.lives()
    return []


def _may_write_to(fifo: tuple[int, int], pid: int) -> bool:
    """Nothing is asked of files that are no such FIFO: they may lie on a server that does not answer."""
    device, inode = fifo
    with suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fdinfo"):
            with suppress(OSError, ValueError):
                lines = Path(f"/proc/{pid}/fdinfo/{number}").read_text().splitlines()
                said = {name: text for name, _, text in (line.partition(":") for line in lines)}
                if "ino" in said and int(said["ino"]) != inode:  # from Linux 5.14 on
                    continue
                held = os.stat(f"/proc/{pid}/fd/{number}")
                is_it = (held.st_dev, held.st_ino) == (device, inode)
                if is_it and int(said["flags"], 8) & os.O_ACCMODE != os.O_RDONLY:
                    return True
    return False


def _is_of_this_boot(folder: Path, manifest: Manifest) -> bool:
    with suppress(OSError):
        return folder.stat().st_mtime_ns > manifest.machine.offset
    return False


def _substituted(folder: Path) -> Iterator[int]:
    """The pipes that a run has opened by names that its command line gives, if it gives any."""
    with suppress(OSError, ProvgraphError, ValueError), Spool(folder / EVENTS) as spool:
        first = spool.first_image()
        if first is not None and any(b"/fd/" in word for word in first.argv):
            story = lives(spool.of_programs(), b"")
            outside = opened_from_outside(story)
            found = substituted(story, outside, lambda _: True, lambda _: False)
            yield from (pipe.inode for pipe in found)


def _has_no_name(device: int) -> bool:
    return device == device_of_pipes()


@lru_cache(maxsize=1)
def device_of_pipes() -> int:
    """Where the kernel has those that lie in no folder."""
    ends = os.pipe()
    try:
        return os.fstat(ends[0]).st_dev
    finally:
        for end in ends:
            os.close(end)


def _fifos_of(folder: Path) -> list[Fifo]:
    """Those that a run has to do with, and the pipes that its programs were started with, as far as that can be told now."""
    with suppress(OSError, ProvgraphError, ValueError), Spool(folder / EVENTS) as spool:
        runners = Nested.of(folder).runners
        story = lives(spool.of_programs(), b"")
        return fifos(story, lambda _: True, lambda _: False, _NOWHERE, runners, all_given=True)
    return []


@lru_cache(maxsize=1024)
def _fifos_in(segment: Path, written: int) -> Mapping[bytes, frozenset[Written]]:
    """What its run wrote to pipes and FIFOs, by their streams; `written` is when the segment was."""
    with segment.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        if data.find(OF_PIPES) < 0:
            return {}
    run, scheme = b"/" + run_of(segment).encode(), OF_PIPES.decode()
    made: list[tuple[str, Name]] = []
    ended: dict[str, float] = {}
    removed: dict[tuple[str, str], float] = {}
    for record in Reading(segment):
        if isinstance(record, StepSeen):
            ended[record.step] = record.ended.tick if record.ended else inf
        elif isinstance(record, Invalidated) and record.uri.startswith(scheme):
            removed[record.step, record.uri] = record.when.tick - 1
        elif isinstance(record, Generated):
            made += [(record.step, name) for name in record.names if name.uri.startswith(scheme)]
    found: defaultdict[bytes, set[Written]] = defaultdict(set)
    for step, name in made:
        stream, mark, _ = name.uri.encode().partition(run)
        if mark:
            until = ended.get(step, inf)
            surely = min(until, removed.get((step, name.uri), inf))
            found[stream].add(Written(name.uri.encode(), name.since.tick, until, surely))
    return {stream: frozenset(by) for stream, by in found.items()}


def _pipes_of(folder: Path) -> tuple[Descriptor, ...]:
    """Those that a run was started with, as far as that can be told now."""
    with suppress(OSError, ProvgraphError, ValueError, LookupError):
        return _pipes_in(folder)
    return ()


@lru_cache(maxsize=1024)  # each of the runs that wait to be written down asks all others
def _pipes_in(folder: Path) -> tuple[Descriptor, ...]:
    """Raises LookupError where its program has not begun."""
    with Spool(folder / EVENTS) as spool:
        first = spool.first_image()
    if first is None:
        raise LookupError
    return tuple(pipes_given(first))


@lru_cache(maxsize=1024)
def _heard_in(segment: Path, written: int) -> frozenset[bytes]:
    """The streams of pipes that its run heard; `written` is when the segment was."""
    with segment.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        if data.find(OF_PIPES) < 0:  # as of nearly all, which may be large
            return frozenset()
    scheme = OF_PIPES.decode()
    used = (record.uri for record in Reading(segment) if isinstance(record, Used))
    return frozenset(uri.encode() for uri in used if uri.startswith(scheme))


def _changed_by_ended(project: Project, manifest: Manifest) -> Iterator[bytes]:
    root = os.fsencode(project.root)
    for path in _written_since(project, manifest):
        with suppress(OSError, ProvgraphError):
            for record in read_segment(path).records:
                if isinstance(record, Generated):
                    uris = [name.uri for name in record.names]
                elif isinstance(record, Invalidated):
                    uris = [record.uri]
                else:
                    continue
                yield from (root + b"/" + bytes_of(uri) for uri in uris if "://" not in uri)


def _changed_by_living(project: Project, own: Path) -> Iterator[bytes]:
    for folder in recordings(project):
        if folder == own:
            continue
        with suppress(OSError, ProvgraphError, ValueError), Spool(folder / EVENTS) as spool:
            seen, root = seen_at(folder), os.fsencode(project.root)
            yield from map(called(moved([], seen, root)), line.changed(spool.events()))


def run_of(segment: Path) -> str:
    """A run may have several."""
    return segment.stem.partition(".")[0]


def _written_since(project: Project, manifest: Manifest) -> Iterator[Path]:
    """The segments of others that have been written since a run began, or was about to."""
    since = manifest.started.when.at
    if manifest.launched:
        since = min(since, manifest.launched + manifest.machine.offset)
    for path in segments(project.journal):
        with suppress(OSError):
            if path.stat().st_mtime_ns >= since and run_of(path) != manifest.started.run:
                yield path
