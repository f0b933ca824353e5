"""`select`: which columns are shown."""

from __future__ import annotations

from typing import Annotated, ClassVar

from provgraph.query.plan import Plan, Project
from provgraph.query.verb import Argument, BoundColumns, Takes, Verb


class Select(Verb):
    """Only these columns, in this order.

    It ends a question: after it only `where`, `sort`, `limit` and `latest` make sense.
    """

    examples: ClassVar[tuple[str, ...]] = ('file "m.pkl" | lineage | select path, version, by',)

    columns: Annotated[
        BoundColumns, Argument("", Takes.FIELDS, "what to show of each row", leads=True)
    ]

    def plan(self, source: Plan) -> Plan:
        return Project(source, self.columns)
