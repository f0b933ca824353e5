"""A filter above a sort or a set operation may as well be below: fewer rows to sort and to compare.

Not below a set operation if it asks for what was learned, such as the depth: that is lost there. Not
below a limit, which counts the rows that are filtered out.
"""

from __future__ import annotations

from msgspec.structs import replace

from provgraph.query.conditions import asks_what_was_learned
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
        case Filter(SetOp("union", left, right), condition) if not asks_what_was_learned(condition):
            return SetOp("union", Filter(left, condition), Filter(right, condition))
        case Filter(SetOp() as sets, condition) if not asks_what_was_learned(condition):
            return replace(sets, left=Filter(sets.left, condition))
        case _:
            return plan
