"""A mistake in a question: what is wrong, where, and the nearest right thing.

The stages raise it without the text; `bind` puts the text to it.
"""

from __future__ import annotations

from collections.abc import Iterable

from provgraph.query.syntax import Span


class Mistake(Exception):
    def __init__(self, message: str, span: Span, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.span, self.hint = message, span, hint


def nearest(word: str, known: Iterable[str]) -> str | None:
    """
    >>> nearest("linage", ["lineage", "impact"]), nearest("xyz", ["lineage"])
    ('`lineage` might be meant', None)
    """
    from difflib import get_close_matches

    found = get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.7)
    return f"`{found[0]}` might be meant" if found else None


def listed(words: Iterable[str], joint: str = "and") -> str:
    """
    >>> listed(["a"]), listed(["a", "b", "c"], "or")
    ('a', 'a, b or c')
    """
    *most, last = words
    return f"{', '.join(most)} {joint} {last}" if most else last
