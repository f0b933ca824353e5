"""Can what was made from the data be made again without it, by the commands that made it, and in which order?

A command is run again whole, in a copy, with what lies there then. So it may not make again what has to go,
nor build on a file that it changes itself, nor read what stays although it has the data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from provgraph.erasure.census import names_of
from provgraph.erasure.findings import Finding, Findings
from provgraph.graph import Graph
from provgraph.ingest.capture.redact import HIDDEN
from provgraph.model.elements import Node
from provgraph.query.operators.ordering import groups_in_order


@dataclass(frozen=True)
class Making:
    """Which runs made what was found, and from what of it."""

    graph: Graph
    parts: Sequence[Findings]
    found: Mapping[str, Finding]

    @cached_property
    def runs(self) -> dict[str, Node]:
        ids = {run_of(each.version) for each in self.found.values()}
        return {node.id: node for node in self.graph.store.nodes(sorted(ids - {""}))}

    @cached_property
    def made(self) -> dict[str, list[Node]]:
        """By run, what of the found it made."""
        made: dict[str, list[Node]] = {}
        for each in self.found.values():
            made.setdefault(run_of(each.version), []).append(each.version)
        return made

    def acting(self, runs: Collection[str]) -> dict[str, str]:
        """The steps and the made versions of the runs, each with its run."""
        steps = {
            id: run
            for part in self.parts
            for id, step in part.steps.items()
            if (run := run_of(step)) in runs
        }
        return steps | {node.id: run for run in runs for node in self.made.get(run, ())}

    def read(self, runs: Collection[str]) -> dict[str, set[str]]:
        """By run, the versions of the found that it read and had not made."""
        read = {run: set[str]() for run in runs}
        acting = self.acting(runs)
        for effect, cause in (pair for part in self.parts for pair in part.causes(acting)):
            run = acting[effect]
            if cause in self.found and run_of(self.found[cause].version) != run:
                read[run].add(cause)
        return read

    def obstacles(self, runs: Iterable[str], going: Collection[str]) -> dict[str, str]:
        """Why those of the runs cannot be run again that cannot. `going` are the versions with which the
        data came: a run that made one of them would bring it back."""
        wanted = set(runs)
        found = {run: _cannot_run(self.runs.get(run)) for run in wanted}
        for run in wanted:
            if own := [node for node in self.made.get(run, ()) if node.id in going]:
                found[run] = found[run] or f"its run also makes {own[0].properties.get('name')}"
        for run, name in self._changed(run for run in wanted if not found[run]).items():
            found[run] = f"its run changes {name}, which was there before"
        return {run: why for run, why in found.items() if why}

    def _changed(self, runs: Iterable[str]) -> dict[str, str]:
        """By run, a file that it wrote from an earlier state of it: run again, it would do so twice."""
        of = self.acting(set(runs))
        edges = self.graph.store.edges(sorted(of), ("USED", "DERIVED_FROM"))
        causes = {
            node.id: node for node in self.graph.store.nodes(sorted({e.target for e in edges}))
        }
        changed = {}
        for edge in edges:
            run, cause = of[edge.source], causes[edge.target]
            if run_of(cause) != run:
                before = set(names_of(cause))
                own = (name for node in self.made[run] for name in names_of(node) if name in before)
                if name := min(own, default=""):
                    changed[run] = name
        return changed

    def order(self, makers: Mapping[str, str]) -> list[tuple[str, list[str]]]:
        """The runs among `makers` (by name of what they make) in the order in which they can be run
        again, each with those that come before it because it reads what they make."""
        read = self.read(set(makers.values()))
        needs = {
            run: sorted(
                {
                    makers[name]
                    for id in read[run]
                    for name in names_of(self.found[id].version)
                    if makers.get(name, run) != run
                }
            )
            for run in set(makers.values())
        }
        groups = groups_in_order(needs, lambda run: (_began(self.runs[run]), run))
        return [(run, needs[run]) for group in groups for run in group]


REDACTION: Final = "redaction"
"""The tag of the runs by which rows were taken out for an earlier request; they were told in secret which."""


def run_of(node: Node) -> str:
    return str(node.properties.get("run") or "")


def _cannot_run(run: Node | None) -> str:
    if run is None or not run.properties.get("command"):
        return "no command is known that made it"
    if run.properties.get(f"tag.{REDACTION}"):
        return "rows were taken out of it for an earlier request"
    if HIDDEN in str(run.properties["command"]):
        return "a secret was taken out of the command that made it"
    if "://" in str(run.properties.get("cwd") or ""):
        return "it was made outside of the project"
    return ""


def _began(node: Node) -> int:
    at = node.properties.get("at")
    return at if isinstance(at, int) else 0
