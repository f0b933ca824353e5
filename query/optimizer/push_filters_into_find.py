"""A filter right above a find is asked where the store looks.

That is always sound: `which` picks before `where` is asked, so `where` is the last thing that a
find asks, as the filter was. A condition must never go the other way round, into `kind`: that is
asked before `which` picks.
"""

from __future__ import annotations

from msgspec.structs import replace

from provgraph.query.optimizer.conjunctions import both
from provgraph.query.plan import Filter, Find, Plan


def push_filters_into_find(plan: Plan) -> Plan:
    """
    >>> from provgraph.query.plan import Comparison, Latest
    >>> big = Comparison("size", ">", 10)
    >>> push_filters_into_find(Filter(Find("Version", which=Latest()), big)) == Find(
    ...     "Version", which=Latest(), where=big)
    True
    """
    match plan:
        case Filter(Find() as source, condition):
            where = condition if source.where is None else both(source.where, condition)
            return replace(source, where=where)
        case _:
            return plan
