"""`Deletion`: what goes with some rows, why, and in which order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from provgraph.model.elements import Edge, Node, Properties
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.operators.ordering import groups_in_order
from provgraph.query.operators.part import Part, given, name_of, place_of
from provgraph.query.plan import Column, Deletion, Plan, Project, SetOp, Walk

if TYPE_CHECKING:
    from provgraph.query.operators import Reader, Record

GONE: Final = ("deleted", "erased")


def deleted(plan: Deletion, reader: Reader) -> list[Record]:
    """The rows of a deletion."""
    starts = _ids(plan.source, reader)
    kept = _ids(plan.keep, reader) if plan.keep is not None else set[str]()
    part = _fetched(plan, reader)
    certain = _levels(part, starts, certainly=True)
    levels = _levels(part, starts, certainly=False)
    origins = _origins(part, starts, levels)
    effects = {id: [edge.source for edge in part.into(id, *LINEAGE_EDGES)] for id in levels}
    order = groups_in_order(effects, lambda id: place_of(part.nodes[id]))
    groups = [[id for id in group if part.nodes[id].label == "Version"] for group in order]
    rows: list[Record] = []
    for number, group in enumerate(filter(None, groups), 1):
        for node in (part.nodes[id] for id in group):
            why = why_it_goes(levels[node.id], node.id in certain)
            other = _rebuilding_run(part, node, levels)
            action, reason = action_on(node.properties, why, node.id in kept, other)
            shown = {key: node.properties.get(key) for key in ("kind", "state")}
            rows.append(
                {"order": number, "version": node.id, "name": node.properties.get("name"), **shown}
                | {"why": why, "depth": levels[node.id], "origin": name_of(origins[node.id])}
                | {"action": action, "reason": reason}
            )
    return rows


def _ids(plan: Plan, reader: Reader) -> set[str]:
    return {id for (id,) in reader.columns(Project(plan, (Column("id", "id"),)))}


def _fetched(plan: Deletion, reader: Reader) -> Part:
    """All that is reached, and of the steps that made it what they used and whose they are."""
    part = Part()
    whole = SetOp("union", plan.source, Walk(plan.source, "effect", LINEAGE_EDGES))
    reached = reader.nodes_of(whole)
    part.add(reached, reader.edges_of(given(reached), LINEAGE_EDGES))
    makers = reader.nodes_of(Walk(given(reached), "origin", ("GENERATED_BY",), max_hops=1))
    part.add(makers, reader.edges_of(given(makers), ("USED", "PART_OF")))
    part.add(reader.nodes_of(Walk(given(makers), "origin", ("PART_OF",), max_hops=1)))
    return part


def _levels(part: Part, starts: Collection[str], *, certainly: bool) -> dict[str, int]:
    """How far what is reached from the starts is, along any edges or only along those seen."""
    levels = dict.fromkeys((id for id in part.nodes if id in starts), 0)
    reached = list(levels)
    for id in reached:
        for edge in part.into(id, *LINEAGE_EDGES):
            if edge.source not in levels and not (certainly and is_inferred(edge)):
                levels[edge.source] = levels[id] + 1
                reached.append(edge.source)
    return levels


def _origins(part: Part, starts: Collection[str], levels: Mapping[str, int]) -> dict[str, Node]:
    """Of the starts that are nearest to a node, the one with the least id."""
    found: dict[str, str] = {id: id for id in levels if id in starts}
    by_level: defaultdict[int, list[str]] = defaultdict(list)
    for id, level in levels.items():
        by_level[level].append(id)
    for level in sorted(by_level)[1:]:
        for id in by_level[level]:
            causes = {edge.target for edge in part.out(id, *LINEAGE_EDGES)}
            found[id] = min(found[cause] for cause in causes if levels.get(cause) == level - 1)
    return {id: part.nodes[origin] for id, origin in found.items()}


def _rebuilding_run(part: Part, node: Node, going: Collection[str]) -> str | None:
    """The name of the run that could make it again from what stays; the least of several."""
    names = [
        name_of(part.nodes[run.target])
        for made in part.out(node.id, "GENERATED_BY")
        if any(used.target not in going for used in part.out(made.target, "USED"))
        for run in part.out(made.target, "PART_OF")
        if part.nodes[run.target].label == "Run"
        and part.nodes[run.target].properties.get("command")
    ]
    return min(names, default=None)


# What is decided, from what is known of one version.


def is_inferred(edge: Edge) -> bool:
    """Whether an edge was concluded, not seen.

    >>> is_inferred(Edge("v1", "GENERATED_BY", "s1", "", {"attributed": False}))
    True
    """
    held = edge.properties
    return held.get("inferred") is True or held.get("attributed") is False


def why_it_goes(depth: int, certain: bool) -> str:
    if depth == 0:
        return "contains"
    return "derived" if certain else "inferred"


def action_on(held: Properties, why: str, kept: bool, run: str | None) -> tuple[str, str | None]:
    """What is to be done with a version, and why where that is not plain. `run` is the name of one that
    could make it again.

    >>> action_on({"state": "present"}, "derived", False, "r12")
    ('rebuild', 'run r12 made it from other files too')
    """
    state: Any = held.get("state")
    if kept:
        return "keep", "excepted"
    if state in GONE:
        return "none", f"it is {state}"
    if run is not None and why != "contains" and state == "present":
        return "rebuild", f"run {run} made it from other files too"
    return "erase", None
