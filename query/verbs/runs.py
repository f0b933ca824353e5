"""`runs`: the runs behind the rows."""

from __future__ import annotations

from typing import ClassVar

from provgraph.model.vocabulary import Label
from provgraph.query.plan import Plan
from provgraph.query.plan import Runs as RunsOf
from provgraph.query.verb import Verb


class Runs(Verb):
    """The runs of the rows: of a version, those that generated it; of a step, its own."""

    reshapes: ClassVar[bool] = True
    wants: ClassVar[frozenset[Label]] = frozenset(("Version", "Step", "Run"))
    examples: ClassVar[tuple[str, ...]] = ('model "churn"@all | runs | sort started desc',)

    def plan(self, source: Plan) -> Plan:
        return RunsOf(source)
