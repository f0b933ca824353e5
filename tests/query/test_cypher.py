"""Plans as Cypher: what was asked by a user is in the parameters, and no path is followed twice."""

from __future__ import annotations

import re
from random import Random

import pytest
from contract.plans import plan

from provgraph.model.vocabulary import EDGES, FIELDS, LABELS
from provgraph.query.cypher import Cypher
from provgraph.query.explain import statements
from provgraph.query.plan import (
    AllOf,
    AnyOf,
    Column,
    Comparison,
    Condition,
    Exactly,
    Filter,
    Find,
    Globbed,
    Limit,
    Membership,
    Named,
    Negate,
    Plan,
    Project,
    SetOp,
    Sort,
    SortKey,
    Walk,
)

EVIL = "x' OR 1=1 //` }) DETACH DELETE n"
LINEAGE = Walk(Find("Version"), "origin", ("GENERATED_BY", "USED"))

OURS = """
    MATCH WHERE AND OR NOT WITH DISTINCT AS IS NULL IN RETURN ORDER BY DESC LIMIT UNION ALL CALL UNWIND
    EXISTS STARTS CONTAINS CASE WHEN THEN ELSE END STRING true false null any all coalesce collect min
    length size head labels properties relationships startNode endNode toInteger
    max count last n a s r x y c p g sources stops found side sides versions depth label id project
    learned lift coverage support start starts nodes ids effects causes type types on_path group
    e sources targets reasons direct h l line away made SKIP '://' 'file://'
    what near far i first uri removed held each known 'has' 'made' 'removed'
"""
KNOWN = {*OURS.split(), *LABELS, *EDGES}
KNOWN |= {field.key for fields in FIELDS.values() for field in fields}


def where(condition: Condition) -> str:
    text = Cypher.compile(Find("Version", where=condition)).text
    return text.split("WHERE ", 1)[1].split("\n")[0]


def foreign(text: str) -> list[str]:
    """The words of a statement that are neither ours, nor a parameter or a column by its number."""
    words = re.findall(r"'[^']*'|`|\"|\$\w+|[A-Za-z_]\w*|[^\x00-\x7f]", text)
    numbered = re.compile(r"\$p\d+|\$project|c\d+")
    return [word for word in words if word not in KNOWN and not numbered.fullmatch(word)]


def test_a_statement_is_made_of_the_vocabulary_and_of_cyphers_own_words_only() -> None:
    for seed in range(1000):
        for statement in statements(plan(Random(seed)), "p"):
            assert foreign(statement.text) == []


def test_that_check_sees_a_foreign_word() -> None:
    assert foreign("MATCH (n:Version) WHERE n.name = 'a' RETURN evil") == ["'a'", "evil"]


def test_a_parameter_is_there_for_every_use_and_used() -> None:
    for seed in range(500):
        for statement in statements(plan(Random(seed)), "p"):
            used = set(re.findall(r"\$(\w+)", statement.text))
            assert used | {"project"} == set(statement.parameters)


@pytest.mark.parametrize(
    "asked",
    [
        Find("Version", Exactly(EVIL)),
        Find("Version", Named(EVIL)),
        Find("Version", Globbed(f"*{EVIL}")),
        Find("Run", kind=EVIL),
        Find("Run", where=Comparison(EVIL, "=", EVIL)),
        Find("Run", where=Membership(f"param.{EVIL}", (EVIL,))),
        Sort(Find("Run"), (SortKey(EVIL),)),
        Project(Find("Run"), (Column(EVIL, EVIL),)),
    ],
    ids=lambda asked: type(asked).__name__,
)
def test_what_a_user_wrote_is_in_no_text(asked: Plan) -> None:
    assert "DETACH" not in Cypher.compile(asked, EVIL).text


def test_a_label_that_is_no_word_of_the_vocabulary_is_refused() -> None:
    with pytest.raises(AssertionError):
        Cypher.compile(Find(EVIL))  # type: ignore[arg-type]


def test_an_edge_type_that_is_no_word_of_the_vocabulary_is_refused() -> None:
    with pytest.raises(AssertionError):
        Cypher.compile(Walk(Find("Run"), "origin", (EVIL,)))


def test_a_path_is_asked_for_its_smallest_length_or_not_bound() -> None:
    assert "MATCH p = (s)-[:GENERATED_BY|USED*1..]->(n)\nWITH n, min(length(p)) AS depth" in (
        Cypher.compile(LINEAGE).text
    )
    assert "p = " not in Cypher.compile(SetOp("union", LINEAGE, LINEAGE)).text


def test_a_depth_that_nobody_sees_is_not_computed() -> None:
    twice = Walk(LINEAGE, "effect", ("USED",))
    assert Cypher.compile(twice).text.count("min(length(p))") == 1


def test_a_depth_that_a_filter_inside_asks_for_is_computed() -> None:
    near = Filter(LINEAGE, Comparison("depth", "<", 3))
    text = Cypher.compile(SetOp("union", near, LINEAGE)).text
    assert text.count("min(length(p))") == 1


def test_a_limit_inside_has_its_order() -> None:
    text = Cypher.compile(Walk(Limit(LINEAGE, 3), "effect", ("USED",))).text
    assert "WITH * ORDER BY depth, n.at, n.id LIMIT $p0" in text


def test_a_walk_along_no_edge_type_reaches_nothing() -> None:
    text = Cypher.compile(Walk(Find("Run"), "origin", ())).text
    assert "WITH n, 0 AS depth WHERE false" in text
    assert "*1.." not in text


def test_without_a_project_all_projects_are_asked() -> None:
    assert Cypher.compile(Find("Run")).parameters == {}
    assert "project" not in Cypher.compile(Find("Run")).text


def test_the_same_value_is_one_parameter_but_true_is_not_1() -> None:
    text = "(n.by = $p0 AND n.state = $p0)"
    assert where(AllOf((Comparison("by", "=", "a"), Comparison("state", "=", "a")))) == text
    values = Membership("tag.t", (1,)), Membership("tag.t", (1.0,))
    statement = Cypher.compile(Find("Run", where=AnyOf(values)))
    assert list(statement.parameters.values()) == ["tag.t", [1], [1.0]]


def test_null_is_made_false_under_not() -> None:
    assert where(Negate(Comparison("size", "=", 3))) == "NOT coalesce(n.size = $p0, false)"


def test_what_is_missing_is_in_no_list_and_not_outside_of_one() -> None:
    assert where(Membership("kind", ("a",), negated=True)) == (
        "(n.kind IS NOT NULL AND NOT n.kind IN $p0)"
    )


def test_text_against_a_number_is_false_before_it_is_asked() -> None:
    assert where(Comparison("size", "!=", "3")) == "false"
    assert where(Comparison("kind", "<", 3)) == "false"
    assert where(Comparison("depth", "=", 1)) == "false"  # a find gives no depth


def test_an_open_field_may_hold_a_list_text_a_number_or_a_boolean() -> None:
    assert where(Comparison("prop.x", "!=", "a")) == (
        "any(x IN [] + n[$p0] WHERE (x < $p1 OR x > $p1))"
    )
    assert where(Comparison("prop.x", ">=", True)) == (
        "any(x IN [] + n[$p0] WHERE CASE x WHEN true THEN 1 WHEN false THEN 0 ELSE x END >= $p1)"
    )


def test_a_glob_is_a_prefix_and_a_regular_expression_that_is_ours() -> None:
    statement = Cypher.compile(Find("Version", where=Comparison("by", "~", "src/*.(py)")))
    assert "(n.by STARTS WITH $p0 AND n.by =~ $p1)" in statement.text
    assert statement.parameters == {"p0": "src/", "p1": r"(?s)src/[^/]*\.\(py\)"}


def test_a_glob_without_wildcards_is_an_equality() -> None:
    assert where(Comparison("by", "~", "src/a.py")) == "n.by = $p0"
