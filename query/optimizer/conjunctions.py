"""A condition as the parts that must all hold, and back."""

from __future__ import annotations

from collections.abc import Sequence

from provgraph.query.plan import AllOf, Condition, Filter, Plan


def parts(condition: Condition) -> tuple[Condition, ...]:
    """
    >>> from provgraph.query.plan import Comparison
    >>> parts(AllOf((Comparison("a", "=", 1), AllOf(()))))
    (Comparison(key='a', operator='=', value=1),)
    """
    if isinstance(condition, AllOf):
        return tuple(inner for part in condition.conditions for inner in parts(part))
    return (condition,)


def both(one: Condition, other: Condition) -> Condition:
    """
    >>> from provgraph.query.plan import Comparison
    >>> both(Comparison("a", "=", 1), AllOf(()))
    Comparison(key='a', operator='=', value=1)
    """
    return whole((*parts(one), *parts(other)))


def whole(conditions: Sequence[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else AllOf(tuple(conditions))


def filtered(source: Plan, conditions: Sequence[Condition]) -> Plan:
    """A plan's rows of which all the conditions hold."""
    return Filter(source, whole(conditions)) if conditions else source
