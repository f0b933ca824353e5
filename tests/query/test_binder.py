"""Syntax tree to plan."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.errors import QueryError
from provgraph.model.vocabulary import FIELDS, LABELS
from provgraph.query import plan, shape, values
from provgraph.query.binder import Bound, Described, Scope, bind
from provgraph.query.explain_text import plan_text
from provgraph.query.fields import fields_of
from provgraph.query.syntax import parse, quoted

Meaning = Callable[[str], Bound]


@pytest.mark.golden("plans.txt")
def test_a_question_means_its_plan(question: str, expected: str, meaning: Meaning) -> None:
    assert plan_text(meaning(question).plan) == expected


def test_explain_is_said_and_each_stage_described(meaning: Meaning) -> None:
    bound = meaning("explain run [dirty] | limit 3 | select id")
    assert bound.explain
    assert bound.stages == (
        Described("run [dirty]", "Find Run, where dirty = true"),
        Described("limit 3", "Limit 3"),
        Described("select id", "Project id"),
    )
    assert not meaning("run").explain


def test_a_path_from_home_is_this_users(meaning: Meaning, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert meaning("file ~/x").plan == plan.Find(
        "Version", plan.Exactly("file://here/home/ann/x"), files=True, which=plan.Latest()
    )


def test_outside_of_the_project_every_path_is_asked_for() -> None:
    scope = Scope(frozenset(), 0, cwd="file://here/tmp", uri_of="asked {}".format)
    found = bind(parse("file ./x"), scope).plan
    assert isinstance(found, plan.Find)
    assert found.name == plan.Exactly("asked ./x")


@given(st.text(min_size=1))
def test_a_quoted_name_is_never_query_text(name: str) -> None:
    found = bind(parse(f"run {quoted(name)}"), Scope(frozenset(), 0)).plan
    assert isinstance(found, plan.Find)
    assert found == plan.Find("Run", found.name)
    match found.name:
        case plan.Named(text) | plan.Globbed(text):
            assert text == name
        case None:
            assert name == "*"
        case other:
            raise AssertionError(other)


def test_a_field_has_one_key_and_type_on_every_label() -> None:
    """Rows of a walk have several labels, and a condition one key."""
    meant = {(found.name, found.key, found.type) for label in LABELS for found in fields_of(label)}
    assert len({name for name, _, _ in meant}) == len(meant)


def test_every_field_can_be_selected_and_sorted_by(meaning: Meaning) -> None:
    for label, fields in FIELDS.items():
        for found in fields:
            bound = meaning(f"{label.lower()} | sort by {found.name} | select {found.name}").plan
            assert isinstance(bound, plan.Project)
            assert bound.columns == (plan.Column(found.name, found.key),)


FRAGMENTS = (
    "file",
    "run",
    "model churn",
    'file "raw/*"@all',
    "subject s",
    "[size > 10MB]",
    "[created = 2026-11-20]",
    "[dirty]",
    "| lineage",
    "| impact depth 3",
    "| lineage via used, in_commit",
    "| history as of 2026-01-01",
    "| where kind = model and depth < 3",
    "| where created != yesterday",
    "| select path, by",
    "| sort by name desc, size",
    "| limit 5",
    "| runs",
    "| latest",
    "stop at (file x)",
    "as of today",
    "+",
    "&",
    " - ",
    "(",
    ")",
    "not",
    "and",
    "depth",
    "9999-12-31",
    "1e308",
    ",",
)


@given(st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=8).map(" ".join))
def test_whatever_parses_means_something_or_is_an_error(question: str) -> None:
    scope = Scope(frozenset(("model",)), now=values.moment("2026-11-30").start)
    try:
        bound = bind(parse(question), scope)
    except QueryError as error:
        assert error.text == question
        assert str(error)
    else:
        assert plan_text(bound.plan)
        assert shape.labels(bound.plan)


@pytest.mark.parametrize(
    "question",
    [
        "file | lineage stop at (" * 66 + "file" + ")" * 66,
        "file" + " | where size > 1" * 195,
        "(" * 199 + "file" + ")" * 199,
        "file [" + "(size = 1 and " * 98 + "size = 1" + ")" * 98 + "]",
        "(file - " * 66 + "file | lineage" + ")" * 66,
        " - ".join(["file"] * 10_000),
    ],
    ids=["arguments", "stages", "parentheses", "conditions", "sets", "operands"],
)
def test_the_deepest_question_binds_and_prints(question: str, meaning: Meaning) -> None:
    bound = meaning(question)
    assert plan_text(bound.plan)
    assert bound.plan == meaning(question).plan
