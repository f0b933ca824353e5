"""`slice`: what the lineage of the rows has more often than that of others."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from provgraph.query.plan import Every, Plan, Sort, SortKey, Which
from provgraph.query.plan import Slice as Sliced
from provgraph.query.verb import Argument, BoundQuery, Count, Takes, Verb
from provgraph.query.verbs._beginning import beginning


class Slice(Verb):
    """What the rows have in common: versions and steps in their lineage, the likeliest cause first.

    Each row has a `lift` (the share of the rows before the verb that have it in their lineage, over
    the share of all rows that do, those of `against` among them), a `coverage` (the former share)
    and a `support` (how many of the rows before the verb have it). A `lift` of 1 says nothing: what
    every lineage has is no cause. What fewer than `support` of the rows have is left out: without a
    number, what fewer than a tenth of them have, or only one of several.

    Names before it mean all their versions. A run stands for its steps.
    """

    decides_which: ClassVar[bool] = True
    reshapes: ClassVar[bool] = True
    examples: ClassVar[tuple[str, ...]] = (
        "prediction [day = 2026-11-20] | slice against (prediction [day < 2026-11-20]) | limit 5",
        'file "out/*.json" [size < 10kB] | slice against (file "out/*.json") by coverage',
    )

    against: Annotated[
        BoundQuery | None, Argument("against", Takes.QUERY, "rows that the cause is no cause of")
    ] = None
    support: Annotated[
        Count | None, Argument("support", Takes.COUNT, "in how many lineages it must be")
    ] = None
    by: Annotated[
        Literal["lift", "coverage"],
        Argument("by", Takes.WORD, "what counts most", choices=("lift", "coverage")),
    ] = "lift"

    def which(self) -> Which:
        return Every()

    def plan(self, source: Plan) -> Plan:
        against = None if self.against is None else beginning(self.against)
        keys = (":lift", ":coverage") if self.by == "lift" else (":coverage", ":lift")
        rows = Sliced(beginning(source), against, self.support)
        return Sort(rows, tuple(SortKey(key, descending=True) for key in keys))
