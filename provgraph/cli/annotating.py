"""What the commands that say something of nodes share: which nodes are meant, and what was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from provgraph.cli import completing
from provgraph.cli.output import write_json
from provgraph.cli.session import node_called, opened
from provgraph.cli.text import count
from provgraph.model.elements import Node, Scalar

Command = Callable[..., Any]


def nodes_arguments(command: Command) -> Command:
    """NAME ..., or a question."""
    question = click.option(
        "--where", "question", help="The rows of this question instead of names."
    )
    return click.argument("names", nargs=-1, shell_complete=completing.nodes)(question(command))


def annotate(
    names: tuple[str, ...],
    question: str | None,
    as_json: bool,
    what: str,
    *,
    name: str = "",
    value: Scalar = "",
) -> None:
    if not names and question is None:
        raise click.UsageError("a NAME is wanted, or a question after --where")
    with opened() as graph:
        meant: dict[str, Node] = {}
        for each in names:
            node = node_called(graph, each)
            meant[node.id] = node
        if question is not None:
            meant |= {node.id: node for node in graph.ask(question).nodes()}
        graph.annotate(meant.values(), what, name, value)
    if as_json:
        write_json({"what": what, "nodes": list(meant)})
    else:
        click.echo(f"{what}: {count(len(meant), 'node')}")
