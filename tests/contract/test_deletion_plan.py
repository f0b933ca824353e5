"""What a deletion plan must say of graphs that were written by hand."""

from __future__ import annotations

import pytest
from contract.keys import answer, graph

from provgraph.model.elements import Edge
from provgraph.store import Store

PRESENT = {"state": "present"}

# raw (about the subject) -> clean -> model -> scores, with other.csv beside; a copy nobody saw made.
CHURN = graph(
    {
        "u1": {"name": "client:4711"},
        "v-raw": {"name": "raw.csv", "at": 1, "state": "external"},
        "v-other": {"name": "other.csv", "at": 1, "state": "external"},
        "v-clean": {"name": "clean.csv", "at": 3, **PRESENT},
        "v-model1": {"name": "m.pkl", "at": 5, "state": "superseded", "kind": "model"},
        "v-model2": {"name": "m.pkl", "at": 7, **PRESENT, "kind": "model"},
        "v-scores": {"name": "hold/scores.csv", "at": 9, **PRESENT},
        "v-copy": {"name": "copy.csv", "at": 9, "state": "deleted"},
        "s-clean": {"at": 2},
        "s-train1": {"at": 4},
        "s-train2": {"at": 6},
        "s-score": {"at": 8},
        "r-clean": {"name": "r-clean", "command": "clean"},
        "r-train": {"name": "r-train", "command": "train"},
    },
    ("v-raw", "ABOUT", "u1"),
    ("s-clean", "USED", "v-raw"),
    ("v-clean", "GENERATED_BY", "s-clean"),
    ("s-clean", "PART_OF", "r-clean"),
    ("s-train1", "USED", "v-clean"),
    ("v-model1", "GENERATED_BY", "s-train1"),
    ("s-train2", "USED", "v-clean"),
    ("s-train2", "USED", "v-other"),
    ("s-train2", "PART_OF", "r-train"),
    ("v-model2", "GENERATED_BY", "s-train2"),
    ("s-score", "USED", "v-model2"),
    ("v-scores", "GENERATED_BY", "s-score"),
    Edge("v-copy", "DERIVED_FROM", "v-raw", "", {"inferred": True}),
)
SHOWN = "select order, version, why, depth, action, reason"


def test_all_that_was_made_from_a_subjects_data_goes_before_it(store: Store) -> None:
    store.apply(CHURN)
    question = f'subject "client:4711" | deletion plan except (file "hold/*") | {SHOWN}'
    assert answer(store, question) == [
        (1, "v-model1", "derived", 4, "erase", None),
        (2, "v-copy", "inferred", 1, "none", "it is deleted"),
        (3, "v-scores", "derived", 6, "keep", "excepted"),
        (4, "v-model2", "derived", 4, "rebuild", "run r-train made it from other files too"),
        (5, "v-clean", "derived", 2, "erase", None),
        (6, "v-raw", "contains", 0, "erase", None),
    ]


def test_a_name_means_all_its_versions_and_names_the_nearest_origin(store: Store) -> None:
    store.apply(CHURN)
    question = "model m | deletion plan | select version, origin, depth"
    assert answer(store, question) == [
        ("v-model1", "m.pkl", 0),
        ("v-scores", "m.pkl", 2),
        ("v-model2", "m.pkl", 0),
    ]
    assert len(answer(store, "model m@2 | deletion plan")) == 2


def test_what_was_made_from_each_other_goes_together(store: Store) -> None:
    store.apply(
        graph(
            {
                "v1": {"name": "a", "at": 1},
                "v2": {"name": "b", "at": 2},
                "v3": {"name": "c", "at": 3},
                "s1": {"at": 2},
                "s2": {"at": 2},
            },
            ("s1", "USED", "v1"),
            ("s1", "INFORMED_BY", "s2"),
            ("s2", "INFORMED_BY", "s1"),
            ("v2", "GENERATED_BY", "s1"),
            ("s2", "USED", "v2"),
            ("v3", "GENERATED_BY", "s2"),
        )
    )
    question = "file a | deletion plan | select order, version"
    assert answer(store, question) == [(1, "v3"), (2, "v2"), (3, "v1")]


@pytest.mark.parametrize("question", ['subject "nobody" | deletion plan', "run x | deletion plan"])
def test_nothing_goes_with_nothing(store: Store, question: str) -> None:
    store.apply(CHURN)
    assert answer(store, question) == []
