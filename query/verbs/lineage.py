"""`lineage`: what the rows were made from."""

from __future__ import annotations

from typing import ClassVar, Literal

from provgraph.query.plan import Latest, Which
from provgraph.query.verbs._closure import Closure


class Lineage(Closure):
    """Everything the rows were made from, directly or not.

    Versions and steps, from effect to cause. Each row has a `depth`, the smallest number of edges
    to it: what a step read is two edges from what it wrote. Names before it mean their latest
    version. A run stands for its steps, a subject for the versions about it.
    """

    toward: ClassVar[Literal["origin", "effect"]] = "origin"
    aliases: ClassVar[tuple[str, ...]] = ("upstream", "trace", "origins")
    examples: ClassVar[tuple[str, ...]] = (
        'file "models/churn.pkl" | lineage',
        'file "features.csv"@3 | lineage stop at (file "raw/*")',
        'file "m.pkl" | lineage depth 6 via used, generated',
    )

    def which(self) -> Which:
        return Latest(until=self.as_of)
