"""Rules, reports and questions about subjects, from the command line, held to what rows went where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from subjects.conftest import USERS, Cli

from provgraph.model.content_store import ContentStore

MADE_FROM_GROUP = {
    "a": {"work/a.csv", "models/a.json", "models/both.json", "out/count.txt"},
    "b": {"work/b.csv", "models/b.json", "models/both.json", "out/count.txt"},
    "c": {"out/count.txt"},
}
"""The truth, row by row: what a customer's row went into, by the customer's group."""


def added(cli: Cli, *datasets: str) -> None:
    for dataset in datasets:
        cli("subject", "add", dataset, "--column", "user_id", "--prefix", "client:")


def report(cli: Cli, subject: str) -> dict[str, dict[str, str]]:
    """Of each part of a report, how each file has to do with the subject."""
    found = json.loads(cli("subject", "report", subject, "--json").stdout)["found"]
    parts: dict[str, dict[str, str]] = {"held": {}, "came from": {}, "went into": {}}
    for line in found:
        parts[line["part"]][line["properties"]["name"]] = line["how"]
    return parts


@pytest.mark.parametrize("user", USERS)
def test_what_a_row_went_into_is_told_by_the_columns_of_what_was_made(
    captured: Path, cli: Cli, user: str
) -> None:
    added(cli, "raw/users.csv", "work/*.csv")
    found = report(cli, f"client:{user}")
    touched = {**found["held"], **found["went into"]}
    assert touched.keys() == MADE_FROM_GROUP[USERS[user]] | {"raw/users.csv"}
    assert {name for name, how in touched.items() if how == "contains"} == {
        name for name in touched if name.endswith(".csv")
    }
    assert {how for name, how in touched.items() if not name.endswith(".csv")} == {"derived"}
    document = impact(cli, f"client:{user}")
    assert {name: how for name, (how, _) in document.items()} == touched
    assert document["raw/users.csv"] == ("contains", "its content has the subject")
    assert document["out/count.txt"] == ("derived", "made from raw/users.csv")


def impact(cli: Cli, subject: str) -> dict[str, tuple[str, str]]:
    """How each file has to do with the subject, and why that is said."""
    found = json.loads(cli("impact", subject, "--json").stdout)["nodes"]
    return {node["properties"]["name"]: (node["how"], node["why"]) for node in found}


def test_without_columns_of_its_own_all_that_was_made_is_derived(captured: Path, cli: Cli) -> None:
    added(cli, "raw/users.csv")
    everything = {name for made in MADE_FROM_GROUP.values() for name in made}
    assert report(cli, "client:u5")["went into"].keys() == everything


def test_a_column_that_could_not_be_read_leaves_it_unknown(captured: Path, cli: Cli) -> None:
    (captured / "work/a.csv").unlink()
    added(cli, "raw/users.csv", "work/*.csv")
    went = report(cli, "client:u5")["went into"]
    assert went == {
        "out/count.txt": "derived",
        "work/a.csv": "unknown",
        "models/a.json": "derived",
        "models/both.json": "derived",
    }
    unread = ("unknown", "made from raw/users.csv; its column `user_id` could not be read")
    assert impact(cli, "client:u5")["work/a.csv"] == unread
    shown = cli("impact", "client:u5")
    assert "could not be read" in shown.stdout
    assert "left out, as their own column has not the subject: work/b.csv" in shown.stderr


def test_a_content_that_is_only_kept_is_read_there(captured: Path, cli: Cli) -> None:
    table = captured / "work/a.csv"
    ContentStore(captured / ".provgraph/contents").put(table.read_bytes())
    table.unlink()
    added(cli, "raw/users.csv", "work/*.csv")
    assert report(cli, "client:u1")["held"].keys() == {"raw/users.csv", "work/a.csv"}
    assert "work/a.csv" not in report(cli, "client:u5")["went into"]


def test_a_copy_elsewhere_is_found_by_its_content(captured: Path, cli: Cli) -> None:
    cli("run", "--", "cp", "raw/users.csv", "out/backup.dat")
    added(cli, "raw/users.csv")
    assert report(cli, "client:u1")["held"].keys() == {"raw/users.csv", "out/backup.dat"}


def test_a_question_names_a_subject_and_the_hash_is_all_that_is_kept(
    captured: Path, cli: Cli
) -> None:
    added(cli, "raw/users.csv", "work/*.csv")
    query = 'subject "client:u1" | impact | where path ~ "models/*"'
    rows = json.loads(cli("ask", query, "--json").stdout)
    assert {row["name"] for row in rows} == {"models/a.json", "models/b.json", "models/both.json"}
    held = json.loads(cli("ask", 'subject "client:u1"', "--json").stdout)
    assert {row["name"] for row in held} == {"raw/users.csv", "work/a.csv"}
    for path in (captured / ".provgraph").rglob("*"):
        if path.is_file():
            assert b"client:u1" not in path.read_bytes(), path


def test_a_question_about_somebody_who_is_nowhere_says_so(captured: Path, cli: Cli) -> None:
    added(cli, "raw/users.csv")
    done = cli("ask", 'subject "client:nobody" | impact', check=False)
    assert (done.returncode, "no content has that subject" in done.stderr) == (3, True)


def test_a_rule_holds_for_versions_that_come_later(captured: Path, cli: Cli) -> None:
    words = ("--column", "user_id", "--prefix", "client:")
    assert "no run has read or made new.csv" in cli("subject", "add", "new.csv", *words).stderr
    assert "no run has" not in cli("subject", "add", "raw/users.csv", *words).stderr
    assert report(cli, "client:u9")["held"] == {}
    more = (captured / "raw/users.csv").read_text() + "u9,a,3\n"
    (captured / "new.csv").write_text(more)
    cli("run", "--", "cp", "new.csv", "raw/users.csv")
    assert report(cli, "client:u9")["held"].keys() >= {"raw/users.csv"}


def test_rotation_reads_everything_again_under_a_new_key(captured: Path, cli: Cli) -> None:
    added(cli, "raw/users.csv")
    path = Path(cli("subject", "key", "path").stdout.strip())
    before = path.read_text()
    cli("subject", "key", "rotate")
    assert before.split()[0] not in path.read_text()
    assert report(cli, "client:u1")["held"].keys() == {"raw/users.csv"}


def test_rotation_keeps_the_old_key_for_what_is_not_here_any_more(captured: Path, cli: Cli) -> None:
    added(cli, "raw/users.csv")
    (captured / "raw/users.csv").unlink()
    done = cli("subject", "key", "rotate")
    assert "the old key is kept" in done.stderr
    assert report(cli, "client:u1")["held"].keys() == {"raw/users.csv"}


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("add", "raw/users.csv", "--column", "userid"), 5, "no column `userid`"),
        (("add", "split.py", "--column", "user_id"), 5, "not a table"),
        (("report", "client:u1"), 5, "the key of the subject index is not here"),
    ],
)
def test_a_mistake_is_told_in_words_and_leaves_no_rule(
    captured: Path, cli: Cli, words: tuple[str, ...], status: int, said: str
) -> None:
    if words[0] == "report":
        added(cli, "raw/users.csv")
        Path(cli("subject", "key", "path").stdout.strip()).unlink()
    done = cli("subject", *words, check=False)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    if words[0] == "add":
        assert "[[subjects]]" not in (captured / "provgraph.toml").read_text()


def test_a_rule_that_is_wrong_in_the_file_is_pointed_at(captured: Path, cli: Cli) -> None:
    with open(captured / "provgraph.toml", "a") as file:
        file.write('\n[[subjects]]\ndataset = "raw/*.csv"\ncolum = "user_id"\n')
    done = cli("subject", "list", check=False)
    assert done.returncode == 2
    assert "[[subjects]] number 1, `colum" in done.stderr
