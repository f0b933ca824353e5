"""Nodes and edges -> a picture that needs no program to show it: SVG, causes left of effects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from provgraph.model.elements import Edge, Node
from provgraph.model.uri import shown

_WIDE: Final = 168
_HIGH: Final = 44
_ACROSS: Final = 64  # between layers
_BETWEEN: Final = 14  # between cards of a layer
_ROOM: Final = 23  # letters of a card

_ARROW: Final = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
    ' orient="auto"><path d="M0 .5L8 4 0 7.5z" fill="#8d8f94"/></marker></defs>'
)
_COLOURS: Final[dict[str, tuple[str, str, str]]] = {  # the card, its border, the kind's word
    "model": ("#f6f1fe", "#c1a9ee", "#6a3fbf"),
    "code": ("#fff8ea", "#e2c07c", "#7d5200"),
    "result": ("#eff6fe", "#9cc3ea", "#1f62a8"),
    "step": ("#f4f4f3", "#b3b5b9", "#4a4e57"),
    "data": ("#effafa", "#8fcacd", "#0b6e76"),
}
_FAMILIES: Final[dict[str, str]] = {
    "model": "model",
    **dict.fromkeys(("script", "source", "notebook", "config"), "code"),
    **dict.fromkeys(("report", "document", "figure", "metrics", "prediction"), "result"),
    **dict.fromkeys(("step", "run"), "step"),
}


def svg(nodes: Sequence[Node], edges: Iterable[Edge]) -> str:
    """The picture of these nodes; of the edges, those between two of them.

    >>> made = Edge("model", "GENERATED_BY", "train")
    >>> picture = svg([Node("model", "Version", {"name": "m.pkl"}), Node("train", "Step", {})], [made])
    >>> picture.count("<rect"), picture.count("<path"), "m.pkl" in picture
    (2, 2, True)
    """
    there = {node.id for node in nodes}
    links = dict.fromkeys(
        (edge.target, edge.source)
        for edge in edges
        if edge.source in there and edge.target in there and edge.source != edge.target
    )
    layers = ordered(layered([node.id for node in nodes], links), links)
    places = _places(layers)
    wide = len(layers) * (_WIDE + _ACROSS) - _ACROSS + 4
    high = max(map(len, layers), default=0) * (_HIGH + _BETWEEN) - _BETWEEN + 4
    size = f'viewBox="-2 -2 {wide} {high}" width="{wide}" height="{high}"'
    begin = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="Inter, system-ui, sans-serif">'
    lines = [_line(places[cause], places[effect]) for cause, effect in links]
    cards = [_card(node, *places[node.id]) for node in nodes]
    return "".join((begin, _ARROW, *lines, *cards, "</svg>"))


def layered(ids: Sequence[str], links: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Each node in the first layer after all its causes; where causes go in a circle, some do not
    count.

    >>> layered(["model", "data", "train"], [("data", "train"), ("train", "model")])
    [['data'], ['train'], ['model']]
    >>> layered(["a", "b"], [("a", "b"), ("b", "a")])
    [['a'], ['b']]
    """
    causes: dict[str, set[str]] = {id: set() for id in ids}
    effects: dict[str, list[str]] = {id: [] for id in ids}
    for cause, effect in links:
        causes[effect].add(cause)
        effects[cause].append(effect)
    layer = dict.fromkeys(ids, 0)
    waiting = {id: len(causes[id]) for id in ids}
    ready = [id for id in ids if not waiting[id]]
    while waiting:
        id = ready.pop() if ready else min(waiting, key=lambda one: waiting[one])
        if waiting.pop(id, None) is None:
            continue
        for effect in effects[id]:
            if effect in waiting:
                layer[effect] = max(layer[effect], layer[id] + 1)
                waiting[effect] -= 1
                if not waiting[effect]:
                    ready.append(effect)
    found: list[list[str]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for id in ids:
        found[layer[id]].append(id)
    return found


def ordered(layers: list[list[str]], links: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The layers with each node near the middle of its neighbours, so that few lines cross.

    >>> ordered([["a", "b"], ["c", "d"]], [("a", "d"), ("b", "c")])
    [['b', 'a'], ['c', 'd']]
    """
    around: dict[str, list[str]] = {id: [] for layer in layers for id in layer}
    for cause, effect in links:
        around[cause].append(effect)
        around[effect].append(cause)
    place = {id: at - len(layer) / 2 for layer in layers for at, id in enumerate(layer)}
    for turn in range(6):
        for layer in layers if turn % 2 == 0 else reversed(layers):
            middle = {
                id: sum(place[o] for o in around[id]) / len(around[id]) if around[id] else place[id]
                for id in layer
            }
            layer.sort(key=lambda id: (middle[id], place[id]))
            place |= {id: at - len(layer) / 2 for at, id in enumerate(layer)}
    return layers


def _places(layers: Sequence[Sequence[str]]) -> Mapping[str, tuple[float, float]]:
    most = max(map(len, layers), default=0)
    step = _HIGH + _BETWEEN
    return {
        id: (across * (_WIDE + _ACROSS), (most - len(layer)) * step / 2 + at * step)
        for across, layer in enumerate(layers)
        for at, id in enumerate(layer)
    }


def _line(cause: tuple[float, float], effect: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = cause, effect
    x1, y1, y2 = x1 + _WIDE, y1 + _HIGH / 2, y2 + _HIGH / 2
    bend = _ACROSS / 2
    return (
        f'<path d="M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f}'
        f' {x2:.0f} {y2:.0f}" fill="none" stroke="#8d8f94" stroke-width="1.3"'
        ' marker-end="url(#arrow)"/>'
    )


def _card(node: Node, x: float, y: float) -> str:
    held = node.properties
    kind = str(held.get("kind") or node.label.lower())
    name = str(held.get("name") or node.id)
    fill, border, word = _COLOURS[_FAMILIES.get(kind, "data")]
    base = shown(name.rpartition("/")[2] or name)
    short = base if len(base) <= _ROOM else f"{base[:_ROOM]}…"
    return (
        f"<g><title>{escape(shown(name))}</title>"
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{_WIDE}" height="{_HIGH}"'
        f' rx="{_HIGH // 2 if node.label == "Step" else 8}" fill="{fill}" stroke="{border}"/>'
        f'<text x="{x + 14:.0f}" y="{y + 17:.0f}" font-size="10.5" fill="{word}">{escape(shown(kind))}</text>'
        f'<text x="{x + 14:.0f}" y="{y + 34:.0f}" font-size="12.5" font-weight="600"'
        f' fill="#1c1d21">{escape(short)}</text></g>'
    )
