"""Nodes and edges -> Graphviz's language."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from provgraph.model.elements import Edge, Node
from provgraph.model.text import digest, moment
from provgraph.model.vocabulary import EDGES, Label

_SHAPES: Final[dict[Label, str]] = {"Version": "box", "Artifact": "folder", "Step": "ellipse"}

_WIDEST: Final = 60  # letters of a name or command; more makes boxes that no screen holds


def dot(nodes: Iterable[Node], edges: Iterable[Edge]) -> Iterator[str]:
    r"""Lines of a digraph whose arrows point from effect to cause, the causes on top.

    >>> for line in dot([Node("v1", "Version", {"name": 'a"b.csv'})], []):
    ...     print(line)
    digraph provenance {
      rankdir = BT;
      node [fontname = "sans-serif"];
      "v1" [label = "a\"b.csv", shape = box];
    }
    """
    yield "digraph provenance {"
    yield "  rankdir = BT;"
    yield '  node [fontname = "sans-serif"];'
    for node in nodes:
        shape = _SHAPES.get(node.label, "hexagon")
        yield f"  {_quoted(node.id)} [label = {_quoted(_label(node))}, shape = {shape}];"
    for edge in edges:
        phrase = EDGES[edge.type].phrase if edge.type in EDGES else edge.type.lower()
        ends = f"{_quoted(edge.source)} -> {_quoted(edge.target)}"
        yield f"  {ends} [label = {_quoted(phrase)}];"
    yield "}"


def _label(node: Node) -> str:
    held = node.properties
    name = held.get("command") if node.label == "Step" else held.get("name")
    said = str(name or held.get("name") or node.id)
    lines = [said if len(said) <= _WIDEST else f"{said[: _WIDEST - 1]}…"]
    if isinstance(at := held.get("at"), int):
        lines.append(moment(at))
    if known := held.get("digest"):
        lines.append(digest(str(known)))
    return "\n".join(lines)


def _quoted(text: str) -> str:
    r"""A string of Graphviz, where a backslash begins an escape.

    >>> print(_quoted('a\\b "c"\nd'))
    "a\\b \"c\"\nd"
    """
    visible = "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    escaped = visible.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
