"""A person's mistake is told in words with the right exit status; nothing is lost by it."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROVGRAPH = [sys.executable, "-m", "provgraph"]


@pytest.fixture
def recorded(cli: Any, project: Path) -> Any:
    """A project with one recorded run: a/in.txt -> out.txt -> b/out.txt."""
    (project / "a").mkdir()
    (project / "b").mkdir()
    (project / "a" / "in.txt").write_text("input")
    cli("run", "--", "sh", "-c", "cat a/in.txt > out.txt; cat out.txt > b/out.txt")
    return cli


@pytest.mark.parametrize("command", ["why", "impact", "history", "show"])
def test_outside_a_project_every_question_says_how_to_make_one(cli: Any, command: str) -> None:
    done = cli(command, "x", check=False)
    assert done.returncode == 2
    assert "is in no provgraph project" in done.stderr
    assert "provgraph init" in done.stderr


@pytest.mark.parametrize("command", ["why", "impact", "history", "show"])
def test_an_unknown_file_is_not_found_and_near_names_are_given(recorded: Any, command: str) -> None:
    done = recorded(command, "a/im.txt", check=False)
    assert done.returncode == 3
    assert "nothing recorded answers to `a/im.txt`" in done.stderr
    assert command == "show" or "`a/in.txt`" in done.stderr


def test_a_name_that_two_files_have_is_refused_with_both(recorded: Any, project: Path) -> None:
    (project / "out.txt").unlink()
    done = recorded("why", "a/../nowhere/out.txt", check=False)
    assert done.returncode == 3
    (project / "c").mkdir()
    done = subprocess.run(
        [*PROVGRAPH, "why", "out.txt"],
        cwd=project / "c",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "`b/out.txt`" in done.stderr
    assert "`out.txt`" in done.stderr


def test_a_path_counts_from_the_working_directory(recorded: Any, project: Path) -> None:
    done = subprocess.run(
        [*PROVGRAPH, "why", "out.txt"],
        cwd=project / "b",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("b/out.txt")


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ('file "x" | linage', "linage"),
        ("run [exi = 1]", "exi"),
        ('file "x" | lineage depth three', "three"),
        ("flie *", "flie"),
        ('file "x" |', ""),
    ],
)
def test_a_mistake_in_a_query_is_pointed_at(recorded: Any, query: str, place: str) -> None:
    done = recorded("ask", query, check=False)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    pointer = next(line for line in lines if set(line.strip()) == {"^"})
    shown = lines[lines.index(pointer) - 1]
    start = pointer.index("^")
    assert shown[start:].startswith(place)


def test_a_question_past_its_budget_is_ended(recorded: Any) -> None:
    done = recorded("ask", "--max-nodes", "1", 'file "b/out.txt" | lineage', check=False)
    assert done.returncode == 4
    assert done.stdout == ""


def test_an_unknown_command_gets_the_nearest(cli: Any) -> None:
    done = cli("wyh", "x", check=False)
    assert done.returncode == 2
    assert "`why` might be meant" in done.stderr


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("ask", "file *", "--format", "tabel"), "table"),
        (("completion", "bsh"), "bash"),
        (("why", "x", "--dept", "3"), "--depth"),
    ],
)
def test_a_word_or_an_option_that_is_not_there_gets_the_nearest(
    cli: Any, words: tuple[str, ...], near: str
) -> None:
    done = cli(*words, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith(f"\n  hint: `{near}` might be meant\n")


def test_an_unknown_flag_of_run_is_refused_before_anything_runs(cli: Any, project: Path) -> None:
    done = cli("run", "--wrong", "--", "touch", "made", check=False)
    assert done.returncode == 2
    assert not (project / "made").exists()


def test_a_corrupt_segment_is_reported_and_the_rest_answers(recorded: Any, project: Path) -> None:
    (project / ".provgraph/journal/zz.segment").write_bytes(b"nonsense")
    done = recorded("why", "out.txt")
    assert "zz.segment" in done.stderr
    assert "a/in.txt" in done.stdout
    assert recorded("sync", check=False).returncode == 5


def test_a_sync_that_had_to_leave_something_says_so(recorded: Any, project: Path) -> None:
    with open(project / ".provgraph/sync.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as another process that syncs does
        recorded("run", "--", "touch", "made")
        done = recorded("sync", check=False)
        assert done.returncode == 5
        assert "of the journal not applied" in done.stderr
    assert "applied" in recorded("sync").stdout
    assert "made" in recorded("ask", "file made").stdout


def test_a_damaged_store_is_said_and_rebuilt(recorded: Any, project: Path) -> None:
    before = recorded("why", "out.txt").stdout
    for leftover in (project / ".provgraph").glob("graph.db-*"):
        leftover.unlink()
    (project / ".provgraph/graph.db").write_bytes(b"damaged" * 1000)
    done = recorded("why", "out.txt", check=False)
    assert done.returncode == 5
    assert "sync --rebuild" in done.stderr
    recorded("sync", "--rebuild")
    assert recorded("why", "out.txt").stdout == before


def test_settings_that_are_no_toml_are_said(recorded: Any, project: Path) -> None:
    with (project / "provgraph.toml").open("a") as out:
        out.write("\n[kinds\n")
    recorded("run", "--", "sh", "-c", "echo more > more.txt")
    done = recorded("why", "more.txt", check=False)
    assert done.returncode == 2
    assert "provgraph.toml" in done.stderr


def test_a_repository_without_commits_gives_nothing_and_says_so(cli: Any, project: Path) -> None:
    cli("init")
    subprocess.run(["git", "init", "-q", project], check=True)
    done = cli("ingest", "git")
    assert "0 new records" in done.stdout


def test_no_repository_is_refused(cli: Any) -> None:
    cli("init")
    done = cli("ingest", "git", check=False)
    assert done.returncode == 5
    assert "hint: " in done.stderr


def test_an_unknown_adapter_is_refused_with_the_nearest(cli: Any) -> None:
    cli("init")
    done = cli("ingest", "gti", check=False)
    assert done.returncode == 2
    assert "`git`" in done.stderr


def test_a_project_is_not_made_twice(cli: Any) -> None:
    first = json.loads(cli("init", "--json").stdout)
    second = json.loads(cli("init", "--json").stdout)
    assert (first["created"], second["created"]) == (True, False)
    assert first["id"] == second["id"]


@pytest.mark.parametrize(
    "words",
    [
        ("why", "out.txt"),
        ("ask", "file *"),
        ("impact", "a/in.txt"),
        ("history", "out.txt"),
        ("log",),
        ("show", "out.txt"),
        ("sync",),
        ("doctor",),
    ],
)
def test_every_answer_is_json_when_asked(recorded: Any, words: tuple[str, ...]) -> None:
    json.loads(recorded(*words, "--json").stdout)


def test_run_ends_standard_error_with_json_when_asked(cli: Any) -> None:
    done = cli("run", "--json", "--", "sh", "-c", "echo out; echo x > y.txt")
    assert done.stdout == "out\n"
    document = json.loads(done.stderr.splitlines()[-1])
    assert document["exit"] == 0
    assert document["verdict"] == "complete"


def test_a_reader_that_leaves_early_is_no_error(recorded: Any, project: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m provgraph show out.txt | head -1",
        shell=True,
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def test_hostile_names_cannot_drive_the_terminal(cli: Any, project: Path) -> None:
    name = "esc\x1b[31m.txt"
    cli("run", "--", "sh", "-c", 'echo x > "$1"', "sh", name)
    for words in (("why", name), ("ask", "file *"), ("log",), ("show", name), ("history", name)):
        assert "\x1b" not in cli(*words).stdout


def test_an_unwritable_folder_still_runs_the_program(project: Path) -> None:
    """Root may write everywhere: it gives up its capabilities first."""
    inner = project / "locked"
    inner.mkdir(mode=0o555)
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*drop, *PROVGRAPH, "run", "--", "sh", "-c", "echo ran; exit 9"],
        cwd=inner,
        env=os.environ | {"HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert (done.returncode, done.stdout) == (9, "ran\n"), done.stderr
    assert "not recorded" in done.stderr
    assert not list(inner.iterdir())
