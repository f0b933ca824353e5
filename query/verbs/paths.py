"""`paths`: how the rows are connected with others."""

from __future__ import annotations

from typing import Annotated, ClassVar

from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.plan import Every, Plan, Which
from provgraph.query.plan import Paths as PathsBetween
from provgraph.query.verb import Argument, BoundQuery, Count, Takes, Verb
from provgraph.query.verbs._beginning import beginning


class Paths(Verb):
    """A table of how the rows are connected with others: a row a node of a path, with its place.

    A path follows the edges from effects to causes (`toward` says `origin`), or all of them the other
    way, whichever connects the two; it comes by no node twice. For each of the others it is the
    shortest that leads to it; with `all`, every path, the shortest first, up to a `limit`. Of equally
    long ones the first by the ids of their nodes comes first.

    `path` numbers the paths and `depth` the nodes of one, from 0; `edge` is what joins a node to the
    next. Names mean all their versions, on both sides. A run stands for its steps.
    """

    decides_which: ClassVar[bool] = True
    reshapes: ClassVar[bool] = True
    examples: ClassVar[tuple[str, ...]] = (
        'file "raw.csv" | paths to (model "churn") shortest',
        'file "raw.csv" | paths to (model "churn"@latest) all limit 10',
        'subject "client:4711" | paths to (model *) | where path = 1 | select depth, name, edge',
    )

    to: Annotated[BoundQuery, Argument("to", Takes.QUERY, "where the paths lead")]
    shortest: Annotated[
        bool, Argument("shortest", Takes.NOTHING, "the shortest to each, as without a word")
    ] = False
    all: Annotated[
        bool,
        Argument(
            "all",
            Takes.NOTHING,
            "every path, the shortest first; with a `limit`",
            beside="limit",
            excludes="shortest",
        ),
    ] = False
    limit: Annotated[Count | None, Argument("limit", Takes.COUNT, "the first so many paths")] = None
    depth: Annotated[Count | None, Argument("depth", Takes.COUNT, "at most so many edges long")] = (
        None
    )
    via: Annotated[
        tuple[str, ...],
        Argument("via", Takes.EDGES, "along these edges only, between the very rows"),
    ] = ()
    as_of: Annotated[
        int | None, Argument("as of", Takes.MOMENT, "as if nothing later had happened")
    ] = None

    def which(self) -> Which:
        return Every(until=self.as_of)

    def plan(self, source: Plan) -> Plan:
        ends = (source, self.to) if self.via else (beginning(source), beginning(self.to))
        return PathsBetween(
            *ends,
            via=self.via or LINEAGE_EDGES,
            every=self.all,
            most=self.limit,
            max_hops=self.depth,
            until=self.as_of,
        )
