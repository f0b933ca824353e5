"""Does a node satisfy a condition? The two-valued semantics, in Python.

There is no "unknown": a condition holds or it does not. A value is missing if the node has no such
property, or if it is an empty list. Booleans are the numbers 0 and 1. A list of text satisfies a
comparison or a membership if one of its members does (`not in` too: one member that is none of
them). Values of different types are never equal and never in order, so `!=` between text and a
number is false; `not in` asks only that no value is equal.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Final, assert_never

from provgraph.model.elements import Value
from provgraph.query.glob import compiled
from provgraph.query.plan import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Constant,
    Membership,
    Negate,
)

_COMPARE: Final[dict[str, Callable[[Constant, Constant], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def holds(condition: Condition, value: Callable[[str], Value]) -> bool:
    """Whether a condition holds of what `value` gives for a key (None: missing).

    >>> holds(Comparison("size", "!=", 3), {"size": 4}.get)
    True
    >>> holds(Comparison("size", "!=", 3), {}.get), holds(Comparison("size", "!=", "3"), {"size": 4}.get)
    (False, False)
    >>> holds(Negate(Comparison("size", "=", 3)), {}.get)
    True
    """
    match condition:
        case Comparison(key, sign, constant):
            return any(compares(found, sign, constant) for found in _members(value(key)))
        case Membership(key, constants, negated):
            return any(
                any(compares(found, "=", constant) for constant in constants) != negated
                for found in _members(value(key))
            )
        case AllOf(conditions):
            return all(holds(part, value) for part in conditions)
        case AnyOf(conditions):
            return any(holds(part, value) for part in conditions)
        case Negate(part):
            return not holds(part, value)
        case _:
            assert_never(condition)


def compares(found: Constant, sign: str, constant: Constant) -> bool:
    """Whether one present value stands to a constant as `sign` says.

    >>> compares("raw/a.csv", "~", "raw/*"), compares(True, ">=", 1), compares("10", "<", 9)
    (True, True, False)
    """
    if isinstance(found, str) != isinstance(constant, str):
        return False
    if sign == "~":
        return isinstance(found, str) and compiled(str(constant)).fullmatch(found) is not None
    return _COMPARE[sign](found, constant)


def keys(condition: Condition) -> frozenset[str]:
    """What a condition asks about.

    >>> sorted(keys(AllOf((Comparison("depth", "<", 3), Negate(Membership("kind", ()))))))
    ['depth', 'kind']
    """
    match condition:
        case Comparison(key, _, _) | Membership(key, _, _):
            return frozenset((key,))
        case AllOf(conditions) | AnyOf(conditions):
            return frozenset().union(*map(keys, conditions))
        case Negate(part):
            return keys(part)
        case _:
            assert_never(condition)


def asks_what_was_learned(condition: Condition) -> bool:
    """Whether the answer may depend on what operators learned of a row, such as its depth."""
    return any(key == "depth" or key.startswith(":") for key in keys(condition))


def _members(value: Value) -> tuple[Constant, ...]:
    """The present values: none, one, or a list's.

    >>> _members(None), _members(0), _members(("a", "b"))
    ((), (0,), ('a', 'b'))
    """
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)
