"""`rerun plan`: which runs would make the rows again, and what is missing to do so."""

from __future__ import annotations

from typing import Annotated, ClassVar

from provgraph.query.plan import Latest, Plan, Rerun, Which
from provgraph.query.verb import Argument, BoundQuery, Takes, Verb
from provgraph.query.verbs._beginning import beginning


class RerunPlan(Verb):
    """A table of the runs that would make the rows again from the beginning, in order.

    A row is a whole run, because a run is what was asked for and can be asked for again: what a
    program in it did depends on the pipes and variables that it was given. `order` counts: runs that
    need each other share one. `command`, `cwd`, `commit` and `environment` say how it was run, `makes`
    what it makes that is wanted, `inputs` what it reads that none of these runs makes, and `missing`
    what may keep it from coming out as it did: inputs that are deleted, replaced or not known, a work
    tree with changes, a failure, a gap in the record. What a commit holds is not missing.

    Names before it mean their latest version. A run stands for its steps. Nothing is run by asking.
    """

    decides_which: ClassVar[bool] = True
    reshapes: ClassVar[bool] = True
    examples: ClassVar[tuple[str, ...]] = (
        'model "churn" | rerun plan',
        'model "churn" | rerun plan stop at (file "features.csv") | select command, missing',
    )

    stop_at: Annotated[
        BoundQuery | None, Argument("stop at", Takes.QUERY, "rows that are taken as they are")
    ] = None

    def which(self) -> Which:
        return Latest()

    def plan(self, source: Plan) -> Plan:
        return Rerun(beginning(source), self.stop_at)
