"""What happened, newest first: runs and commits, and how many there were each day."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
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
)
from provgraph.web.cards import BUDGET, cards, nodes
from provgraph.web.documents import Activity, Day, Entry, Timeline

_NEWEST = (SortKey("at", descending=True),)
_CURSOR = re.compile(r"[0-9]{1,19}")


def timeline(graph: Graph, before: str | None, limit: int) -> Timeline:
    """The entries before a cursor, a time in nanoseconds. Raises `UsageError` for another one."""
    until = moment_of(before)
    found = [node for label in ("Run", "Commit") for node in _newest(graph, label, until, limit)]
    newest = sorted(found, key=lambda node: (-_at(node), node.id))[:limit]
    outputs = _outputs(graph, [node.id for node in newest if node.label == "Run"])
    entries = [
        Entry(card=card, outputs=outputs.get(node.id, 0), author=_author(node))
        for node, card in zip(newest, cards(graph, newest), strict=True)
    ]
    more = len(newest) == limit
    return Timeline(entries=entries, before=str(_at(newest[-1])) if more else None)


def moment_of(cursor: str | None) -> int:
    """The time, in nanoseconds, that a cursor says; without one, the end of all times. Raises `UsageError`.

    >>> moment_of("1780000000123000000")
    1780000000123000000
    """
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise UsageError(f"`{cursor[:40]}` is no place in the timeline")
    return int(cursor) if cursor else 2**63 - 1


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


def _outputs(graph: Graph, runs: list[str]) -> dict[str, int]:
    """How many versions each of these runs made."""
    run_of = {
        edge.source: edge.target for edge in graph.store.edges(runs, ("PART_OF",), incoming=True)
    }
    made = graph.store.degrees(list(run_of), ("GENERATED_BY",), incoming=True)
    counts = Counter[str]()
    for step, by_type in made.items():
        counts[run_of[step]] += sum(by_type.values())
    return counts


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


def _times(graph: Graph, plan: Plan, keys: tuple[str, ...]) -> Sequence[tuple[int | None, ...]]:
    return graph.answer(Project(plan, tuple(Column(key, key) for key in keys)), BUDGET).values


def _day(at: int | None) -> str:
    """
    >>> _day(1_780_000_000_123_000_000), _day(None)
    ('2026-05-28', '')
    """
    return "" if at is None else f"{datetime.fromtimestamp(at // 10**9, UTC):%Y-%m-%d}"
