"""Which part of a question is what? For colours; a text that is not finished, or wrong, has parts too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from provgraph.query import verbs
from provgraph.query.syntax import Lexeme, Span, reached

Part = Literal[
    "kind",
    "verb",
    "phrase",
    "field",
    "name",
    "text",
    "value",
    "word",
    "operator",
    "comment",
    "unread",
]


def parts(text: str) -> list[tuple[Span, Part]]:
    """In order, without overlaps; blanks belong to none. What cannot be read is `unread`.

    >>> [(text[slice(*span)], part) for text in ["run [exit != 0] ]"] for span, part in parts(text)]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('run', 'kind'), ('[', 'operator'), ('exit', 'field'), ('!=', 'operator'), ('0', 'value'),
     (']', 'operator'), (']', 'unread')]
    """
    here = reached(text)
    found = [(lexeme.span, part) for lexeme, part in _parts(here.lexemes)]
    found += _comments(text, here.lexemes, here.end)
    rest = text[here.end :]
    if rest.strip():
        found.append((Span(here.end, here.end + len(rest.rstrip())), "unread"))
    return sorted(found)


_OF_TYPE: Final[dict[str, Part]] = {
    "STRING": "text",
    "BARE": "name",
    "STAR": "name",
    "VERSION": "value",
    "DATE": "value",
    "DURATION": "value",
    "SIZE": "value",
    "NUMBER": "value",
    "EXPLAIN": "word",
    "AND": "word",
    "OR": "word",
    "NOT": "word",
    "IN": "word",
    "NOT_IN": "word",
}


def _parts(lexemes: tuple[Lexeme, ...]) -> Iterator[tuple[Lexeme, Part]]:
    words = _Words()
    types = [*(lexeme.type for lexeme in lexemes), ""]
    for lexeme, after in zip(lexemes, types[1:], strict=True):
        part = _OF_TYPE.get(lexeme.type, "operator")
        if lexeme.type == "WORD":
            part = words.part(lexeme.text, after)
        words.passed(lexeme, part)
        yield lexeme, part


class _Words:
    """What a word is, from what stood before it."""

    def __init__(self) -> None:
        self.before, self.verb, self.in_brackets = "", "", 0
        self.open: list[str] = []  # the verb around each bracket

    def part(self, word: str, after: str) -> Part:
        if self.before == "VBAR" or f"{self.verb} {word}" in verbs.names():
            return "verb"
        if after in ("OP", "IN", "NOT_IN") or self.before in ("AND", "OR", "NOT", "LSQB"):
            return "field"
        if self.before in ("OP", "IN"):
            return "value"
        if self.before in ("", "SETOP", "EXPLAIN", "LPAR") and not self.in_brackets:
            return "kind"
        if not self.verb:
            return "value" if self.in_brackets else "name"
        return "phrase" if word in _phrase_words(self.verb) else "field"

    def passed(self, lexeme: Lexeme, part: Part) -> None:
        match lexeme.type:
            case "LPAR" | "LSQB":
                self.open.append(self.verb)
                self.verb = ""
                self.in_brackets += lexeme.type == "LSQB"
            case "RPAR" | "RSQB":
                self.verb = self.open.pop() if self.open else ""
                self.in_brackets -= lexeme.type == "RSQB"
            case "SETOP":
                self.verb = ""
        if part == "verb":
            self.verb = lexeme.text if self.before == "VBAR" else f"{self.verb} {lexeme.text}"
        self.before = lexeme.type


def _phrase_words(verb: str) -> frozenset[str]:
    found = verbs.find(verb)
    phrases = [argument.phrase for argument in found.arguments().values()] if found else []
    return frozenset(word for phrase in phrases for word in phrase.split())


def _comments(text: str, lexemes: tuple[Lexeme, ...], end: int) -> Iterator[tuple[Span, Part]]:
    edges = [0, *(edge for lexeme in lexemes for edge in lexeme.span), end]
    for begin, until in zip(edges[::2], edges[1::2], strict=True):
        at = text.find("#", begin, until)
        while at >= 0:
            line = text.find("\n", at, until)
            stop = until if line < 0 else line
            yield Span(at, stop), "comment"
            at = text.find("#", stop, until)
