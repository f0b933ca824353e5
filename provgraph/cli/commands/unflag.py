"""`provgraph unflag`: take a flag away."""

from __future__ import annotations

import click

from provgraph.cli.annotating import annotate, nodes_arguments
from provgraph.cli.output import json_option


@click.command(name="unflag")
@nodes_arguments
@click.option("--reason", default="", help="Why.")
@json_option
def command(names: tuple[str, ...], question: str | None, reason: str, as_json: bool) -> None:
    """Take the flags of nodes away; that they were flagged stays in the graph.

    \b
      provgraph unflag customer-17
      provgraph unflag --where 'prediction [flagged]'
    """
    annotate(names, question, as_json, "unflag", value=reason)
