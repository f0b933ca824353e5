"""Projects that make it hard to forget somebody: what is planned, and that it comes out right."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from blake3 import blake3
from subjects.conftest import Cli
from subjects.test_forget import added, approving, bytes_of, planned, signed

from provgraph.erasure.ending import ended
from provgraph.erasure.execution import Execution
from provgraph.erasure.requests import folder
from provgraph.graph import Graph

pytestmark = pytest.mark.skipif(shutil.which("unshare") is None, reason="no `unshare` here")

USERS = "user_id,friend,amount\nu1,u2,1\nu2,u1,2\nu3,u1,3\nu4,u3,4\n"
WHOLE = """
import os
here = os.path.dirname(os.path.abspath(__file__))
rows = open(here + "/raw/users.csv").read().splitlines()
open(here + "/out/whole.txt", "w").write(str(len(rows) - 1))
"""


def lines(document: dict[str, object]) -> dict[str, dict[str, str]]:
    plan = document["plan"]
    assert isinstance(plan, dict)
    return {line["name"]: line for line in plan["lines"] if line["do"] != "duty"}


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=Mira", "-c", "user.email=mira@example.org"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def awkward(project: Path, cli: Cli) -> Path:
    """A table with two columns of people, a log that is appended to, a command that does nothing where
    its output is there, one that names the project by its whole path, a copy that nobody saw made, and a
    table that is in git."""
    (project / "raw/users.csv").write_text(USERS)
    (project / "raw/log.csv").write_text("user_id,what\nu1,came\n")
    (project / "raw/new.csv").write_text("user_id,what\nu3,came\nu4,came\n")
    (project / "whole.py").write_text(WHOLE)
    git(project, "init", "--quiet")
    git(project, "add", "raw/users.csv")
    git(project, "commit", "--quiet", "--message", "Add the users")
    once = "test -e out/once.txt || cut -d, -f1 raw/users.csv > out/once.txt"
    for _ in range(2):
        cli("run", "--", "sh", "-c", once)
        cli("run", "--", "python3", str(project / "whole.py"))
    cli("run", "--", "sh", "-c", "tail -n +2 raw/new.csv >> raw/log.csv")
    cli("ingest", "git")
    shutil.copy(project / "raw/users.csv", project / "out/copy of users.csv")
    rules = (("raw/users.csv", "friend"), ("raw/*.csv", "user_id"))
    for dataset, column in rules:
        cli("subject", "add", dataset, "--column", column, "--prefix", "client:")
    approving(project, cli)
    return project


def test_what_cannot_simply_be_made_again_is_forgotten_too(awkward: Path, cli: Cli) -> None:
    before = awkward / "raw/users.csv"
    digest = blake3(before.read_bytes()).hexdigest().encode()
    assert digest in bytes_of(awkward / ".provgraph/journal")
    document = planned(cli, "client:u3", "--text", "once")
    found = lines(document)
    assert {name: line["do"] for name, line in found.items()} == {
        "raw/users.csv": "redact",
        "raw/new.csv": "redact",
        "raw/log.csv": "redact",
        "out/copy of users.csv": "redact",
        "out/once.txt": "rebuild",
        "out/whole.txt": "rebuild",
    }
    assert "nobody saw made" in found["out/copy of users.csv"]["why"]
    assert "raw/log.csv, which was there before" in found["raw/log.csv"]["basis"]
    reruns = document["plan"]["reruns"]  # type: ignore[index]
    assert len(reruns) == 2, "a file that two runs made is made again once"
    cli("forget", "approve", "e1")
    done = cli("forget", "execute", "e1", "--consent")
    assert "complete" in done.stdout

    assert before.read_text() == "user_id,friend,amount\nu1,u2,1\nu2,u1,2\n"
    assert (awkward / "out/copy of users.csv").read_bytes() == before.read_bytes()
    assert (awkward / "raw/log.csv").read_text() == "user_id,what\nu1,came\nu4,came\n"
    assert (awkward / "out/once.txt").read_text() == "user_id\nu1\nu2\n"
    assert (awkward / "out/whole.txt").read_text() == "2"
    assert digest not in bytes_of(awkward / ".provgraph"), "git's copy keeps no digest alive"
    assert b"once" not in bytes_of(awkward / ".provgraph"), "not in the receipt either"
    receipt = json.loads((awkward / ".provgraph/erasure/e1/receipt.json").read_text())
    assert {item["name"]: item["done"] for item in receipt["duties"]}["raw/users.csv"] == (
        "git has it, in 1 commit: rewrite the history, and that of every clone"
    )


def test_what_is_made_from_something_that_stays_is_left_to_people(captured: Path, cli: Cli) -> None:
    added(cli)
    with open(captured / "provgraph.toml", "a") as file:
        file.write(
            '\n[[keep]]\nfiles = "raw/*"\nbasis = "retention"\nreason = "tax"\nowner = "finance"\n'
        )
    document = planned(cli, "client:u3")
    found = lines(document)
    assert {name: line["do"] for name, line in found.items()} == {
        "raw/users.csv": "keep",
        "work/b.csv": "redact",
        "models/b.json": "by hand",
        "models/both.json": "by hand",
        "out/count.txt": "by hand",
    }
    assert "raw/users.csv, which stays" in found["models/b.json"]["basis"]
    assert document["plan"]["reruns"] == []  # type: ignore[index]


def test_what_nobody_agrees_to_run_is_not_run_and_not_said_to_have_been(
    captured: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed(captured, cli)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    before = (captured / "models/b.json").read_bytes()
    with Graph.open(captured) as graph:
        own = folder(graph.project, "e1")
        running = Execution(graph, own, lambda what: None)
        receipt = ended(graph, own, running.plan(), running.carry_out(lambda rerun: False))
    assert (receipt.commands, receipt.is_complete) == ([], False)
    left = {item.name: item.done for item in receipt.by_hand}
    assert left["models/b.json"] == "its command was not to be run"
    assert (captured / "models/b.json").read_bytes() == before
    assert "u3" not in (captured / "raw/users.csv").read_text()


def test_what_somebody_changes_meanwhile_is_left_to_them_and_the_receipt_says_so(
    captured: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed(captured, cli)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    table = (captured / "raw/users.csv").read_text()
    theirs = table + "u9,a,1\n"
    misnamed = captured / ".provgraph/contents/ab" / ("c" * 62)

    def told(what: str) -> None:
        if what.startswith("line 1:"):
            (captured / "raw/users.csv").write_text(theirs)
            (captured / "models/b.json").unlink()
        if what == "removed the scratch copy":
            misnamed.parent.mkdir(exist_ok=True)
            misnamed.write_text(table)

    with Graph.open(captured) as graph:
        own = folder(graph.project, "e1")
        running = Execution(graph, own, told)
        receipt = ended(graph, own, running.plan(), running.carry_out(lambda rerun: True))
    assert (captured / "raw/users.csv").read_text() == theirs
    assert [item.name for item in receipt.by_hand] == ["raw/users.csv"]
    assert "somebody changed it" in receipt.by_hand[0].done
    assert not receipt.is_complete
    assert receipt.found_after == [
        f"{misnamed.relative_to(captured)} is still kept, and has an erased content"
    ]
    assert json.loads((captured / "models/b.json").read_text()) == {"mean": 3.5}
