"""`provgraph ingest`: bring in what other tools know."""

from __future__ import annotations

import click

from provgraph.cli import completing
from provgraph.cli.output import json_option, note, write_json
from provgraph.cli.progress import progress
from provgraph.cli.text import count
from provgraph.graph import Graph


@click.command(name="ingest")
@click.argument("adapter", shell_complete=completing.adapters)
@click.argument("source", default="")
@click.option("--all", "every", is_flag=True, help="git: remote branches and other refs too.")
@json_option
def command(adapter: str, source: str, every: bool, as_json: bool) -> None:
    """Bring in what another tool knows. ADAPTER is its name (`git`), SOURCE where it keeps it.

    Only what is new since the last time is read.

    \b
      provgraph ingest git
      provgraph ingest git ../other-repository
    """
    with Graph.open() as graph, progress(adapter) as told:
        options = {"all": True} if every else {}
        written = graph.ingest(adapter, source, options=options, progress=told, note=note)
    if as_json:
        write_json({"adapter": adapter, "source": source, "records": written})
    else:
        click.echo(f"{adapter}: {count(written, 'new record')} from {source or graph.project.root}")
