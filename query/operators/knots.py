"""Which nodes lie on a common cycle? They are a knot; what is between knots has an order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Knots:
    """`of` is each node's knot, `causes` each knot's causes, each once. In `order` an effect comes
    before its causes. If none is `tied`, there is no cycle, and each node is its own knot."""

    of: Sequence[int]
    causes: Sequence[Sequence[int]]
    order: Sequence[int]
    tied: bool = False


def knots_of(nodes: int, edges: Iterable[tuple[int, int]]) -> Knots:
    """Each edge is given once.

    >>> knots_of(4, [(0, 1), (1, 2), (2, 1), (2, 3), (0, 3)]).causes
    [[1, 2], [2], []]
    """
    causes: list[list[int]] = [[] for _ in range(nodes)]
    waits = [0] * nodes
    for effect, cause in edges:
        causes[effect].append(cause)
        waits[cause] += 1
    order = [node for node in range(nodes) if not waits[node]]
    for node in order:  # which grows
        for cause in causes[node]:
            waits[cause] -= 1
            if not waits[cause]:
                order.append(cause)
    if len(order) == nodes:  # no cycle: each node is a knot
        return Knots(range(nodes), causes, order)
    of = _tied(causes)
    between: list[dict[int, None]] = [{} for _ in range(max(of, default=-1) + 1)]
    for node in range(nodes):
        for cause in causes[node]:
            if of[cause] != of[node]:
                between[of[node]][of[cause]] = None
    return Knots(of, [sorted(each) for each in between], range(len(between)), tied=True)


def _tied(causes: Sequence[Sequence[int]]) -> list[int]:
    """Tarjan's: a knot is complete when all that it leads to is, so they come in reverse."""
    count = len(causes)
    found, low = [-1] * count, [0] * count
    of = [-1] * count
    stack: list[int] = []
    seen = knots = 0
    for root in range(count):
        if found[root] >= 0:
            continue
        found[root] = low[root] = seen
        seen += 1
        stack.append(root)
        way = [(root, iter(causes[root]))]
        while way:
            node, rest = way[-1]
            for cause in rest:
                if found[cause] < 0:
                    found[cause] = low[cause] = seen
                    seen += 1
                    stack.append(cause)
                    way.append((cause, iter(causes[cause])))
                    break
                if of[cause] < 0:
                    low[node] = min(low[node], found[cause])
            else:
                way.pop()
                if way:
                    low[way[-1][0]] = min(low[way[-1][0]], low[node])
                if low[node] == found[node]:
                    while True:
                        tied = stack.pop()
                        of[tied] = knots
                        if tied == node:
                            break
                    knots += 1
    return [knots - 1 - knot for knot in of]
