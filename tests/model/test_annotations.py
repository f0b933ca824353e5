"""What people said stays with what they said it of, and the last word counts."""

from __future__ import annotations

from provgraph.model.batches import batch_of
from provgraph.model.elements import Node
from provgraph.model.identity import external_version_id, named_id
from provgraph.model.kinds import Kinds
from provgraph.model.records import (
    Annotated,
    ComponentSeen,
    Content,
    Generated,
    Name,
    Observation,
    RunEnded,
    StepSeen,
    Used,
    When,
)
from provgraph.store.memory import MemoryStore

PROJECT, KINDS = "project", Kinds.of({})
X = Content("blake3:x")


def at(second: int) -> When:
    return When(second * 10**9)


def store_of(*segments: list[Observation]) -> MemoryStore:
    store = MemoryStore()
    for records in segments:
        store.apply(batch_of(records, store, PROJECT, KINDS))
    return store


def node_of(store: MemoryStore, id: str) -> Node:
    (node,) = store.nodes([id])
    return node


def said_of_run(what: str, second: int, name: str = "", value: str = "") -> list[Observation]:
    return [Annotated("r1", "Run", what, at(second), name, value, "Ann")]


def test_the_last_of_flag_and_unflag_counts_whichever_is_read_first() -> None:
    flag, unflag = said_of_run("flag", 1, value="odd"), said_of_run("unflag", 2)
    for order in ([flag, unflag], [unflag, flag]):
        assert "flagged" not in node_of(store_of(*order), "r1").properties
    again = said_of_run("flag", 3, value="odd again")
    held = node_of(store_of(again, unflag, flag), "r1").properties
    assert (held["flagged"], held["flag_reason"]) == (True, "odd again")
    assert (held["flagged_by"], held["flagged_at"]) == ("Ann", 3 * 10**9)


def test_notes_add_up_in_order_of_time() -> None:
    first, second = said_of_run("note", 1, value="b"), said_of_run("note", 2, value="a")
    assert node_of(store_of(second, first), "r1").properties["notes"] == ("b", "a")


def test_a_persons_tag_counts_before_the_runs_own() -> None:
    own: list[Observation] = [RunEnded("r1", at(9), 0, properties={"tag.stage": "test"})]
    tag = said_of_run("tag", 1, "stage", "production")
    for order in ([own, tag], [tag, own]):
        assert node_of(store_of(*order), "r1").properties["tag.stage"] == "production"
    untag = said_of_run("untag", 2, "stage")
    for order in ([own, untag, tag], [untag, tag, own]):
        assert "tag.stage" not in node_of(store_of(*order), "r1").properties


def test_what_was_said_of_an_external_version_follows_it_to_its_late_producer() -> None:
    external = external_version_id(PROJECT, "a.csv", "blake3:x")
    read: list[Observation] = [Used("s2", "a.csv", at(5), X)]
    flag: list[Observation] = [
        Annotated(external, "Version", "flag", at(9), "", "odd", "", "", "a.csv", at(5), X)
    ]
    made: list[Observation] = [Generated("s1", "v1", [Name("a.csv", at(4))], X)]
    before = store_of(read, flag)
    assert node_of(before, external).properties["flag_reason"] == "odd"
    for order in ([read, flag, made], [flag, made, read], [made, read, flag]):
        store = store_of(*order)
        assert store.nodes([external]) == []
        assert node_of(store, "v1").properties["flag_reason"] == "odd"


def test_of_two_versions_with_one_content_the_one_that_was_meant_is_flagged() -> None:
    made: list[Observation] = [
        Generated("s1", "v1", [Name("a.csv", at(1))], X),
        Generated("s1", "v2", [Name("a.csv", at(2))], X),
    ]
    flag: list[Observation] = [
        Annotated("v1", "Version", "flag", at(9), "", "", "", "", "a.csv", at(1), X)
    ]
    store = store_of(flag, made)
    assert node_of(store, "v1").properties["flagged"] is True
    assert "flagged" not in node_of(store, "v2").properties


def test_a_flag_outlives_what_happens_to_the_file_later() -> None:
    made: list[Observation] = [Generated("s1", "v1", [Name("a.csv", at(1))], X)]
    flag: list[Observation] = [
        Annotated("v1", "Version", "flag", at(9), "", "", "", "", "a.csv", at(1), X)
    ]
    more: list[Observation] = [Generated("s3", "v3", [Name("a.csv", at(20))], Content("blake3:y"))]
    held = node_of(store_of(made, flag, more), "v1").properties
    assert (held["flagged"], held["state"]) == (True, "superseded")


def test_of_what_a_component_says_of_itself_the_last_counts_each_for_itself() -> None:
    id = named_id("k", PROJECT, "train")
    first: list[Observation] = [ComponentSeen("train", at(1), "r1", "fits", "ann", {"tier": 1})]
    later: list[Observation] = [ComponentSeen("train", at(2), "r2", owner="bob")]
    for order in ([first, later], [later, first]):
        store = store_of(*order)
        held = node_of(store, id).properties
        assert (held["description"], held["owner"], held["tag.tier"]) == ("fits", "bob", 1)
        runs = [edge.source for edge in store.edges([id], ["INSTANCE_OF"], incoming=True)]
        assert runs == ["r1", "r2"]


def test_a_prediction_keeps_its_fields() -> None:
    made: list[Observation] = [
        StepSeen("s1", "r1", ["serve"], ".", at(1), program="serve"),
        Generated(
            "s1",
            "v1",
            [Name("prediction://17", at(2))],
            Content(),
            properties={"prop.score": 0.5, "prop.label": "leaves"},
        ),
    ]
    later: list[Observation] = [
        Generated("s1", "v2", [Name("prediction://17", at(3))], Content()),
        Annotated("v1", "Version", "note", at(9), "", "x", "", "", "prediction://17", at(2)),
    ]
    held = node_of(store_of(made, later), "v1").properties
    assert (held["kind"], held["prop.score"], held["prop.label"]) == ("prediction", 0.5, "leaves")
    assert held["notes"] == ("x",)
    assert held["run"] == "r1"
