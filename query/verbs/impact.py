"""`impact`: what was made from the rows."""

from __future__ import annotations

from typing import ClassVar, Literal

from provgraph.query.plan import Every, Which
from provgraph.query.verbs._closure import Closure


class Impact(Closure):
    """Everything that was made from the rows, directly or not.

    Versions and steps, from cause to effect. Each row has a `depth`, as with `lineage`. Names
    before it mean all their versions, because what an old version went into is touched too. A run
    stands for its steps, a subject for the versions about it.
    """

    toward: ClassVar[Literal["origin", "effect"]] = "effect"
    aliases: ClassVar[tuple[str, ...]] = ("downstream", "affected")
    examples: ClassVar[tuple[str, ...]] = (
        'subject "client:4711" | impact | where kind = model',
        'file "raw.csv" | impact depth 2',
    )

    def which(self) -> Which:
        return Every(until=self.as_of)
