"""Questions as objects, asked of a project that was really recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import provgraph
from provgraph import Graph, Query
from provgraph.errors import BudgetExceeded, ProjectError, QuerySyntaxError, UsageError
from provgraph.query.plan import Budget, Plan
from provgraph.store import Rows


def names(query: Query) -> set[str]:
    return {row["name"] for row in query}


def test_a_project_is_opened_up_to_date(project: Path, tmp_path: Path) -> None:
    with provgraph.open(project / "raw") as graph:
        assert len(graph.run()) == 5
    with pytest.raises(ProjectError):
        provgraph.open(tmp_path)


def test_a_question_is_put_together_and_then_asked(graph: Graph) -> None:
    inputs = graph.model("churn").lineage().where(kind="dataset")
    assert names(inputs) == {"raw/a.csv", "raw/b.csv", "clean.csv"}
    assert len(graph.model("churn", version="all")) == 2
    assert names(graph.file("raw/*").impact().where(kind="model")) == {"churn.pkl"}
    near = graph.model("churn").lineage(stop_at=graph.file("clean.csv"))
    assert names(near.where(kind="dataset")) == {"clean.csv"}
    assert repr(near) == '<Query model "churn" | lineage stop at (file "clean.csv")>'


def test_the_graph_is_asked_when_rows_are_wanted_and_once(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Plan] = []
    answer = graph.answer

    def counted(plan: Plan, budget: Budget | None = None) -> Rows:
        asked.append(plan)
        return answer(plan, budget)

    monkeypatch.setattr(graph, "answer", counted)
    runs = graph.run()
    failed = runs.where("exit != 0")
    assert asked == []
    assert (len(failed), len(list(failed))) == (1, 1)
    assert len(asked) == 1


def test_sets_are_joined_with_operators(graph: Graph) -> None:
    a, b = graph.file("raw/a.csv").impact(), graph.file("raw/b.csv").impact()
    both = a & b
    assert names(both.where(kind="model")) == {"churn.pkl"}
    assert len(a - b) == 0
    assert {row["id"] for row in a + b} == {row["id"] for row in both}


def test_rows_have_what_was_selected_as_python_has_it(graph: Graph) -> None:
    (row,) = graph.file("churn.pkl").select("path", "size", "created", "by")
    created = row.pop("created")
    assert row == {"path": "churn.pkl", "size": 13, "by": "train.py"}
    assert isinstance(created, datetime)
    assert timedelta() < datetime.now(UTC) - created < timedelta(hours=1)
    (run,) = graph.run(where="exit = 3").select("duration", "exit")
    assert isinstance(run["duration"], timedelta)
    (whole,) = graph.file("churn.pkl")
    assert list(whole)[:5] == ["id", "type", "kind", "name", "time"]
    assert whole["size"] == 13


def test_the_same_question_as_text(graph: Graph) -> None:
    text = graph.ask("model churn | lineage | where kind = dataset")
    assert list(text) == list(graph.model("churn").lineage().where(kind="dataset"))
    assert names(text.limit(1)) < names(text)
    with pytest.raises(QuerySyntaxError):
        graph.ask("model churn |")


def test_a_data_frame_has_times_in_utc_and_whole_numbers(graph: Graph) -> None:
    frame = (
        graph.run()
        .sort("started")
        .select("started", "duration", "exit", "command", "param.depth")
        .to_pandas()
    )
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "started": "datetime64[ns, UTC]",
        "duration": "timedelta64[ns]",
        "exit": "int64",
        "command": "str",
        "param.depth": "Int64",
    }
    assert frame["started"].is_monotonic_increasing
    assert list(frame["param.depth"].dropna()) == [6, 6]
    kept = graph.run().sort("started").select("started").rows.values
    assert [stamp.value for stamp in frame["started"]] == [at for (at,) in kept]


def test_missing_times_are_missing_in_a_data_frame(graph: Graph) -> None:
    frame = graph.model("churn").lineage().select("ended", "kind").to_pandas()
    assert str(frame["ended"].dtype) == "datetime64[ns, UTC]"
    missing = frame["ended"].isna()
    assert missing.any() and not missing.all()
    empty = graph.run("nothing-like-it").select("started").to_pandas()
    assert list(empty.columns) == ["started"] and len(empty) == 0


def test_a_data_frame_of_nodes_has_all_that_is_known_of_them(graph: Graph) -> None:
    frame = graph.model("churn").lineage().to_pandas()
    assert {"id", "type", "kind", "name", "time", "depth", "size", "command"} <= set(frame.columns)
    assert set(frame["type"]) == {"version", "step"}


def test_a_networkx_graph_has_the_edges_between_the_answers_nodes(graph: Graph) -> None:
    import networkx  # type: ignore[import-untyped]

    whole = (graph.model("churn") + graph.model("churn").lineage()).select("path")
    found = whole.to_networkx()
    (model,) = [id for id, held in found.nodes(data=True) if held.get("name") == "churn.pkl"]
    assert {
        found.nodes[id]["name"]
        for id in networkx.descendants(found, model)
        if found.nodes[id]["label"] == "Version"
    } >= {
        "clean.csv",
        "raw/a.csv",
        "raw/b.csv",
    }
    types = {held["type"] for _, _, held in found.edges(data=True)}
    assert {"GENERATED_BY", "USED"} <= types
    (step,) = found.successors(model)
    assert found.nodes[step]["at"].tzinfo is UTC
    assert len(graph.file("churn.pkl").to_networkx().edges) == 0


def test_a_table_has_its_own_columns(graph: Graph) -> None:
    counted = graph.model("churn").lineage().count("kind").where("count > 1")
    kinds = {row["kind"]: row["count"] for row in counted}
    assert kinds == {"dataset": 3, "script": 2, "step": 2}
    assert list(counted.to_pandas().columns) == ["kind", "count"]
    with pytest.raises(UsageError, match="are no nodes"):
        counted.to_networkx()


def test_a_table_that_names_nodes_has_them(graph: Graph) -> None:
    paths = graph.file("raw/a.csv").paths(to=graph.model("churn", version="latest"))
    found = paths.select("path", "name").to_networkx()
    assert {held["name"] for _, held in found.nodes(data=True)} >= {"raw/a.csv", "churn.pkl"}
    assert len(found.edges) >= len(found.nodes) - 1


def test_what_rows_learned_is_a_column(graph: Graph) -> None:
    common = graph.file("churn.pkl", version="all").slice(against=graph.file("raw/*"))
    assert {"lift", "coverage", "support"} <= set(common.to_pandas().columns)


def test_show_prints_a_table(graph: Graph, capsys: pytest.CaptureFixture[str]) -> None:
    graph.file("raw/*").sort("path").select("path", "size").show()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["path", "size"],
        ["raw/a.csv", "9", "B"],
        ["raw/b.csv", "4", "B"],
        ["2", "rows"],
    ]
    graph.run().show(limit=2)
    assert "5 rows, the first 2 of them shown" in capsys.readouterr().out


def test_a_question_explains_itself(graph: Graph) -> None:
    question = graph.model("churn").lineage(depth=2)
    assert "Walk toward origin" in question.explain()
    assert 'model "churn" | lineage depth 2' in question.explain()
    (statement,) = question.cypher()
    assert statement.text.startswith("MATCH")
    assert "churn" not in statement.text
    assert "churn" in statement.parameters.values()
    assert len(graph.model("churn").slice(against=graph.file("raw/*")).cypher()) > 1


def test_a_budget_ends_a_question(graph: Graph) -> None:
    assert len(graph.run().within(nodes=5, seconds=60)) == 5
    with pytest.raises(BudgetExceeded):
        len(graph.run().within(nodes=2))


def test_a_path_object_is_a_file_on_this_machine(graph: Graph, project: Path) -> None:
    assert names(graph.file(project / "raw" / "a.csv")) == {"raw/a.csv"}
    assert names(graph.file(Path("raw", "a.csv"))) == {"raw/a.csv"}


def test_completion_knows_the_names_in_the_graph_the_newest_first(graph: Graph) -> None:
    known = graph.vocabulary()
    assert list(known.names("model", "")) == ["churn.pkl"]
    assert set(known.names("file", "RAW")) == {"raw/a.csv", "raw/b.csv"}
    assert list(known.names("file", ""))[-1] in {"raw/a.csv", "raw/b.csv", "clean.py", "train.py"}
    assert list(known.names("nonsense", "")) == []
    assert "model" in known.scope.kinds
