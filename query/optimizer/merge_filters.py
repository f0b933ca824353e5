"""Two filters in a row ask the same as one that asks for both."""

from __future__ import annotations

from provgraph.query.optimizer.conjunctions import both
from provgraph.query.plan import Filter, Plan


def merge_filters(plan: Plan) -> Plan:
    """
    >>> from provgraph.query.plan import Comparison, Find
    >>> ran = Filter(Find("Run"), Comparison("exit", "=", 1))
    >>> print(merge_filters(Filter(ran, Comparison("dirty", "=", True))).condition)
    ... # doctest: +NORMALIZE_WHITESPACE
    AllOf(conditions=(Comparison(key='exit', operator='=', value=1),
                      Comparison(key='dirty', operator='=', value=True)))
    """
    match plan:
        case Filter(Filter(source, first), second):
            return Filter(source, both(first, second))
        case _:
            return plan
