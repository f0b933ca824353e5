"""What can be told of an operator's rows without asking the engine again?

Their order, where it is about what was learned of them or when they came to be is known with them; so
which of them are the first; and the columns that are of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from provgraph.model.elements import Value
from provgraph.query.order import in_order_of
from provgraph.query.plan import Fetched, Given, Known, Limit, Plan, Project, Sort


def is_fetched(plan: Plan) -> bool:
    """Whether a plan is an operator's rows in some order, or the first of them.

    >>> from provgraph.query.plan import Find, Slice
    >>> is_fetched(Limit(Slice(Find("Version")), 3)), is_fetched(Limit(Find("Version"), 3))
    (True, False)
    """
    while isinstance(plan, Limit | Sort):
        plan = plan.source
    return isinstance(plan, Fetched)


def fewer(plan: Limit) -> Plan:
    """The same rows of an operator that was carried out, the others left out where that can be told.

    >>> from provgraph.query.plan import SortKey
    >>> rows = tuple(Known(id, "Run", (score,)) for id, score in (("r1", 1), ("r2", 3), ("r3", 2)))
    >>> best = Sort(Given(rows, ("Run",), (":lift",)), (SortKey(":lift", descending=True),))
    >>> [row.id for row in fewer(Limit(best, 2)).source.rows]
    ['r2', 'r3']
    """
    rows = ordered(plan)
    return plan if rows is None else _holding(plan, tuple(rows))


def told(plan: Project) -> list[tuple[Any, ...]] | None:
    """The columns of an operator's rows; None where they cannot be told."""
    rows = ordered(plan.source)
    if rows is None:
        return None
    given = _given(plan.source)
    places = {key: place for place, key in enumerate(given.keys)}
    keys = [column.key for column in plan.columns]
    if not {"id", *places}.issuperset(keys):
        return None
    ids, learned = [row.id for row in rows], [row.learned for row in rows]
    columns = [ids if key == "id" else [each[places[key]] for each in learned] for key in keys]
    return list(zip(*columns, strict=True))


def ordered(plan: Plan) -> list[Known] | None:
    """The rows of a plan over given ones, in its order; None where more must be known for that."""
    match plan:
        case Given(rows, timed=True):
            return sorted(rows, key=_when)
        case Sort(Given(rows, _, keys), by) if {key.key for key in by} <= {*keys}:
            places = {key: place for place, key in enumerate(keys)}

            def value(row: Known, key: str) -> Value:
                return row.learned[places[key]]

            return in_order_of(by, sorted(rows, key=lambda row: row.id), value)
        case Limit(source, count):
            found = ordered(source)
            return None if found is None else found[: max(count, 0)]
        case _:
            return None


def _when(row: Known) -> tuple[bool, int, str]:
    return row.at is None, row.at or 0, row.id


def _given(plan: Plan) -> Given:
    while isinstance(plan, Limit | Sort):
        plan = plan.source
    assert isinstance(plan, Given)
    return plan


def _holding(plan: Plan, rows: Sequence[Known]) -> Plan:
    match plan:
        case Limit(source, _):
            return _holding(source, rows)
        case Sort(source, _):
            return replace(plan, source=_holding(source, rows))
        case _:
            return replace(_given(plan), rows=tuple(rows))
