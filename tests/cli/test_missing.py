"""`provgraph ask` about what is not there."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def recorded(cli: Any, project: Path) -> Any:
    (project / "in.txt").write_text("input")
    cli("run", "--", "sh", "-c", "cat in.txt > out.txt")
    return cli


def test_a_name_that_nothing_answers_to_ends_with_status_3(recorded: Any) -> None:
    done = recorded("ask", 'file "ou.txt" | lineage', check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert "no file answers to `ou.txt`\n  hint: near it: `out.txt`" in done.stderr


def test_an_answer_that_is_empty_for_another_reason_is_an_answer(recorded: Any) -> None:
    assert json.loads(recorded("ask", "run [exit = 9]", "--json").stdout) == []
    assert json.loads(recorded("ask", 'file "*.parquet"', "--json").stdout) == []


def test_a_barrier_that_is_not_there_is_noted_beside_the_answer(recorded: Any) -> None:
    done = recorded("ask", 'file "out.txt" | lineage stop at (file "im.txt")')
    assert "in.txt" in done.stdout
    assert "no file answers to `im.txt`" in done.stderr


def test_a_glob_that_matches_nothing_is_remarked_upon(recorded: Any) -> None:
    done = recorded("ask", 'file "*.txtt" | lineage', "--json")
    assert json.loads(done.stdout) == []
    assert done.stderr == "provgraph: no file is like `*.txtt`; near it: `in.txt`, `out.txt`\n"
    done = recorded("ask", 'file "out.txt" | lineage stop at (model "o*.txt")', "--json")
    assert "in.txt" in done.stdout
    assert "`o*.txt` is no model; it is document" in done.stderr


def test_a_field_or_a_text_that_nothing_has_explains_an_empty_answer(recorded: Any) -> None:
    for asked, remark in (
        ("run [param.rate > 3]", "nothing has `param.rate`"),
        (
            'file "out.txt" | lineage | where kind = documnt',
            'nothing has kind = "documnt"; `document` might be meant',
        ),
        (
            'file * | where names = "inn.txt" and size > 0',
            'nothing has names = "inn.txt"; `in.txt` might be meant',
        ),
        ("run [exit = 9]", ""),
    ):
        done = recorded("ask", asked, "--json")
        assert json.loads(done.stdout) == []
        assert done.stderr == (f"provgraph: {remark}\n" if remark else "")


def test_a_budget_ends_a_question_with_status_4_and_no_answer(recorded: Any) -> None:
    for words in (("--max-nodes", "1"), ("--timeout", "0.000000001")):
        done = recorded("ask", "file * | lineage", *words, check=False)
        assert (done.returncode, done.stdout) == (4, "")
        assert f"raise `{words[0]}`" in done.stderr
