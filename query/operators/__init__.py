"""The operators that no database language says, carried out on what an engine fetches.

An engine gives a `Reader`; `known` carries out an operator whose rows are nodes, `table` one whose
rows are not, with all that stands above it. So every store that has no way of its own means the
same by them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

from provgraph.model.elements import Edge, Node
from provgraph.model.vocabulary import Label
from provgraph.query import shape
from provgraph.query.operators.telling import fewer, is_fetched
from provgraph.query.plan import (
    Count,
    Deletion,
    Diff,
    Fetched,
    Filter,
    Given,
    Known,
    Limit,
    Paths,
    Plan,
    Project,
    Rerun,
    Segment,
    Slice,
    Sort,
    Stale,
    Summarize,
    Table,
    Walk,
    with_sources,
)


@dataclass(frozen=True, slots=True)
class Cone:
    """The nodes that a walk leaves or reaches, and the edges between them.

    Nodes are numbered by their place in `ids`; `starts` are the walk's sources. Edges are pairs
    `effects[i]`, `causes[i]` of two of the nodes, each pair once, of the types that the walk follows
    (whichever way it goes). A node that the walk stops at has edges too. No order is promised. `times` are
    the nodes' `at`, where the engine has them at hand.
    """

    ids: Sequence[str]
    labels: Sequence[Label]
    starts: Sequence[int]
    effects: Sequence[int]
    causes: Sequence[int]
    times: Sequence[int | None] | None = None


class Reader(Protocol):
    """What an operator may ask of an engine, in one state of the store and within its budget."""

    def columns(self, plan: Project) -> Sequence[tuple[Any, ...]]:
        """The values of a plan's rows, in its order."""

    def cone(self, walk: Walk) -> Cone:
        """What a walk leaves and reaches."""

    def edges_from(self, plan: Plan, via: Sequence[str]) -> list[tuple[str, str, str]]:
        """The edges of these types out of a plan's rows: effect, type, cause. Each once, in no order."""

    def visit(self, nodes: int) -> None:
        """Counts nodes that an operator looks at by itself. Raises `BudgetExceeded`."""

    def nodes_of(self, plan: Plan) -> list[Node]:
        """A plan's rows with all that is known of them, in its order."""

    def edges_of(self, plan: Plan, types: Sequence[str]) -> list[Edge]:
        """The edges of these types (one at least) out of a plan's rows, in any order."""

    def counts(self, plan: Count) -> list[tuple[Any, ...]]:
        """The groups of a count in any order: the values, then how many. Equal values may come in
        several groups, which are added up."""


def known(plan: Fetched, reader: Reader) -> Given:
    """The rows of an operator, with what it learned."""
    keys, labels = (field.key for field in shape.learned(plan)), sorted(shape.labels(plan))
    if isinstance(plan, Slice):
        from provgraph.query.operators.slicing import sliced

        rows, timed = sliced(plan, reader)
        return Given(rows, tuple(labels), tuple(keys), timed)
    return Given(tuple(_rows(plan, reader)), tuple(labels), tuple(keys))


def _rows(plan: Stale | Segment, reader: Reader) -> Iterable[Known]:
    match plan:
        case Stale():
            from provgraph.query.operators.aging import stale

            return stale(plan, reader)
        case Segment():
            from provgraph.query.operators.segmenting import segmented

            return segmented(plan, reader)
        case _:
            assert_never(plan)


def carried_out(plan: Plan, reader: Reader) -> Plan:
    """The plan with each of these operators but tables, the lowest first, replaced by its rows. So
    a reader is asked only what a database language says, and of no more rows than are wanted."""
    left = with_sources(plan, lambda source: carried_out(source, reader))
    if isinstance(left, Limit) and is_fetched(plan):
        return fewer(left)
    return known(left, reader) if isinstance(left, Fetched) else left


Record = dict[str, Any]


def table(plan: Plan, reader: Reader) -> list[Record]:
    """The rows of a table and of what stands above it, by column."""
    return above(plan, lambda made: records(made, reader))


def records(plan: Table, reader: Reader) -> list[Record]:
    """The rows of a table."""
    match plan:
        case Count():
            from provgraph.query.operators.counting import counted

            return counted(plan, reader.counts(plan))
        case Paths():
            from provgraph.query.operators.pathfinding import found

            return found(plan, reader)
        case Deletion():
            from provgraph.query.operators.deleting import deleted

            return deleted(plan, reader)
        case Rerun():
            from provgraph.query.operators.rerunning import planned

            return planned(plan, reader)
        case Diff():
            from provgraph.query.operators.comparing import compared

            return compared(plan, reader)
        case Summarize():
            from provgraph.query.operators.summarizing import summarized

            return summarized(plan, reader)
        case _:
            assert_never(plan)


def above(plan: Plan, made: Callable[[Table], list[Record]]) -> list[Record]:
    """What the operators above a table make of its rows, which `made` gives."""
    match plan:
        case Count() | Paths() | Deletion() | Rerun() | Diff() | Summarize():
            return made(plan)
        case Filter(source, condition):
            from provgraph.query.conditions import holds

            return [row for row in above(source, made) if holds(condition, row.get)]
        case Sort(source, by):
            from provgraph.query.order import in_order_of

            return in_order_of(by, above(source, made), lambda row, key: row.get(key))
        case Limit(source, count):
            return above(source, made)[: max(count, 0)]
        case Project(source, columns):
            kept = [(column.name, column.key) for column in columns]
            return [{name: row[key] for name, key in kept} for row in above(source, made)]
        case _:
            raise AssertionError(f"{type(plan).__name__} makes no table")
