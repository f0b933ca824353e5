"""`provgraph impact`: what was made from a file."""

from __future__ import annotations

from collections import defaultdict

import click

from provgraph.cli import completing
from provgraph.cli.output import json_option, write_json, write_table
from provgraph.cli.session import described, nodes, opened, store_option, versions_called
from provgraph.cli.text import count, value
from provgraph.model.elements import Node
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.plan import Every, Find, Identified, Nth, Walk, Which


@click.command(name="impact")
@click.argument("name", shell_complete=completing.recorded)
@click.option("--version", "number", type=click.IntRange(1), help="Of the nth version alone.")
@click.option("--all", "every", is_flag=True, help="List files that are deleted, too.")
@store_option
@json_option
def command(name: str, number: int | None, every: bool, as_json: bool) -> None:
    """Show what was made from a file, directly or not: what is touched if it goes.

    All versions of the file count unless one is named. Files that are deleted since, such as a
    compiler's temporaries, are only counted; JSON has them all.

    \b
      provgraph impact data/raw/customers.csv
      provgraph impact features.csv --version 1 --json
    """
    which: Which = Every() if number is None else Nth(number)
    with opened() as graph:
        sources = versions_called(graph, name, which)
        start = Find("Version", name=Identified(tuple(node.id for node in sources)))
        reached = nodes(graph, Walk(start, "effect", LINEAGE_EDGES))
        versions = [node for node in reached if node.label == "Version"]
        runs = {str(node.properties.get("run", "")) for node in reached} - {""}
    if as_json:
        write_json({"of": [node.id for node in sources], "nodes": [described(n) for n in reached]})
        return
    files = _by_name(versions)
    gone = [] if every else [name for name, held in files if _is_gone(held)]
    files = [(name, held) for name, held in files if name not in gone]
    write_table(
        ("file", "kind", "versions", "state", "by"),
        (
            (
                value("name", name),
                value("kind", held[-1].properties.get("kind")),
                str(len(held)),
                value("state", held[-1].properties.get("state")),
                value("by", held[-1].properties.get("by")),
            )
            for name, held in files
        ),
    )
    deleted = f", and {count(len(gone), 'deleted one')} (`--all` lists them)" if gone else ""
    click.echo(f"{count(len(files), 'file')} in {count(len(runs), 'run')}{deleted}", err=True)


def _is_gone(versions: list[Node]) -> bool:
    return versions[-1].properties.get("state") == "deleted"


def _by_name(versions: list[Node]) -> list[tuple[str, list[Node]]]:
    """The versions of each name, names in the order they are reached."""
    found: defaultdict[str, list[Node]] = defaultdict(list)
    for node in versions:
        found[str(node.properties.get("name", node.id))].append(node)
    return list(found.items())
