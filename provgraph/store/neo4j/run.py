"""How a plan is run: in one transaction, each statement's answer in columns, within a budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from neo4j import ManagedTransaction

from provgraph.errors import BudgetExceeded
from provgraph.model.elements import Edge, Node
from provgraph.query import shape
from provgraph.query.operators import Cone, carried_out, table
from provgraph.query.plan import (
    Around,
    Budget,
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
from provgraph.store.neo4j.connection import Connection, columns
from provgraph.store.neo4j.dialect import Neo4jCypher
from provgraph.store.neo4j.reading import key_and_rest
from provgraph.store.neo4j.values import asked, given_back, properties_of

T = TypeVar("T")

_SHORTEST: Final = 0.001  # seconds; to the server, none are any


class Runner:
    """Runs the plans of one project in the words of a dialect."""

    def __init__(self, connection: Connection, dialect: type[Neo4jCypher], project: str) -> None:
        self.connection = connection
        self.dialect = dialect
        self.project = project

    def run(self, plan: Plan, budget: Budget) -> Rows:
        """Raises `BudgetExceeded`."""
        return self._within(budget, lambda execution: execution.answer(plan))

    def cone(self, walk: Walk, budget: Budget) -> Cone:
        """Raises `BudgetExceeded`."""
        return self._within(budget, lambda execution: execution.cone(walk))

    def _within(self, budget: Budget, work: Callable[[Execution], T]) -> T:
        seconds = budget.seconds
        if seconds is not None and seconds < _SHORTEST:
            raise BudgetExceeded(
                f"the question takes longer than {seconds:g} s",
                hint="narrow it, or raise `--timeout`",
            )
        return self.connection.read(
            lambda transaction: work(Execution(transaction, self, budget)), seconds
        )


class Execution:
    """One plan in one transaction: the `Reader` of the operators that Cypher does not say."""

    def __init__(self, transaction: ManagedTransaction, runner: Runner, budget: Budget) -> None:
        self.transaction = transaction
        self.names = runner.connection.names
        self.dialect = runner.dialect
        self.project = runner.project
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
        plan = self.ready(plan)
        statement = self.dialect.compile(plan, self.project)
        ids, *found = self.lists(statement.text, statement.parameters)
        labels = shape.labels(plan)
        said = found.pop(0) if len(labels) > 1 else [next(iter(labels), "")] * len(ids)
        depths, properties, *learned = found
        rows = zip(
            ids,
            said,
            map(given_back, depths),
            map(properties_of, properties),
            *(map(given_back, each) for each in learned),
            strict=True,
        )
        names = ("id", "label", "depth", "properties", *(field.name for field in more))
        return Rows(names, list(rows))

    # What operators ask

    def columns(self, plan: Project) -> list[tuple[Any, ...]]:
        ready = self.ready(plan)
        statement = self.dialect.compile(ready, self.project)
        found = self.lists(statement.text, statement.parameters)
        return list(zip(*(map(given_back, column) for column in found), strict=True))

    def counts(self, plan: Count) -> list[tuple[Any, ...]]:
        ready = self.ready(plan)
        assert isinstance(ready, Count)
        statement = self.dialect.compile_count(ready, self.project)
        rows = self.transaction.run(self.said(statement.text), self.given(statement.parameters))
        return [tuple(map(given_back, row.values())) for row in rows]

    def nodes_of(self, plan: Plan) -> list[Node]:
        return [Node(id, label, held) for id, label, _, held, *_ in self.whole(plan).values]

    def edges_of(self, plan: Plan, types: Sequence[str]) -> list[Edge]:
        statement = self.dialect.compile_whole_edges(self.ready(plan), types, self.project)
        return [
            Edge(source, self.names.word(type), target, *key_and_rest(held))
            for source, type, target, held in zip(
                *self.lists(statement.text, statement.parameters), strict=True
            )
        ]

    def cone(self, walk: Walk) -> Cone:
        ready = self.ready(walk)
        assert isinstance(ready, Walk)
        statement = self.dialect.compile_cone(ready, self.project)
        ids, labels, starts, effects, causes = self.lists(statement.text, statement.parameters)
        place = {id: at for at, id in enumerate(ids)}
        inside = [(e, c) for e, c in zip(effects, causes, strict=True) if e in place and c in place]
        return Cone(
            ids,
            [self.names.word(label) for label in labels],  # type: ignore[misc]
            [at for at, start in enumerate(starts) if start],
            [place[effect] for effect, _ in inside],
            [place[cause] for _, cause in inside],
        )

    def edges_from(self, plan: Plan, via: Sequence[str]) -> list[tuple[str, str, str]]:
        statement = self.dialect.compile_edges(self.ready(plan), via, self.project)
        effects, types, causes = self.lists(statement.text, statement.parameters)
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

    def visit_rows(self, operator: Plan, most: int) -> None:
        counted = self.dialect(self.project)
        text = counted.count(operator, most - self.visited)
        (number,) = self.lists(text, counted.parameters)
        self.visit(number)

    def lists(self, text: str, parameters: dict[str, Any]) -> list[Any]:
        return columns(self.transaction, self.said(text), self.given(parameters))

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
