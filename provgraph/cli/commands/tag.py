"""`provgraph tag`: give a version, a run, a component ... a tag, or take one away."""

from __future__ import annotations

import click

from provgraph.cli.annotating import annotate, nodes_arguments
from provgraph.cli.output import json_option


@click.command(name="tag")
@click.argument("tag")
@nodes_arguments
@click.option("--remove", is_flag=True, help="Take the tag away.")
@json_option
def command(
    tag: str, names: tuple[str, ...], question: str | None, remove: bool, as_json: bool
) -> None:
    """Give nodes the TAG `NAME` or `NAME=VALUE`; questions know it as `tag.NAME`.

    \b
      provgraph tag stage=production models/churn.pkl
      provgraph tag stage models/churn.pkl --remove
      provgraph ask 'model [tag.stage = production]'
    """
    name, given, value = tag.partition("=")
    if not name:
        raise click.UsageError("a tag has a name: NAME or NAME=VALUE")
    what = "untag" if remove else "tag"
    said = "" if remove else value if given else True
    annotate(names, question, as_json, what, name=name, value=said)
