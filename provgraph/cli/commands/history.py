"""`provgraph history`: the versions of a file."""

from __future__ import annotations

import click

from provgraph.cli import completing
from provgraph.cli.output import json_option, write_json, write_table
from provgraph.cli.session import all_versions, described, opened, store_option, versions_called
from provgraph.cli.text import value
from provgraph.model.elements import Node
from provgraph.origins import first_commits
from provgraph.query.plan import Latest


@click.command(name="history")
@click.argument("name", shell_complete=completing.recorded)
@store_option
@json_option
def command(name: str, as_json: bool) -> None:
    """List the versions of a file, oldest first, and what made each.

    The number is what `@` takes in a query: `file "data.csv"@3`.

    \b
      provgraph history models/churn.pkl
      provgraph ask 'file "models/churn.pkl"@1 | lineage'
    """
    with opened() as graph:
        versions = all_versions(graph, versions_called(graph, name, Latest()))
        commits = first_commits(graph.store, [node.id for node in versions])
    if as_json:
        write_json(
            [
                {"number": n, **described(node), "commit": _sha(commits.get(node.id))}
                for n, node in enumerate(versions, 1)
            ]
        )
        return
    keys = ("at", "size", "digest", "state", "by", "run")
    heads = ("@", "created", "size", "digest", "state", "by", "run", "commit")
    write_table(
        heads,
        (
            (
                str(n),
                *(value(k, _short(k, node.properties.get(k))) for k in keys),
                (_sha(commits.get(node.id)) or "")[:7],
            )
            for n, node in enumerate(versions, 1)
        ),
    )


def _sha(commit: Node | None) -> str | None:
    return None if commit is None else str(commit.properties["sha"])


def _short(key: str, held: object) -> object:
    return held[:9] if key == "run" and isinstance(held, str) else held
