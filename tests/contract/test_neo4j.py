"""A Neo4j answers as the reference does, on many graphs at once.

What takes the time is planning a statement, so every plan is asked of every graph of its draw, each
graph a project of one database. That none sees another's nodes is part of what is tested.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from contract.graphs import graphs, in_order
from contract.pairs import USUAL, Pairs, questions_with
from contract.plans import OPERATORS, Question, parts, questions, questions_of
from contract.test_answers import agree, drawn, exactly
from hypothesis import given, note, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from provgraph.model.elements import Batch, Node
from provgraph.query.optimizer import optimize
from provgraph.query.plan import (
    Column,
    Comparison,
    Filter,
    Find,
    Given,
    Identified,
    Known,
    Plan,
    Project,
    Sort,
    SortKey,
    Walk,
)
from provgraph.store.memory import MemoryStore
from provgraph.store.neo4j import Neo4jStore, Settings, cones, reading
from provgraph.store.neo4j import open as open_neo4j
from provgraph.store.neo4j.numbers import Asks, Numbers

TIMES = {"long": 3, "soak": 10}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 1)
EXAMPLES = 40 * TIMES
pytestmark = pytest.mark.timeout(2400 * TIMES)
GRAPHS, PLANS = 6, 2  # a draw: 72 pairs of a graph and a plan
DRAWS = st.lists(questions(PLANS), min_size=GRAPHS, max_size=GRAPHS)
MANY = 36  # graphs, with a plan each: 1,296 pairs a draw
DRAWS_OF_ALL = st.tuples(
    *map(questions_with, sorted(USUAL)), *[questions()] * (MANY - len(USUAL))
).map(list)


@pytest.fixture(scope="module")
def current(neo4j_server: Settings) -> Iterator[Neo4jStore]:
    with open_neo4j(neo4j_server, "any") as store:
        yield store


@pytest.fixture(scope="module")
def lts(neo4j_lts: Settings) -> Iterator[Neo4jStore]:
    with open_neo4j(neo4j_lts, "any") as store:
        yield store


def test_every_graph_answers_every_plan_as_the_reference_does(current: Neo4jStore) -> None:
    asked = Pairs("neo4j")

    @settings(max_examples=72 * TIMES)  # 5,184 pairs
    @given(draw=DRAWS)
    def answers(draw: list[Question]) -> None:
        every_pair_agrees(current, draw, asked)

    answers()
    assert not asked.lacking(USUAL)


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_graph_answers_as_the_reference_does_what_is_asked_of(
    current: Neo4jStore, operator: str
) -> None:
    asked = Pairs("neo4j")

    @settings(max_examples=4 * TIMES)  # 288 pairs
    @given(draw=st.lists(questions_of(operator, PLANS), min_size=GRAPHS, max_size=GRAPHS))
    def answers(draw: list[Question]) -> None:
        every_pair_agrees(current, draw, asked)

    answers()
    assert not asked.lacking(frozenset((operator,)))


def test_so_it_does_on_the_line_that_is_kept_for_long(lts: Neo4jStore) -> None:
    assert lts.version.startswith("5.26.")
    asked = Pairs("neo4j 5.26")

    @settings(max_examples=4 * TIMES)  # 5,184 pairs
    @given(draw=DRAWS_OF_ALL)
    def answers(draw: list[Question]) -> None:
        every_pair_agrees(lts, draw, asked)

    answers()
    assert not asked.lacking(USUAL)


@pytest.mark.parametrize("operator", OPERATORS)
def test_so_it_does_there_what_is_asked_of(lts: Neo4jStore, operator: str) -> None:
    asked = Pairs("neo4j 5.26")

    @settings(max_examples=TIMES)  # 225 pairs
    @given(draw=st.lists(questions_of(operator, 1), min_size=15, max_size=15))
    def answers(draw: list[Question]) -> None:
        every_pair_agrees(lts, draw, asked)

    answers()
    assert not asked.lacking(frozenset((operator,)))


@pytest.mark.parametrize("down", [False, True])
def test_both_sort_by_code_point_what_stands_in_a_list_and_what_comes_with_the_question(
    current: Neo4jStore, lts: Neo4jStore, *, down: bool
) -> None:
    texts = (
        "",
        "a",
        "\ud7ff",
        "\ue000",
        "\uffee",
        "\uffff",
        "\uffff\ue000",
        "\U00010000",
        "𝒳\uffee",
        "𝒳𝒳",
    )
    held = {f"v{place}": text for place, text in enumerate((*texts, *map("a{}".format, texts)))}
    nodes = [Node(id, "Version", {"param.list": (held[id], "b")}) for id in sorted(held)]
    nodes += [Node("w1", "Version", {"param.list": 7}), Node("w2", "Version")]
    known = tuple(Known(id, "Version", ((text,),)) for id, text in held.items())
    given = Filter(Given(known, ("Version",), (":reasons",)), Comparison("id", "!=", "w"))
    for store in (current, lts):
        with projects(store, 1) as (ours,):
            ours.apply(Batch(nodes=nodes))
            for plan in (
                Sort(Find("Version"), (SortKey("param.list", down),)),
                Sort(given, (SortKey(":reasons", down),)),
            ):
                assert exactly(ours.run(plan)) == exactly(reference(Batch(nodes=nodes)).run(plan))


def every_pair_agrees(database: Neo4jStore, draw: list[Question], asked_: Pairs) -> None:
    plans = [plan for _, asked in draw for plan in asked]
    pairs = [(graph, reference(graph)) for graph, _ in draw]
    for plan in plans:
        asked_.add(plan, len(pairs))
    with projects(database, len(pairs)) as stores:
        for store, (graph, _) in zip(stores, pairs, strict=True):
            store.apply(graph)

        def differing(plan: Plan) -> list[tuple[Neo4jStore, MemoryStore, Plan]]:
            """The optimized plan is the one that is asked; the plan itself where it differs."""
            asked = optimize(plan)
            return [
                (store, known, plan)
                for store, (_, known) in zip(stores, pairs, strict=True)
                if exactly(store.run(asked)) != exactly(known.run(plan))
            ]

        with ThreadPoolExecutor(2) as threads:
            for found in threads.map(differing, plans):
                for store, known, plan in found:
                    agree(store, known, plan)  # fails with the smallest part that differs
                    note(f"{plan!r}\n{optimize(plan)!r}")
                    assert exactly(store.run(optimize(plan))) == exactly(known.run(plan))


@settings(max_examples=EXAMPLES)
@given(first=questions(), second=questions(2, max_nodes=8))
def test_a_graph_that_grew_and_shrank_answers_as_the_reference_does(
    current: Neo4jStore, first: Question, second: Question
) -> None:
    """The batches meet in their ids; then the first one's nodes go, but those of the second."""
    known = MemoryStore()
    kept = {node.id for node in second[0].nodes}
    gone = Batch(removed_nodes=[node.id for node in first[0].nodes if node.id not in kept])
    with projects(current, 1) as (store,):
        for batch in (first[0], second[0], gone):
            known.apply(batch)
            store.apply(batch)
            for plan in first[1] + second[1]:
                agree(store, known, plan)


@settings(max_examples=EXAMPLES)
@given(graph=graphs())
def test_a_batch_comes_back_as_it_was_given_however_often(
    current: Neo4jStore, graph: Batch
) -> None:
    known, ids = reference(graph), [node.id for node in graph.nodes]
    with projects(current, 1) as (store,), pytest.MonkeyPatch.context() as patch:
        for few in (1_000, 0):
            patch.setattr(reading, "_FEW", few)
            store.apply(graph)
            assert store.nodes(ids) == known.nodes(ids)
            assert store.edges(ids) == known.edges(ids)
            assert store.edges(ids, incoming=True) == known.edges(ids, incoming=True)
            assert store.degrees(ids) == known.degrees(ids)
            assert in_order(store.timelines(ids)) == in_order(known.timelines(ids))
            assert store.statistics() == known.statistics()


@settings(max_examples=EXAMPLES)
@given(question=questions(PLANS))
def test_a_cone_is_the_same_from_all_starts_at_once_and_from_some_at_a_time(
    current: Neo4jStore, question: Question
) -> None:
    graph, plans = question
    known = reference(graph)
    walks = [part for plan in plans for part in parts(plan) if isinstance(part, Walk)]
    with projects(current, 1) as (store,), pytest.MonkeyPatch.context() as patch:
        store.apply(graph)
        for few in (0, 10_000):
            patch.setattr(cones, "FEW", few)
            for walk in walks:
                cone, nodes = store.reached(walk)
                assert drawn(cone) == drawn(known.cone(walk))
                assert sorted(nodes, key=lambda node: node.id) == known.nodes(cone.ids)


@pytest.mark.parametrize("line", ["current", "lts"])
def test_ids_in_order_are_the_same_by_the_servers_numbers(
    line: str, request: pytest.FixtureRequest
) -> None:
    database: Neo4jStore = request.getfixturevalue(line)
    by_number: Counter[bool] = Counter()

    @settings(max_examples=EXAMPLES // 8)
    @given(question=questions(PLANS))
    def answers(question: Question) -> None:
        known = reference(question[0])
        with projects(database, 1) as (store,), noting(by_number):
            store.apply(question[0])
            for plan in map(optimize, ids_of_walks(question)):
                for _ in range(3):
                    assert exactly(store.run(plan)) == exactly(known.run(plan)), plan

    answers()
    assert by_number[True] > by_number[False]  # which is had where others write meanwhile


def ids_of_walks(question: Question) -> Iterator[Plan]:
    """The ids of a plan's walks and of what is kept of them, from where they begin and each from another node."""
    graph, plans = question
    drawn = [part for plan in plans for part in parts(plan)]
    kept = [part.condition for part in drawn if isinstance(part, Filter)]
    walks = [part for part in drawn if isinstance(part, Walk)]
    for node, walk in zip(graph.nodes, walks, strict=False):
        start = Find(node.label, Identified((node.id,)))
        found = replace(walk, source=start, max_hops=None)
        reached: list[Plan] = [found, *(Filter(found, condition) for condition in kept)]
        reached.append(replace(walk, max_hops=None))
        yield from (Project(each, (Column("id", "id"),)) for each in reached)


@contextmanager
def noting(by_number: Counter[bool]) -> Iterator[None]:
    """Counts the answers that are had by numbers, and those that are not."""
    ids = Numbers.ids

    def noted(numbers: Numbers, plan: Project, server: Asks) -> list[str] | None:
        found = ids(numbers, plan, server)
        by_number[found is not None] += 1
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Numbers, "ids", noted)
        yield


def test_the_comparison_sees_another_projects_nodes(current: Neo4jStore) -> None:
    from provgraph.query.plan import Find

    with projects(current, 2) as (one, other):
        one.apply(Batch(nodes=[Node("r1", "Run", {"name": "a"})]))
        other.apply(Batch(nodes=[Node("r1", "Run", {"name": "b"})]))
        assert exactly(one.run(Find("Run"))) != exactly(other.run(Find("Run")))


def reference(graph: Batch) -> MemoryStore:
    store = MemoryStore()
    store.apply(graph)
    return store


@contextmanager
def projects(database: Neo4jStore, count: int) -> Iterator[list[Neo4jStore]]:
    """Empty projects of a database."""
    stores = [database.beside(secrets.token_hex(8)) for _ in range(count)]
    try:
        yield stores
    finally:
        for store in stores:
            store.clear()
