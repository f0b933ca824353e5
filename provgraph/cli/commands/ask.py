"""`provgraph ask`: a question in the query language."""

from __future__ import annotations

from typing import Any

import click

from provgraph.cli.output import json_option, write_json, write_table
from provgraph.cli.session import opened
from provgraph.cli.text import count, plain, value
from provgraph.query import shape
from provgraph.query.plan import Budget, Limit, Plan, Project
from provgraph.store import Rows


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
        rows = graph.run(bound.plan, Budget(seconds=timeout, nodes=max_nodes))
        columns, values = _shown(rows, bound.plan)
    if as_json:
        write_json([_document(columns, row) for row in values])
        return
    write_table(
        [name for name, _ in columns],
        ([value(key, held) for (_, key), held in zip(columns, row, strict=True)] for row in values),
    )
    click.echo(count(len(values), "row"), err=True)


Columns = list[tuple[str, str]]


def _shown(rows: Rows, plan: Plan) -> tuple[Columns, list[tuple[Any, ...]]]:
    """The columns (name, key) to show, and the rows' values in them."""
    project = _projection(plan)
    chosen = shape.columns(plan) or (project.columns if project is not None else ())
    if chosen:
        return [(column.name, column.key) for column in chosen], rows.values
    more = [(field.name, field.key) for field in shape.learned(plan)]
    columns = [("id", "id"), ("type", "type"), ("kind", "kind"), ("name", "name"), ("time", "at")]
    values: list[tuple[Any, ...]] = [
        (id, label.lower(), held.get("kind"), held.get("name"), held.get("at"), depth, *learned)
        for id, label, depth, held, *learned in rows.values
    ]
    if shape.has_depth(plan):
        return [*columns, ("depth", "depth"), *more], values
    return [*columns, *more], [(*row[:5], *row[6:]) for row in values]


def _projection(plan: Plan) -> Project | None:
    while isinstance(plan, Limit):
        plan = plan.source
    return plan if isinstance(plan, Project) else None


def _document(columns: Columns, row: tuple[Any, ...]) -> dict[str, Any]:
    return {name: plain(key, held) for (name, key), held in zip(columns, row, strict=True)}
