"""Every store gives the reference's rows, in the reference's order, for any plan."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from contract.graphs import chain, diamonds, id_of
from contract.pairs import USUAL, VERBS, Pairs
from contract.plans import OPERATORS, Question, parts, questions, questions_of
from hypothesis import given, note, settings
from msgspec.structs import replace

from provgraph.errors import BudgetExceeded
from provgraph.model.elements import Batch, Edge, Node, Value
from provgraph.model.vocabulary import LINEAGE_EDGES, Label
from provgraph.query import verbs
from provgraph.query.operators import Cone
from provgraph.query.optimizer import optimize
from provgraph.query.plan import (
    Budget,
    Exactly,
    Find,
    Identified,
    InCommit,
    Limit,
    Paths,
    Plan,
    Walk,
)
from provgraph.store import Rows, Store
from provgraph.store.memory import MemoryStore

PLANS_A_GRAPH = 4  # times the profile's examples: four thousand pairs in `ci`

FEWER = max(400, settings().max_examples // 16)


def exactly(rows: Rows) -> tuple[tuple[str, ...], str]:
    """An answer with its types: True is not 1, and 1.0 is not 1; properties in any order."""
    ordered = [
        tuple(sorted(value.items()) if isinstance(value, dict) else value for value in row)
        for row in rows.values
    ]
    return rows.columns, repr(ordered)


def test_the_verbs_that_are_counted_are_those_of_the_language() -> None:
    assert {*VERBS} == {*verbs.names(), "+", "&", "-"}


def test_a_store_answers_as_the_reference_does(compared: Store, pairs: Pairs) -> None:
    @given(question=questions(PLANS_A_GRAPH))
    def answers(question: Question) -> None:
        every_plan_agrees(compared, question, pairs)

    answers()
    assert not pairs.lacking(USUAL)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_store_answers_as_the_reference_does_what_is_asked_of(
    compared: Store, pairs: Pairs, operator: str
) -> None:
    @settings(max_examples=FEWER)
    @given(question=questions_of(operator, 1))
    def answers(question: Question) -> None:
        every_plan_agrees(compared, question, pairs)

    answers()
    assert not pairs.lacking(frozenset((operator,)))


def every_plan_agrees(compared: Store, question: Question, pairs: Pairs) -> None:
    graph, plans = question
    reference = MemoryStore()
    reference.apply(graph)
    compared.clear()
    compared.apply(graph)
    for plan in plans:
        pairs.add(plan)
        agree(compared, reference, plan)


@settings(max_examples=FEWER)
@given(first=questions(), second=questions(2, max_nodes=8))
def test_a_store_that_grew_answers_as_the_reference_does(
    compared: Store, first: Question, second: Question
) -> None:
    """The batches meet in their ids; then the first one's nodes go, but those of the second."""
    reference = MemoryStore()
    compared.clear()
    kept = {node.id for node in second[0].nodes}
    gone = Batch(removed_nodes=[node.id for node in first[0].nodes if node.id not in kept])
    for batch in (first[0], second[0], gone):
        reference.apply(batch)
        compared.apply(batch)
        for plan in first[1] + second[1]:
            agree(compared, reference, plan)


@given(question=questions(PLANS_A_GRAPH))
def test_a_store_answers_the_optimized_plan_as_the_reference_does_the_plan(
    compared: Store, pairs: Pairs, question: Question
) -> None:
    graph, plans = question
    reference = MemoryStore()
    reference.apply(graph)
    compared.clear()
    compared.apply(graph)
    for plan in plans:
        pairs.add(plan)
        note(f"{plan!r}\n{optimize(plan)!r}")
        assert exactly(compared.run(optimize(plan))) == exactly(reference.run(plan))


def agree(compared: Store, reference: MemoryStore, plan: Plan) -> None:
    """Fails with the smallest part of a plan that two stores answer differently."""
    if exactly(compared.run(plan)) != exactly(reference.run(plan)):
        for part in parts(plan):
            note(f"{part!r}\n{reference.graph.nodes(data='node')}\n{list(reference.graph.edges)}")
            assert exactly(compared.run(part)) == exactly(reference.run(part))


def shaped(labels: list[Label], edges: list[tuple[int, str, int]]) -> Batch:
    nodes = [Node(f"{label[0].lower()}{n:05}", label, {"at": n}) for n, label in enumerate(labels)]
    return Batch(nodes, [Edge(nodes[s].id, type, nodes[t].id) for s, type, t in edges])


def lineage(id: str) -> Walk:
    return Walk(Find("Version", Identified((id,))), "origin", LINEAGE_EDGES)


def test_a_chain_of_two_thousand_has_no_bound(store: Store) -> None:
    store.apply(shaped(*chain(2000)))
    values = store.run(lineage("v00000")).values
    assert [depth for _, _, depth, _ in values] == list(range(1, 2000))


def test_sixty_stacked_diamonds_are_a_hundred_and_eighty_nodes(store: Store) -> None:
    store.apply(shaped(*diamonds(60)))
    values = store.run(lineage("v00000")).values
    assert len(values) == 180
    assert values[-1][2] == 120


@pytest.mark.parametrize("every", [False, True])
def test_paths_through_sixty_stacked_diamonds_are_not_all_followed(
    compared: Store, every: bool
) -> None:
    compared.apply(shaped(*diamonds(60)))
    first, last = (Find("Version", Identified((id,))) for id in ("v00000", "v00180"))
    found = compared.run(Paths(last, first, LINEAGE_EDGES, every, 10)).values
    paths = [[row[3] for row in found if row[0] == number] for number in range(1, 12)]
    assert [len(path) for path in paths] == ([121] * 10 if every else [121] + [0] * 9) + [0]
    assert paths[:10] == sorted(paths[:10]) if every else paths[0][:2] == ["v00180", "v00178"]
    assert {row[2] for row in found} == {"effect"}


def test_a_budget_ends_paths_that_wind_through_a_knot(compared: Store) -> None:
    """Any two of its nodes are joined both ways, so there are more paths than anybody waits for."""
    among = [(n, "INFORMED_BY", m) for n in range(12) for m in range(12) if n != m]
    compared.apply(shaped(["Step"] * 12, among))
    ends = [Find("Step", Identified((id,))) for id in ("s00000", "s00011")]
    knot = Paths(ends[0], ends[1], LINEAGE_EDGES, every=True, most=10**9)
    with pytest.raises(BudgetExceeded):
        compared.run(knot, Budget(nodes=20_000))
    assert len(compared.run(replace(knot, most=100), Budget(nodes=20_000)).values) > 200


def test_a_budget_of_nodes_ends_a_walk_that_reaches_more(store: Store) -> None:
    store.apply(shaped(*chain(100)))
    with pytest.raises(BudgetExceeded):
        store.run(lineage("v00000"), Budget(nodes=50))
    assert len(store.run(lineage("v00000"), Budget(nodes=1000)).values) == 99


def test_a_budget_of_no_time_ends_any_walk(store: Store) -> None:
    store.apply(shaped(*chain(2000)))
    with pytest.raises(BudgetExceeded):
        store.run(lineage("v00000"), Budget(seconds=0.0))


def test_a_limit_of_none_is_an_empty_answer(store: Store) -> None:
    store.apply(shaped(*chain(3)))
    assert store.run(Limit(Find("Version"), 0)).values == []


def test_a_file_that_a_commit_removed_is_not_there_until_another_has_it_again(store: Store) -> None:
    """Set by the first of six commits, removed by the second; had again by the fourth, removed by
    the fifth; at the sixth a run makes it."""
    names: dict[str, Value] = {"name": "a.csv", "base": "a.csv", "stem": "a"}
    versions = ("v1", "v4", "v6")
    commits = [Node(f"c{n}", "Commit", {"at": n, "sha": f"{n}abc"}) for n in range(1, 7)]
    edges = [
        *line_of(commits),
        *(Edge(id, "VERSION_OF", "a1") for id in versions),
        Edge("v1", "IN_COMMIT", "c1"),
        Edge("a1", "REMOVED_IN", "c2"),
        Edge("v4", "IN_COMMIT", "c4"),
        Edge("a1", "REMOVED_IN", "c5"),
        Edge("v6", "GENERATED_BY", "s1"),
        Edge("s1", "PART_OF", "r1"),
        Edge("r1", "AT_COMMIT", "c6"),
    ]
    made = [Node(id, "Version", {**names, "at": int(id[1:])}) for id in versions]
    others = [Node("a1", "Artifact", names), Node("s1", "Step"), Node("r1", "Run")]
    store.apply(Batch([*commits, *made, *others], edges))
    found = {
        n: [id for id, *_ in store.run(Find("Version", which=InCommit(f"{n}abc"))).values]
        for n in range(1, 7)
    }
    assert found == {1: ["v1"], 2: [], 3: [], 4: ["v4"], 5: [], 6: ["v6"]}


def line_of(commits: list[Node]) -> Iterator[Edge]:
    """Each came from the one before it."""
    for parent, commit in itertools.pairwise(commits):
        yield Edge(commit.id, "PARENT", parent.id, "", {"first": True})


def test_what_no_commit_has_is_what_the_nearest_run_made(store: Store) -> None:
    """Of four commits in a line, the last merged another one. Runs at the first and at the other made a file that
    is in none of them, and a file that the first has, too."""
    commits = [Node(f"c{n}", "Commit", {"sha": f"{n}abc", "at": 9 - n}) for n in range(5)]
    nodes, edges = [*commits], [*line_of(commits[1:]), Edge("c4", "PARENT", "c0")]
    for artifact in ("a1", "a2"):
        names: dict[str, Value] = {"name": artifact, "base": artifact, "stem": artifact}
        nodes.append(Node(artifact, "Artifact", names))
        for n in (0, 1):
            version, step, run = f"v{artifact}{n}", f"s{artifact}{n}", f"r{artifact}{n}"
            nodes += [Node(version, "Version", names), Node(step, "Step"), Node(run, "Run")]
            edges += [
                Edge(version, "VERSION_OF", artifact),
                Edge(version, "GENERATED_BY", step),
                Edge(step, "PART_OF", run),
                Edge(run, "AT_COMMIT", f"c{n}"),
            ]
    nodes.append(Node("v", "Version", names))
    edges += [Edge("v", "VERSION_OF", "a2"), Edge("a2", "REMOVED_IN", "c2")]
    edges.append(Edge("v", "IN_COMMIT", "c1", "", {"uri": "a2"}))
    edges.append(Edge("va21", "IN_COMMIT", "c4", "", {"uri": "another name of it"}))
    store.apply(Batch(nodes, edges))
    found = {
        n: {id for id, *_ in store.run(Find("Version", which=InCommit(f"{n}abc"))).values}
        for n in range(5)
    }
    assert found == {
        0: {"va10", "va20"},
        1: {"va11", "v"},
        2: {"va11"},
        3: {"va11"},
        4: {"va10"},  # one edge away, and the other three
    }


def test_a_line_of_twenty_thousand_commits_has_no_bound(store: Store) -> None:
    names: dict[str, Value] = {"name": "a.csv", "base": "a.csv", "stem": "a"}
    nodes = [Node(f"c{n:05}", "Commit", {"sha": f"{n:05}abc"}) for n in range(20_000)]
    edges = [*line_of(nodes), Edge("v", "VERSION_OF", "a"), Edge("v", "IN_COMMIT", "c00000")]
    nodes += [Node("a", "Artifact", names), Node("v", "Version", names)]
    store.apply(Batch(nodes, edges))
    asked = Find("Version", Exactly("a.csv"), which=InCommit("19999abc"))
    assert [id for id, *_ in store.run(asked).values] == ["v"]


def test_generated_ids_are_not_in_the_order_of_making() -> None:
    ids = [id_of("Version", number) for number in range(9)]
    assert ids != sorted(ids)


@given(question=questions())
def test_a_cone_has_what_a_walk_leaves_and_reaches_and_the_edges_between(
    compared: Store, question: Question
) -> None:
    graph, plans = question
    reference = MemoryStore()
    reference.apply(graph)
    compared.clear()
    compared.apply(graph)
    for plan in plans:
        for walk in (part for part in parts(plan) if isinstance(part, Walk)):
            cone, nodes = compared.reached(walk)
            assert drawn(cone) == drawn(reference.cone(walk))
            assert sorted(nodes, key=lambda node: node.id) == reference.nodes(cone.ids)


def drawn(cone: Cone) -> tuple[set[tuple[str, str]], set[str], list[tuple[str, str]]]:
    """A cone without its numbers: nodes with labels, starts, edges."""
    edges = zip(cone.effects, cone.causes, strict=True)
    return (
        set(zip(cone.ids, cone.labels, strict=True)),
        {cone.ids[start] for start in cone.starts},
        sorted((cone.ids[effect], cone.ids[cause]) for effect, cause in edges),
    )
