"""A walk whose rows are wanted up to some depth need not go deeper."""

from __future__ import annotations

from msgspec.structs import replace

from provgraph.query.optimizer.conjunctions import filtered, parts
from provgraph.query.plan import Comparison, Condition, Filter, Plan, Walk


def bound_walks(plan: Plan) -> Plan:
    """
    >>> from provgraph.query.plan import Find
    >>> walk = Walk(Find("Run"), "effect", ("PART_OF",))
    >>> bound_walks(Filter(walk, Comparison("depth", "<", 3))) == replace(walk, max_hops=2)
    True
    """
    match plan:
        case Filter(Walk() as walk, condition):
            asked = parts(condition)
            bounds = [bound for part in asked if (bound := deepest(part)) is not None]
            if walk.max_hops is not None:
                bounds.append(walk.max_hops)
            if not bounds:
                return plan
            left = [part for part in asked if deepest(part) is None or is_equality(part)]
            return filtered(replace(walk, max_hops=max(0, min(bounds))), left)
        case _:
            return plan


def deepest(condition: Condition) -> int | None:
    """The greatest depth of which a condition can hold, if it says one.

    >>> deepest(Comparison("depth", "=", 3)), deepest(Comparison("depth", ">", 3))
    (3, None)
    """
    match condition:
        case Comparison("depth", "<=" | "=", int(value)):
            return int(value)
        case Comparison("depth", "<", int(value)):
            return value - 1
        case _:
            return None


def is_equality(condition: Condition) -> bool:
    return isinstance(condition, Comparison) and condition.operator == "="
