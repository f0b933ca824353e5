"""Does the graph of a captured run say what is true of the demo's pipeline?"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from manual.pages import ROOT, Desk

from provgraph import demo
from provgraph.demo import truth
from provgraph.graph import Graph
from provgraph.model.elements import Node

pytestmark = pytest.mark.timeout(900)  # the demo is made and run in the first of them


def provgraph(project: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "provgraph", *words],
        cwd=project,
        env=demo.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def project(demonstrated: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo, after its pipeline has run once more."""
    home = tmp_path_factory.mktemp("captured") / "home"
    shutil.copytree(demonstrated.home, home, symlinks=True)
    desk = Desk(home, home / demonstrated.folder.name)
    desk.environment["PYTHON"] = sys.executable  # as `provgraph demo` does it
    status, seen = desk.type(f"provgraph run -- {shlex.join(demo.PIPELINE)}")
    assert status == 0, seen
    return desk.folder


@pytest.fixture(scope="module")
def graph(project: Path) -> Iterator[Graph]:
    with Graph.open(project) as graph:
        graph.sync()
        yield graph


def rows(graph: Graph, query: str) -> list[Node]:
    return graph.ask(query).nodes()


def files(nodes: list[Node]) -> set[str]:
    names = {str(node.properties["name"]) for node in nodes if node.label == "Version"}
    return names - {truth.STARTER}


def commands(nodes: list[Node]) -> set[str]:
    """The commands of steps, without the interpreter before a Python script."""
    found = set()
    for node in nodes:
        words = shlex.split(str(node.properties.get("command", "")))
        if words and os.path.basename(words[0]).startswith("python"):
            del words[0]
        if node.label == "Step" and truth.STARTER not in words:
            found.add(" ".join(words))
    return found


@pytest.mark.parametrize("expected", truth.LINEAGES, ids=lambda lineage: lineage.of)
def test_lineage_is_the_truth(expected: truth.Lineage, graph: Graph) -> None:
    nodes = rows(graph, f'file "{expected.of}" | lineage')
    assert files(nodes) == expected.data | expected.scripts
    assert commands(nodes) == expected.commands
    assert not files(nodes) & expected.absent


@pytest.mark.parametrize("expected", truth.LINEAGES, ids=lambda lineage: lineage.of)
def test_lineage_stays_within_one_run(expected: truth.Lineage, graph: Graph) -> None:
    nodes = rows(graph, f'file "{expected.of}" | lineage')
    assert len({node.properties["run"] for node in nodes if node.label == "Step"}) == 1


@pytest.mark.parametrize("expected", truth.IMPACTS, ids=lambda impact: impact.of)
def test_impact_is_the_truth(expected: truth.Impact, graph: Graph) -> None:
    assert files(rows(graph, f'file "{expected.of}" | impact')) == expected.files


@pytest.mark.parametrize("used", sorted(truth.USERS))
def test_users_are_the_truth(used: str, graph: Graph) -> None:
    users = rows(graph, f'file "{used}" | impact depth 1')
    assert commands(users) == truth.USERS[used]


def test_both_runs_used_the_script(graph: Graph) -> None:
    runs = rows(graph, 'script "src/features.py" | impact depth 1 | runs')
    assert len(runs) == 2
    assert {run.properties["command"] for run in runs} == {shlex.join(demo.PIPELINE)}
    assert [run.properties["exit"] for run in runs] == [0, 0]


def test_the_runs_are_complete(graph: Graph) -> None:
    runs = rows(graph, "run *")
    assert [(run.properties["verdict"], run.properties.get("gaps")) for run in runs] == [
        ("complete", None)
    ] * 3


def test_the_pipeline_would_be_run_again_and_nothing_is_missing(graph: Graph) -> None:
    (row,) = graph.ask('file "models/best.pkl" | rerun plan')
    assert row["command"] == shlex.join(demo.PIPELINE)
    assert {"models/best.pkl", "data/train.csv"} <= set(row["makes"])
    assert {"data/raw/labels.csv", "params.toml", "src/train.py"} <= set(row["inputs"])
    assert not set(row["makes"]) & set(row["inputs"])
    assert row["missing"] == ()


def test_no_model_is_stale_and_two_equal_runs_do_not_differ(graph: Graph) -> None:
    assert list(graph.ask("model * | stale")) == []
    assert list(graph.ask('file "models/best.pkl"@1 | diff (file "models/best.pkl"@2)')) == []


def test_the_model_has_a_version_a_run(graph: Graph) -> None:
    versions = rows(graph, 'file "models/best.pkl" | history')
    assert [version.properties["state"] for version in versions] == ["superseded", "present"]
    assert len({version.properties["digest"] for version in versions}) == 1


def test_the_captured_scripts_are_the_committed_ones(graph: Graph, project: Path) -> None:
    """One version, known by its digest and by git's blob id."""
    (script,) = rows(graph, 'file "src/features.py"@latest')
    assert {"digest", "blob"} <= script.properties.keys()
    (commit,) = graph.store.edges([script.id], ("IN_COMMIT",))
    sha = graph.store.nodes([commit.target])[0].properties["sha"]
    changed = ["git", "log", "-1", "--format=%H", "--", "src/features.py"]
    done = subprocess.run(changed, cwd=project, capture_output=True, text=True, check=True)
    assert sha == done.stdout.strip()


def test_the_runs_stand_at_the_head_commit(graph: Graph, project: Path) -> None:
    head = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(head, cwd=project, capture_output=True, text=True, check=True)
    for run in rows(graph, "run *"):
        assert run.properties["commit"] == done.stdout.strip()


def test_why_draws_the_script_the_commit_and_the_run(project: Path) -> None:
    text = provgraph(project, "why", "models/best.pkl")
    for expected in ("src/choose.py", "src/train.py forest", "data/raw/labels.csv", "commit "):
        assert expected in text
    assert "wine" not in text


def test_why_finds_a_file_by_its_content(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "downloaded.bin"
    copy.write_bytes((project / "models/best.pkl").read_bytes())
    assert "src/choose.py" in provgraph(project, "why", str(copy))


def test_why_as_json_holds_the_same_closure(project: Path, graph: Graph) -> None:
    document = json.loads(provgraph(project, "why", "models/best.pkl", "--json"))
    expected = rows(graph, 'file "models/best.pkl" | lineage')
    assert {node["id"] for node in document["nodes"]} == {node.id for node in expected} | {
        document["target"]
    }


def test_the_readmes_questions_have_answers(project: Path) -> None:
    (block,) = re.findall(r"```provgraph\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    questions = block.splitlines()
    assert len(questions) == 6
    for question in questions:
        answer = provgraph(project, "ask", question)
        assert len(answer.splitlines()) > 2 and "\n0 rows" not in answer, question


def test_the_model_answers_to_its_name(graph: Graph) -> None:
    assert files(rows(graph, 'model "best"')) == {"models/best.pkl"}
