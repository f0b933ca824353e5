"""What can stand at a place in an unfinished question? Kinds, names, verbs, phrases, fields, values.

A pure function of the text, the place and a vocabulary; the prompt and the web page ask it. The
grammar says what may follow, the verbs' declarations what an argument takes.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

from provgraph.errors import QueryError
from provgraph.model.vocabulary import EDGE_TYPES, LABELS, Field, FieldType, State
from provgraph.query import fields, shape, verbs
from provgraph.query.binder import Scope, bind
from provgraph.query.syntax import Lexeme, Reached, Span, parse, quoted, reached
from provgraph.query.unfinished import (
    Begun,
    Waiting,
    flat,
    innermost,
    listed_field,
    selector_of,
    type_of,
)
from provgraph.query.verb import Argument, Takes, Verb

Role = Literal["kind", "name", "version", "verb", "phrase", "field", "value", "word", "mark"]

MOST_NAMES: Final = 50


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`text` can stand in the place of `span`; `meaning` is a line about it, or empty."""

    text: str
    span: Span
    role: Role
    meaning: str = ""


def _no_names(kind: str, part: str) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`scope` is what questions are bound in. `names` gives the names of things of a kind (a word of
    the language) that hold some text, the best first."""

    scope: Scope
    names: Callable[[str, str], Iterable[str]] = _no_names


def complete(text: str, cursor: int, vocabulary: Vocabulary) -> list[Suggestion]:
    """What can stand at `cursor`, in the place of the word that ends there.

    >>> known = Vocabulary(Scope(frozenset(("model", "dataset")), 0))
    >>> [found.text for found in complete("model | lin", 11, known)]
    ['lineage']
    >>> [found.text for found in complete("model | lineage st", 18, known)]
    ['stop at']
    >>> [found.text for found in complete("model [si", 9, known)]
    ['size']
    """
    begun = _begun(text[:cursor])
    if begun is None:
        return []
    place = _Place(text[:begun], vocabulary, text[begun:cursor])
    if place.here.end < begun:  # what stands before is not understood
        return []
    span = Span(begun, cursor)
    found = (Suggestion(text, span, role, said) for text, role, said in place.suggestions())
    return list(dict.fromkeys(found))


_PIECE: Final = re.compile(
    r'(?P<comment>#[^\n]*)|@?"(?:[^"\\\n]|\\.)*(?P<closed>")?|@[\w.:/\-]*|(?:~/)?[\w.\-/*?:]+|.',
    re.DOTALL,
)


def _begun(before: str) -> int | None:
    """Where the word that ends the text begins; None inside of a comment.

    >>> _begun('file "my fi'), _begun("file x | lin"), _begun("file x | "), _begun("run # x")
    (5, 9, 9, None)
    """
    at = len(before)
    for piece in _PIECE.finditer(before):
        if piece.end() == len(before):
            if piece["comment"]:
                return None
            whole = piece["closed"] or not re.match(r'[\w"@~./*?:\-]', piece[0])
            at = len(before) if whole else piece.start()
    return at


Found = tuple[str, Role, str]


class _Place:
    """The place after `before`, where `part` has been typed already."""

    def __init__(self, before: str, vocabulary: Vocabulary, part: str) -> None:
        self.before, self.vocabulary, self.part = before, vocabulary, part
        self.here: Reached = reached(before)

    def suggestions(self) -> Iterator[Found]:
        for found in self.candidates():
            if found[1] == "name" or _begins(found[0], self.part):
                yield found

    def candidates(self) -> Iterator[Found]:
        opener, inside = innermost(self.here.open)
        if opener is None or self.is_query(len(self.here.open) - len(inside) - 1):
            yield from self.in_query(inside)
        else:
            rows = self.rows_of_condition(len(self.here.open) - len(inside) - 1)
            yield from self.in_condition(inside, rows)
            yield from self.marks("]", ")")

    def marks(self, *wanted: str) -> Iterator[Found]:
        for terminal, mark, said in _MARKS:
            if mark in wanted and terminal in self.here.accepts:
                yield mark, "mark", said

    # Brackets. `at` is the place of one among what is open.

    def is_query(self, at: int) -> bool:
        """Whether a query stands in this bracket, and no condition or list of values."""
        opener = self.here.open[at]
        assert opener is not None
        if opener.type == "LSQB":
            return False
        if at and type_of(self.here.open[at - 1]) in ("IN", "NOT_IN"):
            return False
        outside, around = innermost(self.here.open[:at])
        if outside is not None and not self.is_query(at - len(around) - 1):
            return False
        stage = self.stage(around, opener.span.start)
        return stage is None or stage.wanted() is not Takes.CONDITION

    def rows_of_condition(self, at: int) -> fields.Rows:
        """The rows that the condition in this bracket is asked of."""
        opener = self.here.open[at]
        outside, around = innermost(self.here.open[:at])
        assert opener is not None
        if opener.type == "LSQB" and (selector := selector_of(around)):
            return self.rows(selector.text)
        if stage := self.stage(around, opener.span.start):
            return self.rows(stage.source)
        if outside is not None:
            return self.rows_of_condition(at - len(around) - 1)
        return ANY_ROWS

    def rows(self, query: str) -> fields.Rows:
        try:
            return fields.rows_of(bind(parse(query), self.vocabulary.scope).plan)
        except QueryError:
            return ANY_ROWS

    # Queries.

    def in_query(self, inside: Waiting) -> Iterator[Found]:
        last = inside[-1] if inside else None
        if not inside or type_of(last) in ("SETOP", "EXPLAIN"):
            yield from self.kinds()
            if "EXPLAIN" in self.here.accepts:
                yield "explain", "word", "show how the question is understood"
        elif type_of(last) == "VBAR":
            yield from self.verbs()
        elif any(type_of(part) == "VBAR" for part in inside):
            yield from self.rest_of_verb(inside)
            if stage := self.stage(inside, len(self.before)):
                yield from self.in_stage(stage)
        else:
            if self.part.startswith("@") and "VERSION" in self.here.accepts:
                yield from self.versions()
            elif "STAR" in self.here.accepts and last is not None:
                yield from self.names(last.text)
            yield from self.marks("[", "|", ")")

    def kinds(self) -> Iterator[Found]:
        yield "file", "kind", "versions of whatever is a file"
        for kind in sorted(self.vocabulary.scope.kinds):
            yield kind, "kind", f"versions of kind {kind}"
        for label in LABELS:
            yield label.lower(), "kind", f"{shape.in_words([label])}"

    def verbs(self) -> Iterator[Found]:
        for name in verbs.names():
            verb = verbs.load(name)
            yield name, "verb", _summary(verb)
            if self.part:
                yield from ((alias, "verb", f"means `{name}`") for alias in verb.aliases)

    def versions(self) -> Iterator[Found]:
        yield "@latest", "version", "the last one"
        yield "@all", "version", "all of them"
        if self.part != "@":
            yield "@commit:", "version", "the one that was there at a commit"

    def names(self, kind: str) -> Iterator[Found]:
        part = self.part.removeprefix('"').replace('\\"', '"')
        found = [name for name in self.vocabulary.names(kind, part) if part.lower() in name.lower()]
        for name in found[:MOST_NAMES]:
            plain = _PLAIN.fullmatch(name) and not self.part.startswith('"')
            yield (name if plain else quoted(name)), "name", ""

    # Stages.

    def stage(self, inside: Waiting, end: int) -> Begun | None:
        """The stage that is being written, if one is, with what stands in it before `end`."""
        bars = [at for at, part in enumerate(inside) if type_of(part) == "VBAR"]
        if not bars or bars[-1] + 1 >= len(inside):
            return None
        bar, word = inside[bars[-1]], inside[bars[-1] + 1]
        if bar is None or word is None:
            return None
        lexemes = [x for x in self.here.lexemes if word.span.end <= x.span.start < end]
        whole = f"{word.text} {lexemes[0].text}" if lexemes else ""
        if whole in verbs.names():
            word, lexemes = Lexeme("WORD", whole, word.span), lexemes[1:]
        verb = verbs.find(word.text)
        if verb is None:
            return None
        return Begun(verb, self.before[self.begin_of(bar) : bar.span.start], flat(lexemes))

    def rest_of_verb(self, inside: Waiting) -> Iterator[Found]:
        """The second word of a verb whose first stands there."""
        bar, word = inside[-2:] if len(inside) > 1 else (None, None)
        if type_of(bar) != "VBAR" or word is None:
            return
        for name in verbs.names():
            if name.startswith(f"{word.text} "):
                yield name.removeprefix(f"{word.text} "), "verb", _summary(verbs.load(name))

    def begin_of(self, bar: Lexeme) -> int:
        """Where the pipeline begins that goes on after a bar."""
        before = [x for x in self.here.open if x is not None and x.span.end <= bar.span.start]
        edges = [x.span.end for x in before if x.type in ("LPAR", "LSQB", "SETOP", "EXPLAIN")]
        return edges[-1] if edges else 0

    def in_stage(self, stage: Begun) -> Iterator[Found]:
        stage.read()
        if stage.halfway:
            yield from ((rest, "phrase", said) for rest, said in stage.rest_of_phrases())
            if stage.wants_phrase:
                return
        wanted = stage.argument
        if wanted is not None:
            yield from self.values(wanted, stage)
        if stage.wants_phrase:
            yield from ((phrase, "phrase", said) for phrase, said in stage.phrases())
        if stage.is_whole:
            yield from self.marks("|", ")")

    def values(self, wanted: Argument, stage: Begun) -> Iterator[Found]:
        last = stage.values[-1] if stage.values else None
        begins = last is None or last.type == "COMMA"
        match wanted.takes:
            case Takes.CONDITION:
                yield from self.in_condition(tuple(stage.values), self.rows(stage.source))
            case Takes.QUERY if begins:
                yield "(", "mark", wanted.meaning
            case Takes.EDGES if begins:
                for edge in EDGE_TYPES:
                    ends = f"{shape.in_words(edge.source)} to {shape.in_words(edge.target)}"
                    yield edge.phrase, "value", f"from {ends}"
            case Takes.FIELDS | Takes.KEYS if begins:
                yield from _fields(self.rows(stage.source))
            case Takes.KEYS if last is not None and last.text not in ("asc", "desc"):
                yield "desc", "word", "the greatest first"
            case Takes.MOMENT if begins:
                yield from _moments()
            case Takes.WORD | Takes.WORDS if begins:
                yield from ((word, "value", "") for word in wanted.choices)
            case _:
                return

    # Conditions.

    def in_condition(self, inside: Waiting, rows: fields.Rows) -> Iterator[Found]:
        last = inside[-1] if inside else None
        if type_of(last) == "OP" or listed_field(self.here.open):
            name = inside[-2] if type_of(last) == "OP" else listed_field(self.here.open)
            yield from self.constants(name.text if name is not None else "", rows)
        elif not inside or type_of(last) in ("AND", "OR", "NOT"):
            yield from _fields(rows)
            yield "not", "word", "turns the condition around"
        elif type_of(last) == "WORD" and "OP" in self.here.accepts:
            assert last is not None
            yield from _operators(_field_called(last.text, rows))
        elif "AND" in self.here.accepts:
            yield "and", "word", ""
            yield "or", "word", ""

    def constants(self, name: str, rows: fields.Rows) -> Iterator[Found]:
        meant = _field_called(name, rows)
        if name == "kind":
            kinds = {*self.vocabulary.scope.kinds} if "Version" in rows.labels else set()
            kinds |= {label.lower() for label in rows.labels - {"Version"}}
            yield from ((kind, "value", "") for kind in sorted(kinds))
        elif name == "state":
            yield from ((state, "value", "") for state in get_args(State))
        elif name in ("path", "name", "names"):
            yield from self.names("version")
        elif meant is not None and meant.type is FieldType.BOOLEAN:
            yield from (("true", "value", ""), ("false", "value", ""))
        elif meant is not None and meant.type is FieldType.TIME:
            yield from _moments()


ANY_ROWS: Final = fields.Rows(frozenset(LABELS), (shape.DEPTH,))
_PLAIN: Final = re.compile(r"[A-Za-z_]\w*(?:[.\-]\w+)*|[A-Za-z_][\w.\-]*/[\w.\-/]*", re.ASCII)
_MARKS: Final = (
    ("LSQB", "[", "a condition"),
    ("VBAR", "|", "then a verb"),
    ("RSQB", "]", ""),
    ("RPAR", ")", ""),
)


def _begins(text: str, part: str) -> bool:
    return text.lower().startswith(part.lower())


def _summary(verb: type[Verb]) -> str:
    return (inspect.getdoc(verb) or "").partition("\n")[0]


def _fields(rows: fields.Rows) -> Iterator[Found]:
    for name in fields.names(rows):
        found = _field_called(name, rows)
        yield name, "field", found.meaning if found else ""


def _field_called(name: str, rows: fields.Rows) -> Field | None:
    owned = (f for x in LABELS if x in rows.labels for f in fields.fields_of(x))
    return next((f for f in (*rows.learned, *owned) if f.name == name), None)


def _operators(meant: Field | None) -> Iterator[Found]:
    type = meant.type if meant is not None else None
    if type in (None, FieldType.BOOLEAN):
        yield from (("and", "word", ""), ("or", "word", ""))
    yield from (("=", "mark", ""), ("!=", "mark", ""))
    if type is not FieldType.BOOLEAN:
        yield from ((sign, "mark", "") for sign in ("<", "<=", ">", ">="))
    if type in (None, FieldType.TEXT, FieldType.TEXTS):
        yield "~", "mark", "a glob"
    yield from (("in (", "word", "one of some values"), ("not in (", "word", ""))


def _moments() -> Iterator[Found]:
    yield from (("today", "value", ""), ("yesterday", "value", ""), ("now", "value", ""))
