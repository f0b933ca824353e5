"""`segment`: what lies between the rows and others, and beside it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.plan import Every, Plan, Which
from provgraph.query.plan import Segment as SegmentBetween
from provgraph.query.verb import Argument, BoundColumns, BoundQuery, Takes, Verb
from provgraph.query.verbs._beginning import beginning


class Segment(Verb):
    """What lies between the rows and others: how data became a model, with all that went in the same way.

    Rows are the versions and steps on the paths between the two (`on_path` is true), whichever of them
    was made from the other; and those on other paths from what was made that are like one of these
    (`on_path` is false). Without `similar on`, paths of the same length are alike; with it, those along
    which the same kinds of edges lead to nodes with the same values of some fields.

    Names mean all their versions, on both sides. A run stands for its steps. What lies on a common
    cycle counts as one. (PgSeg: Miao and Deshpande, ICDE 2019.)
    """

    decides_which: ClassVar[bool] = True
    reshapes: ClassVar[bool] = True
    examples: ClassVar[tuple[str, ...]] = (
        'file "raw.csv" | segment to (model "churn") similar on command',
        'file "raw.csv" | segment to (model "churn"@latest) | where on_path',
    )

    to: Annotated[BoundQuery, Argument("to", Takes.QUERY, "what is at the other end")]
    similar: Annotated[
        BoundColumns | None,
        Argument("similar on", Takes.FIELDS, "what nodes of like paths have in common"),
    ] = None
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
        return SegmentBetween(
            *ends, via=self.via or LINEAGE_EDGES, similar=self.similar, until=self.as_of
        )
