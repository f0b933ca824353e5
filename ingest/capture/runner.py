"""`provgraph run`: start a program under capture, wait for it as a shell would, write down what it did.

The program comes first. Whatever fails here (a full disk, a folder that cannot be written, no
compiler) becomes a gap and a line on standard error; the program runs, and its exit status is ours.
Nothing is ever written to standard output.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from heapq import merge
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from provgraph.config import FILE as PROJECT_FILE
from provgraph.config import Project, prepare_state
from provgraph.errors import JournalError, ProvgraphError, reason_of
from provgraph.ingest.capture import audit, given, mounts, redact, shim, tree, worktree
from provgraph.ingest.capture.events import Event, Executing, Forked, Image
from provgraph.ingest.capture.hashing import Contents
from provgraph.ingest.capture.itself import identity
from provgraph.ingest.capture.program import (
    NOT_FOUND,
    NotStarted,
    Program,
    die_by,
    find,
    untraceable,
)
from provgraph.ingest.capture.recording import (
    EVENTS,
    TOLD,
    Evidence,
    Manifest,
    Outside,
    Recording,
    account,
    contents_of,
    keep_contents,
    of_ended,
    tell_outer,
    without_secrets,
)
from provgraph.ingest.capture.spool import Spool, begin, started_at, without_shim
from provgraph.ingest.capture.spool import environment as traced
from provgraph.ingest.capture.streams import Events, joined, through
from provgraph.ingest.capture.surroundings import Machine, Person, tick, variables
from provgraph.ingest.capture.surroundings import account as account_name
from provgraph.model.elements import Scalar
from provgraph.model.identity import new_run_id, step_id
from provgraph.model.journal import SUFFIX, SegmentWriter
from provgraph.model.records import Record, RunEnded, RunStarted
from provgraph.model.uri import text_of, uri_of
from provgraph.tracking import SPOOL, run_folder

if TYPE_CHECKING:
    from provgraph.ingest.capture.rhythm import Due

BACKENDS: Final = {
    "auto": "the shim, and the tracer for static programs and those that call past libc",
    "preload": "the shim alone",
    "ptrace": "the tracer for all programs: slower, and past no system call",
    "none": "changes of files and Python's own word alone",
}
_BACKENDS: Final = {"auto": "preload", "preload": "preload", "ptrace": "ptrace", "none": "none"}
_SHORTEST, _LONGEST = 0.02, 0.2
_LONGEST_REST: Final = 2.0
_BUSY, _IDLE = 10, 100
"""Watching takes at most one part in so many of the time, while something happens and while not."""
_PATIENCE: Final = 1.0
"""Workers that end by themselves when their parent is gone are given so many seconds."""
_MANY: Final = 256
"""Between so many events the program's signals are seen to."""
_tick: Final = attrgetter("tick")
_LOST: Final = "a part of what this process had seen of itself was lost"
_GOES_ON: Final = 1_000_000_000
"""Nanoseconds after which a run is not short."""


def run(
    argv: list[str],
    project: Project,
    *,
    properties: Mapping[str, Scalar] | None = None,
    as_json: bool = False,
    backend: str = "auto",
) -> int:
    """Run `argv` under capture and journal it; returns the exit status that a shell should see.

    `properties` (`tag.x`, `param.x`) are kept with the run. `backend` is one of `BACKENDS`. If a
    signal ended the program, the same signal ends this process, and nothing is returned.
    """
    try:
        capture = Capture(argv, project, dict(properties or {}), backend)
    except KeyboardInterrupt:
        die_by(signal.SIGINT)
        raise
    except (OSError, ProvgraphError) as error:
        note(f"not recorded: {reason_of(error)}")
        return _run_alone(argv)
    try:
        path, words = capture.command(find(argv[0], os.environ))
        program = Program(path, words, capture.environment())
    except NotStarted as error:
        note(error.message)
        capture.finish(error.exit_status)
        return error.exit_status
    except KeyboardInterrupt:
        capture.abandon()
        die_by(signal.SIGINT)
        raise
    status = capture.attend(program)
    ended = capture.finish(status)
    program.let_go()
    if as_json and ended is not None:
        _print_json(ended)
    if status < 0:
        die_by(-status)
    return status if status >= 0 else 128 - status


def note(text: str) -> None:
    _print(f"provgraph: {text}")


def _print(line: str) -> None:
    if sys.stderr is not None:  # closed; `print` would take standard output instead
        with suppress(OSError, ValueError):
            print(line, file=sys.stderr, flush=True)


def _run_alone(argv: list[str]) -> int:
    """Become the program."""
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execv(find(argv[0], os.environ), argv)
    except NotStarted as error:
        note(error.message)
        return error.exit_status
    except OSError as error:
        note(f"cannot execute {argv[0]}: {error.strerror}")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else 126


class Capture:
    """One run being captured. Raises OSError or ProvgraphError where it cannot even be begun."""

    def __init__(
        self,
        argv: list[str],
        project: Project,
        properties: dict[str, Scalar],
        backend: str,
        gaps: Iterable[str] = (),
    ) -> None:
        self.project = project
        self.argv = argv
        self._root = os.fsencode(project.root)
        status = worktree.Status(worktree.work_tree_of(self._root))  # git works while we do
        person = Person(self._root)
        self._run = new_run_id()
        self._machine = Machine.here()
        self._ignored = tree.Ignored.of(self._root)
        self._outside = Outside(project, self._ignored)
        self._program: Program | None = None
        self._unkept: list[Event] = []
        self._observed_to = 0
        self._interpretations: list[audit.Interpretation] = []
        self._observed = True
        self._is_told = False
        self._pause = _SHORTEST
        self._ready = False
        self._in_rhythm = False
        self._due: Due | None = None
        self._teller = 0
        self._backend = backend
        self._given = given.Input()
        self._tracer: Path | None = None
        prepare_state(project)
        self._recording = Recording.create(project, self._run)
        self._itself = self._recording.itself()
        self._lock = identity(self._recording.lock)
        self._spool: Spool | None = None
        try:
            self._spool, blind = self._open_spool(backend)
            self._contents = self._contents_anew()
            self._before = tree.look(self._root, self._ignored)
            self._start = status.read()
            name, email = person.read()
            started = RunStarted(
                self._run,
                redact.argv([text_of(os.fsencode(word)) for word in argv]),
                uri_of(os.fsencode(os.getcwd()), self._root, self._machine.host),
                self._machine.when(tick()),
                user=account_name(),
                agent=name,
                email=email,
                commit=self._start.commit,
                dirty=self._start.dirty,
                parent=_parent(self._machine),
                backend=_BACKENDS[backend] if self._spool else "none",
            )
            self._manifest = Manifest(
                started,
                self._machine,
                started.when.tick,
                gaps=[*gaps, *blind],
                properties=without_secrets(properties),
                variables=variables(os.environ, project),
                names=mounts.here(os.fsencode(project.root)),
                around=run_folder(),
                runner=os.getpid(),
                launched=started_at(os.getpid()),
            )
            self._writer = SegmentWriter(project.journal, project.id, self._run)
            self._writer.write(started)
            self._writer.flush()
            self._recording.save(self._manifest)
        except BaseException:
            self.abandon()
            raise

    def command(self, path: str) -> tuple[str, list[str]]:
        """The program file to start, and its words: the tracer, which becomes the program, where the
        shim cannot be loaded into it or shall not be."""
        whole = self._backend == "ptrace"
        alone = self._tracer is not None and untraceable(path, os.environ) in ("static", "go")
        if self._spool is None or not (whole or alone):
            return path, self.argv
        way = "whole" if whole else "some"
        spool = str(self._recording.events.absolute())
        return str(self._tracer), ["provgraph-trace", spool, way, path, *self.argv]

    def environment(self) -> dict[str, str]:
        """What the program is given: ours, and what makes it speak."""
        env = dict(os.environ)
        if self._spool is not None and self._backend == "ptrace":
            env = without_shim(self._recording.events, env)
        elif self._spool is not None:
            env = traced(self._library, self._recording.events, env)
        return {**audit.environment(env), SPOOL: str(self._recording.events.absolute())}

    def attend(self, program: Program) -> int:
        """Wait for the program's end, hashing what it writes meanwhile."""
        self._program = program
        tell_outer("run", str(self._manifest.began))
        self._manifest.pid = program.pid
        self._save()
        status = program.wait(self._watch)
        self._manifest.ended = program.ended
        self._recording.note_end(program.ended, status)
        if self._given.was_heard():
            self._manifest.gaps.append(given.GAP)
        return status

    def finish(self, status: int) -> RunEnded | None:
        """Write the record down; None where it could not be."""
        manifest = self._manifest
        manifest.say_end(manifest.ended or tick(), status)
        try:
            return self._finish()
        except (OSError, ProvgraphError) as error:
            note(f"the run was not recorded to its end: {reason_of(error)}")
        except Exception as error:  # noqa: BLE001 - a fault of ours must not become one of the program
            note(f"the run was not recorded to its end ({type(error).__name__}: {error})")
        self._recording.release()
        return None

    def watch_itself(self) -> None:
        """This process is the program."""
        self._manifest.pid = os.getpid()
        self._save()

    def _save(self) -> None:
        """Keep what is known for who finds us killed."""
        with suppress(OSError):
            self._recording.save(self._manifest)

    def see(self, events: list[Event]) -> None:
        """Take in what this process itself did, where it is the program."""
        try:
            self._itself.add(events)
        except OSError:
            # No room: it is held, and whoever may have to finish the record does not know it.
            self._unkept += events
            self._observed = False

    def is_cut_off(self) -> bool:
        """Whether this process, where it is the program, has closed all that it had open: what is ours may be other files of
        its own by now. The next sync writes down what is known until then."""
        return identity(self._recording.lock) != self._lock

    def learn(self, gaps: list[str], interpretation: audit.Interpretation) -> None:
        """What else is known of this process, where it is the program."""
        self._manifest.gaps += gaps
        if gaps:
            self._save()
        self._interpretations = [interpretation]

    def write_so_far(self) -> None:
        """Journal what is known by now, while the program goes on. What processes that live still do is told
        when they have ended."""
        if self._spool is None:
            return
        evidence = self._evidence(msgspec.structs.replace(self._manifest, ended=tick()))
        evidence.before = None  # what nobody was seen to change is told at the end
        made = account(self.project, evidence, self._recording.folder)
        living = {life.pid for life in self._spool.lives() if not life.exited and life.is_alive()}
        fresh = self._not_told(of_ended(made.records, living))
        self._is_told = True
        for record in fresh:
            self._writer.write(record)
        self._writer.flush()
        keep_contents(self.project, evidence, made)

    def _not_told(self, records: Iterable[Record]) -> Iterable[Record]:
        """Those that have not been told of while the run went on, by us or by others."""
        if not self._is_told and not (self._recording.folder / TOLD).exists():
            return records
        from provgraph.ingest.capture.recover import unsaid

        self._writer.flush()
        return unsaid(self.project, self._run, records)

    def _evidence(self, manifest: Manifest) -> Evidence:
        """All that is known by now. What the spool has is read from there, and not held, where it is much."""
        events = joined(self._itself.events(), self._unkept)
        gaps = [] if self._itself.is_whole() else [_LOST]
        if self._spool is not None:
            events, gaps = joined(self._spool.streamed(), events), [*gaps, *self._spool.gaps()]
        self._take_in()
        if not self._observed:
            self._contents = self._contents_anew()
        return Evidence(
            manifest,
            events,
            gaps,
            self._contents,
            self._outside,
            [*audit.read(self._recording.python), *self._interpretations],
            self._before,
            self._start,
            self._ignored,
            observed=self._observed,
        )

    def abandon(self) -> None:
        """The program was never started: nothing is left."""
        with suppress(OSError):
            (self.project.journal / f"{self._run}{SUFFIX}").unlink()
        if self._spool is not None:
            self._spool.close()
        self._itself.close()
        self._recording.remove()

    def _put_back(self) -> None:
        """A program of the run may have removed, moved or emptied what is ours, as what cleans up a project does. Where
        the project is still there, the run is recorded all the same."""
        if self._recording.is_in_place() and self._writer.is_in_place():
            return
        if not (self.project.root / PROJECT_FILE).exists():
            return
        from provgraph.ingest.capture.recover import writer_for

        prepare_state(self.project)
        if not self._recording.is_in_place():
            self._recording.release()
            self._recording = Recording.create(self.project, self._run)
            self._lock = identity(self._recording.lock)
        self._writer.discard()
        self._writer = writer_for(self.project, self._run)
        self._is_told = False
        self._writer.write(self._manifest.started)

    def _finish(self) -> RunEnded:
        self._put_back()
        staying = (
            still_at_work(self._spool, self._run, self._manifest.pid) if self._spool else set()
        )
        evidence = self._evidence(self._manifest)
        if staying:
            evidence.events = without_pending(evidence.events, staying)
            self._manifest.gaps.append(outlived(len(staying)))
            self._recording.save(self._manifest)
        made = account(self.project, evidence, self._recording.folder)
        if not self._writer.is_there():
            raise JournalError("its recording was removed")
        self._writer.flush()
        for record in self._not_told(made.records):
            self._writer.write(record)
        self._writer.close()
        self._contents.close()
        self._itself.close()
        keep_contents(self.project, evidence, made)
        if staying:
            self._recording.release()
        else:
            self._recording.remove()
        if self._spool is not None:
            self._spool.close()
            warn(made.ended, [os.fsencode(word) for word in self.argv], self._contents)
        return made.ended

    def _open_spool(self, backend: str) -> tuple[Spool | None, list[str]]:
        if backend == "none":
            return None, ["programs were not traced, as asked"]
        cache = self.project.state / "cache"
        try:
            if backend != "preload":
                self._tracer = self._find_tracer(cache)
            if backend != "ptrace":
                self._library = shim.library(cache)
            spool = begin(self._recording.events, self._tracer, self.project.root)
            if backend == "auto":
                self._tell_front()
            return spool, []
        except ProvgraphError as error:
            note(f"{error.message}; only changes of files are recorded")
            return None, [f"programs were not traced: {error.message}"]

    def _find_tracer(self, cache: Path) -> Path | None:
        """Without one, static programs are a gap; only where it shall follow all is that too much."""
        try:
            return shim.tracer(cache)
        except ProvgraphError:
            if self._backend == "ptrace":
                raise
            return None

    def _tell_front(self) -> None:
        """Let the native front do the next run itself, if it left us this one."""
        from provgraph.ingest.capture import launcher

        native = launcher.of_this_process()
        if native is not None:
            with suppress(OSError, ProvgraphError):
                launcher.note_for(native, self._library, self._tracer)

    def _watch(self) -> float:
        """Take in what happened since; the seconds until the next time."""
        if not self._ready:
            self._ready = True
            import provgraph.ingest.capture.assemble  # noqa: F401 - while there is time
        if self._spool is None:
            return _LONGEST
        began = time.perf_counter()
        fresh = self._take_in()
        self._pause = _SHORTEST if fresh else min(self._pause * 1.5, _LONGEST)
        if not self._in_rhythm and tick() - self._manifest.began > _GOES_ON:
            self.learn_rhythm()  # of short runs nobody wants to know it
        if self.is_to_be_told():
            self._have_it_told()
        spent = time.perf_counter() - began
        return max(self._pause, min(spent * (_BUSY if fresh else _IDLE), _LONGEST_REST))

    def _contents_anew(self) -> Contents:
        room = self._recording.folder
        return contents_of(self.project, self._run, self._outside, self._interrupted, room=room)

    def _take_in(self) -> bool:
        """Let the contents know what happened since, and hash what was written; whether anything was. Where that
        fails (there is no room on the disk), they learn it at the end, and what is gone by then has no digest."""
        if not self._observed:
            return False
        since, count = self._observed_to, 0
        self._observed_to = self._itself.end()
        try:
            fresh = self._spool.fresh() if self._spool else ()
            own = self._itself.fresh(since) if since < self._observed_to else ()
            for count, event in enumerate(merge(fresh, own, key=_tick), 1):
                self._contents.observe(event)
                if count % _MANY == 0:
                    self._interrupted()
        except Exception:  # noqa: BLE001 - a fault of ours must not become one of the program
            self._observed = False
        return count > 0

    def learn_rhythm(self) -> None:
        """From now on `is_to_be_told` says when."""
        self._in_rhythm = True
        from provgraph.ingest.capture.rhythm import due

        try:
            self._due = due(self.project)
        except ProvgraphError as error:
            note(error.message)

    def is_to_be_told(self) -> bool:
        """Whether the run has gone on for so long, or said so much, since it was told of last."""
        if self._spool is None or self._due is None:
            return False
        return self._due.is_now(tick(), self._spool.reached())

    def _have_it_told(self) -> None:
        """By another process, as the native front does it: nobody waits for it."""
        with suppress(OSError):
            if self._teller and os.waitpid(self._teller, os.WNOHANG) == (0, 0):
                return  # at it still
        folder = str(self._recording.folder)
        words = [sys.executable, "-m", "provgraph", "run", "--finish", folder]
        nowhere = [(os.POSIX_SPAWN_OPEN, file, os.devnull, os.O_RDWR, 0) for file in range(3)]
        with suppress(OSError):
            self._teller = os.posix_spawn(
                sys.executable, words, os.environ, file_actions=nowhere, setsigmask=[]
            )

    def _interrupted(self) -> bool:
        """Between pieces of hashing: the program's signals are seen to, and ours."""
        if self._program is None:
            return False
        while self._program.attend():
            pass
        return self._program.interrupted


def still_at_work(spool: Spool, run: str, program: int) -> set[int]:
    """The processes of a run that have not ended yet, nor do so in a moment: workers often end by
    themselves when their parent is gone. Daemons, in a session of their own, are not waited for."""
    patience = _PATIENCE
    while True:
        seen = {life.pid for life in spool.lives() if not life.exited and life.is_alive()}
        seen |= set(_newborn(run, program))
        if patience <= 0 or not any(map(_is_in_our_session, seen)):
            return seen
        time.sleep(_SHORTEST)
        patience -= _SHORTEST


def _is_in_our_session(pid: int) -> bool:
    with suppress(OSError):
        return os.getsid(pid) == os.getsid(0)
    return False


def _newborn(run: str, program: int) -> Iterator[int]:
    """Processes of this run that were forked a moment ago and have not written anything yet."""
    variable, events = f"{SPOOL}=".encode(), f"/{run}/{EVENTS}".encode()
    for name in os.listdir("/proc"):
        if program and name.isdigit() and int(name) > program:
            with suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                entries = file.read().split(b"\0")
                if any(entry.startswith(variable) and entry.endswith(events) for entry in entries):
                    yield int(name)


def outlived(count: int) -> str:
    """
    >>> outlived(1)
    '1 process outlived the run; what it did later is recorded by the first sync after'
    """
    several = count != 1
    return (
        f"{count} process{'es' * several} outlived the run; what "
        f"{'they' if several else 'it'} did later is recorded by the first sync after"
    )


def warn(ended: RunEnded, argv: list[bytes], contents: Contents) -> None:
    """Say loudly what a person should know of a record before it is needed."""
    if ended.verdict == "nothing recorded" and ended.exit == 0:
        reason = _blindness(os.fsdecode(argv[0]))
        note(f"NOTHING was recorded of this run{': ' + reason if reason else ''}")
    elif contents.stopped:
        note("interrupted while hashing; some files are recorded without a digest")


def _blindness(name: str) -> str:
    with suppress(NotStarted):
        return untraceable(find(name, os.environ), os.environ)
    return ""


def without_pending(events: Events, living: set[int]) -> Events:
    """Leave out an exec that a living process is in the middle of: it has not escaped anybody."""
    last = {event.pid: event for event in events if event.pid in living}
    pending = {
        (e.pid, e.tick) for e in last.values() if isinstance(e, Executing) and not e.is_inert
    }

    def others(events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            if not (isinstance(event, Executing) and (event.pid, event.tick) in pending):
                yield event

    return through(events, others) if pending else events


def _parent(machine: Machine) -> str:
    """Our own step in the run around this one, where there is one."""
    outer = run_folder()
    if not outer:
        return ""
    tell_outer()
    pid = os.getpid()
    with suppress(OSError, ProvgraphError, ValueError):
        with Spool(Path(outer, EVENTS)) as seen:
            ours = seen.of(pid)
        forks = [at for at, event in enumerate(ours) if isinstance(event, Forked)]
        ours = ours[forks[-1] :] if forks else ours
        images = sum(isinstance(event, Image) for event in ours)
        if images:
            return step_id(os.path.basename(outer), machine.boot, pid, ours[0].tick, images - 1)
    return ""


def _print_json(ended: RunEnded) -> None:
    about = {
        "run": ended.run,
        "exit": ended.exit,
        "signal": ended.signal,
        "verdict": ended.verdict,
        "gaps": ended.gaps,
        "properties": ended.properties,
    }
    _print(msgspec.json.encode(about).decode())
