"""What each execution ran, as its command line, its reads and the interpreter itself tell it."""

from __future__ import annotations

import posixpath
from bisect import bisect_right, insort
from collections.abc import Iterable
from operator import itemgetter
from typing import Final

import msgspec

from provgraph.ingest.capture.assemble.processes import Execution, Happening, Story
from provgraph.ingest.capture.assemble.scripts import INTERPRETERS, Program, program_of
from provgraph.ingest.capture.assemble.states import Action, Read, Removal, Version, source_of
from provgraph.ingest.capture.events import Image, Interpreted, Opened
from provgraph.model.elements import Scalar
from provgraph.model.records import Role, Stat

_UNKNOWN: Final = Program("")
_SINCE: Final = itemgetter(0)


class Told(msgspec.Struct):
    """What an interpreter said of itself."""

    script: bytes = b""
    sources: dict[bytes, tuple[int, int]] = {}  # tick, index
    properties: dict[str, Scalar] = {}


class _Wanted(msgspec.Struct):
    """Which paths, and which ends of paths, may be those of an execution's script."""

    paths: set[bytes]
    ends: tuple[bytes, ...]


class _Executed:
    """The states of the project's own programs, as far as the run made, replaced or removed them: an exec
    tells which file it was, and nothing of it."""

    def __init__(self, paths: Iterable[bytes]) -> None:
        self.made: dict[bytes, list[tuple[int, Version]]] = {path: [] for path in paths}
        self._gone: dict[bytes, list[tuple[int, Stat | None]]] = {path: [] for path in self.made}

    def note(self, action: Action) -> None:
        if isinstance(action, Version):
            for path, since in action.names:
                if path in self.made:
                    insort(self.made[path], (since, action), key=_SINCE)
        elif isinstance(action, Removal) and action.version is None and action.path in self._gone:
            insort(self._gone[action.path], (action.tick, action.stat), key=_SINCE)

    def at(self, path: bytes, tick: int) -> tuple[Stat | None, int]:
        """The stat of what was there, None where it still is, and when this run had made it, else 0."""
        made, gone = self.made[path], self._gone[path]
        before = bisect_right(made, tick, key=_SINCE)
        if before:
            _, version = made[before - 1]
            return version.moved or version.stat, version.tick
        until = bisect_right(gone, tick, key=_SINCE)
        return gone[until][1] if until < len(gone) else None, 0


class Programs:
    def __init__(self, story: Story, root: bytes) -> None:
        self._inside = root.rstrip(b"/") + b"/"
        self._programs: dict[int, Program] = {}
        """By the `id` of their images, which the story holds: a program may have very many parts."""
        self._scripts: dict[Execution, bytes] = {}
        self.told: dict[Execution, Told] = {}
        for event, by, number in story.happenings:
            if isinstance(event, Interpreted):
                self._hear(event, by, number)

    def _hear(self, event: Interpreted, by: Execution, number: int) -> None:
        told = self.told.setdefault(by, Told())
        told.script = told.script or event.script
        for source in event.sources:
            told.sources.setdefault(source_of(source), (event.tick, number))
        told.properties.update(event.properties)

    def argv(self, execution: Execution) -> list[bytes]:
        """A fork has the command line of the program that it is a copy of."""
        program = self.image_of(execution)
        return program.argv if program else []

    def image_of(self, execution: Execution) -> Image | None:
        above: Execution | None = execution
        while above is not None and above.image is None:
            above = above.process.parent
        return above.image if above else None

    def of(self, execution: Execution) -> Program:
        image = execution.image or self.image_of(execution)
        if image is None:
            return _UNKNOWN
        program = self._programs.get(id(image))
        if program is None:
            program = program_of(image.executable, image.argv, image.cwd)
            self._programs[id(image)] = program
        return program

    def is_shell(self, execution: Execution) -> bool:
        interpreter = self.of(execution).interpreter
        return interpreter is not None and interpreter.shell

    def lends(self, execution: Execution) -> bool:
        interpreter = self.of(execution).interpreter
        return interpreter is not None and interpreter.lends

    def properties(self, execution: Execution) -> dict[str, Scalar]:
        told = self.told.get(execution)
        given = told.properties if told else {}
        return {**given, **execution.call.properties} if execution.call else given

    def script(self, execution: Execution) -> bytes:
        return self._scripts.get(execution, b"")

    def unseen(self, story: Story, actions: Iterable[Action]) -> list[Read]:
        """Reads that no event shows: a program of the project is read by its exec; modules may have
        come from a cache in memory. They count from the program's start, unless it made them."""
        sources = {by: dict(self._sources(by)) for by in self.told}
        executed = _Executed(
            by.image.executable
            for process in story.processes
            for by in process.executions
            if by.image is not None and by.image.executable.startswith(self._inside)
        )
        read: set[tuple[Execution, bytes]] = set()
        made: set[tuple[Execution, bytes]] = set()
        for action in actions if sources or executed.made else ():
            executed.note(action)
            if action.path in sources.get(action.by, ()):
                (made if isinstance(action, Version) else read).add((action.by, action.path))
        found = []
        for process in story.processes:
            for by in (*process.executions, *process.calls.values()):
                if by.call is not None:
                    if by.call.source:
                        found.append(Read(by, by.call.source, by.started, 0, None, None))
                    continue
                if by.image is not None and by.image.executable.startswith(self._inside):
                    path, tick = by.image.executable, by.started
                    stat, since = executed.at(path, tick)
                    found.append(Read(by, path, tick, 0, stat, None, since))
                for path, (tick, index) in sources.get(by, {}).items():
                    if (by, path) in made and (by, path) not in read:
                        found.append(Read(by, path, tick, index, None, None))
                    elif (by, path) not in read:
                        found.append(Read(by, path, by.started, 0, None, None))
        return found

    def _sources(self, by: Execution) -> list[tuple[bytes, tuple[int, int]]]:
        told = self.told.get(by)
        if told is None:
            return []
        own = {told.script: (by.started, 0)} if told.script else {}
        return list({**told.sources, **own}.items())

    def find_scripts(self, story: Story, actions: Iterable[Action]) -> None:
        """A script is what the interpreter said it is; else the named file, if it was opened; else
        the first opened one of the same name (its folder may have been a link). A program of the
        project is what it executes itself."""
        opened: dict[Execution, dict[bytes, None]] = {}
        wanted: dict[Execution, _Wanted] = {}
        for action in actions:
            if isinstance(action, Read):
                by, path = action.by, action.path
                if by not in wanted:
                    wanted[by], opened[by] = self._wanted(by), {}
                if path in wanted[by].paths or path.endswith(wanted[by].ends):
                    opened[by][path] = None
        for process in story.processes:
            for execution in (*process.executions, *process.calls.values()):
                script = self._script(execution, opened.get(execution, {}))
                if script:
                    self._scripts[execution] = script

    def _wanted(self, execution: Execution) -> _Wanted:
        told, image, call = self.told.get(execution), execution.image, execution.call
        named = self.of(execution).scripts
        paths = {*named, told.script if told else b"", image.executable if image else b""}
        if call is not None:
            paths.add(call.source)
        return _Wanted(paths, tuple(b"/" + posixpath.basename(path) for path in named))

    def _script(self, execution: Execution, opened: dict[bytes, None]) -> bytes:
        image = execution.image
        if execution.call is not None:
            return execution.call.source if execution.call.source in opened else b""
        if image is None:
            return b""
        told = self.told.get(execution)
        if told is not None and told.script in opened:
            return told.script
        named = self.of(execution).scripts
        for path in named:
            if path in opened:
                return path
        bases = {posixpath.basename(path) for path in named}
        for path in opened:
            if posixpath.basename(path) in bases:
                return path
        return image.executable if image.executable in opened else b""

    def role(self, execution: Execution, path: bytes, compiled: bool) -> Role:
        if path == self._scripts.get(execution):
            return "script"
        told = self.told.get(execution)
        if compiled or (told is not None and path in told.sources):
            return "code"
        interpreter = self.of(execution).interpreter
        if interpreter is not None and interpreter.code and path.startswith(self._inside):
            return "code" if path.endswith(interpreter.code) else "input"
        return "input"


def prefixes(happenings: Iterable[Happening], root: bytes) -> set[bytes]:
    """Where the interpreters that ran are installed: `/opt/conda` of `/opt/conda/bin/python3.12`."""
    found = set()
    for event, by, _ in happenings:
        if isinstance(event, Image) and by.image is event:
            name = posixpath.basename(event.executable).decode("utf-8", "replace")
            if name in INTERPRETERS or name.rstrip("0123456789.-") in INTERPRETERS:
                places = [event.executable.find(part) for part in (b"/bin/", b"/lib/", b"/lib64/")]
                place = min((place for place in places if place > 0), default=0)
                if place and event.executable[:place] != root:
                    found.add(event.executable[:place])
    return found


def environments(happenings: Iterable[Happening]) -> set[bytes]:
    """Folders that an interpreter took for virtual environments."""
    return {
        event.path.rpartition(b"/")[0]
        for event, _, _ in happenings
        if isinstance(event, Opened) and event.path.endswith(b"/pyvenv.cfg")
    }
