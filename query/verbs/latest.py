"""`latest`: the rows that nothing newer has replaced."""

from __future__ import annotations

from typing import ClassVar

from provgraph.model.vocabulary import Label
from provgraph.query.plan import Find, Plan, SetOp
from provgraph.query.plan import Latest as LatestVersion
from provgraph.query.verb import Verb


class Latest(Verb):
    """Of the rows, the versions that are the last of their artifact; the others are left out."""

    wants: ClassVar[frozenset[Label]] = frozenset(("Version",))
    examples: ClassVar[tuple[str, ...]] = ('file "raw.csv" | impact | latest',)

    def plan(self, source: Plan) -> Plan:
        return SetOp("intersection", source, Find("Version", which=LatestVersion()))
