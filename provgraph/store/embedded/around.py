"""What is around some nodes, whichever way the edges point? A hop at a time, as a walk goes."""

from __future__ import annotations

from collections.abc import Collection

import apsw

from provgraph.query.plan import Around
from provgraph.store.embedded.budget import Meter
from provgraph.store.embedded.relation import numbers
from provgraph.store.embedded.schema import Lexicon


def around(
    connection: apsw.Connection,
    lexicon: Lexicon,
    plan: Around,
    sources: Collection[int],
    meter: Meter,
) -> dict[int, int]:
    """The depth of each node found, by row id."""
    depths = dict.fromkeys(sources, 0)
    types = sorted(lexicon.types[name] for name in set(plan.via) if name in lexicon.types)
    level = sorted(depths)
    for depth in range(1, plan.hops + 1 if types else 1):
        if not level:
            break
        level = sorted(_joined(connection, types, level) - depths.keys())
        meter.visit(len(level))
        depths.update(dict.fromkeys(level, depth))
    return depths


def _joined(connection: apsw.Connection, types: list[int], level: list[int]) -> set[int]:
    among = f"e.type BETWEEN {types[0]} AND {types[-1]}"
    if types[-1] - types[0] >= len(types):
        among += (
            f" AND +e.type IN ({', '.join(map(str, types))})"  # the plus: no seek for each type
        )
    found = connection.execute(
        f"SELECT e.dst FROM carray(?1) AS level CROSS JOIN edge e ON e.src = level.value AND {among}"
        f" UNION SELECT e.src FROM carray(?2) AS level CROSS JOIN edge e"
        f" ON e.dst = level.value AND {among}",
        (numbers(level), numbers(level)),
    )
    return {id for (id,) in found}
