"""`sort`: the order of the rows."""

from __future__ import annotations

from typing import Annotated, ClassVar

from provgraph.query.plan import Plan
from provgraph.query.plan import Sort as Sorted
from provgraph.query.verb import Argument, BoundKeys, Takes, Verb


class Sort(Verb):
    """The rows in order of some fields, the first counting most.

    Missing values come last, text goes by code point, ties by id. `by` can be left out.
    """

    examples: ClassVar[tuple[str, ...]] = (
        "run [exit != 0 and duration > 10m] | sort by started desc | limit 20",
    )

    by: Annotated[BoundKeys, Argument("by", Takes.KEYS, "what decides", leads=True)]

    def plan(self, source: Plan) -> Plan:
        return Sorted(source, self.by)
