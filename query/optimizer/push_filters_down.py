"""A filter above a sort or a set operation may as well be below: fewer rows to sort and to compare.

Not below a set operation if it asks for the depth, which is lost there; not below a limit, which
counts the rows that are filtered out.
"""

from __future__ import annotations

from dataclasses import replace

from provgraph.query.conditions import asks_depth
from provgraph.query.plan import Filter, Plan, SetOp, Sort


def push_filters_down(plan: Plan) -> Plan:
    """
    >>> from provgraph.query.plan import Comparison, Find
    >>> both = SetOp("difference", Find("Run"), Find("Step"))
    >>> failed = Comparison("exit", "!=", 0)
    >>> push_filters_down(Filter(both, failed)) == SetOp(
    ...     "difference", Filter(Find("Run"), failed), Find("Step"))
    True
    """
    match plan:
        case Filter(Sort(source, by), condition):
            return Sort(Filter(source, condition), by)
        case Filter(SetOp("union", left, right), condition) if not asks_depth(condition):
            return SetOp("union", Filter(left, condition), Filter(right, condition))
        case Filter(SetOp() as sets, condition) if not asks_depth(condition):
            return replace(sets, left=Filter(sets.left, condition))
        case _:
            return plan
