"""Which version of each file was there at a commit? What its line of first parents left, or what a run made."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import apsw

from provgraph.store.embedded.schema import LABEL_NUMBERS, TYPE_NUMBERS
from provgraph.store.embedded.sql import Sql, begins, sql

_COMMIT, _RUN, _STEP = (LABEL_NUMBERS[label] for label in ("Commit", "Run", "Step"))
_BEFORE: Final = f"""
WITH RECURSIVE line(id) AS (
    VALUES (?) UNION SELECT e.dst FROM line
    CROSS JOIN edge e ON e.src = line.id AND e.type = {TYPE_NUMBERS["PARENT"]}{{0}}
)
SELECT line.id, e.dst FROM line
CROSS JOIN edge e ON e.src = line.id AND e.type = {TYPE_NUMBERS["PARENT"]}{{0}}
"""
_FIRST: Final = " AND json_type(e.properties, '$.first') = 'true'"
_IN_COMMIT: Final = f"""
CROSS JOIN node a ON a.id = h.artifact
CROSS JOIN edge c ON c.src = h.id AND c.type = {TYPE_NUMBERS["IN_COMMIT"]}
AND ifnull(json_extract(c.properties, '$.uri'), a.name) IS a.name
"""
_RUN_AT_COMMIT: Final = f"""
CROSS JOIN edge g ON g.src = h.id AND g.type = {TYPE_NUMBERS["GENERATED_BY"]}
CROSS JOIN node s ON s.id = g.dst AND s.label = {_STEP}
CROSS JOIN edge p ON p.src = s.id AND p.type = {TYPE_NUMBERS["PART_OF"]}
CROSS JOIN node r ON r.id = p.dst AND r.label = {_RUN}
CROSS JOIN edge c ON c.src = r.id AND c.type = {TYPE_NUMBERS["AT_COMMIT"]}
"""
_REMOVED: Final = f"""
SELECT DISTINCT h.artifact, c.dst FROM ({{}}) AS h
CROSS JOIN edge c ON c.src = h.artifact AND c.type = {TYPE_NUMBERS["REMOVED_IN"]}
"""

Away = Mapping[int, int]
"""Commits, each with how many edges lead to it."""
Known = Iterable[tuple[Any, ...]]
"""Artifact, version, commit; the versions in order of (`at`, id)."""


def left(connection: apsw.Connection, prefix: str, held: Sql) -> Sql:
    """The versions that are there at the commits whose sha begins so, of those `held` (`artifact`, `id`)."""
    asked = sql(
        f"SELECT n.id FROM node n WHERE +n.label = {_COMMIT} AND {{}}", begins("n.sha", prefix)
    )
    heads: list[tuple[Any, ...]] = connection.execute(asked.text, asked.parameters).fetchall()
    found: set[int] = set()
    if heads:
        in_commits = _known(connection, held, _IN_COMMIT)
        of_runs = _known(connection, held, _RUN_AT_COMMIT)
        removals = sql(_REMOVED, held)
        gone = connection.execute(removals.text, removals.parameters).fetchall()
        for (head,) in heads:
            line = away(connection, head, _FIRST)
            removed = _removed(line, gone)
            has = _nearest(line, in_commits, removed)
            made = [each for each in of_runs if each[0] not in has]
            if made:
                behind = away(connection, head)
                known = {
                    artifact for artifact, *_, commit in (*in_commits, *gone) if commit in behind
                }
                found.update(_nearest(line, (e for e in made if e[0] in known), removed).values())
                found.update(_nearest(behind, (e for e in made if e[0] not in known), {}).values())
            found.update(has.values())
    return sql("SELECT value AS id FROM json_each({})", json.dumps(sorted(found)))


def away(connection: apsw.Connection, commit: int, which: str = "") -> Away:
    """A commit and all that it came from."""
    parents: defaultdict[int, list[int]] = defaultdict(list)
    for id, parent in connection.execute(_BEFORE.format(which), (commit,)):
        parents[id].append(parent)
    found, level, hops = {commit: 0}, [commit], 0
    while level:
        further = dict.fromkeys(parent for id in level for parent in parents[id])
        level = [id for id in further if id not in found]
        hops += 1
        found.update(dict.fromkeys(level, hops))
    return found


def _known(connection: apsw.Connection, held: Sql, way: str) -> list[tuple[Any, ...]]:
    asked = sql(
        f"SELECT h.artifact, h.id, c.dst FROM ({{}}) AS h {way}"
        " CROSS JOIN node n ON n.id = h.id ORDER BY n.at IS NULL, n.at, n.uid",
        held,
    )
    return connection.execute(asked.text, asked.parameters).fetchall()


def _removed(line: Away, removals: Iterable[tuple[Any, ...]]) -> dict[int, int]:
    """How far the nearest commit is that removed an artifact, for each that one did.

    >>> _removed({7: 1, 8: 0}, [(1, 8), (1, 7), (2, 9)])
    {1: 0}
    """
    nearest: dict[int, int] = {}
    for artifact, commit in removals:
        if commit in line:
            nearest[artifact] = min(nearest.get(artifact, line[commit]), line[commit])
    return nearest


def _nearest(away: Away, known: Known, most: Mapping[int, int]) -> dict[int, int]:
    """The last version of each artifact that the nearest commit which has one has, not further than `most`.

    >>> known = [(1, 11, 8), (1, 12, 7), (2, 13, 7), (2, 14, 7), (2, 15, 9)]
    >>> _nearest({7: 1, 8: 0}, known, {}), _nearest({7: 1, 8: 0}, known, {2: 0})
    ({1: 11, 2: 14}, {1: 11})
    """
    edges = dict(most)
    found: dict[int, int] = {}
    for artifact, version, commit in known:
        if commit in away and away[commit] <= edges.get(artifact, away[commit]):
            edges[artifact], found[artifact] = away[commit], version
    return found
