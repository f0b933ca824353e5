"""What a store is: a place that batches are applied to and plans are run on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from provgraph.errors import StoreError
from provgraph.model.elements import Batch, Edge, Node, Value, Watermark
from provgraph.model.tails import Stored
from provgraph.model.vocabulary import Label
from provgraph.query.operators import Cone
from provgraph.query.plan import Budget, Plan, Walk

__all__ = ["Rows", "Statistics", "Store", "StoreChanged", "Surroundings", "WriteRefused"]


@dataclass(frozen=True, slots=True)
class Rows:
    """An answer. `columns` are the names asked for, and each of `values` holds one row in that
    order. Of a plan without a `Project` at the top they are a table's own, or `id`, `label`, `depth`
    (None where no walk gave one), `properties` (a dict: the node's properties, without nulls) and
    what the rows have learned. Values may be made when they are looked at; a slice of them is a list."""

    columns: tuple[str, ...]
    values: Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Nodes and the edges that were asked for around them."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Statistics:
    nodes: dict[str, int]
    edges: dict[str, int]


class StoreChanged(StoreError):
    """Somebody else has written since `tails` or `timelines` was asked, so what a batch binds may no longer
    hold. Nothing was changed: ask again, bind again."""


class WriteRefused(StoreError):
    """The store answers questions and takes nothing in, from anybody or from this user."""


class Store(Protocol):
    """A provenance graph that is kept somewhere. All stores give the same answers. `warning` says
    what is to be known of the place, or is None."""

    warning: str | None

    def apply(self, batch: Batch) -> None:
        """Apply a batch durably, in one transaction. Raises `StoreError` and changes nothing if it
        cannot be applied whole (an edge without its node, a full disk, a lock held too long)."""

    def begin(self, batch: Batch, ready: Callable[[], None] = lambda: None) -> None:
        """The same, but perhaps beside what the caller does next. Whatever is asked or done next finds it applied, or
        raises what kept it from being; it is durable when what is applied next is. `ready` waits until it may be applied, wherever that is done, or raises why it may not."""

    def begin_making(
        self,
        make: Callable[[Self], Iterable[Batch]],
        artifacts: frozenset[str],
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        """The same with a batch that is yet to be made, in pieces: `make` does so, wherever it is applied, and asks the store
        that it is given. `artifacts` are those whose timelines the batch may change."""

    def run(self, plan: Plan, budget: Budget = Budget()) -> Rows:  # noqa: B008
        """The rows of a plan, in its order. Raises `BudgetExceeded`."""

    def cone(self, walk: Walk, budget: Budget = Budget()) -> Cone:  # noqa: B008
        """What a walk leaves and reaches, with the edges between. Raises `BudgetExceeded`."""

    def reached(self, walk: Walk, budget: Budget = Budget()) -> tuple[Cone, list[Node]]:  # noqa: B008
        """The same, and the nodes whole, in any order; what is removed meanwhile is missing."""

    def nodes(self, ids: Sequence[str]) -> list[Node]:
        """Those of these nodes that exist, in order of id."""

    def edges(
        self, ids: Sequence[str], types: Sequence[str] = (), *, incoming: bool = False
    ) -> list[Edge]:
        """The edges out of these nodes (or into them), of these types (all, if none are given), in
        order of identity."""

    def degrees(
        self, ids: Sequence[str], types: Sequence[str] = (), *, incoming: bool = False
    ) -> dict[str, dict[str, int]]:
        """How many edges of each type lead out of these nodes (or into them), without reading one:
        by node, then by type; what has none is left out."""

    def values(
        self,
        label: Label,
        key: str,
        most: int,
        budget: Budget = Budget(),  # noqa: B008
    ) -> list[Value]:
        """What nodes of a label have under a key, each value once and in any order: all that there are,
        or any `most` of them where there are more. No longer sought than until those are found. Raises
        `BudgetExceeded`, for the time alone."""

    def timelines(self, artifacts: Sequence[str]) -> Surroundings:
        """Everything that binding needs to know of these artifacts: the artifacts that exist, the
        versions that are VERSION_OF them (those versions' other artifacts too), and every edge of
        a bound type (`EdgeType.bound`), REVISION_OF and VERSION_OF that touches those versions; in any order. Where
        what was begun has nothing to do with them, that is not waited for."""

    def tails(self, artifacts: Sequence[str]) -> list[Stored]:
        """Of those of these artifacts that keep where their timeline ends (`model.tails`), in order of id: that end. Where
        what was begun has nothing to do with them, that is not waited for."""

    def existing(self, ids: Sequence[str]) -> set[str]:
        """Those of these nodes that exist, or that what was begun makes, which is not waited for."""

    def begun(self) -> frozenset[str]:
        """The artifacts that what was begun may change, and is perhaps not done with."""

    def watermarks(self) -> dict[str, Watermark]:
        """How far each segment has been applied, by segment."""

    def statistics(self) -> Statistics: ...

    def clear(self) -> None:
        """Drop all that it holds; the journal can fill it again."""

    def close(self) -> None: ...
