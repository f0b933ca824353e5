"""`provgraph sql`: a statement of SQL, asked of the embedded store."""

from __future__ import annotations

import sys

import click

from provgraph.cli.output import json_option, write_csv, write_json_rows, write_table
from provgraph.cli.session import opened
from provgraph.cli.text import count
from provgraph.errors import UsageError
from provgraph.graph import Graph
from provgraph.model.uri import shown


@click.command(name="sql")
@click.argument("statement", required=False)
@click.option("--write", is_flag=True, help="Let it change the store, which can be rebuilt.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds it may take.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@json_option
def command(
    statement: str | None, write: bool, timeout: float | None, as_csv: bool, as_json: bool
) -> None:
    """Ask the store a statement of SQL (SQLite's), read-only unless told.

    There are views: `nodes` and `edges`; `versions`, `runs`, `steps`, `commits`, `artifacts` and so on,
    with their fields as columns. Without STATEMENT, it is read from standard input.

    \b
      provgraph sql 'SELECT path, size FROM versions ORDER BY size DESC LIMIT 5'
      provgraph sql 'SELECT type, count(*) FROM edges GROUP BY type' --csv
      provgraph sql "SELECT name, properties ->> 'param.depth' FROM runs" --json
    """
    from provgraph.store.embedded.own_sql import asked

    if as_csv and as_json:
        raise UsageError("`--csv` and `--json` are two formats", hint="give one of them")
    if statement is None or statement == "-":
        statement = sys.stdin.read()
    if not statement.strip():
        raise UsageError("no statement", hint="such as `provgraph sql 'SELECT * FROM runs'`")
    with Graph.open() as graph:
        if graph.project.store_uri:
            raise UsageError(
                f"this project's graph is kept at {graph.project.store_uri}, and SQL asks the embedded store",
                hint="PROVGRAPH_STORE=embedded takes the project's own file",
            )
    with opened() as graph:
        if graph.project.store_uri:
            raise UsageError(
                "the graph of this project is in a Neo4j, which knows no SQL",
                hint="`provgraph cypher` asks it in Cypher",
            )
        database = graph.project.database
        _ = graph.store  # made, where there is none yet
    with asked(database, statement, write=write, seconds=timeout) as found:
        if as_json:
            write_json_rows(dict(zip(found.columns, row, strict=True)) for row in found.rows)
        elif as_csv:
            write_csv(found.columns, found.rows)
        else:
            number = write_table(found.columns, ([_cell(v) for v in row] for row in found.rows))
            click.echo(count(number, "row"), err=True)
        changed = found.changed
    if write:
        click.echo(f"{count(changed, 'row')} changed", err=True)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value.hex() if isinstance(value, bytes) else shown(str(value))
