"""The optimizer changes how a question is asked, never what it asks."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from contract.plans import Question, plan, questions
from contract.test_answers import exactly
from hypothesis import given, settings

from provgraph.query.optimizer import RULES, optimize, rewrite
from provgraph.query.plan import (
    Comparison,
    Filter,
    Find,
    Latest,
    Limit,
    Plan,
    Project,
    Runs,
    SetOp,
    Sort,
    SortKey,
    Walk,
)
from provgraph.store.memory import MemoryStore

Rule = Callable[[Plan], Plan]
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
ordinary = settings(max_examples=300, deadline=None)
BIG = Comparison("size", ">", 10)
NEAR = Comparison("depth", "<=", 2)
BY_NAME = (SortKey("name"),)


@each_rule
@given(question=questions(8))
@ordinary
def test_a_rule_changes_no_answer(rule: Rule, question: Question) -> None:
    graph, plans = question
    store = MemoryStore()
    store.apply(graph)
    for asked in plans:
        better = rewrite(asked, rule)
        if better != asked:
            assert exactly(store.run(better)) == exactly(store.run(asked))


@given(question=questions(8))
@ordinary
def test_all_rules_together_change_no_answer(question: Question) -> None:
    graph, plans = question
    store = MemoryStore()
    store.apply(graph)
    for asked in plans:
        assert exactly(store.run(optimize(asked))) == exactly(store.run(asked))


@each_rule
def test_the_generated_plans_give_a_rule_something_to_do(rule: Rule) -> None:
    plans = [plan(Random(seed)) for seed in range(2000)]
    assert sum(rewrite(each, rule) != each for each in plans) >= 20


def test_what_is_optimized_stays_so() -> None:
    for seed in range(500):
        better = optimize(plan(Random(seed)))
        assert optimize(better) == better


def test_a_filter_goes_through_a_sort_into_the_find() -> None:
    found = Find("Version", which=Latest())
    assert optimize(Filter(Sort(found, BY_NAME), BIG)) == Sort(
        Find("Version", which=Latest(), where=BIG), BY_NAME
    )


def test_a_filter_stays_above_a_limit() -> None:
    asked = Filter(Limit(Find("Version"), 3), BIG)
    assert optimize(asked) == asked


def test_a_filter_by_depth_stays_above_a_set_operation() -> None:
    walk = Walk(Find("Version"), "origin", ("USED", "GENERATED_BY"))
    asked = Filter(SetOp("union", walk, Find("Version")), NEAR)
    assert optimize(asked) == asked


def test_a_filter_by_depth_bounds_the_walk() -> None:
    walk = Walk(Find("Version"), "origin", ("GENERATED_BY",))
    asked = Filter(Filter(walk, NEAR), BIG)
    assert optimize(asked) == Filter(Walk(walk.source, "origin", walk.via, max_hops=2), BIG)


def test_columns_stay_at_the_top() -> None:
    asked = Project(Filter(Sort(Find("Run"), BY_NAME), BIG), ())
    assert isinstance(optimize(asked), Project)


def test_a_sort_that_nobody_sees_is_gone() -> None:
    assert optimize(Runs(Sort(Find("Step"), BY_NAME))) == Runs(Find("Step"))


def test_a_walk_looks_only_for_edges_that_it_can_meet() -> None:
    walk = Walk(Find("Commit"), "origin", ("PARENT", "USED", "BY"))
    assert optimize(walk) == Walk(Find("Commit"), "origin", ("PARENT", "BY"))
