"""`provgraph diff`: what differs between two runs, or between how two versions came to be."""

from __future__ import annotations

import click

from provgraph.asking.answers import answer
from provgraph.asking.tables import cells
from provgraph.cli import completing
from provgraph.cli.choice import Choice
from provgraph.cli.output import json_option, write_json_rows, write_table
from provgraph.cli.session import all_versions, node_called, opened, store_option
from provgraph.cli.text import count, plain, value
from provgraph.errors import NotFound
from provgraph.graph import Graph
from provgraph.model.elements import Node
from provgraph.query.plan import ASPECTS, Aspect, Diff, Find, Identified, Plan
from provgraph.query.verbs.diff import Diff as Verb


@click.command(name="diff")
@click.argument("before", shell_complete=completing.nodes)
@click.argument("after", required=False, shell_complete=completing.nodes)
@click.option(
    "--on", type=Choice(ASPECTS), multiple=True, help="Look at this alone; may be given again."
)
@store_option
@json_option
def command(before: str, after: str | None, on: tuple[Aspect, ...], as_json: bool) -> None:
    """Show what differs between two runs, or in how two versions of files came to be: inputs, code,
    packages, parameters, metrics, commands, commits.

    BEFORE and AFTER are the beginnings of ids (as `log` prints them), or files; `churn.pkl@2` is the
    second version. A file alone is compared with the version before its latest.

    \b
      provgraph diff models/churn.pkl@1 models/churn.pkl@2
      provgraph diff models/churn.pkl --on parameters --on inputs
    """
    with opened() as graph:
        one, other = _compared(graph, before, after)
        aspects = tuple(each for each in ASPECTS if not on or each in on)
        plan = Diff(_alone(one), _alone(other), aspects)
        found = answer(graph.answer(plan), plan)
    if as_json:
        write_json_rows(
            {c.name: plain(c.key, held) for c, held in zip(found.columns, row, strict=True)}
            for row in found.values
        )
        return
    number = write_table(found.names, ([_brief(cell) for cell in row] for row in cells(found)))
    click.echo(count(number, "difference"), err=True)


def _brief(cell: str) -> str:
    """Digests as the other commands show them.

    >>> _brief("blake3:93f0f1652a61faccc8, blake3:eaf6d55d671a707cce"), _brief("0.7, 0.8")
    ('93f0f1652a, eaf6d55d67', '0.7, 0.8')
    """
    if not cell.startswith("blake3:"):
        return cell
    return ", ".join(value("digest", each) for each in cell.split(", "))


def _compared(graph: Graph, before: str, after: str | None) -> tuple[Node, Node]:
    if after is not None:
        return node_called(graph, before), node_called(graph, after)
    latest = node_called(graph, before)
    if latest.label != "Version":
        raise NotFound(f"`{before}` is compared with what?", hint="name another run after it")
    versions = all_versions(graph, [latest])
    number = [node.id for node in versions].index(latest.id)
    if not number:
        raise NotFound(
            f"`{before}` has no version before this one",
            hint="`provgraph history` lists the versions of a file",
        )
    return versions[number - 1], latest


def _alone(node: Node) -> Plan:
    if node.label not in Verb.wants:
        raise NotFound(
            f"a {node.label.lower()} cannot be compared",
            hint="runs, steps and versions of files can",
        )
    return Find(node.label, name=Identified((node.id,)))
