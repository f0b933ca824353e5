"""`provgraph impact`: what was made from a file, or what has to do with a subject."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from provgraph.cli import completing
from provgraph.cli.output import json_option, note, write_json, write_table
from provgraph.cli.progress import progress
from provgraph.cli.session import described, nodes, opened, store_option, versions_called
from provgraph.cli.text import count, value
from provgraph.errors import NotFound
from provgraph.model.elements import Node
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.plan import Every, Find, Identified, Nth, Walk, Which

if TYPE_CHECKING:
    from provgraph.erasure.findings import Finding
    from provgraph.graph import Graph


@click.command(name="impact")
@click.argument("name", shell_complete=completing.recorded)
@click.option("--version", "number", type=click.IntRange(1), help="Of the nth version alone.")
@click.option("--all", "every", is_flag=True, help="List files that are deleted, too.")
@store_option
@json_option
def command(name: str, number: int | None, every: bool, as_json: bool) -> None:
    """Show what was made from a file, directly or not: what is touched if it goes.

    All versions of the file count unless one is named. Files that are deleted since, such as a
    compiler's temporaries, are only counted; JSON has them all.

    Of a subject (`provgraph subject add`; then `provgraph impact client:4711`), show what contains its
    data, what was derived from that, and of what that is unknown, and why.

    \b
      provgraph impact data/raw/customers.csv
      provgraph impact features.csv --version 1 --json
    """
    which: Which = Every() if number is None else Nth(number)
    with opened() as graph:
        try:
            sources = versions_called(graph, name, which)
        except NotFound:
            if number is None and _of_subject(graph, name, as_json):
                return
            raise
        start = Find("Version", name=Identified(tuple(node.id for node in sources)))
        reached = nodes(graph, Walk(start, "effect", LINEAGE_EDGES))
        versions = [node for node in reached if node.label == "Version"]
        runs = {str(node.properties.get("run", "")) for node in reached} - {""}
    if as_json:
        write_json({"of": [node.id for node in sources], "nodes": [described(n) for n in reached]})
        return
    files = _by_name(versions)
    gone = [] if every else [name for name, held in files if _is_gone(held)]
    files = [(name, held) for name, held in files if name not in gone]
    write_table(
        ("file", "kind", "versions", "state", "by"),
        (
            (
                value("name", name),
                value("kind", held[-1].properties.get("kind")),
                str(len(held)),
                value("state", held[-1].properties.get("state")),
                value("by", held[-1].properties.get("by")),
            )
            for name, held in files
        ),
    )
    deleted = f", and {count(len(gone), 'deleted one')} (`--all` lists them)" if gone else ""
    click.echo(f"{count(len(files), 'file')} in {count(len(runs), 'run')}{deleted}", err=True)


def _of_subject(graph: Graph, name: str, as_json: bool) -> bool:
    """Show what has to do with the subject of that name, if there is one."""
    from provgraph.erasure.report import looked_for
    from provgraph.subjects.rules import rules

    if not rules(graph.project):
        return False
    with progress("versions") as told:
        found, unread = looked_for(graph, [name], told)
    if not found.found:
        return False
    if as_json:
        write_json(
            {
                "of": [each.version.id for each in found.of("contains")],
                "nodes": [
                    {"how": each.how, "why": each.why, "way": each.way, **described(each.version)}
                    for each in found.found
                ],
                "cleared": [described(node) for node in found.cleared],
                "unread": [{"version": each.version, "reason": each.reason} for each in unread],
            }
        )
        return True
    write_table(
        ("file", "kind", "versions", "state", "how", "why"),
        (
            (
                value("name", name),
                value("kind", last.version.properties.get("kind")),
                str(versions),
                value("state", last.version.properties.get("state")),
                last.how,
                last.why,
            )
            for name, versions, last in _alike(found.found)
        ),
    )
    for each in unread:
        note(f"{each.name} ({each.version[:9]}) was not read: {each.reason}")
    if found.cleared:
        names = sorted({str(node.properties.get("name")) for node in found.cleared})
        note(f"left out, as their own column has not the subject: {', '.join(names)}")
    return True


def _alike(found: Iterable[Finding]) -> Iterator[tuple[str, int, Finding]]:
    """The files, those that a subject has to do with in two ways twice, each with the number of such
    versions and the last of them."""
    alike: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
    for each in found:
        alike[str(each.version.properties.get("name", each.version.id)), each.how].append(each)
    for (name, _), those in alike.items():
        yield name, len(those), max(those, key=lambda each: _at(each.version))


def _at(node: Node) -> int:
    at = node.properties.get("at")
    return at if isinstance(at, int) else 0


def _is_gone(versions: list[Node]) -> bool:
    return versions[-1].properties.get("state") == "deleted"


def _by_name(versions: list[Node]) -> list[tuple[str, list[Node]]]:
    """The versions of each name, names in the order they are reached."""
    found: defaultdict[str, list[Node]] = defaultdict(list)
    for node in versions:
        found[str(node.properties.get("name", node.id))].append(node)
    return list(found.items())
