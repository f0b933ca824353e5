"""`provgraph ask`: a question in the query language."""

from __future__ import annotations

from typing import Any

import click

from provgraph.asking.answers import Answer, answer
from provgraph.asking.tables import cells
from provgraph.cli.output import json_option, write_json, write_table
from provgraph.cli.session import opened
from provgraph.cli.text import count, plain
from provgraph.query.plan import Budget


@click.command(name="ask")
@click.argument("query", nargs=-1, required=True)
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds it may take.")
@click.option("--max-nodes", type=click.IntRange(1), help="How many nodes it may visit.")
@click.option("--explain", is_flag=True, help="Show every stage instead of the answer.")
@json_option
def command(
    query: tuple[str, ...],
    timeout: float | None,
    max_nodes: int | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Answer a question in the query language.

    \b
      provgraph ask 'model "churn" | lineage | where kind = dataset'
      provgraph ask 'run [exit != 0] | sort started desc | limit 5'
      provgraph ask 'script "train.py" | impact depth 1 | runs'
      provgraph ask 'explain file "m.pkl" | lineage'
    """
    text = " ".join(query)
    with opened() as graph:
        bound = graph.bind(text)
        if explain or bound.explain:
            from provgraph.query.explain import explain as explained

            click.echo(explained(text, bound, project=graph.project.id))
            return
        rows = graph.answer(bound.plan, Budget(seconds=timeout, nodes=max_nodes))
        found = answer(rows, bound.plan)
    if as_json:
        write_json([_document(found, row) for row in found.values])
        return
    write_table(found.names, cells(found))
    click.echo(count(len(found.values), "row"), err=True)


def _document(answer: Answer, row: tuple[Any, ...]) -> dict[str, Any]:
    cells = zip(answer.columns, row, strict=True)
    return {column.name: plain(column.key, held) for column, held in cells}
