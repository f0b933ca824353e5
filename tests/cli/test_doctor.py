"""Does `doctor` find what is wrong with a set-up, and does what it says mend it?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from provgraph.doctor import EXTRAS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def recorded(cli: Any, project: Path) -> Any:
    cli("run", "--", "sh", "-c", "echo x > out.txt")
    cli("sync")
    return cli


def found(cli: Any, subject: str, **variables: str) -> list[tuple[str, str]]:
    """The verdicts on a subject, and how to mend it."""
    done = cli("doctor", "--json", check=False, **variables)
    findings = json.loads(done.stdout)
    assert done.returncode == any(each["verdict"] == "bad" for each in findings)
    return [(each["verdict"], each["remedy"]) for each in findings if each["subject"] == subject]


def test_a_healthy_project_has_nothing_bad(recorded: Any) -> None:
    done = recorded("doctor")
    assert "BAD" not in done.stdout


def test_a_folder_that_others_can_read_is_closed_as_said(recorded: Any, project: Path) -> None:
    (project / ".provgraph").chmod(0o755)
    ((verdict, remedy),) = found(recorded, "state")
    assert verdict == "bad"
    subprocess.run(remedy.split(), check=True)
    assert found(recorded, "state") == [("good", "")]


def test_a_damaged_store_is_mended_by_the_command_it_names(recorded: Any, project: Path) -> None:
    for path in (project / ".provgraph").glob("graph.db*"):
        path.unlink() if path.suffix != ".db" else path.write_bytes(b"damaged" * 1000)
    ((verdict, remedy),) = found(recorded, "store")
    assert verdict == "bad"
    recorded(*remedy.removeprefix("provgraph ").split())
    assert found(recorded, "store") == [("good", "")]


def test_a_damaged_segment_is_named(recorded: Any, project: Path) -> None:
    (project / ".provgraph" / "journal" / "zz.segment").write_bytes(b"nonsense")
    assert "zz.segment" in recorded("doctor", check=False).stdout
    assert [verdict for verdict, _ in found(recorded, "journal")] == ["bad", "good"]


def test_settings_that_cannot_be_read_are_bad(recorded: Any, project: Path) -> None:
    with (project / "provgraph.toml").open("a") as out:
        out.write("\n[kinds\n")
    done = recorded("doctor", check=False)
    assert done.returncode == 1
    assert "provgraph.toml" in done.stdout


def test_a_project_whose_file_git_does_not_know_should_commit_it(
    recorded: Any, project: Path
) -> None:
    assert [verdict for verdict, _ in found(recorded, "project")] == ["good"]
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    (_, (verdict, remedy)) = found(recorded, "project")
    assert (verdict, remedy[:22]) == ("limited", "git add provgraph.toml")
    subprocess.run(["git", "add", "provgraph.toml"], cwd=project, check=True)
    assert [verdict for verdict, _ in found(recorded, "project")] == ["good"]


def test_without_a_compiler_and_a_library_capture_is_bad(recorded: Any, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "git").symlink_to(shutil.which("git") or "")
    nothing = {"PATH": str(tools), "XDG_CACHE_HOME": str(tmp_path / "empty")}
    (verdict, remedy), *_ = found(recorded, "capture", **nothing)
    assert verdict == "bad"
    assert "gcc" in remedy


def test_without_git_commits_are_not_recorded(recorded: Any, tmp_path: Path) -> None:
    assert found(recorded, "git", PATH=str(tmp_path)) == [
        ("limited", "install git to have commits recorded")
    ]


def test_a_missing_extra_is_named_with_what_installs_it(recorded: Any, project: Path) -> None:
    (project / "duckdb.py").write_text("")
    hidden = """if True:
        import importlib.util, sys
        seen = importlib.util.find_spec
        importlib.util.find_spec = lambda name: None if name == "duckdb" else seen(name)
        from provgraph.doctor import examine
        print([(f.verdict, f.remedy) for f in examine() if f.subject == "extras"])
    """
    done = subprocess.run(
        [sys.executable, "-c", hidden], cwd=project, capture_output=True, text=True, check=True
    )
    assert "limited" in done.stdout
    assert 'pip install "provgraph[subjects]"' in done.stdout


def test_the_extras_are_those_of_the_package() -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(EXTRAS) <= set(known["optional-dependencies"])


def test_a_disk_that_is_nearly_full_is_bad(recorded: Any, project: Path) -> None:
    full = """if True:
        import shutil
        from collections import namedtuple
        shutil.disk_usage = lambda path: namedtuple("Usage", "total used free")(1, 1, 2**20)
        from provgraph.doctor import examine
        print([f.verdict for f in examine() if f.subject == "space"])
    """
    done = subprocess.run(
        [sys.executable, "-c", full], cwd=project, capture_output=True, text=True, check=True
    )
    assert done.stdout == "['bad']\n"


def test_where_there_is_no_project_it_says_how_to_make_one(cli: Any) -> None:
    ((verdict, remedy),) = found(cli, "project")
    assert (verdict, remedy[:16]) == ("limited", "`provgraph init`")
    assert os.listdir(".")
