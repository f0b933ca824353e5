"""`provgraph note`: write down something about a version, a run, a step, a commit or a component."""

from __future__ import annotations

import click

from provgraph.cli.annotating import annotate, nodes_arguments
from provgraph.cli.output import json_option


@click.command(name="note")
@click.argument("text")
@nodes_arguments
@json_option
def command(text: str, names: tuple[str, ...], question: str | None, as_json: bool) -> None:
    """Add a note to nodes. Notes add up; none is taken away.

    \b
      provgraph note 'trained on half of the data' models/churn.pkl
      provgraph ask 'model [notes ~ "*half*"]'
    """
    annotate(names, question, as_json, "note", value=text)
