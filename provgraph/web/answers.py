"""A question in the query language, answered for the page: columns, rows, and each row's node."""

from __future__ import annotations

import time
from typing import Any, Final

from msgspec.structs import replace

from provgraph.asking.answers import answer as in_columns
from provgraph.asking.missing import Beside, remarks
from provgraph.graph import Graph
from provgraph.model.text import plain
from provgraph.model.uri import shown
from provgraph.query import plan, shape
from provgraph.store import Rows
from provgraph.web.cards import BUDGET
from provgraph.web.documents import Answer, Column

_ID: Final = plan.Column("\0id", "id")
"""Asked for beside the columns, so that a row leads to its node. No column can be called so."""
_HIDDEN: Final = frozenset((_ID.name, "id", "type"))
"""Of the columns that nodes have by themselves, those that the page shows as a link or an icon."""


def answer(graph: Graph, text: str, limit: int) -> Answer:
    """The first `limit` rows. Raises `QueryError`, `BudgetExceeded`."""
    began = time.perf_counter()
    query = graph.ask(text)
    if query.syntax.explain:
        explained = query.explain()
        took = time.perf_counter() - began
        return Answer(columns=[], rows=[], ids=[], more=False, seconds=took, explained=explained)
    asked = _first(query.plan, limit + 1)
    rows = graph.answer(asked, BUDGET)
    beside = Beside(graph, BUDGET.seconds)
    found = in_columns(Rows(rows.columns, rows.values[:limit]), asked)
    selected = isinstance(query.plan, plan.Project) or plan.is_table(query.plan)
    hidden = frozenset((_ID.name,)) if selected else _HIDDEN
    kept = [at for at, column in enumerate(found.columns) if column.name not in hidden]
    id_at = next((at for at, c in enumerate(found.columns) if c.name == _ID.name), None)
    if id_at is None and not isinstance(query.plan, plan.Project):
        # A table says of which node a row is, if it is of one: `paths` and `deletion plan` do.
        id_at = next((found.names.index(n) for n in ("id", "version") if n in found.names), None)
    return Answer(
        columns=[_column(found.columns[at]) for at in kept],
        rows=[[_cell(found.columns[at].key, row[at]) for at in kept] for row in found.values],
        ids=[None if id_at is None else row[id_at] for row in found.values],
        more=len(rows.values) > limit,
        seconds=time.perf_counter() - began,
        remarks=list(remarks(beside, query.plan, empty=not rows.values)),
    )


def _first(asked: plan.Plan, count: int) -> plan.Plan:
    """The first rows, with their nodes' ids where columns were selected."""
    if isinstance(asked, plan.Project):
        source = plan.Limit(asked.source, count)
        own = () if plan.is_table(asked.source) else (_ID,)
        return replace(asked, source=source, columns=(*asked.columns, *own))
    return plan.Limit(asked, count)


def _column(column: plan.Column) -> Column:
    type = shape.type_of(column.key)
    return Column(name=column.name, type=type.value if type else "text")


def _cell(key: str, held: Any) -> Any:
    value = plain(key, held)
    match value:
        case str():
            return shown(value)
        case tuple() | list():
            return [shown(str(member)) for member in value]
        case _:
            return value
