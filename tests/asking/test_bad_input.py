"""What is told when a question cannot be answered as it was meant, to the letter."""

from __future__ import annotations

import re
from typing import Any

import pytest

from provgraph.asking.missing import Beside, missing, nothing, remarks
from provgraph.errors import BudgetExceeded, QueryError
from provgraph.graph import Graph
from provgraph.model.elements import Value
from provgraph.model.vocabulary import Label
from provgraph.query.explain import statements
from provgraph.query.optimizer import optimize
from provgraph.query.plan import Budget, Plan
from provgraph.query.syntax import quoted
from provgraph.store import Rows

NOT_THERE = {
    'file "clean.cvs" | lineage': "no file answers to `clean.cvs`\n  hint: near it: `clean.csv`, `clean.py`",
    'file "a.cvs"': "no file answers to `a.cvs`\n  hint: near it: `raw/a.csv`, `raw/b.csv`",
    'model "nothing-like-it"': "no model answers to `nothing-like-it`",
    'run "r1"': (
        "no run answers to `r1`\n  hint: of an id or a sha, 4 characters or more are wanted"
    ),
    'file "churn.pkl"@"2001-01-01T12:30"': (
        "`churn.pkl` has 2 versions, and none is from before 2001-01-01T12:31:00Z\n"
        "  hint: `history` lists them"
    ),
    'model "clean.csv"': "`clean.csv` is no model\n  hint: it is dataset",
    'run "zzzz"': "no run answers to `zzzz`",
    'file "churn.pkl"@9': "`churn.pkl` has 2 versions, and none is number 9\n  hint: `history` lists them",
    'file "churn.pkl"@dead': (
        "`churn.pkl` has 2 versions, and none has a digest that begins with dead\n  hint: `history` lists them"
    ),
    'file "churn.pkl"@commit:1a2b3c4': (
        "no commit begins with 1a2b3c4\n"
        "  hint: `commit *` lists those that are known; `provgraph ingest git` reads new ones"
    ),
    'file "churn.pkl"@2001-01-01': (
        "`churn.pkl` has 2 versions, and none is from before 2001-01-01\n  hint: `history` lists them"
    ),
    'file "churn.pkl" | lineage stop at (file "clear.csv")': "no file answers to `clear.csv`\n  hint: near it: `clean.csv`, `raw/a.csv`",
    'file "churn.pkl" - model "a\0b"': "no model answers to `a\0b`",
}  # fmt: skip


@pytest.mark.parametrize("question", NOT_THERE)
def test_what_a_question_names_and_is_not_there_is_said(graph: Graph, question: str) -> None:
    assert [str(found) for found in missing(Beside(graph), graph.ask(question).plan)] == [
        NOT_THERE[question]
    ]


@pytest.mark.parametrize(
    "question",
    [
        'file "churn.pkl" | lineage',
        'file "nothing/*"',
        "run [exit = 99]",
        'file "churn.pkl"@2',
        "model churn [size > 1GB]",
        "file",
    ],
)
def test_what_may_be_empty_is_no_mistake(graph: Graph, question: str) -> None:
    assert list(missing(Beside(graph), graph.ask(question).plan)) == []


def test_a_name_that_several_files_have_is_said_with_their_names(
    graph: Graph, twins: Graph
) -> None:
    (found,) = missing(Beside(twins), twins.ask('file "same.txt"').plan)
    assert str(found) == (
        "`same.txt` may be 2 files, and all of them are meant: `one/same.txt`, `two/same.txt`\n"
        "  hint: name one of them whole"
    )
    assert list(missing(Beside(twins), twins.ask('file "one/same.txt"').plan)) == []


def test_remarks_stand_beside_the_answer(
    graph: Graph, twins: Graph, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {
        "file clean.csv": (),
        'file clean.csv + file "raw/*.cvs"': (
            "no file is like `raw/*.cvs`; near it: `raw/b.csv`, `raw/a.csv`",
        ),
        'file "clean.csv" - file "clean.cvs"': (
            "no file answers to `clean.cvs`; near it: `clean.csv`, `clean.py`",
        ),
        "file [kind = modle<]": ('nothing has kind = "modle<"; `model` might be meant',),
        "run [tag.reviewed = yes]": ("nothing has `tag.reviewed`",),
    }
    for question, expected in told.items():
        question = question.replace("modle<", quoted("modle<"))
        assert graph.ask(question).remarks == expected
    empty = graph.find("file", where=f"kind = {quoted('modle<')}")
    empty.show()
    assert capsys.readouterr().out.endswith("0 rows\n" + empty.remarks[0] + "\n")
    assert empty._repr_html_().endswith(
        "<p>nothing has kind = &quot;modle&lt;&quot;; `model` might be meant</p>"
    )
    (several,) = twins.file("same.txt").remarks
    assert several.startswith("`same.txt` may be 2 files")


def test_a_near_value_is_told_only_where_there_are_few(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = graph.ask("file [kind = modle]")
    assert few.remarks == ('nothing has kind = "modle"; `model` might be meant',)
    monkeypatch.setattr("provgraph.asking.missing._MANY", 1)
    many = graph.ask("file [kind = modle]")
    assert many.remarks == ('nothing has kind = "modle"',)
    assert graph.ask("file [kind = model]").remarks == ()
    assert graph.ask('file "raw/*.cvs"').remarks == ("no file is like `raw/*.cvs`",)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("(" * 1_000_000, "query:1:200001: the question is longer than 200,000 characters\n"),
        ("[" * 1_000_000, "query:1:200001: the question is longer than 200,000 characters\n"),
        ("(" * 90_000, "query:1:201: this nests more than 200 levels deep\n"),
        (
            "(" * 90_000 + "run" + ")" * 90_000,
            "query:1:201: this nests more than 200 levels deep\n",
        ),
        ("run" + " | limit 3" * 10_000, "query:1:1: this nests more than 200 levels deep\n"),
        ("(", "query:1:2: the question ends where a query is expected\n"),
        ("file \0", "query:1:6: the character U+0000 where a name, "),
        (
            'run [user = "\0"',
            "query:1:16: the question ends where `and`, `or` or `]` is expected\n",
        ),
    ],
    ids=["megabyte", "brackets", "opened", "nested", "stages", "one", "nul", "nul-in-text"],
)
def test_a_monster_is_refused_in_a_few_lines(graph: Graph, question: str, said: str) -> None:
    with pytest.raises(QueryError) as caught:
        _ = graph.ask(question).plan
    text = str(caught.value)
    assert text.startswith(said), text[:200]
    assert len(text) < 800


def test_a_budget_stops_a_question_and_says_so(graph: Graph) -> None:
    for budget, said in (
        (
            {"nodes": 3},
            "the question visits more than 3 nodes\n  hint: narrow it, or raise `--max-nodes`",
        ),
        (
            {"seconds": 1e-9},
            "the question runs longer than 1e-09 s\n  hint: narrow it, or raise `--timeout`",
        ),
    ):
        with pytest.raises(BudgetExceeded) as caught:
            len(graph.file("churn.pkl").lineage().within(**budget))
        assert str(caught.value) == said


def test_what_is_told_beside_an_answer_keeps_to_the_time_that_is_left(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    budgets: list[Budget | None] = []
    answer, values = graph.answer, graph.store.values

    def answered(plan: Plan, budget: Budget | None = None) -> Rows:
        budgets.append(budget)
        return answer(plan, budget)

    def held(label: Label, key: str, most: int, budget: Budget) -> list[Value]:
        budgets.append(budget)
        return values(label, key, most, budget)

    monkeypatch.setattr(graph, "answer", answered)
    monkeypatch.setattr(graph.store, "values", held)
    query = graph.ask('file "clean.cvs" [prop.a = 1]').within(seconds=3600)
    assert query.remarks == (
        "no file answers to `clean.cvs`; near it: `clean.csv`, `clean.py`",
        "nothing has `prop.a`",
    )
    left = [budget.seconds for budget in budgets if budget and budget.seconds]
    assert len(left) == len(budgets) > 3
    assert left == sorted(left, reverse=True) and left[-1] < 3600

    late = Beside(graph, 0)
    assert nothing(late, query.plan) is None
    assert list(remarks(late, query.plan, empty=True)) == [
        "no time is left to look for what its names and conditions find"
    ]


HOSTILE = ("it's", '"quoted"', "`back`tick", "$p0", "'; DROP TABLE node; --", "back\\slash", "}) RETURN n //", "{{}}", "?'", "é\0", "%_*")  # fmt: skip


def asked_of_stores(graph: Graph, text: str) -> tuple[list[str], list[str]]:
    """The statements of SQL that are run for a question, and of Cypher that would be."""
    said: list[str] = []
    connection: Any = graph.store._connection  # type: ignore[attr-defined]

    def heard(cursor: object, sql: str, bindings: object) -> bool:
        said.append(sql)
        return True

    connection.exec_trace = heard
    graph.store._warm._engine = "sql"  # type: ignore[attr-defined]  # the same, however often asked
    try:
        query = graph.ask(text)
        len(query)
        list(missing(Beside(graph), query.plan))
    finally:
        connection.exec_trace = None
    return said, [statement.text for statement in statements(optimize(query.plan), "p")]


@pytest.mark.parametrize(
    "question",
    [
        "file {} | lineage",
        "run {}",
        "file x@all [path = {}]",
        "run [user in ({}, {})]",
        "run [param.x ~ {} and tag.y = {}]",
        "file x | lineage stop at (model {}) | where by != {} | sort by path",
    ],
)
def test_what_a_person_writes_is_never_text_of_a_query(graph: Graph, question: str) -> None:
    """The statements are those for a plain word of the same length and shape, to the letter."""
    for name in HOSTILE:
        plain = re.sub(r"[^*?/]", "x", name)
        assert asked_of_stores(graph, question.replace("{}", quoted(name))) == asked_of_stores(
            graph, question.replace("{}", quoted(plain))
        ), name
