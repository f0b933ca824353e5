"""`Rerun`, naively: the runs behind a lineage, one at a time when all that they need is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.model.elements import Edge
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.meanings.order import turns
from provgraph.query.meanings.stale import current_of
from provgraph.query.operators.freshness import read_as
from provgraph.query.operators.part import name_of
from provgraph.query.operators.rerunning import missing_for, missing_of
from provgraph.query.plan import Rerun, Walk

if TYPE_CHECKING:
    from provgraph.query.evaluate import Evaluator


def rows(graph: Evaluator, plan: Rerun) -> list[dict[str, Any]]:
    sources = {row.node.id for row in graph.rows(plan.source)}
    stops = {row.node.id for row in graph.rows(plan.stop_at)} if plan.stop_at else set()
    walk = Walk(plan.source, "origin", LINEAGE_EDGES, stop_at=plan.stop_at)
    cone = sources | {row.node.id for row in graph.walk(walk)}
    begun = {id for id in cone - (stops - sources) if graph.node(id).label == "Step"}
    runs = {run for step in begun for run in graph.runs_of(graph.node(step))}
    parts = {part for run in runs for part in graph.effects(run, "PART_OF")}
    steps = begun | {part for part in parts if graph.node(part).label == "Step"}
    units = {step: runs & set(graph.causes(step, "PART_OF")) or {step} for step in steps}
    used = {id for step in steps for id in graph.causes(step, "USED", "EXECUTED")}
    there = cone | steps | used
    passed = there - (stops - sources - steps)

    def needs(id: str) -> set[str]:
        effects = {step for step in steps if id in units[step]} or {id} & passed
        causes = {c for e in effects for c in graph.causes(e, *LINEAGE_EDGES) if c in there}
        return {own for c in causes for own in units.get(c, {c})} - {id}

    ids = {own for id in there for own in units.get(id, {id})} | runs
    turn = turns(ids, needs, graph)
    found = {own for each in units.values() for own in each}
    numbers = sorted({turn[id] for id in found})
    return [
        {"order": numbers.index(turn[id]) + 1, **row(graph, id, units, cone)}
        for id in sorted(found, key=lambda id: (turn[id], *graph.place(id)))
    ]


def row(graph: Evaluator, id: str, units: dict[str, set[str]], cone: set[str]) -> dict[str, Any]:
    unit = graph.node(id)
    steps = [step for step, own in units.items() if id in own]
    inputs = [
        edge
        for step in steps
        for edge in graph.edges_out(step, "USED", "EXECUTED")
        if not units.keys() & set(graph.causes(edge.target, "GENERATED_BY"))
    ]
    environments = map(graph.node, graph.causes(id, "IN_ENVIRONMENT"))
    made = {version for step in steps for version in graph.effects(step, "GENERATED_BY")}
    return {
        "run": id,
        "command": unit.properties.get("command"),
        "cwd": unit.properties.get("cwd"),
        "commit": unit.properties.get("commit"),
        "environment": min(map(name_of, environments), default=None),
        "makes": tuple(sorted({name_of(graph.node(version)) for version in made & cone})),
        "inputs": tuple(sorted({read_as(edge, graph.node(edge.target)) for edge in inputs})),
        "missing": tuple(
            sorted({*missing_for(unit), *(why for edge in inputs for why in missing(graph, edge))})
        ),
    }


def missing(graph: Evaluator, edge: Edge) -> list[str]:
    version = graph.node(edge.target)
    current = current_of(graph, version, read_as(edge, version), None)
    return list(missing_of(edge, version, current, bool(graph.causes(version.id, "IN_COMMIT"))))
