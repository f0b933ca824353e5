"""`summarize`: the rows as a smaller graph."""

from __future__ import annotations

from typing import Annotated, ClassVar

from provgraph.model.vocabulary import LINEAGE_EDGES, Field, FieldType, Label
from provgraph.query.plan import COMPONENT, Around, Every, Plan, Which
from provgraph.query.plan import Summarize as Summary
from provgraph.query.shape import labels
from provgraph.query.verb import Argument, BoundColumns, Count, Takes, Verb
from provgraph.query.verbs._beginning import beginning

_COMPONENT = Field("component", FieldType.TEXTS, COMPONENT, "which component its run is one of")
_LINEAGE: frozenset[Label] = frozenset(("Version", "Step"))


class Summarize(Verb):
    """A table of which rows stand for one another: what happens again and again, told once.

    A row is a group, with how many there are (`count`), the id of the first of them and its name
    (`example`), and what joins the group to which others (`edges`: `used 3` leads to group 3). Alike
    are rows of one type with the same values of some fields, `component` among them; with `hops`, their
    neighbours must be alike too, so many edges far. Of alike rows those are merged that let the
    summary say no path that is not there: a kind may have several groups.

    Rows that are versions or steps are summarized themselves. Others stand for their steps, with what
    those read and wrote. Names before it mean all their versions. (PgSum: Miao and Deshpande, ICDE 2019.)
    """

    decides_which: ClassVar[bool] = True
    reshapes: ClassVar[bool] = True
    examples: ClassVar[tuple[str, ...]] = (
        'component "train" | summarize by kind, component hops 1',
        'model "churn"@latest | lineage | summarize by kind, script | select group, example, edges',
    )

    by: Annotated[
        BoundColumns,
        Argument("by", Takes.FIELDS, "what rows of a group share", leads=True, also=(_COMPONENT,)),
    ] = ()
    hops: Annotated[
        Count | None, Argument("hops", Takes.COUNT, "how far neighbours must be alike")
    ] = None

    def which(self) -> Which:
        return Every()

    def plan(self, source: Plan) -> Plan:
        rows = beginning(source)
        if not labels(source) <= _LINEAGE:
            rows = Around(rows, LINEAGE_EDGES, 1)
        return Summary(rows, self.by, self.hops or 0)
