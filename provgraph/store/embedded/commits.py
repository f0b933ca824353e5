"""Which version of each file was there at a commit? The one that its line of commits left."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import apsw

from provgraph.store.embedded.schema import LABEL_NUMBERS, TYPE_NUMBERS
from provgraph.store.embedded.sql import Sql, begins, sql

_COMMIT, _RUN, _STEP = (LABEL_NUMBERS[label] for label in ("Commit", "Run", "Step"))
_LINE: Final = f"""
WITH RECURSIVE line(id) AS (
    VALUES (?) UNION SELECT e.dst FROM line
    CROSS JOIN edge e ON e.src = line.id AND e.type = {TYPE_NUMBERS["PARENT"]}
)
SELECT n.id, n.at, n.uid, e.dst FROM line CROSS JOIN node n ON n.id = line.id
LEFT JOIN edge e ON e.src = n.id AND e.type = {TYPE_NUMBERS["PARENT"]}
"""
_IN_COMMIT: Final = f"CROSS JOIN edge c ON c.src = h.id AND c.type = {TYPE_NUMBERS['IN_COMMIT']}"
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

Line = Mapping[int, int]


def left(connection: apsw.Connection, prefix: str, held: Sql) -> Sql:
    """The versions that the commits whose sha begins so leave, of those `held` (`artifact`, `id`)."""
    heads = sql(
        f"SELECT n.id FROM node n WHERE +n.label = {_COMMIT} AND {{}}", begins("n.sha", prefix)
    )
    lines = [line(connection, id) for (id,) in connection.execute(heads.text, heads.parameters)]
    found: set[int] = set()
    if lines:
        in_commits = _known(connection, held, _IN_COMMIT)
        of_runs = _known(connection, held, _RUN_AT_COMMIT)
        removals = sql(_REMOVED, held)
        gone = connection.execute(removals.text, removals.parameters).fetchall()
        for each in lines:
            last = _last_place(each, gone)
            found.update((_last(each, of_runs, last) | _last(each, in_commits, last)).values())
    return sql("SELECT value AS id FROM json_each({})", json.dumps(sorted(found)))


def line(connection: apsw.Connection, commit: int) -> Line:
    """A commit and all that it came from, numbered from the oldest."""
    parents: defaultdict[int, list[int]] = defaultdict(list)
    ages: dict[int, tuple[Any, str]] = {}
    for id, at, uid, parent in connection.execute(_LINE, (commit,)):
        ages[id] = at, uid
        if parent is not None:
            parents[id].append(parent)
    away, level, hops = {commit: 0}, [commit], 0
    while level:
        further = dict.fromkeys(parent for id in level for parent in parents[id])
        level = [id for id in further if id not in away]
        hops += 1
        away.update(dict.fromkeys(level, hops))

    def age(id: int) -> tuple[Any, ...]:
        at, uid = ages[id]
        return at is None, at, -away[id], uid

    return {id: number for number, id in enumerate(sorted(away, key=age))}


def _known(connection: apsw.Connection, held: Sql, way: str) -> list[tuple[Any, ...]]:
    """Artifact, version, commit; the versions in order of (`at`, id)."""
    asked = sql(
        f"SELECT h.artifact, h.id, c.dst FROM ({{}}) AS h {way}"
        " CROSS JOIN node n ON n.id = h.id ORDER BY n.at IS NULL, n.at, n.uid",
        held,
    )
    return connection.execute(asked.text, asked.parameters).fetchall()


def _last_place(line: Line, removals: Iterable[tuple[Any, ...]]) -> dict[int, int]:
    """For each artifact that a commit of the line removed, the place of the last that did.

    >>> _last_place({7: 0, 8: 1}, [(1, 8), (1, 7), (2, 9)])
    {1: 1}
    """
    places: dict[int, int] = {}
    for artifact, commit in removals:
        if commit in line:
            places[artifact] = max(places.get(artifact, 0), line[commit])
    return places


def _last(
    line: Line, known: Iterable[tuple[Any, ...]], removed: Mapping[int, int]
) -> dict[int, int]:
    """The version of each artifact that the last commit which has one has, from the place on at which
    it was last `removed`.

    >>> known = [(1, 11, 8), (1, 12, 7), (2, 13, 7), (2, 14, 7), (2, 15, 9)]
    >>> _last({7: 0, 8: 1}, known, {}), _last({7: 0, 8: 1}, known, {2: 1})
    ({1: 11, 2: 14}, {1: 11})
    """
    places = dict(removed)
    last: dict[int, int] = {}
    for artifact, version, commit in known:
        place = line.get(commit, -1)
        if place >= places.get(artifact, 0):
            places[artifact], last[artifact] = place, version
    return last
