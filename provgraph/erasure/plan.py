"""What a request comes to: every version that it touches, what is done with each, why, and in which order.

What is named by a file is erased. What contains a subject and was made from nothing that does is redacted:
written again without the subject's rows, where its format is known. What was made from those is rebuilt, by
the commands that made it; redacted where they cannot be run again and its rows can be told; or erased where
somebody has said so. Contents that are gone already leave only what the graph says of them. What no program
can reach becomes a duty.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import msgspec

from provgraph.erasure.census import Unread, names_of, opened, take
from provgraph.erasure.copies import Copy, copies
from provgraph.erasure.findings import Finding, Findings, findings, still_there, touching
from provgraph.erasure.holds import Keep, keeps
from provgraph.erasure.places import places
from provgraph.erasure.rebuilding import Making, run_of
from provgraph.erasure.requests import Request
from provgraph.graph import Graph
from provgraph.model.collector import paused_collector
from provgraph.model.elements import Node
from provgraph.model.text import count
from provgraph.subjects.rules import Rule, rules
from provgraph.subjects.tables import format_of

Kind = Literal["redact", "erase", "rebuild", "keep", "by hand", "forget", "duty"]


class Line(msgspec.Struct, frozen=True):
    """One version and what is done with it. `name` is where its content lies, or lay; `version` is empty
    for a copy that nobody saw made. `way` are the names on the shortest way to it from what the request
    names; `bytes` is the size of its content; `rules` (JSON) say which rows go; `basis` is what it is kept
    for, or what has to be done by hand, or why it is not made again, or where else its content lies."""

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
    rules: str = ""
    basis: str = ""


class Rerun(msgspec.Struct, frozen=True):
    """A command that is run again. `seconds` is how long it took; `makes` is what it makes of the plan's,
    `after` are the runs of the plan that make what it reads."""

    run: str
    argv: list[str]
    cwd: str
    seconds: float
    makes: list[str]
    after: list[str] = []


class Plan(msgspec.Struct, frozen=True):
    """`lines` in the order of carrying out; `reruns` in the order of running; `blind` says what cannot
    be known; `copies` are the files of provgraph's own that hold or name what goes."""

    request: str
    lines: list[Line]
    reruns: list[Rerun]
    blind: list[str]
    copies: list[Copy] = []

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


@paused_collector()
def planned(graph: Graph, request: Request, today: date) -> Plan:
    """The plan of a request as the graph stands. The same graph gives the same plan. Raises
    `KeyMissing`, `ProjectError`, `StoreError`."""
    with opened(graph) as index:
        unread = take(graph, index).unread if request.subjects else []
        macs = [bytes.fromhex(mac) for mac in request.subjects]
        found = findings(graph, index, macs) if macs else Findings()
    asked = request.files or request.old
    named = touching(graph, request.files, request.old) if asked else Findings()
    kept = still_there(graph, request.kept) if request.kept else Findings()
    planner = _Planner(graph, today, named, found, kept, request.erase_derived)
    lines = list(planner.lines())
    blind = [*_not_read(unread), *_not_recorded(planner.making)]
    if macs and not (found.found or request.kept):
        blind.append(_NOBODY)
    return Plan(request.id, lines, planner.reruns(lines), blind, planner.copies(lines))


_NOBODY: Final = (
    "no content has the subjects any more; or the key was lost by which they were asked about, and they have "
    "to be named anew"
)


def _not_read(unread: Sequence[Unread]) -> Iterator[str]:
    for each in unread:
        yield f"{each.name} ({each.version[:9]}) could not be read for subjects: {each.reason}"


def _not_recorded(making: Making) -> Iterator[str]:
    """The runs of which not everything was seen: what else they read or wrote is not known."""
    for id, run in sorted(making.runs.items()):
        gaps = run.properties.get("gaps")
        if isinstance(gaps, tuple) and gaps:
            yield f"not all that run {id[:9]} did was seen: {'; '.join(map(str, gaps))}"


@dataclass(frozen=True)
class _Lying:
    """A content under a name: `name` is empty where the content is nowhere any more. A copy that nobody
    saw made is held against the version whose content it has."""

    finding: Finding
    name: str
    is_copy: bool = False

    @property
    def is_own(self) -> bool:
        return not self.is_copy and self.name == self.finding.version.properties.get("name")


@dataclass(frozen=True)
class _Decision:
    do: Kind
    rules: tuple[Rule, ...] = ()
    basis: str = ""


_FORGOTTEN: Final = _Decision("forget")
_GOING: Final = ("redact", "erase", "rebuild", "forget")


@dataclass
class _Planner:
    graph: Graph
    today: date
    named: Findings
    held: Findings
    kept: Findings
    erase_derived: bool

    def __post_init__(self) -> None:
        self.keeps = keeps(self.graph.project)
        self.rules = {rule.key: rule for rule in rules(self.graph.project)}
        self.found: dict[str, Finding] = {}
        for finding in (*self.named.found, *self.held.found, *self.kept.found):
            self.found.setdefault(finding.version.id, finding)
        self.making = Making(self.graph, (self.named, self.held), self.found)
        self.targets = {each.version.id for each in self.named.of("contains")}
        containing = {each.version.id for each in self.held.of("contains")}
        made = {effect for effect, _ in self.held.causes(containing)}
        self.roots = containing - made - self.targets
        self.rules_of: dict[str, list[str]] = {}
        for digest, rule in sorted(self.held.held):
            self.rules_of.setdefault(digest, []).append(rule)

    # What is done.

    def lines(self) -> Iterator[Line]:
        """What contains the data first, in the order of making; what was made last is last."""
        by_time = sorted(self.found.values(), key=_age)
        lying = list(self._lying(by_time))
        decided = self._decided([each for each in lying if each.name])
        commits = Counter(
            e.source for e in self.graph.store.edges(list(self.found), ("IN_COMMIT",))
        )
        for each in lying:
            yield self._line(each, decided.get(each.name) or self._without_content(each.finding))
        for finding in by_time:
            yield from self._duties(finding, commits[finding.version.id])

    def _lying(self, by_time: Sequence[Finding]) -> Iterator[_Lying]:
        where = places(self.graph, [each.version for each in by_time])
        for finding in by_time:
            for name in where.of.get(finding.version.id, ("",)):
                yield _Lying(finding, name)
        for name, version in sorted(where.copies.items()):
            yield _Lying(self.found[version], name, is_copy=True)

    def _without_content(self, finding: Finding) -> _Decision:
        hold = self._hold(finding.version)
        return _Decision("keep", basis=hold.in_words()) if hold else _FORGOTTEN

    def _decided(self, lying: Sequence[_Lying]) -> dict[str, _Decision]:
        """What is done with contents that are here, by name. A command is not run again if something that it
        reads stays, or is written again without rows by us: decided anew until nothing changes."""
        runs = {run_of(each.finding.version) for each in lying}
        reasons = self.making.obstacles(runs, self.roots | self.targets)
        read = self.making.read(runs - reasons.keys())
        while True:
            decided = {each.name: self._decision(each, reasons) for each in lying}
            more = self._more_obstacles(lying, decided, reasons.keys(), read)
            if not more:
                return decided
            reasons |= more

    def _more_obstacles(
        self,
        lying: Sequence[_Lying],
        decided: Mapping[str, _Decision],
        known: Collection[str],
        read: Mapping[str, Collection[str]],
    ) -> dict[str, str]:
        stays = {name for name, what in decided.items() if what.do in ("keep", "by hand")}
        redacted = {
            run_of(each.finding.version): each.name
            for each in lying
            if each.is_own and decided[each.name].do == "redact"
        }
        found = {}
        for run, versions in read.items():
            if run in known:
                continue
            names = {name for id in versions for name in names_of(self.found[id].version)}
            staying = names & stays
            if run in redacted:
                found[run] = f"its run also makes {redacted[run]}"
            elif staying:
                found[run] = f"it was made from {min(staying)}, which stays"
        return found

    def _decision(self, each: _Lying, reasons: Mapping[str, str]) -> _Decision:
        version = each.finding.version
        if hold := self._hold(version, each.name):
            return _Decision("keep", basis=hold.in_words())
        if version.id in self.targets:
            return _Decision("erase")
        if version.id in self.roots:
            return self._redaction(each, "")
        if self.erase_derived:
            return _Decision("erase")
        if not each.is_own:
            basis = f"a copy of {version.properties.get('name')}"
            return (
                self._redaction(each, basis)
                if self._rules(each)
                else _Decision("erase", basis=basis)
            )
        if reason := reasons.get(run_of(version)):
            return self._redaction(each, reason)
        return _Decision("rebuild")

    def _redaction(self, each: _Lying, reason: str) -> _Decision:
        """`reason` says why it is not made again, where it was made from the data."""
        before = f"{reason}; " if reason else ""
        if each.finding.how != "contains":
            return _Decision("by hand", basis=f"{before}make it again, or remove it")
        found = self._rules(each)
        if not found:
            basis = (
                f"{before}no rule says which rows are the subject's: write it again without them"
            )
            return _Decision("by hand", basis=basis)
        if "://" in each.name:
            basis = f"{before}it lies outside of the project: write it again without the rows"
            return _Decision("by hand", basis=basis)
        return _Decision("redact", found, reason)

    def _rules(self, each: _Lying) -> tuple[Rule, ...]:
        """The rules by which the subject was found in the content, under whatever name, if it can be
        written again under this one."""
        keys = self.rules_of.get(str(each.finding.version.properties.get("digest")), ())
        found = tuple(self.rules[key] for key in keys if key in self.rules)
        return found if format_of(each.name) else ()

    def _hold(self, version: Node, *also: str) -> Keep | None:
        if not self.keeps:
            return None
        names = (*names_of(version), *also)
        return next((keep for keep in self.keeps if keep.covers(names, self.today)), None)

    # How it is told.

    def _line(self, each: _Lying, decision: _Decision) -> Line:
        finding = each.finding
        held = finding.version.properties
        size, name = held.get("size"), str(held.get("name", ""))
        return Line(
            decision.do,
            "" if each.is_copy else finding.version.id,
            each.name or name,
            str(held.get("kind", "")),
            str(held.get("digest") or ""),
            size if isinstance(size, int) and size >= 0 else 0,
            finding.how,
            f"a copy of {name} that nobody saw made" if each.is_copy else finding.why,
            [*finding.way, each.name] if each.is_copy else list(finding.way),
            run_of(finding.version) if decision.do == "rebuild" else "",
            json.dumps([rule.model_dump() for rule in decision.rules]) if decision.rules else "",
            decision.basis,
        )

    def _duties(self, finding: Finding, commits: int) -> Iterator[Line]:
        if self._hold(finding.version) is not None:
            return
        names = names_of(finding.version)
        here = _Lying(finding, "")
        for name in names:
            if "://" in name and self.graph.path(name) is None:
                basis = f"{name} is not on this machine: remove it there"
                yield self._line(here, _Decision("duty", basis=basis))
        if commits:
            basis = f"git has it, in {count(commits, 'commit')}: rewrite the history, and that of every clone"
            yield self._line(here, _Decision("duty", basis=basis))

    def copies(self, lines: Sequence[Line]) -> list[Copy]:
        """Where our own files hold what goes and nobody keeps."""
        stays = {line.digest for line in lines if line.do in ("keep", "by hand")} | {""}
        ways = dict[str, list[str]]()
        for line in lines:
            if line.do in _GOING and line.digest not in stays:
                ways.setdefault(line.digest, line.way)
        blobs = {
            str(blob): digest
            for each in self.found.values()
            if (digest := str(each.version.properties.get("digest"))) in ways
            and (blob := each.version.properties.get("blob"))
        }
        return list(copies(self.graph.project, ways, blobs))

    def reruns(self, lines: Sequence[Line]) -> list[Rerun]:
        """The runs of what is rebuilt, each once, what they read before what they make."""
        made: dict[str, list[Line]] = {}
        for line in lines:
            if line.do == "rebuild":
                made.setdefault(line.run, []).append(line)
        ordered = self.making.order({line.name: run for run in made for line in made[run]})
        return [_rerun(self.making.runs[run], made[run], after) for run, after in ordered]


def _rerun(run: Node, lines: Sequence[Line], after: list[str]) -> Rerun:
    held: Mapping[str, object] = run.properties
    duration = held.get("duration")
    return Rerun(
        run.id,
        shlex.split(str(held["command"])),
        str(held.get("cwd") or "."),
        duration / 1e9 if isinstance(duration, int) else 0.0,
        sorted({line.name for line in lines}),
        after,
    )


def _age(finding: Finding) -> tuple[int, int, str]:
    at = finding.version.properties.get("at")
    return (at if isinstance(at, int) else 0, finding.distance, finding.version.id)
