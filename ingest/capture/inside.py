"""What does this very Python process do from now on? `provgraph.track`, for a process that was not
started under `provgraph run`.

The shim cannot be loaded into a process that runs, so Python's audit events stand in for it: what is
opened, renamed and removed through Python. They come before the deed and tell of no close, so each is
looked at again when the next one comes. The programs that the process starts have the shim and are seen
whole. What libraries in C open by themselves is not seen: that is always a gap of such a run. A long run
is written down from time to time: a notebook's kernel when a cell has ended, any other by what `[capture]` says,
when it does something.
"""

from __future__ import annotations

import atexit
import os
import stat as modes
import sys
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from pathlib import Path
from typing import Any, Final, ParamSpec, Self, TypeVar, cast

from provgraph.calls import at_work, boundaries, goes_on
from provgraph.config import create_project, find_project, project_root_for
from provgraph.errors import ProvgraphError, reason_of
from provgraph.ingest.capture.audit import SITE, Interpretation
from provgraph.ingest.capture.events import (
    Closed,
    Event,
    Image,
    Interpreted,
    Linked,
    Moved,
    Opened,
    Renamed,
    Unlinked,
)
from provgraph.ingest.capture.recording import PYTHON
from provgraph.ingest.capture.runner import Capture, note
from provgraph.ingest.capture.surroundings import tick
from provgraph.model.elements import Scalar
from provgraph.model.records import Stat
from provgraph.tracking import run_folder

P = ParamSpec("P")
R = TypeVar("R")

_Files = frozenset[tuple[int, int]]
"""By device and inode."""
_Look = Callable[[_Files, bool], bool]
"""Looks at what has become of something that was announced; whether it is over. Told are the files that
are open, and whether it was done, which another thread cannot know."""

NATIVE: Final = "files that libraries opened past Python not seen: the process was not started under provgraph run"
_FORKED: Final = "processes forked without an exec not seen"
_MANY: Final = 4096
"""So many events are held before they are put down."""
_FEW: Final = 256
"""So many files may have been read before it is looked which of them are closed."""
_NOTICED, _BUSY = 0.3, 20
"""Writing down that took longer than so many seconds is done at most one part in so many of the time."""
_PATIENCE, _LITTLE, _BETWEEN_STEPS = 5.0, 0.005, 60.0
"""So many seconds the program waits for a thread that writes down, which may wait for the program: it needs a module
whose import is under way. Where that was in vain it waits a little only, and between two steps longer, lest what one did
be taken for the other's."""


class track:
    """Record this process as a run: from now on, until the block or the process ends. As a decorator, each
    call of the function is a run.

    Within a run that is recorded already nothing happens, and nothing ever fails: what cannot be
    recorded is said on standard error. `tags` are kept as `tag.NAME`.

        with provgraph.track(stage="nightly"):
            frame = pandas.read_csv("raw.csv")
            frame.to_csv("clean.csv")
    """

    def __init__(self, **tags: str) -> None:
        self._tags = tags
        self._tracking: _Tracking | None = None
        self._begin()

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.end(status=0 if kind is None else 1)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        tracking, self._tracking = self._tracking, None
        if tracking is not None:  # it is the calls that are meant
            atexit.unregister(self.end)
            tracking.drop()

        # What a coroutine or a generator does, it does after the call.
        @wraps(function)
        async def awaited(*arguments: P.args, **named: P.kwargs) -> Any:
            with track(**self._tags):
                return await cast("Awaitable[Any]", function(*arguments, **named))

        @wraps(function)
        def generated(*arguments: P.args, **named: P.kwargs) -> Any:
            with track(**self._tags):
                return (yield from cast("Iterator[Any]", function(*arguments, **named)))

        @wraps(function)
        async def generated_async(*arguments: P.args, **named: P.kwargs) -> Any:
            with track(**self._tags):
                async with aclosing(
                    cast("AsyncGenerator[Any]", function(*arguments, **named))
                ) as made:
                    async for each in made:
                        yield each

        @wraps(function)
        def recorded(*arguments: P.args, **named: P.kwargs) -> R:
            with track(**self._tags):
                return function(*arguments, **named)

        for is_kind, later in (
            (iscoroutinefunction, awaited),
            (isgeneratorfunction, generated),
            (isasyncgenfunction, generated_async),
        ):
            if is_kind(function):
                return cast("Callable[P, R]", later)
        return recorded

    def write(self, *, sparing: bool = False) -> None:
        """Write down what was done so far, so that it can be asked for while the run goes on. `sparing`: later,
        if that would take a noticeable part of the time."""
        if self._tracking is not None:
            self._tracking.write(sparing=sparing)

    def end(self, status: int = 0) -> None:
        """Write the run down. `status` is its exit status."""
        tracking, self._tracking = self._tracking, None
        if tracking is not None:
            atexit.unregister(self.end)
            tracking.end(status)

    def _begin(self) -> None:
        if self._tracking is not None or run_folder():
            return
        try:
            self._tracking = _Tracking({f"tag.{name}": text for name, text in self._tags.items()})
        except (OSError, ProvgraphError) as error:
            note(f"not recorded: {reason_of(error)}")
            return
        atexit.register(self.end)


_listeners: list[_Tracking] = []
"""The one that listens now; a hook cannot be taken away again."""
_hooked = False
_left_off: list[_Tracking] = []
"""They stay, as what they had open would else be closed, whose numbers may be those of other files."""


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _listeners and event in _Tracking.HEARD:
        for listener in _listeners:
            listener.hear(event, arguments)


class _Tracking:
    """The process as a run that goes on."""

    HEARD: Final = frozenset(
        ["open", "os.rename", "os.remove", "os.link", "os.chdir", "os.fork", "subprocess.Popen"]
    )

    def __init__(self, tags: dict[str, Scalar]) -> None:
        global _hooked
        here = Path(os.curdir)
        project = find_project(here) or create_project(project_root_for(here))
        self.pid = os.getpid()
        self.argv = list(sys.orig_argv)
        self._capture = Capture(self.argv, project, tags, "preload", gaps=[NATIVE])
        self._capture.watch_itself()
        self._capture.learn_rhythm()
        self._next, self._timer = 0.0, threading.Timer(0, self.write)
        self._root = os.fsencode(project.root)
        self._events: list[Event] = []
        self._gaps: list[str] = []
        self._pending: list[tuple[int, _Look]] = []  # by thread
        self._reading: list[Opened] = []
        self._room = _FEW
        self._lock = threading.Lock()
        self._is_slow = False  # who has the lock has kept another waiting for too long
        self._ours: set[int] = set()  # threads at work for us: what they do is not the program's
        self._before = dict(os.environ)
        self._given = self._capture.environment()
        os.environ.update(self._given)
        self._began = tick()
        self._events.append(
            Image(
                pid=self.pid,
                tick=self._began,
                parent=os.getppid(),
                executable=os.fsencode(os.path.realpath(sys.executable)),
                argv=[os.fsencode(word) for word in self.argv],
                cwd=os.fsencode(os.getcwd()),
            )
        )
        if not _hooked:
            sys.addaudithook(_hear)
            _watch_drivers(os.path.join(run_folder(), PYTHON))
            _hooked = True
        _listeners.append(self)
        boundaries.append(self.settle)

    def settle(self) -> None:
        """What was announced by now has been done, or is still under way."""
        if os.getpid() == self.pid and threading.get_ident() not in self._ours:
            with self._alone(_BETWEEN_STEPS) as alone, suppress(OSError):
                if alone:
                    self._look_again(_open_files())

    def write(self, *, sparing: bool = False) -> None:
        if os.getpid() != self.pid or self not in _listeners or self._capture.is_cut_off():
            return
        self._timer.cancel()
        if sparing and (wait := self._next - time.monotonic()) > 0:
            self._timer = threading.Timer(wait, self.write)
            self._timer.daemon = True
            self._timer.start()
            return
        self._write()

    def _write(self, patience: float = -1) -> None:
        with self._alone(patience) as alone:
            if not alone or self not in _listeners:
                return
            with suppress(OSError):
                self._look_again(_open_files())
            began = time.thread_time()
            try:
                self._tell()
                self._capture.write_so_far()
            except (OSError, ProvgraphError) as error:
                note(f"not written down yet: {reason_of(error)}")
        spent = time.thread_time() - began
        self._next = time.monotonic() + (spent * _BUSY if spent > _NOTICED else 0.0)

    def _tell(self) -> None:
        self._put_down()
        self._capture.learn(self._gaps, self._interpreted())
        self._gaps = []

    def _put_down(self) -> None:
        events, self._events = self._events, []
        self._capture.see(events)

    def end(self, status: int) -> None:
        if os.getpid() != self.pid:
            return  # a fork; the run is its parent's
        self._timer.cancel()
        if self not in _listeners:
            return
        if self._capture.is_cut_off():
            self._leave_off()
            return
        with self._alone():
            self._look_again(frozenset(), ending=True)
        self._stop()
        self._tell()
        self._capture.finish(status)

    def _leave_off(self) -> None:
        with self._alone(), suppress(OSError):
            self._look_again(_open_files())
            self._put_down()
        self._stop()
        _left_off.append(self)
        note("not recorded any further: the process closed all that was open")

    def drop(self) -> None:
        self._stop()
        self._capture.abandon()

    def _stop(self) -> None:
        _listeners.remove(self)
        boundaries.remove(self.settle)
        self._restore()

    def _restore(self) -> None:
        """The environment as it was, but for what the program has changed itself."""
        for name, value in self._given.items():
            if os.environ.get(name) != value:
                continue
            if name in self._before:
                os.environ[name] = self._before[name]
            else:
                del os.environ[name]

    # What Python says before it does something

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if threading.get_ident() in self._ours or os.getpid() != self.pid:
            return
        if self._capture.is_cut_off():
            self._leave_off()
            return
        if self._capture.is_to_be_told():
            with suppress(Exception):  # a fault of ours must not become one of the program
                self._write(patience=0)
        # An error is the program's own mistake, which it is about to be told.
        patience = _LITTLE if self._is_slow else _PATIENCE
        with self._alone(patience) as alone, suppress(OSError, ValueError, TypeError):
            self._is_slow = not alone
            if alone and (
                self._pending or (self._reading and not self._may_wait(event, arguments))
            ):
                self._look_again(_open_files())
            self._note(event, arguments)
            if alone and len(self._events) > _MANY:
                self._put_down()

    def _may_wait(self, event: str, arguments: tuple[Any, ...]) -> bool:
        """To look whether what was read is closed takes time: it is done before something that may change files, and when
        much has been read."""
        reads = event == "open" and _is_to_read(arguments[2])
        return reads and len(self._reading) < self._room

    @contextmanager
    def _alone(self, patience: float = -1) -> Iterator[bool]:
        """Whether no other thread is at it, which is waited for so many seconds; -1: for as long as it takes. What this thread
        does meanwhile is not the program's."""
        here = threading.get_ident()
        self._ours.add(here)
        alone = False
        try:
            alone = self._lock.acquire(timeout=patience)
            yield alone
        finally:
            if alone:
                self._lock.release()
            self._ours.discard(here)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        match event, arguments:
            case "open", (str() | bytes() as path, _, int() as flags):
                self._opens(_whole(path), flags)
            case "os.rename", (source, target, *_):
                self._moves(_whole(source), _whole(target))
            case "os.remove", (path, *_):
                self._removes(_whole(path))
            case "os.link", (source, target, *_):
                self._links(_whole(source), _whole(target))
            case "os.chdir", _:
                self._await(self._moved)
            case "os.fork", _:
                if _FORKED not in self._gaps:
                    self._gaps.append(_FORKED)
            case _:
                pass

    def _opens(self, path: bytes, flags: int) -> None:
        before, at, call = _stat(path), tick(), at_work()
        here = threading.get_ident()
        if _is_to_read(flags):
            if before is not None:
                opened = self._opened(path, at, before, before, flags, call)
                self._events.append(opened)
                self._reading.append(opened)
            return

        def finished(still_open: _Files, done: bool) -> bool:
            after = _stat(path)
            if after == before and not done:
                return False
            if after is None or (after.device, after.inode) in still_open:
                return after is None
            created = before is None or before.inode != after.inode
            fresh = created or bool(flags & os.O_TRUNC)
            began = Stat(after.device, after.inode, 0, 0, after.ctime) if fresh else before
            assert began is not None
            self._events.append(self._opened(path, at, before, began, flags, call, created))
            over = threading.get_ident() == here and not goes_on(call)
            closer = (
                at_work() if over else 0
            ) or call  # a later cell may close what one has opened
            closed = Closed(3, path, at, after, pid=self.pid, tick=tick(), call=closer)
            self._events.append(closed)
            return True

        self._await(finished)

    def _opened(
        self,
        path: bytes,
        at: int,
        before: Stat | None,
        after: Stat,
        flags: int,
        call: int,
        created: bool = False,
    ) -> Opened:
        access = flags & os.O_ACCMODE
        return Opened(
            3,
            path,
            readable=access != os.O_WRONLY,
            writable=access != os.O_RDONLY,
            truncates=bool(flags & os.O_TRUNC),
            appends=bool(flags & os.O_APPEND),
            created=created,
            after=after,
            before=None if created else before,
            pid=self.pid,
            tick=at,
            call=call,
        )

    def _moves(self, source: bytes, target: bytes) -> None:
        moved, replaced, at = _stat(source), _stat(target), tick()
        folder, call = os.path.isdir(source), at_work()

        def finished(_: _Files, done: bool) -> bool:
            gone = not os.path.lexists(source)
            if gone:
                renamed = Renamed(
                    source, target, moved, replaced, folder, pid=self.pid, tick=at, call=call
                )
                self._events.append(renamed)
            return gone or done

        self._await(finished)

    def _removes(self, path: bytes) -> None:
        held, at, call = _stat(path), tick(), at_work()

        def finished(_: _Files, done: bool) -> bool:
            gone = not os.path.lexists(path)
            if gone:
                self._events.append(Unlinked(path, held, pid=self.pid, tick=at, call=call))
            return gone or done

        self._await(finished)

    def _links(self, source: bytes, target: bytes) -> None:
        at, call = tick(), at_work()

        def finished(_: _Files, done: bool) -> bool:
            linked = os.path.lexists(target)
            if linked:
                stat = _stat(target)
                self._events.append(Linked(source, target, stat, pid=self.pid, tick=at, call=call))
            return linked or done

        self._await(finished)

    def _moved(self, _: _Files, done: bool) -> bool:
        if done:
            self._events.append(Moved(os.fsencode(os.getcwd()), pid=self.pid, tick=tick()))
        return done

    def _await(self, look: _Look) -> None:
        self._pending.append((threading.get_ident(), look))

    def _look_again(self, still_open: _Files, *, ending: bool = False) -> None:
        """What has become of what was announced. A thread that is here again has done it; of another it
        is known by what changed. A file that is open still is asked for again."""
        here = threading.get_ident()
        waiting, self._pending = self._pending, []
        for thread, finished in waiting:
            over = False
            with suppress(OSError):
                over = finished(still_open, ending or thread == here)
            if not over:
                self._pending.append((thread, finished))
        self._reading = [read for read in self._reading if not self._is_read(read, still_open)]
        self._room = max(_FEW, 2 * len(self._reading))

    def _is_read(self, read: Opened, still_open: _Files) -> bool:
        began = read.after
        if (began.device, began.inode) in still_open:
            return False
        after = _stat(read.path)
        if after is None or (after.device, after.inode) != (began.device, began.inode):
            after = began  # another took its name
        closed = Closed(3, read.path, read.tick, after, pid=self.pid, tick=tick(), call=read.call)
        self._events.append(closed)
        return True

    def _interpreted(self) -> Interpretation:
        """The script, the module given to -m, and the project's own modules."""
        main = sys.modules.get("__main__")
        # At exit the main module has lost its __file__, not its loader.
        file = getattr(getattr(main, "__loader__", None), "path", None)
        script = os.fsencode(os.path.realpath(file)) if file else b""
        files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        paths = {os.fsencode(path) for path in files if path and path.endswith(".py")}
        inside = self._root + b"/"
        event = Interpreted(
            script,
            getattr(getattr(main, "__spec__", None), "name", "") or "",
            sorted(path for path in paths - {script} if path.startswith(inside)),
            pid=self.pid,
            tick=self._began + 1,
        )
        return Interpretation(event, ".".join(map(str, sys.version_info[:3])), sys.prefix)


def _watch_drivers(folder: str) -> None:
    """What asks the network and databases is hooked as in any Python program that is captured."""
    path = str(SITE / "sitecustomize.py")
    made: dict[str, Any] = {"__name__": "provgraph_site", "__file__": path}
    with suppress(OSError):
        exec(compile(Path(path).read_text("utf-8"), path, "exec"), made)  # noqa: S102 - our own
        made["_watch"](folder)


def _whole(path: Any) -> bytes:
    """The absolute name of a file, its folder without links."""
    folder, name = os.path.split(os.path.abspath(os.fsencode(path)))
    return os.path.join(os.path.realpath(folder), name)


def _is_to_read(flags: Any) -> bool:
    return isinstance(flags, int) and flags & os.O_ACCMODE == os.O_RDONLY


def _stat(path: bytes) -> Stat | None:
    """Of a regular file; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    if not modes.S_ISREG(found.st_mode):
        return None
    return Stat(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _open_files() -> _Files:
    """What this process has open."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            held = os.stat(f"/proc/self/fd/{name}")
            found.add((held.st_dev, held.st_ino))
    return frozenset(found)
