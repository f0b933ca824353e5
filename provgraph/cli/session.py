"""What every asking command does first: find the project, bring the journal in, resolve a name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from provgraph.cli.output import Command, note
from provgraph.cli.text import count
from provgraph.errors import AmbiguousName, NotFound
from provgraph.graph import Graph, not_found
from provgraph.model.elements import Node
from provgraph.model.vocabulary import LABELS
from provgraph.query.plan import (
    Column,
    Digested,
    Every,
    Exactly,
    Find,
    Latest,
    Name,
    Named,
    Plan,
    Project,
    Versions,
    Which,
)


def store_option(command: Command) -> Command:
    """`--store`, the same on every command that asks."""
    option = click.option(
        "--store",
        metavar="URI",
        expose_value=False,
        callback=_choose_store,
        help="Ask this store: neo4j://host:7687, or `embedded`.",
    )
    return option(command)


def _choose_store(context: click.Context, option: click.Parameter, uri: str | None) -> None:
    if uri:
        os.environ["PROVGRAPH_STORE"] = uri


class Moment(click.ParamType):  # type: ignore[type-arg]
    """A date or a time as the language writes it: nanoseconds UTC, the last of it."""

    name = "date"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> int:
        from provgraph.query.values import moment

        try:
            return value if isinstance(value, int) else moment(value).last
        except ValueError as error:
            self.fail(str(error), param, context)


@contextmanager
def opened(recorded: int | None = None) -> Iterator[Graph]:
    """The graph around the working directory, brought up to date, or as it had been recorded by a
    moment; problems are said, not raised."""
    with Graph.open() as graph:
        report = graph.catch_up()
        if graph.store.warning:
            note(graph.store.warning)
        for problem in report.problems:
            note(problem)
        if report.pending:
            behind = count(report.pending, "segment")
            note(f"{behind} of the journal not applied yet; the answer is from what was")
        if recorded is None:
            yield graph
            return
    from provgraph.recorded import RecordedGraph

    with RecordedGraph(graph.project, recorded) as then:
        yield then


def nodes(graph: Graph, plan: Plan) -> list[Node]:
    """The rows of a plan as nodes, in its order."""
    rows = graph.answer(plan)
    return [Node(id, label, properties) for id, label, _, properties, *_ in rows.values]


def ids(graph: Graph, plan: Plan) -> list[str]:
    return [id for (id,) in graph.answer(Project(plan, (Column("id", "id"),))).values]


def versions_called(graph: Graph, name: str, which: Which) -> list[Node]:
    """The versions that a person means by `name`: a path's from here; else a name's or its last
    part's; else, if there is such a file on disk, those with its content.

    Raises `NotFound`, and `AmbiguousName` where files of several names answer.
    """
    exact = Exactly(graph.uri(name))
    found = _versions(graph, exact, which)
    if not found:
        found = _versions(graph, Named(name, stems=True), which)
        _refuse_ambiguity(name, found)
    if not found:
        found = _versions(graph, Digested(_digests(name)), which) if os.path.isfile(name) else []
    if not found:
        raise not_found(name, _names(graph))
    return found


def _versions(graph: Graph, name: Name, which: Which) -> list[Node]:
    return nodes(graph, Find("Version", name=name, which=which))


def _refuse_ambiguity(name: str, found: list[Node]) -> None:
    paths = sorted({str(node.properties["name"]) for node in found})
    if len(paths) > 1:
        listed = ", ".join(f"`{path}`" for path in paths[:6]) + (", ..." if len(paths) > 6 else "")
        raise AmbiguousName(
            f"`{name}` may be {count(len(paths), 'file')}: {listed}",
            hint="name one of them whole",
        )


def _digests(path: str) -> tuple[str, ...]:
    from provgraph.ingest.capture.hashing import hash_file

    found = hash_file(os.fsencode(os.path.realpath(path)), accept=lambda stat: True)
    return (found[0],) if found else ()


def _names(graph: Graph) -> list[str]:
    rows = graph.answer(Project(Find("Artifact"), (Column("name", "name"),)))
    return [name for (name,) in rows.values]


def node_called(graph: Graph, name: str) -> Node:
    """The one node that a person means by `name`: the latest version of the file of that path from here;
    else what has that name, or an id or a sha that begins so; else a file as `versions_called` finds it,
    `name@n` its nth version. Raises `NotFound`, `AmbiguousName`."""
    found = (
        _versions(graph, Exactly(graph.uri(name)), Latest())[-1:]
        or [
            node
            for label in LABELS
            if label not in ("Version", "Artifact")
            for node in nodes(graph, Find(label, name=Named(name)))
        ]
        or graph.store.nodes([name])
    )
    if len(found) > 1:
        listed = ", ".join(f"{node.label} {node.id[:9]}" for node in found[:6])
        raise AmbiguousName(f"`{name}` may be {listed}", hint="give more of the id")
    if found:
        return found[0]
    try:
        return versions_called(graph, name, Latest())[-1]
    except NotFound as error:
        file, _, number = name.rpartition("@")
        if file and number.isdecimal():
            return _nth(graph, file, int(number))
        raise NotFound(
            f"nothing recorded answers to `{name}`",
            hint="`provgraph log` lists runs; ids may be cut after four characters",
        ) from error


def _nth(graph: Graph, name: str, number: int) -> Node:
    versions = all_versions(graph, versions_called(graph, name, Latest()))
    if not 0 < number <= len(versions):
        raise NotFound(
            f"`{name}` has no version {number}", hint=f"it has {count(len(versions), 'version')}"
        )
    return versions[number - 1]


def all_versions(graph: Graph, versions: list[Node]) -> list[Node]:
    """Every version of the artifacts that these are versions of, oldest first."""
    names = sorted({str(node.properties["name"]) for node in versions})
    found: dict[str, Node] = {}
    for name in names:
        for node in nodes(graph, Versions(Find("Version", name=Exactly(name), which=Every()))):
            found[node.id] = node
    return list(found.values())


def described(node: Node) -> dict[str, Any]:
    """A node for JSON: its id, label and properties, times as ISO 8601 in UTC."""
    from provgraph.cli.text import plain

    properties = {
        key: plain(key, value) for key, value in node.properties.items() if value is not None
    }
    return {"id": node.id, "label": node.label, "properties": properties}
