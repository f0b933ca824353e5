"""The Cypher that is sent: the compiled plan's, with its answer as a row of lists.

A list a column is read twenty times as fast as a row a node. A list leaves nulls out, so an empty map,
which no property is, stands for one. Columns beside the ids are put together faster than apart, as a list
a row, which keeps its nulls.

What one start reaches is asked for in a subquery below it. There the planner knows that each node comes once,
the nearest first: it leaves out what would make them distinct, and sorts within a depth only.
"""

from __future__ import annotations

from collections.abc import Collection

from provgraph.model.vocabulary import LABELS, Label
from provgraph.query import shape
from provgraph.query.cypher import Cypher, Lines, Statement, is_one, subquery
from provgraph.query.plan import Filter, Limit, Plan, Project, Sort, Walk


class Neo4jCypher(Cypher):
    """Said without `CYPHER 5` or `CYPHER 25` before it: it means the same in both, and the server
    would read each statement anew to find that out, which costs small ones a tenth of their time."""

    def __init__(self, project: str | None = None) -> None:
        super().__init__(project)
        self.started: Walk | None = None

    def statement(self, plan: Plan) -> Lines:
        walk = walk_from_one(plan)
        start = [] if walk is None else self.start(walk)
        rows, order = self.rows(plan, depth=True), f"ORDER BY {', '.join(self.order(plan))}"
        if walk is not None and len(terms := self.terms(plan)) == 1:  # without a row for each value
            ((text, name),) = terms
            below = (f"  {line}" for line in (*rows, f"RETURN {text} {order}"))
            return [*start, "RETURN COLLECT {", *below, f"}} AS {name}"]
        lists = self.lists(plan)
        answer = [*rows, f"WITH * {order}", f"RETURN {', '.join(lists)}"]
        if walk is None:
            return answer
        names = (name for _, _, name in map(_parted, lists))
        return [*start, *subquery(answer, "*"), f"RETURN {', '.join(names)}"]

    @classmethod
    def compile_numbers(cls, plan: Plan, project: str) -> Statement:
        """A walk's rows, in no order, as two lists: the server's own `numbers` of them, and their `depths`."""
        dialect = cls(project)
        text = "\n".join(["CYPHER 5", *dialect.numbers(plan)])
        return Statement(text, dialect.parameters)

    def numbers(self, plan: Plan) -> Lines:
        walk = walk_from_one(plan)
        start = [] if walk is None else self.start(walk)
        rows = self.rows(plan, depth=True)
        answer = [*rows, "RETURN collect(id(n)) AS numbers, collect(depth) AS depths"]
        if walk is None:
            return answer
        return [*start, *subquery(answer, "*"), "RETURN numbers, depths"]

    def start(self, walk: Walk) -> Lines:
        """From nothing to the one row `s`, null where nothing is there, and `stops`."""
        self.started = walk
        lines = [*self.rows(walk.source, depth=False), "WITH head(collect(n)) AS s"]
        if walk.stop_at is None:
            return lines
        return [
            *lines,
            *subquery([*self.rows(walk.stop_at, depth=False), "RETURN collect(n) AS found"]),
            "WITH s, [x IN found WHERE x <> s] AS stops",
        ]

    def starts(self, plan: Walk) -> Lines:
        return [] if plan is self.started else super().starts(plan)

    def end(self, node: str) -> str:
        return f"id({node})"

    def cone(self, walk: Walk) -> Lines:
        """With the server's own numbers of the nodes, `numbers`: faster read than ids, and found again at
        once. Cypher 25 has them no more."""
        return ["CYPHER 5", *super().cone(walk), ", [x IN nodes | id(x)] AS numbers"]

    def lists(self, plan: Plan) -> list[str]:
        if isinstance(plan, Project) and stand_together(plan):
            (ids, _), *others = self.terms(plan)
            return [
                f"collect({ids}) AS ids",
                f"collect([{', '.join(t for t, _ in others)}]) AS others",
            ]
        return [f"collect({self.present(text)}) AS {name}" for text, name in self.terms(plan)]

    def terms(self, plan: Plan) -> list[tuple[str, str]]:
        """The columns' expressions and names. A whole node's label is left out where there is but
        one that it may have."""
        found = [(text, name) for text, _, name in map(_parted, self.columns(plan))]
        if isinstance(plan, Project):
            return found
        labels = shape.labels(plan)
        said = [] if len(labels) < 2 else [(self.label_of("n", labels), "label")]
        return [found[0], *said, *found[2:]]

    def label_of(self, node: str, possible: Collection[Label]) -> str:
        """Which of these it has: it may have others' labels too. Of none, there is no node.

        >>> print(Neo4jCypher().label_of("n", ["Step", "Version"]), Neo4jCypher().label_of("n", []))
        CASE WHEN n:Version THEN 'Version' ELSE 'Step' END null
        """
        if not possible:
            return "null"
        *first, last = sorted(possible, key=LABELS.index)
        asked = " ".join(f"WHEN {node}:{label} THEN '{label}'" for label in first)
        return f"CASE {asked} ELSE '{last}' END" if first else f"'{last}'"

    def present(self, text: str) -> str:
        return text if text in ("n.id", "depth", "properties(n)") else f"coalesce({text}, {{}})"

    def count(self, plan: Plan, most: int) -> str:
        """A statement that counts a plan's rows, and stops where there are more than `most`."""
        lines = self.rows(plan, depth=False)
        limit = f"WITH n LIMIT {self.parameter(most + 1)}"
        return "\n".join([*lines, limit, "RETURN count(n)"])


class Neo4jCypherOfOld(Neo4jCypher):
    """Sorts the texts of lists itself: 5.26 does so by UTF-16 unit, 2026.08 by code point."""

    sorts_lists = False


def dialect_of(server: tuple[int, int]) -> type[Neo4jCypher]:
    """
    >>> dialect_of((5, 26)).__name__, dialect_of((2026, 8)).__name__
    ('Neo4jCypherOfOld', 'Neo4jCypher')
    """
    return Neo4jCypherOfOld if server < (2026, 8) else Neo4jCypher


def stand_together(plan: Project) -> bool:
    """Whether the answer is the ids, and a list a row of what is beside them.

    >>> from provgraph.query.plan import Column, Find
    >>> id, name, size = (Column(key, key) for key in ("id", "name", "size"))
    >>> stand_together(Project(Find("Run"), (id, name, size))), stand_together(Project(Find("Run"), (id,)))
    (True, False)
    """
    keys = [column.key for column in plan.columns]
    return len(keys) > 2 and keys[0] == "id"


def walk_from_one(plan: Plan) -> Walk | None:
    """The walk from one start whose rows a plan is made of, if there is one.

    >>> from provgraph.query.plan import Find, Identified
    >>> walk = Walk(Find("Run", Identified(("r1",))), "effect", ("PART_OF",))
    >>> walk_from_one(Limit(walk, 3)) is walk, walk_from_one(Walk(Find("Run"), "effect", ("PART_OF",)))
    (True, None)
    """
    match plan:
        case Filter() | Sort() | Limit() | Project():
            return walk_from_one(plan.source)
        case Walk() if is_one(plan.source) and plan.via and plan.max_hops != 0:
            return plan
        case _:
            return None


def _parted(column: str) -> tuple[str, str, str]:
    return column.rpartition(" AS ")
