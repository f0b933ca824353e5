"""`limit`: the first rows."""

from __future__ import annotations

from typing import Annotated, ClassVar

from provgraph.query.plan import Limit as Limited
from provgraph.query.plan import Plan
from provgraph.query.verb import Argument, Count, Takes, Verb


class Limit(Verb):
    """Only the first rows, in the order they have."""

    aliases: ClassVar[tuple[str, ...]] = ("head", "first")
    examples: ClassVar[tuple[str, ...]] = ("run | sort by started desc | limit 20",)

    count: Annotated[Count, Argument("", Takes.COUNT, "how many", leads=True)]

    def plan(self, source: Plan) -> Plan:
        return Limited(source, self.count)
