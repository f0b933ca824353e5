"""A walk need not look for edges that no node on its way can have.

The vocabulary says which labels an edge type joins; so which labels a plan's rows can have is known
before it runs, and from them which edge types a walk can meet.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from provgraph.model.vocabulary import EDGES, Label
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

Labels = frozenset[Label]


def prune_edge_types(plan: Plan) -> Plan:
    """
    >>> prune_edge_types(Walk(Find("Run"), "origin", ("BY", "USED", "AT_COMMIT", "PARENT"))).via
    ('BY', 'AT_COMMIT', 'PARENT')
    """
    if not isinstance(plan, Walk):
        return plan
    left, _ = _met(plan)
    return replace(plan, via=tuple(type for type in plan.via if _ends(type, plan)[0] & left))


def labels(plan: Plan) -> Labels:
    """The labels that the rows of a plan can have.

    >>> sorted(labels(Walk(Find("Run"), "origin", ("AT_COMMIT", "PARENT", "BY"))))
    ['Agent', 'Commit']
    """
    match plan:
        case Find():
            return frozenset({plan.label})
        case Walk():
            return _met(plan)[1]
        case Versions():
            return frozenset({"Version"})
        case Runs():
            return frozenset({"Run"})
        case SetOp("union", left, right):
            return labels(left) | labels(right)
        case SetOp("intersection", left, right):
            return labels(left) & labels(right)
        case SetOp(_, left, _):
            return labels(left)
        case Filter() | Sort() | Limit() | Project():
            return labels(plan.source)
        case _:
            assert_never(plan)


def _met(walk: Walk) -> tuple[Labels, Labels]:
    """The labels of the nodes that a walk can leave, and of those that it can reach."""
    left = labels(walk.source)
    reached: Labels = frozenset()
    while True:
        ends = [_ends(type, walk) for type in walk.via]
        more = reached.union(*(to for begin, to in ends if begin & left))
        if more == reached:
            return left, reached
        reached, left = more, left | more


def _ends(type: str, walk: Walk) -> tuple[Labels, Labels]:
    """The labels at an edge's two ends, in the direction of the walk."""
    effect, cause = frozenset(EDGES[type].source), frozenset(EDGES[type].target)
    return (effect, cause) if walk.toward == "origin" else (cause, effect)
