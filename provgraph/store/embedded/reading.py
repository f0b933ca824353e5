"""How are whole nodes, edges and timelines read?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import apsw

from provgraph.model.binding import TAIL
from provgraph.model.elements import Edge, Node, Value, Watermark
from provgraph.model.tails import LENGTH, Stored
from provgraph.model.vocabulary import EDGE_TYPES, Label
from provgraph.store import Statistics, Surroundings
from provgraph.store.embedded.conditions import place
from provgraph.store.embedded.properties import decoded, joined, read
from provgraph.store.embedded.schema import ARTIFACT, COLUMNS, TYPE_NUMBERS, Lexicon
from provgraph.store.embedded.sql import Sql, sql
from provgraph.store.embedded.transactions import reading

_NODE: Final = "n.uid, l.name, n.properties, " + ", ".join(f'n."{key}"' for key in COLUMNS)
_EDGE: Final = "s.uid, t.name, d.uid, e.key, e.properties"
_EDGE_ENDS: Final = """
CROSS JOIN edge_type t ON t.id = e.type
CROSS JOIN node s ON s.id = e.src CROSS JOIN node d ON d.id = e.dst
"""
_WANTED: Final = (
    "AND e.type IN (SELECT id FROM edge_type WHERE name IN (SELECT value FROM json_each(?2)))"
)
_GIVEN: Final = "json_each(?1) AS given CROSS JOIN node g ON g.uid = given.value"

_TIMELINE_TYPES: Final = ", ".join(
    str(TYPE_NUMBERS[edge.name])
    for edge in EDGE_TYPES
    if edge.bound or edge.name in ("VERSION_OF", "REVISION_OF")
)
_TYPES: Final = {number: name for name, number in TYPE_NUMBERS.items()}
_VERSION_OF: Final = TYPE_NUMBERS["VERSION_OF"]
# The two sides of an edge are asked one after the other: each has its index.
_TIMELINES: Final = f"""
WITH artifact (id) AS MATERIALIZED (
    SELECT DISTINCT g.id FROM {_GIVEN} WHERE g.label = {ARTIFACT}
), version (id) AS MATERIALIZED (
    SELECT DISTINCT e.src FROM artifact a CROSS JOIN edge e
    ON e.dst = a.id AND e.type = {_VERSION_OF}
)
"""
_TIMELINE_NODES: Final = f"""{_TIMELINES}
SELECT n.id, {_NODE} FROM (
    SELECT id FROM artifact UNION SELECT id FROM version
    UNION SELECT e.dst FROM version v CROSS JOIN edge e
    ON e.src = v.id AND e.type = {_VERSION_OF}
) r CROSS JOIN node n ON n.id = r.id JOIN label l ON l.id = n.label
"""
# Most of their ends are those nodes, and need not be looked up for each.
_TIMELINE_EDGES: Final = f"""{_TIMELINES}
SELECT e.src, e.type, e.dst, e.key, e.properties
FROM version v CROSS JOIN edge e ON e.src = v.id AND e.type IN ({_TIMELINE_TYPES})
UNION ALL
SELECT e.src, e.type, e.dst, e.key, e.properties
FROM version v CROSS JOIN edge e ON e.dst = v.id AND e.type IN ({_TIMELINE_TYPES})
WHERE e.src NOT IN (SELECT id FROM version)
"""
_UIDS: Final = (
    "SELECT n.id, n.uid FROM json_each(?) AS given CROSS JOIN node n ON n.id = given.value"
)
# The last version's place is 1; at 0 stands the newest.
_TAILS: Final = f"""
WITH RECURSIVE artifact (id, uid, uri, tail) AS MATERIALIZED (
    SELECT DISTINCT g.id, g.uid, g.name, g.properties -> '$.{TAIL}' FROM {_GIVEN}
    WHERE g.label = {ARTIFACT} AND g.properties -> '$.{TAIL}' IS NOT NULL
), version (artifact, uri, id, place) AS (
    SELECT a.id, a.uri, h.id, 1 FROM artifact a CROSS JOIN node h ON h.uid = a.tail ->> 0
    UNION ALL
    SELECT v.artifact, v.uri, e.dst, v.place + 1 FROM version v CROSS JOIN edge e
    ON e.src = v.id AND e.type = {TYPE_NUMBERS["REVISION_OF"]} AND e.key = v.uri
    WHERE v.place < {LENGTH}
)
SELECT a.uid, r.place, e.properties, {_NODE} FROM (
    SELECT artifact, id, place FROM version
    UNION ALL SELECT a.id, n.id, 0 FROM artifact a CROSS JOIN node n ON n.uid = a.tail ->> 1
) r JOIN artifact a ON a.id = r.artifact CROSS JOIN node n ON n.id = r.id
JOIN label l ON l.id = n.label
LEFT JOIN edge e ON e.src = r.id AND e.type = {_VERSION_OF} AND e.dst = r.artifact AND e.key = ''
ORDER BY 1, 2
"""


def nodes(connection: apsw.Connection, ids: Sequence[str]) -> list[Node]:
    rows = connection.execute(
        f"SELECT {_NODE} FROM (SELECT DISTINCT value FROM json_each(?1)) AS given"
        " CROSS JOIN node n ON n.uid = given.value JOIN label l ON l.id = n.label ORDER BY n.uid",
        (json.dumps(list(ids)),),
    )
    return [_node(row) for row in rows]


def _node(row: tuple[Any, ...]) -> Node:
    uid, label, rest, *columns = row
    return Node(uid, label, joined(columns, rest))


def edges(
    connection: apsw.Connection, ids: Sequence[str], types: Sequence[str], *, incoming: bool
) -> list[Edge]:
    end = "dst" if incoming else "src"
    rows = connection.execute(
        f"SELECT {_EDGE} FROM (SELECT DISTINCT g.id FROM {_GIVEN}) AS near"
        f" CROSS JOIN edge e ON e.{end} = near.id {_WANTED if types else ''} {_EDGE_ENDS}"
        " ORDER BY 1, 2, 3, 4",
        (json.dumps(list(ids)), *([json.dumps(list(types))] if types else [])),
    )
    return [_edge(row) for row in rows]


def degrees(
    connection: apsw.Connection, ids: Sequence[str], types: Sequence[str], *, incoming: bool
) -> dict[str, dict[str, int]]:
    end = "dst" if incoming else "src"
    rows = connection.execute(
        "SELECT near.uid, t.name, counted.edges FROM ("
        f"SELECT e.{end} AS id, e.type, count(*) AS edges"
        f" FROM (SELECT DISTINCT g.id FROM {_GIVEN}) AS given_nodes"
        f" CROSS JOIN edge e ON e.{end} = given_nodes.id {_WANTED if types else ''}"
        f" GROUP BY e.{end}, e.type"
        ") AS counted CROSS JOIN edge_type t ON t.id = counted.type"
        " CROSS JOIN node near ON near.id = counted.id ORDER BY 1, 2",
        (json.dumps(list(ids)), *([json.dumps(list(types))] if types else [])),
    )
    found: dict[str, dict[str, int]] = {}
    for near, name, count in rows:
        found.setdefault(near, {})[name] = count
    return found


def values(connection: apsw.Connection, label: Label, key: str, most: int) -> list[Value]:
    with reading(connection):
        lexicon = Lexicon(connection)
        at = place(key, lexicon)
        held = Sql(at.column or "NULL")
        if at.path is not None:  # as JSON: what stands in a column of the same key, too
            inside = sql("n.properties -> {}", at.path)
            held = sql("coalesce({}, nullif(json_quote({}), 'null'))", inside, held)
        asked = sql(
            "SELECT DISTINCT {} AS held FROM node n"
            f" WHERE n.label = {lexicon.labels[label]} AND held IS NOT NULL LIMIT {{}}",
            held,
            most,
        )
        rows = connection.execute(asked.text, asked.parameters).fetchall()
    return [value if at.path is None else read(str(value)) for (value,) in rows]


def _edge(row: tuple[Any, ...]) -> Edge:
    source, name, target, key, properties = row
    return Edge(source, name, target, key, decoded(properties))


def timelines(connection: apsw.Connection, artifacts: Sequence[str]) -> Surroundings:
    given = (json.dumps(list(artifacts)),)
    with reading(connection):
        rows: list[tuple[Any, ...]] = list(connection.execute(_TIMELINE_NODES, given))
        uids: dict[int, str] = {number: uid for number, uid, *_ in rows}
        edges: list[tuple[Any, ...]] = list(connection.execute(_TIMELINE_EDGES, given))
        others = {end for source, _, target, *_ in edges for end in (source, target)} - uids.keys()
        uids |= dict(connection.execute(_UIDS, (json.dumps(list(others)),)))
    return Surroundings(
        [_node(row[1:]) for row in rows],
        [
            Edge(uids[source], _TYPES[number], uids[target], key, decoded(properties))
            for source, number, target, key, properties in edges
        ],
    )


def tails(connection: apsw.Connection, artifacts: Sequence[str]) -> list[Stored]:
    with reading(connection):
        rows: list[tuple[Any, ...]] = list(
            connection.execute(_TAILS, (json.dumps(list(artifacts)),))
        )
        kept = nodes(connection, list({row[0] for row in rows}))
    of: dict[str, list[tuple[Node, Edge]]] = {node.id: [] for node in kept}
    for artifact, _, moment, *row in rows:
        node = _node(tuple(row))
        of[artifact].append((node, Edge(node.id, "VERSION_OF", artifact, "", decoded(moment))))
    return [Stored(node, of[node.id][0][0], of[node.id][1:]) for node in kept]


def watermarks(connection: apsw.Connection) -> dict[str, Watermark]:
    rows = connection.execute("SELECT segment, generation, records, stamp FROM watermark")
    return {segment: Watermark(segment, *rest) for segment, *rest in rows}


def statistics(connection: apsw.Connection) -> Statistics:
    with reading(connection):
        return Statistics(_counts(connection, "label"), _counts(connection, "edge_type"))


def _counts(connection: apsw.Connection, table: str) -> dict[str, int]:
    return dict(
        connection.execute(f"SELECT name, count FROM {table} WHERE count > 0 ORDER BY name")
    )
