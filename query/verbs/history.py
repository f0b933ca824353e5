"""`history`: all versions of what the rows are versions of."""

from __future__ import annotations

from typing import Annotated, ClassVar

from provgraph.model.vocabulary import Label
from provgraph.query.plan import Plan, Versions
from provgraph.query.verb import Argument, Takes, Verb


class History(Verb):
    """All versions of the same artifacts, in order of time.

    A file that was renamed is found under each of its names.
    """

    decides_which: ClassVar[bool] = True
    reshapes: ClassVar[bool] = True
    wants: ClassVar[frozenset[Label]] = frozenset(("Version", "Artifact"))
    examples: ClassVar[tuple[str, ...]] = ('file "features.csv" | history as of 2026-06-01',)

    as_of: Annotated[
        int | None, Argument("as of", Takes.MOMENT, "only versions from up to then")
    ] = None

    def plan(self, source: Plan) -> Plan:
        return Versions(source, until=self.as_of)
