"""A question is explained stage by stage, from its text to its Cypher."""

from __future__ import annotations

from collections.abc import Callable

from provgraph.query.binder import Bound
from provgraph.query.explain import explain, explain_plan
from provgraph.query.plan import Column, Find, Identified, Project, Walk

QUESTION = "run [exit != 0] | limit 3"


def test_every_stage_is_shown_in_order(meaning: Callable[[str], Bound]) -> None:
    shown = explain(QUESTION, meaning(QUESTION), "p").split("\n")
    titles = [line for line in shown if line and not line.startswith(" ")]
    assert titles == [
        "Question",
        "Syntax",
        "Meaning",
        "Plan",
        "Optimized plan",
        "Cypher",
        "Parameters",
    ]
    assert "  run [exit != 0] | limit 3" in shown
    assert '  $project = "p"' in shown


def test_a_plan_that_cannot_be_improved_is_said_to_be_the_same() -> None:
    assert "Optimized plan\n  the same" in explain_plan(Find("Run"))


def test_a_statement_without_parameters_shows_none() -> None:
    assert "Parameters" not in explain_plan(Find("Run"))


def test_text_among_the_parameters_is_quoted(meaning: Callable[[str], Bound]) -> None:
    asked = 'run [command = "say \\"é\\""]'
    assert '$p0 = "say \\"é\\""' in explain(asked, meaning(asked))


def test_it_is_said_where_another_way_is_taken_the_second_time() -> None:
    walk = Walk(Find("Run", Identified(("r1",))), "origin", ("BY",))
    assert "\n\nAsked again\n" in explain_plan(Project(walk, (Column("id", "id"),)))
    assert "Asked again" not in explain_plan(Project(walk, (Column("name", "name"),)))
