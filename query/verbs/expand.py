"""`expand`: the rows and what is around them."""

from __future__ import annotations

from typing import Annotated, ClassVar

from provgraph.model.vocabulary import EDGE_TYPES
from provgraph.query.plan import Around, Plan
from provgraph.query.verb import Argument, Count, Takes, Verb


class Expand(Verb):
    """The rows and their neighbours, along every edge and whichever way it points.

    Each row has a `depth`: 0 for those before the verb, else the smallest number of edges to one of
    them. Unlike `lineage` and `impact` it follows what belongs to a row too: its run, its commit, its
    artifact.
    """

    reshapes: ClassVar[bool] = True
    examples: ClassVar[tuple[str, ...]] = (
        "run [exit != 0] | expand via by, at_commit",
        'file "m.pkl" | expand hops 2 | where kind = run',
    )

    via: Annotated[tuple[str, ...], Argument("via", Takes.EDGES, "along these edges only")] = ()
    hops: Annotated[Count, Argument("hops", Takes.COUNT, "at most so many edges away")] = 1

    def plan(self, source: Plan) -> Plan:
        return Around(source, self.via or tuple(edge.name for edge in EDGE_TYPES), self.hops)
