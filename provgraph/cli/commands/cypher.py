"""`provgraph cypher`: a statement of Cypher, asked of the project's Neo4j."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from provgraph.cli.output import json_option, write_csv, write_json_rows, write_table
from provgraph.cli.session import opened, store_option
from provgraph.cli.text import count
from provgraph.errors import UsageError
from provgraph.model.uri import shown


@click.command(name="cypher")
@click.argument("statement", required=False)
@click.option(
    "--param", "given", multiple=True, metavar="NAME=VALUE", help="A parameter; JSON, or text."
)
@click.option("--write", is_flag=True, help="Let it change the database.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds it may take.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@store_option
@json_option
def command(
    statement: str | None,
    given: tuple[str, ...],
    write: bool,
    timeout: float | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Ask the database a statement of Cypher, read-only unless told.

    It sees all that the database holds: `$project` is this project's id, which our nodes have as
    `project`. Without STATEMENT, it is read from standard input.

    \b
      provgraph cypher 'MATCH (n:Run {project: $project}) RETURN n.command, n.exit'
      provgraph cypher 'MATCH (a:Artifact {name: $name}) RETURN a' --param name=data.csv --json
    """
    if as_csv and as_json:
        raise UsageError("`--csv` and `--json` are two formats", hint="give one of them")
    if statement is None or statement == "-":
        statement = sys.stdin.read()
    if not statement.strip():
        raise UsageError(
            "no statement", hint="such as `provgraph cypher 'MATCH (n) RETURN count(n)'`"
        )
    parameters = dict(map(_parameter, given))
    with opened() as graph:
        if not graph.project.store_uri:
            raise UsageError(
                "the graph of this project is in a file, which knows no Cypher",
                hint="`provgraph sql` asks it in SQL; `provgraph neo4j start` brings a Neo4j",
            )
        from provgraph.store.neo4j import Neo4jStore

        assert isinstance(graph.store, Neo4jStore)
        parameters.setdefault("project", graph.project.id)
        found = graph.store.cypher(statement, parameters, write=write, seconds=timeout)
    if as_json:
        write_json_rows(dict(zip(found.columns, row, strict=True)) for row in found.rows)
    elif as_csv:
        write_csv(found.columns, found.rows)
    else:
        write_table(found.columns, ([_cell(value) for value in row] for row in found.rows))
        click.echo(count(len(found.rows), "row"), err=True)
    if write:
        click.echo(f"{count(found.changed, 'change')} made", err=True)


def _parameter(given: str) -> tuple[str, Any]:
    """
    >>> _parameter("limit=3"), _parameter("name=a.csv"), _parameter('names=["a", "b"]')
    (('limit', 3), ('name', 'a.csv'), ('names', ['a', 'b']))
    """
    name, equals, text = given.partition("=")
    if not name or not equals:
        raise UsageError(f"`--param {given}` gives no value", hint="write it `--param name=value`")
    try:
        return name, json.loads(text)
    except ValueError:
        return name, text


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shown(text)
