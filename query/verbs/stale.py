"""`stale`: the rows that were made from what is not what it was."""

from __future__ import annotations

from typing import Annotated, ClassVar

from provgraph.model.vocabulary import Label
from provgraph.query.plan import Latest, Plan, Which
from provgraph.query.plan import Stale as Aged
from provgraph.query.values import DAY
from provgraph.query.verb import Argument, Takes, Verb


class Stale(Verb):
    """Of the rows, the versions that would come out otherwise today, with the `reasons`.

    A version is stale if there is a newer version of something that it was made from; if code that it
    was made by has changed; if an input was older than `older than` (30 days, unless said) when it was
    used, which is not asked of code and configuration; or if something that it was made from is stale itself. `direct` says whether the reasons are
    its own inputs', not only theirs in turn. What was written again with the same content is not
    newer, and stops staleness: what was made from it before is not made otherwise by it.

    Names before it mean their latest version; `as of` asks what was stale then.
    """

    decides_which: ClassVar[bool] = True
    reshapes: ClassVar[bool] = True
    wants: ClassVar[frozenset[Label]] = frozenset(("Version",))
    examples: ClassVar[tuple[str, ...]] = (
        "model * | stale older than 30d",
        'file "models/churn.pkl" | stale | where direct',
    )

    older_than: Annotated[
        int, Argument("older than", Takes.DURATION, "what age of an input is too old")
    ] = 30 * DAY
    as_of: Annotated[
        int | None, Argument("as of", Takes.MOMENT, "as if nothing later had happened")
    ] = None

    def which(self) -> Which:
        return Latest(until=self.as_of)

    def plan(self, source: Plan) -> Plan:
        return Aged(source, self.older_than, self.as_of)
