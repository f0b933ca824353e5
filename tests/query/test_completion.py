"""What is suggested where, and which part of a question is what."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from question_goldens import KINDS, blocks

from provgraph.query import verbs
from provgraph.query.binder import Scope
from provgraph.query.completion import Vocabulary, complete
from provgraph.query.highlighting import parts
from provgraph.query.syntax import parse, reached
from provgraph.query.verb import Takes

FILES = ("raw/a b.csv", "raw/a.csv", "models/churn.pkl", 'say "hi".txt', "9.csv", "m.pkl")


def names(kind: str, part: str) -> Iterable[str]:
    return [name for name in FILES if part in name] if kind in ("file", "version", "model") else []


KNOWN = Vocabulary(Scope(KINDS, 0), names)


def suggested(before: str, after: str = "") -> list[str]:
    return [found.text for found in complete(before + after, len(before), KNOWN)]


def suggested_with_meaning(before: str) -> dict[str, str]:
    return {found.text: found.meaning for found in complete(before, len(before), KNOWN)}


def test_a_question_begins_with_a_kind() -> None:
    found = suggested("")
    assert {"file", "run", "commit", *KINDS, "explain"} <= set(found)
    assert "lineage" not in found
    assert suggested("mo") == ["model"]
    assert "explain" not in suggested("(")


def test_names_come_from_the_graph_and_are_quoted_where_they_must_be() -> None:
    assert suggested("file ra") == ['"raw/a b.csv"', "raw/a.csv"]
    assert suggested('file "raw/a.') == ['"raw/a.csv"']
    assert suggested('file "say') == ['"say \\"hi\\".txt"']
    assert suggested("file 9") == ['"9.csv"']
    assert suggested("run ra") == []


def test_every_verb_is_suggested_after_a_bar_with_what_it_does() -> None:
    found = suggested_with_meaning("file x | ")
    assert tuple(found) == verbs.names()
    assert found["lineage"] == "Everything the rows were made from, directly or not."
    assert suggested("file x | upst") == ["upstream"]


def test_a_verb_of_two_words_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    load = verbs.load
    monkeypatch.setattr(verbs, "names", lambda: ("limit", "lineage again"))
    monkeypatch.setattr(verbs, "load", lambda name: load("lineage" if " " in name else name))
    assert suggested("file x | li") == ["limit", "lineage again"]
    assert suggested("file x | lineage ag") == ["again"]
    assert "depth" in suggested("file x | lineage again ")
    assert suggested("file x | lineage again depth 3 st") == ["stop at"]
    text = "file x | lineage again depth 3"
    assert [part for _, part in parts(text)][3:6] == ["verb", "verb", "phrase"]


def test_the_phrases_of_a_verb_are_suggested_until_they_are_given() -> None:
    assert {"depth", "via", "stop at", "as of", "|"} <= set(suggested("file x | lineage "))
    found = suggested("file x | lineage depth 3 ")
    assert "depth" not in found
    assert "stop at" in found
    assert suggested("file x | lineage stop ") == ["at"]
    assert suggested("file x | lineage depth ") == []


def test_phrases_that_exclude_one_another_are_not_both_suggested() -> None:
    before = "file x | paths to (model churn) "
    assert {"shortest", "all"} <= set(suggested(before))
    for word, other in (("shortest", "all"), ("all", "shortest")):
        assert other not in suggested(f"{before}{word} ")
        assert "depth" in suggested(f"{before}{word} ")


def test_an_argument_is_suggested_what_it_takes() -> None:
    assert suggested("file x | lineage stop at ") == ["("]
    assert "file" in suggested("file x | lineage stop at (")
    assert suggested("file x | lineage via us") == ["used"]
    assert "used" in suggested("file x | lineage via generated, ")
    assert suggested("file x | lineage as of to") == ["today"]
    assert "path" in suggested("file x | select name, ")
    assert suggested("run | sort by started d") == ["desc"]


def test_fields_are_those_of_the_rows() -> None:
    assert "exit" in suggested("run [")
    assert "exit" not in suggested("file [")
    assert {"exit", "size", "depth"} <= set(suggested("file x | lineage | where "))
    assert "depth" not in suggested("(file x | lineage) + file y | where ")
    assert "message" in suggested("file x | lineage stop at (commit [")


def test_a_condition_goes_on_as_the_field_allows() -> None:
    assert "~" in suggested("file [path ")
    assert "~" not in suggested("file [size ")
    assert "and" in suggested("run [dirty ")
    assert suggested("run [exit = 3 ") == ["and", "or", "]"]
    assert suggested("run [exit = 3 an") == ["and"]
    assert "external" in suggested("file [state in (present, ")
    assert suggested("run [dirty = t") == ["true"]
    assert "yesterday" in suggested("run [started > ")
    assert suggested("file x | where (kind = mo") == ["model"]
    assert suggested("file [path = churn") == ["models/churn.pkl"]


def test_versions_follow_a_name() -> None:
    assert suggested("file x@la") == ["@latest"]
    assert suggested("run x@") == ["@latest", "@all"]


def test_nothing_is_suggested_where_nothing_can_be_known() -> None:
    assert suggested("file ] ") == []
    assert suggested("file x | linage ") == []
    assert suggested("file x # fi") == []
    assert suggested('file "x" | where name = "a\\') == []


def test_what_stands_after_the_cursor_does_not_matter() -> None:
    assert suggested("file x | lin", " | ] nonsense") == ["lineage"]


def test_every_kind_of_argument_is_known_to_completion() -> None:
    """A new one is thought of here: does it have words that can be suggested?"""
    without_words = {Takes.NOTHING, Takes.COUNT, Takes.DURATION}
    suggestible = {
        Takes.EDGES,
        Takes.QUERY,
        Takes.MOMENT,
        Takes.CONDITION,
        Takes.FIELDS,
        Takes.KEYS,
        Takes.WORD,
        Takes.WORDS,
    }
    assert set(Takes) == without_words | suggestible


EXAMPLES = sorted(
    {
        *(example for name in verbs.names() for example in verbs.load(name).examples),
        *(question for question, _ in blocks("plans.txt")),
    }
)
SUGGESTED = ("kind", "verb", "phrase", "word")


@pytest.mark.parametrize("question", EXAMPLES)
def test_the_words_of_a_question_are_suggested_where_they_stand(question: str) -> None:
    """All that is no name or value, from the blank before it and from its first letter on."""
    for span, part in parts(question):
        word = question[slice(*span)]
        if part not in SUGGESTED or word == "asc":
            continue
        if part == "word" and word.startswith("not") and word != "not":
            continue  # `not in` is one token
        for typed in (0, 1) if part != "verb" or word in verbs.names() else (1,):
            found = suggested(question[: span.start + typed])
            assert any(word in text.split() or word in text for text in found), (word, typed, found)


@pytest.mark.parametrize("question", EXAMPLES)
def test_what_is_suggested_can_be_read(question: str) -> None:
    for cursor in range(len(question) + 1):
        for found in complete(question, cursor, KNOWN):
            name = "x" if found.text.endswith(".") else ""  # `param.` wants one
            text = question[: found.span.start] + found.text + name
            assert found.span.end == cursor
            assert reached(text).end == len(text), text


@given(st.text(alphabet='file lineage|[]()@="kind,& \n#-*.3', max_size=30), st.data())
def test_any_text_may_be_completed_and_coloured(text: str, data: st.DataObject) -> None:
    cursor = data.draw(st.integers(0, len(text)))
    for found in complete(text, cursor, KNOWN):
        assert found.span.end == cursor
    ends = 0
    for span, _ in parts(text):
        assert ends <= span.start < span.end <= len(text)
        ends = span.end


@pytest.mark.parametrize("question", EXAMPLES)
def test_every_letter_of_a_question_has_a_part(question: str) -> None:
    parse(question)
    covered = "".join(question[slice(*span)] for span, _ in parts(question))
    assert re.sub(r"\s", "", covered) == re.sub(r"\s", "", question)
    assert "unread" not in {part for _, part in parts(question)}


def test_the_parts_of_a_question_are_told_apart() -> None:
    text = '# which?\nfile "m" @3 | lineage stop at (run [dirty]) | where kind = model and not size > 1MB'
    named = {text[slice(*span)]: part for span, part in parts(text)}
    assert named | {"|": "operator"} == {
        "# which?": "comment",
        "file": "kind",
        '"m"': "text",
        "@3": "value",
        "|": "operator",
        "lineage": "verb",
        "stop": "phrase",
        "at": "phrase",
        "(": "operator",
        "run": "kind",
        "[": "operator",
        "dirty": "field",
        "]": "operator",
        ")": "operator",
        "where": "verb",
        "kind": "field",
        "=": "operator",
        "model": "value",
        "and": "word",
        "not": "word",
        "size": "field",
        ">": "operator",
        "1MB": "value",
    }


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 50
