"""What is on the disk of a run that is being captured, and how it becomes a segment of the journal.

A recording is a folder `.provgraph/spool/<run>/`, private to its owner: `lock` (held as long as the
runner lives), `run.json` (all that another process needs to finish the record) or in its place `front` (all
that the native front saw, `front.py`), `events` (the shim's spool, or a link to it, `aside.py`), `python/` (what Python processes
said), `metrics.ndjson`, `inside` (what a process that records itself saw), `told` (what was told of it while it went on, `ongoing.py`) and `nested` (the process ids of runners within the run, whose programs are in
records of their own). Python's runner makes it and seals it; if it is killed, `recover` does the same
later, with less. What the native front recorded is always left to `recover`.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from provgraph.config import Project
from provgraph.ingest.capture import (
    aside,
    audit,
    front,
    given,
    installed,
    line,
    mounts,
    spool,
    surroundings,
    tree,
    worktree,
)
from provgraph.ingest.capture.apart import Names, Strangers
from provgraph.ingest.capture.events import (
    Closed,
    Event,
    Forked,
    Image,
    Linked,
    Missed,
    Opened,
    Preserved,
    Renamed,
    Truncated,
    Unlinked,
)
from provgraph.ingest.capture.hashing import Cache, Contents, Found, regular
from provgraph.ingest.capture.itself import Seen
from provgraph.ingest.capture.moves import unseen_moves
from provgraph.ingest.capture.noise import Noise
from provgraph.ingest.capture.streams import Events, Records, joined, through, together
from provgraph.ingest.capture.surroundings import Machine
from provgraph.model.elements import Scalar
from provgraph.model.identity import generated_version_id, step_id
from provgraph.model.journal import is_at
from provgraph.model.records import (
    Content,
    EnvironmentSeen,
    Generated,
    Invalidated,
    Name,
    Record,
    RunEnded,
    RunStarted,
    Stat,
    StepSeen,
    Used,
)
from provgraph.model.uri import uri_of
from provgraph.tracking import METRICS, run_folder

if TYPE_CHECKING:
    from provgraph.ingest.capture.assemble import Assembly, Context

LOCK: Final = "lock"
MANIFEST: Final = "run.json"
EVENTS: Final = "events"
PYTHON: Final = "python"
NESTED: Final = "nested"
CACHE: Final = "cache"
INSIDE: Final = "inside"
TOLD: Final = "told"
MOMENTS: Final = (0.0, 0.02, 0.1)
"""Seconds that what others are just doing is given, one after the other."""


class Manifest(msgspec.Struct):
    """`started` is the record that was journalled. `began` and `ended` are ticks; `ended` is 0 while
    the program runs. `exit` and `signal` are as in `RunEnded`. `variables` are those of the environment that
    are kept, `NAME=value`. `names` are other names of the project (`mounts.py`). `around` is the folder of the recording of the run that this one is within, where
    `runner` is its runner. `launched` is when the process of ours began that was given what the program has."""

    started: RunStarted
    machine: Machine
    began: int
    pid: int = 0
    ended: int = 0
    exit: int | None = None
    signal: str = ""
    gaps: list[str] = []
    properties: dict[str, Scalar] = {}
    variables: list[str] = []
    names: list[mounts.Name] = []
    around: str = ""
    runner: int = 0
    launched: int = 0

    def say_end(self, tick: int, status: int) -> None:
        """`status` is the exit status, or the negative number of the signal. A tick of 0 says nothing."""
        if tick:
            self.ended = tick
            self.exit = status if status >= 0 else None
            self.signal = name_of_signal(-status) if status < 0 else ""


def name_of_signal(number: int) -> str:
    """
    >>> name_of_signal(9), name_of_signal(signal.SIGRTMIN + 6), name_of_signal(99)
    ('SIGKILL', 'SIGRTMIN+6', 'signal 99')
    """
    with suppress(ValueError):
        return signal.Signals(number).name
    if signal.SIGRTMIN < number < signal.SIGRTMAX:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"
    return f"signal {number}"


class Recording(msgspec.Struct, frozen=True):
    """The folder of a run, and its lock."""

    folder: Path
    lock: int

    @classmethod
    def create(cls, project: Project, run: str) -> Recording:
        """Makes what of it is not there. Raises OSError."""
        folder = project.spools / run
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            folder.rmdir()
            raise
        recording = cls(folder, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            recording.remove()
            raise
        recording.note_end(0, 0)
        return recording

    @classmethod
    def claim(cls, folder: Path) -> Recording | None:
        """The recording of a runner that is gone; None if it lives, or has not begun."""
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return None
        return cls(folder, lock)

    @property
    def events(self) -> Path:
        return self.folder / EVENTS

    @property
    def python(self) -> Path:
        return self.folder / PYTHON

    @property
    def metrics(self) -> Path:
        return self.folder / METRICS

    def is_in_place(self) -> bool:
        """Whether it was neither removed nor moved."""
        return is_at(self.folder / LOCK, self.lock)

    def save(self, manifest: Manifest) -> None:
        """Raises OSError."""
        write_private(self.folder / MANIFEST, msgspec.json.encode(manifest))

    def manifest(self) -> Manifest | None:
        manifest = read_manifest(self.folder)
        end = _text(self.folder / LOCK)
        if manifest is not None and not manifest.ended and len(end) == _END.size:
            manifest.say_end(*_END.unpack(end))
        return manifest

    def note_end(self, tick: int, status: int) -> None:
        """Keep when the program ended and how, whatever becomes of its record: that needs no space on the disk."""
        with suppress(OSError):
            os.pwrite(self.lock, _END.pack(tick, status), 0)

    def told(self, project: Project) -> front.Told | None:
        """What the native front saw, if it was the one to record. Raises JournalError."""
        return told_in(self.folder, project)

    def itself(self) -> Seen:
        """What a process that records itself saw."""
        return Seen(self.folder / INSIDE)

    def release(self) -> None:
        os.close(self.lock)

    def remove(self) -> None:
        """Delete the folder, the lock last: whoever finds a part of it finds it locked."""
        aside.remove(self.events)
        for folder, folders, names in os.walk(self.folder, topdown=False):
            for name in names:
                if name != LOCK or folder != str(self.folder):
                    with suppress(OSError):
                        os.unlink(os.path.join(folder, name))
            for name in folders:
                with suppress(OSError):
                    os.rmdir(os.path.join(folder, name))
        with suppress(OSError):
            (self.folder / LOCK).unlink()
        self.release()  # first: some storage keeps under another name what is open, for a moment longer
        for pause in MOMENTS:
            time.sleep(pause)
            with suppress(OSError):
                return self.folder.rmdir()


_END: Final = struct.Struct("=Qi")


def write_private(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, 0600. Raises OSError."""
    fresh = path.with_name(f"{path.name}.new")
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(file, view) :]
    finally:
        os.close(file)
    os.replace(fresh, path)


def read_manifest(folder: Path) -> Manifest | None:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return None


def told_in(folder: Path, project: Project) -> front.Told | None:
    """What the native front wrote into a recording of the project, wherever that lay for it. Raises JournalError."""
    root = os.fsencode(project.root)
    told = front.read(folder, worktree.work_tree_of(root))
    return told and front.moved(told, seen_at(folder), root)


def seen_at(folder: Path) -> bytes:
    """Where the project lay for the run of a recording, empty where that is not said."""
    with suppress(OSError):
        return spool.root_of(folder / EVENTS)
    return b""


def manifest_of(told: front.Told, project: Project, person: tuple[str, str]) -> Manifest:
    """The same as Python's runner would have written it."""
    return Manifest(
        front.started(told, project, person),
        told.machine,
        told.began,
        told.pid,
        told.ended,
        told.status if told.status >= 0 and told.ended else None,
        name_of_signal(-told.status) if told.status < 0 else "",
        gaps=[given.GAP] if told.heard else [],
        properties=without_secrets(front.properties(told)),
        variables=surroundings.variables(told.variables, project),
        names=_names(told, os.fsencode(project.root)),
    )


def _names(told: front.Told, root: bytes) -> list[mounts.Name]:
    seen = told.root or root
    return mounts.moved(mounts.other_names(told.mounts, seen), seen, root)


class Outside:
    """Which paths are never part of a project's record."""

    def __init__(self, project: Project, ignored: tree.Ignored) -> None:
        self._state = os.fsencode(project.state)
        self._inside = self._state + b"/"
        self._ignored = ignored

    def __call__(self, path: bytes) -> bool:
        return (
            path.startswith(self._inside)
            or path == self._state
            or b"/.git/" in path
            or self._ignored.covers(path)
        )


def contents_of(
    project: Project,
    run: str,
    outside: Outside,
    interrupted: Callable[[], bool],
    told: front.Told | None = None,
    room: Path | None = None,
) -> Contents:
    noise = Noise(os.fsencode(project.root))

    def matters(path: bytes) -> bool:
        return noise.fold(path) is None and not outside(path)

    cache = Cache(project.state / CACHE, run)
    if told is None or not told.ended:
        return Contents(cache, matters, interrupted, room=room)

    def at_the_end(path: bytes) -> Stat | None:
        return told.after.stat(path) if told.after else None

    until = told.ended + told.machine.offset
    contents = Contents(cache, matters, interrupted, until, at_the_end, room)
    contents.stopped = told.stopped
    return contents


class Nested(msgspec.Struct, frozen=True):
    """The runners within a run: all, those that are shells with the hook, and when which was a runner alone.

    >>> Nested.read(b"7\\n7 run 50\\n8 shell\\n9\\n")
    Nested(runners={8, 9, 7}, shells={8}, alone={7: 50})
    """

    runners: set[int] = set()
    shells: set[int] = set()
    alone: dict[int, int] = {}

    @classmethod
    def of(cls, recorded: Path) -> Nested:
        return cls.read(_text(recorded / NESTED))

    @classmethod
    def read(cls, text: bytes) -> Nested:
        found = cls()
        for told in text.splitlines():
            match [int(word) if word.isdigit() else word for word in told.split()]:
                case [int(pid), b"shell"]:
                    found.shells.add(pid)
                case [int(pid), b"run", int(moment)]:
                    found.alone[pid] = moment
                case [int(pid)]:
                    pass
                case _:
                    continue
            found.runners.add(pid)
        return found


class Evidence(msgspec.Struct):
    """All that is known of a run when it is written down. `before` is how the tree looked when it
    started, None where nobody looked; `start` how the work tree stood. `after`, `digests` and
    `packages` are what was found out when it ended, if that is not now. `texts` are contents of scripts
    and small texts that it had. `shell` is the one that ran it, where that was not the shim's, `typed` whether there is one, told or not. `nested` are
    the runners within. `observed`: the contents have taken in the events already, as they came. `going_on`: it has
    not ended. `apart`: what programs called files of the project by mounts of their own."""

    manifest: Manifest
    events: Events
    gaps: list[str]
    contents: Contents
    outside: Outside
    interpretations: list[audit.Interpretation] = []
    before: tree.Look | None = None
    start: worktree.Start = worktree.Start()
    ignored: tree.Ignored | None = None
    after: tree.Look | None = None
    digests: Iterable[Found] = ()
    packages: Mapping[bytes, list[bytes]] = {}
    texts: list[bytes] = []
    shell: line.Shell | None = None
    typed: bool = False
    nested: Nested = Nested()
    observed: bool = False
    going_on: bool = False
    apart: Names | None = None


class Account(msgspec.Struct, frozen=True):
    """The records of a run, in order, and the verdict on them."""

    records: Records
    ended: RunEnded


def account(project: Project, evidence: Evidence, recorded: Path) -> Account:
    """Make the records of a run out of all that is known of it. `recorded` is its own folder."""
    from provgraph.ingest.capture import databases, remotes, restored, said
    from provgraph.ingest.capture.keeping import with_parameters

    manifest = evidence.manifest
    machine, run = manifest.machine, manifest.started.run
    after, changes, own = _completed(project, evidence, recorded)
    statements, asked = databases.read(recorded / PYTHON), remotes.read(recorded / PYTHON)
    tables = databases.accounted(statements)
    seen = tables | remotes.accounted(asked)
    context = _context(project, evidence, recorded, seen, tables)
    made = _understood(evidence, recorded, context)
    made = msgspec.structs.replace(made, records=restored.told(made.records, context))
    if evidence.shell is not None:
        uris = {uri_of(path, context.root, machine.host) for path in line.changed(own)}
        made = msgspec.structs.replace(
            made, records=line.admitted(evidence.shell, made.records, uris)
        )
    left = [c for c in changes if not tree.explained(c.path, made.writes)]
    if left:
        left = _without_siblings(project, manifest, left, recorded)
    unattributed = _unattributed(project, evidence, left) if left else []
    of_packages = {
        event.path
        for event in evidence.events
        if isinstance(event, Opened) and installed.tells(event.path)
    }
    programs = {event.executable for event in evidence.events if isinstance(event, Image)}
    environment = surroundings.environment(
        [*made.environment_reads, *of_packages],
        {found.prefix: found.version for found in evidence.interpretations},
        surroundings.conda_lists(programs, of_packages),
        listed=evidence.packages,
        used=installed.packages(of_packages, manifest.ended + machine.offset),
        variables=manifest.variables,
    )
    words = list(said.read(_text(recorded / METRICS)))
    unread = databases.gaps(statements)
    gaps = list(dict.fromkeys([*manifest.gaps, *evidence.gaps, *made.gaps, *unread]))
    gaps += _further_gaps(evidence, after, together(made.records, unattributed))
    started = msgspec.structs.replace(manifest.started, environment=environment.environment)
    records, given = with_parameters(project, made.records, texts_of(evidence), machine.host)
    made = msgspec.structs.replace(made, records=records)
    images = sum(isinstance(event, Image) for event in evidence.events)
    ended = RunEnded(
        run,
        machine.when(manifest.ended),
        manifest.exit,
        manifest.signal,
        verdict_of(gaps, seen=bool(images or unattributed)),
        gaps,
        _together(given, {**said.properties(words), **manifest.properties}),
    )
    told = said.records(words, made.records, context)
    elsewhere = [line for line in asked if line.socket not in made.within]
    far = remotes.records(elsewhere, made.records, context)
    rows = databases.records(statements, made.records, context)
    others = [*unattributed, *told, *far, *rows, ended]
    return Account(together([started, environment], made.records, others), ended)


def _completed(
    project: Project, evidence: Evidence, recorded: Path
) -> tuple[tree.Look | None, list[tree.Change], list[Event]]:
    """Put what the events do not tell among them. The tree as it is after, what changed in it, and the events of
    provgraph's own doings."""
    root = os.fsencode(project.root)
    if names := evidence.manifest.names:
        evidence.events = through(evidence.events, lambda all: mounts.renamed(all, names))
    evidence.nested = Nested.of(recorded)
    evidence.events = without_runners(_of_others(evidence.events, project), evidence.nested)
    after = _look_again(root, evidence)
    changes = list(tree.changes(evidence.before, after)) if evidence.before and after else []
    ignored = evidence.ignored
    strangers = Strangers(
        root,
        [evidence.before, after],
        lambda: tree.look(root, ignored or tree.Ignored.of(root)),
        evidence.manifest.began + evidence.manifest.machine.offset,
    )
    moves = list(unseen_moves(strangers.watching(evidence.events), changes))
    if found := strangers.names(evidence.events, changes):
        evidence.apart = found
        evidence.events = through(evidence.events, found.given)
        moves = list(unseen_moves(evidence.events, changes))
    evidence.events = joined(evidence.events, moves)
    own = _own_doings(project, evidence, changes, recorded)
    evidence.events = joined(evidence.events, own)
    news = moves if evidence.observed else evidence.events
    evidence.contents.observe_all(news, evidence.digests)
    _add_blobs(root, evidence, changes)
    return after, changes, own


def _context(
    project: Project,
    evidence: Evidence,
    recorded: Path,
    known: frozenset[int],
    of_databases: frozenset[int],
) -> Context:
    from provgraph.ingest.capture import siblings
    from provgraph.ingest.capture.assemble import Context, Room

    manifest = evidence.manifest
    return Context(
        project=project.id,
        root=os.fsencode(project.root),
        run=manifest.started.run,
        boot=manifest.machine.boot,
        host=manifest.machine.host,
        offset=manifest.machine.offset,
        ended=manifest.ended,
        exclude=evidence.outside,
        content=evidence.contents.content,
        parent=manifest.started.parent,
        going_on=evidence.going_on,
        runners=frozenset(evidence.nested.runners),
        known=known,
        databases=of_databases,
        given=given.GAP in manifest.gaps,
        passed_on=_passed_on(project, evidence, recorded),
        began=min(manifest.launched or manifest.began, manifest.began),
        elsewhere=lambda asked: siblings.elsewhere(project, manifest, asked, recorded),
        open_to_strangers=lambda fifo, until: siblings.open_to_strangers(project, fifo, until),
        of_pipes=siblings.device_of_pipes(),
        typed=evidence.typed,
        room=Room(recorded),
    )


def _passed_on(project: Project, evidence: Evidence, own: Path) -> frozenset[tuple[bytes, bytes]]:
    from provgraph.ingest.capture import siblings

    first = next((event for event in evidence.events if isinstance(event, Image)), None)
    if first is None or evidence.shell is not None:
        return frozenset()
    return siblings.passed_on(project, evidence.manifest, first, own)


def _understood(evidence: Evidence, recorded: Path, context: Context) -> Assembly:
    """The records of the events; of those only what says more than they stay."""
    from provgraph.ingest.capture import calls
    from provgraph.ingest.capture.assemble import assemble

    parts = calls.read(_text(recorded / METRICS), context.run, context.root, context.host)
    evidence.texts += parts.texts
    interpreted = (found.event for found in evidence.interpretations)
    told = [*mounts.renamed(interpreted, evidence.manifest.names)]
    if evidence.apart is not None:
        told = [*evidence.apart.given(told)]
    events = evidence.events
    evidence.events = list(_saying_more(events))
    if any(isinstance(event, Preserved) for event in evidence.events):
        events = through(events, _without_contents)
    if parts.marks:
        events = through(events, lambda all: calls.attributed(all, parts.marks))
    return assemble(joined(events, [*told, *parts.events]), context)


def _without_contents(events: Iterable[Event]) -> Iterator[Event]:
    return (event for event in events if not isinstance(event, Preserved))


def _saying_more(events: Iterable[Event]) -> Iterator[Event]:
    """Those that are needed when their run has been assembled. Most are of files and are not."""
    packages: set[bytes] = set()
    for event in events:
        if type(event) is Closed:
            continue
        if type(event) is Opened:
            path = event.path
            if installed.tells(path) and path not in packages:
                packages.add(path)
                yield event
        elif isinstance(event, Image | Preserved):
            yield event


def of_ended(records: Records, living: set[int]) -> Iterator[Record]:
    """What can be told of a run that goes on: of steps whose processes are not among the living. What is
    known only at its end is left out."""
    steps = (record for record in records if isinstance(record, StepSeen))
    open_ = {s.step for s in steps if s.pid in living or s.kind in ("pipe", "unattributed")}
    open_ |= {r.version for r in records if isinstance(r, Generated) and r.step in open_}
    for record in records:
        if isinstance(record, (RunStarted, EnvironmentSeen, RunEnded)):
            continue
        if open_.isdisjoint(getattr(record, name, "") for name in ("step", "by", "version")):
            yield record


def keep_contents(project: Project, evidence: Evidence, made: Account) -> None:
    """Keep the scripts and small texts that the records speak of; last, as nothing depends on it."""
    from provgraph.ingest.capture.keeping import keep

    keep(project, made.records, texts_of(evidence), evidence.manifest.machine.host)


def texts_of(evidence: Evidence) -> list[bytes]:
    """The contents that were in somebody's hands."""
    seen = [event.content for event in evidence.events if isinstance(event, Preserved)]
    return [*seen, *evidence.texts]


def _together(found: Mapping[str, Scalar], said: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """What was said counts before what was found, whose origin is then none.

    >>> _together({"param.lr": 1, "prop.origin.lr": "argv"}, {"param.lr": 2})
    {'param.lr': 2}
    """
    kept = {
        name: v for name, v in found.items() if name.replace("prop.origin", "param") not in said
    }
    values = {name: value for name, value in kept.items() if name.startswith("param.")}
    return {**kept, **without_secrets(values), **said}


def _own_doings(
    project: Project, evidence: Evidence, changes: list[tree.Change], recorded: Path
) -> list[Event]:
    """What the shell of a typed line did itself."""
    if evidence.shell is None or not changes:
        return []
    told = set(line.changed(evidence.events))
    left = [change for change in changes if not tree.explained(change.path, told)]
    left = [change for change in left if not evidence.outside(change.path)]
    manifest = evidence.manifest
    if left:
        left = _without_siblings(project, manifest, left, recorded)
    taken = _taken(evidence.events, {change.path for change in left})
    timed = list[tuple[tree.Change, int]]()
    for change in left:
        at = _moment(change.after, manifest) if change.after else manifest.ended
        late = min(at + _COARSE, manifest.ended)
        times = taken.get(change.path, [])
        timed.append((change, min([late, *(t - 2 for t in times if at < t <= late)])))
    return list(line.doings(evidence.shell, timed))


_COARSE: Final = 50_000_000
"""The kernel's time of a change is that of its last beat, and so up to as many nanoseconds too early: on a busy
virtual machine beats come late."""


def _taken(events: Events, paths: set[bytes]) -> dict[bytes, list[int]]:
    """When programs opened these."""
    found: dict[bytes, list[int]] = {}
    for event in events:
        if isinstance(event, Opened) and event.path in paths:
            found.setdefault(event.path, []).append(event.tick)
    return found


def _of_others(events: Events, project: Project) -> Events:
    """Without what is opened in provgraph's own folder, which is never recorded: a program that says much is
    there at every word."""
    own = os.fsencode(project.state) + b"/"

    def of_others(events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            if (type(event) is Opened or type(event) is Closed) and event.path.startswith(own):
                continue
            yield event

    return through(events, of_others)


def tell_outer(*words: str) -> None:
    """Tell the run around this one, where there is one, that this process is a runner. `words`: `run` and a
    moment in which it was nothing else."""
    around = run_folder()
    if not around:
        return
    with suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        file = os.open(os.path.join(around, NESTED), flags, 0o600)
        try:
            os.write(file, f"{' '.join([str(os.getpid()), *words])}\n".encode())
        finally:
            os.close(file)


def without_runners(events: Events, nested: Nested) -> Events:
    """Leave out what runners within the run started: they take it out of this run's sight, and into
    a record of its own. A tracer around them all sees it none the less, with all that comes of it. What they
    open themselves, they open for their runs."""
    if not nested.runners:
        return events
    began = dict.fromkeys(nested.runners, 0)
    for event in events:
        if isinstance(event, Image) and event.tick <= nested.alone.get(event.pid, 0):
            began[event.pid] = event.tick
    theirs: set[int] = set()
    for event in events:
        if isinstance(event, Forked):
            parent = event.parent
            if parent in theirs or (parent in began and event.tick >= began[parent]):
                theirs.add(event.pid)
    return through(events, lambda all: _but_their_own(all, nested, theirs, began))


def _but_their_own(
    events: Iterable[Event], nested: Nested, theirs: set[int], began: dict[int, int]
) -> Iterator[Event]:
    """`began`: when the program began that is a runner, 0 where it was something else besides."""
    running: set[int] = set()
    opened: set[tuple[int, int]] = set()
    for event in events:
        pid = event.pid
        match event:
            case _ if pid in theirs:
                continue
            case Image() if began.get(pid) == event.tick:
                running.add(pid)
            case Image():
                running.discard(pid)
            case Missed() if pid in nested.runners and event.what == "scrubbed environment":
                continue
            case Opened() if pid in running:
                opened.add((pid, event.tick))
                continue
            case Closed() if (pid, event.opened) in opened:
                continue
            case Renamed() | Linked() | Unlinked() | Truncated() if pid in running:
                continue
            case _ if pid in nested.shells and isinstance(event, _ABOUT_FILES):
                continue
            case _:
                pass
        yield event


_ABOUT_FILES: Final = (Opened, Closed, Renamed, Linked, Unlinked, Truncated)
"""What a shell with the hook opens, it opens for its lines, which are runs."""


def verdict_of(gaps: list[str], *, seen: bool) -> str:
    """
    >>> verdict_of([], seen=True), verdict_of(["x"], seen=True), verdict_of(["x"], seen=False)
    ('complete', 'incomplete', 'nothing recorded')
    """
    if not seen:
        return "nothing recorded"
    return "incomplete" if gaps else "complete"


def _look_again(root: bytes, evidence: Evidence) -> tree.Look | None:
    if evidence.before is None or not evidence.before.whole or evidence.ignored is None:
        return None
    if evidence.after is not None:
        return evidence.after
    return tree.look(root, evidence.ignored)


def _further_gaps(evidence: Evidence, after: tree.Look | None, records: Records) -> Iterator[str]:
    before = evidence.before
    if before is not None and (not before.whole or (after is not None and not after.whole)):
        yield f"more than {tree.MOST:,} files, so changes by unseen programs were not looked for"
    unseen, step, is_hashed = 0, _unseen_step(evidence), True
    for record in records:
        if type(record) is Generated:
            unseen += not record.attributed
            is_hashed = is_hashed and record.content.digest != ""
        elif type(record) is Used:
            is_hashed = is_hashed and record.content.digest != ""
        elif type(record) is Invalidated:
            unseen += record.step == step
    if unseen:
        whom = "a program that was not seen"
        whom = f"the shell itself, or by {whom}" if evidence.shell else whom
        yield f"{unseen} file{'s' * (unseen != 1)} changed by {whom}"
    if evidence.shell is not None:
        since = evidence.manifest.began + evidence.manifest.machine.offset
        yield from line.of_before(evidence.shell, since, records)
    if evidence.contents.stopped:
        yield "hashing was interrupted"
    elif not is_hashed and (unhashed := len(set(_unhashed(records)))):
        yield f"{unhashed} file{'s' * (unhashed != 1)} changed or went before being hashed"


def _unhashed(records: Records) -> Iterator[str]:
    """The URIs of inputs and of results whose bytes are not known. What the run itself made and
    then replaced or removed is still told apart by its stat."""
    from provgraph.ingest.capture.assemble.connections import is_stream

    read: dict[Stat | None, set[str]] = {}
    made: set[str] = set()
    for record in records:
        if isinstance(record, Used) and not record.content.digest and not is_stream(record.uri):
            read.setdefault(_untouched(record.content.stat), set()).add(record.uri)
        elif isinstance(record, Generated) and not record.content.digest:
            made.update(name.uri for name in record.names[-1:] if not is_stream(name.uri))
    last: dict[str, Generated] = {}
    for record in records:
        match record:
            case Generated(names=[*_, current]):
                read.pop(_untouched(record.content.stat), None)
                for uri in made.intersection(name.uri for name in record.names):
                    before = last.get(uri)
                    if before is None or before.names[-1].since.tick <= current.since.tick:
                        last[uri] = record
            case Invalidated():
                made.discard(record.uri)
            case _:
                pass
    yield from (uri for uris in read.values() for uri in uris)
    for uri in made:
        if last[uri].names[-1].uri == uri and not last[uri].content.digest:
            yield uri


def _untouched(stat: Stat | None) -> Stat | None:
    """A removal changes the ctime of what is still read under no name (the here-documents of zsh)."""
    return stat and msgspec.structs.replace(stat, ctime=0)


def _unseen_step(evidence: Evidence) -> str:
    """The step that stands for programs that were not seen."""
    return step_id(evidence.manifest.started.run, evidence.manifest.machine.boot, 0, 0, 0)


# --- Blob ids


def _add_blobs(root: bytes, evidence: Evidence, changes: list[tree.Change]) -> None:
    """Let git name the files of the work tree that the record will speak of."""
    work_tree = worktree.work_tree_of(root)
    if work_tree is None or evidence.contents.stopped:
        return
    contents = evidence.contents
    named = {path for event in evidence.events for path in _paths(event)}
    named |= {source for found in evidence.interpretations for source in found.event.sources}
    named |= {found.event.script for found in evidence.interpretations}
    named |= {change.path for change in changes}
    inside = work_tree.rstrip(b"/") + b"/"
    wanted = sorted(path for path in named if path.startswith(inside) and contents.matters(path))
    stats = {path: stat for path in wanted if (stat := contents.end(path))}
    if evidence.before is not None:
        paths = [path for path in wanted if path in evidence.before.files]
        for path, blob in worktree.blobs_at_start(root, paths, evidence.start).items():
            stat = evidence.before.stat(path)
            if stat is not None:
                contents.blobs[stat] = blob
    asked = [path for path, stat in stats.items() if stat not in contents.blobs]
    for path, blob in worktree.blobs(root, asked).items():
        if regular(path) == stats[path]:
            contents.blobs[stats[path]] = blob
    plain = contents.plain_blobs
    gone = {path: plain[stats[path]] for path in asked if stats[path] in plain}
    gone = {path: name for path, name in gone.items() if stats[path] not in contents.blobs}
    for path, blob in worktree.blobs_of_plain(root, gone).items():
        contents.blobs[stats[path]] = blob


def _paths(event: Event) -> tuple[bytes, ...]:
    match event:
        case Opened() | Closed() | Truncated():
            return (event.path,)
        case Renamed() | Linked():
            return (event.target,)
        case _:
            return ()


# --- Changes that no captured program made


def _unattributed(
    project: Project, evidence: Evidence, changes: Iterable[tree.Change]
) -> list[Record]:
    manifest, contents = evidence.manifest, evidence.contents
    machine, run = manifest.machine, manifest.started.run
    root = os.fsencode(project.root)
    step = _unseen_step(evidence)
    made: list[Record] = []
    for change in changes:
        if evidence.outside(change.path):
            continue
        uri = uri_of(change.path, root, machine.host)
        if change.after is None:
            content = _before(contents, change.before)
            made.append(Invalidated(step, uri, machine.when(manifest.ended), content))
            continue
        content = contents.content(change.path, change.after, manifest.ended)
        if _is_touched(_before(contents, change.before), content):
            continue
        when = machine.when(_moment(change.after, manifest))
        version = generated_version_id(step, uri, 0)
        made.append(Generated(step, version, [Name(uri, when)], content, attributed=False))
    if not made:
        return []
    seen = StepSeen(
        step,
        run,
        [],
        manifest.started.cwd,
        manifest.started.when,
        machine.when(manifest.ended),
        program="unattributed",
        kind="unattributed",
    )
    return [seen, *made]


def _before(contents: Contents, stat: Stat | None) -> Content:
    if stat is None:
        return Content()
    return Content(contents.known(stat), contents.blobs.get(stat, ""), stat.size, stat)


def _is_touched(before: Content, after: Content) -> bool:
    """Whether only a file's times changed: its bytes are the same, or git names them alike."""
    same = before.digest == after.digest != "" or before.blob == after.blob != ""
    return same and before.size == after.size


def _moment(stat: Stat, manifest: Manifest) -> int:
    """The tick of a file's last change, by the kernel's own time of it."""
    return min(max(stat.ctime - manifest.machine.offset, manifest.began), manifest.ended)


def _without_siblings(
    project: Project, manifest: Manifest, changes: list[tree.Change], own: Path
) -> list[tree.Change]:
    from provgraph.ingest.capture.siblings import without_theirs

    return without_theirs(project, manifest, changes, own)


def recordings(project: Project) -> list[Path]:
    """The folders of runs that are not sealed yet."""
    try:
        names = [entry.name for entry in os.scandir(project.spools) if entry.is_dir()]
    except OSError:
        return []
    return [project.spools / name for name in sorted(names)]


# --- What programs said


def _text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def without_secrets(properties: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Values of parameters are redacted as a command line's are.

    >>> without_secrets({"param.api_key": "abc", "param.depth": 6})
    {'param.api_key': '[redacted]', 'param.depth': 6}
    """
    from provgraph.ingest.capture import redact

    kept: dict[str, Scalar] = {}
    for name, value in properties.items():
        if isinstance(value, str):
            value = redact.argv([f"{name}={value}"])[0].partition("=")[2]
        kept[name] = value
    return kept
