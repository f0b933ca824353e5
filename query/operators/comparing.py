"""`Diff`: what differs in how two sets of rows came to be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from provgraph.model.elements import Edge, Node, Value
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.operators.freshness import read_as
from provgraph.query.operators.part import given, name_of
from provgraph.query.plan import Aspect, Diff, Plan, Walk

if TYPE_CHECKING:
    from provgraph.query.operators import Reader, Record

Facts = Mapping[Aspect, Mapping[str, set[str]]]
"""What is known of each aspect, by name."""


def compared(plan: Diff, reader: Reader) -> list[Record]:
    """The rows of a diff."""
    before, after = _side(plan.source, reader), _side(plan.other, reader)
    digests = digest_of_blob(node for side in (before, after) for _, node in side.used)
    found = facts(before, digests), facts(after, digests)
    return list(differences(plan, *found, origins(before, after)))


@dataclass(slots=True)
class Side:
    """The steps that made one side, their runs and those runs' environments, and what was used of
    what those steps had not made, with the edge that says so."""

    steps: list[Node] = field(default_factory=list)
    runs: list[Node] = field(default_factory=list)
    environments: list[Node] = field(default_factory=list)
    used: list[tuple[Edge, Node]] = field(default_factory=list)


def _side(plan: Plan, reader: Reader) -> Side:
    rows = reader.nodes_of(plan)
    versions = _labelled(rows, "Version")
    lineage = reader.nodes_of(Walk(given(versions), "origin", LINEAGE_EDGES))
    own = _labelled(rows, "Run")
    steps = _labelled(
        [*rows, *lineage, *reader.nodes_of(Walk(given(own), "effect", ("PART_OF",), max_hops=1))],
        "Step",
    )
    near = given(steps)
    runs = _labelled(
        [*own, *reader.nodes_of(Walk(near, "origin", ("PART_OF",), max_hops=1))], "Run"
    )
    made = given(_labelled([*versions, *lineage], "Version"))
    edges = reader.edges_of(near, ("USED", "EXECUTED")) + reader.edges_of(made, ("DERIVED_FROM",))
    found = reader.nodes_of(Walk(near, "origin", ("USED", "EXECUTED"), max_hops=1))
    found += reader.nodes_of(Walk(made, "origin", ("DERIVED_FROM",), max_hops=1))
    used = {node.id: node for node in found}
    ids = {step.id for step in steps}
    makers = reader.edges_of(given(used.values()), ("GENERATED_BY",))
    inside = {edge.source for edge in makers if edge.target in ids}
    return Side(
        steps,
        runs,
        reader.nodes_of(Walk(given(runs), "origin", ("IN_ENVIRONMENT",), max_hops=1)),
        [(e, used[e.target]) for e in edges if is_code(e) or e.target not in inside],
    )


def _labelled(nodes: Iterable[Node], label: str) -> list[Node]:
    return list({node.id: node for node in nodes if node.label == label}.values())


# What is said of each side, from what is known of it.


def facts(side: Side, digests: Mapping[str, str]) -> Facts:
    found: dict[Aspect, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for edge, version in side.used:
        aspect: Aspect = "code" if is_code(edge) else "inputs"
        found[aspect][read_as(edge, version)].add(content(version, digests))
    for node in (*side.steps, *side.runs):
        for key, value in node.properties.items():
            if key.startswith("param.") and value is not None:
                found["parameters"][key.removeprefix("param.")].add(text(value))
            elif key.startswith("metric.") and value is not None:
                found["metrics"][key.removeprefix("metric.")].add(text(value))
    for step in side.steps:
        if command := step.properties.get("command"):
            found["command"][name_of(step)].add(text(command))
    for run in side.runs:
        if commit := run.properties.get("commit"):
            changed = " with changes" if run.properties.get("dirty") is True else ""
            found["commit"]["commit"].add(f"{text(commit)}{changed}")
    for environment in side.environments:
        for name, value in _environment(environment):
            found["environment"][name].add(value)
    return found


_ORIGIN: Final = "prop.origin."


def origins(*sides: Side) -> dict[str, str]:
    """Where parameters come from, by their names."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for run in (run for side in sides for run in side.runs):
        for key, value in run.properties.items():
            if key.startswith(_ORIGIN):
                found[key.removeprefix(_ORIGIN)].add(str(value))
    return {name: ", ".join(sorted(held)) for name, held in found.items()}


def is_code(edge: Edge) -> bool:
    return edge.type == "EXECUTED" or (
        edge.type == "USED" and edge.properties.get("role") == "code"
    )


def digest_of_blob(versions: Iterable[Node]) -> dict[str, str]:
    """The digests of what is known by its blob too; the least of several."""
    found: dict[str, str] = {}
    for version in versions:
        digest, blob = version.properties.get("digest"), version.properties.get("blob")
        if digest is not None and blob is not None:
            found[str(blob)] = min(found.get(str(blob), str(digest)), str(digest))
    return found


def content(version: Node, digests: Mapping[str, str]) -> str:
    """What tells its content from others': its digest, or else itself.

    >>> content(Node("v1", "Version", {"blob": "git:b"}), {"git:b": "blake3:d"})
    'blake3:d'
    """
    blob = version.properties.get("blob")
    digest = version.properties.get("digest") or (digests.get(str(blob), blob) if blob else None)
    return str(digest) if digest else version.id


def _environment(node: Node) -> Iterator[tuple[str, str]]:
    for key in ("python", "system", "cpu", "gpu"):
        if value := node.properties.get(key):
            yield key, text(value)
    packages = node.properties.get("packages")
    for package in packages if isinstance(packages, tuple) else ():
        name, _, version = package.partition("==")
        yield name, version or package
    variables = node.properties.get("variables")
    for variable in variables if isinstance(variables, tuple) else ():
        name, _, value = variable.partition("=")
        yield f"${name}", value


def text(value: Value) -> str:
    """
    >>> text(True), text(6.0), text(0.5), text(("a", "b"))
    ('true', '6', '0.5', 'a, b')
    """
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case tuple():
            return ", ".join(value)
        case _:
            return str(value)


def differences(
    plan: Diff, before: Facts, after: Facts, origins: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """A row a name whose values differ."""
    for aspect in plan.on:
        one, other = before.get(aspect, {}), after.get(aspect, {})
        for name in sorted(one.keys() | other.keys()):
            ours, theirs = one.get(name), other.get(name)
            if ours == theirs:
                continue
            change = "changed" if ours and theirs else "removed" if ours else "added"
            yield {
                "aspect": aspect,
                "name": name,
                "before": ", ".join(sorted(ours)) if ours else None,
                "after": ", ".join(sorted(theirs)) if theirs else None,
                "change": change,
                "origin": origins.get(name) if aspect == "parameters" else None,
            }
