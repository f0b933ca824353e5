"""How are the ids of what a walk reaches read sooner than the server can read them?

Most of the time of that question goes to two properties of each node: its id, and its time, by which
it is sorted. They hardly ever change. So a process that asks again keeps them by the server's own
number of the node, and asks for numbers and depths alone.

What is kept holds while nobody writes. With each answer comes a bookmark, which tells up to which
transaction of the database it was: the same before and after, and nothing was written between,
by whomever.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from provgraph.query.cypher import Statement
from provgraph.query.plan import Plan, Project
from provgraph.store.neo4j.dialect import Neo4jCypher

State = frozenset[str]
"""The bookmarks of the last answers."""

Known = tuple[float, str]
"""A node's time and id."""

_MOST: Final = 100_000  # nodes that are kept: 30 MB
_TOLD: Final = """
CYPHER 5
MATCH (n) WHERE id(n) IN $numbers
RETURN collect(id(n)), collect(coalesce(n.at, $never)), collect(n.id)
"""


class Asks(Protocol):
    """Gives the one row of a statement, whose columns are lists."""

    def lists(self, statement: Statement) -> list[Any]: ...

    def state(self) -> State | None:
        """Empty where none has come, and None where it comes later."""


class Numbers:
    """What a process knows of a database's nodes. Threads may share it."""

    def __init__(self, dialect: type[Neo4jCypher], project: str) -> None:
        self.dialect = dialect
        self.project = project
        self._held = _Held(None)

    def ids(self, plan: Project, server: Asks) -> list[str] | None:
        """The answer, in order, to a plan that `asks_for_ids`. None where the server had better be
        asked for it: the first time in a state, since who asks once gains nothing; where more is
        reached than is kept; and where somebody writes meanwhile."""
        held, state = self._held, server.state()
        if not state or state != held.state:
            self._held = _Held(state)
            return None
        if plan in held.large:
            return None
        numbers, depths = server.lists(self.dialect.compile_numbers(plan, self.project))
        try:
            known = list(map(held.known.__getitem__, numbers))
        except KeyError:
            unknown = [number for number in numbers if number not in held.known]
            if len(held.known) + len(unknown) > _MOST:
                held.large.add(plan)
                return None
            told = server.lists(Statement(_TOLD, {"numbers": unknown, "never": math.inf}))
            if server.state() != state:  # else they are there still
                return None
            held.known.update((number, (at, id)) for number, at, id in zip(*told, strict=True))
            known = list(map(held.known.__getitem__, numbers))
        return in_order(depths, known) if server.state() == state else None


@dataclass(frozen=True, slots=True)
class _Held:
    """What is known in a state: times and ids by number, and the plans that reach too much."""

    state: State | None
    known: dict[int, Known] = field(default_factory=dict)
    large: set[Plan] = field(default_factory=set)


def in_order(depths: list[int], known: list[Known]) -> list[str]:
    """The ids, by depth, time and id. The nearest come first, or nearly so.

    >>> in_order([1, 2, 1], [(5, "b"), (3, "c"), (5, "a")])
    ['a', 'b', 'c']
    """
    if depths != sorted(depths):
        depths, known = map(list, zip(*sorted(zip(depths, known, strict=True)), strict=True))
    ids: list[str] = []
    begin = 0
    while begin < len(depths):
        end = bisect_right(depths, depths[begin], begin)
        ids += [id for _, id in sorted(known[begin:end])]
        begin = end
    return ids
