"""What a mistake in a question is answered with, to the letter."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from provgraph.errors import QueryError
from provgraph.query.binder import Bound


@pytest.mark.golden("errors.txt")
def test_a_mistake_points_names_and_offers_a_way_on(
    question: str, expected: str, meaning: Callable[[str], Bound]
) -> None:
    with pytest.raises(QueryError) as caught:
        meaning(question)
    assert str(caught.value) == expected


@pytest.mark.parametrize("question", ["", "  \n ", "# only a remark"])
def test_an_empty_question_is_said_to_be_empty(
    question: str, meaning: Callable[[str], Bound]
) -> None:
    with pytest.raises(QueryError, match="the question is empty"):
        meaning(question)


def test_a_character_that_cannot_be_seen_is_named(meaning: Callable[[str], Bound]) -> None:
    with pytest.raises(QueryError, match=r"the character U\+200B where a verb is expected"):
        meaning("file x | \u200blineage")
