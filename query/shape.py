"""What can be told of a plan's rows before it runs: their labels, and whether they have a depth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, assert_never

from provgraph.model.vocabulary import EDGES, LABELS, Label
from provgraph.query.plan import (
    Filter,
    Find,
    Limit,
    Plan,
    Project,
    Runs,
    SetOp,
    Sort,
    Versions,
    Walk,
)


def labels(plan: Plan) -> frozenset[Label]:
    """The labels that rows may have; none if there can be no row.

    >>> sorted(labels(Walk(Find("Version"), "origin", ("GENERATED_BY", "USED"))))
    ['Step', 'Version']
    """
    match plan:
        case Find():
            return frozenset((plan.label,))
        case Walk():
            return _reached(labels(plan.source), plan.via, plan.toward)
        case Versions():
            return frozenset(("Version",))
        case Runs():
            return frozenset(("Run",))
        case SetOp(operator, left, right):
            if operator == "difference":
                return labels(left)
            if operator == "intersection":
                return labels(left) & labels(right)
            return labels(left) | labels(right)
        case Filter() | Sort() | Limit() | Project():
            return labels(plan.source)
        case _:
            assert_never(plan)


def has_depth(plan: Plan) -> bool:
    match plan:
        case Walk():
            return True
        case Find() | Versions() | Runs() | SetOp():
            return False
        case Filter() | Sort() | Limit() | Project():
            return has_depth(plan.source)
        case _:
            assert_never(plan)


def in_words(of: Iterable[Label]) -> str:
    """
    >>> in_words(["Step", "Version"])
    'versions and steps'
    """
    from provgraph.query.mistake import listed

    found = frozenset(of)
    shown = [f"{label.lower()}s" for label in _ORDER if label in found]
    return listed(shown) if shown else "nothing"


_ORDER: tuple[Label, ...] = ("Version", *(label for label in LABELS if label != "Version"))


def _reached(
    start: frozenset[Label], via: tuple[str, ...], toward: Literal["origin", "effect"]
) -> frozenset[Label]:
    edges = [EDGES[name] for name in via]
    pairs = [(e.source, e.target) if toward == "origin" else (e.target, e.source) for e in edges]
    found: frozenset[Label] = frozenset()
    while True:
        here = start | found
        more = found.union(*(there for near, there in pairs if here.intersection(near)))
        if more == found:
            return found
        found = more
