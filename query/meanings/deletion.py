"""`Deletion`, naively: a walk from each start, and all reachability by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.meanings.order import turns
from provgraph.query.operators.deleting import action_on, is_inferred, why_it_goes
from provgraph.query.operators.part import name_of

if TYPE_CHECKING:
    from provgraph.query.evaluate import Evaluator


def rows(graph: Evaluator, starts: set[str], kept: set[str]) -> list[dict[str, Any]]:
    seen = {start: distances(graph, start, certainly=True) for start in starts}
    any_way = {start: distances(graph, start, certainly=False) for start in starts}
    going = {id for reached in any_way.values() for id in reached}
    turn = turns(going, lambda id: set(graph.effects(id, *LINEAGE_EDGES)) & going, graph)
    versions = [id for id in going if graph.node(id).label == "Version"]
    numbers = sorted({turn[id] for id in versions})
    found = []
    for id in sorted(versions, key=lambda id: (turn[id], *graph.place(id))):
        node = graph.node(id)
        depth = min(reached[id] for reached in any_way.values() if id in reached)
        origin = min(start for start in starts if any_way[start].get(id) == depth)
        why = why_it_goes(depth, any(id in reached for reached in seen.values()))
        action, reason = action_on(
            node.properties, why, id in kept, min(rebuilding(graph, id, going), default=None)
        )
        found.append(
            {
                "order": numbers.index(turn[id]) + 1,
                "version": id,
                "name": node.properties.get("name"),
                "kind": node.properties.get("kind"),
                "state": node.properties.get("state"),
                "why": why,
                "depth": depth,
                "origin": name_of(graph.node(origin)),
                "action": action,
                "reason": reason,
            }
        )
    return found


def distances(graph: Evaluator, start: str, *, certainly: bool) -> dict[str, int]:
    """How many edges each node is from a start, toward its effects."""
    found, level = {start: 0}, [start]
    while level:
        effects = {
            edge.source
            for id in level
            for edge in graph.edges_into(id, *LINEAGE_EDGES)
            if not (certainly and is_inferred(edge))
        }
        level = [id for id in effects if id not in found]
        found |= dict.fromkeys(level, max(found.values()) + 1)
    return found


def rebuilding(graph: Evaluator, version: str, going: set[str]) -> list[str]:
    """The names of the runs that made it from something that stays."""
    return [
        name_of(graph.node(run))
        for step in graph.causes(version, "GENERATED_BY")
        if set(graph.causes(step, "USED")) - going
        for run in graph.causes(step, "PART_OF")
        if graph.node(run).label == "Run" and graph.node(run).properties.get("command")
    ]
