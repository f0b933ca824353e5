"""`provgraph show`: all about one run, step, version or commit."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Final

import click

from provgraph.cli import completing
from provgraph.cli.output import json_option, write_json, write_lines
from provgraph.cli.session import described, node_called, opened, store_option
from provgraph.cli.text import value
from provgraph.content import Gone, content
from provgraph.errors import NotFound
from provgraph.graph import Graph
from provgraph.model.annotations import TYPE
from provgraph.model.elements import Edge, Node


@click.command(name="show")
@click.argument("name", shell_complete=completing.nodes)
@store_option
@json_option
@click.option("--content", "wants_content", is_flag=True, help="Write out what the version held.")
@click.option("--against", metavar="NAME", help="Show how its text differs from another version's.")
def command(name: str, as_json: bool, wants_content: bool, against: str | None) -> None:
    """Show one run, step, commit or file version with everything around it.

    NAME is the beginning of an id (as `log` and `history` print it), of a commit's sha, or a file. Scripts
    and small texts can be shown as they were after their files have changed.

    \b
      provgraph show models/churn.pkl
      provgraph show src/train.py --content
      provgraph show models/churn.pkl --json
    """
    with opened() as graph:
        node = node_called(graph, name)
        if against is not None:
            _print_difference(graph, node_called(graph, against), node)
            return
        if wants_content:
            sys.stdout.buffer.write(_held(graph, node))
            return
        outgoing = graph.store.edges([node.id])
        incoming = graph.store.edges([node.id], incoming=True)
        ends = {edge.target for edge in outgoing} | {edge.source for edge in incoming}
        around = {end.id: end for end in graph.store.nodes(sorted(ends))}
    if as_json:
        links = [_link(e, around[e.target], "to") for e in outgoing]
        links += [_link(e, around[e.source], "from") for e in incoming]
        write_json({**described(node), "edges": links})
        return
    write_lines(_lines(node, outgoing, incoming, around))


def _held(graph: Graph, node: Node) -> bytes:
    found = content(graph, node) if node.label == "Version" else Gone("it is no version of a file")
    if isinstance(found, Gone):
        raise NotFound(f"what {_name(node)} held cannot be shown: {found.reason}")
    return found.bytes


def _print_difference(graph: Graph, before: Node, after: Node) -> None:
    """As `diff -u` has it."""
    from difflib import unified_diff

    texts = [_held(graph, node).decode("utf-8", "replace") for node in (before, after)]
    names = [f"{_name(node)} ({node.id[:9]})" for node in (before, after)]
    one, other = (text.splitlines() for text in texts)
    write_lines(unified_diff(one, other, names[0], names[1], lineterm=""))


def _name(node: Node) -> str:
    return value("name", node.properties.get("name") or node.id)


def _link(edge: Edge, end: Node, direction: str) -> dict[str, object]:
    return {"type": edge.type, direction: end.id, "name": end.properties.get("name")}


def _lines(
    node: Node, outgoing: list[Edge], incoming: list[Edge], around: dict[str, Node]
) -> Iterator[str]:
    yield f"{node.label} {node.id}"
    for key, held in sorted(node.properties.items()):
        if key not in ("kind", "stat", "generated", "declared") and (text := value(key, held)):
            yield f"  {key:<10} {text}"
    forth: tuple[list[Edge], str, Mapping[str, str]] = (outgoing, "target", {})
    for edges, end, words in (forth, (incoming, "source", _OF_THE_CAUSE)):
        for edge in sorted(edges, key=lambda edge: _place(edge, around[getattr(edge, end)])):
            other = around[getattr(edge, end)]
            phrase = words.get(edge.type) or edge.type.lower().replace("_", " ")
            role = edge.properties.get("role") or edge.properties.get("channel") or _said(edge)
            name = value("name", other.properties.get("name") or other.id)
            yield f"  {phrase:<14} {name}  {role}".rstrip() + f"  ({other.id[:9]})"


_OF_THE_CAUSE: Final = {
    "GENERATED_BY": "generated",
    "USED": "used by",
    "EXECUTED": "executed by",
    "INFORMED_BY": "informed",
    "DERIVED_FROM": "derived into",
    "INVALIDATED_BY": "invalidated",
    "PART_OF": "has part",
    "STARTED_BY": "started",
    "VERSION_OF": "has version",
    "REVISION_OF": "revised into",
    "AT_COMMIT": "commit of",
    "IN_COMMIT": "contains",
    "REMOVED_IN": "removed",
    "PARENT": "parent of",
    "BY": "agent of",
    "IN_ENVIRONMENT": "environment of",
    "INSTANCE_OF": "plan of",
    "ABOUT": "subject of",
    "ANNOTATED_BY": "annotated",
}
"""What a cause is to its effect: the word of each edge read against its direction."""


def _place(edge: Edge, other: Node) -> tuple[str, int, str]:
    """Edges of a type stand together, in order of time."""
    at = other.properties.get("at")
    return edge.type, at if isinstance(at, int) else 0, other.id


def _said(edge: Edge) -> str:
    """What an annotation says."""
    if edge.type != TYPE:
        return ""
    said = (edge.properties.get(key) for key in ("how", "name", "value"))
    return " ".join(value("name", word) for word in said if word not in (None, ""))
