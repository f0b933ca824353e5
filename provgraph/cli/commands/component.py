"""`provgraph component`: declare a named stage of the project, and which runs are instances of it."""

from __future__ import annotations

import click

from provgraph.cli.output import json_option, write_json
from provgraph.cli.session import node_called, opened
from provgraph.cli.text import count
from provgraph.errors import UsageError


@click.command(name="component")
@click.argument("name")
@click.argument("runs", nargs=-1)
@click.option("--description", default="", help="What it does.")
@click.option("--owner", default="", help="Who answers for it.")
@click.option("--tag", "tags", multiple=True, help="NAME or NAME=VALUE; may be given again.")
@json_option
def command(
    name: str,
    runs: tuple[str, ...],
    description: str,
    owner: str,
    tags: tuple[str, ...],
    as_json: bool,
) -> None:
    """Declare the component NAME; RUNS are instances of it. What is not given stays as it was.

    \b
      provgraph component train --owner ann --description 'fits the forest'
      provgraph component train --tag tier=gold
      provgraph ask 'component train | lineage'
    """
    given = {tag.partition("=")[0]: _value(tag) for tag in tags}
    with opened() as graph:
        found = [node_called(graph, each) for each in runs]
        for node in found:
            if node.label != "Run":
                raise UsageError(f"{node.id} is a {node.label.lower()}, and instances are runs")
        ids = [node.id for node in found]
        graph.declare(name, description=description, owner=owner, tags=given, runs=ids)
    if as_json:
        write_json({"component": name, "runs": ids})
    else:
        click.echo(f"component {name}, with {count(len(ids), 'more run')}" if ids else name)


def _value(tag: str) -> str | bool:
    _, given, value = tag.partition("=")
    return value if given else True
