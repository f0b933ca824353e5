"""`count`: how many rows there are of each kind, day, user ..."""

from __future__ import annotations

from typing import Annotated, ClassVar

from provgraph.query.plan import Count as Counted
from provgraph.query.plan import Plan
from provgraph.query.verb import Argument, BoundColumns, Takes, Verb


class Count(Verb):
    """A table of how many rows have the same values in some fields, the most first.

    Its columns are the fields and `count`; `where`, `sort`, `limit` and `select` can follow. Without
    fields it has one row.
    """

    reshapes: ClassVar[bool] = True
    examples: ClassVar[tuple[str, ...]] = (
        "run | count by user, exit",
        'model "churn" | lineage | count by kind | where count > 1',
        "file * | count",
    )

    by: Annotated[
        BoundColumns, Argument("by", Takes.FIELDS, "what rows are counted together for", leads=True)
    ] = ()

    def plan(self, source: Plan) -> Plan:
        return Counted(source, self.by)
