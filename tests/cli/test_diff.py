"""`provgraph diff`: two runs, or two versions of a file, side by side."""

import json
from pathlib import Path
from typing import Any

import pytest

SCRIPT = "import sys\nopen('model.pkl', 'w').write(open('conf.yaml').read() + sys.argv[2])\n"


@pytest.fixture
def trained(cli: Any, project: Path) -> list[str]:
    """Three runs of a training, oldest first."""
    cli("init")
    (project / "train.py").write_text(SCRIPT)
    for depth, rate in ((3, "0.1"), (3, "0.2"), (5, "0.2")):
        (project / "conf.yaml").write_text(f"model:\n  depth: {depth}\n")
        cli("run", "--", "python3", "train.py", "--lr", rate)
    return [str(run["id"]) for run in reversed(json.loads(cli("log", "--json").stdout))]


def _changed(cli: Any, *words: str) -> set[tuple[str, str, str, str]]:
    rows = json.loads(cli("diff", *words, "--json").stdout)
    return {(row["aspect"], row["name"], row["before"], row["after"]) for row in rows}


def test_what_changed_between_two_runs_is_listed(cli: Any, trained: list[str]) -> None:
    first, second, third = trained
    changed = _changed(cli, first, second, "--on", "parameters", "--on", "inputs")
    assert changed == {("parameters", "lr", "0.1", "0.2")}
    assert _changed(cli, second, third, "--on", "parameters") == {
        ("parameters", "model.depth", "3", "5")
    }
    shown = cli("diff", second, third).stdout
    assert "conf.yaml" in shown
    assert not any(len(word) > 20 and ":" in word for word in shown.split()), "digests are brief"


def test_a_file_alone_is_compared_with_its_version_before(cli: Any, trained: list[str]) -> None:
    assert _changed(cli, "model.pkl", "--on", "parameters") == {
        ("parameters", "model.depth", "3", "5")
    }
    assert _changed(cli, "model.pkl@1", "model.pkl@3", "--on", "parameters") == {
        ("parameters", "lr", "0.1", "0.2"),
        ("parameters", "model.depth", "3", "5"),
    }


def test_what_cannot_be_compared_is_said(cli: Any, trained: list[str]) -> None:
    for words, said in (
        ((trained[0],), "is compared with what?"),
        (("train.py",), "`train.py` has no version before this one"),
        (("model.pkl", "model.pkl@7"), "`model.pkl` has no version 7"),
        (("model.pkl", "nowhere.csv"), "nothing recorded answers to `nowhere.csv`"),
    ):
        done = cli("diff", *words, check=False)
        assert done.returncode == 3
        assert said in done.stderr
