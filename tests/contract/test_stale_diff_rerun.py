"""What `stale`, `diff` and `rerun plan` must say of graphs that were written by hand."""

from __future__ import annotations

from contract.keys import DAY, answer, graph

from provgraph.model.elements import Batch, Edge, Value
from provgraph.store import Store


def version(name: str, at: float, digest: str, **more: Value) -> dict[str, Value]:
    return {"name": name, "at": at, "digest": f"blake3:{digest}", "state": "present", **more}


# raw -> (clean.py) -> clean.csv -> (train.py) -> m.pkl
CHAIN: dict[str, dict[str, Value]] = {
    "v-raw1": version("raw.csv", 1, "r1"),
    "v-clean1": version("clean.csv", 11, "c1"),
    "v-model": version("m.pkl", 13, "m1", kind="model"),
    "v-train.py": version("train.py", 2, "t1", kind="script"),
    "s-clean": {"at": 10, "name": "clean.py", "command": "clean"},
    "s-train": {"at": 12, "name": "train.py", "command": "train --depth 6", "param.depth": 6},
    "r-clean": {"name": "r-clean", "at": 10, "ended": 1, "command": "clean", "exit": 0},
    "r-train": {"name": "r-train", "at": 12, "ended": 1, "command": "train", "exit": 0},
}
MADE = (
    ("s-clean", "PART_OF", "r-clean"),
    ("s-train", "PART_OF", "r-train"),
    ("s-clean", "USED", "v-raw1"),
    ("v-clean1", "GENERATED_BY", "s-clean"),
    ("s-train", "USED", "v-clean1"),
    ("s-train", "EXECUTED", "v-train.py"),
    ("v-model", "GENERATED_BY", "s-train"),
)
STALE = "model m | stale | select reasons, direct"


def chain(
    more: dict[str, dict[str, Value]] | None = None, *edges: tuple[str, str, str] | Edge
) -> Batch:
    return graph({**CHAIN, **(more or {})}, *MADE, *edges)


# stale


def test_what_nothing_has_changed_for_is_not_stale(store: Store) -> None:
    store.apply(chain())
    assert answer(store, STALE) == []


def test_a_newer_input_makes_what_was_made_from_it_stale_and_what_was_made_from_that(
    store: Store,
) -> None:
    store.apply(chain({"v-raw2": version("raw.csv", 20, "r2")}))
    assert answer(store, STALE) == [(("clean.csv is stale",), False)]
    assert answer(store, "file clean.csv | stale | select reasons, direct") == [
        (("there is a newer raw.csv",), True)
    ]
    assert answer(store, "model m | stale as of 1970-01-16") == []


def test_a_rerun_that_wrote_the_same_bytes_makes_nothing_below_it_stale(store: Store) -> None:
    store.apply(
        chain(
            {
                "v-raw2": version("raw.csv", 20, "r2"),
                "s-again": {"at": 21},
                "v-clean2": version("clean.csv", 22, "c1"),
            },
            ("s-again", "USED", "v-raw2"),
            ("v-clean2", "GENERATED_BY", "s-again"),
        )
    )
    assert answer(store, STALE) == []


def test_changed_code_is_a_reason_and_old_code_is_none(store: Store) -> None:
    store.apply(chain({"v-train2": version("train.py", 60, "t2", kind="script")}))
    assert answer(store, STALE) == [(("train.py has changed",), True)]
    assert answer(store, "model m | stale older than 5d | select reasons") == [
        (("clean.csv is stale", "train.py has changed"),)
    ]


def test_an_input_can_have_been_too_old_when_it_was_used(store: Store) -> None:
    late = Edge("s-train", "USED", "v-clean1", "late", {"at": 50 * DAY})
    store.apply(chain(None, late))
    reason = "clean.csv was 39 days old when it was used"
    assert answer(store, STALE) == [((reason,), True)]
    assert answer(store, "model m | stale older than 40d") == []


def test_configuration_does_not_grow_old(store: Store) -> None:
    late = Edge("s-train", "USED", "v-params", "late", {"at": 90 * DAY})
    store.apply(chain({"v-params": version("params.toml", 1, "p", kind="config")}, late))
    assert answer(store, STALE) == []


def test_what_a_program_reads_and_writes_does_not_make_it_stale(store: Store) -> None:
    store.apply(
        graph(
            {
                "v1": version("log.db", 1, "a"),
                "v2": version("log.db", 3, "b"),
                "v3": version("out.csv", 3, "c"),
                "s1": {"at": 2},
            },
            ("s1", "USED", "v1"),
            ("v2", "GENERATED_BY", "s1"),
            ("v3", "GENERATED_BY", "s1"),
        )
    )
    assert answer(store, "file * | stale") == []


# diff


TWO_RUNS = graph(
    {
        **CHAIN,
        "v-clean2": version("clean.csv", 20, "c2"),
        "v-more": version("more.csv", 20, "x"),
        "v-model2": version("m.pkl", 23, "m2", kind="model"),
        "s-train2": {"at": 22, "name": "train.py", "command": "train", "param.depth": 8},
        "r-second": {
            "name": "r-second",
            "at": 22,
            "command": "train",
            "commit": "abc",
            "prop.origin.depth": "argv",
        },
        "e1": {"name": "one", "packages": ("numpy==2.1", "pandas==2.2"), "python": "3.12"},
        "e2": {"name": "two", "packages": ("numpy==2.2", "scipy==1.1"), "python": "3.12"},
    },
    *MADE,
    ("r-train", "IN_ENVIRONMENT", "e1"),
    ("r-second", "IN_ENVIRONMENT", "e2"),
    ("s-train2", "PART_OF", "r-second"),
    ("s-train2", "USED", "v-clean2"),
    ("s-train2", "USED", "v-more"),
    ("s-train2", "EXECUTED", "v-train.py"),
    ("v-model2", "GENERATED_BY", "s-train2"),
)


def test_runs_differ_in_inputs_packages_parameters_commands_and_commits(store: Store) -> None:
    store.apply(TWO_RUNS)
    assert answer(store, 'run "r-train" | diff (run "r-second")') == [
        ("inputs", "clean.csv", "blake3:c1", "blake3:c2", "changed", None),
        ("inputs", "more.csv", None, "blake3:x", "added", None),
        ("environment", "numpy", "2.1", "2.2", "changed", None),
        ("environment", "pandas", "2.2", None, "removed", None),
        ("environment", "scipy", None, "1.1", "added", None),
        ("parameters", "depth", "6", "8", "changed", "argv"),
        ("command", "train.py", "train --depth 6", "train", "changed", None),
        ("commit", "commit", None, "abc", "added", None),
    ]
    asked = 'run "r-train" | diff (run "r-second") on parameters, code'
    assert answer(store, asked) == [("parameters", "depth", "6", "8", "changed", "argv")]
    assert answer(store, 'run "r-train" | diff (run "r-train")') == []


def test_lineages_differ_in_what_came_from_outside(store: Store) -> None:
    store.apply(TWO_RUNS)
    assert answer(store, "model m@1 | diff (model m@2) on inputs") == [
        ("inputs", "clean.csv", None, "blake3:c2", "added", None),
        ("inputs", "more.csv", None, "blake3:x", "added", None),
        ("inputs", "raw.csv", "blake3:r1", None, "removed", None),
    ]
    assert answer(store, "model m@2 | diff (model m)") == []


# rerun plan


def test_runs_come_in_the_order_in_which_they_can_be_run(store: Store) -> None:
    store.apply(chain())
    question = "model m | rerun plan | select order, run, command, makes, inputs, missing"
    assert answer(store, question) == [
        (1, "r-clean", "clean", ("clean.csv",), ("raw.csv",), ()),
        (2, "r-train", "train", ("m.pkl",), ("train.py",), ()),
    ]
    stopped = "model m | rerun plan stop at (file clean.csv) | select run, inputs"
    assert answer(store, stopped) == [("r-train", ("clean.csv", "train.py"))]


def test_what_is_missing_is_said(store: Store) -> None:
    run: dict[str, Value] = {
        "name": "r-train",
        "at": 12,
        "ended": 1,
        "command": "train",
        "dirty": True,
        "signal": "SIGKILL",
        "gaps": ("io_uring",),
    }
    store.apply(
        chain(
            {
                "v-raw1": version("raw.csv", 1, "r1", state="deleted"),
                "v-train2": version("train.py", 60, "t2", kind="script"),
                "r-train": run,
            }
        )
    )
    assert answer(store, "model m | rerun plan | select missing") == [
        (("raw.csv is deleted",),),
        (
            (
                "it was ended by SIGKILL",
                "not all of it was seen: io_uring",
                "the work tree had changes that are in no commit",
                "train.py has been replaced",
            ),
        ),
    ]


def test_what_a_commit_holds_is_not_missing(store: Store) -> None:
    more: dict[str, dict[str, Value]] = {
        "v-train2": version("train.py", 60, "t2", kind="script"),
        "c1": {"sha": "ab"},
    }
    store.apply(chain(more, ("v-train.py", "IN_COMMIT", "c1")))
    assert answer(store, "model m | rerun plan | select missing") == [((),), ((),)]


def test_runs_that_need_each_other_share_an_order_and_a_step_without_a_run_is_said(
    store: Store,
) -> None:
    store.apply(
        graph(
            {
                "v1": version("a", 3, "a"),
                "s1": {"at": 1, "command": "one"},
                "s2": {"at": 2},
                "s3": {"at": 1},
                "r1": {"at": 1, "command": "one", "ended": 1},
                "r2": {"at": 2, "command": "two", "ended": 1},
            },
            ("v1", "GENERATED_BY", "s1"),
            ("s1", "PART_OF", "r1"),
            ("s2", "PART_OF", "r2"),
            ("s1", "INFORMED_BY", "s2"),
            ("s2", "INFORMED_BY", "s1"),
            ("s2", "INFORMED_BY", "s3"),
        )
    )
    unknown = ("its command is not known", "its end was not recorded", "its run is not known")
    assert answer(store, "file a | rerun plan | select order, run, missing") == [
        (1, "s3", unknown),
        (2, "r1", ()),
        (2, "r2", ()),
    ]
