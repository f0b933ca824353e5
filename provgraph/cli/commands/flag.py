"""`provgraph flag`: mark a prediction, a run, a file ... as one to look at."""

from __future__ import annotations

import click

from provgraph.cli.annotating import annotate, nodes_arguments
from provgraph.cli.output import json_option


@click.command(name="flag")
@nodes_arguments
@click.option("--reason", default="", help="Why.")
@json_option
def command(names: tuple[str, ...], question: str | None, reason: str, as_json: bool) -> None:
    """Flag versions, runs, steps, commits or components.

    NAME is a file, the beginning of an id, a commit's sha, or the name of a prediction or a component.

    \b
      provgraph flag customer-17 --reason 'wrong label'
      provgraph flag --where 'prediction [prop.score < 0.1]'
      provgraph ask 'prediction [flagged] | slice against (prediction [not flagged])'
    """
    annotate(names, question, as_json, "flag", value=reason)
