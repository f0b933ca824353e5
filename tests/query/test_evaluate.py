"""What each operator means, on graphs small enough to see through."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from provgraph.errors import BudgetExceeded
from provgraph.model.elements import Batch, Edge, Node, Value
from provgraph.query.conditions import holds
from provgraph.query.plan import (
    AllOf,
    AnyOf,
    Budget,
    Comparison,
    Condition,
    Digested,
    Every,
    Exactly,
    Filter,
    Find,
    Globbed,
    Identified,
    InCommit,
    Latest,
    Limit,
    Membership,
    Named,
    Negate,
    Nth,
    Plan,
    Runs,
    SetOp,
    Sort,
    SortKey,
    Versions,
    Walk,
    WithDigest,
)
from provgraph.store.memory import MemoryStore

NODES = [
    Node("a1", "Artifact", {"name": "raw/a.csv", "base": "a.csv", "stem": "a"}),
    Node("a2", "Artifact", {"name": "out/m.pkl", "base": "m.pkl", "stem": "m"}),
    Node("a3", "Artifact", {"name": "s3://b/a.csv", "base": "a.csv", "stem": "a"}),
    Node(
        "v1", "Version", {"name": "raw/a.csv", "kind": "dataset", "at": 1, "digest": "blake3:aa11"}
    ),
    Node("v2", "Version", {"name": "raw/a.csv", "kind": "other", "at": 5, "blob": "git:bb22"}),
    Node("v3", "Version", {"name": "out/m.pkl", "kind": "model", "at": 3, "digest": "blake3:cc33"}),
    Node("v4", "Version", {"name": "out/m.pkl", "kind": "model", "at": 9, "size": 10}),
    Node("v5", "Version", {"name": "s3://b/a.csv", "kind": "dataset", "at": 2, "size": 2}),
    Node("v6", "Version", {"name": "tmp", "kind": "model"}),
    Node("s1", "Step", {"name": "train", "at": 2}),
    Node("s2", "Step", {"name": "train", "at": 8}),
    Node("r1", "Run", {"name": "first", "exit": 0}),
    Node("r2abcd", "Run", {"name": "second", "exit": 1}),
    Node("c1", "Commit", {"sha": "ab12cd", "at": 1}),
    Node("c2", "Commit", {"sha": "cd34ef", "at": 2}),
]
EDGES = [
    Edge("v1", "VERSION_OF", "a1"),
    Edge("v2", "VERSION_OF", "a1"),
    Edge("v3", "VERSION_OF", "a2"),
    Edge("v4", "VERSION_OF", "a2"),
    Edge("v5", "VERSION_OF", "a3"),
    Edge("v6", "VERSION_OF", "a2"),
    Edge("v3", "GENERATED_BY", "s1"),
    Edge("s1", "USED", "v1"),
    Edge("v4", "GENERATED_BY", "s2"),
    Edge("s2", "USED", "v2"),
    Edge("s2", "USED", "v3"),
    Edge("v1", "DERIVED_FROM", "v5"),
    Edge("s1", "PART_OF", "r1"),
    Edge("s2", "PART_OF", "r2abcd"),
    Edge("v1", "IN_COMMIT", "c1"),
    Edge("r2abcd", "AT_COMMIT", "c1"),
    Edge("c2", "PARENT", "c1", "", {"first": True}),
    Edge("a1", "REMOVED_IN", "c2"),
    Edge("a2", "REMOVED_IN", "c1"),
]
ALONG = ("GENERATED_BY", "USED", "DERIVED_FROM")


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    made.apply(Batch(NODES, EDGES))
    return made


def ids(store: MemoryStore, plan: Plan) -> str:
    return " ".join(row[0] for row in store.run(plan).values)


def depths(store: MemoryStore, plan: Plan) -> dict[str, int | None]:
    return {row[0]: row[2] for row in store.run(plan).values}


def node(*ids: str) -> Find:
    return Find("Version", Identified(ids))


# Find


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (Exactly("raw/a.csv"), "v1 v2"),
        (Exactly("a.csv"), ""),
        (Named("a.csv"), "v1 v5 v2"),
        (Named("a"), ""),
        (Named("a", stems=True), "v1 v5 v2"),
        (Globbed("*.csv"), "v1 v5 v2"),
        (Globbed("raw/*"), "v1 v2"),
        (Globbed("**/m.pkl"), "v3 v4 v6"),
        (Digested(("blake3:cc33", "git:bb22")), "v3 v2"),
        (Identified(("v6", "s1")), "v6"),
    ],
    ids=str,
)
def test_a_version_is_found_by_the_names_of_its_artifacts(
    store: MemoryStore, asked: Exactly, found: str
) -> None:
    assert ids(store, Find("Version", asked)) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (Named("second"), "r2abcd"),
        (Named("2abc"), "r2abcd"),
        (Named("r2ab"), "r2abcd"),
        (Named("2ab"), ""),
        (Globbed("*st"), "r1"),
        (Exactly("r1"), ""),
    ],
    ids=str,
)
def test_a_run_is_found_by_its_name_or_from_four_characters_on_by_its_id(
    store: MemoryStore, asked: Named, found: str
) -> None:
    assert ids(store, Find("Run", asked)) == found


def test_a_commit_is_found_by_the_beginning_of_its_sha(store: MemoryStore) -> None:
    assert ids(store, Find("Commit", Named("ab12"))) == "c1"


def test_the_latest_is_the_last_of_each_artifact(store: MemoryStore) -> None:
    assert ids(store, Find("Version", which=Latest(until=8))) == "v5 v3 v2"


def test_a_version_of_unknown_time_is_the_latest_unless_there_is_a_bound(
    store: MemoryStore,
) -> None:
    assert ids(store, Find("Version", Named("m.pkl"), which=Latest())) == "v6"
    assert ids(store, Find("Version", Named("m.pkl"), which=Latest(until=99))) == "v4"


def test_kind_and_files_are_asked_before_which_picks(store: MemoryStore) -> None:
    assert ids(store, Find("Version", kind="dataset", which=Latest())) == "v1 v5"
    assert ids(store, Find("Version", kind="dataset", files=True, which=Latest())) == "v1"
    assert ids(store, Find("Version", kind="model", which=Nth(2))) == "v4"


def test_where_is_asked_after_which_picks(store: MemoryStore) -> None:
    dataset = Comparison("kind", "=", "dataset")
    assert ids(store, Find("Version", Exactly("raw/a.csv"), which=Latest(), where=dataset)) == ""


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (Every(), "v1 v5 v3 v2 v4 v6"),
        (Every(until=3), "v1 v5 v3"),
        (Nth(1), "v1 v5 v3"),
        (Nth(2), "v2 v4"),
        (WithDigest("bb"), "v2"),
        (WithDigest("aa11"), "v1"),
        (WithDigest("blake3"), ""),
        (InCommit("ab12"), "v1 v4"),
        (
            InCommit("cd34"),
            "v4",
        ),  # the run at the commit that removed a file may have made it again
        (InCommit("b"), ""),
    ],
    ids=str,
)
def test_which_picks_among_the_versions_of_each_artifact(
    store: MemoryStore, which: Every, found: str
) -> None:
    assert ids(store, Find("Version", which=which)) == found


# Walk


def test_a_walk_gives_the_smallest_number_of_edges(store: MemoryStore) -> None:
    assert depths(store, Walk(node("v4"), "origin", ALONG)) == {
        "s2": 1,
        "v3": 2,
        "v2": 2,
        "s1": 3,
        "v1": 4,
        "v5": 5,
    }


def test_rows_come_by_depth_then_time_then_id(store: MemoryStore) -> None:
    assert ids(store, Walk(node("v4"), "origin", ALONG)) == "s2 v3 v2 s1 v1 v5"


def test_a_walk_toward_effects_goes_against_the_edges(store: MemoryStore) -> None:
    assert ids(store, Walk(node("v5"), "effect", ALONG)) == "v1 s1 v3 s2 v4"


def test_a_source_is_a_row_only_if_it_is_reached(store: MemoryStore) -> None:
    reached = depths(store, Walk(node("v3", "v1"), "origin", ALONG))
    assert reached == {"s1": 1, "v5": 1, "v1": 2}


def test_a_node_on_a_cycle_reaches_itself(store: MemoryStore) -> None:
    store.apply(Batch(edges=[Edge("v5", "DERIVED_FROM", "v3")]))
    assert depths(store, Walk(node("v3"), "origin", ALONG))["v3"] == 4


def test_a_walk_may_be_bounded(store: MemoryStore) -> None:
    assert ids(store, Walk(node("v4"), "origin", ALONG, max_hops=2)) == "s2 v3 v2"


def test_where_a_walk_stops_is_reached_but_not_passed(store: MemoryStore) -> None:
    walk = Walk(node("v4"), "origin", ALONG, stop_at=node("v3"))
    assert ids(store, walk) == "s2 v3 v2"


def test_a_source_is_left_even_where_the_walk_stops(store: MemoryStore) -> None:
    walk = Walk(node("v4"), "origin", ALONG, stop_at=node("v4", "v3"))
    assert ids(store, walk) == "s2 v3 v2"


def test_what_came_to_be_later_does_not_exist(store: MemoryStore) -> None:
    assert ids(store, Walk(node("v5"), "effect", ALONG, until=3)) == "v1 s1 v3"
    assert ids(store, Walk(node("v4"), "origin", ALONG, until=8)) == ""


# The other operators


def test_a_filter_keeps_order_and_depth(store: MemoryStore) -> None:
    near = Filter(Walk(node("v4"), "origin", ALONG), Comparison("depth", "<=", 2))
    assert depths(store, near) == {"s2": 1, "v3": 2, "v2": 2}


def test_versions_are_those_of_the_same_artifacts(store: MemoryStore) -> None:
    assert ids(store, Versions(node("v4"))) == "v3 v4 v6"
    assert ids(store, Versions(Find("Artifact", Exactly("out/m.pkl")), until=3)) == "v3"
    assert ids(store, Versions(Find("Step"))) == ""


def test_runs_are_those_of_steps_of_versions_and_themselves(store: MemoryStore) -> None:
    assert ids(store, Runs(Find("Step"))) == "r1 r2abcd"
    assert ids(store, Runs(node("v4"))) == "r2abcd"
    assert ids(store, Runs(Find("Run"))) == "r1 r2abcd"
    assert ids(store, Runs(Find("Commit"))) == ""


def test_set_operations_drop_the_depth(store: MemoryStore) -> None:
    walk, model = Walk(node("v4"), "origin", ALONG), Find("Version", kind="model")
    assert depths(store, SetOp("intersection", walk, model)) == {"v3": None}
    assert ids(store, SetOp("difference", model, walk)) == "v4 v6"
    assert ids(store, SetOp("union", node("v4"), node("v1"))) == "v1 v4"


@pytest.mark.parametrize("descending", [False, True])
def test_missing_values_come_last_in_both_directions(store: MemoryStore, descending: bool) -> None:
    by_size = Sort(Find("Version"), (SortKey("size", descending),))
    assert ids(store, by_size) == ("v4 v5" if descending else "v5 v4") + " v1 v2 v3 v6"


def test_ties_go_by_id_in_both_directions(store: MemoryStore) -> None:
    by_kind = Sort(Find("Version"), (SortKey("kind", descending=True),))
    assert ids(store, by_kind) == "v2 v3 v4 v6 v1 v5"


def test_numbers_come_before_text_and_text_by_code_point(store: MemoryStore) -> None:
    values: list[Value] = ["a", "𝒳", 2, "B", "\uffee", True, "", 0.5, ("c", "a")]
    nodes = [Node(f"g{n}", "Agent", {"prop.x": value}) for n, value in enumerate(values)]
    store.apply(Batch(nodes=nodes))
    rows = store.run(Sort(Find("Agent"), (SortKey("prop.x"),))).values
    assert [row[3]["prop.x"] for row in rows] == [
        0.5,
        True,
        2,
        "",
        "B",
        "a",
        ("c", "a"),
        "\uffee",
        "𝒳",
    ]


def test_a_limit_takes_the_first_in_order(store: MemoryStore) -> None:
    assert ids(store, Limit(Sort(Find("Version"), (SortKey("size", True),)), 2)) == "v4 v5"
    assert ids(store, Walk(Limit(Find("Version"), 1), "effect", ALONG)) == "s1 v3 s2 v4"


def test_a_budget_counts_the_nodes_that_are_visited(store: MemoryStore) -> None:
    walk = Walk(node("v4"), "origin", ALONG)
    assert len(store.run(walk, Budget(nodes=7)).values) == 6
    with pytest.raises(BudgetExceeded, match="more than 6 nodes"):
        store.run(walk, Budget(nodes=6))


def test_a_budget_of_time_is_kept_to(store: MemoryStore) -> None:
    with pytest.raises(BudgetExceeded, match="longer than 0 s"):
        store.run(Find("Version"), Budget(seconds=0.0))


# Conditions

SEEN: Mapping[str, Value] = {"n": 3, "t": "b", "y": True, "l": ("a", "c"), "e": ()}


@pytest.mark.parametrize(
    "condition",
    [
        Comparison("n", "!=", 4),
        Comparison("n", "=", 3.0),
        Comparison("t", "<", "c"),
        Comparison("t", "~", "?"),
        Comparison("y", "=", 1),
        Comparison("l", "=", "c"),
        Comparison("l", "!=", "a"),
        Comparison("l", ">", "b"),
        Membership("n", (1, 3)),
        Membership("n", ("3",), negated=True),
        Membership("n", (), negated=True),
        Membership("l", ("a",), negated=True),
        Negate(Comparison("absent", "=", 1)),
        Negate(Comparison("t", "!=", 3)),
        AllOf(()),
        AnyOf((Comparison("absent", "=", 1), Comparison("n", "=", 3))),
    ],
    ids=str,
)
def test_a_condition_that_holds(condition: Condition) -> None:
    assert holds(condition, SEEN.get)
    assert not holds(Negate(condition), SEEN.get)


@pytest.mark.parametrize(
    "condition",
    [
        Comparison("absent", "!=", 4),
        Comparison("e", "!=", "a"),
        Comparison("n", "!=", "3"),
        Comparison("t", ">", 0),
        Comparison("n", "~", "*"),
        Comparison("l", "~", "b"),
        Membership("absent", ()),
        Membership("absent", (1,), negated=True),
        Membership("e", ("a",), negated=True),
        Membership("t", ("b",), negated=True),
        Membership("l", ("a", "c"), negated=True),
        AnyOf(()),
        Negate(AllOf(())),
    ],
    ids=str,
)
def test_a_condition_that_does_not_hold(condition: Condition) -> None:
    assert not holds(condition, SEEN.get)
    assert holds(Negate(condition), SEEN.get)
