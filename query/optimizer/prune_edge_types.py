"""A walk need not look for edges that no node on its way can have.

The vocabulary says which labels an edge type joins; so which labels a plan's rows can have is known
before it runs, and from them which edge types a walk can meet.
"""

from __future__ import annotations

from msgspec.structs import replace

from provgraph.query.plan import Plan, Walk
from provgraph.query.shape import ends_of, labels_of_walk


def prune_edge_types(plan: Plan) -> Plan:
    """
    >>> from provgraph.query.plan import Find
    >>> prune_edge_types(Walk(Find("Run"), "origin", ("BY", "USED", "AT_COMMIT", "PARENT"))).via
    ('BY', 'AT_COMMIT', 'PARENT')
    """
    if not isinstance(plan, Walk):
        return plan
    left, _ = labels_of_walk(plan)
    kept = tuple(type for type in plan.via if ends_of(type, plan.toward)[0] & left)
    return replace(plan, via=kept)
