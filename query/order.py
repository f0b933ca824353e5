"""In which order do values come, and rows by their values?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from provgraph.model.elements import Value
from provgraph.query.plan import SortKey

R = TypeVar("R")


def in_order_of(
    by: Sequence[SortKey], rows: Iterable[R], value: Callable[[R, str], Value]
) -> list[R]:
    """By the keys; ties keep their order. `descending` reverses the present values; the missing
    stay last."""
    found = list(rows)
    for key in reversed(by):
        ranked = [(rank(value(row, key.key)), row) for row in found]
        present = [(place, row) for place, row in ranked if place is not None]
        present.sort(key=lambda each: each[0], reverse=key.descending)  # stable in both directions
        found = [row for _, row in present] + [row for place, row in ranked if place is None]
    return found


def rank(value: Value) -> tuple[bool, Any] | None:
    """A value's place among values: numbers, then text by code point; a list stands where its first
    member does. None for a missing value or an empty list.

    >>> sorted(["b", 10, "a", True, 0.5], key=rank)
    [0.5, True, 10, 'a', 'b']
    >>> rank(()), rank(("b", "a")) == rank("b")
    (None, True)
    """
    if isinstance(value, tuple):
        return rank(value[0]) if value else None
    return None if value is None else (isinstance(value, str), value)
