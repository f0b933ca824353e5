"""How a plan is run: each statement's answer in columns, within a budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, Final, TypeVar

from neo4j import ManagedTransaction

from provgraph.errors import BudgetExceeded
from provgraph.model.elements import Edge, Node
from provgraph.query import shape
from provgraph.query.cypher import Statement, asks_for_ids
from provgraph.query.operators import Cone, carried_out, table
from provgraph.query.operators.telling import is_fetched, told
from provgraph.query.plan import (
    Around,
    Budget,
    Column,
    Count,
    Find,
    Plan,
    Project,
    Runs,
    Versions,
    Walk,
    is_table,
    sources,
)
from provgraph.store import Rows
from provgraph.store.made_rows import MadeRows
from provgraph.store.neo4j import cones
from provgraph.store.neo4j.connection import SHORTEST_SECONDS, Asked, Connection, columns
from provgraph.store.neo4j.dialect import Neo4jCypher, stand_together
from provgraph.store.neo4j.numbers import Numbers, State
from provgraph.store.neo4j.reading import key_and_rest
from provgraph.store.neo4j.values import (
    asked,
    column_of,
    given_back,
    properties_of,
    rows_of,
    rows_of_columns,
)

T = TypeVar("T")

_KEPT: Final = 64  # statements


class Runner:
    """Runs the plans of one project."""

    def __init__(self, connection: Connection, project: str, dialect: type[Neo4jCypher]) -> None:
        self.connection = connection
        self.project = project
        self.dialect = dialect
        self.numbers = Numbers(dialect, project)
        self.compiled = lru_cache(_KEPT)(partial(dialect.compile, project=project))

    def run(self, plan: Plan, budget: Budget) -> Rows:
        """Raises `BudgetExceeded`."""
        return self._within(budget, lambda execution: execution.answer(plan))

    def cone(self, walk: Walk, budget: Budget) -> Cone:
        """Raises `BudgetExceeded`."""
        return self._within(budget, lambda execution: execution.cone(walk))

    def reached(self, walk: Walk, budget: Budget) -> tuple[Cone, list[Node]]:
        """A cone, and those of its nodes that nobody removed meanwhile. Raises `BudgetExceeded`."""
        return self._within(budget, lambda execution: execution.reached(walk))

    def _within(self, budget: Budget, work: Callable[[Execution], T]) -> T:
        seconds = budget.seconds
        if seconds is not None and seconds < SHORTEST_SECONDS:
            raise BudgetExceeded(
                f"the question takes longer than {seconds:g} s",
                hint="narrow it, or raise `--timeout`",
            )
        return self.connection.read(lambda asked: work(Execution(asked, self, budget)), seconds)


class Execution:
    """One plan, asked: the `Reader` of the operators that Cypher does not say."""

    def __init__(self, server: Asked, runner: Runner, budget: Budget) -> None:
        self.server = server
        self.connection = runner.connection
        self.numbers = runner.numbers
        self.known = runner.compiled
        self.names = runner.connection.names
        self.project = runner.project
        self.dialect = runner.dialect
        self.most = budget.nodes
        self.visited = 0
        self.seconds = budget.seconds
        self.began = time.monotonic()

    def answer(self, plan: Plan) -> Rows:
        if is_table(plan):
            names = tuple(column.name for column in shape.columns(plan))
            return Rows(names, [tuple(row[name] for name in names) for row in table(plan, self)])
        if isinstance(plan, Project):
            return Rows(tuple(column.name for column in plan.columns), self.columns(plan))
        return self.whole(plan)

    def whole(self, plan: Plan) -> Rows:
        more = shape.learned(plan)
        ready = self.ready(plan)
        statement = self.compiled(plan, ready)
        ids, *found = self.lists(statement)
        labels = shape.labels(ready)
        said = found.pop(0) if len(labels) > 1 else [next(iter(labels), "")] * len(ids)
        depths, properties, *learned = found
        rows = zip(
            ids,
            said,
            column_of(depths),
            map(properties_of, properties),
            *map(column_of, learned),
            strict=True,
        )
        names = ("id", "label", "depth", "properties", *(field.name for field in more))
        return Rows(names, list(rows))

    # What operators ask

    def columns(self, plan: Project) -> Sequence[tuple[Any, ...]]:
        ready = self.ready(plan)
        assert isinstance(ready, Project)
        if is_fetched(plan.source) and (rows := told(ready)) is not None:
            return rows
        ids = self.numbers.ids(ready, self) if asks_for_ids(ready) else None
        found: list[Any] = [ids]
        if ids is None:
            found = self.lists(self.compiled(plan, ready))
        if stand_together(plan):
            ids, others = found
            return MadeRows(len(ids), lambda place: rows_of(ids[place], others[place]))
        if not found:
            return []
        return MadeRows(len(found[0]), lambda place: rows_of_columns(found, place))

    def counts(self, plan: Count) -> list[tuple[Any, ...]]:
        ready = self.ready(plan)
        assert isinstance(ready, Count)
        statement = self.dialect.compile_count(ready, self.project)
        rows = self.server.run(self.said(statement.text), self.given(statement.parameters))
        return [tuple(map(given_back, row.values())) for row in rows]

    def nodes_of(self, plan: Plan) -> list[Node]:
        return [Node(id, label, held) for id, label, _, held, *_ in self.whole(plan).values]

    def edges_of(self, plan: Plan, types: Sequence[str]) -> list[Edge]:
        statement = self.dialect.compile_whole_edges(self.ready(plan), types, self.project)
        return [
            Edge(source, self.names.word(type), target, *key_and_rest(held))
            for source, type, target, held in zip(*self.lists(statement), strict=True)
        ]

    def cone(self, walk: Walk) -> Cone:
        return self.numbered(walk).cone

    def reached(self, walk: Walk) -> tuple[Cone, list[Node]]:
        found = self.numbered(walk)
        return found.cone, list(cones.nodes(found, self))

    def numbered(self, walk: Walk) -> cones.Numbered:
        ready = self.ready(walk)
        assert isinstance(ready, Walk)
        if cones.can_be_parted(ready):
            starts = [id for (id,) in self.columns(Project(ready.source, (Column("id", "id"),)))]
            if len(starts) > cones.FEW:
                return cones.parted(ready, starts, self.project, self)
        return cones.whole(ready, self.project, self)

    def edges_from(self, plan: Plan, via: Sequence[str]) -> list[tuple[str, str, str]]:
        statement = self.dialect.compile_edges(self.ready(plan), via, self.project)
        effects, types, causes = self.lists(statement)
        return list(zip(effects, map(self.names.word, types), causes, strict=True))

    def visit(self, nodes: int) -> None:
        self.visited += nodes
        if self.most is not None and self.visited > self.most:
            raise BudgetExceeded(
                f"the question visits more than {self.most} nodes",
                hint="narrow it, or raise `--max-nodes`",
            )
        if self.seconds is not None and time.monotonic() - self.began > self.seconds:
            raise BudgetExceeded(
                f"the question takes longer than {self.seconds:g} s",
                hint="narrow it, or raise `--timeout`",
            )

    # Statements

    def ready(self, plan: Plan) -> Plan:
        """The plan with nothing in it that Cypher does not say, if it may be run."""
        plan = carried_out(plan, self)
        if self.most is not None:
            for operator in visiting(plan):
                self.visit_rows(operator, self.most)
        return plan

    def compiled(self, plan: Plan, ready: Plan) -> Statement:
        """What is asked for a plan that is ready. Of one that was so from the beginning it is kept: it may be
        asked again, and what was carried out is large and of the moment."""
        if ready is plan:
            return self.known(plan)
        return self.dialect.compile(ready, self.project)

    def visit_rows(self, operator: Plan, most: int) -> None:
        counted = self.dialect(self.project)
        text = counted.count(operator, most - self.visited)
        (number,) = self.lists(Statement(text, counted.parameters))
        self.visit(number)

    def lists(self, statement: Statement) -> list[Any]:
        return columns(self.server, self.said(statement.text), self.given(statement.parameters))

    def state(self) -> State | None:
        """None in a transaction: its bookmark comes with its end."""
        return None if isinstance(self.server, ManagedTransaction) else self.connection.state()

    def said(self, text: str) -> str:
        return self.names.said(text)

    def given(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {name: asked(value) for name, value in parameters.items()}


def visiting(plan: Plan) -> Iterator[Plan]:
    """The operators that give nodes, each after those whose rows it takes.

    >>> [type(each).__name__ for each in visiting(Runs(Walk(Find("Version"), "origin", ("USED",))))]
    ['Find', 'Walk', 'Runs']
    """
    for source in sources(plan).values():
        yield from visiting(source)
    if isinstance(plan, Find | Walk | Around | Versions | Runs):
        yield plan
