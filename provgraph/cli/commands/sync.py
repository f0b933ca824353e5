"""`provgraph sync`: bring the journal into the store."""

from __future__ import annotations

import dataclasses

import click

from provgraph.cli.output import json_option, note, write_json
from provgraph.cli.progress import progress
from provgraph.cli.session import store_option
from provgraph.cli.text import count
from provgraph.graph import Graph


@click.command(name="sync")
@click.option("--rebuild", is_flag=True, help="Drop the store and fill it from the journal again.")
@store_option
@json_option
def command(rebuild: bool, as_json: bool) -> int:
    """Apply what the journal has and the store has not.

    Every question does this first; `sync` does it alone, and recovers what a killed run left. The
    exit status is 5 where a segment is damaged (what could be read of it is applied), or where segments
    wait because the state cannot be written or another process has been syncing for long.

    \b
      provgraph sync
      provgraph sync --rebuild
    """
    with Graph.open() as graph, progress("segments") as told:
        report = graph.rebuild(told) if rebuild else graph.sync(told)
        statistics = graph.store.statistics()
    if as_json:
        write_json({**dataclasses.asdict(report), "nodes": statistics.nodes})
    else:
        for problem in report.problems:
            note(problem)
        if report.pending:
            behind = count(report.pending, "segment")
            why = "cannot be written" if graph.read_only else "is brought in by another process now"
            note(f"{behind} of the journal not applied: the graph {why}")
        if report.recovered:
            note(f"{count(report.recovered, 'run')} written down that waited for it")
        click.echo(
            f"applied {count(report.records, 'record')} of {count(report.segments, 'segment')};"
            f" the graph has {count(sum(statistics.nodes.values()), 'node')}"
            f" and {count(sum(statistics.edges.values()), 'edge')}"
        )
    return 5 if report.problems or report.pending else 0
