"""What would come out otherwise today, and why: of the newest results, or of some versions.

Whether a version is stale hangs on all that it was made from. That is looked at from near to far, for
as long as a page waits: what the own inputs say is said always, and of what lies farther off either
what it says or that it was not looked at (`unsure`), never that nothing is stale.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Final

from provgraph.graph import Graph
from provgraph.model.elements import Node
from provgraph.model.uri import shown
from provgraph.query.operators.aging import Looked, hanging_on, is_row, look
from provgraph.query.operators.freshness import newest
from provgraph.query.operators.part import Part, name_of
from provgraph.query.plan import Comparison, Filter, Find, Limit, Plan, SetOp, Sort, SortKey
from provgraph.query.values import DAY
from provgraph.web.cards import cards, nodes
from provgraph.web.documents import StaleVersion, StaleVersions
from provgraph.web.home import RESULTS
from provgraph.web.timeline import moment_of

AGE: Final = 30 * DAY
PAGE: Final = 50
WAIT: Final = 0.6
"""Seconds after which nothing farther is looked at."""
_SOUGHT: Final = 400
"""Versions among which a page of latest ones is sought."""
_AT_ONCE: Final = 200


def results(graph: Graph, kind: str | None, before: str | None) -> StaleVersions:
    """The stale among the newest of the latest versions of a kind, or of all that are results, that came
    to be before a cursor (`before` of another answer). Raises `UsageError` for another one."""
    kinds: list[Plan] = [Find("Version", kind=one) for one in ((kind,) if kind else RESULTS)]
    sought = reduce(lambda one, other: SetOp("union", one, other), kinds)
    if before is not None:
        sought = Filter(sought, Comparison("at", "<", moment_of(before)))
    ordered = Sort(sought, (SortKey("at", descending=True),))
    found = nodes(graph, Limit(ordered, _SOUGHT))
    rows = _latest(graph, found)[:PAGE]
    last = rows[-1] if len(rows) == PAGE else found[-1] if len(found) == _SOUGHT else None
    return _judged(graph, rows, before=str(last.properties["at"]) if last else None, wait=WAIT)


def among(graph: Graph, ids: Sequence[str], wait: float = WAIT) -> StaleVersions:
    """The stale among some versions."""
    found = {node.id: node for node in graph.store.nodes(ids)}
    rows = [found[id] for id in ids if id in found and is_row(found[id], None)]
    return _judged(graph, rows, before=None, wait=wait)


def _latest(graph: Graph, versions: Sequence[Node]) -> list[Node]:
    """Those after which none came under one of their names."""
    part = Part()
    part.add(versions)
    _fetch_histories(graph, part, [version.id for version in versions])
    return [
        version
        for version in versions
        if any(
            newest(part, version, name_of(part.nodes[edge.target])).id == version.id
            for edge in part.out(version.id, "VERSION_OF")
        )
    ]


def _judged(graph: Graph, rows: Sequence[Node], before: str | None, wait: float) -> StaleVersions:
    looked_at, left = _from_near_to_far(graph, rows, time.monotonic() + wait)
    old = hanging_on(looked_at, (id for id, one in looked_at.items() if one.reasons))
    stale = [row for row in rows if row.id in old]
    unsure = hanging_on(looked_at, left) - old
    return StaleVersions(
        versions=[
            StaleVersion(
                card=card,
                reasons=[shown(reason) for reason in looked_at[card.id].said(old)],
                direct=bool(looked_at[card.id].reasons),
            )
            for card in cards(graph, stale)
        ],
        looked_at=len(rows),
        unsure=[row.id for row in rows if row.id in unsure],
        before=before,
    )


def _from_near_to_far(
    graph: Graph, rows: Sequence[Node], until: float
) -> tuple[dict[str, Looked], list[str]]:
    """What speaks against these versions and what they hang on, the own inputs first; and the ids of
    what there was no time for."""
    part, looked_at = Part(), dict[str, Looked]()
    part.add(rows)
    left = [row.id for row in rows]
    while left and (not looked_at or time.monotonic() < until):
        near, left = left[:_AT_ONCE], left[_AT_ONCE:]
        _fetch(graph, part, near)
        waiting = {*left, *near}
        for id in near:
            looked_at[id] = look(part, part.nodes[id], AGE)
            new = looked_at[id].hang_on.keys() - looked_at.keys() - waiting
            waiting |= new
            left += sorted(new)
    return looked_at, left


def _fetch(graph: Graph, part: Part, versions: Iterable[str]) -> None:
    """Add what these versions were made from without anything between, and all versions of that."""
    store = graph.store
    made = store.edges(sorted(versions), ("GENERATED_BY", "DERIVED_FROM"))
    part.add((), made)
    inputs = {edge.target for edge in made if edge.type == "DERIVED_FROM"}
    steps = {edge.target for edge in made if edge.type == "GENERATED_BY"}
    while steps := steps - part.nodes.keys():
        used = store.edges(sorted(steps), ("USED", "EXECUTED"))
        told = store.edges(sorted(steps), ("INFORMED_BY",))
        part.add(store.nodes(sorted(steps)), (*used, *told))
        inputs |= {edge.target for edge in used}
        steps = {edge.target for edge in told}
    _fetch_histories(graph, part, inputs)


def _fetch_histories(graph: Graph, part: Part, versions: Iterable[str]) -> None:
    """Add these versions, what they are versions of, and all versions of that with who made them."""
    store = graph.store
    named = store.edges(sorted(versions), ("VERSION_OF",))
    artifacts = {edge.target for edge in named} - part.nodes.keys()
    held = store.edges(sorted(artifacts), ("VERSION_OF",), incoming=True)
    kept = {edge.source for edge in held}
    fresh = {*versions, *artifacts, *kept} - part.nodes.keys()
    part.add(store.nodes(sorted(fresh)), (*named, *held))
    part.add((), store.edges(sorted(kept), ("GENERATED_BY",)))
