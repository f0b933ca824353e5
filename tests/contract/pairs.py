"""How many pairs of a graph and a plan was a store asked, and how many with each verb in the plan?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import count, islice
from random import Random
from typing import Final

from contract.graphs import RANDOMS, graph
from contract.plans import OPERATORS, Question, parts, plan
from hypothesis import strategies as st

from provgraph.query.plan import (
    Around,
    Count,
    Deletion,
    Diff,
    Filter,
    Find,
    Latest,
    Limit,
    Paths,
    Plan,
    Project,
    Rerun,
    Runs,
    Segment,
    SetOp,
    Slice,
    Sort,
    Stale,
    Summarize,
    Versions,
    Walk,
)
from provgraph.store.memory import MemoryStore

LEAST: Final = 200
"""Pairs a verb."""

ASKED: Final[defaultdict[str, Counter[str]]] = defaultdict(Counter)
"""By store and verb; `pairs` counts all of them. Shown when the tests have run."""

_VERBS: Final[dict[type[Plan], str]] = {
    Around: "expand",
    Count: "count",
    Deletion: "deletion plan",
    Diff: "diff",
    Filter: "where",
    Limit: "limit",
    Paths: "paths",
    Project: "select",
    Rerun: "rerun plan",
    Runs: "runs",
    Segment: "segment",
    Slice: "slice",
    Sort: "sort",
    Stale: "stale",
    Summarize: "summarize",
    Versions: "history",
}
_SETS: Final = {"union": "+", "intersection": "&", "difference": "-"}
_WITH_A_WAY: Final = ("lineage", "impact", "latest")
VERBS: Final = frozenset((*_VERBS.values(), *_SETS.values(), *_WITH_A_WAY))
USUAL: Final = VERBS - OPERATORS.keys()
"""Those that any plan may have. The others have questions of their own."""


def verbs_of(asked: Plan) -> set[str]:
    """
    >>> sorted(verbs_of(Limit(Walk(Find("Version", which=Latest()), "origin", ("USED",)), 1)))
    ['latest', 'limit', 'lineage']
    """
    return {verb for part in parts(asked) for verb in _said(part)}


def _said(part: Plan) -> Iterator[str]:
    match part:
        case Walk():
            yield "lineage" if part.toward == "origin" else "impact"
        case SetOp():
            yield _SETS[part.operator]
        case Find(which=Latest()):
            yield "latest"
        case Find():
            pass
        case _ if type(part) in _VERBS:
            yield _VERBS[type(part)]


def questions_with(verb: str) -> st.SearchStrategy[Question]:
    """A graph and a plan that has a verb in it; of three tries, the first whose answer is not empty."""

    def draw(random: Random) -> Question:
        asked = graph(random)
        store = MemoryStore()
        store.apply(asked)
        drawn = (plan(random) for _ in count())
        tries = list(islice((each for each in drawn if verb in verbs_of(each)), 3))
        return asked, [next((t for t in tries if store.run(t).values), tries[0])]

    return st.builds(draw, RANDOMS)


class Pairs:
    """Counts what one test asks of one store."""

    def __init__(self, store: str) -> None:
        self.store = store
        self.asked: Counter[str] = Counter()

    def add(self, asked: Plan, graphs: int = 1) -> None:
        told = dict.fromkeys(("pairs", *verbs_of(asked)), graphs)
        self.asked.update(told)
        ASKED[self.store].update(told)

    def lacking(self, verbs: frozenset[str]) -> dict[str, int]:
        """Those of the verbs that were asked too seldom."""
        return {verb: self.asked[verb] for verb in verbs if self.asked[verb] < LEAST}


def lines() -> Iterator[str]:
    """What was asked of each store, the rarest verb first."""
    for store, asked in sorted(ASKED.items()):
        rarest = sorted((number, verb) for verb, number in asked.items() if verb != "pairs")
        told = ", ".join(f"{verb} {number}" for number, verb in rarest)
        yield f"{store}: {asked['pairs']} pairs of a graph and a plan ({told})"
