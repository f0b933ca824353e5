"""Conditions -> SQL that is 0 or 1, never null.

Two aliases are in scope: `n`, the node's row, and `r`, the row of the plan (its `depth` and what was `learned`). The
meaning is `provgraph.query.conditions`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from provgraph.query.plan import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Constant,
    Membership,
    Negate,
    Operator,
)
from provgraph.store.embedded.schema import Lexicon, json_path
from provgraph.store.embedded.sql import FALSE, TRUE, Sql, globbed, joined, sql

_SIGNS: Final[dict[Operator, str]] = {
    "=": "=",
    "!=": "<>",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}
_MANY: Final = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key's values stand: in a column, in `json` under a path, or (of a spilled key) in
    either."""

    column: str | None = None
    path: str | None = None
    json: str = "n.properties"


def place(key: str, lexicon: Lexicon) -> Place:
    if key == "id":
        return Place("n.uid")
    if key == "depth":
        return Place("r.depth")
    if key.startswith(":"):
        return Place(None, json_path(key), "r.learned")
    if lexicon.has_column(key):
        return Place(f'n."{key}"')
    if key in lexicon.spilled:
        return Place(f'n."{key}"', json_path(key))
    return Place(None, json_path(key))


def condition(asked: Condition, lexicon: Lexicon) -> Sql:
    match asked:
        case Comparison(key, operator, constant):
            at = place(key, lexicon)
            return _anywhere(
                at,
                _compared(at.column, operator, constant),
                _member_compared(operator, constant),
            )
        case Membership(key, constants, negated):
            at = place(key, lexicon)
            return _anywhere(
                at,
                _among(at.column, constants, negated=negated),
                _member_among(constants, negated=negated),
            )
        case AllOf(parts):
            return _combined(" AND ", parts, lexicon, TRUE)
        case AnyOf(parts):
            return _combined(" OR ", parts, lexicon, FALSE)
        case Negate(part):
            return sql("(NOT {})", condition(part, lexicon))
        case _:
            assert_never(asked)


def _combined(word: str, parts: Sequence[Condition], lexicon: Lexicon, none: Sql) -> Sql:
    """A balanced tree: SQLite's expressions may be a thousand levels deep, not more."""
    if len(parts) <= 1:
        return condition(parts[0], lexicon) if parts else none
    middle = len(parts) // 2
    left = _combined(word, parts[:middle], lexicon, none)
    right = _combined(word, parts[middle:], lexicon, none)
    return sql(f"({{}}{word}{{}})", left, right)


def _anywhere(at: Place, column: Sql, member: Sql) -> Sql:
    tests = [column] if at.column is not None else []
    if at.path is not None:
        tests.append(
            sql(
                f"EXISTS (SELECT 1 FROM json_each({at.json}, {{}}) AS m WHERE {{}})",
                at.path,
                member,
            )
        )
    return tests[0] if len(tests) == 1 else sql("({})", joined(" OR ", tests))


def _compared(column: str | None, operator: Operator, constant: Constant) -> Sql:
    if operator == "~":
        return globbed(column or "", constant) if isinstance(constant, str) else FALSE
    if _is_nan(constant):
        return Sql(f"(typeof({column}) IN ('integer', 'real'))") if operator == "!=" else FALSE
    if operator == "=":  # without affinities, values of two types are never equal
        return sql(f"({column} IS {{}})", constant)
    types = "= 'text'" if isinstance(constant, str) else "IN ('integer', 'real')"
    return sql(f"(typeof({column}) {types} AND {column} {_SIGNS[operator]} {{}})", constant)


def _member_compared(operator: Operator, constant: Constant) -> Sql:
    """Of a scalar there is one member, itself; of a NaN one of type `array` (`properties.py`)."""
    if operator == "~":
        test = sql("matches({}, m.value)", constant) if isinstance(constant, str) else FALSE
        return sql("m.type = 'text' AND {}", test)
    types = "('text')" if isinstance(constant, str) else "('integer', 'real', 'true', 'false')"
    if operator == "!=" and not isinstance(constant, str):
        types = "('integer', 'real', 'true', 'false', 'array')"
    if _is_nan(constant):
        return Sql(f"m.type IN {types}") if operator == "!=" else FALSE
    return sql(f"m.type IN {types} AND m.value {_SIGNS[operator]} {{}}", constant)


def _among(column: str | None, constants: Sequence[Constant], *, negated: bool) -> Sql:
    word = "NOT IN" if negated else "IN"
    return sql(f"({column} IS NOT NULL AND {column} {word} {{}})", _listed(constants))


def _member_among(constants: Sequence[Constant], *, negated: bool) -> Sql:
    found = sql("(m.type <> 'array' AND m.value IN {})", _listed(constants))
    return sql("NOT {}", found) if negated else found


def _listed(constants: Sequence[Constant]) -> Sql:
    kept = [constant for constant in constants if not _is_nan(constant)]
    if len(kept) > _MANY:
        return sql("(SELECT value FROM json_each({}))", json.dumps(kept))
    return sql("({})", joined(", ", [sql("{}", constant) for constant in kept]))


def _is_nan(constant: Constant) -> bool:
    return isinstance(constant, float) and math.isnan(constant)
