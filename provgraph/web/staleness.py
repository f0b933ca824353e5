"""What would come out otherwise today, and why: of the newest results, or of some versions.

Whether a version is stale hangs on all that it was made from. In a large graph that may take longer
than a page waits; then it is said so (`BudgetExceeded`), never that nothing is stale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from provgraph.graph import Graph
from provgraph.model.elements import Node
from provgraph.model.uri import shown
from provgraph.query.plan import (
    Budget,
    Find,
    Identified,
    Latest,
    Limit,
    Membership,
    Plan,
    Sort,
    SortKey,
    Stale,
)
from provgraph.query.values import DAY
from provgraph.web.cards import cards
from provgraph.web.documents import StaleVersion, StaleVersions
from provgraph.web.home import RESULTS

AGE: Final = 30 * DAY
LISTED: Final = 200
_WAIT: Final = Budget(seconds=6.0, nodes=2_000_000)


def results(graph: Graph, kind: str | None) -> StaleVersions:
    """The stale among the latest versions of a kind, or of all that are results; the newest first."""
    kinds = RESULTS if kind is None else (kind,)
    newest = Find("Version", where=Membership("kind", kinds), which=Latest())
    return _stale(graph, Limit(Sort(Stale(newest, AGE), (SortKey("at", descending=True),)), LISTED))


def among(graph: Graph, ids: Sequence[str]) -> StaleVersions:
    """The stale among some versions."""
    return _stale(graph, Stale(Find("Version", name=Identified(tuple(ids))), AGE))


def _stale(graph: Graph, plan: Plan) -> StaleVersions:
    rows = graph.answer(plan, _WAIT).values
    found = [Node(id, label, held) for id, label, _, held, *_ in rows]
    return StaleVersions(
        versions=[
            StaleVersion(card=card, reasons=[shown(one) for one in reasons], direct=direct)
            for card, (*_, reasons, direct) in zip(cards(graph, found), rows, strict=True)
        ]
    )
