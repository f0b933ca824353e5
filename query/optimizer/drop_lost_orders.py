"""A sort whose order nobody sees need not be done.

Filters, limits and projections keep the order of their rows, and a sort of a table does where it
finds ties; all other operators begin an order of their own. A limit sees the order: what is below
one stays sorted.
"""

from __future__ import annotations

from provgraph.query.plan import Filter, Limit, Plan, Project, Sort, is_table, with_sources


def drop_lost_orders(plan: Plan) -> Plan:
    """
    >>> from provgraph.query.plan import Find, Runs, SortKey
    >>> by_name = Sort(Find("Step"), (SortKey("name"),))
    >>> drop_lost_orders(Runs(by_name))
    Runs(source=Find(label='Step', name=None, kind=None, files=False, which=Every(until=None), where=None))
    >>> drop_lost_orders(Runs(Limit(by_name, 3))) == Runs(Limit(by_name, 3))
    True
    """
    match plan:
        case Filter() | Limit() | Project():
            return plan
        case Sort() if is_table(plan):
            return plan
        case _:
            return with_sources(plan, unordered)


def unordered(plan: Plan) -> Plan:
    """The same rows in any order."""
    match plan:
        case Sort(source, _):
            return unordered(source)
        case Filter(source, condition):
            return Filter(unordered(source), condition)
        case _:
            return plan
