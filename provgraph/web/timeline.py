"""What happened, newest first: runs and commits, and how many there were each day."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime

from provgraph.errors import UsageError
from provgraph.graph import Graph
from provgraph.model.elements import Node
from provgraph.model.uri import shown
from provgraph.query.plan import (
    Column,
    Comparison,
    Find,
    Limit,
    Plan,
    Project,
    Sort,
    SortKey,
    Walk,
)
from provgraph.web.cards import BUDGET, cards, nodes, only
from provgraph.web.documents import Activity, Day, Entry, Timeline

_NEWEST = (SortKey("at", descending=True),)
_CURSOR = re.compile(r"[0-9]{1,19}")


def timeline(graph: Graph, before: str | None, limit: int) -> Timeline:
    """The entries before a cursor, a time in nanoseconds. Raises `UsageError` for another one."""
    if before is not None and not _CURSOR.fullmatch(before):
        raise UsageError(f"`{before[:40]}` is no place in the timeline")
    until = int(before) if before else 2**63 - 1
    found = [node for label in ("Run", "Commit") for node in _newest(graph, label, until, limit)]
    newest = sorted(found, key=lambda node: (-_at(node), node.id))[:limit]
    runs = [node for node in newest if node.label == "Run"]
    outputs = {run.id: _outputs(graph, run) for run in runs}
    entries = [
        Entry(card=card, outputs=outputs.get(node.id, 0), author=_author(node))
        for node, card in zip(newest, cards(graph, newest), strict=True)
    ]
    more = len(newest) == limit
    return Timeline(entries=entries, before=str(_at(newest[-1])) if more else None)


def _newest(graph: Graph, label: str, until: int, limit: int) -> list[Node]:
    earlier = Comparison("at", "<", until)
    found = Find(label, where=earlier)  # type: ignore[arg-type]
    return nodes(graph, Limit(Sort(found, _NEWEST), limit))


def _at(node: Node) -> int:
    at = node.properties.get("at")
    return at if isinstance(at, int) else 0


def _author(node: Node) -> str | None:
    held = node.properties.get("author") or node.properties.get("user")
    return shown(str(held)) if held else None


def _outputs(graph: Graph, run: Node) -> int:
    steps = Walk(only(run), "effect", ("PART_OF",), max_hops=1)
    rows = graph.answer(Project(steps, (Column("id", "id"),)), BUDGET).values
    made = graph.store.degrees([id for (id,) in rows], ("GENERATED_BY",), incoming=True)
    return sum(count for by_type in made.values() for count in by_type.values())


def activity(graph: Graph) -> Activity:
    """How many runs and commits each day had, the days in order; days without any are left out."""
    runs, failed, commits = Counter[str](), Counter[str](), Counter[str]()
    for at, ended in _times(graph, Find("Run"), ("at", "exit")):
        runs[_day(at)] += 1
        failed[_day(at)] += bool(ended)
    for (at,) in _times(graph, Find("Commit"), ("at",)):
        commits[_day(at)] += 1
    days = sorted({*runs, *commits} - {""})
    return Activity(
        days=[Day(day=d, runs=runs[d], failed=failed[d], commits=commits[d]) for d in days]
    )


def _times(graph: Graph, plan: Plan, keys: tuple[str, ...]) -> list[tuple[int | None, ...]]:
    return graph.answer(Project(plan, tuple(Column(key, key) for key in keys)), BUDGET).values


def _day(at: int | None) -> str:
    """
    >>> _day(1_780_000_000_123_000_000), _day(None)
    ('2026-05-28', '')
    """
    return "" if at is None else f"{datetime.fromtimestamp(at // 10**9, UTC):%Y-%m-%d}"
