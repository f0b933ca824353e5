"""Of two limits in a row the smaller one counts."""

from __future__ import annotations

from provgraph.query.plan import Limit, Plan


def merge_limits(plan: Plan) -> Plan:
    """
    >>> from provgraph.query.plan import Find
    >>> merge_limits(Limit(Limit(Find("Run"), 3), 5)) == Limit(Find("Run"), 3)
    True
    """
    match plan:
        case Limit(Limit(source, inner), outer):
            return Limit(source, min(inner, outer))
        case _:
            return plan
