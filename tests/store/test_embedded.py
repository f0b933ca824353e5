"""What does the embedded store keep, exactly, and what does it refuse?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from provgraph.errors import BudgetExceeded, StoreError
from provgraph.model.elements import Batch, Edge, Node, Value, Watermark
from provgraph.query.plan import (
    AllOf,
    Budget,
    Column,
    Comparison,
    Exactly,
    Filter,
    Find,
    Globbed,
    Limit,
    Membership,
    Named,
    Plan,
    Project,
    SetOp,
    Slice,
    Sort,
    SortKey,
    Stale,
    Walk,
)
from provgraph.store import embedded
from provgraph.store.embedded import EmbeddedStore

ALL = Find("Agent")
STEPS = Find("Step")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with embedded.open(tmp_path / "graph.db") as opened:
        yield opened


def agent(id: str = "g1", /, **properties: Value) -> Node:
    return Node(id, "Agent", properties)


def steps(count: int) -> list[Node]:
    return [Node(f"s{number:04}", "Step", {"at": number}) for number in range(count)]


def informed(*pairs: tuple[int, int]) -> list[Edge]:
    return [Edge(f"s{one:04}", "INFORMED_BY", f"s{other:04}") for one, other in pairs]


def ids(store: EmbeddedStore, plan: Plan, budget: Budget = Budget()) -> list[str]:  # noqa: B008
    rows = store.run(Project(plan, (Column("id", "id"),)), budget)
    return [id for (id,) in rows.values]


def kept(store: EmbeddedStore, value: Value, key: str = "prop.x") -> Value:
    store.apply(Batch(nodes=[Node("g1", "Agent", {key: value})]))
    (node,) = store.nodes(["g1"])
    (row,) = store.run(Project(ALL, (Column("x", key),))).values
    assert type(row[0]) is type(node.properties[key])
    assert row[0] == node.properties[key] or math.isnan(value)  # type: ignore[arg-type]
    return node.properties[key]


@pytest.mark.parametrize("key", ["prop.x", "name", "at", 'tag."a\\b', "prop.nul\0", "prop.é", ""])
@pytest.mark.parametrize(
    "value",
    ["", "text", "10", "nul\0inside", "é 𝒳", 0, 1, -(2**63), 2**63 - 1, 0.1, 1.0, -0.0, 5e-324,
     1.7976931348623157e308, math.inf, -math.inf, True, False, (), ("a", "b\0", "é")],
)  # fmt: skip
def test_a_value_comes_back_as_it_was_given(store: EmbeddedStore, key: str, value: Value) -> None:
    back = kept(store, value, key)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("key", ["metric.loss", "size"])
def test_a_metric_that_is_not_a_number_comes_back(store: EmbeddedStore, key: str) -> None:
    back = kept(store, math.nan, key)
    assert isinstance(back, float)
    assert math.isnan(back)


@pytest.mark.parametrize("key", ["prop.x", "size"])
def test_an_integer_beyond_64_bits_is_refused_by_name(store: EmbeddedStore, key: str) -> None:
    with pytest.raises(StoreError, match=f"node g1: property `{key}`: .* 64 bits"):
        store.apply(Batch(nodes=[Node("g1", "Agent", {key: 2**63})]))
    assert store.nodes(["g1"]) == []


def test_an_integer_beyond_64_bits_is_refused_on_an_edge(store: EmbeddedStore) -> None:
    batch = Batch(steps(2), [Edge("s0000", "USED", "s0001", "", {"n": -(2**63) - 1})])
    with pytest.raises(StoreError, match="edge USED from s0000 to s0001: property `n`"):
        store.apply(batch)
    assert ids(store, STEPS) == []


@pytest.mark.parametrize(
    "batch",
    [
        Batch(nodes=[Node("g1", "Agent", {"name": "caf\udce9"})]),
        Batch(nodes=[Node("g1", "Agent", {"prop.x": "caf\udce9"})]),
        Batch(nodes=[Node("g\udce9", "Agent")]),
        Batch(nodes=[agent()], edges=[Edge("g1", "BY", "g1", "\udce9")]),
    ],
)
def test_text_that_is_not_unicode_is_refused(store: EmbeddedStore, batch: Batch) -> None:
    with pytest.raises(StoreError, match="not Unicode"):
        store.apply(batch)
    assert ids(store, ALL) == []


def test_text_that_is_not_unicode_can_be_asked_for(store: EmbeddedStore) -> None:
    store.apply(Batch(nodes=[agent(name="caf")]))
    assert ids(store, Find("Agent", Exactly("caf\udce9"))) == []
    assert ids(store, Find("Agent", Named("caf\udce9"))) == []
    assert ids(store, Find("Agent", Globbed("caf\udce9*"))) == []
    assert ids(store, Filter(ALL, Membership("name", ("\udce9",), negated=True))) == ["g1"]
    assert store.nodes(["\udce9"]) == []


def test_what_a_user_wrote_is_never_sql(store: EmbeddedStore) -> None:
    hostile = "x'; DROP TABLE node; --"
    store.apply(Batch(nodes=[agent(**{"name": hostile, hostile: hostile})]))
    for plan in (
        Find("Agent", Exactly(hostile)),
        Find("Agent", Globbed(hostile + "*")),
        Filter(ALL, Comparison(hostile, "=", hostile)),
        Sort(ALL, (SortKey(hostile),)),
    ):
        assert ids(store, plan) == ["g1"]
    assert store.run(Project(ALL, (Column(hostile, hostile),))).columns == (hostile,)


def test_given_properties_go_over_a_nodes_own(store: EmbeddedStore) -> None:
    store.apply(Batch(nodes=[agent(name="a", kind="k", email="e")]))
    store.apply(Batch(nodes=[agent(name="b", kind=None, email=None, state="s")]))
    assert store.nodes(["g1"]) == [agent(name="b", state="s")]


def test_a_value_may_change_its_type(store: EmbeddedStore) -> None:
    for value in (1, True, 1.0, "1", ("1",), 1):
        store.apply(Batch(nodes=[agent(size=value)]))
        (node,) = store.nodes(["g1"])
        assert type(node.properties["size"]) is type(value)


def test_a_node_given_twice_in_a_batch_is_merged_in_order(store: EmbeddedStore) -> None:
    store.apply(Batch(nodes=[agent(name="a", email="e"), agent(name="b", email=None)]))
    assert store.nodes(["g1"]) == [agent(name="b")]


def test_given_properties_go_over_an_edges_own(store: EmbeddedStore) -> None:
    def edge(**properties: Value) -> Edge:
        return Edge("s0000", "USED", "s0001", "k", properties)

    store.apply(Batch(steps(2), [edge(role="input", at=None)]))
    store.apply(Batch(edges=[edge(role=None, how=("a",)), edge(at=2**62)]))
    assert store.edges(["s0000"]) == [edge(how=("a",), at=2**62)]


def test_applying_a_batch_twice_is_applying_it_once(store: EmbeddedStore) -> None:
    batch = Batch(
        nodes=[*steps(3), agent(name="a", email=None)],
        edges=[*informed((0, 1), (1, 2)), Edge("s0000", "USED", "g1", "", {"role": "x"})],
        removed_nodes=["s0002"],
        watermarks=[Watermark("one", 0, 7)],
    )
    store.apply(batch)
    once = (store.run(STEPS), store.edges(["s0000", "s0001"]), store.watermarks())
    store.apply(batch)
    assert (store.run(STEPS), store.edges(["s0000", "s0001"]), store.watermarks()) == once


def test_a_removed_node_takes_its_edges_with_it(store: EmbeddedStore) -> None:
    store.apply(Batch(steps(3), informed((0, 1), (1, 2), (0, 2))))
    store.apply(Batch(removed_nodes=["s0001", "unknown"]))
    assert store.edges(["s0000", "s0001", "s0002"]) == informed((0, 2))
    store.apply(Batch(nodes=[Node("s0001", "Step", {})]))
    assert store.edges(["s0001"], incoming=True) == []
    assert store.nodes(["s0001"]) == [Node("s0001", "Step", {})]


def test_a_removed_edge_leaves_those_beside_it(store: EmbeddedStore) -> None:
    parallel = [Edge("s0000", "USED", "s0001", key) for key in ("", "k")]
    store.apply(Batch(steps(2), parallel))
    store.apply(Batch(removed_edges=[parallel[0].identity, ("s0000", "NEVER", "s0001", "")]))
    assert store.edges(["s0000"]) == parallel[1:]


def test_an_edge_without_its_node_changes_nothing(store: EmbeddedStore) -> None:
    store.apply(Batch(steps(1)))
    batch = Batch(
        nodes=[agent()],
        edges=[Edge("s0000", "USED", "missing")],
        removed_nodes=["s0000"],
        watermarks=[Watermark("one", 0, 1)],
    )
    with pytest.raises(StoreError, match="there is no node s0000"):
        store.apply(batch)
    assert ids(store, STEPS) == ["s0000"]
    assert ids(store, ALL) == []
    assert store.watermarks() == {}
    with pytest.raises(StoreError, match="there is no node missing"):
        store.apply(Batch(edges=[Edge("s0000", "USED", "missing")]))


def test_what_was_cleared_can_be_filled_again(store: EmbeddedStore) -> None:
    batch = Batch(steps(2), informed((0, 1)), watermarks=[Watermark("one", 0, 1)])
    store.apply(batch)
    store.clear()
    assert (ids(store, STEPS), store.edges(["s0000"]), store.watermarks()) == ([], [], {})
    assert store.statistics().nodes == {}
    store.apply(batch)
    assert store.edges(["s0000"]) == informed((0, 1))


def test_text_compares_by_code_point(store: EmbeddedStore) -> None:
    names = ["a", "b", "é", "\uffee", "𝒳", "a\0", ""]
    store.apply(Batch(nodes=[agent(f"g{n}", name=name) for n, name in enumerate(names)]))
    plan = Project(Sort(ALL, (SortKey("name"),)), (Column("name", "name"),))
    assert [name for (name,) in store.run(plan).values] == sorted(names)


@pytest.mark.parametrize("asked", [10**30, -(10**30), 10**400, math.inf, math.nan])
def test_a_constant_beyond_64_bits_compares_as_a_number(store: EmbeddedStore, asked: float) -> None:
    store.apply(Batch(nodes=[Node("g1", "Agent", {"size": 1, "prop.x": 1})]))
    for key in ("size", "prop.x"):
        for sign, expected in (
            ("<", asked > 1), (">", asked < 1), ("!=", True), ("=", False)
        ):  # fmt: skip
            found = ids(store, Filter(ALL, Comparison(key, sign, asked)))  # type: ignore[arg-type]
            assert bool(found) is expected
        assert ids(store, Filter(ALL, Membership(key, (asked, 1)))) == ["g1"]
        assert ids(store, Filter(ALL, Membership(key, (asked,), negated=True))) == ["g1"]


def test_a_membership_may_have_thousands_of_values(store: EmbeddedStore) -> None:
    store.apply(Batch(nodes=[agent(name="n77777"), agent("g2", name="m")]))
    values = tuple(f"n{number}" for number in range(100_000))
    assert ids(store, Filter(ALL, Membership("name", values))) == ["g1"]
    assert ids(store, Filter(ALL, Membership("name", values, negated=True))) == ["g2"]


def test_a_deep_plan_is_answered(store: EmbeddedStore) -> None:
    store.apply(Batch(steps(5)))
    plan: Plan = Sort(STEPS, (SortKey("at", descending=True),))
    for _ in range(60):
        plan = Limit(Filter(plan, Comparison("at", ">", 0)), 3)
    assert ids(store, plan) == ["s0004", "s0003", "s0002"]
    for _ in range(100):
        plan = SetOp("union", plan, STEPS)
    assert len(ids(store, plan)) == 5


def test_a_deep_or_wide_condition_is_answered(store: EmbeddedStore) -> None:
    store.apply(Batch(steps(2)))
    condition: AllOf | Comparison = Comparison("at", ">", 0)
    for _ in range(150):
        condition = AllOf((condition, Comparison("at", "<", 9)))
    assert ids(store, Filter(STEPS, condition)) == ["s0001"]
    wide = AllOf(tuple(Comparison("at", "!=", -number - 1) for number in range(2000)))
    assert ids(store, Filter(STEPS, wide)) == ["s0000", "s0001"]


def test_a_walk_along_a_long_chain_has_every_depth(store: EmbeddedStore) -> None:
    count = 3000
    store.apply(Batch(steps(count), informed(*((n, n + 1) for n in range(count - 1)))))
    plan = Walk(Find("Step", Named("s0000")), "origin", ("INFORMED_BY",))
    rows = store.run(Project(plan, (Column("id", "id"), Column("depth", "depth")))).values
    assert rows == [(f"s{n:04}", n) for n in range(1, count)]


def test_a_walk_over_stacked_diamonds_ends(store: EmbeddedStore) -> None:
    sides = [(top, top + side) for top in range(0, 180, 3) for side in (1, 2)]
    joints = [(top + side, top + 3) for top in range(0, 180, 3) for side in (1, 2)]
    store.apply(Batch(steps(181), informed(*sides, *joints)))
    plan = Walk(Find("Step", Named("s0000")), "origin", ("INFORMED_BY",))
    assert len(ids(store, plan, Budget(nodes=1000))) == 180


def test_a_walk_past_its_nodes_ends_without_an_answer(store: EmbeddedStore) -> None:
    store.apply(Batch(steps(100), informed(*((0, n) for n in range(1, 100)))))
    plan = Walk(Find("Step", Named("s0000")), "origin", ("INFORMED_BY",))
    with pytest.raises(BudgetExceeded):
        store.run(plan, Budget(nodes=50))
    with pytest.raises(BudgetExceeded):
        store.run(STEPS, Budget(nodes=99))
    assert len(ids(store, plan, Budget(nodes=100))) == 99


def test_a_question_past_its_time_is_interrupted_and_the_next_is_answered(
    store: EmbeddedStore,
) -> None:
    store.apply(Batch(steps(3000)))
    slow = Filter(STEPS, Comparison("id", "~", "*x"))
    with pytest.raises(BudgetExceeded, match="longer than 0 s"):
        store.run(slow, Budget(seconds=0))
    assert ids(store, slow, Budget(seconds=600)) == []
    store.apply(Batch(nodes=[agent()]))


def test_rows_without_columns_are_still_counted(store: EmbeddedStore) -> None:
    store.apply(Batch(steps(3)))
    assert store.run(Project(Limit(STEPS, 2), ())).values == [(), ()]


def test_questions_of_an_empty_store_have_empty_answers(store: EmbeddedStore) -> None:
    assert store.run(Walk(STEPS, "origin", ("USED",))).values == []
    assert store.run(Walk(STEPS, "origin", ())).values == []
    assert store.nodes([]) == []
    assert store.edges([]) == []
    assert store.timelines([]).nodes == []
    store.apply(Batch())
    assert store.statistics().edges == {}


def test_a_prefix_of_an_id_finds_it_with_and_without_its_letter(store: EmbeddedStore) -> None:
    store.apply(
        Batch(nodes=[*steps(1), Node("s\U0010ffff", "Step", {}), Node("\U0010ffffabc", "Step", {})])
    )
    assert ids(store, Find("Step", Named("s000"))) == ["s0000"]
    assert ids(store, Find("Step", Named("0000"))) == ["s0000"]
    assert ids(store, Find("Step", Named("000"))) == []
    assert ids(store, Find("Step", Named("\U0010ffffabc"))) == ["\U0010ffffabc"]


def test_what_a_slice_learned_is_kept_where_its_rows_are_counted(store: EmbeddedStore) -> None:
    nodes = [Node(f"v{n}", "Version", {"name": f"{n}", "at": n}) for n in range(3)]
    edges = [Edge("v1", "DERIVED_FROM", "v0"), Edge("v2", "DERIVED_FROM", "v0")]
    store.apply(Batch(nodes=nodes, edges=edges))
    shared = Slice(Find("Version", where=Comparison("at", ">", 0)))
    shown = Project(shared, (Column("id", "id"), Column("support", ":support")))
    assert store.run(shown).values == store.run(shown, Budget(nodes=1000)).values == [("v0", 2)]
    with pytest.raises(BudgetExceeded):
        store.run(shown, Budget(nodes=1))


def test_why_something_is_stale_is_kept_where_its_rows_are_counted(store: EmbeddedStore) -> None:
    names = {"v1": "in.csv", "v2": "in.csv", "v3": "out.csv"}
    nodes = [Node(id, "Version", {"name": name, "at": int(id[1])}) for id, name in names.items()]
    nodes += [Node("a", "Artifact", {"name": "in.csv"}), Node("s", "Step", {"at": 1})]
    edges = [Edge("v1", "VERSION_OF", "a"), Edge("v2", "VERSION_OF", "a")]
    edges += [Edge("s", "USED", "v1"), Edge("v3", "GENERATED_BY", "s")]
    store.apply(Batch(nodes=nodes, edges=edges))
    shown = Project(Stale(Find("Version"), 10), (Column("id", "id"), Column("why", ":reasons")))
    expected = [("v3", ("there is a newer in.csv",))]
    assert store.run(shown).values == store.run(shown, Budget(nodes=1000)).values == expected


def test_the_first_rows_in_an_order_are_those_of_all_rows_in_it(store: EmbeddedStore) -> None:
    at = [3, None, 1, 3, 2, None, 3]
    held = [{} if one is None else {"at": one} for one in at]
    store.apply(Batch(nodes=[Node(f"s{n}", "Step", each) for n, each in enumerate(held)]))  # type: ignore[arg-type]
    for descending in (True, False):
        whole = Sort(Find("Step"), (SortKey("at", descending=descending),))
        everything = ids(store, whole)
        for count in range(len(at) + 2):
            assert ids(store, Limit(whole, count)) == everything[:count]
