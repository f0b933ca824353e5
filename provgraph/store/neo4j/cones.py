"""How is it found what a walk leaves and reaches, with the edges between? In one statement, or from
many starts in a few.

The server walks from each start anew, since it prunes a start at a time, and starts that are alike
reach much the same. So some starts walk first, and the next ones, twice as many, stop at what is
known by then: where the first few reach what most do, nearly all is visited once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final, Protocol

from provgraph.model.elements import Node
from provgraph.model.vocabulary import Label
from provgraph.query import shape
from provgraph.query.cypher import Statement, edge_type, exists_at, label
from provgraph.query.operators import Cone
from provgraph.query.plan import Walk
from provgraph.store.neo4j.dialect import Neo4jCypher
from provgraph.store.neo4j.values import properties_of

_NODES: Final = 20_000
_NUMBERED: Final = "CYPHER 5 MATCH (n) WHERE id(n) IN $numbers RETURN collect(properties(n))"
FEW = 4
"""So many starts are walked from in one statement."""


class Asks(Protocol):
    """Gives the one row of a statement, whose columns are lists."""

    def lists(self, statement: Statement) -> list[Any]: ...


@dataclass(frozen=True, slots=True)
class Numbered:
    """A cone, and the server's own numbers of its nodes, which hold while nobody removes them."""

    cone: Cone
    numbers: Sequence[int]


def whole(walk: Walk, project: str, server: Asks) -> Numbered:
    """By one statement."""
    found = server.lists(Neo4jCypher.compile_cone(walk, project))
    ids, labels, starts, effects, causes, numbers = found
    joined = zip(effects, causes, strict=True)
    begin = {id for id, start in zip(ids, starts, strict=True) if start}
    return Numbered(_cone(numbers, labels, ids, joined, begin), numbers)


def can_be_parted(walk: Walk) -> bool:
    """Whether what one start reaches stays the same beside others: not where it is about hops."""
    return bool(walk.via) and walk.max_hops is None and walk.stop_at is None


def parted(walk: Walk, starts: Sequence[str], project: str, server: Asks) -> Numbered:
    """By a statement for some of the starts at a time. `starts` are the ids of the walk's source."""
    places: list[int] = []
    ids: list[str] = []
    labels: list[Label] = []
    times: list[int | None] = []
    joined: dict[tuple[int, int], None] = {}
    for some in parts(starts):
        known = dict.fromkeys(map(str, places), True)
        more, *told, effects, causes = server.lists(_part(walk, some, known, project))
        places += more
        ids += told[0]
        labels += told[1]
        times += told[2]
        joined.update(dict.fromkeys(zip(effects, causes, strict=True)))
    cone = _cone(places, labels, ids, joined, set(starts))
    return Numbered(replace(cone, times=times), places)


def nodes(found: Numbered, server: Asks) -> Iterator[Node]:
    """The nodes of a cone that are there still."""
    labels = dict(zip(found.cone.ids, found.cone.labels, strict=True))
    for start in range(0, len(found.numbers), _NODES):
        some = {"numbers": found.numbers[start : start + _NODES]}
        (held,) = server.lists(Statement(_NUMBERED, some))
        for properties in held:
            id = properties.get("id")
            if id in labels:  # else another has its number by now
                yield Node(id, labels[id], properties_of(properties))


def parts(starts: Sequence[str]) -> Iterator[list[str]]:
    """One, then two, four, ... of them. In an order that has nothing to do with them, lest the first
    be alike and the many after them like none; the same each time.

    >>> [len(part) for part in parts("abcdefghij")]
    [1, 2, 4, 3]
    """
    mixed = list(starts)
    Random(0).shuffle(mixed)
    size, taken = 1, 0
    while taken < len(mixed):
        yield mixed[taken : taken + size]
        taken, size = taken + size, 2 * size


def _part(walk: Walk, starts: list[str], known: dict[str, bool], project: str) -> Statement:
    """The nodes that these starts are and reach, but for what is known and what is only reached
    through it, and the edges out of them. A node goes by the server's own number, which is faster
    read than its id, and is found in a map at once, as it would not be in a list."""
    sources = "|".join(map(label, sorted(shape.labels(walk.source))))
    reached = shape.labels(walk.source) | shape.labels(walk)
    types = "|".join(map(edge_type, walk.via))
    way = f"-[:{types}*0..]->" if walk.toward == "origin" else f"<-[:{types}*0..]-"
    asked = "$known[toString(id(x))] IS NULL"
    parameters: dict[str, Any] = {"project": project, "starts": starts, "known": known}
    if walk.until is not None:
        asked += f" AND {exists_at('x', '$until')}"
        parameters["until"] = walk.until
    text = f"""
    CYPHER 5
    MATCH (s:{sources} {{project: $project}}) WHERE s.id IN $starts
    MATCH p = (s){way}(n) WHERE all(x IN nodes(p) WHERE {asked})
    WITH DISTINCT n
    WITH collect(n) AS nodes
    CALL (nodes) {{
      UNWIND nodes AS x
      MATCH (x)-[:{types}]->(y)
      RETURN collect(id(x)) AS effects, collect(id(y)) AS causes
    }}
    RETURN [n IN nodes | id(n)] AS places, [n IN nodes | n.id] AS ids,
      [n IN nodes | {Neo4jCypher().label_of("n", reached)}] AS labels, [n IN nodes | n.at] AS times,
      effects, causes
    """
    return Statement(text, parameters)


def _cone(
    nodes: Sequence[Any],
    labels: Sequence[Label],
    ids: Sequence[str],
    joined: Any,
    starts: set[str],
) -> Cone:
    place = {node: at for at, node in enumerate(nodes)}
    inside = [(place[e], place[c]) for e, c in joined if e in place and c in place]
    return Cone(
        ids,
        labels,
        [at for at, id in enumerate(ids) if id in starts],
        [effect for effect, _ in inside],
        [cause for _, cause in inside],
    )
