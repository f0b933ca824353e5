"""`provgraph log`: the runs, newest first."""

from __future__ import annotations

import click

from provgraph.cli.output import json_option, write_json, write_table
from provgraph.cli.session import described, nodes, opened, store_option
from provgraph.cli.text import value
from provgraph.model.elements import Node
from provgraph.query.plan import Find, Limit, Sort, SortKey


@click.command(name="log")
@click.option(
    "-n", "number", type=click.IntRange(1), default=20, show_default=True, help="How many."
)
@store_option
@json_option
def command(number: int, as_json: bool) -> None:
    """List the recorded runs, newest first.

    \b
      provgraph log -n 5
      provgraph log --json
      provgraph ask 'run [exit != 0] | sort started desc'
    """
    with opened() as graph:
        newest = Sort(Find("Run"), (SortKey("at", descending=True),))
        runs = nodes(graph, Limit(newest, number))
    if as_json:
        write_json([described(run) for run in runs])
        return
    write_table(
        ("run", "started", "took", "exit", "commit", "verdict", "command"),
        (_row(run) for run in runs),
    )


def _row(run: Node) -> tuple[str, ...]:
    held = run.properties
    commit = str(held.get("commit", ""))[:7] + ("+" if held.get("dirty") else "")
    ending = held.get("signal") or held.get("exit")
    return (
        value("name", held.get("name")),
        value("at", held.get("at")),
        value("duration", held.get("duration")),
        value("exit", ending),
        commit,
        value("verdict", held.get("verdict") or "end not recorded"),
        value("command", held.get("command")),
    )
