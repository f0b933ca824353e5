"""A question as an object: put together by methods, asked when its answer is looked at."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from provgraph.asking.methods import Verbs
from provgraph.errors import UsageError
from provgraph.query import shape, syntax
from provgraph.query.plan import Budget, Column, Plan, Project, Walk, is_table

if TYPE_CHECKING:
    import networkx  # type: ignore[import-untyped]
    import pandas  # type: ignore[import-untyped]

    from provgraph.asking.answers import Answer
    from provgraph.asking.missing import Beside
    from provgraph.config import Project as Owner
    from provgraph.model.elements import Edge, Node
    from provgraph.query.binder import Bound
    from provgraph.query.cypher import Statement
    from provgraph.store import Rows, Store


class Asked(Protocol):
    """What a question is put to: a project's graph."""

    @property
    def project(self) -> Owner: ...

    @property
    def store(self) -> Store: ...

    def bind(self, question: str | syntax.Syntax) -> Bound: ...

    def answer(self, plan: Plan, budget: Budget | None = None) -> Rows: ...


class Query(Verbs):
    """A question in the query language; `str` gives its text.

    Each method gives a new question, so the beginning of one can be kept and used again. The graph is
    asked once, when rows are first wanted (by `len`, a loop, `to_pandas`, `show` ...), and the rows
    are kept. A mistake shows then, as a `QueryError` that points into the text.

    `&`, `+` and `-` join two questions as sets.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from provgraph.config import create_project
    >>> from provgraph.graph import Graph
    >>> folder = tempfile.TemporaryDirectory()
    >>> graph = Graph(create_project(Path(folder.name)))
    >>> inputs = graph.model("churn").lineage(depth=3).where("size > 1MB", kind="dataset")
    >>> print(inputs - graph.file("raw/*"))
    (model "churn" | lineage depth 3 | where size > 1MB and kind = "dataset") - file "raw/*"
    >>> len(inputs), list(inputs)
    (0, [])
    >>> graph.close(); folder.cleanup()
    """

    def __init__(
        self, graph: Asked, question: syntax.Query | syntax.Syntax, budget: Budget | None = None
    ) -> None:
        self._graph, self._question, self._budget = graph, question, budget

    @property
    def _tree(self) -> syntax.Query:
        asked = self._question
        return asked.query if isinstance(asked, syntax.Syntax) else asked

    def _then(self, verb: str, /, **given: Any) -> Query:
        from provgraph.query.building import extended

        trees = {k: v._tree if isinstance(v, Query) else v for k, v in given.items()}
        return Query(self._graph, extended(self._tree, verb, trees), self._budget)

    def __and__(self, other: Query) -> Query:
        """What is in both."""
        return self._with("&", other)

    def __add__(self, other: Query) -> Query:
        """What is in either."""
        return self._with("+", other)

    def __sub__(self, other: Query) -> Query:
        """What is in the first only."""
        return self._with("-", other)

    def _with(self, operator: str, other: Query) -> Query:
        from provgraph.query.building import combined

        if not isinstance(other, Query):
            return NotImplemented
        return Query(self._graph, combined(self._tree, operator, other._tree), self._budget)

    def within(self, *, seconds: float | None = None, nodes: int | None = None) -> Query:
        """The same question with a budget: past it, `BudgetExceeded` is raised."""
        return Query(self._graph, self._question, Budget(seconds, nodes))

    # What it is.

    @property
    def graph(self) -> Asked:
        """The graph that it is put to."""
        return self._graph

    @property
    def text(self) -> str:
        """The question as it is written in the language; one that was text is as it was."""
        return self.syntax.text

    @cached_property
    def syntax(self) -> syntax.Syntax:
        if isinstance(self._question, syntax.Syntax):
            return self._question
        from provgraph.query.written import written

        return written(self._question)

    @cached_property
    def bound(self) -> Bound:
        """What it means. Raises `QueryError`. `today` and the like mean the time of the first look."""
        return self._graph.bind(self.syntax)

    @property
    def plan(self) -> Plan:
        return self.bound.plan

    def explain(self) -> str:
        """How it was understood and what would be run, every stage of it."""
        from provgraph.query.explain import explain

        return explain(self.text, self.bound, project=self._graph.project.id)

    def cypher(self) -> list[Statement]:
        """What a Neo4j is asked for it, each with `text` and `parameters`: one statement, and before it
        what operators fetch that Cypher cannot say."""
        from provgraph.query.explain import statements
        from provgraph.query.optimizer import optimize

        return statements(optimize(self.plan), self._graph.project.id)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Query {self.text}>"

    # Its answer. Raises `QueryError`, `BudgetExceeded`.

    @property
    def rows(self) -> Rows:
        """The rows as the store gives them."""
        return self._timed[0]

    @cached_property
    def _timed(self) -> tuple[Rows, float]:
        """The rows, and the seconds that they took."""
        began = time.monotonic()
        rows = self._graph.answer(self.plan, self._budget)
        return rows, time.monotonic() - began

    @cached_property
    def beside(self) -> Beside:
        """The graph, for what is told beside the rows: asked within what they left of the budget's time."""
        from provgraph.asking.missing import Beside

        _, took = self._timed
        bound = self._budget.seconds if self._budget else None
        return Beside(self._graph, None if bound is None else bound - took)

    @cached_property
    def remarks(self) -> tuple[str, ...]:
        """What is to be known beside the rows: names and globs that find nothing, a name that several
        files have and, where there are no rows, comparisons that nothing can meet. The graph is asked
        for it, shortly and within what is left of the budget's time, when it is first looked at; `show` and
        notebooks tell it."""
        from provgraph.asking.missing import remarks

        return tuple(remarks(self.beside, self.plan, empty=not len(self)))

    @property
    def answer(self) -> Answer:
        """The rows with named columns: those selected, or of nodes all that is known of them."""
        from provgraph.asking.answers import answer

        return answer(self.rows, self.plan, whole=True)

    def __len__(self) -> int:
        return len(self.rows.values)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Each row by its columns' names; times are datetimes in UTC, durations timedeltas."""
        return iter(self.answer)

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame; times are in UTC."""
        return self.answer.to_pandas()

    def to_networkx(self) -> networkx.MultiDiGraph[str]:
        """The nodes of the answer and every edge between them, from effect to cause.

        Nodes are known by `id` and have a `label` and their properties; edges are keyed by type and,
        where several are parallel, what tells them apart. Columns that were selected do not matter.
        """
        from networkx import MultiDiGraph

        from provgraph.asking.answers import python_values

        graph: MultiDiGraph[str] = MultiDiGraph()
        for node in self.nodes():
            graph.add_node(node.id)
            graph.nodes[node.id].update(python_values(node.properties), label=node.label)
        for edge in self.edges():
            key = (edge.type, edge.key) if edge.key else edge.type
            graph.add_edge(edge.source, edge.target, key)
            held = python_values(edge.properties)
            graph.edges[edge.source, edge.target, key].update(held, type=edge.type)
        return graph

    def nodes(self) -> list[Node]:
        """The nodes of the answer, each once and in its order, whatever columns were selected; of a
        table, those that it names by `id`. Raises `UsageError` if it names none, as `count` does."""
        return [*self._nodes]

    @cached_property
    def _nodes(self) -> list[Node]:
        from provgraph.model.elements import Node

        plan, rows = self.plan, self.rows
        if isinstance(plan, Project):
            plan = plan.source
            rows = self._graph.answer(plan, self._budget)
        if is_table(plan):
            return self._named_in(rows, shape.columns(plan))
        return [Node(id, label, held) for id, label, _, held, *_ in rows.values]

    def _named_in(self, rows: Rows, columns: tuple[Column, ...]) -> list[Node]:
        place = next((at for at, column in enumerate(columns) if column.key == "id"), None)
        if place is None:
            raise UsageError(f"the rows of `{self.text}` are no nodes", hint="they are a table's")
        ids = dict.fromkeys(row[place] for row in rows.values)
        found = {node.id: node for node in self._graph.store.nodes(list(ids))}
        return [found[id] for id in ids if id in found]

    def edges(self) -> list[Edge]:
        """Every edge between the nodes of the answer, from effect to cause."""
        ids = {node.id for node in self.nodes()}
        return [edge for edge in self._graph.store.edges(sorted(ids)) if edge.target in ids]

    def beginning(self) -> list[Node]:
        """The nodes that the answer was walked to from, where that is what the question does last."""
        from provgraph.model.elements import Node

        if not isinstance(self.plan, Walk):
            return []
        rows = self._graph.answer(self.plan.source, self._budget)
        return [Node(id, label, held) for id, label, _, held, *_ in rows.values]

    def lineage_between(self, nodes: list[Node]) -> list[Edge]:
        """The edges among some nodes that lineage walks along, from effect to cause."""
        from provgraph.model.vocabulary import LINEAGE_EDGES

        ids = {node.id for node in nodes}
        found = self._graph.store.edges(sorted(ids), LINEAGE_EDGES)
        return [edge for edge in found if edge.target in ids]

    def _repr_html_(self) -> str:
        """What a notebook shows: a table, and a picture where nodes hang together."""
        from provgraph.asking.html import html

        return html(self)

    def show(self, limit: int | None = 50) -> None:
        """Print the answer as a table: at most `limit` rows of it, and how many there are."""
        from rich.console import Console

        from provgraph.asking.answers import answer
        from provgraph.asking.tables import cells, table
        from provgraph.model.text import count

        found = answer(self.rows, self.plan)
        console = Console(highlight=False)
        console.print(table(found.names, cells(found, limit)))
        cut = "" if limit is None or len(self) <= limit else f", the first {limit} of them shown"
        console.print(count(len(self), "row") + cut)
        for remark in self.remarks:
            console.print(remark, markup=False)
