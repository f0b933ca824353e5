"""How does a question become an answer? Every stage printed: text, syntax, meaning, plan, Cypher.

`explain` has them all; `explain_plan` begins at the plan, for a question that was no text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from textwrap import indent
from typing import Any, Final

from provgraph.model.elements import Edge, Node
from provgraph.query.binder import Bound
from provgraph.query.cypher import Cypher, Statement, asks_for_ids
from provgraph.query.explain_text import plan_text, syntax_text
from provgraph.query.operators import Cone, carried_out, table
from provgraph.query.operators.telling import is_fetched, told
from provgraph.query.optimizer import optimize
from provgraph.query.plan import Count, Plan, Project, Walk, is_table
from provgraph.query.syntax import parse

_AGAIN: Final = """\
while nobody has written, a Neo4j is asked for its numbers of these nodes and their depths;
their ids and times are kept here, where they are sorted
"""


def explain(text: str, bound: Bound, project: str | None = None) -> str:
    """Every stage of a question. `bound` is what the text was bound to; the Cypher is for the nodes
    of `project`, or of all projects."""
    meaning = "\n".join(f"{stage.text}\n  {stage.meaning}" for stage in bound.stages)
    stages = [
        ("Question", text),
        ("Syntax", syntax_text(parse(text))),
        ("Meaning", meaning),
    ]
    return printed([*stages, *plan_stages(bound.plan, project)])


def explain_plan(plan: Plan, project: str | None = None) -> str:
    """
    >>> from provgraph.query.plan import Comparison, Filter, Find
    >>> print(explain_plan(Filter(Find("Run"), Comparison("exit", "=", 1)), "p"))
    Plan
      Filter exit = 1
        Find Run
    <BLANKLINE>
    Optimized plan
      Find Run, where exit = 1
    <BLANKLINE>
    Cypher
      MATCH (n:Run {project: $project})
      WHERE n.exit = $p0
      RETURN n.id AS id, labels(n)[0] AS label, null AS depth, properties(n) AS properties
      ORDER BY n.at, n.id
    <BLANKLINE>
    Parameters
      $project = "p"
      $p0 = 1
    """
    return printed(list(plan_stages(plan, project)))


def plan_stages(plan: Plan, project: str | None) -> Iterator[tuple[str, str]]:
    """The stages from the plan on, each with its title."""
    better = optimize(plan)
    yield "Plan", plan_text(plan)
    yield "Optimized plan", plan_text(better) if better != plan else "the same"
    asked = statements(better, project)
    for place, statement in enumerate(asked, 1):
        yield f"Cypher {place} of {len(asked)}" if len(asked) > 1 else "Cypher", statement.text
        if statement.parameters:
            shown = (f"${key} = {literal(value)}" for key, value in statement.parameters.items())
            yield "Parameters", "\n".join(shown)
    if asks_for_ids(better):
        yield "Asked again", _AGAIN


def statements(plan: Plan, project: str | None) -> list[Statement]:
    """What Neo4j is asked for a plan, in this order: what the operators that Cypher cannot say need,
    then the rows, given those operators' (here none: nothing is run)."""
    reader = _Fetches(project)
    left = carried_out(plan, reader)
    if is_table(left):
        table(left, reader)
        return reader.statements
    if isinstance(plan, Project) and is_fetched(plan.source):
        assert isinstance(left, Project)
        if told(left) is not None:
            return reader.statements
    return [*reader.statements, Cypher.compile(left, project)]


class _Fetches:
    """A `Reader` that notes what is asked of it, and gives nothing."""

    def __init__(self, project: str | None) -> None:
        self.project = project
        self.statements: list[Statement] = []

    def columns(self, plan: Project) -> list[tuple[Any, ...]]:
        self.statements.append(Cypher.compile(plan, self.project))
        return []

    def cone(self, walk: Walk) -> Cone:
        self.statements.append(Cypher.compile_cone(walk, self.project))
        return Cone([], [], [], [], [])

    def edges_from(self, plan: Plan, via: Sequence[str]) -> list[tuple[str, str, str]]:
        self.statements.append(Cypher.compile_edges(plan, via, self.project))
        return []

    def visit(self, nodes: int) -> None:
        return None

    def nodes_of(self, plan: Plan) -> list[Node]:
        self.statements.append(Cypher.compile(plan, self.project))
        return []

    def edges_of(self, plan: Plan, types: Sequence[str]) -> list[Edge]:
        self.statements.append(Cypher.compile_whole_edges(plan, types, self.project))
        return []

    def counts(self, plan: Count) -> list[tuple[Any, ...]]:
        self.statements.append(Cypher.compile_count(plan, self.project))
        return []


def literal(value: object) -> str:
    """A parameter as Cypher writes it.

    >>> literal(["raw/*", 'a"b']), literal(True)
    ('["raw/*", "a\\\\"b"]', 'true')
    """
    return json.dumps(value, ensure_ascii=False)


def printed(stages: list[tuple[str, str]]) -> str:
    """
    >>> print(printed([("Question", "run"), ("Syntax", "Selector")]))
    Question
      run
    <BLANKLINE>
    Syntax
      Selector
    """
    return "\n\n".join(f"{title}\n{indent(body, '  ')}" for title, body in stages)
