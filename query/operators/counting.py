"""`Count`: groups of equal values, added up and put in order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from provgraph.query.order import rank
from provgraph.query.plan import Count


def counted(plan: Count, groups: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """The rows of a count, from groups (values, then how many) of which several may be equal.

    >>> from provgraph.query.plan import Column, Find
    >>> by_size = Count(Find("Version"), (Column("size", "size"),))
    >>> counted(by_size, [(1, 2), (None, 9), (1.0, 3), (True, 5)])
    ... # doctest: +NORMALIZE_WHITESPACE
    [{'size': None, 'count': 9}, {'size': 1, 'count': 5}, {'size': True, 'count': 5}]
    """
    if not plan.by:
        return [{"count": sum(many for (many,) in groups)}]
    totals: Counter[tuple[Any, ...]] = Counter()
    shown: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for *values, many in groups:
        plain = tuple(map(_plain, values))
        alike = tuple(map(sameness, plain))
        shown.setdefault(alike, plain)
        totals[alike] += many
    names = [column.name for column in plan.by]
    found = [(shown[alike], many) for alike, many in totals.items()]
    found.sort(key=lambda each: (-each[1], [_place(value) for value in each[0]]))
    return [{**dict(zip(names, values, strict=True)), "count": many} for values, many in found]


def _plain(value: Any) -> Any:
    """A whole number without a fraction."""
    whole = isinstance(value, float) and math.isfinite(value) and value.is_integer()
    return int(value) if whole else value


def sameness(value: Any) -> tuple[str, Any]:
    """What is equal for values that are one: true is not 1, and NaN is NaN."""
    if isinstance(value, float) and math.isnan(value):
        return "nan", None
    return "boolean" if isinstance(value, bool) else "", value


def _place(value: Any) -> tuple[Any, ...]:
    """A value's place in order: as in a sort, NaN after the numbers, lists by all their members."""
    if isinstance(value, float) and math.isnan(value):
        return (0, 1, 0)
    if isinstance(value, tuple):
        return (2, value)
    placed = rank(value)
    if placed is None:
        return (3,)
    is_text, at = placed
    return (1, at) if is_text else (0, 0, at, isinstance(value, bool))
