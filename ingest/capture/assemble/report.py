"""Phases, actions and informs -> the journal's records, without what says nothing.

Noise, excluded names and temporary files of one process alone are left out here, and so are programs
that nothing connects (`date`, `true`): an execution is kept if a record needs it, or if it started one
that is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from operator import attrgetter
from typing import Any, Final

import msgspec

from provgraph.ingest.capture.assemble.calls import calls, informs, with_surroundings
from provgraph.ingest.capture.assemble.connections import STREAMS, Connections
from provgraph.ingest.capture.assemble.context import Context
from provgraph.ingest.capture.assemble.files import Traffic
from provgraph.ingest.capture.assemble.memory import through_memory
from provgraph.ingest.capture.assemble.phases import (
    Course,
    Phase,
    Phases,
    Sent,
    phase_at,
    phases,
)
from provgraph.ingest.capture.assemble.pipes import Inform, Talk, talk
from provgraph.ingest.capture.assemble.processes import Execution, Story, ancestors
from provgraph.ingest.capture.assemble.programs import Programs
from provgraph.ingest.capture.assemble.rounds import in_rounds
from provgraph.ingest.capture.assemble.states import (
    GONE,
    Action,
    Read,
    Removal,
    Source,
    Version,
)
from provgraph.ingest.capture.noise import Noise, is_temporary
from provgraph.ingest.capture.redact import argv as redacted
from provgraph.model.elements import Scalar
from provgraph.model.identity import generated_version_id, step_id
from provgraph.model.records import (
    Content,
    Derived,
    Generated,
    Informed,
    Invalidated,
    Name,
    Record,
    Stat,
    StepSeen,
    Used,
    When,
)
from provgraph.model.uri import text_of, uri_of

Fork = tuple[Execution, Execution, int]
_NONE: Final[dict[str, Scalar]] = {}
"""The properties of most phases: one object for all."""


class Report:
    """What is recorded of a run."""

    def __init__(
        self,
        story: Story,
        seen: Traffic,
        programs: Programs,
        noise: Noise,
        context: Context,
        connections: Connections,
    ) -> None:
        self.story, self.programs, self.noise, self.context = story, programs, noise, context
        self.passed, self.connections = seen.passed, connections
        self.said_by_files, self.flows_by_files = seen.informs, seen.flows
        self.recorded: dict[bytes, bool] = {}
        self.actions = actions = seen.actions
        actions.keep(self.matters)
        programs.find_scripts(story, actions)
        self.doers: dict[Execution, None] = {}  # in the order of what they did first
        self.makers: set[Execution] = set()
        takers: set[Execution] = set()
        for action in actions:
            by = action.by
            self.doers[by] = None
            if type(action) is Version:
                self.makers.add(by)
            elif type(action) is Read:
                takers.add(by)
        self.readers = with_surroundings(takers)
        self.active = with_surroundings(self.doers)
        self.calls = set(calls(story))
        self.uris: dict[bytes, str] = {}
        self.step_ids: dict[tuple[Execution, int], str] = {}
        self.contents: dict[tuple[bytes, Stat | None], Content] = {}
        self.moment = context.when(-1)

    # What matters

    def matters(self, action: Action, passing: bool) -> bool:
        """`passing`: its file came and went with one process."""
        if passing and self.is_outside(action):
            return False
        if type(action) is not Version:
            return self.is_recorded(action.path)
        if len(action.names) != 1:
            return any(self.is_recorded(name) for name, _ in action.names)
        return self.is_recorded(action.names[0][0])

    def is_recorded(self, path: bytes) -> bool:
        known = self.recorded.get(path)
        if known is None:
            _limit(self.recorded)
            known = self.recorded[path] = (
                path != b""  # longer than the kernel can say: the verdict names it
                and (path in self.passed or self.noise.fold(path) is None)
                and not path.endswith(GONE)
                and not self.context.exclude(path)
            )
        return known

    def is_outside(self, action: Action) -> bool:
        paths = [name for name, _ in action.names] if isinstance(action, Version) else [action.path]
        inside = self.context.root.rstrip(b"/") + b"/"
        return all(is_temporary(path) and not path.startswith(inside) for path in paths)

    # Who told whom

    @cached_property
    def talk(self) -> Talk:
        """What reached somebody who made something of it, or comes from somebody who read something.
        The rest (`cd "$(dirname "$0")"`) tells nothing."""
        connected = self.connections.inodes
        made = talk(
            self.story,
            self.active.__contains__,
            self.programs.lends,
            self.programs.is_shell,
            self.acted,
            connected,
        )
        made.informs += informs(self.story)
        made.informs += self.said_by_files
        made.flows += self.flows_by_files
        made.flows += self.connections.flows()
        made.flows += through_memory(self.story, self.connections.last)
        relevant = self.relevant(made)
        made.informs = [inform for inform in made.informs if {inform.reader, inform.by} <= relevant]
        made.told = [told for told in made.told if {told.reader, told.by} <= relevant]
        made.flows = [flow for flow in made.flows if {flow.reader, flow.by} <= relevant]
        for joint in made.joints:
            joint.readers = [end for end in joint.readers if end in relevant]
            joint.writers = [end for end in joint.writers if end in relevant]
        made.joints = [joint for joint in made.joints if joint.readers and joint.writers]
        return made

    def acted(self, by: Execution) -> list[int]:
        """When it read or made something, in order of time."""
        done = self.actions.of(by)
        return sorted(action.tick for action in done if isinstance(action, Read | Version))

    def relevant(self, said: Talk) -> set[Execution]:
        """The executions that have records of their own, and those that told the makers of versions
        something, directly or not."""
        sources: defaultdict[Execution, list[Execution]] = defaultdict(list)
        for inform in (*said.informs, *said.told, *said.flows):
            sources[inform.reader].append(inform.by)
        for stretch, parent, _ in self.forks_among(self.active | said.ends):
            sources[stretch].append(parent)
        for joint in said.joints:
            hub, *others = joint.readers
            sources[hub] += joint.writers
            for reader in others:
                sources[reader].append(hub)
        found, waiting = set(self.makers), list(self.makers)
        while waiting:
            for source in sources[waiting.pop()]:
                if source not in found:
                    found.add(source)
                    waiting.append(source)
        return found | self.active | self.calls

    @cached_property
    def forks(self) -> list[Fork]:
        return self.forks_among(self.active | self.talk.ends)

    def forks_among(self, steps: set[Execution]) -> list[Fork]:
        """Stretches that are steps, the execution whose past they share, and since when."""
        found = []
        for process in self.story.processes:
            stretch = process.executions[0]
            if not stretch.stretch or stretch not in steps:
                continue
            parent, tick = process.parent, process.started
            while parent is not None and parent.stretch and parent not in steps:
                tick = parent.process.started
                parent = parent.process.parent
            if parent is not None:
                found.append((stretch, parent, tick))
        return found

    # Phases

    @cached_property
    def phases(self) -> dict[Execution, Phases]:
        courses = {by: Course(by, self.actions.of(by)) for by in self.doers}

        def course(by: Execution) -> Course:
            return courses.setdefault(by, Course(by))

        for _, parent, tick in self.forks:
            course(parent).sent.append(Sent(tick))
        alone, told, flows = self.connections.among(self.talk)
        for inform in alone:
            course(inform.reader).heard.append(inform)
            if not inform.held or inform.until is not None:
                course(inform.by)
            if inform.until is not None:
                course(inform.by).sent += Sent(inform.tick), Sent(inform.until, inform.reader)
        spoken = {(inform.by, inform.end): None for inform in told}
        for inform in told:
            course(inform.reader).heard.append(inform)
        for by, until in spoken:
            course(by).sent.append(Sent(until))
        for flow in list(in_rounds(flows, course, self.actions.of)):
            course(flow.reader).heard.append(flow)
            course(flow.by).sent.append(Sent(flow.end))
        for execution in self.talk.ends | self.calls:
            course(execution)
        return {by: phases(course) for by, course in courses.items()}

    # Steps

    @cached_property
    def steps(self) -> dict[Execution, Phases]:
        """The executions that are recorded: those with an edge, those that started them or a run, the root."""
        kept = dict(self.phases)
        processes, runners = self.story.processes, self.context.runners
        waiting = [*kept, *(p.program for p in processes if p.images and p.pid in runners)]
        if not any(execution.process is processes[0] for execution in waiting):
            waiting.append(processes[0].program)
        while waiting:
            execution = waiting.pop()
            kept.setdefault(execution, Phases([Phase(execution, 0, execution.started)]))
            starter = self.starter(execution)
            if starter is not None and starter not in kept:
                waiting.append(starter)
        return kept

    def starter(self, execution: Execution) -> Execution | None:
        """What started it: an earlier program of its process only if that did something itself."""
        for above in ancestors(execution):
            if above in self.phases or (
                (above.process is not execution.process or above is execution.within)
                and not above.stretch
            ):
                return above
        return None

    def step_of(self, phase: Phase) -> str:
        by = phase.by
        step = self.step_ids.get((by, phase.number))
        if step is None:
            _limit(self.step_ids)
            context, process = self.context, by.process
            step = self.step_ids[by, phase.number] = step_id(
                context.run, context.boot, process.pid, process.started, by.number, phase.number
            )
        return step

    def step_at(self, execution: Execution, tick: int) -> str:
        return self.step_of(phase_at(self.steps[execution], tick))

    # Names and contents

    def uri(self, path: bytes) -> str:
        uri = self.uris.get(path)
        if uri is None:
            _limit(self.uris)
            beyond = path.startswith(STREAMS)
            uri = text_of(path) if beyond else uri_of(path, self.context.root, self.context.host)
            self.uris[path] = uri
        return uri

    def content(self, path: bytes, stat: Stat | None, tick: int) -> Content:
        if path.startswith(STREAMS):
            return Content()
        content = self.contents.get((path, stat))
        if content is None:
            _limit(self.contents)
            content = self.context.content(path, stat, tick)
            if stat is not None and content.stat is None:
                size = content.size if content.size >= 0 else stat.size
                content = msgspec.structs.replace(content, stat=stat, size=size)
            self.contents[path, stat] = content
        return content

    def content_of(self, version: Version) -> Content:
        """Looked for where it was made, then where it went: only the stat knows whether it is it."""
        content = self.content(version.path, version.stat, version.tick)
        if version.moved is not None:
            path, tick = version.names[-1]
            if not content.digest:
                content = self.content(path, version.moved, tick)
            if content.stat != version.moved:
                content = msgspec.structs.replace(content, stat=version.moved)
        if not content.digest and (moved := _moved_from(version)) is not None:
            found = self.content(moved.path, moved.stat, moved.tick)
            content = msgspec.structs.replace(content, digest=found.digest)
        return content

    def when(self, tick: int) -> When:
        """One object for a moment that is asked for again at once, as a phase's end and the next one's start."""
        if tick != self.moment.tick:
            self.moment = self.context.when(tick)
        return self.moment

    # Records

    def records(self) -> Iterator[Record]:
        if self.story.processes:
            yield from self.step_records()
            yield from self.joint_records()
            yield from self.edge_records()

    def step_records(self) -> Iterator[Record]:
        for execution in sorted(self.steps, key=_in_order):
            yield from self.steps_seen(execution, self.steps[execution])

    def steps_seen(self, execution: Execution, stretches: Phases) -> Iterator[StepSeen]:
        context, process = self.context, execution.process
        starter = self.starter(execution)
        parent = self.step_at(starter, execution.started) if starter else context.parent
        program, call = self.programs.of(execution).name, execution.call
        script = self.uri(path) if (path := self.programs.script(execution)) else ""
        kind, status = "fork" if execution.stretch else "process", process.exit
        if call is not None:
            program, script, argv, kind = call.name, script or call.plan, [call.text], call.kind
            status = int(bool(execution.left.error)) if execution.left else None
        else:
            argv = redacted([text_of(word) for word in self.programs.argv(execution)])
            if execution is not process.program:
                status = None
        cwd, last = self.place(execution.cwd), len(stretches) - 1
        error: dict[str, Scalar] = {}
        if execution.left and execution.left.error:
            error["prop.error"] = execution.left.error
        for ordinal, phase in enumerate(stretches):
            ended = execution.ended if ordinal == last else stretches[ordinal + 1].started
            properties = self.programs.properties(execution) if ordinal == 0 else _NONE
            yield StepSeen(
                step=self.step_of(phase),
                run=context.run,
                argv=argv,
                cwd=cwd,
                started=self.when(phase.started),
                ended=None if ended is None else self.when(ended),
                program=program,
                script=script,
                pid=process.pid,
                phase=ordinal,
                parent=parent,
                exit=status if ordinal == last else None,
                kind=kind,
                properties={**properties, **error} if ordinal == last else properties,
            )

    def place(self, folder: bytes) -> str:
        uri = self.uri(folder)
        return text_of(folder) if uri.startswith("file://") else uri

    def joint_records(self) -> Iterator[Record]:
        context = self.context
        for joint in self.talk.joints:
            step = step_id(context.run, context.boot, 0, joint.inode, 0)
            started = context.when(joint.tick)
            yield StepSeen(step, context.run, [], ".", started, program="pipe", kind="pipe")
            for writer in sorted(joint.writers, key=_in_order):
                yield Informed(step, self.step_of(self.steps[writer][-1]), "pipe", started)
            for reader in sorted(joint.readers, key=_in_order):
                yield Informed(self.step_of(self.steps[reader][0]), step, "pipe", started)

    def edge_records(self) -> Iterator[Record]:
        for stretch, parent, tick in self.forks:
            yield Informed(
                self.step_of(self.steps[stretch][0]),
                self.step_at(parent, tick),
                "fork",
                self.context.when(tick),
            )
        for execution in sorted(self.steps, key=_in_order):
            first = before = ""
            actions = iter(self.actions.of(execution))
            for phase in self.steps[execution]:
                step = self.step_of(phase)
                if before:
                    yield Informed(step, before, "continuation", self.when(phase.started))
                first, before = first or step, step
                if phase.heard or phase.by.call is not None:
                    yield from self.said_to(phase, step)
                for action in _by_tick(islice(actions, phase.count)):
                    if type(action) is Read:
                        yield self.used(action, step)
                    elif type(action) is Version:
                        yield from self.generated(action, step, first)
                    elif type(action) is Removal:
                        yield self.invalidated(action, step)

    def said_to(self, phase: Phase, step: str) -> Iterator[Record]:
        context = self.context
        call = phase.by.call
        if call is not None and call.plan and phase.number == 0:
            yield Used(step, call.plan, context.when(phase.started), call.content, "script")
        told = {self.told(inform): inform for inform in phase.heard or ()}
        for (by, channel, name), inform in told.items():
            if by != step:
                yield Informed(step, by, channel, context.when(inform.tick), name)

    def used(self, read: Read, step: str) -> Used:
        path, tick = read.path, read.tick
        content = self.content(path, read.stat, tick)
        role = self.programs.role(read.by, path, read.compiled)
        # What came over a connection was told by its end, and is then what the other end tells.
        if heard := self.connections.heard_by:
            tick = heard.get((read.by, path), tick)
        return Used(step, self.uri(path), self.when(tick), content, role)

    def invalidated(self, removal: Removal, step: str) -> Invalidated:
        when = self.context.when(removal.tick)
        held = self.held(removal)
        return Invalidated(step, self.uri(removal.path), when, held, removal.how)

    def told(self, inform: Inform) -> tuple[str, str, str]:
        spoken = self.steps[inform.by]
        phase = spoken[-1] if inform.until is None else phase_at(spoken, inform.until)
        return self.step_of(phase), inform.channel, inform.name

    def generated(self, version: Version, step: str, first: str) -> Iterator[Record]:
        """`first` is the step of its execution's first phase."""
        if len(version.names) == 1:  # it would not matter if that was not recorded
            ((path, tick),) = version.names
            names = [Name(self.uri(path), self.when(tick))]
        else:
            names = [
                Name(self.uri(path), self.when(tick))
                for path, tick in version.names
                if self.is_recorded(path)
            ]
        nth = self.actions.count(version.by, names[0].uri)
        made = generated_version_id(first, names[0].uri, nth)
        content = self.content_of(version)
        yield Generated(step, made, names, content)
        if version.by.process.pid in self.context.runners:
            # It only held the file open; its program, which has a run of its own, wrote what it was left with.
            before = self.context.when(version.tick - 1)
            yield Derived(made, names[0].uri, before, content, "copy")
        for source in version.sources:
            if self.is_recorded(source.path):
                yield Derived(
                    made,
                    self.uri(source.path),
                    self.when(source.tick),
                    self.source_content(source),
                    source.how,
                )

    def source_content(self, source: Source) -> Content:
        if source.version is not None:
            return self.content_of(source.version)
        return self.content(source.path, source.stat, source.tick)

    def held(self, removal: Removal) -> Content:
        if removal.version is not None:
            return self.content_of(removal.version)
        if removal.stat is None:
            return Content()
        return self.content(removal.path, removal.stat, removal.tick)


def _moved_from(version: Version) -> Version | None:
    """What it was before it was renamed, once or more: it has the same bytes."""
    first = version
    while first.sources and first.sources[0].how == "rename":
        before = first.sources[0].version
        if before is None or before.stat is None or first.stat is None:
            return None
        if before.stat.size != first.stat.size:
            return None
        first = before
    return None if first is version else first


_MANY: Final = 50_000


def _limit(known: dict[Any, Any]) -> None:
    """What is remembered to save time is forgotten where it has become very much."""
    if len(known) >= _MANY:
        known.clear()


def _by_tick(actions: Iterable[Action]) -> Iterator[Action]:
    """Those of a phase, of which only what was renamed stands before its time."""
    early: list[Action] = []
    for action in actions:
        if type(action) is Version and action.renamed is not None:
            early.append(action)
            early.sort(key=attrgetter("tick"))
            continue
        while early and early[0].tick < action.tick:
            yield early.pop(0)
        yield action
    yield from early


def _in_order(execution: Execution) -> tuple[int, int, int, int, int]:
    process = execution.process
    return process.started, process.pid, execution.place, execution.started, execution.number
