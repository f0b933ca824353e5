"""The Cypher that is sent: the compiled plan's, with its answer as a row of lists.

A list a column is read twenty times as fast as a row a node. A list leaves nulls out, so an empty map,
which no property is, stands for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from provgraph.model.vocabulary import LABELS
from provgraph.query import shape
from provgraph.query.cypher import Cypher, Lines
from provgraph.query.plan import Plan, Project


class Neo4jCypher(Cypher):
    """`language` is said before a statement, so that a database's own choice changes nothing."""

    language: ClassVar[str]

    def statement(self, plan: Plan) -> Lines:
        return [
            f"CYPHER {self.language}",
            *self.rows(plan, depth=True),
            f"WITH * ORDER BY {', '.join(self.order(plan))}",
            f"RETURN {', '.join(self.lists(plan))}",
        ]

    def lists(self, plan: Plan) -> list[str]:
        return [f"collect({self.present(text)}) AS {name}" for text, name in self.terms(plan)]

    def terms(self, plan: Plan) -> list[tuple[str, str]]:
        """The columns' expressions and names. A whole node's label is left out where there is but
        one that it may have."""
        found = [(text, name) for text, _, name in map(_parted, self.columns(plan))]
        if isinstance(plan, Project):
            return found
        labels = sorted(shape.labels(plan), key=LABELS.index)
        said = [] if len(labels) < 2 else [(_label(labels), "label")]
        return [found[0], *said, *found[2:]]

    def present(self, text: str) -> str:
        return text if text in ("n.id", "properties(n)") else f"coalesce({text}, {{}})"

    def count(self, plan: Plan, most: int) -> str:
        """A statement that counts a plan's rows, and stops where there are more than `most`."""
        lines = self.rows(plan, depth=False)
        limit = f"WITH n LIMIT {self.parameter(most + 1)}"
        return "\n".join([f"CYPHER {self.language}", *lines, limit, "RETURN count(n)"])


class Neo4j5(Neo4jCypher):
    """5.26, the line that is kept for long."""

    language = "5"


class Calendar(Neo4jCypher):
    """2025.06 and later, which know Cypher 25."""

    language = "25"


def dialect(server: tuple[int, int]) -> type[Neo4jCypher]:
    """
    >>> dialect((5, 26)).__name__, dialect((2026, 8)).__name__
    ('Neo4j5', 'Calendar')
    """
    return Calendar if server >= (2025, 6) else Neo4j5


def _parted(column: str) -> tuple[str, str, str]:
    return column.rpartition(" AS ")


def _label(labels: Sequence[str]) -> str:
    """Which of these a node has: it may have others' labels too.

    >>> print(_label(["Version", "Step"]))
    CASE WHEN n:Version THEN 'Version' ELSE 'Step' END
    """
    *first, last = labels
    asked = " ".join(f"WHEN n:{label} THEN '{label}'" for label in first)
    return f"CASE {asked} ELSE '{last}' END"
