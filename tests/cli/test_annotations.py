"""People flag, tag and note what they find; programs say what they predict and which stage they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SERVE = """
import sys
import provgraph

with provgraph.component("serve", owner="ann", description="answers", tier="gold"):
    for name, score in (("c1", 0.1), ("c2", 0.9)):
        provgraph.log_prediction(name, inputs=["model.pkl"], score=score, label="leaves")
    provgraph.log_prediction("c1", inputs=["model.pkl", "s3://features/a1"], score=0.2)
"""


def rows(cli: Any, question: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(cli("ask", question, "--json").stdout)
    return found


def names(cli: Any, question: str) -> list[str]:
    return [row["name"] for row in rows(cli, question)]


@pytest.fixture
def served(cli: Any, project: Path) -> Any:
    (project / "serve.py").write_text(SERVE)
    cli("run", "--", "sh", "-c", "echo fitted > model.pkl")
    cli("run", "--", "sh", "-c", f"cat model.pkl; {sys.executable} serve.py")
    return cli


def test_a_prediction_is_made_by_its_program_from_its_inputs(served: Any) -> None:
    assert names(served, "prediction *") == ["prediction://c2", "prediction://c1"]
    assert names(served, "prediction *@all [prop.score < 0.5]") == ["prediction://c1"] * 2
    derived = names(served, "prediction c1 | lineage via derived")
    assert sorted(derived) == ["model.pkl", "s3://features/a1"]
    assert "serve.py" in names(served, "prediction c2 | lineage")
    assert "prediction://c2" in names(served, "file model.pkl | impact")


def test_flagged_predictions_are_sliced_against_those_that_are_not(served: Any) -> None:
    served("flag", "c1", "--reason", "wrong")
    assert names(served, "prediction [flagged]") == ["prediction://c1"]
    assert names(served, "prediction [not flagged]") == ["prediction://c2"]
    assert names(served, 'prediction [flag_reason ~ "wr*"]') == ["prediction://c1"]
    sliced = rows(served, "prediction [flagged] | slice against (prediction [not flagged])")
    assert "s3://features/a1" in [row["name"] for row in sliced[:3]]
    served("unflag", "--where", "prediction [flagged]")
    assert names(served, "prediction [flagged]") == []


def test_a_component_answers_for_its_runs(served: Any) -> None:
    (row,) = rows(served, "component serve | select name, owner, description, tag.tier")
    assert row == {"name": "serve", "owner": "ann", "description": "answers", "tag.tier": "gold"}
    assert "prediction://c2" in names(served, "component serve | impact")
    assert "model.pkl" in names(served, "component serve | lineage")
    run = json.loads(served("log", "-n", "2", "--json").stdout)[1]["id"]
    served("component", "train", run, "--owner", "bob", "--tag", "nightly")
    assert "model.pkl" in names(served, "component train [tag.nightly] | impact depth 1")
    done = served("component", "train", "model.pkl", check=False)
    assert (done.returncode, "instances are runs" in done.stderr) == (2, True)


def test_tags_and_notes_are_kept_and_shown(served: Any) -> None:
    served("tag", "stage=production", "model.pkl")
    served("note", "half the data", "model.pkl")
    assert names(served, "model [tag.stage = production]") == ["model.pkl"]
    assert names(served, 'model [notes ~ "*half*"]') == ["model.pkl"]
    shown = served("show", "model.pkl").stdout
    assert "note half the data" in shown
    served("tag", "stage", "model.pkl", "--remove")
    assert names(served, "model [tag.stage = production]") == []
    before = served("show", "model.pkl").stdout
    served("sync", "--rebuild")
    assert served("show", "model.pkl").stdout == before


def test_what_cannot_be_flagged_is_refused_and_nothing_is_written(served: Any) -> None:
    for words, status in (
        (("flag", "nowhere"), 3),
        (("flag",), 2),
        (("tag", "=x", "model.pkl"), 2),
        (("flag", "--where", "environment *"), 2),
        (("flag", "--where", "run | count"), 2),
        (("flag", "--where", "prediktion *"), 2),
    ):
        done = served(*words, check=False)
        assert (words, done.returncode) == (words, status)
        assert done.stderr
    assert rows(served, "run [flagged]") + rows(served, "version [flagged]") == []


def test_outside_a_run_a_program_says_nothing(project: Path, cli: Any) -> None:
    (project / "serve.py").write_text(SERVE)
    subprocess.run([sys.executable, "serve.py"], cwd=project, check=True)
    assert [path.name for path in project.iterdir()] == ["serve.py"]
