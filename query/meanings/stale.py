"""`Stale`, naively: what speaks against each version, until nothing more is found stale."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.model.elements import Edge, Node
from provgraph.query.meanings.order import reach
from provgraph.query.operators.aging import against, is_newer, is_row, is_stale
from provgraph.query.operators.freshness import read_as

if TYPE_CHECKING:
    from provgraph.query.evaluate import Evaluator


class Input(NamedTuple):
    user: Node
    edge: Edge
    used: Node
    current: Node


def stale(
    graph: Evaluator, rows: list[Node], age: int, until: int | None
) -> list[tuple[str, tuple[str, ...], bool]]:
    """Id, reasons, and whether the version's own inputs are among them."""
    versions = [node for node in graph.nodes() if is_row(node, until)]
    inputs = {node.id: inputs_of(graph, node, until) for node in versions}
    direct = {
        id: {
            text
            for each in found
            for text in against(each.edge, each.user, each.used, each.current, age)
        }
        for id, found in inputs.items()
    }
    old = {id for id, reasons in direct.items() if reasons}
    while more := {id for id in inputs if id not in old and further(inputs[id], id, old)}:
        old |= more
    return [
        (
            row.id,
            tuple(sorted(direct[row.id] | further(inputs[row.id], row.id, old))),
            bool(direct[row.id]),
        )
        for row in rows
        if row.id in old
    ]


def further(inputs: list[Input], id: str, old: set[str]) -> set[str]:
    """What is to be said of inputs that are still what they were, but stale. Of one version, once."""
    names: dict[str, set[str]] = {}
    for each in inputs:
        current = each.current.id
        if current in old and current != id and not is_newer(each.used, each.current):
            names.setdefault(current, set()).add(read_as(each.edge, each.used))
    return {is_stale(min(found)) for found in names.values()}


def inputs_of(graph: Evaluator, version: Node, until: int | None) -> list[Input]:
    makers = {
        step
        for made in graph.causes(version.id, "GENERATED_BY")
        if not graph.is_hidden(made, until)
        for step in {made} | reach(made, lambda step: seen(graph, step, until))
    }
    edges = graph.edges_out(version.id, "DERIVED_FROM")
    edges += [edge for step in makers for edge in graph.edges_out(step, "USED", "EXECUTED")]
    found = []
    for edge in edges:
        if graph.is_hidden(edge.target, until):
            continue
        user, used = graph.node(edge.source), graph.node(edge.target)
        current = current_of(graph, used, read_as(edge, used), until)
        if current == version or makers & set(graph.causes(current.id, "GENERATED_BY")):
            current = used
        found.append(Input(user, edge, used, current))
    return found


def seen(graph: Evaluator, step: str, until: int | None) -> set[str]:
    return {by for by in graph.causes(step, "INFORMED_BY") if not graph.is_hidden(by, until)}


def current_of(graph: Evaluator, version: Node, name: str, until: int | None) -> Node:
    """The newest version of what was called so."""
    artifacts = [
        a for a in graph.artifacts(version.id) if graph.node(a).properties.get("name") == name
    ]
    if not artifacts:
        return version
    held = set(graph.effects(min(artifacts), "VERSION_OF"))
    known = {id for id in held if graph.is_before(id, until)} | {version.id}
    return graph.node(max(known, key=graph.place))
