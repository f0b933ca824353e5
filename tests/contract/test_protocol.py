"""What every store does with batches, and what it gives back besides answers."""

from __future__ import annotations

import pytest
from contract.graphs import graphs, in_order
from hypothesis import given

from provgraph.errors import StoreError
from provgraph.model.binding import TAIL
from provgraph.model.elements import Batch, Edge, Node, Value, Watermark
from provgraph.model.tails import LENGTH
from provgraph.model.vocabulary import EDGES
from provgraph.query.plan import (
    Column,
    Comparison,
    Condition,
    Digested,
    Exactly,
    Find,
    Globbed,
    Identified,
    Membership,
    Name,
    Named,
    Project,
    WithDigest,
)
from provgraph.store import Statistics, Store
from provgraph.store.memory import MemoryStore

A = Node("a1", "Artifact", {"name": "a.csv"})
B = Node("a2", "Artifact", {"name": "b.csv"})
V1 = Node("v1", "Version", {"name": "a.csv", "names": ("tmp", "a.csv"), "size": 3})
V2 = Node("v2", "Version", {"name": "a.csv"})
V3 = Node("v3", "Version", {"name": "c.csv"})
S = Node("s1", "Step", {"name": "sort"})
OF = Edge("v1", "VERSION_OF", "a1")
USED = Edge("s1", "USED", "v1", "k1", {"role": "input"})
USED_AGAIN = Edge("s1", "USED", "v1", "k2")
MADE = Edge("v2", "GENERATED_BY", "s1")
GRAPH = Batch(
    nodes=[V2, A, S, V1, V3, B],
    edges=[
        USED_AGAIN,
        MADE,
        USED,
        OF,
        Edge("v2", "VERSION_OF", "a1"),
        Edge("v2", "VERSION_OF", "a2"),
    ],
    watermarks=[Watermark("segment-1", 0, 6)],
)
EVERY_ID = ("a1", "a2", "s1", "v1", "v2", "v3")


def everything(store: Store) -> tuple[list[Node], list[Edge], dict[str, Watermark]]:
    return store.nodes(EVERY_ID), store.edges(EVERY_ID), store.watermarks()


def test_an_empty_store_has_nothing(store: Store) -> None:
    assert everything(store) == ([], [], {})
    assert store.statistics() == Statistics({}, {})
    assert store.run(Find("Version")).values == []


def test_nodes_come_back_as_they_were_given_in_order_of_id(store: Store) -> None:
    store.apply(GRAPH)
    assert store.nodes(["v1", "a1", "absent", "v1"]) == [A, V1]
    assert store.nodes(["v1"])[0].properties["names"] == ("tmp", "a.csv")


def test_edges_come_back_in_order_of_identity(store: Store) -> None:
    store.apply(GRAPH)
    assert store.edges(["s1"]) == [USED, USED_AGAIN]
    assert store.edges(["v1"]) == [OF]
    assert store.edges(["v1"], incoming=True) == [USED, USED_AGAIN]
    assert store.edges(["a1"], ["VERSION_OF"], incoming=True) == [
        OF,
        Edge("v2", "VERSION_OF", "a1"),
    ]
    assert store.edges(["v1", "v1", "absent"], ["USED", "VERSION_OF"]) == [OF]
    assert store.edges(["v1"], ["USED"]) == []


def test_edges_are_counted_by_node_and_type(store: Store) -> None:
    store.apply(GRAPH)
    assert store.degrees(EVERY_ID) == {
        "s1": {"USED": 2},
        "v1": {"VERSION_OF": 1},
        "v2": {"GENERATED_BY": 1, "VERSION_OF": 2},
    }
    assert store.degrees(["v1", "v1", "a1", "absent"], incoming=True) == {
        "v1": {"USED": 2},
        "a1": {"VERSION_OF": 2},
    }
    assert store.degrees(["v2", "v1"], ["GENERATED_BY"]) == {"v2": {"GENERATED_BY": 1}}


def test_given_properties_go_over_a_nodes_own_key_by_key(store: Store) -> None:
    store.apply(GRAPH)
    store.apply(
        Batch(nodes=[Node("v1", "Version", {"size": None, "kind": "dataset", "name": "x"})])
    )
    given: dict[str, Value] = {"name": "x", "names": ("tmp", "a.csv"), "kind": "dataset"}
    assert store.nodes(["v1"]) == [Node("v1", "Version", given)]
    assert store.edges(["v1"]) == [OF]


def test_given_properties_go_over_an_edges_own_key_by_key(store: Store) -> None:
    store.apply(GRAPH)
    store.apply(Batch(edges=[Edge("s1", "USED", "v1", "k1", {"role": None, "at": 7})]))
    assert store.edges(["s1"]) == [Edge("s1", "USED", "v1", "k1", {"at": 7}), USED_AGAIN]


def test_a_null_in_a_new_node_is_not_kept(store: Store) -> None:
    store.apply(Batch(nodes=[Node("v1", "Version", {"size": None})]))
    assert store.nodes(["v1"]) == [Node("v1", "Version", {})]


def test_a_node_given_twice_in_a_batch_is_given_in_order(store: Store) -> None:
    twice = [Node("v1", "Version", {"size": 1, "kind": "a"}), Node("v1", "Version", {"size": 2})]
    store.apply(Batch(nodes=twice))
    assert store.nodes(["v1"]) == [Node("v1", "Version", {"size": 2, "kind": "a"})]


def test_a_removed_node_takes_its_edges_along(store: Store) -> None:
    store.apply(GRAPH)
    store.apply(Batch(removed_nodes=["s1", "absent"]))
    assert store.nodes(["s1"]) == []
    assert store.edges(["v2"], ["GENERATED_BY"]) == []
    assert store.edges(["v1"], incoming=True) == []


def test_a_removed_edge_leaves_its_parallel(store: Store) -> None:
    store.apply(GRAPH)
    store.apply(Batch(removed_edges=[USED.identity, ("s1", "USED", "v1", "absent")]))
    assert store.edges(["s1"]) == [USED_AGAIN]


def test_removal_comes_before_what_is_given(store: Store) -> None:
    store.apply(GRAPH)
    store.apply(Batch(nodes=[Node("v1", "Version", {"size": 9})], edges=[OF], removed_nodes=["v1"]))
    assert store.nodes(["v1"]) == [Node("v1", "Version", {"size": 9})]
    assert store.edges(["v1"]) == [OF]
    assert store.edges(["v1"], incoming=True) == []


def test_a_batch_that_cannot_be_applied_whole_changes_nothing(store: Store) -> None:
    store.apply(GRAPH)
    before = everything(store)
    wrong = Batch(
        nodes=[Node("v1", "Version", {"size": 9}), Node("v9", "Version")],
        edges=[Edge("v9", "DERIVED_FROM", "v1"), Edge("v9", "DERIVED_FROM", "absent")],
        removed_nodes=["v3"],
        removed_edges=[USED.identity],
        watermarks=[Watermark("segment-1", 0, 99)],
    )
    with pytest.raises(StoreError):
        store.apply(wrong)
    assert everything(store) == before
    assert store.nodes(["v9"]) == []


def test_an_edge_to_a_node_removed_in_its_batch_is_refused(store: Store) -> None:
    store.apply(GRAPH)
    with pytest.raises(StoreError):
        store.apply(Batch(edges=[Edge("v3", "DERIVED_FROM", "v1")], removed_nodes=["v1"]))
    assert store.nodes(["v1"]) == [V1]


@given(graph=graphs())
def test_applying_a_batch_twice_is_applying_it_once(near_store: Store, graph: Batch) -> None:
    store = near_store
    store.clear()
    ids = [node.id for node in graph.nodes]
    store.apply(graph)
    once = (store.nodes(ids), store.edges(ids), store.statistics())
    store.apply(graph)
    assert (store.nodes(ids), store.edges(ids), store.statistics()) == once


@given(graph=graphs())
def test_a_store_gives_back_what_the_reference_gives_back(compared: Store, graph: Batch) -> None:
    compared.clear()
    reference = MemoryStore()
    reference.apply(graph)
    compared.apply(graph)
    ids = [node.id for node in graph.nodes]
    assert compared.nodes(ids) == reference.nodes(ids)
    assert compared.edges(ids) == reference.edges(ids)
    assert compared.edges(ids, incoming=True) == reference.edges(ids, incoming=True)
    assert in_order(compared.timelines(ids)) == in_order(reference.timelines(ids))
    assert compared.statistics() == reference.statistics()


def test_a_timeline_is_all_that_binding_needs(store: Store) -> None:
    store.apply(GRAPH)
    store.apply(
        Batch(edges=[Edge("v2", "REVISION_OF", "v1", "a.csv"), Edge("v3", "PART_OF", "v1")])
    )
    found = in_order(store.timelines(["a1", "absent", "v3"]))
    assert found.nodes == [A, B, V1, V2]
    assert [edge.identity for edge in found.edges] == [
        ("s1", "USED", "v1", "k1"),
        ("s1", "USED", "v1", "k2"),
        ("v1", "VERSION_OF", "a1", ""),
        ("v2", "REVISION_OF", "v1", "a.csv"),
        ("v2", "VERSION_OF", "a1", ""),
        ("v2", "VERSION_OF", "a2", ""),
    ]
    assert not EDGES["GENERATED_BY"].bound


def test_of_a_long_timeline_its_end_is_read(store: Store) -> None:
    """In order, however the versions stand otherwise; the newest may be any."""
    numbers = [(n * 7) % 20 for n in range(20)]
    at = {f"v{number:02}": number for number in numbers}
    versions = [Node(id, "Version", {"name": "log", "at": n}) for id, n in at.items()]
    kept = {
        "a1": Node("a1", "Artifact", {"name": "log", TAIL: ("v19", "v03", "5")}),
        "a2": Node("a2", "Artifact", {"name": "log.1", TAIL: ("v02", "v02")}),
        "a3": Node("a3", "Artifact", {"name": "other"}),
    }
    of = [Edge(id, "VERSION_OF", "a1", "", {"at": n}) for id, n in at.items()]
    of += [Edge(f"v{n:02}", "VERSION_OF", "a2", "", {"at": 50 + n}) for n in (1, 2)]
    order = [Edge(f"v{n:02}", "REVISION_OF", f"v{n - 1:02}", "log") for n in range(1, 20)]
    order += [Edge("v02", "REVISION_OF", "v01", "log.1"), Edge("v02", "USED", "v01")]
    store.apply(Batch([*versions, *kept.values()], [*of, *order]))
    long, short = store.tails(["a2", "a1", "a3", "absent"])
    assert (long.artifact, short.artifact) == (kept["a1"], kept["a2"])
    assert (long.newest.id, short.newest.id) == ("v03", "v02")
    last = [f"v{19 - n:02}" for n in range(LENGTH)]
    assert [node.id for node, _ in long.versions] == last
    assert [edge for _, edge in long.versions] == [
        Edge(id, "VERSION_OF", "a1", "", {"at": at[id]}) for id in last
    ]
    assert [(node, edge.properties["at"]) for node, edge in short.versions] == [
        (Node("v02", "Version", {"name": "log", "at": 2}), 52),
        (Node("v01", "Version", {"name": "log", "at": 1}), 51),
    ]


def test_a_watermark_is_the_last_one_given(store: Store) -> None:
    store.apply(GRAPH)
    later = [Watermark("segment-1", 1, 2), Watermark("segment-2", 0, 5)]
    store.apply(Batch(watermarks=later))
    assert store.watermarks() == {mark.segment: mark for mark in later}


def test_statistics_count_nodes_by_label_and_edges_by_type(store: Store) -> None:
    store.apply(GRAPH)
    assert store.statistics() == Statistics(
        {"Artifact": 2, "Version": 3, "Step": 1}, {"USED": 2, "GENERATED_BY": 1, "VERSION_OF": 3}
    )


def test_a_cleared_store_has_nothing(store: Store) -> None:
    store.apply(GRAPH)
    store.clear()
    assert everything(store) == ([], [], {})
    store.apply(GRAPH)
    assert len(store.nodes(EVERY_ID)) == 6


def test_columns_are_named_as_asked_and_missing_values_are_none(store: Store) -> None:
    store.apply(GRAPH)
    columns = (Column("which", "id"), Column("size", "size"), Column("size", "depth"))
    rows = store.run(Project(Find("Version"), columns))
    assert rows.columns == ("which", "size", "size")
    assert rows.values == [("v1", 3, None), ("v2", None, None), ("v3", None, None)]


def test_rows_without_columns_are_whole_nodes(store: Store) -> None:
    store.apply(GRAPH)
    rows = store.run(Find("Step"))
    assert rows.columns == ("id", "label", "depth", "properties")
    assert rows.values == [("s1", "Step", None, {"name": "sort"})]


def test_the_values_of_a_field_are_given_each_once_and_no_more_than_were_asked_for(
    store: Store,
) -> None:
    assert store.values("Version", "kind", 9) == []
    kinds: list[Value] = ["a", "b", "a", ("x", "y"), True, 2.5, "it's `$p`", "é\ud7ff"]
    store.apply(
        Batch(
            nodes=[
                *(Node(f"v{n}", "Version", {"kind": k}) for n, k in enumerate(kinds)),
                Node("s1", "Step", {"kind": "of another label"}),
                Node("v9", "Version", {'tag.a"`b': "c", "tag.list": ("p", "q")}),
            ]
        )
    )
    found = store.values("Version", "kind", 9)
    assert sorted(map(repr, found)) == sorted(map(repr, set(kinds)))
    assert len(store.values("Version", "kind", 3)) == 3
    assert set(store.values("Version", "kind", 3)) < set(kinds)
    assert store.values("Version", 'tag.a"`b', 9) == ["c"]
    assert store.values("Version", "tag.list", 9) == [("p", "q")]
    assert store.values("Step", "id", 9) == ["s1"]
    assert store.values("Run", "kind", 9) == []


@pytest.mark.parametrize("lone", ["\udcff", "é\ud800*"])
def test_what_is_no_text_is_asked_for_and_finds_nothing(store: Store, lone: str) -> None:
    """Bytes of a command line that are not UTF-8 come as lone surrogates."""
    store.apply(GRAPH)
    names: list[Name] = [
        Exactly(lone),
        Named(f"a{lone}", stems=True),
        Globbed(f"*{lone}"),
        Globbed(f"{lone}/**"),
        Digested(("blake3:00", f"blake3:{lone}")),
        Identified(("v9", lone)),
    ]
    for name in names:
        assert store.run(Find("Version", name)).values == []
    assert store.run(Find("Version", which=WithDigest(lone))).values == []
    conditions: list[tuple[Condition, int]] = [
        (Comparison("name", "=", lone), 0),
        (Comparison("name", "~", f"*{lone}*"), 0),
        (Comparison("name", "!=", lone), 3),
        (Comparison("name", "<", lone), 3),
        (Membership("name", ("a.csv", lone)), 2),
        (Membership("name", tuple(f"{n}{lone}" for n in range(200))), 0),
        (Membership("names", (lone, "x"), negated=True), 1),
        (Comparison(f"tag.{lone}", "=", "x"), 0),
    ]
    for condition, number in conditions:
        assert len(store.run(Find("Version", where=condition)).values) == number, condition
