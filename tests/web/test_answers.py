"""What the explorer's HTTP interface answers on the demo."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from web.conftest import Explorer

from provgraph.graph import Graph
from provgraph.model.content_store import ContentStore


class Asked:
    def __init__(self, explorer: Explorer) -> None:
        self.client = httpx.Client(base_url=explorer.url, timeout=30)
        session = self.client.get("api/session").json()
        self.client.headers["x-csrf-token"] = session["csrf"]

    def get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(f"api/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, **body: Any) -> Any:
        answer = self.client.post(f"api/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def ask(explorer: Explorer) -> Asked:
    return Asked(explorer)


def id_of(graph: Graph, query: str) -> str:
    found = graph.ask(query).rows.values
    assert found, query
    return str(found[-1][0])


def names(cards: list[dict[str, Any]]) -> list[str]:
    return [card["name"] for card in cards]


def test_a_name_is_found_before_what_only_holds_it(ask: Asked) -> None:
    hits = ask.get("search", q="best")["hits"]
    assert hits[0]["card"]["name"] == "models/best.pkl"
    assert ask.get("search", q="BEST")["hits"][0]["card"]["name"] == "models/best.pkl"
    assert ask.get("search", q="no such thing")["hits"] == []


def test_a_commit_is_found_by_its_message(ask: Asked) -> None:
    hits = ask.get("search", q="larger forest")["hits"]
    assert [hit["card"]["label"] for hit in hits] == ["Commit"]


def test_the_first_picture_is_one_step_each_way(ask: Asked, graph: Graph) -> None:
    model = id_of(graph, 'file "models/forest.pkl"')
    focus = ask.get(f"nodes/{model}/focus")
    others = [card for card in focus["nodes"] if card["id"] != model]
    assert focus["focus"] == model
    assert {card["label"] for card in others} == {"Step"}
    assert all(model in (link["source"], link["target"]) for link in focus["links"])


def test_steps_lead_to_the_whole_lineage(ask: Asked, graph: Graph) -> None:
    """Opening causes until there are none draws what the language calls the lineage."""
    model = id_of(graph, 'file "models/best.pkl"')
    drawn = {card["id"]: card for card in ask.get(f"nodes/{model}/focus")["nodes"]}
    links, opened = set(), set()
    drawn = {model: drawn[model]}
    while waiting := [id for id in drawn if id not in opened]:
        opened.add(waiting[0])
        found = ask.post("expand", of=waiting[0], toward="origin", drawn=list(drawn))
        assert found["folds"] == []
        drawn |= {card["id"]: card for card in found["nodes"]}
        links |= {(link["source"], link["type"], link["target"]) for link in found["links"]}
    lineage = {row[0] for row in graph.ask('file "models/best.pkl" | lineage').rows.values}
    assert drawn.keys() - {model} == lineage
    edges = {(e.source, e.type, e.target) for e in graph.store.edges(sorted(drawn))}
    assert links == {edge for edge in edges if edge[2] in drawn and edge[0] in drawn} - {
        edge for edge in edges if edge[1] in ("STARTED_BY", "REVISION_OF")
    }


def test_a_page_tells_all_about_a_model(ask: Asked, graph: Graph) -> None:
    page = ask.get("nodes/" + id_of(graph, 'file "models/forest.pkl"'))
    assert page["version_count"] == 2 and page["number"] == 2
    assert page["run"]["title"] == "sh pipeline.sh"
    assert any(package.startswith("scikit-learn==") for package in page["environment"]["packages"])
    made_by = next(one for one in page["sections"] if one["key"] == "out-generated-by")
    assert [card["title"] for card in made_by["cards"]] == ["train.py"]


def test_a_runs_page_has_its_inputs_and_outputs(ask: Asked, graph: Graph) -> None:
    page = ask.get(f"nodes/{id_of(graph, 'run')}")
    sections = {one["key"]: set(names(one["cards"])) for one in page["sections"]}
    assert "data/raw/labels.csv" in sections["inputs"]
    assert "models/best.pkl" in sections["outputs"]
    assert "src/train.py" in sections["code"]
    assert not sections["inputs"] & sections["outputs"]


def test_what_was_looked_at_of_a_node_is_told(ask: Asked, graph: Graph) -> None:
    def found(query: str) -> dict[str, tuple[str, str]]:
        checks = ask.get(f"nodes/{id_of(graph, query)}/checks")["checks"]
        return {one["name"]: (one["finding"], one["words"]) for one in checks}

    model = found('file "models/best.pkl"')
    assert model == {
        "Content": ("good", "on disk as it was recorded"),
        "Freshness": ("good", "it would come out the same today"),
        "Run": ("good", "ended with 0"),
        "Record": ("good", "complete"),
        "Work tree": ("warn", "changes that were not committed"),
    }
    old = found('file "models/forest.pkl"@1')
    assert "Freshness" not in old
    assert old["Content"] == ("unknown", "the file on disk has other content now")
    table = found('file "data/raw/labels.csv"')
    assert table == {"Content": model["Content"], "Origin": ("unknown", "never seen made")}
    assert found('file "src/train.py"')["Origin"] == ("good", "it came with a commit")
    assert found("run").keys() == {"Run", "Record", "Work tree"}


def test_scripts_are_highlighted_and_tables_are_tables(ask: Asked, graph: Graph) -> None:
    script = ask.get("nodes/" + id_of(graph, 'file "src/train.py"') + "/preview")
    assert script["form"] == "code" and script["language"] == "Python"
    text = "\n".join("".join(piece for _, piece in line) for line in script["lines"])
    assert text.strip() == (graph.project.root / "src/train.py").read_text().strip()
    assert any(kind.startswith("k") for line in script["lines"] for kind, _ in line)
    table = ask.get("nodes/" + id_of(graph, 'file "data/raw/labels.csv"') + "/preview")
    assert table["form"] == "table" and table["columns"] == ["patient", "diagnosis"]


def test_an_old_version_is_shown_as_kept_or_from_git_and_never_from_another_content(
    ask: Asked, graph: Graph
) -> None:
    first, old = (graph.ask(f'file "params.toml"@{n}').nodes()[0] for n in (1, 3))
    assert ask.get(f"nodes/{first.id}/preview")["source"] == "in git"
    kept = ask.get(f"nodes/{old.id}/preview")
    assert kept["form"] == "code" and kept["source"] == "kept"
    ContentStore.of(graph.project).erase([str(old.properties["digest"])])
    assert ask.get(f"nodes/{old.id}/preview") == {**kept, "source": "in git"}
    replaced = graph.ask('file "models/forest.pkl"@1').rows.values[0][0]
    gone = ask.get(f"nodes/{replaced}/preview")
    assert gone == {"form": "none", "reason": "the file on disk has other content now"}


def test_two_versions_are_compared_with_what_made_them(ask: Asked, graph: Graph) -> None:
    one, two = (graph.ask(f'file "models/forest.pkl"@{n}').rows.values[0][0] for n in (1, 2))
    found = ask.get("difference", left=one, right=two)
    code = next(one for one in found["sections"] if one["key"] == "code")
    assert [change["name"] for change in code["changes"]] == ["params.toml"]
    text = next(one for one in found["texts"] if one["name"] == "params.toml")
    changed = [(row["left"], row["right"]) for row in text["rows"] if row["kind"] == "changed"]
    assert changed == [("n_estimators = 60", "n_estimators = 30")]


def test_two_runs_are_compared(ask: Asked, graph: Graph) -> None:
    left, right = (row[0] for row in graph.ask("run").rows.values)
    found = ask.get("difference", left=left, right=right)
    sections = {one["key"]: one for one in found["sections"]}
    assert sections["packages"]["changes"] == [] and sections["packages"]["same"] > 10
    outputs = {change["name"] for change in sections["outputs"]["changes"]}
    assert "models/forest.pkl" in outputs and "models/logistic.pkl" not in outputs


def test_the_timeline_goes_back_to_the_first_commit(ask: Asked) -> None:
    entries: list[dict[str, Any]] = []
    before: str | None = None
    while True:
        found = ask.get("timeline", limit=2, **({"before": before} if before else {}))
        entries += found["entries"]
        before = found["before"]
        if before is None:
            break
    labels = [entry["card"]["label"] for entry in entries]
    assert labels == ["Run", "Run", "Commit", "Commit", "Commit", "Commit"]
    assert entries[0]["outputs"] > 5
    days = ask.get("activity")["days"]
    assert sum(day["commits"] for day in days) == 4 and sum(day["runs"] for day in days) == 2


def test_a_question_is_answered_in_rows_that_lead_to_nodes(ask: Asked) -> None:
    text = 'file "models/best.pkl" | lineage | where kind = dataset | select path, size'
    found = ask.post("query", text=text)
    assert [column["name"] for column in found["columns"]] == ["path", "size"]
    assert [r[0] for r in found["rows"] if r[0].endswith("labels.csv")] == ["data/raw/labels.csv"]
    assert all(len(row) == 2 for row in found["rows"])
    assert all(id.startswith("v") for id in found["ids"])
    few = ask.post("query", text=text, limit=1)
    assert (len(few["rows"]), few["more"]) == (1, True)
    plan = ask.post("query", text='file "data/raw/labels.csv" | deletion plan')
    assert len(plan["ids"]) > 5 and all(id.startswith("v") for id in plan["ids"])
    counted = ask.post("query", text="run | count by exit")
    assert (counted["rows"], counted["ids"]) == ([[0, 2]], [None])
    assert "MATCH" in ask.post("query", text=f"explain {text}")["explained"]
    assert found["remarks"] == []
    nothing = ask.post("query", text='file "models/*.pkle"')
    assert nothing["rows"] == []
    assert nothing["remarks"][0].startswith("no file is like `models/*.pkle`; near it: `models/")


def test_a_mistake_points_into_the_question(explorer: Explorer, ask: Asked) -> None:
    answer = ask.client.post("api/query", json={"text": "model best | linage"})
    error = answer.json()["error"]
    assert answer.status_code == 422
    assert (error["start"], error["end"], error["hint"]) == (13, 19, "`lineage` might be meant")


def test_completion_knows_the_language_and_the_files(ask: Asked) -> None:
    def options(text: str) -> list[str]:
        found = ask.post("complete", text=text, cursor=len(text))
        return [option["text"] for option in found["options"]]

    assert options("model best | lin") == ["lineage"]
    assert '"models/best.pkl"' in options('model "be')
    assert "models/best.pkl" in options("model ")
    assert "dataset" in options("file * [kind = ")
    assert options("model best | lineage | where dep")[0] == "depth"
