"""What a request comes to: every version that it touches, what is done with each, why, and in which order.

What is named by a file is erased. What contains a subject and was made from nothing that does is redacted:
written again without the subject's rows, where its format is known. What was made from those is rebuilt, by
the commands that made it, or erased where that cannot be done and somebody has said so. Contents that are
gone already leave only what the graph says of them. What no program can reach becomes a duty.
"""

from __future__ import annotations

import hashlib
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import msgspec

from provgraph.erasure.census import Unread, content_of, names_of, opened, take
from provgraph.erasure.findings import Finding, Findings, findings, made_of_each_other, touching
from provgraph.erasure.holds import Keep, keeps
from provgraph.erasure.requests import Request
from provgraph.graph import Graph
from provgraph.ingest.capture.redact import HIDDEN
from provgraph.model.elements import Node
from provgraph.subjects.rules import Rule, covering, rules
from provgraph.subjects.tables import format_of

Kind = Literal["redact", "erase", "rebuild", "keep", "by hand", "forget", "duty"]


class Line(msgspec.Struct, frozen=True):
    """One version and what is done with it. `way` are the names on the shortest way to it from what the
    request names; `bytes` is the size of its content; `basis` is what it is kept for, or what has to be
    done by hand."""

    do: Kind
    version: str
    name: str
    kind: str
    digest: str
    bytes: int
    how: str
    why: str
    way: list[str]
    run: str = ""
    rule: str = ""
    basis: str = ""


class Rerun(msgspec.Struct, frozen=True):
    """A command that is run again. `seconds` is how long it took; `models` how many models it makes."""

    run: str
    argv: list[str]
    cwd: str
    seconds: float
    makes: list[str]


class Plan(msgspec.Struct, frozen=True):
    """`lines` in the order of carrying out; `reruns` in the order of running; `blind` says what cannot
    be known."""

    request: str
    lines: list[Line]
    reruns: list[Rerun]
    blind: list[str]

    def of(self, *kinds: Kind) -> list[Line]:
        return [line for line in self.lines if line.do in kinds]

    @property
    def hash(self) -> str:
        """SHA-256 of the plan; every version, digest and state that it stands on is in it."""
        return hashlib.sha256(encoded(self)).hexdigest()


def encoded(plan: Plan) -> bytes:
    return msgspec.json.encode(plan)


def decoded(raw: bytes) -> Plan:
    return msgspec.json.decode(raw, type=Plan)


def planned(graph: Graph, request: Request, today: date) -> Plan:
    """The plan of a request as the graph stands. The same graph gives the same plan. Raises
    `KeyMissing`, `ProjectError`, `StoreError`."""
    with opened(graph) as index:
        unread = take(graph, index).unread if request.subjects else []
        macs = [bytes.fromhex(mac) for mac in request.subjects]
        found = findings(graph, index, macs) if macs else Findings((), ())
    named = touching(graph, request.files) if request.files else Findings((), ())
    planner = _Planner(graph, today, named, found, request.erase_derived)
    lines = list(planner.lines())
    return Plan(request.id, lines, planner.reruns(lines), list(_blind(unread)))


def _blind(unread: Sequence[Unread]) -> Iterator[str]:
    for each in unread:
        yield f"{each.name} ({each.version[:9]}) could not be read for subjects: {each.reason}"


@dataclass
class _Planner:
    graph: Graph
    today: date
    named: Findings
    held: Findings
    erase_derived: bool

    def __post_init__(self) -> None:
        self.keeps = keeps(self.graph.project)
        self.rules = rules(self.graph.project)
        known: dict[str, Finding] = {}
        for finding in (*self.named.found, *self.held.found):
            known.setdefault(finding.version.id, finding)
        self.found = known
        self.names = self._names()
        self.targets = {each.version.id for each in self.named.of("contains")}
        containing = {each.version.id for each in self.held.of("contains")}
        made = made_of_each_other(self.graph, containing)
        self.roots = containing - made - self.targets
        self.runs = self._runs()
        committed = self.graph.store.edges(list(known), ("IN_COMMIT",))
        self.commits = Counter(edge.source for edge in committed)

    def _names(self) -> dict[str, str]:
        steps = sorted({id for each in self.found.values() for id in each.way})
        return {
            node.id: str(node.properties.get("name") or node.id)
            for node in self.graph.store.nodes(steps)
        }

    def _runs(self) -> dict[str, Node]:
        ids = {str(each.version.properties.get("run") or "") for each in self.found.values()}
        return {node.id: node for node in self.graph.store.nodes(sorted(ids - {""}))}

    def lines(self) -> Iterator[Line]:
        """What contains the data first, in the order of making; what was made last is last."""
        by_time = sorted(self.found.values(), key=_age)
        made = [self._line(each) for each in by_time]
        yield from made
        for finding in by_time:
            yield from self._duties(finding)

    def _line(self, finding: Finding) -> Line:
        node = finding.version
        hold = self._hold(node)
        here = content_of(self.graph, node)
        if hold is not None:
            return self._of("keep", finding, basis=hold.in_words())
        if here is None:
            return self._of("forget", finding)
        if node.id in self.targets:
            return self._of("erase", finding)
        if node.id in self.roots:
            return self._redaction(finding)
        if self.erase_derived:
            return self._of("erase", finding)
        return self._rebuilding(finding)

    def _hold(self, node: Node) -> Keep | None:
        names = names_of(node)
        return next((keep for keep in self.keeps if keep.covers(names, self.today)), None)

    def _redaction(self, finding: Finding) -> Line:
        rule = self._rule(finding.version)
        if rule is None:
            basis = "no rule says which rows are the subject's; write it again without them"
            return self._of("by hand", finding, basis=basis)
        return self._of("redact", finding, rule=rule.model_dump_json())

    def _rule(self, node: Node) -> Rule | None:
        """The rule by which its rows can be told, also if it is a copy under another name."""
        own = covering(self.rules, names_of(node))
        same = own or [
            rule
            for each in self.held.of("contains")
            if each.version.properties.get("digest") == node.properties.get("digest")
            for rule in covering(self.rules, names_of(each.version))
        ]
        readable = format_of(str(node.properties.get("name", "")))
        return same[0] if same and readable else None

    def _rebuilding(self, finding: Finding) -> Line:
        run = self.runs.get(str(finding.version.properties.get("run") or ""))
        reason = _cannot_run(run) or self._makes_its_own_cause(run)
        if reason:
            return self._of("by hand", finding, basis=f"{reason}; make it again, or remove it")
        assert run is not None
        return self._of("rebuild", finding, run=run.id)

    def _makes_its_own_cause(self, run: Node | None) -> str:
        """A run that also makes what is redacted would bring the rows back."""
        first = self.roots | self.targets
        made = [
            each
            for id, each in self.found.items()
            if id in first and run is not None and each.version.properties.get("run") == run.id
        ]
        return f"its run also makes {made[0].version.properties.get('name')}" if made else ""

    def _of(
        self, do: Kind, finding: Finding, *, run: str = "", rule: str = "", basis: str = ""
    ) -> Line:
        held = finding.version.properties
        size = held.get("size")
        return Line(
            do,
            finding.version.id,
            str(held.get("name", "")),
            str(held.get("kind", "")),
            str(held.get("digest") or ""),
            size if isinstance(size, int) and size >= 0 else 0,
            finding.how,
            finding.why,
            [self.names.get(id, id) for id in finding.way],
            run,
            rule,
            basis,
        )

    def _duties(self, finding: Finding) -> Iterator[Line]:
        node = finding.version
        if self._hold(node) is not None:
            return
        for name in names_of(node):
            if "://" in name and self.graph.path(name) is None:
                yield self._of(
                    "duty", finding, basis=f"{name} is not on this machine: remove it there"
                )
        commits = self.graph.store.edges([node.id], ("IN_COMMIT",))
        if commits:
            basis = (
                f"{len(commits)} commits have it: rewrite the git history, and that of every clone"
            )
            yield self._of("duty", finding, basis=basis)

    def reruns(self, lines: Sequence[Line]) -> list[Rerun]:
        """The runs of what is rebuilt, each once, in the order in which they began."""
        made: dict[str, list[Line]] = {}
        for line in lines:
            if line.do == "rebuild":
                made.setdefault(line.run, []).append(line)
        ordered = sorted(made, key=lambda id: (_time(self.runs[id]), id))
        return [_rerun(self.runs[id], made[id]) for id in ordered]


def _rerun(run: Node, lines: Sequence[Line]) -> Rerun:
    held: Mapping[str, object] = run.properties
    duration = held.get("duration")
    return Rerun(
        run.id,
        shlex.split(str(held["command"])),
        str(held.get("cwd") or "."),
        duration / 1e9 if isinstance(duration, int) else 0.0,
        sorted({line.name for line in lines}),
    )


def _cannot_run(run: Node | None) -> str:
    if run is None or not run.properties.get("command"):
        return "no command is known that made it"
    if HIDDEN in str(run.properties["command"]):
        return "a secret was taken out of the command that made it"
    if "://" in str(run.properties.get("cwd") or ""):
        return "it was made outside of the project"
    return ""


def _age(finding: Finding) -> tuple[int, int, str]:
    return (_time(finding.version), len(finding.way), finding.version.id)


def _time(node: Node) -> int:
    at = node.properties.get("at")
    return at if isinstance(at, int) else 0
