"""Text to syntax tree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from provgraph.errors import QueryError, QuerySyntaxError
from provgraph.query import syntax
from provgraph.query.explain_text import syntax_text
from provgraph.query.syntax import DEEPEST, Constant, Pipeline, SetOperation, parse, quoted

GRAMMAR = Path(syntax.__file__).with_name("grammar.lark")

EXAMPLES = (
    'file "models/churn.pkl" | lineage',
    'model "churn"@latest | lineage | where kind = dataset',
    'file "features.csv"@3 | lineage stop at (file "raw/*") | select path, version, by',
    'subject "client:4711" | impact | where kind = model',
    'subject "client:4711" | deletion plan except (file "legal-hold/*")',
    "prediction [flagged and day = 2026-11-20] "
    + "| slice against (prediction [not flagged]) by lift | limit 5",
    "run [exit != 0 and duration > 10m] | sort by started desc | limit 20",
    'file "features.csv" | history as of 2026-06-01',
    'run "r12" | diff (run "r15") on inputs, code, environment, parameters',
    'file "raw.csv" | paths to (model "churn") shortest',
    'file "raw.csv" | segment to (model "churn") similar on command',
    '(model "churn" | lineage) & (subject "client:4711" | impact)',
    "model * | stale older than 30d",
    'component "train" | summarize by kind, component hops 1',
    'explain file "m.pkl" | lineage depth 6 via used, generated',
)


@pytest.mark.parametrize("question", EXAMPLES)
def test_every_example_of_the_design_parses(question: str) -> None:
    parsed = parse(question)
    assert parsed.text == question
    assert parsed.explain == question.startswith("explain")


def test_the_grammar_has_no_conflict() -> None:
    from lark import Lark

    strict = Lark(GRAMMAR.read_text("utf-8"), parser="lalr", strict=True)
    for question in EXAMPLES:
        strict.parse(question)


def test_every_node_knows_where_it_was_written() -> None:
    text = 'file "a.csv"@3 [size > 1]\n | lineage stop at (run x)'
    query = parse(text).query
    assert isinstance(query, Pipeline)
    (stage,) = query.stages

    def written(node: object) -> str:
        return text[slice(*node.span)]  # type: ignore[attr-defined]

    assert written(query) == text
    assert written(query.source) == 'file "a.csv"@3 [size > 1]'
    assert written(stage) == "lineage stop at (run x)"
    assert [written(item) for item in stage.items] == ["stop", "at", "(run x)"]


def test_a_tree_prints() -> None:
    assert syntax_text(parse("(run [a in (1, 2)] | limit 3) & run")).splitlines() == [
        "SetOperation &",
        "  Group",
        "    Pipeline",
        "      Selector",
        "        Word run",
        "        Filter",
        "          Membership in",
        "            Word a",
        "            Constant 1",
        "            Constant 2",
        "      Stage",
        "        Word limit",
        "        Constant 3",
        "  Selector",
        "    Word run",
    ]


def test_set_operators_are_read_from_left_to_right() -> None:
    query = parse("run a - run b - run c").query
    assert isinstance(query, SetOperation)
    assert [operand.name.text for operand in query.operands] == ["a", "b", "c"]  # type: ignore[union-attr]


@given(st.text())
@example('"\\\n\r\t')
@example("\x00\u2028\ud7ff")
def test_any_text_can_be_quoted(text: str) -> None:
    query = parse(f"file {quoted(text)}").query
    assert isinstance(query, syntax.Selector)
    assert query.name == Constant("string", text, syntax.Span(0, 0))


def test_a_comment_ends_with_its_line() -> None:
    assert parse("run # the first | limit\n | limit 3").query == parse("run | limit 3").query


WORDS = [
    "\n",
    *[
        "file",
        "run",
        "where",
        "and",
        "or",
        "not",
        "in",
        "not_in",
        "lineage",
        "stop",
        "at",
        "by",
        "desc",
        "explain",
        "sort",
        "is",
        '"a"',
        '"\\\\"',
        '"\\x"',
        '"',
        "2026-11-20",
        "2026-11-20T10:00Z",
        "30d",
        "1h30m",
        "10MB",
        "1kb",
        "3",
        "-1.5e3",
        "9e999",
        "|",
        "&",
        "+",
        "-",
        "*",
        "(",
        ")",
        "[",
        "]",
        ",",
        "=",
        "!=",
        "<=",
        "~",
        "~/x",
        "./a",
        "/b",
        "../c",
        "s3://b",
        "@3",
        "@latest",
        "@all",
        "@x",
        "@",
        "#",
        "'",
        "é",
        "٣",
        "raw/*",
    ],
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(WORDS)).map(" ".join)))
def test_any_text_is_a_question_or_an_error(text: str) -> None:
    try:
        parse(text)
    except QueryError as error:
        assert 0 <= error.start < error.end <= max(len(text), error.start + 1)
        assert str(error)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 200_000,
        "(" * 100_000 + "file" + ")" * 100_000,
        "[" * 200_000,
        "file [" + "(" * 100_000,
        "file [" + "not " * 50_000 + "x]",
        "file" + " | lineage" * 20_000,
        "file | lineage stop at (" * 8_000 + "file" + ")" * 8_000,
    ],
    ids=["open", "matched", "brackets", "condition", "not", "pipeline", "arguments"],
)
def test_what_nests_without_end_is_an_error(text: str) -> None:
    with pytest.raises(QuerySyntaxError):
        parse(text)


def test_nesting_is_allowed_up_to_the_cap() -> None:
    parse("(" * (DEEPEST - 1) + "run" + ")" * (DEEPEST - 1))
    with pytest.raises(QuerySyntaxError, match=f"more than {DEEPEST} levels"):
        parse("(" * DEEPEST + "run" + ")" * DEEPEST)


def test_many_operands_are_not_deep() -> None:
    query = parse(" + ".join(["run"] * 10_000)).query
    assert isinstance(query, SetOperation)
    assert len(query.operands) == 10_000


# The parser is kept between processes.


def in_a_process(question: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Parse in a new process, and print whether the grammar had to be read as a grammar."""
    code = (
        "import lark.lark, sys\n"
        "read = lark.lark.load_grammar\n"
        "lark.lark.load_grammar = lambda *a: print('built') or read(*a)\n"
        "from provgraph.query.syntax import parse\n"
        "print(parse(sys.argv[1]).query.source.word.text)"
    )
    return subprocess.run(
        [sys.executable, "-c", code, question],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )


def test_the_parser_is_built_once_and_kept(tmp_path: Path) -> None:
    first = in_a_process("run | limit 3", XDG_CACHE_HOME=str(tmp_path))
    second = in_a_process("run | limit 3", XDG_CACHE_HOME=str(tmp_path))
    assert (first.stdout, second.stdout) == ("built\nrun\n", "run\n")
    (kept,) = (tmp_path / "provgraph").iterdir()
    assert re.fullmatch(r"parser-\w+-\d+", kept.name)


def test_a_torn_cache_is_built_anew(tmp_path: Path) -> None:
    in_a_process("run | limit 3", XDG_CACHE_HOME=str(tmp_path))
    (kept,) = (tmp_path / "provgraph").iterdir()
    kept.write_bytes(kept.read_bytes()[:5000])
    torn = in_a_process("run | limit 3", XDG_CACHE_HOME=str(tmp_path))
    assert (torn.stdout, torn.stderr) == ("built\nrun\n", "")
    assert in_a_process("run | limit 3", XDG_CACHE_HOME=str(tmp_path)).stdout == "run\n"


def test_without_a_cache_folder_the_parser_is_built(tmp_path: Path) -> None:
    (tmp_path / "provgraph").write_text("no folder")
    done = in_a_process("run | limit 3", XDG_CACHE_HOME=str(tmp_path))
    assert (done.stdout, done.stderr) == ("built\nrun\n", "")


def test_another_users_cache_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert syntax._cache_file("start") is not None
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert syntax._cache_file("start") is None


def test_processes_that_start_at_once_share_the_cache(tmp_path: Path) -> None:
    code = "from provgraph.query.syntax import parse; parse('run'); print('done')"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(6)
    ]
    assert [process.communicate()[0] for process in processes] == ["done\n"] * 6
    assert in_a_process("run | limit 3", XDG_CACHE_HOME=str(tmp_path)).stdout == "run\n"
