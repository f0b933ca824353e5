"""The comparison finds each of these faults: evaluators that are wrong on purpose, in one thing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest
from contract.plans import questions, questions_of
from contract.test_answers import PLANS_A_GRAPH, exactly
from hypothesis import Phase, find, settings
from hypothesis.errors import NoSuchExample
from msgspec.structs import replace

from provgraph.model.elements import Batch, Node, Value
from provgraph.query.evaluate import Evaluator, Row
from provgraph.query.operators import Record
from provgraph.query.order import rank
from provgraph.query.plan import (
    Around,
    Comparison,
    Condition,
    Count,
    Deletion,
    Diff,
    Filter,
    Find,
    Globbed,
    Latest,
    Limit,
    Membership,
    Name,
    Nth,
    Paths,
    Plan,
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


class FollowsEdgesTheWrongWay(Evaluator):
    def walk(self, plan: Walk) -> list[Row]:
        return super().walk(replace(plan, toward="effect" if plan.toward == "origin" else "origin"))


class GivesARowAPath(Evaluator):
    def step(self, plan: Walk, level: Sequence[str]) -> list[str]:
        follow = self.causes if plan.toward == "origin" else self.effects
        return [other for id in level for other in follow(id, *plan.via)]

    def walk(self, plan: Walk) -> list[Row]:
        rows = super().walk(plan)
        once = [row.node.id for row in rows]
        again = [id for id in self.step(plan, once) if once.count(id) and self.step(plan, [id])]
        return rows + [row for row in rows if again.count(row.node.id) > 1]


class CountsDepthFromOneTooMany(Evaluator):
    def walk(self, plan: Walk) -> list[Row]:
        return [dataclasses.replace(row, depth=(row.depth or 0) + 1) for row in super().walk(plan)]


class CountsDepthFromTheFarthestSource(Evaluator):
    def walk(self, plan: Walk) -> list[Row]:
        starts = [
            Find(row.node.label, where=Comparison("id", "=", row.node.id))
            for row in self.rows(plan.source)
        ]
        found = [
            row
            for start in starts
            for row in super(type(self), self).walk(replace(plan, source=start))
        ]
        return list(
            {row.node.id: row for row in sorted(found, key=lambda row: row.depth or 0)}.values()
        )


class GivesTheSourceAsARow(Evaluator):
    def walk(self, plan: Walk) -> list[Row]:
        rows = super().walk(plan)
        reached = {row.node.id for row in rows}
        sources = [row.node for row in self.rows(plan.source) if row.node.id not in reached]
        return rows + [Row(node, 0) for node in sources]


class PassesWhereItShouldStop(Evaluator):
    def walk(self, plan: Walk) -> list[Row]:
        return super().walk(replace(plan, stop_at=None))


class LosesWhereItStops(Evaluator):
    def walk(self, plan: Walk) -> list[Row]:
        stops = {row.node.id for row in self.rows(plan.stop_at)} if plan.stop_at else set()
        return [row for row in super().walk(plan) if row.node.id not in stops]


class NeverLeavesASourceWhereItStops(Evaluator):
    def walk(self, plan: Walk) -> list[Row]:
        if plan.stop_at is None:
            return super().walk(plan)
        return super().walk(replace(plan, source=SetOp("difference", plan.source, plan.stop_at)))


class GoesAHopTooFar(Evaluator):
    def walk(self, plan: Walk) -> list[Row]:
        return super().walk(replace(plan, max_hops=plan.max_hops and plan.max_hops + 1))


class WalksIntoTheFuture(Evaluator):
    def walk(self, plan: Walk) -> list[Row]:
        return super().walk(replace(plan, until=None))


class LeavesFromAHiddenSource(Evaluator):
    def walk(self, plan: Walk) -> list[Row]:
        before = [
            row
            for row in super().walk(replace(plan, until=None))
            if not self.is_hidden(row.node.id, plan.until)
        ]
        return (
            before
            if any(self.is_hidden(row.node.id, plan.until) for row in self.rows(plan.source))
            else super().walk(plan)
        )


class HidesWhatHasNoTime(Evaluator):
    def is_hidden(self, id: str, until: int | None) -> bool:
        return not self.is_before(id, until)


class LooksOneWayAround(Evaluator):
    def neighbours(self, id: str, *types: str) -> list[str]:
        return self.causes(id, *types)


class LosesWhatIsInTheMiddle(Evaluator):
    def around(self, plan: Around) -> list[Row]:
        return [row for row in super().around(plan) if row.depth]


class LooksAHopTooFarAround(Evaluator):
    def around(self, plan: Around) -> list[Row]:
        return super().around(replace(plan, hops=plan.hops + 1))


class SortsMissingValuesFirst(Evaluator):
    def rows(self, plan: Plan) -> list[Row]:
        rows = super().rows(plan)
        if isinstance(plan, Sort):
            rows.sort(key=lambda row: rank(row.value(plan.by[0].key)) is not None)
        return rows


class ReversesTiesToo(Evaluator):
    def rows(self, plan: Plan) -> list[Row]:
        if isinstance(plan, Sort) and len(plan.by) == 1 and plan.by[0].descending:
            rows = super().rows(replace(plan, by=(replace(plan.by[0], descending=False),)))
            missing = [row for row in rows if rank(row.value(plan.by[0].key)) is None]
            return [row for row in reversed(rows) if row not in missing] + missing
        return super().rows(plan)


class SortsTextInUtf16(Evaluator):
    def rows(self, plan: Plan) -> list[Row]:
        rows = super().rows(plan)
        if isinstance(plan, Sort) and len(plan.by) == 1 and not plan.by[0].descending:
            rows.sort(key=lambda row: _in_utf16(row.value(plan.by[0].key)))
        return rows


def _in_utf16(value: Value) -> tuple[bool, bool, int | float | bytes]:
    placed = rank(value)
    if placed is None:
        return (True, False, 0)
    return (False, placed[0], placed[1].encode("utf-16-be") if placed[0] else placed[1])


class LimitsBeforeItSorts(Evaluator):
    def rows(self, plan: Plan) -> list[Row]:
        if isinstance(plan, Limit) and isinstance(plan.source, Sort):
            return super().rows(replace(plan.source, source=Limit(plan.source.source, plan.count)))
        return super().rows(plan)


class OrdersByIdAlone(Evaluator):
    def rows(self, plan: Plan) -> list[Row]:
        rows = super().rows(plan)
        if isinstance(plan, Find | Walk | Versions | Runs | SetOp):
            rows.sort(key=lambda row: (row.depth or 0, row.node.id))
        return rows


class PicksAfterItAsks(Evaluator):
    def picked(self, plan: Find, candidates: set[str]) -> set[str]:
        kept = {
            id
            for id in candidates
            if plan.where is None or self.satisfies(Row(self.node(id)), plan.where)
        }
        return super().picked(plan, kept)


class PicksTheFirst(Evaluator):
    def picked(self, plan: Find, candidates: set[str]) -> set[str]:
        which = Nth(1) if plan.which == Latest() else plan.which
        return super().picked(replace(plan, which=which), candidates)


class PicksAmongAllKinds(Evaluator):
    def find(self, plan: Find) -> list[Row]:
        return [
            row
            for row in super().find(replace(plan, kind=None))
            if plan.kind in (None, row.node.properties.get("kind"))
        ]


class KeepsWhatACommitRemoved(Evaluator):
    def removals(self, artifact: str) -> list[str]:
        return []


class RemovesWhatCameAgain(Evaluator):
    def at_commit(self, head: str, held: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
        gone = self.line(head).keys()
        return super().at_commit(head, [e for e in held if gone.isdisjoint(self.removals(e[0]))])


class TakesAnyParentForTheFirst(Evaluator):
    def line(self, commit: str) -> dict[str, int]:
        return self.behind(commit)


class KnowsOnlyTheLastName(Evaluator):
    def answers(self, node: Node, name: Name) -> bool:
        if isinstance(name, Globbed) and node.label == "Version":
            return self.is_named(node, name)
        return super().answers(node, name)


class HoldsWhatIsMissingUnequal(Evaluator):
    def satisfies(self, row: Row, condition: Condition) -> bool:
        if (
            isinstance(condition, Comparison)
            and condition.operator == "!="
            and row.value(condition.key) is None
        ):
            return True
        return super().satisfies(row, condition)


class HoldsWhatIsMissingInNone(Evaluator):
    def satisfies(self, row: Row, condition: Condition) -> bool:
        if (
            isinstance(condition, Membership)
            and condition.negated
            and row.value(condition.key) is None
        ):
            return True
        return super().satisfies(row, condition)


class AsksAllMembersOfAList(Evaluator):
    def satisfies(self, row: Row, condition: Condition) -> bool:
        if isinstance(condition, Comparison) and isinstance(
            members := row.value(condition.key), tuple
        ):
            return bool(members) and all(
                super(type(self), self).satisfies(
                    Row(Node("", "Run", {condition.key: member})),
                    condition,
                )
                for member in members
            )
        return super().satisfies(row, condition)


class KeepsTheDepthInSets(Evaluator):
    def combined(self, plan: SetOp) -> list[Row]:
        left = {row.node.id: row.depth for row in self.rows(plan.left)}
        return [
            dataclasses.replace(row, depth=left.get(row.node.id)) for row in super().combined(plan)
        ]


class TakesTheOtherDifference(Evaluator):
    def combined(self, plan: SetOp) -> list[Row]:
        return super().combined(replace(plan, left=plan.right, right=plan.left))


class GivesOnlyTheSourcesVersions(Evaluator):
    def versions(self, rows: list[Row], until: int | None) -> list[Row]:  # type: ignore[override]
        found = super().versions(rows, until)
        return [
            row
            for row in found
            if row in [dataclasses.replace(source, depth=None) for source in rows]
        ]


class LosesARunsOwnRow(Evaluator):
    def runs_of(self, node: Node) -> set[str]:
        return set() if node.label == "Run" else super().runs_of(node)


class SlicesTheOthersToo(Evaluator):
    def slice(self, plan: Slice) -> list[Row]:
        if plan.against is None:
            return super().slice(plan)
        return super().slice(replace(plan, source=SetOp("union", plan.source, plan.against)))


class SupportsOneTooMany(Evaluator):
    def slice(self, plan: Slice) -> list[Row]:
        return super().slice(replace(plan, support=(plan.support or 1) + 1))


class ForgetsWhatWasLearned(Evaluator):
    def rows(self, plan: Plan) -> list[Row]:
        rows = super().rows(plan)
        return (
            [dataclasses.replace(row, learned={}) for row in rows]
            if isinstance(plan, Filter)
            else rows
        )


class SegmentsByLengthAlone(Evaluator):
    def segment(self, plan: Segment) -> list[Row]:
        return super().segment(replace(plan, similar=None))


class SegmentsDirectPathsOnly(Evaluator):
    def segment(self, plan: Segment) -> list[Row]:
        return [row for row in super().segment(plan) if row.learned[":on_path"]]


class TakesAnyPathForAlike(Evaluator):
    def words(self, plan: Segment, *of: Any) -> set[Any]:
        return {0}


class SegmentsOneWayOnly(Evaluator):
    def segment(self, plan: Segment) -> list[Row]:
        near = [*self.rows(plan.to), *self.rows(Walk(plan.to, "origin", plan.via))]
        ids = {row.node.id for row in near}
        return [row for row in super().segment(plan) if row.node.id in ids]


class SummarizesWithoutHops(Evaluator):
    def summary(self, plan: Summarize) -> list[Record]:
        return super().summary(replace(plan, hops=0))


class MergesWhatIsAlikeAtOnce(Evaluator):
    def no_more(
        self, groups: list[list[int]], colors: list[Any], edges: set[Any], back: bool
    ) -> Callable[[list[int], list[int]], bool]:
        return lambda g, h: bool(colors[g[0]] == colors[h[0]])


class MergesOneWayOnly(Evaluator):
    def no_more(
        self, groups: list[list[int]], colors: list[Any], edges: set[Any], back: bool
    ) -> Callable[[list[int], list[int]], bool]:
        return super().no_more(groups, colors, edges, back) if back else list.__eq__


class ForgetsTheSecondEdgeOfAGroup(Evaluator):
    def summary(self, plan: Summarize) -> list[Record]:
        return [{**row, "edges": row["edges"][:1]} for row in super().summary(plan)]


class FollowsPathsOneWay(Evaluator):
    def simple(self, path: tuple[str, ...], plan: Paths, toward: str) -> Iterator[tuple[str, ...]]:
        return super().simple(path, plan, toward) if toward == "origin" else iter(())


class GoesAnEdgeTooFarAlongAPath(Evaluator):
    def paths(self, plan: Paths) -> list[Record]:
        return super().paths(replace(plan, max_hops=plan.max_hops and plan.max_hops + 1))


class GivesOneTargetsPathOnly(Evaluator):
    def paths(self, plan: Paths) -> list[Record]:
        return super().paths(plan if plan.every else replace(plan, most=1))


class NamesOneTypeOfEdgeOnly(Evaluator):
    def paths(self, plan: Paths) -> list[Record]:
        return [{**row, "edge": row["edge"] and row["edge"][:1]} for row in super().paths(plan)]


class CountsEqualNumbersApart(Evaluator):
    def counts(self, plan: Count) -> list[tuple[Any, ...]]:
        found = super().counts(plan)
        return [tuple(float(v) + 0.25 if v == 1 else v for v in group) for group in found]


class DeletesCausesFirst(Evaluator):
    def deletion(self, plan: Deletion) -> list[Record]:
        found = super().deletion(plan)
        last = max((row["order"] for row in found), default=0)
        return [{**row, "order": last + 1 - row["order"]} for row in reversed(found)]


class DeletesWhatIsKept(Evaluator):
    def deletion(self, plan: Deletion) -> list[Record]:
        return super().deletion(replace(plan, keep=None))


class StopsDeletingAtWhatIsKept(Evaluator):
    def deletion(self, plan: Deletion) -> list[Record]:
        if plan.keep is None:
            return super().deletion(plan)
        return super().deletion(replace(plan, source=SetOp("difference", plan.source, plan.keep)))


class TakesWhatWasConcludedForSeen(Evaluator):
    def deletion(self, plan: Deletion) -> list[Record]:
        found = super().deletion(plan)
        return [{**r, "why": "derived"} if r["why"] == "inferred" else r for r in found]


class RebuildsFromWhatIsToGo(Evaluator):
    def causes(self, id: str, *types: str) -> list[str]:
        return [id] if types == ("USED",) else super().causes(id, *types)


class FindsStaleOnlyWhatIsSoItself(Evaluator):
    def stale(self, plan: Stale) -> list[Row]:
        return [row for row in super().stale(plan) if row.learned[":direct"]]


class KeepsEveryInputFresh(Evaluator):
    def stale(self, plan: Stale) -> list[Row]:
        return super().stale(replace(plan, age=10**30))


class AgesIntoTheFuture(Evaluator):
    def stale(self, plan: Stale) -> list[Row]:
        return super().stale(replace(plan, until=None))


class ComparesTheOtherWayRound(Evaluator):
    def diff(self, plan: Diff) -> list[Record]:
        return super().diff(replace(plan, source=plan.other, other=plan.source))


class ComparesInAnOrderOfItsOwn(Evaluator):
    def diff(self, plan: Diff) -> list[Record]:
        return super().diff(replace(plan, on=tuple(sorted(plan.on))))


class RunsAgainInReverse(Evaluator):
    def rerun(self, plan: Rerun) -> list[Record]:
        return super().rerun(plan)[::-1]


class RunsAgainPastWhereItStops(Evaluator):
    def rerun(self, plan: Rerun) -> list[Record]:
        return super().rerun(replace(plan, stop_at=None))


class MissesNothing(Evaluator):
    def rerun(self, plan: Rerun) -> list[Record]:
        return [{**row, "missing": ()} for row in super().rerun(plan)]


class NamesAnyOrigin(Evaluator):
    def deletion(self, plan: Deletion) -> list[Record]:
        found = super().deletion(plan)
        first = min((row["origin"] for row in found), default="")
        return [{**row, "origin": first} for row in found]


VERBS = {"deletion": "deletion plan", "rerun": "rerun plan", "diff": "diff", "stale": "stale"}
"""What is asked to find a fault in a method of its own."""
FAULTS = [
    fault
    for fault in list(globals().values())
    if isinstance(fault, type) and issubclass(fault, Evaluator) and fault is not Evaluator
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_comparison_finds_an_evaluator_that(fault: type[Evaluator]) -> None:
    # It stops at the first; what is drawn depends on which modules the process has imported.
    look_for_a_difference(fault, 20_000)  # raises if there is none


def look_for_a_difference(evaluator: type[Evaluator], examples: int) -> None:
    generate = settings(max_examples=examples, phases=[Phase.generate], derandomize=True)
    about = next((verb for method, verb in VERBS.items() if method in vars(evaluator)), None)
    asked = questions_of(about) if about else questions(PLANS_A_GRAPH)
    find(asked, lambda pair: differs(evaluator, *pair), settings=generate)


def differs(fault: type[Evaluator], graph: Batch, plans: list[Plan]) -> bool:
    reference, broken = MemoryStore(), MemoryStore()
    broken.evaluator = fault
    reference.apply(graph)
    broken.apply(graph)
    return any(exactly(broken.run(plan)) != exactly(reference.run(plan)) for plan in plans)


def test_the_comparison_finds_nothing_in_the_reference_itself() -> None:
    with pytest.raises(NoSuchExample):
        look_for_a_difference(Evaluator, 100)
