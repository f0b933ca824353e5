"""A customer forgotten from end to end, in a real project with real runs: planned, approved, done, proven."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from blake3 import blake3
from subjects.conftest import Cli

from provgraph.config import find_project
from provgraph.erasure.asking import due_again, replanned
from provgraph.erasure.receipt import is_genuine, read
from provgraph.erasure.requests import alone
from provgraph.errors import ProvgraphError
from provgraph.graph import Graph
from provgraph.model.content_store import ContentStore

pytestmark = pytest.mark.skipif(shutil.which("unshare") is None, reason="no `unshare` here")

MARKER = "77123.25"
"""The amount of u3, which is nobody else's: it stands in raw/users.csv and work/b.csv."""


def added(cli: Cli) -> None:
    for dataset in ("raw/users.csv", "work/*.csv"):
        cli("subject", "add", dataset, "--column", "user_id", "--prefix", "client:")


def approving(project: Path, cli: Cli, approvals: int = 1) -> None:
    shown = cli("forget", "key").stdout.replace("NAME", "mira")
    with open(project / "provgraph.toml", "a") as file:
        file.write(f"\n[erasure]\napprovals = {approvals}\n{shown}\n")


def planned(cli: Cli, *words: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(cli("forget", "plan", *words, "--json").stdout)
    return found


def actions(document: dict[str, object]) -> dict[str, str]:
    plan = document["plan"]
    assert isinstance(plan, dict)
    return {line["name"]: line["do"] for line in plan["lines"]}


def signed(project: Path, cli: Cli) -> None:
    """A plan to forget u3, and the one signature that it takes."""
    added(cli)
    approving(project, cli)
    planned(cli, "client:u3")
    cli("forget", "approve", "e1")


@pytest.fixture
def asked(captured: Path, cli: Cli) -> Path:
    added(cli)
    approving(captured, cli)
    return captured


def bytes_of(folder: Path) -> bytes:
    files = [folder] if folder.is_file() else folder.rglob("*")
    return b"\0".join(path.read_bytes() for path in files if path.is_file())


def test_the_plan_says_what_is_done_with_each_version_and_why(asked: Path, cli: Cli) -> None:
    document = planned(cli, "client:u3")
    assert actions(document) == {
        "raw/users.csv": "redact",
        "work/b.csv": "rebuild",
        "models/b.json": "rebuild",
        "models/both.json": "rebuild",
        "out/count.txt": "rebuild",
    }
    assert [rerun["argv"] for rerun in document["plan"]["reruns"]] == [["sh", "pipeline.sh"]]  # type: ignore[index]
    ways = {line["name"]: line["way"] for line in document["plan"]["lines"]}  # type: ignore[index]
    assert ways["models/b.json"][0] in ("raw/users.csv", "work/b.csv")
    assert "client:u3" not in bytes_of(asked / ".provgraph").decode("utf-8", "replace")
    question = 'subject "client:u3" | deletion plan | select name'
    rows = json.loads(cli("ask", question, "--json").stdout)
    cleared = {"work/a.csv", "models/a.json"}
    assert {row["name"] for row in rows} == actions(document).keys() | cleared, (
        "the columns say more"
    )


def test_a_customer_is_forgotten_and_the_rest_is_as_if_they_had_never_been(
    asked: Path, cli: Cli
) -> None:
    kept = (asked / "models/a.json").read_bytes()
    contents = ContentStore(asked / ".provgraph/contents")
    copied = contents.put((asked / "raw/users.csv").read_bytes())
    named = contents.put(b"# client u3 complained")
    scripts = set(contents.digests()) - {copied, named}
    before = {
        row["digest"] for row in json.loads(cli("ask", "file * | select digest", "--json").stdout)
    }
    document = planned(cli, "client:u3", "--text", "client u3")
    copies = {copy["name"]: copy for copy in document["plan"]["copies"]}  # type: ignore[index]
    (segment,) = (asked / ".provgraph/journal").iterdir()
    held = [str(path.relative_to(asked)) for path in contents.files(copied)]
    assert copies.keys() == {f".provgraph/journal/{segment.name}", *held}
    assert copies[held[0]]["way"] == ["raw/users.csv", held[0]]
    said = copies[f".provgraph/journal/{segment.name}"]["said"]
    assert said == "names the content of raw/users.csv and 4 other contents"
    shown = cli("forget", "show", "e1").stdout
    assert f"written again: .provgraph/journal/{segment.name}: {said}" in shown
    assert f"erased too: {held[0]}: the content of raw/users.csv" in shown
    cli("forget", "approve", "e1")
    done = cli("forget", "execute", "e1", "--consent")
    assert "complete" in done.stdout
    rows = (asked / "raw/users.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["user_id", "u1", "u2", "u4", "u5"]
    assert json.loads((asked / "models/b.json").read_text()) == {"mean": 3.5}
    assert (asked / "out/count.txt").read_text() == "4"
    assert (asked / "models/a.json").read_bytes() == kept

    everything = bytes_of(asked)
    assert MARKER.encode() not in everything
    for word in (b"client:u3", b"client u3"):
        assert word not in bytes_of(asked / ".provgraph")
    now = {
        row["digest"] for row in json.loads(cli("ask", "file * | select digest", "--json").stdout)
    }
    gone = {digest for digest in before - now if digest}
    assert len(gone) == 5
    for digest in gone:
        assert digest.split(":")[1].encode() not in everything
    assert cli("subject", "report", "client:u3", "--json").stdout.count('"part"') == 0
    assert set(contents.digests()) == scripts and len(scripts) >= 4
    receipt = json.loads((asked / ".provgraph/erasure/e1/receipt.json").read_text())
    own = {item["name"]: item["done"] for item in receipt["erased"] if item["how"] == "copy"}
    assert own.keys() == copies.keys()
    assert own[held[0]].startswith("erased; its bytes were ")
    assert not list(asked.parent.glob(".project.provgraph-erasure-*"))


def test_the_skeleton_of_the_provenance_stays(asked: Path, cli: Cli) -> None:
    planned(cli, "client:u3")
    cli("forget", "approve", "e1")
    cli("forget", "execute", "e1", "--consent")
    rows = json.loads(cli("ask", 'version "models/b.json"@all', "--json").stdout)
    assert len(rows) == 2
    query = 'version "models/b.json" @1 | lineage | where state = erased'
    erased = json.loads(cli("ask", query, "--json").stdout)
    assert {row["name"] for row in erased} == {"raw/users.csv", "work/b.csv"}
    query = 'file "models/b.json" | lineage | where state = erased'
    again = json.loads(cli("ask", query, "--json").stdout)
    assert {row["name"] for row in again} <= {"raw/users.csv"}


def test_a_receipt_is_genuine_until_a_byte_of_it_is_changed(asked: Path, cli: Cli) -> None:
    planned(cli, "client:u3", "--reference", "DSR-17")
    cli("forget", "approve", "e1")
    cli("forget", "execute", "e1", "--consent")
    path = asked / ".provgraph/erasure/e1/receipt.json"
    assert "genuine" in cli("receipt", "verify", str(path)).stdout
    page = path.with_suffix(".html").read_text()
    assert "DSR-17" in page and "raw/users.csv" in page and "Complete" in page
    raw = path.read_bytes()
    first = raw.index(b'"erased"')
    assert not [at for at in range(first, len(raw)) if passes(changed(raw, at))]
    for at in range(first, len(raw), 1000):
        path.write_bytes(changed(raw, at))
        done = cli("receipt", "verify", str(path), check=False)
        assert done.returncode in (1, 2), at


def changed(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def passes(raw: bytes) -> bool:
    try:
        return is_genuine(read(raw))
    except ProvgraphError:
        return False


def test_nothing_is_done_before_it_is_approved(asked: Path, cli: Cli) -> None:
    before = bytes_of(asked / "raw")
    planned(cli, "client:u3")
    done = cli("forget", "execute", "e1", "--consent", check=False)
    assert (done.returncode, "0 of 1 approvals" in done.stderr) == (1, True)
    assert bytes_of(asked / "raw") == before


def test_two_keys_are_needed_where_two_are_asked_for(
    captured: Path, cli: Cli, tmp_path: Path
) -> None:
    added(cli)
    approving(captured, cli, approvals=2)
    second = {"PROVGRAPH_APPROVER_KEY": str(tmp_path / "second.pem")}
    shown = cli("forget", "key", **second).stdout.splitlines()[1].replace("NAME", "jonas")
    with open(captured / "provgraph.toml", "a") as file:
        file.write(f"{shown}\n")
    planned(cli, "client:u3")
    cli("forget", "approve", "e1")
    again = cli("forget", "approve", "e1", check=False)
    assert "approved this plan already" in again.stderr
    assert "1 of 2 approvals" in cli("forget", "execute", "e1", check=False).stderr
    cli("forget", "approve", "e1", **second)
    assert "complete" in cli("forget", "execute", "e1", "--consent").stdout


def test_one_at_a_time_signs_or_carries_out(asked: Path, cli: Cli) -> None:
    planned(cli, "client:u3")
    project = find_project(asked)
    assert project is not None
    for words in (["approve", "e1"], ["execute", "e1", "--consent"], ["replan", "e1"]):
        with alone(project):
            before = bytes_of(asked / ".provgraph/erasure")
            refused = cli("forget", *words, check=False)
        assert refused.returncode == 1
        assert "another process signs or carries out a deletion here" in refused.stderr
        assert bytes_of(asked / ".provgraph/erasure") == before
    cli("forget", "execute", "e1", "--dry-run")
    cli("forget", "approve", "e1")
    assert "complete" in cli("forget", "execute", "e1", "--consent").stdout


def test_an_approval_by_a_key_that_is_nobodys_is_refused(captured: Path, cli: Cli) -> None:
    added(cli)
    cli("forget", "key")
    planned(cli, "client:u3")
    done = cli("forget", "approve", "e1", check=False)
    assert (done.returncode, "none of the approvers'" in done.stderr) == (2, True)


def test_a_change_of_the_graph_invalidates_plan_and_approval(asked: Path, cli: Cli) -> None:
    planned(cli, "client:u3")
    cli("forget", "approve", "e1")
    cli("run", "--", "cp", "raw/users.csv", "out/copy.csv")
    done = cli("forget", "execute", "e1", "--consent", check=False)
    assert (done.returncode, "the graph changed" in done.stderr) == (1, True)
    cli("forget", "replan", "e1")
    assert "0 of 1 approvals" in cli("forget", "execute", "e1", check=False).stderr
    cli("forget", "approve", "e1")
    assert "complete" in cli("forget", "execute", "e1", "--consent").stdout
    assert b"u3" not in (asked / "out/copy.csv").read_bytes()


def test_a_rebuild_that_fails_changes_nothing_and_can_be_mended(asked: Path, cli: Cli) -> None:
    planned(cli, "client:u3")
    cli("forget", "approve", "e1")
    good = (asked / "fit.py").read_text()
    before = bytes_of(asked / "raw") + bytes_of(asked / "models")
    (asked / "fit.py").write_text("raise SystemExit('the library is gone')")
    done = cli("forget", "execute", "e1", "--consent", check=False)
    assert done.returncode == 1
    assert "the library is gone" in done.stderr and "nothing was changed" in done.stderr
    assert bytes_of(asked / "raw") + bytes_of(asked / "models") == before
    (asked / "fit.py").write_text(good)
    assert "complete" in cli("forget", "execute", "e1", "--consent").stdout


def test_who_is_asked_about_is_known_by_a_new_key_too(asked: Path, cli: Cli) -> None:
    planned(cli, "client:u3")
    cli("forget", "approve", "e1")
    cli("subject", "key", "rotate")
    assert "complete" in cli("forget", "execute", "e1", "--consent").stdout
    assert "u3" not in (asked / "raw/users.csv").read_text()
    planned(cli, "client:u1")
    cli("subject", "key", "new", "--yes")
    shown = cli("forget", "replan", "e2")
    assert ("e2: 0 lines" in shown.stdout, "have to be named anew" in shown.stderr) == (True, True)


def test_an_abandoned_request_leaves_everything_as_it_was(asked: Path, cli: Cli) -> None:
    planned(cli, "client:u3")
    cli("forget", "abandon", "e1")
    assert "u3" in (asked / "raw/users.csv").read_text()
    listed = json.loads(cli("forget", "list", "--json").stdout)
    assert [(each["id"], each["state"]) for each in listed] == [("e1", "abandoned")]
    again = cli("forget", "abandon", "e1", check=False)
    assert (again.returncode, "e1 is abandoned already" in again.stderr) == (2, True)


def test_what_is_on_hold_is_kept_with_its_reason_until_the_hold_ends(asked: Path, cli: Cli) -> None:
    settings = asked / "provgraph.toml"
    settings.write_text(
        settings.read_text() + '\n[[keep]]\nfiles = "models/both.json"\nbasis = "legal hold"\n'
        'reason = "case 12"\nowner = "legal@example.org"\nexpires = 2999-01-01\n'
    )
    assert actions(planned(cli, "client:u3"))["models/both.json"] == "keep"
    cli("forget", "approve", "e1")
    cli("forget", "execute", "e1", "--consent", check=False)
    receipt = json.loads((asked / ".provgraph/erasure/e1/receipt.json").read_text())
    assert [item["name"] for item in receipt["kept"]] == ["models/both.json"]
    assert "case 12" in receipt["kept"][0]["done"]
    assert json.loads((asked / "models/both.json").read_text()) == {"mean": 77128.75 / 4}
    assert "nothing is older" in cli("forget", "expired").stdout
    assert listed(cli) == [("e1", "done", [])]
    touched = json.loads(cli("impact", "client:u3", "--json").stdout)["nodes"]
    assert [node["properties"]["name"] for node in touched] == ["models/both.json"]
    others = actions(planned(cli, "client:u1"))
    assert (others["raw/users.csv"], others["models/both.json"]) == ("redact", "keep")
    cli("forget", "abandon", "e2")

    settings.write_text(settings.read_text().replace("2999", "2020"))
    assert listed(cli)[0] == ("e1", "hold ended", ["models/both.json"])
    assert "models/both.json may go" in cli("forget", "--list").stdout
    document = json.loads(cli("forget", "expired", "--json").stdout)
    assert actions(document) == {"models/both.json": "rebuild"}
    assert listed(cli)[0] == ("e3", "planned", []) and ("e1", "done", []) in listed(cli)
    cli("forget", "approve", "e3")
    assert "complete" in cli("forget", "execute", "e3", "--consent").stdout
    assert json.loads((asked / "models/both.json").read_text()) == {"mean": 5.5 / 3}
    assert {state for _, state, _ in listed(cli)} == {"done", "abandoned"}
    assert "nothing recorded answers" in cli("impact", "client:u3", check=False).stderr


def listed(cli: Cli) -> list[tuple[str, str, list[str]]]:
    found = json.loads(cli("forget", "list", "--json").stdout)
    return [(each["id"], each["state"], each["free"]) for each in found]


def test_a_file_is_erased_with_all_that_was_made_from_it(asked: Path, cli: Cli) -> None:
    document = planned(cli, "work/b.csv", "--erase-derived")
    assert actions(document) == {
        "work/b.csv": "erase",
        "models/b.json": "erase",
        "models/both.json": "erase",
    }
    cli("forget", "approve", "e1")
    cli("forget", "execute", "e1")
    assert not (asked / "work/b.csv").exists()
    assert not (asked / "models/both.json").exists()
    assert (asked / "models/a.json").exists()


def test_several_requests_share_their_commands_named_together_or_joined(
    asked: Path, cli: Cli
) -> None:
    document = planned(cli, "client:u3", "client:u1")
    assert len(document["plan"]["reruns"]) == 1  # type: ignore[index]
    cli("forget", "abandon", "e1")
    planned(cli, "client:u3", "--reference", "DSR-3", "--due", "2030-01-31")
    planned(cli, "client:u1", "--reference", "DSR-1", "--due", "2030-01-30")
    document = json.loads(cli("forget", "join", "e2", "e3", "--json").stdout)
    assert len(document["plan"]["reruns"]) == 1
    first, *ended = json.loads(cli("forget", "list", "--json").stdout)
    assert (first["reference"], first["due"][:10]) == ("DSR-3; DSR-1", "2030-01-30")
    assert {each["id"]: each["state"] for each in ended} == {
        "e1": "abandoned",
        "e2": "joined",
        "e3": "joined",
    }
    done = cli("forget", "join", "e3", "e4", check=False)
    assert (done.returncode, "e3 is joined" in done.stderr) == (2, True)
    cli("forget", "approve", "e4")
    cli("forget", "execute", "e4", "--consent")
    text = (asked / "raw/users.csv").read_text()
    assert "u1" not in text and "u3" not in text and "u2" in text


def test_requests_that_wait_do_not_stand_in_each_others_way(asked: Path, cli: Cli) -> None:
    planned(cli, "client:u3")
    cli("forget", "abandon", "e1")
    planned(cli, "client:u3")
    assert actions(planned(cli, "client:u1"))["raw/users.csv"] == "redact"
    cli("forget", "approve", "e2")
    assert "complete" in cli("forget", "execute", "e2", "--consent").stdout
    assert "became void" in cli("forget", "approve", "e3", check=False).stderr
    cli("forget", "replan", "e3")
    document = json.loads(cli("forget", "show", "e3", "--json").stdout)
    assert actions(document)["raw/users.csv"] == "redact", "though an earlier request wrote it"
    cli("forget", "approve", "e3")
    assert "complete" in cli("forget", "execute", "e3", "--consent").stdout
    assert (asked / "out/count.txt").read_text() == "3"
    assert json.loads((asked / "models/a.json").read_text()) == {"mean": 1.5}
    assert cli("subject", "report", "client:u1", "--json").stdout.count('"part"') == 0


def test_an_overdue_request_is_shown_to_be_so(asked: Path, cli: Cli) -> None:
    planned(cli, "client:u3", "--due", "2020-01-01")
    assert "OVERDUE" in cli("forget", "--list").stdout


@pytest.mark.parametrize("target", ["client:nobody", "raw/none.csv"])
def test_an_unknown_subject_or_file_is_told(asked: Path, cli: Cli, target: str) -> None:
    done = cli("forget", target, check=False)
    assert (done.returncode, target in done.stderr) == (3, True)
    assert json.loads(cli("forget", "list", "--json").stdout) == []


def test_a_text_that_stands_in_everything_is_refused(asked: Path, cli: Cli) -> None:
    done = cli("forget", "client:u3", "--text", "u3", check=False)
    assert (done.returncode, "too many words" in done.stderr) == (2, True)


def test_a_log_of_which_a_line_was_changed_is_refused(asked: Path, cli: Cli) -> None:
    planned(cli, "client:u3", "--reference", "first")
    log = asked / ".provgraph/erasure/e1/log.ndjson"
    log.write_text(log.read_text().replace("first", "other"))
    done = cli("forget", "approve", "e1", check=False)
    assert (done.returncode, "was changed" in done.stderr) == (5, True)


def test_the_commands_have_no_network(asked: Path, cli: Cli) -> None:
    (asked / "count.py").write_text(
        "import socket\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "try:\n    s.connect(('192.0.2.1', 9)); reached = 'reached'\n"
        "except OSError as error:\n    reached = type(error).__name__\n"
        "open('out/count.txt', 'w').write(reached + str(sum(1 for _ in open('raw/users.csv'))))\n"
    )
    subprocess.run(["sh", "pipeline.sh"], cwd=asked, check=True)
    cli("run", "--", "sh", "pipeline.sh")
    planned(cli, "client:u3")
    cli("forget", "approve", "e1")
    cli("forget", "execute", "e1", "--consent")
    assert (asked / "out/count.txt").read_text() == "OSError5"


def test_an_erased_content_that_comes_again_is_recognised_and_stripped(
    asked: Path, cli: Cli
) -> None:
    backup = (asked / "raw/users.csv").read_bytes()
    planned(cli, "client:u3")
    cli("forget", "approve", "e1")
    cli("forget", "execute", "e1", "--consent")
    (asked.parent / "backup.csv").write_bytes(backup)
    cli("run", "--", "cp", "../backup.csv", "restored.csv")
    done = cli("sync", check=False)
    assert done.returncode == 5
    assert "restored.csv" in done.stderr
    assert "a content that request e1 erased has come again" in done.stderr
    states = json.loads(cli("ask", 'file "restored.csv" | select path, state', "--json").stdout)
    assert states == [{"path": "restored.csv", "state": "erased"}]
    assert blake3(backup).hexdigest().encode() not in bytes_of(asked / ".provgraph/journal")
    assert blake3(backup).hexdigest().encode() not in bytes_of(asked / ".provgraph/graph.db")


def test_another_checkout_forgets_at_its_next_sync(asked: Path, cli: Cli, tmp_path: Path) -> None:
    names = ("raw/users.csv", "work/b.csv", "models/b.json")
    digests = [blake3((asked / name).read_bytes()).hexdigest().encode() for name in names]
    other = tmp_path / "other"
    shutil.copytree(asked, other, symlinks=True)
    planned(cli, "client:u3")
    cli("forget", "approve", "e1")
    cli("forget", "execute", "e1", "--consent")
    key = tmp_path / "config/provgraph/keys"
    (key_file,) = key.glob("*.suppression")
    key_file.rename(tmp_path / "away")
    shutil.copy(asked / "provgraph.erased", other)
    done = cli("sync", check=False, folder=other)
    assert (done.returncode, "cannot be recognised here without the key" in done.stderr) == (
        5,
        True,
    )
    assert cli("sync", folder=other).returncode == 0, "it is said once"
    (tmp_path / "away").rename(key_file)
    done = cli("sync", check=False, folder=other)
    assert (done.returncode, "raw/users.csv" in done.stderr) == (5, True)
    held = bytes_of(other / ".provgraph")
    assert [digest for digest in digests if digest in held] == []
    assert cli("subject", "report", "client:u3", "--json", folder=other).stdout.count('"part"') == 0
    states = json.loads(
        cli("ask", 'file "models/b.json" | select state', "--json", folder=other).stdout
    )
    assert states == [{"state": "erased"}]
    assert cli("sync", folder=other).returncode == 0


def test_without_the_key_nothing_is_recognised(asked: Path, cli: Cli, tmp_path: Path) -> None:
    backup = (asked / "raw/users.csv").read_bytes()
    planned(cli, "client:u3")
    cli("forget", "approve", "e1")
    cli("forget", "execute", "e1", "--consent")
    for key in (tmp_path / "config").rglob("*.suppression"):
        key.unlink()
    (asked.parent / "backup.csv").write_bytes(backup)
    cli("run", "--", "cp", "../backup.csv", "restored.csv")
    assert "has come again" not in cli("sync").stderr


def test_what_is_older_than_a_rule_allows_becomes_a_plan(asked: Path, cli: Cli) -> None:
    assert "nothing is older" in cli("forget", "expired").stdout
    with open(asked / "provgraph.toml", "a") as file:
        file.write(
            '\n[[retention]]\nfiles = "work/*.csv"\nolder_than = "1ms"\n'
            'reason = "raw extracts"\nowner = "dpo@example.org"\n'
        )
    document = json.loads(cli("forget", "expired", "--json").stdout)
    assert {"work/a.csv", "work/b.csv"} <= actions(document).keys()
    assert "raw extracts" in cli("forget", "list").stdout
    assert "nothing is older" in cli("forget", "expired").stdout, "a request is made once"


def test_what_is_younger_than_a_rule_allows_stays(
    asked: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    young = "user_id,grp,amount\nu1,a,1\nu2,b,2\n"
    (asked / "young.csv").write_text(young)
    cli("run", "--", "sh", "-c", "cat young.csv > raw/users.csv; cp raw/users.csv out/new.csv")
    with open(asked / "provgraph.toml", "a") as file:
        file.write(
            '\n[[retention]]\nfiles = "raw/**"\nolder_than = "1ms"\n'
            'reason = "raw data"\nowner = "dpo@example.org"\n'
        )
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with Graph.open(asked) as graph:
        graph.sync()
        (newest,) = graph.ask('file "raw/users.csv" @latest').nodes()
        folder = due_again(graph, int(str(newest.properties["at"])))
        assert folder is not None and len(folder.request().old) == 1
        plan = replanned(graph, folder)
    names = {line.name: line.do for line in plan.lines}
    assert names["raw/users.csv"] == "forget", "its first content is gone"
    assert "out/new.csv" not in names and names["work/b.csv"] != "forget"
    cli("forget", "approve", folder.id)
    assert "complete" in cli("forget", "execute", folder.id, "--consent").stdout
    assert (asked / "raw/users.csv").read_text() == young
    assert json.loads((asked / "models/a.json").read_text()) == {"mean": 1.0}
