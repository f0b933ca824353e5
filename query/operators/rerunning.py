"""`Rerun`: which runs would make some rows again, in which order, and what is missing to do so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from provgraph.model.elements import Edge, Node
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.operators.deleting import GONE
from provgraph.query.operators.freshness import differs, fetch_histories, newest, read_as
from provgraph.query.operators.ordering import groups_in_order
from provgraph.query.operators.part import Part, given, name_of, place_of
from provgraph.query.plan import Column, Project, Rerun, Walk

if TYPE_CHECKING:
    from provgraph.query.operators import Reader, Record


def planned(plan: Rerun, reader: Reader) -> list[Record]:
    """The rows of a rerun plan."""
    part = Part()
    sources = reader.nodes_of(plan.source)
    reached = reader.nodes_of(Walk(plan.source, "origin", LINEAGE_EDGES, stop_at=plan.stop_at))
    cone = {node.id: node for node in (*sources, *reached)}
    kept = _kept(plan, reader) - {node.id for node in sources}
    steps = [node for node in cone.values() if node.label == "Step" and node.id not in kept]
    runs = _runs(steps, reader)
    steps += _steps(runs, reader)
    units = _units(steps, runs, reader)
    used = reader.nodes_of(Walk(given(steps), "origin", ("USED", "EXECUTED"), max_hops=1))
    part.add((*cone.values(), *runs, *steps, *used))
    kept -= units.keys()
    fixed = given(part.nodes.values())
    part.add((), reader.edges_of(fixed, LINEAGE_EDGES))
    part.add((), reader.edges_of(given(used), ("IN_COMMIT",)))
    known = set(part.nodes)
    needs = _needs(part, units, known, kept)
    environments = _environments(runs, reader)
    fetch_histories(part, used, reader)
    order = groups_in_order(needs, lambda id: place_of(part.nodes[id]))
    ours = {unit for own in units.values() for unit in own}
    groups = [[id for id in group if id in ours] for group in order]
    return [
        {"order": number, **_row(part, part.nodes[unit], units, cone.keys(), environments)}
        for number, group in enumerate(filter(None, groups), 1)
        for unit in group
    ]


def _kept(plan: Rerun, reader: Reader) -> set[str]:
    if plan.stop_at is None:
        return set()
    return {id for (id,) in reader.columns(Project(plan.stop_at, (Column("id", "id"),)))}


def _runs(steps: Iterable[Node], reader: Reader) -> list[Node]:
    found = reader.nodes_of(Walk(given(steps), "origin", ("PART_OF",), max_hops=1))
    return [node for node in found if node.label == "Run"]


def _steps(runs: Iterable[Node], reader: Reader) -> list[Node]:
    found = reader.nodes_of(Walk(given(runs), "effect", ("PART_OF",), max_hops=1))
    return [node for node in found if node.label == "Step"]


def _units(steps: Iterable[Node], runs: Iterable[Node], reader: Reader) -> dict[str, set[str]]:
    """What is run again for each step: its runs, or itself where none is known."""
    ids = {run.id for run in runs}
    units: dict[str, set[str]] = {step.id: set() for step in steps}
    for edge in reader.edges_of(given(steps), ("PART_OF",)):
        if edge.target in ids:
            units[edge.source].add(edge.target)
    return {step: own or {step} for step, own in units.items()}


def _environments(runs: Iterable[Node], reader: Reader) -> dict[str, str]:
    """The name of each run's environment; the least of several."""
    found = reader.nodes_of(Walk(given(runs), "origin", ("IN_ENVIRONMENT",), max_hops=1))
    names = {node.id: name_of(node) for node in found}
    held: dict[str, str] = {}
    for edge in reader.edges_of(given(runs), ("IN_ENVIRONMENT",)):
        name = names[edge.target]
        held[edge.source] = min(held.get(edge.source, name), name)
    return held


def _needs(
    part: Part, units: dict[str, set[str]], known: set[str], kept: set[str]
) -> dict[str, set[str]]:
    """What each unit and each version needs, every step standing for its units; what is kept needs
    nothing."""
    needs: defaultdict[str, set[str]] = defaultdict(set)
    for id in known:
        for own in units.get(id, {id}):
            needs[own] |= set()
    for edge in list(part.edges.values()):
        if edge.type in LINEAGE_EDGES and edge.target in known and edge.source not in kept:
            for own in units.get(edge.source, {edge.source}):
                needs[own] |= units.get(edge.target, {edge.target}) - {own}
    return needs


def _row(
    part: Part,
    unit: Node,
    units: dict[str, set[str]],
    cone: Iterable[str],
    environments: dict[str, str],
) -> Record:
    steps = [step for step, own in units.items() if unit.id in own]
    made = {edge.source for step in steps for edge in part.into(step, "GENERATED_BY")}
    inputs = list(_inputs(part, steps, units))
    missing = [
        text for edge, version in inputs for text in missing_of(edge, version, *_now(part, edge))
    ]
    held = unit.properties
    return {
        "run": unit.id,
        **{key: held.get(key) for key in ("command", "cwd", "commit")},
        "environment": environments.get(unit.id),
        "makes": tuple(sorted({name_of(part.nodes[id]) for id in made & set(cone)})),
        "inputs": tuple(sorted({read_as(edge, version) for edge, version in inputs})),
        "missing": tuple(sorted({*missing_for(unit), *missing})),
    }


def _inputs(
    part: Part, steps: Iterable[str], units: dict[str, set[str]]
) -> Iterator[tuple[Edge, Node]]:
    """What steps read that none of those that are run again makes."""
    for step in steps:
        for edge in part.out(step, "USED", "EXECUTED"):
            made = {maker.target for maker in part.out(edge.target, "GENERATED_BY")}
            if not made & units.keys():
                yield edge, part.nodes[edge.target]


def _now(part: Part, edge: Edge) -> tuple[Node, bool]:
    """What the name of what was read holds now, and whether a commit holds what was read."""
    version = part.nodes[edge.target]
    committed = any(part.out(version.id, "IN_COMMIT"))
    return newest(part, version, read_as(edge, version)), committed


# What is decided, from what is known of one run or input.


def missing_for(unit: Node) -> Iterator[str]:
    """Why a run may not come out as it did.

    >>> list(missing_for(Node("r1", "Run", {"command": "make", "ended": 5, "exit": 2})))
    ['it failed with 2']
    """
    held = unit.properties
    if unit.label != "Run":
        yield "its run is not known"
    if not held.get("command"):
        yield "its command is not known"
    if held.get("dirty") is True:
        yield "the work tree had changes that are in no commit"
    if held.get("signal"):
        yield f"it was ended by {held['signal']}"
    elif held.get("exit"):
        yield f"it failed with {held['exit']}"
    elif held.get("ended") is None:
        yield "its end was not recorded"
    gaps = held.get("gaps")
    for gap in gaps if isinstance(gaps, tuple) else ():
        yield f"not all of it was seen: {gap}"


def missing_of(edge: Edge, version: Node, current: Node, committed: bool) -> Iterator[str]:
    """Why an input may not be there any more as it was; what is in a commit can be had again."""
    name, state = read_as(edge, version), current.properties.get("state")
    if committed:
        return
    if state in GONE:
        yield f"{name} is {state}"
    elif differs(version, current):
        yield f"{name} has been replaced"
    elif version.properties.get("state") == "unknown":
        yield f"what {name} held is not known"
