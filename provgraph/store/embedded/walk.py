"""Which nodes does a walk reach, and how far are they? Breadth first, a level a statement.

SQLite reads the edges of a whole level, Python keeps the depths: pairs of (id, depth) in a
recursive query would multiply, and a node far away needs every level between anyway.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import apsw

from provgraph.model.vocabulary import Label
from provgraph.query.operators import Cone
from provgraph.query.plan import Walk
from provgraph.store.embedded.budget import Meter
from provgraph.store.embedded.relation import numbers
from provgraph.store.embedded.schema import Lexicon
from provgraph.store.embedded.sql import Sql, sql


def reached(
    connection: apsw.Connection,
    plan: Walk,
    types: frozenset[int],
    sources: Collection[int],
    stops: Collection[int],
    meter: Meter,
) -> dict[int, int]:
    """The depth of each node reached over edges of these types, by row id."""
    if not types:
        return {}
    step = _step(plan, sorted(types))
    level = visible(connection, sources, plan.until)
    left = set(level)  # their edges have been followed
    depths: dict[int, int] = {}
    depth = 0
    while level and (plan.max_hops is None or depth < plan.max_hops):
        depth += 1
        found = {id for (id,) in connection.execute(step.text, (numbers(level), *step.parameters))}
        meter.visit(len(found))
        new = [id for id in found if id not in depths]
        depths.update(dict.fromkeys(new, depth))
        level = sorted(id for id in new if id not in left and id not in stops)
        left.update(level)
    return depths


def _step(plan: Walk, types: list[int]) -> Sql:
    """The statement from one level to the next; its first parameter is the level."""
    here, there = ("src", "dst") if plan.toward == "origin" else ("dst", "src")
    # One range of the index for each node; the plus keeps SQLite from a seek for each type.
    among = sql("e.type BETWEEN {} AND {}", types[0], types[-1])
    if types[-1] - types[0] >= len(types):
        among = sql(f"{{}} AND +e.type IN ({', '.join(map(str, types))})", among)
    hidden = Sql("")
    if plan.until is not None:
        hidden = sql(f" CROSS JOIN node n ON n.id = e.{there} AND {_IS_VISIBLE}", plan.until)
    template = (
        f"SELECT e.{there} FROM carray(?) AS level"
        f" CROSS JOIN edge e ON e.{here} = level.value AND {{}}{{}}"
    )
    return sql(template, among, hidden)


_IS_VISIBLE = "(typeof(n.at) <> 'integer' OR n.at <= {})"


def visible(connection: apsw.Connection, ids: Collection[int], until: int | None) -> list[int]:
    """Those of the nodes that exist at `until`."""
    if until is None or not ids:
        return sorted(ids)
    asked = sql(
        "SELECT n.id FROM carray({}) AS given CROSS JOIN node n ON n.id = given.value"
        f" AND {_IS_VISIBLE} ORDER BY n.id",
        numbers(ids),
        until,
    )
    return [id for (id,) in connection.execute(asked.text, asked.parameters)]


def cone_of(
    connection: apsw.Connection,
    lexicon: Lexicon,
    via: Collection[str],
    starts: Collection[int],
    found: Collection[int],
) -> Cone:
    """The nodes of a walk, which left `starts` and reached `found`, with the edges between them."""
    rows = list(dict.fromkeys([*starts, *found]))
    if not rows:
        return Cone([], [], [], [], [])
    place = {row: at for at, row in enumerate(rows)}
    names = named(connection, lexicon, rows)
    types = [lexicon.types[name] for name in set(via) if name in lexicon.types]
    pairs = connection.execute(
        "SELECT DISTINCT e.src, e.dst FROM carray(?) AS r CROSS JOIN edge e ON e.src = r.value"
        f" AND +e.type IN ({', '.join(map(str, types))})",
        (numbers(rows),),
    )
    inside = [(place[src], place[dst]) for src, dst in pairs if dst in place]
    return Cone(
        [id for id, _ in names],
        [label for _, label in names],
        [place[start] for start in starts],
        [effect for effect, _ in inside],
        [cause for _, cause in inside],
    )


def named(
    connection: apsw.Connection, lexicon: Lexicon, rows: Collection[int]
) -> list[tuple[str, Label]]:
    """The ids and labels of nodes, of one at least, in the order of these row ids."""
    label_of = lexicon.label_of()
    known = connection.execute(
        "SELECT n.id, n.uid, n.label FROM carray(?) AS r CROSS JOIN node n ON n.id = r.value",
        (numbers(rows),),
    )
    names = {row: (uid, cast(Label, label_of[label])) for row, uid, label in known}
    return [names[row] for row in rows]
