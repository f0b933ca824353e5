"""The questions that the language is for, one of each kind, asked of the demo. What is true is known from its
scripts: `src/regions.py` parts the customers, `src/churn.py` makes a region's model of its part."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator

import pytest
from manual.pages import Desk

from provgraph import demo
from provgraph.graph import Graph

pytestmark = pytest.mark.timeout(900)  # the demo is made and run in the first of them

SCORE = """\
import provgraph
for region in ("north", "south"):
    for number in range(3):
        model = f"models/churn-{region}.pkl"
        provgraph.log_prediction(f"{region}-{number}", inputs=[model], day="2026-11-20")
"""
TYPED = (
    "provgraph subject add data/raw/customers.csv --column user_id --prefix client:",
    "provgraph subject add 'data/customers/*.csv' --column user_id --prefix client:",
    "provgraph run -- python src/score.py",
    "provgraph flag --where 'prediction \"south-*\"' --reason 'nobody scores so low'",
    f"provgraph run -- {shlex.join(demo.PIPELINE)}",
)
NORTH = {"churn.py", "src/churn.py", "data/customers/north.csv", "regions.py", "src/regions.py"}
RAW = "data/raw/customers.csv"


@pytest.fixture(scope="module")
def graph(demonstrated: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """A copy of the demo, with scores, flags on half of them, a run that fails, and the pipeline run again."""
    home = tmp_path_factory.mktemp("asked") / "home"
    shutil.copytree(demonstrated.home, home, symlinks=True)
    desk = Desk(home, home / demonstrated.folder.name)
    desk.environment["PYTHON"] = sys.executable  # as `provgraph demo` does it
    (desk.folder / "src/score.py").write_text(SCORE)
    for words in TYPED:
        status, seen = desk.type(words)
        assert status == 0, (words, seen)
    status, seen = desk.type("provgraph run -- sh -c 'sleep 0.05; exit 3'")
    assert status == 3, seen
    (key,) = home.rglob("*.key")
    with pytest.MonkeyPatch.context() as here, Graph.open(desk.folder) as graph:
        here.setenv("PROVGRAPH_SUBJECT_KEY", str(key))
        graph.sync()
        component(desk, graph)
        yield graph


def component(desk: Desk, graph: Graph) -> None:
    runs = " ".join(
        str(row["id"]) for row in graph.ask('run [exit = 0 and command ~ "*pipeline.sh"]')
    )
    status, seen = desk.type(f"provgraph component train {runs}")
    assert status == 0, seen
    graph.sync()


def names(graph: Graph, question: str) -> set[str]:
    return {str(node.properties.get("name")) for node in graph.ask(question).nodes()}


def runs(graph: Graph) -> list[str]:
    """Of the pipeline, the older first."""
    asked = graph.ask('run [command ~ "*pipeline.sh"] | sort by started')
    first, second = (node.id for node in asked.nodes())
    return [first, second]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ('file "models/churn-north.pkl" | lineage', NORTH | {RAW}),
        (
            'model "churn-north"@latest | lineage | where kind = dataset',
            {RAW, "data/customers/north.csv"},
        ),
        (
            'subject "client:4711" | impact | where kind = model',
            {"models/churn-north.pkl", "models/churn-south.pkl"},
        ),
        (
            '(model "churn-north" | lineage) & (subject "client:4711" | impact)',
            NORTH - {"src/churn.py", "src/regions.py"},
        ),
        (
            f'file "{RAW}" | segment to (model "churn-north") similar on command',
            NORTH - {"src/churn.py", "src/regions.py"} | {RAW, "models/churn-north.pkl"},
        ),
    ],
)
def test_what_comes_from_what(graph: Graph, question: str, expected: set[str]) -> None:
    assert names(graph, question) == expected


def test_where_a_lineage_stops_nothing_lies_behind(graph: Graph) -> None:
    rows = list(
        graph.ask(
            'file "data/features/train.csv"@2 | lineage stop at (file "data/train.csv"@all)'
            " | select path, version, by"
        )
    )
    assert {row["path"] for row in rows if row["by"]} == {"data/train.csv"}
    assert {row["by"] for row in rows if row["by"]} == {"src/split.py"}
    assert "data/raw/labels.csv" not in {row["path"] for row in rows}


def test_what_would_be_deleted_of_a_subject(graph: Graph) -> None:
    asked = graph.ask('subject "client:4711" | deletion plan except (file "report/*")')
    actions = {row["name"]: row["action"] for row in asked}
    assert actions["report/churn.md"] == "keep"
    assert actions["models/churn-north.pkl"] == actions["data/customers/north.csv"] == "erase"
    assert "models/best.pkl" not in actions


def test_what_flagged_predictions_share(graph: Graph) -> None:
    asked = graph.ask(
        'prediction [flagged and prop.day = "2026-11-20"]'
        " | slice against (prediction [not flagged]) by lift | where lift = 2"
    )
    assert {row["name"] for row in asked} == {
        "churn.py",
        "data/customers/south.csv",
        "models/churn-south.pkl",
    }


def test_which_runs_failed_after_a_while(graph: Graph) -> None:
    (row,) = graph.ask("run [exit != 0 and duration > 10ms] | sort by started desc | limit 20")
    (run,) = graph.ask("run [exit = 3]")
    assert row["id"] == run["id"]
    assert list(graph.ask("run [exit != 0 and duration > 10m]")) == []


def test_a_history_ends_where_it_is_asked_to(graph: Graph) -> None:
    asked = 'file "data/features/train.csv" | history as of '
    assert len(list(graph.ask(f"{asked}2100-01-01"))) == 2
    assert list(graph.ask(f"{asked}2026-06-01")) == []


def test_what_differs_between_runs(graph: Graph) -> None:
    first, second = runs(graph)
    asked = f'run "{first}" | diff (run "{second}") on inputs, code, environment, parameters'
    assert list(graph.ask(asked)) == []
    (other,) = graph.ask('run [command ~ "*customers.sh"]')
    asked = f'run "{first}" | diff (run "{other["id"]}") on inputs'
    assert {row["name"]: row["change"] for row in graph.ask(asked)} == {
        RAW: "added",
        "data/raw/labels.csv": "removed",
        "data/raw/measurements.csv": "removed",
        "data/raw/wine.csv": "removed",
        "params.toml": "removed",
        "templates/report.md": "removed",
    }


def test_the_shortest_path(graph: Graph) -> None:
    asked = graph.ask(f'file "{RAW}" | paths to (model "churn-north") shortest')
    assert [(row["name"], row["edge"]) for row in asked] == [
        (RAW, ("used",)),
        ("regions.py", ("generated",)),
        ("data/customers/north.csv", ("used",)),
        ("churn.py", ("generated",)),
        ("models/churn-north.pkl", None),
    ]


def test_nothing_is_stale_for_long(graph: Graph) -> None:
    assert list(graph.ask("model * | stale older than 30d")) == []


def test_what_a_component_is_made_of(graph: Graph) -> None:
    asked = graph.ask('component "train" | summarize by kind, component hops 1')
    counts = {(row["kind"], row["component"]): 0 for row in asked}
    for row in asked:
        counts[row["kind"], row["component"]] += row["count"]
    assert counts["run", "train"] == 2
    assert counts["model", "train"] == 6  # three, made twice


def test_an_explanation_goes_down_to_cypher(graph: Graph) -> None:
    text = str(graph.ask('file "models/best.pkl" | lineage depth 6 via used, generated').explain())
    assert "-[:GENERATED_BY|USED*1..6]->" in text and "models/best.pkl" in text
