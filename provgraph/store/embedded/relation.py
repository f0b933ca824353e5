"""What an operator of a plan becomes: a SELECT of (id, depth, rank, learned).

`depth` is null where no walk gave one; `rank` is the row's place where a sort gave one, else null;
`learned` is JSON of what operators learned, else null.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import apsw

from provgraph.store.embedded.sql import Sql, sql


@dataclass(frozen=True, slots=True)
class Relation:
    """`nesting` counts the selects within; SQLite's parser has a limit."""

    sql: Sql
    nesting: int = 1


NO_MORE: Final = "NULL AS depth, NULL AS rank, NULL AS learned"
"""What rows have that nothing is known of but their nodes."""
NOTHING: Final = Relation(Sql(f"SELECT NULL AS id, {NO_MORE} WHERE 0"))

# A row id and a depth in one integer of 64 bits, because `carray` gives one column.
DEPTH_BITS: Final = 40
_LOW: Final = (1 << DEPTH_BITS) - 1

ORDER: Final = "r.rank, coalesce(r.depth, 0), n.at IS NULL, n.at, n.uid"
"""The order of rows, where `r` is a relation and `n` the node."""


def numbers(values: Iterable[int]) -> Any:
    """Integers as one parameter of `carray`; there must be one at least."""
    return apsw.carray(array("q", values))


def constant(ids: Iterable[int]) -> Relation:
    """The relation of these ids."""
    found = array("q", ids)
    if not found:
        return NOTHING
    return Relation(sql(f"SELECT value AS id, {NO_MORE} FROM carray({{}})", apsw.carray(found)))


def listed(rows: Sequence[tuple[Any, ...]]) -> Relation:
    """The relation of these rows: an id, a depth, a rank, and JSON of what was learned; each but the
    id may be None."""
    return Relation(
        sql(
            "SELECT value ->> 0 AS id, value ->> 1 AS depth, value ->> 2 AS rank,"
            " value ->> 3 AS learned FROM json_each({})",
            json.dumps(rows),
        )
    )


def with_depths(depths: Mapping[int, int]) -> Relation:
    """The relation of these ids and their depths."""
    return packed(array("q", (depth << DEPTH_BITS | id for id, depth in depths.items())))


def packed(rows: Any) -> Relation:
    """The relation of an array of integers: a depth, shifted by `DEPTH_BITS`, and an id."""
    if not len(rows):
        return NOTHING
    return Relation(
        sql(
            f"SELECT value & {_LOW} AS id, value >> {DEPTH_BITS} AS depth, NULL AS rank,"
            " NULL AS learned FROM carray({})",
            apsw.carray(rows),
        )
    )
