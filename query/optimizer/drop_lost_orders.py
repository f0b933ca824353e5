"""A sort whose order nobody sees need not be done.

Walks, versions, runs, set operations and sorts (ties go by id) begin an order of their own. A limit
sees the order: what is below one stays sorted.
"""

from __future__ import annotations

from dataclasses import replace

from provgraph.query.plan import Filter, Plan, Runs, SetOp, Sort, Versions, Walk


def drop_lost_orders(plan: Plan) -> Plan:
    """
    >>> from provgraph.query.plan import Find, Limit, SortKey
    >>> by_name = Sort(Find("Step"), (SortKey("name"),))
    >>> drop_lost_orders(Runs(by_name))
    Runs(source=Find(label='Step', name=None, kind=None, files=False, which=Every(until=None), where=None))
    >>> drop_lost_orders(Runs(Limit(by_name, 3))) == Runs(Limit(by_name, 3))
    True
    """
    match plan:
        case SetOp():
            return replace(plan, left=unordered(plan.left), right=unordered(plan.right))
        case Walk():
            stop_at = None if plan.stop_at is None else unordered(plan.stop_at)
            return replace(plan, source=unordered(plan.source), stop_at=stop_at)
        case Versions() | Runs() | Sort():
            return replace(plan, source=unordered(plan.source))
        case _:
            return plan


def unordered(plan: Plan) -> Plan:
    """The same rows in any order."""
    match plan:
        case Sort(source, _):
            return unordered(source)
        case Filter(source, condition):
            return Filter(unordered(source), condition)
        case _:
            return plan
