"""`provgraph why`: what produced a file."""

from __future__ import annotations

import sys
from typing import Final

import click

from provgraph.cli import completing
from provgraph.cli.output import json_option, note, present, write_json
from provgraph.cli.session import described, opened, store_option, versions_called
from provgraph.model.elements import Node
from provgraph.query.plan import Latest, Nth, Which


@click.command(name="why")
@click.argument("name", shell_complete=completing.recorded)
@click.option("--version", "number", type=click.IntRange(1), help="The nth version, from 1.")
@click.option("--depth", type=click.IntRange(1), help="How many edges to follow; all by default.")
@click.option("--full", is_flag=True, help="Fold nothing, at any depth.")
@store_option
@json_option
def command(name: str, number: int | None, depth: int | None, full: bool, as_json: bool) -> None:
    """Show what produced a file: the commands, scripts, inputs, commits and times behind it.

    NAME is a path, the last part of one, or a model's name; a file that was moved or renamed is
    found by its content.

    \b
      provgraph why models/churn.pkl
      provgraph why report.md --depth 4
      provgraph why models/churn.pkl --version 2 --json
    """
    from provgraph.origins import origins, tree

    which: Which = Latest() if number is None else Nth(number)
    with opened() as graph:
        target = versions_called(graph, name, which)[-1]
        found = origins(graph.store, target.id, depth)
        if as_json:
            write_json(
                {
                    "target": target.id,
                    "nodes": [described(node) for node in found.nodes.values()],
                    "edges": [
                        {"source": edge.source, "type": edge.type, "target": edge.target}
                        | {k: v for k, v in edge.properties.items() if k in ("role", "how")}
                        for edge in found.edges
                    ],
                    "runs": [described(node) for node in found.runs.values()],
                    "cut": found.cut,
                }
            )
            return
        from provgraph.cli.tree import DEEPEST, rendered

        deepest = sys.maxsize if full else DEEPEST
        present(rendered(tree(found, fold=not full), deepest))
        _remarks(graph.path(str(target.properties["name"])), target, list(found.runs.values()))


_LARGEST: Final = 256 << 20
"""Bytes; nobody waits for more to be read."""


def _still_holds(path: str, version: Node) -> bool:
    """Whether nothing but its times changed (`touch`, `cp -p`): it is read, as `sha256sum` would."""
    import os

    from provgraph.ingest.capture.hashing import hash_file

    found = hash_file(os.fsencode(os.path.realpath(path)), lambda stat: True)
    return found is not None and found[0] == version.properties.get("digest")


def _remarks(path: object, target: Node, runs: list[Node]) -> None:
    import os

    stat = target.properties.get("stat")
    if stat and path is not None and target.properties.get("state") == "present":
        try:
            now = os.stat(str(path))
        except OSError:
            note(f"{target.properties['name']} is not on disk any more")
        else:
            _, _, size, mtime, _ = str(stat).split(":")
            alike = str(now.st_size) == size
            if alike and str(now.st_mtime_ns) == mtime:
                pass
            elif alike and now.st_size > _LARGEST:
                note(f"{target.properties['name']} on disk has another time than this version had")
            elif not alike or not _still_holds(str(path), target):
                note(f"{target.properties['name']} on disk has changed since this version")
    for run in runs:
        gaps = run.properties.get("gaps") or ()
        assert isinstance(gaps, tuple)
        for gap in gaps:
            note(f"run {run.properties['name']} may miss something: {gap}")
