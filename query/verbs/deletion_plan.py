"""`deletion plan`: what goes with the rows, in which order, and what becomes of it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from provgraph.query.plan import Deletion, Every, Plan, Which
from provgraph.query.verb import Argument, BoundQuery, Takes, Verb
from provgraph.query.verbs._beginning import beginning


class DeletionPlan(Verb):
    """A table of what must go if the rows go: the versions that they are, and all that was made from them.

    It is in the order in which they can be erased, what was made from a file before the file; what was
    made from each other shares an `order`. `why` says whether a version is one of the rows (`contains`:
    of a subject, a version that holds its data), was made from one (`derived`), or only seems to have
    been (`inferred`: no writer was seen); `depth` and `origin` are the distance to the nearest row
    and its name. `action` is what to do: `erase`; `rebuild`, for what a recorded run made from other
    files too; `keep`, for the rows of `except`; `none` for what is gone. `reason` tells why.

    Names before it mean all their versions. A run stands for its steps, a subject for the versions
    about it. Nothing is deleted by asking.
    """

    decides_which: ClassVar[bool] = True
    reshapes: ClassVar[bool] = True
    examples: ClassVar[tuple[str, ...]] = (
        'subject "client:4711" | deletion plan except (file "legal-hold/*")',
        'file "raw.csv" | deletion plan | where why = derived',
    )

    keep: Annotated[BoundQuery | None, Argument("except", Takes.QUERY, "rows that are kept")] = None

    def which(self) -> Which:
        return Every()

    def plan(self, source: Plan) -> Plan:
        return Deletion(beginning(source), self.keep)
