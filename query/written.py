"""Syntax tree -> text: the question as it would be written, and the tree with its places in it.

`parse` reads that text back as the same tree; so what was put together by a program can be shown, and
its mistakes point into a text as a person's do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, TypeVar, assert_never

from provgraph.errors import QuerySyntaxError
from provgraph.query.syntax import (
    DEEPEST,
    AllOf,
    AnyOf,
    Comma,
    Comparison,
    Constant,
    Filter,
    Group,
    Item,
    Membership,
    Negate,
    Pipeline,
    Query,
    Selector,
    SetOperation,
    Span,
    Stage,
    Star,
    Syntax,
    Value,
    Version,
    Word,
    quoted,
)

T = TypeVar("T")
_PLAIN_VERSION: Final = re.compile(r"[A-Za-z0-9][\w.:/\-]*")
_WORD: Final = re.compile(r"[A-Za-z_]\w*(?:[.\-]\w+)*")


def written(query: Query) -> Syntax:
    """The question. Raises `QuerySyntaxError` if it nests too deeply, or if a word in it is none.

    >>> lineage = Stage(Word("lineage", NOWHERE), (), NOWHERE)
    >>> file = Selector(Word("file", NOWHERE), Constant("string", "a b", NOWHERE), None, None, NOWHERE)
    >>> question = written(Pipeline(file, (lineage,), NOWHERE))
    >>> question.text, question.query.stages[0].span
    ('file "a b" | lineage', Span(start=13, end=20))
    """
    writer = _Writer()
    tree = writer.query(query)
    question = Syntax(writer.text, False, tree)
    if writer.wrong is not None:
        word = writer.wrong
        raise QuerySyntaxError(
            f"`{word.text}` is no word of the language",
            text=question.text,
            start=word.span.start,
            end=word.span.end,
        )
    return question


NOWHERE: Final = Span(0, 0)
"""The span of a node that stands in no text yet."""


class _Writer:
    """Puts down nodes one after the other, and gives back each with its span."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.at = 0
        self.level = 0
        self.wrong: Word | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def put(self, text: str) -> Span:
        start, self.at = self.at, self.at + len(text)
        self.pieces.append(text)
        return Span(start, self.at)

    def joined(self, parts: Sequence[T], by: str, put: Callable[[T], T]) -> tuple[T, ...]:
        found: list[T] = []
        for part in parts:
            if found:
                self.put(by)
            found.append(put(part))
        return tuple(found)

    @contextmanager
    def deeper(self, levels: int = 1) -> Iterator[int]:
        self.level += levels
        if self.level > DEEPEST:
            raise QuerySyntaxError(
                f"this nests more than {DEEPEST} levels deep", text=self.text, start=0, end=0
            )
        yield self.at
        self.level -= levels

    # Queries.

    def query(self, node: Query) -> Query:
        match node:
            case Selector():
                return self.selector(node)
            case Pipeline():
                return self.pipeline(node)
            case SetOperation():
                return self.sets(node)
            case Group():
                return self.group(node)
            case _:
                assert_never(node)

    def selector(self, node: Selector) -> Selector:
        with self.deeper() as start:
            word, name, version, condition = self.word(node.word), None, None, None
            if node.name is not None:
                self.put(" ")
                name = self.name(node.name)
            if node.version is not None:
                version = self.version(node.version)
            if node.filter is not None:
                self.put(" ")
                condition = self.filter(node.filter)
            return Selector(word, name, version, condition, Span(start, self.at))

    def name(self, node: Word | Constant | Star) -> Word | Constant | Star:
        match node:
            case Word():
                return self.word(node)
            case Constant():
                return self.constant(node)
            case Star():
                return Star(self.put("*"))
            case _:
                assert_never(node)

    def version(self, node: Version) -> Version:
        plain = _PLAIN_VERSION.fullmatch(node.text)
        return replace(node, span=self.put(f"@{node.text if plain else quoted(node.text)}"))

    def pipeline(self, node: Pipeline) -> Pipeline:
        with self.deeper(len(node.stages)) as start:
            source = self.query(node.source)
            self.put(" | ")
            stages = self.joined(node.stages, " | ", self.stage)
            return Pipeline(source, stages, Span(start, self.at))

    def stage(self, node: Stage) -> Stage:
        with self.deeper() as start:
            verb = self.word(node.verb)
            items: list[Item] = []
            for item in node.items:
                if not isinstance(item, Comma):
                    self.put(" ")
                items.append(self.item(item))
            return Stage(verb, tuple(items), Span(start, self.at))

    def sets(self, node: SetOperation) -> SetOperation:
        with self.deeper() as start:
            operands = self.joined(node.operands, f" {node.operator} ", self.query)
            return replace(node, operands=operands, span=Span(start, self.at))

    # Items and conditions.

    def item(self, node: Item) -> Item:
        match node:
            case Word():
                return self.word(node)
            case Constant():
                return self.constant(node)
            case Star():
                return Star(self.put("*"))
            case Version():
                return self.version(node)
            case Comma():
                return Comma(self.put(","))
            case Comparison():
                return self.comparison(node)
            case Membership():
                return self.membership(node)
            case AllOf():
                return self.all_of(node)
            case AnyOf():
                return self.any_of(node)
            case Negate():
                return self.negate(node)
            case Group():
                return self.group(node)
            case Filter():
                return self.filter(node)
            case _:
                assert_never(node)

    def comparison(self, node: Comparison) -> Comparison:
        with self.deeper() as start:
            name = self.word(node.name)
            self.put(f" {node.operator} ")
            return Comparison(name, node.operator, self.value(node.value), Span(start, self.at))

    def membership(self, node: Membership) -> Membership:
        with self.deeper() as start:
            name = self.word(node.name)
            self.put(" not in (" if node.negated else " in (")
            values = self.joined(node.values, ", ", self.value)
            self.put(")")
            return Membership(name, values, node.negated, Span(start, self.at))

    def all_of(self, node: AllOf) -> AllOf:
        with self.deeper() as start:
            return AllOf(self.joined(node.conditions, " and ", self.item), Span(start, self.at))

    def any_of(self, node: AnyOf) -> AnyOf:
        with self.deeper() as start:
            return AnyOf(self.joined(node.conditions, " or ", self.item), Span(start, self.at))

    def negate(self, node: Negate) -> Negate:
        with self.deeper() as start:
            self.put("not ")
            return Negate(self.item(node.condition), Span(start, self.at))

    def group(self, node: Group) -> Group:
        with self.deeper() as start:
            self.put("(")
            content: Query | Item
            match node.content:
                case Selector() | Pipeline() | SetOperation():
                    content = self.query(node.content)
                case _:
                    content = self.item(node.content)
            self.put(")")
            return Group(content, Span(start, self.at))

    def filter(self, node: Filter) -> Filter:
        with self.deeper() as start:
            self.put("[")
            condition = self.item(node.condition)
            self.put("]")
            return Filter(condition, Span(start, self.at))

    # Words and values.

    def word(self, node: Word) -> Word:
        found = replace(node, span=self.put(node.text))
        if not _WORD.fullmatch(node.text) and self.wrong is None:
            self.wrong = found
        return found

    def value(self, node: Value) -> Value:
        return self.word(node) if isinstance(node, Word) else self.constant(node)

    def constant(self, node: Constant) -> Constant:
        text = quoted(node.text) if node.form == "string" else node.text
        return replace(node, span=self.put(text))
