"""`Diff`, naively: each side's steps one by one, and what each of them used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.query.operators.comparing import (
    Side,
    differences,
    digest_of_blob,
    facts,
    is_code,
    origins,
)
from provgraph.query.plan import Diff

if TYPE_CHECKING:
    from provgraph.query.evaluate import Evaluator


def rows(graph: Evaluator, plan: Diff) -> list[dict[str, Any]]:
    before = side(graph, {row.node.id for row in graph.rows(plan.source)})
    after = side(graph, {row.node.id for row in graph.rows(plan.other)})
    digests = digest_of_blob(version for each in (before, after) for _, version in each.used)
    found = facts(before, digests), facts(after, digests)
    return list(differences(plan, *found, origins(before, after)))


def side(graph: Evaluator, ids: set[str]) -> Side:
    there = set(ids)
    for id in ids:
        if graph.node(id).label == "Version":
            there |= set(graph.lineage(id))
        elif graph.node(id).label == "Run":
            there |= {s for s in graph.effects(id, "PART_OF") if graph.node(s).label == "Step"}
    steps = {id for id in there if graph.node(id).label == "Step"}
    versions = {id for id in there if graph.node(id).label == "Version"}
    runs = {id for id in ids if graph.node(id).label == "Run"}
    runs |= {run for step in steps for run in graph.runs_of(graph.node(step))}
    edges = [edge for step in steps for edge in graph.edges_out(step, "USED", "EXECUTED")]
    edges += [edge for version in versions for edge in graph.edges_out(version, "DERIVED_FROM")]
    return Side(
        [graph.node(id) for id in steps],
        [graph.node(id) for id in runs],
        [graph.node(e) for e in {e for run in runs for e in graph.causes(run, "IN_ENVIRONMENT")}],
        [
            (edge, graph.node(edge.target))
            for edge in edges
            if is_code(edge) or not steps & set(graph.causes(edge.target, "GENERATED_BY"))
        ],
    )
