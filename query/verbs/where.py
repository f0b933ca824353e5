"""`where`: the rows that satisfy a condition."""

from __future__ import annotations

from typing import Annotated, ClassVar

from provgraph.query.plan import Filter, Plan
from provgraph.query.verb import Argument, BoundCondition, Takes, Verb


class Where(Verb):
    """Only the rows that satisfy a condition."""

    examples: ClassVar[tuple[str, ...]] = (
        'model "churn" | lineage | where kind = dataset',
        'file "m.pkl" | lineage | where depth <= 2 and not (kind = step)',
    )

    condition: Annotated[
        BoundCondition, Argument("", Takes.CONDITION, "which rows stay", leads=True)
    ]

    def plan(self, source: Plan) -> Plan:
        return Filter(source, self.condition)
