"""Records -> nodes and edges, and what is left to bind: the names and uses of versions.

Nothing here depends on what a store holds. What a record points at may stand in another segment, so
its node is made here too, with its identity alone; a store merges the two.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, assert_never

import msgspec

from provgraph.model.elements import Edge, Node, Scalar, Value
from provgraph.model.identity import artifact_id, commit_id, named_id, observation_key
from provgraph.model.records import (
    Annotated,
    CommitSeen,
    Committed,
    ComponentSeen,
    Content,
    Derived,
    Done,
    EnvironmentSeen,
    Generated,
    Informed,
    Invalidated,
    Name,
    Observation,
    RunEnded,
    RunStarted,
    StepSeen,
    Used,
    When,
)
from provgraph.model.uri import split
from provgraph.model.vocabulary import LABELS, Label


class Occurrence(msgspec.Struct, frozen=True):
    """A generated version and the names it had."""

    version: str
    names: tuple[Name, ...]
    content: Content
    by: str = ""
    run: str = ""
    properties: tuple[tuple[str, Scalar], ...] = ()


class Saying(msgspec.Struct, frozen=True):
    """What `Annotated` says, without of whom."""

    at: int
    what: str
    name: str
    value: Scalar
    by: str

    def properties(self) -> dict[str, Value]:
        """As an edge keeps it."""
        said: dict[str, Value] = {
            "said": self.at,
            "name": self.name,
            "value": self.value,
            "by": self.by,
        }
        return {key: value for key, value in said.items() if value not in (None, "")}


class Reference(msgspec.Struct, frozen=True, cache_hash=True):
    """An observation of what `uri` held at a moment. `owner` is the node at the edge's other end,
    `word` the role or the manner. `of` is the version's id where the observer had looked it up."""

    owner: str
    type: str
    uri: str
    when: When
    content: Content
    word: str = ""
    of: str = ""
    saying: Saying | None = None


class Maker(NamedTuple):
    """What a version keeps of the step that made it."""

    by: str
    run: str


@dataclass(slots=True)
class Translation:
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str, str, str], Edge] = field(default_factory=dict)
    occurrences: list[Occurrence] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    components: list[ComponentSeen] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)
    """The URIs of files that commits removed."""
    steps: Mapping[str, Maker] = field(default_factory=dict)
    """Those that another part of the segment told of."""

    def node(self, id: str, label: Label, **properties: Value) -> str:
        given: dict[str, Value] = {
            key: value
            for key, value in properties.items()
            if value or isinstance(value, (int, float))  # but None, "" and ()
        }
        known = self.nodes.get(id)
        self.nodes[id] = Node(id, label, {**known.properties, **given} if known else given)
        return id

    def edge(self, source: str, type: str, target: str, key: str = "", **properties: Value) -> None:
        if properties:
            properties = {k: v for k, v in properties.items() if v != ""}
        self.edges[source, type, target, key] = Edge(source, type, target, key, properties)


def makers(records: Iterable[Observation]) -> dict[str, Maker]:
    """By step. The phases of a program share one: of a run there may be very many."""
    made: dict[str, Maker] = {}
    shared: dict[Maker, Maker] = {}
    for record in records:
        if type(record) is StepSeen:
            maker = Maker(record.script or record.program, record.run)
            made[record.step] = shared.setdefault(maker, maker)
    return made


def translate(
    records: Iterable[Observation], project: str, steps: Mapping[str, Maker] | None = None
) -> Translation:
    """What the records of one segment say, in any order of theirs. `steps` are those that stand in
    other parts of it."""
    records = list(records)
    steps = steps or {}
    named = {record.step for record in records if type(record) is Generated}
    known = {step: steps[step] for step in named if step in steps} | makers(records)
    made = Translation(steps=steps)
    for record in records:
        if type(record) is StepSeen:
            _step(record, made)
        elif type(record) is Informed:
            _informed(record, made)
        else:
            _translate(record, project, known, made)
    _measure_runs(made)
    return made


def _translate(
    record: Observation, project: str, steps: Mapping[str, Maker], made: Translation
) -> None:
    match record:
        case Used():  # what there is most of comes first
            edge = "EXECUTED" if record.role == "script" else "USED"
            _stub_step(record.step, made)
            _refer(made, record.step, edge, record.uri, record.when, record.content, record.role)
        case Generated():
            _generated(record, steps.get(record.step), made)
        case StepSeen():
            _step(record, made)
        case Informed():
            _informed(record, made)
        case RunStarted():
            _run_started(record, project, made)
        case RunEnded():
            _run_ended(record, made)
        case Derived():
            _refer(
                made,
                record.version,
                "DERIVED_FROM",
                record.uri,
                record.when,
                record.content,
                record.how,
            )
        case Invalidated():
            _stub_step(record.step, made)
            _refer(
                made,
                record.step,
                "INVALIDATED_BY",
                record.uri,
                record.when,
                record.content,
                record.how,
            )
        case CommitSeen():
            _commit(record, project, made)
        case Committed():
            _committed(record, project, made)
        case EnvironmentSeen():
            made.node(
                record.environment,
                "Environment",
                kind="environment",
                name=record.name,
                python=record.python,
                system=record.system,
                packages=tuple(record.packages),
                **{key: held for key, held in _machine(record) if held},
                **record.properties,
            )
        case Annotated():
            _annotated(record, project, made)
        case ComponentSeen():
            _component(record, project, made)
        case Done():
            pass
        case _:
            assert_never(record)


def _machine(record: EnvironmentSeen) -> Iterator[tuple[str, Value]]:
    yield from (("cpu", record.cpu), ("gpu", record.gpu), ("variables", tuple(record.variables)))


def _refer(
    made: Translation, owner: str, type: str, uri: str, when: When, content: Content, word: str
) -> None:
    made.references.append(Reference(owner, type, uri, when, content, word))


def _stub_step(step: str, made: Translation) -> None:
    if step not in made.nodes and step not in made.steps:
        made.node(step, "Step", kind="step")


def _stub_run(run: str, made: Translation) -> None:
    if run not in made.nodes:
        made.node(run, "Run", kind="run", name=run[:9])


def _stub_commit(sha: str, made: Translation) -> str:
    return made.node(commit_id(sha), "Commit", kind="commit", name=sha, sha=sha)


def _agent(name: str, email: str, project: str, made: Translation) -> str:
    id = named_id("g", project, f"{name} <{email}>")
    return made.node(id, "Agent", kind="agent", name=name or email, email=email)


def _informed(record: Informed, made: Translation) -> None:
    _stub_step(record.step, made)
    _stub_step(record.by, made)
    key = f"{record.channel} {record.name}" if record.name else record.channel
    named = {"channel": record.channel, "name": record.name}
    made.edge(record.step, "INFORMED_BY", record.by, key, **named)


def _run_started(record: RunStarted, project: str, made: Translation) -> None:
    made.node(
        record.run,
        "Run",
        kind="run",
        name=record.run[:9],
        command=shlex.join(record.argv),
        cwd=record.cwd,
        at=record.when.at,
        user=record.user,
        host=record.when.host,
        commit=record.commit,
        dirty=record.dirty,
        backend=record.backend,
    )
    if record.commit:
        made.edge(record.run, "AT_COMMIT", _stub_commit(record.commit, made), dirty=record.dirty)
    if record.agent or record.email:
        made.edge(record.run, "BY", _agent(record.agent, record.email, project, made))
    if record.environment:
        made.node(record.environment, "Environment", kind="environment")
        made.edge(record.run, "IN_ENVIRONMENT", record.environment)
    if record.parent:
        _stub_step(record.parent, made)
        made.nodes[record.run].properties["parent"] = record.parent


def _run_ended(record: RunEnded, made: Translation) -> None:
    made.node(
        record.run,
        "Run",
        kind="run",
        name=record.run[:9],
        ended=record.when.at,
        exit=record.exit,
        signal=record.signal,
        verdict=record.verdict,
        gaps=tuple(record.gaps),
        **record.properties,
    )


def _measure_runs(made: Translation) -> None:
    for node in made.nodes.values():
        if node.label == "Run":
            started, ended = node.properties.get("at"), node.properties.get("ended")
            if isinstance(started, int) and isinstance(ended, int):
                node.properties["duration"] = ended - started


def _step(record: StepSeen, made: Translation) -> None:
    ended = record.ended.at if record.ended else None
    is_part = record.kind in ("cell", "function", "block")
    made.node(
        record.step,
        "Step",
        kind="step",
        name=split(record.script)[0] if record.script and not is_part else record.program,
        command="\n".join(record.argv) if is_part else _joined(tuple(record.argv)),
        cwd=record.cwd,
        at=record.started.at,
        ended=ended,
        duration=None if ended is None else ended - record.started.at,
        exit=record.exit,
        signal=record.signal,
        program=record.program,
        script=record.script,
        pid=record.pid,
        phase=record.phase,
        run=record.run,
        how=record.kind,
        **record.properties,
    )
    _stub_run(record.run, made)
    made.edge(record.step, "PART_OF", record.run)
    if record.parent:
        _stub_step(record.parent, made)
        made.edge(record.step, "STARTED_BY", record.parent)


@lru_cache(maxsize=1024)  # the phases of one program have one command line
def _joined(argv: tuple[str, ...]) -> str:
    return shlex.join(argv)


def _generated(record: Generated, step: Maker | None, made: Translation) -> None:
    _stub_step(record.step, made)
    attributed = {} if record.attributed else {"attributed": False}
    made.edge(record.version, "GENERATED_BY", record.step, "", **attributed)
    by, run = step or ("", "")
    # A name held twice counts from its last time, so that the last name stays the last.
    names = {name.uri: name for name in sorted(record.names, key=in_time)}
    held = tuple(sorted(names.values(), key=in_time)) if len(names) > 1 else tuple(names.values())
    made.occurrences.append(
        Occurrence(record.version, held, record.content, by, run, tuple(record.properties.items()))
    )


def in_time(name: Name) -> tuple[int, int, str]:
    return (name.since.at, name.since.tick, name.uri)


def _commit(record: CommitSeen, project: str, made: Translation) -> None:
    of_one = "changes" if record.parents else "whole"
    told = record.told or (of_one if len(record.parents) < 2 else "")
    commit = made.node(
        commit_id(record.sha),
        "Commit",
        kind="commit",
        name=record.sha,
        sha=record.sha,
        at=record.committed,
        authored=record.authored,
        message=record.message,
        author=record.author,
        email=record.email,
        told=bool(told) or None,
    )
    for number, parent in enumerate(dict.fromkeys(record.parents)):
        of_the_line = number == 0 and told == "changes"
        made.edge(commit, "PARENT", _stub_commit(parent, made), first=of_the_line or "")
    made.edge(commit, "BY", _agent(record.author, record.email, project, made))


def _committed(record: Committed, project: str, made: Translation) -> None:
    commit = _stub_commit(record.sha, made)
    if record.blob:
        when, content = When(record.at), Content(blob=record.blob)
        _refer(made, commit, "IN_COMMIT", record.uri, when, content, "")
    else:
        made.removed.add(record.uri)
        made.edge(artifact_id(project, record.uri), "REMOVED_IN", commit)


def _annotated(record: Annotated, project: str, made: Translation) -> None:
    agent = _agent(record.by, record.email, project, made)
    value = "" if record.value is None else record.value
    said = Saying(record.when.at, record.what, record.name, value, record.by or record.email)
    if record.label == "Version":
        seen = record.seen or record.when
        made.references.append(
            Reference(
                agent,
                "ANNOTATED_BY",
                record.uri,
                seen,
                record.content,
                said.what,
                of=record.node,
                saying=said,
            )
        )
    elif label := next((label for label in LABELS if label == record.label), None):
        named = {"name": record.node[:9]} if label == "Run" else {}
        made.node(record.node, label, kind=label.lower(), **named)
        key = observation_key(said.what, *map(str, said.properties().values()))
        made.edge(record.node, "ANNOTATED_BY", agent, key, how=said.what, **said.properties())


def _component(record: ComponentSeen, project: str, made: Translation) -> None:
    made.components.append(record)
    component = named_id("k", project, record.name)
    made.node(component, "Component", kind="component", name=record.name)
    if record.run:
        _stub_run(record.run, made)
        made.edge(record.run, "INSTANCE_OF", component)


def artifact_node(project: str, uri: str, kind: str) -> Node:
    base, stem = split(uri)
    properties: dict[str, Value] = {"kind": kind, "name": uri, "base": base, "stem": stem}
    return Node(artifact_id(project, uri), "Artifact", properties)
