"""Which commits are the line of a commit, and how far is it known?

A commit's line is that commit and those before it by first parents. It ends at the first commit of all, at a
shallow clone's end, and too early at what an earlier version read: it left out which files a merge took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from provgraph.query.plan import (
    AllOf,
    Column,
    Comparison,
    Find,
    Identified,
    Limit,
    Negate,
    Project,
    Walk,
)

if TYPE_CHECKING:
    from provgraph.asking.missing import Beside
    from provgraph.query.plan import Plan

_TOO_LITTLE: Final = AllOf((Comparison("at", ">=", 0), Negate(Comparison("told", "=", True))))


def commits(prefix: str) -> Find:
    """Those whose sha begins so."""
    return Find("Commit", where=Comparison("sha", "~", f"{prefix}*"))


def lines(graph: Beside, prefix: str) -> list[list[str]]:
    """The line of each commit whose sha begins so, as ids, the nearest first."""
    heads = _ids(graph, commits(prefix))
    behind = _ids(graph, Walk(commits(prefix), "origin", ("PARENT",)))
    parents = graph.edges([*dict.fromkeys((*heads, *behind))], ("PARENT",))
    first = {edge.source: edge.target for edge in parents if edge.properties.get("first") is True}
    found = []
    for head in heads:
        line = {head: None}
        while (last := first.get(next(reversed(line)))) and last not in line:
            line[last] = None
        found.append(list(line))
    return found


def cut(graph: Beside, prefix: str) -> str | None:
    """The sha of a commit at which the line of one whose sha begins so ends too early, if one does."""
    if not _ids(graph, Limit(Find("Commit", where=_TOO_LITTLE), 1)):
        return None
    ends = tuple(line[-1] for line in lines(graph, prefix))
    early = Find("Commit", Identified(ends), where=_TOO_LITTLE)
    shas = graph.answer(Project(early, (Column("sha", "sha"),))).values
    return next((str(sha) for (sha,) in shas), None)


def _ids(graph: Beside, plan: Plan) -> list[str]:
    return [str(id) for (id,) in graph.answer(Project(plan, (Column("id", "id"),))).values]
