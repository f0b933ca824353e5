"""`lineage` and `impact` walk the same edges with the same arguments, one way and the other."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.plan import Plan, Walk
from provgraph.query.verb import Argument, BoundQuery, Count, Takes, Verb
from provgraph.query.verbs._beginning import beginning


class Closure(Verb):
    toward: ClassVar[Literal["origin", "effect"]]
    decides_which: ClassVar[bool] = True
    reshapes: ClassVar[bool] = True

    depth: Annotated[Count | None, Argument("depth", Takes.COUNT, "at most so many edges away")] = (
        None
    )
    via: Annotated[
        tuple[str, ...],
        Argument("via", Takes.EDGES, "along these edges only, from the very rows"),
    ] = ()
    stop_at: Annotated[
        BoundQuery | None, Argument("stop at", Takes.QUERY, "as far as these rows, not past them")
    ] = None
    as_of: Annotated[
        int | None, Argument("as of", Takes.MOMENT, "as if nothing later had happened")
    ] = None

    def plan(self, source: Plan) -> Plan:
        return Walk(
            source if self.via else beginning(source),
            toward=self.toward,
            via=self.via or LINEAGE_EDGES,
            max_hops=self.depth,
            stop_at=self.stop_at,
            until=self.as_of,
        )
