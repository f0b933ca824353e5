"""The answer to an access request: what is held about a subject, where it came from, what it went into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from provgraph.erasure.census import Progress, Unread, opened, take
from provgraph.erasure.findings import Findings, findings
from provgraph.graph import Graph
from provgraph.model.elements import Node
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.plan import Find, Identified, Walk
from provgraph.subjects import hashes

Part = Literal["held", "came from", "went into"]


@dataclass(frozen=True, slots=True)
class Line:
    part: Part
    node: Node
    how: str
    why: str


def looked_for(
    graph: Graph, subjects: Sequence[str], progress: Progress | None = None
) -> tuple[Findings, list[Unread]]:
    """What has to do with these subjects, and what could not be read for them. Raises `KeyMissing`,
    `ProjectError`, `StoreError`."""
    with opened(graph) as index:
        taken = take(graph, index, progress)
        return findings(graph, index, hashes(graph.project, subjects)), taken.unread


def reported(graph: Graph, findings: Findings) -> list[Line]:
    """What contains the subject, the versions that it was made from, and what was made from it.
    Raises `StoreError`."""
    containing = [each.version.id for each in findings.of("contains")]
    lines = [Line("held", each.version, each.how, each.why) for each in findings.of("contains")]
    lines += [
        Line("came from", node, "origin", "lineage of what is held")
        for node in _origins(graph, containing)
        if node.id not in set(containing)
    ]
    return lines + [
        Line("went into", each.version, each.how, each.why)
        for each in findings.of("derived", "unknown")
    ]


def _origins(graph: Graph, versions: list[str]) -> list[Node]:
    """The data that versions were made from: not the programs."""
    if not versions:
        return []
    walk = Walk(Find("Version", Identified(tuple(versions))), "origin", LINEAGE_EDGES)
    rows = graph.answer(walk).values
    return [
        Node(id, label, held)
        for id, label, _, held, *_ in rows
        if label == "Version" and held.get("kind") not in ("script", "source", "config")
    ]
