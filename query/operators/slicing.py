"""`Slice`: which starts have a node in their lineage? One bit a start, carried along the edges."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.plan import Column, Known, Plan, Project, SetOp, Slice, Walk

if TYPE_CHECKING:
    from provgraph.query.operators import Cone, Reader


def sliced(plan: Slice, reader: Reader) -> tuple[tuple[Known, ...], bool]:
    """The rows of a slice, and whether it is known when they came to be."""
    first = set(_ids(plan.source, reader))
    others = set(_ids(plan.against, reader)) - first if plan.against is not None else set[str]()
    starts = plan.source if plan.against is None else SetOp("union", plan.source, plan.against)
    cone = reader.cone(Walk(starts, "origin", LINEAGE_EDGES))
    order = sorted(cone.starts, key=lambda start: cone.ids[start] not in first)
    held = reached_by(cone, [start for start in order if cone.ids[start] in first | others])
    ours, least = (1 << len(first)) - 1, plan.least(len(first))
    times = [None] * len(held) if cone.times is None else cone.times

    @cache
    def values(support: int, having: int) -> tuple[float, float, int]:
        return learned(support, having, len(first), len(others))

    rows = tuple(
        Known(id, label, values(support, bits.bit_count()), at)
        for id, label, bits, at in zip(cone.ids, cone.labels, held, times, strict=True)
        if (support := (bits & ours).bit_count()) >= least
    )
    return rows, cone.times is not None


def _ids(plan: Plan, reader: Reader) -> list[str]:
    return [id for (id,) in reader.columns(Project(plan, (Column("id", "id"),)))]


def learned(support: Any, having: Any, first: int, others: int) -> tuple[Any, Any, Any]:
    """The lift, the coverage and the support of a node that `support` of `first` rows have in their
    lineage, and `having` of those and the `others`: of numbers, or of arrays of them.

    >>> learned(3, 4, first=4, others=4)
    (1.5, 0.75, 3)
    """
    return support * (first + others) / (first * having), support / first, support


def reached_by(cone: Cone, starts: Sequence[int]) -> list[int]:
    """For each node of a cone, which of `starts` reach it by one edge at least toward the origin:
    bit n stands for the nth.

    A node is taken when all that lead to it have been. Where only cycles are left one begins
    anywhere, and what changes later is taken again.
    """
    causes: list[list[int]] = [[] for _ in cone.ids]
    waits = [0] * len(cone.ids)
    for effect, cause in zip(cone.effects, cone.causes, strict=True):
        causes[effect].append(cause)
        waits[cause] += 1
    own, held = [0] * len(cone.ids), [0] * len(cone.ids)
    for place, start in enumerate(starts):
        own[start] |= 1 << place
    taken = [False] * len(cone.ids)
    ready = deque(node for node, others in enumerate(waits) if not others)
    rest = (node for node in range(len(cone.ids)) if not taken[node])
    while (node := ready.popleft() if ready else next(rest, None)) is not None:
        first, taken[node] = not taken[node], True
        for cause in causes[node]:
            before = held[cause]
            held[cause] |= held[node] | own[node]
            waits[cause] -= first
            if held[cause] != before if taken[cause] else first and not waits[cause]:
                ready.append(cause)
    return held
