"""Which cheaper plan asks the same? Rules, one a file, applied until none of them changes anything.

A rule looks at one operator and the ones right below it, and gives the plan back as it was where it
does not apply. None may change an answer, its order or its depths, in any graph that keeps to the
vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from provgraph.query.optimizer.bound_walks import bound_walks
from provgraph.query.optimizer.drop_lost_orders import drop_lost_orders
from provgraph.query.optimizer.merge_filters import merge_filters
from provgraph.query.optimizer.merge_limits import merge_limits
from provgraph.query.optimizer.prune_edge_types import prune_edge_types
from provgraph.query.optimizer.push_filters_down import push_filters_down
from provgraph.query.optimizer.push_filters_into_find import push_filters_into_find
from provgraph.query.plan import Plan, with_sources

__all__ = ["RULES", "optimize", "rewrite"]

Rule = Callable[[Plan], Plan]

RULES: Final[tuple[Rule, ...]] = (
    merge_filters,
    push_filters_down,
    push_filters_into_find,
    bound_walks,
    drop_lost_orders,
    merge_limits,
    prune_edge_types,
)


def optimize(plan: Plan) -> Plan:
    """A plan with the same answer in every store.

    >>> from provgraph.query.plan import Comparison, Filter, Find, Sort, SortKey
    >>> by_name = Sort(Find("Run"), (SortKey("name"),))
    >>> optimize(Filter(by_name, Comparison("exit", "=", 1)))
    ... # doctest: +NORMALIZE_WHITESPACE
    Sort(source=Find(label='Run', name=None, kind=None, files=False, which=Every(until=None),
                     where=Comparison(key='exit', operator='=', value=1)),
         by=(SortKey(key='name', descending=False),))
    """
    while (better := _rewritten_by_all(plan)) != plan:
        plan = better
    return plan


def _rewritten_by_all(plan: Plan) -> Plan:
    for rule in RULES:
        plan = rewrite(plan, rule)
    return plan


def rewrite(plan: Plan, rule: Rule) -> Plan:
    """A rule applied to every operator of a plan, the lowest first."""
    return rule(with_sources(plan, lambda source: rewrite(source, rule)))
