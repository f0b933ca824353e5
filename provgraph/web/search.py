"""What does a person mean who types a few letters? Names first, then parts of names, runs, commits."""

from __future__ import annotations

from collections.abc import Iterator

from provgraph.graph import Graph
from provgraph.model.elements import Node
from provgraph.model.glob import is_glob
from provgraph.model.uri import shown
from provgraph.query.plan import (
    AnyOf,
    Comparison,
    Condition,
    Find,
    Globbed,
    Limit,
    Named,
    Plan,
    Sort,
    SortKey,
)
from provgraph.web.cards import cards, nodes
from provgraph.web.documents import Hit

_ENOUGH = 400
"""Candidates of one sort that are put in order; the rest would not be shown."""


def search(graph: Graph, text: str, limit: int) -> list[Hit]:
    """The best hits for what was typed so far, best first."""
    text = text.strip()
    if not text:
        return []
    found: dict[str, Node] = {}
    for plan in _plans(text):
        candidates = nodes(graph, Limit(plan, _ENOUGH))
        for node in sorted(candidates, key=lambda node: _place(node, text)):
            found.setdefault(node.id, node)
        if len(found) >= limit:
            break
    best = list(found.values())[:limit]
    return [
        Hit(card=card, detail=_detail(node))
        for node, card in zip(best, cards(graph, best), strict=True)
    ]


def _plans(text: str) -> Iterator[Plan]:
    """From what is cheap and certain to what is neither."""
    yield Find("Artifact", name=Named(text, stems=True))
    if len(text) >= 4:
        for label in ("Run", "Commit", "Step"):
            yield Find(label, name=Named(text))
    if is_glob(text):
        yield Find("Artifact", name=Globbed(text))
    if "/" not in text:
        yield Find("Artifact", name=Globbed(f"{text}*"))
    for form in _forms(text):
        # With a slash it is held against whole names, which an index has.
        yield Find("Artifact", name=Globbed(f"**/**{form}**"))
    newest = (SortKey("at", descending=True),)
    yield Sort(Find("Commit", where=_holds("message", text)), newest)
    yield Sort(Find("Run", where=_holds("command", text)), newest)
    for label in ("Agent", "Component"):
        yield Find(label, where=_holds("name", text))  # type: ignore[arg-type]


def _holds(key: str, text: str) -> Condition:
    return AnyOf(tuple(Comparison(key, "~", f"**{form}**") for form in _forms(text)))


def _forms(text: str) -> list[str]:
    """The text in the cases that people write.

    >>> _forms("Raw"), _forms("7")
    (['Raw', 'raw', 'RAW'], ['7'])
    """
    return list(dict.fromkeys((text, text.lower(), text.upper(), text.capitalize())))


def _place(node: Node, text: str) -> tuple[int, int, str, str]:
    """
    >>> _place(Node("a", "Artifact", {"name": "x/raw.csv", "base": "raw.csv"}), "raw")[0]
    1
    """
    name = str(node.properties.get("name", ""))
    base = str(node.properties.get("base", name)).lower()
    typed = text.lower()
    if typed in (base, name.lower(), str(node.properties.get("stem", "")).lower()):
        rank = 0
    elif base.startswith(typed):
        rank = 1
    else:
        rank = 2 if typed in base else 3
    at = node.properties.get("at")
    return rank, -at if isinstance(at, int) else len(name), name, node.id


def _detail(node: Node) -> str:
    held = node.properties
    match node.label:
        case "Artifact":
            return shown(str(held.get("name", "")))
        case "Run":
            return f"run {node.id[:9]}"
        case "Commit":
            return f"{str(held.get('sha', ''))[:10]} {shown(str(held.get('author', '')))}".strip()
        case "Step":
            return shown(str(held.get("command", "")))
        case _:
            return node.label.lower()
