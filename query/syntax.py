"""Text -> syntax tree: what was written, and where.

Every node has its span. Lark (LALR, contextual lexer) stays inside this file. The tree knows words,
not their meaning: that is the binder's.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from provgraph.errors import QuerySyntaxError

if TYPE_CHECKING:
    from lark import Lark, Token, Tree
    from lark.exceptions import UnexpectedInput

DEEPEST: Final = 200
"""How many levels a tree may have; the stages of a pipeline stand on one another and count too."""

LONGEST: Final = 200_000
"""How many characters a question may have."""


class Span(NamedTuple):
    """Character offsets into the text, the end excluded."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    span: Span = field(compare=False)


Form = Literal["string", "date", "duration", "size", "number", "bare"]


@dataclass(frozen=True, slots=True)
class Constant:
    """A value as it was written; a string's quotes and escapes are already taken off."""

    form: Form
    text: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Star:
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Version:
    """What stands after `@`, without quotes."""

    text: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Comma:
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    name: Word
    operator: Literal["=", "!=", "<", "<=", ">", ">=", "~"]
    value: Value
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Membership:
    name: Word
    values: tuple[Value, ...]
    negated: bool
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class AllOf:
    conditions: tuple[Item, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: tuple[Item, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Negate:
    condition: Item
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Group:
    """Parentheses. `(model)` is a group with a selector, also where a condition is meant."""

    content: Query | Item
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Filter:
    """Brackets."""

    condition: Item
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Stage:
    """A verb and what follows it."""

    verb: Word
    items: tuple[Item, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Selector:
    word: Word
    name: Word | Constant | Star | None
    version: Version | None
    filter: Filter | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """At least one stage."""

    source: Query
    stages: tuple[Stage, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class SetOperation:
    """At least two operands, from left to right."""

    operator: Literal["&", "+", "-"]
    operands: tuple[Query, ...]
    span: Span = field(compare=False)


Value = Word | Constant
Condition = Comparison | Membership | AllOf | AnyOf | Negate | Word | Group
Item = Condition | Constant | Star | Version | Comma | Filter
Query = Selector | Pipeline | SetOperation | Group
Node = Query | Item | Stage


@dataclass(frozen=True, slots=True)
class Syntax:
    """A whole question."""

    text: str
    explain: bool
    query: Query


def parse(text: str) -> Syntax:
    """The syntax tree of a question. Raises `QuerySyntaxError`.

    >>> parse('file "m.pkl" | lineage depth 3').query.stages[0].verb.text
    'lineage'
    """
    tree = _parsed(text, "start")
    query: Any = tree.children[-1]
    return Syntax(text, len(tree.children) > 1, _built(text, query))


def parse_condition(text: str) -> Condition:
    """The syntax tree of a condition that stands alone. Raises `QuerySyntaxError`.

    >>> parse_condition("exit != 0 and dirty").conditions[1].text
    'dirty'
    """
    condition: Condition = _built(text, _parsed(text, "condition"))
    return condition


def _parsed(text: str, start: _Start) -> Tree[Token]:
    from lark.exceptions import UnexpectedInput

    _refuse_monsters(text)
    try:
        return _parser(start).parse(text)
    except UnexpectedInput as error:
        raise _syntax_error(text, error) from None


@dataclass(frozen=True, slots=True)
class Lexeme:
    """A token: `type` is its terminal in the grammar."""

    type: str
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a text can be read that need not be a whole question.

    `lexemes` are its tokens up to `end`, where reading stopped. `open` is what waits for more, from
    the outside in: tokens, and None for each part that is complete. `accepts` are the terminals of
    the grammar that can follow.
    """

    lexemes: tuple[Lexeme, ...]
    open: tuple[Lexeme | None, ...]
    accepts: frozenset[str]
    end: int


def reached(text: str) -> Reached:
    """Never raises; of a text that is too long to be a question, nothing is read.

    >>> here = reached('file "m.pkl" | lineage ]')
    >>> [lexeme.text for lexeme in here.lexemes], here.end
    (['file', '"m.pkl"', '|', 'lineage'], 23)
    """
    from lark.exceptions import UnexpectedInput

    if len(text) > LONGEST:
        return Reached((), (), frozenset(), 0)
    parser: Any = _parser("start").parse_interactive(text)
    lexemes: list[Lexeme] = []
    end = len(text)
    try:
        lexemes.extend(map(_lexeme, parser.iter_parse()))
    except UnexpectedInput as error:
        end = error.pos_in_stream if error.pos_in_stream is not None else end
    stack = parser.parser_state.value_stack
    waiting = tuple(_lexeme(part) if hasattr(part, "type") else None for part in stack)
    read = tuple(lexeme for lexeme in lexemes if lexeme.span.end <= end)
    return Reached(read, _without_closed(waiting), frozenset(parser.accepts()), end)


def _without_closed(waiting: tuple[Lexeme | None, ...]) -> tuple[Lexeme | None, ...]:
    """What waits, where the bracket that closed last, before anything followed it, is one part."""
    last = waiting[-1] if waiting else None
    if last is None or last.type not in ("RPAR", "RSQB"):
        return waiting
    opener = "LPAR" if last.type == "RPAR" else "LSQB"
    at = max(at for at, part in enumerate(waiting) if part is not None and part.type == opener)
    return (*waiting[:at], None)


def _lexeme(token: Token) -> Lexeme:
    return Lexeme(token.type, str(token), _span(token))


def quoted(text: str) -> str:
    """The text as a string of the language; it parses back to itself.

    >>> print(quoted('say "hi"'))
    "say \\"hi\\""
    """
    return '"' + re.sub(r'["\\\n\r\t]', lambda found: _ESCAPED[found[0]], text) + '"'


_ESCAPED: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNESCAPED: Final = {escape: character for character, escape in _ESCAPED.items()}


# The parser, kept between processes: docs/decisions/parser-cache.md says why.


_BRACKET: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|#[^\n]*|([(\[])|([)\]])')


def _refuse_monsters(text: str) -> None:
    """What is too long or too deep is told so before a parser spends seconds on it."""
    if len(text) > LONGEST:
        message = f"the question is longer than {LONGEST:,} characters"
        raise QuerySyntaxError(message, text=text, start=LONGEST, end=0)
    depth = 0
    for found in _BRACKET.finditer(text):
        depth += bool(found[1]) - bool(found[2])
        if depth > DEEPEST:
            raise _too_deep(text, found.start())


def _too_deep(text: str, start: int) -> QuerySyntaxError:
    message = f"this nests more than {DEEPEST} levels deep"
    return QuerySyntaxError(message, text=text, start=start, end=0)


_Start = Literal["start", "condition"]


@cache
def _parser(start: _Start) -> Lark:
    from lark import Lark

    grammar = Path(__file__).with_name("grammar.lark").read_text("utf-8")
    kept = _cache_file(start) or False
    return Lark(grammar, parser="lalr", start=start, propagate_positions=True, cache=kept)


def _cache_file(start: _Start) -> str | None:
    """Where the parser is kept. None where that folder cannot be had, or is another user's: the
    file is a pickle, and loading one is running it. Lark reads a torn file as an absent one."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    folder = (Path(home) if home.startswith("/") else Path("~/.cache")) / "provgraph"
    try:
        folder = folder.expanduser()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat().st_uid
    except (OSError, RuntimeError):
        return None
    if owner != os.geteuid():
        return None
    part = "" if start == "start" else f"-{start}"
    return str(folder / f"parser{part}-{sys.implementation.cache_tag}")


# Lark's errors -> ours.


def _syntax_error(text: str, error: UnexpectedInput) -> QuerySyntaxError:
    parser: Any = error.interactive_parser
    accepted: frozenset[str] = frozenset(parser.accepts()) or frozenset({"$END"})
    expected = _in_words(accepted)
    if expected == "a condition" and not re.search(r"[\[|]", text[: error.pos_in_stream]):
        expected = "a query"  # in a parenthesis that may yet become either
    token = getattr(error, "token", None)
    if token is not None and token.type == "$END" and "EXPLAIN" in accepted:
        return QuerySyntaxError(
            "the question is empty", text=text, start=0, end=1, hint=f"try `{_EXAMPLE}`"
        )
    if token is not None and token.type == "$END":
        end = len(text.rstrip())
        message = f"the question ends where {expected} is expected"
        return QuerySyntaxError(message, text=text, start=end, end=end + 1)
    start = error.pos_in_stream
    assert start is not None
    found = str(token) if token is not None else _run_at(text, start)
    message, hint = f"{_shown(found)} where {expected} is expected", None
    if found == '"':
        message = "the quote that opens here is not closed on its line"
    elif found == "@":
        message, hint = (
            "`@` without a version",
            "`@3`, `@latest`, `@all`, `@2026-11-20`, `@1a2b3c4`",
        )
    else:
        hint = _advice(text[:start].rstrip(), found, accepted)
    return QuerySyntaxError(message, text=text, start=start, end=start + len(found), hint=hint)


_EXAMPLE: Final = 'file "m.pkl" | lineage'


def _run_at(text: str, start: int) -> str:
    """What a reader takes for one word there."""
    run = re.compile(r"[\w.\-]+").match(text, start)
    return run[0] if run else text[start]


def _shown(found: str) -> str:
    return f"`{found}`" if found.isprintable() else f"the character U+{ord(found[0]):04X}"


def _unjoined(before: str, found: str) -> str:
    """What to do with a word that stands behind a selector as if it belonged to it.

    >>> _unjoined("model", "lineage"), _unjoined("model where", "size")
    ('a verb follows `|`: `| lineage`', 'a verb follows `|`: `| where size`')
    """
    from provgraph.query.verbs import names

    words = [*before.split()[-1:], found]
    for first in range(len(words)):
        if words[first] in names():
            return f"a verb follows `|`: `| {' '.join(words[first:])}`"
    return "a name with blanks stands in quotes; verbs follow `|`"


def _advice(before: str, found: str, accepted: frozenset[str]) -> str | None:
    if found == "'":
        return "text stands in double quotes"
    if found == "=" and before.endswith("="):
        return "`=` compares"
    if found == "|" and before.endswith("|"):
        return "`or` joins conditions, `+` sets"
    if found == "&" and before.endswith("&"):
        return "`and` joins conditions, `&` sets"
    if found.startswith("-") and "SETOP" in accepted:
        return "`-` between sets has a blank on each side"
    if "BARE" in accepted and found[0].isalnum():
        return f"in quotes it can stand here: {quoted(found)}"
    if "VERSION" in accepted and "LSQB" in accepted and "BARE" not in accepted:
        return _unjoined(before, found)
    return None


_WHOLE: Final = {
    frozenset({"WORD"}): "a verb",
    frozenset({"WORD", "LPAR"}): "a query",
    frozenset({"EXPLAIN", "WORD", "LPAR"}): "a query",
    frozenset({"NOT", "WORD", "LPAR"}): "a condition",
}
_VALUES: Final = frozenset({"STRING", "DATE", "DURATION", "SIZE", "NUMBER", "BARE", "WORD"})
_NAMES: Final = frozenset({"STRING", "BARE", "WORD", "STAR"})
_IN_WORDS: Final = {
    "WORD": "a word",
    "STRING": "text in quotes",
    "VERSION": "`@` and a version",
    "LSQB": "`[`",
    "OP": "an operator such as `=`",
    "AND": "`and`",
    "OR": "`or`",
    "COMMA": "`,`",
    "RSQB": "`]`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "VBAR": "`|`",
    "SETOP": "`&`, `+`, `-`",
    "$END": "the end",
}


def _in_words(terminals: frozenset[str]) -> str:
    """
    >>> _in_words(frozenset({"RPAR", "COMMA"})), _in_words(frozenset({"NOT", "WORD", "LPAR"}))
    ('`,` or `)`', 'a condition')
    """
    if terminals in _WHOLE:
        return _WHOLE[terminals]
    words = []
    if terminals >= _VALUES:
        words.append("an argument" if "LPAR" in terminals else "a value")
        terminals = terminals - _VALUES - {"LPAR", "STAR", "NOT", "LSQB", "VERSION", "COMMA"}
    elif terminals >= _NAMES:
        words.append("a name")
        terminals = terminals - _NAMES
    words += [word for terminal, word in _IN_WORDS.items() if terminal in terminals]
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


# Lark's tree -> ours, children first, without recursion.


def _built(text: str, root: Tree[Token]) -> Any:
    nodes: dict[int, Any] = {}
    levels: dict[int, int] = {}
    for tree in root.iter_subtrees():
        children = [nodes.get(id(child), child) for child in tree.children]
        span = Span(tree.meta.start_pos, tree.meta.end_pos)
        below = max((levels.get(id(child), 0) for child in tree.children), default=0)
        level = below + (len(children) - 1 if tree.data == "pipeline" else 1)
        if level > DEEPEST:
            raise _too_deep(text, span.start)
        levels[id(tree)] = level
        nodes[id(tree)] = _RULES[tree.data](_Source(text, span), children)
    return nodes[id(root)]


class _Source(NamedTuple):
    text: str
    span: Span


def _span(token: Token) -> Span:
    assert token.start_pos is not None and token.end_pos is not None
    return Span(token.start_pos, token.end_pos)


def _word(token: Token) -> Word:
    return Word(str(token), _span(token))


def _constant(source: _Source, token: Token) -> Constant:
    if token.type == "STRING":
        return Constant("string", _unquoted(source.text, str(token), _span(token)), _span(token))
    return Constant(token.type.lower(), str(token), _span(token))  # type: ignore[arg-type]


def _unquoted(text: str, token: str, span: Span) -> str:
    def character(found: re.Match[str]) -> str:
        if found[0] in _UNESCAPED:
            return _UNESCAPED[found[0]]
        start = span.start + 1 + found.start()
        raise QuerySyntaxError(
            f"unknown escape `{found[0]}`",
            text=text,
            start=start,
            end=start + 2,
            hint="a backslash is written `\\\\`",
        )

    return re.sub(r"\\(.)", character, token[1:-1])


def _version(source: _Source, token: Token) -> Version:
    written = token[1:]
    if written.startswith('"'):
        span = _span(token)
        written = _unquoted(source.text, written, Span(span.start + 1, span.end))
    return Version(written, _span(token))


def _leaf(source: _Source, child: Any) -> Any:
    """A name or value, from its token; nodes stay what they are."""
    match getattr(child, "type", None):
        case None:
            return child
        case "WORD":
            return _word(child)
        case "STAR":
            return Star(_span(child))
        case "COMMA":
            return Comma(_span(child))
        case "VERSION":
            return _version(source, child)
        case _:
            return _constant(source, child)


def _only(source: _Source, children: list[Any]) -> Any:
    return _leaf(source, children[0])


def _selector(source: _Source, children: list[Any]) -> Selector:
    word, *rest = [_leaf(source, child) for child in children]
    version = next((part for part in rest if isinstance(part, Version)), None)
    condition = next((part for part in rest if isinstance(part, Filter)), None)
    name = next((part for part in rest if isinstance(part, Word | Constant | Star)), None)
    return Selector(word, name, version, condition, source.span)


def _pipeline(source: _Source, children: list[Any]) -> Pipeline:
    return Pipeline(children[0], tuple(children[1:]), source.span)


def _stage(source: _Source, children: list[Any]) -> Stage:
    verb, *items = [_leaf(source, child) for child in children]
    return Stage(verb, tuple(items), source.span)


def _set_operation(source: _Source, children: list[Any]) -> SetOperation:
    first, *others = operators = children[1::2]
    for other in others:
        if other != first:
            raise QuerySyntaxError(
                f"`{first}` and `{other}` are mixed without parentheses",
                text=source.text,
                start=_span(other).start,
                end=_span(other).end,
                hint=f"`(a {first} b) {other} c` and `a {first} (b {other} c)` mean different sets",
            )
    return SetOperation(str(operators[0]), tuple(children[::2]), source.span)  # type: ignore[arg-type]


def _comparison(source: _Source, children: list[Any]) -> Comparison:
    name, operator, value = children
    return Comparison(_word(name), str(operator), value, source.span)  # type: ignore[arg-type]


def _membership(source: _Source, children: list[Any]) -> Membership:
    name, operator, *values = children
    found = tuple(value for value in values if isinstance(value, Word | Constant))
    return Membership(_word(name), found, operator.type == "NOT_IN", source.span)


def _conditions(kind: type[AllOf | AnyOf]) -> Callable[[_Source, list[Any]], Item]:
    def build(source: _Source, children: list[Any]) -> Item:
        return kind(tuple(c for c in children if not hasattr(c, "type")), source.span)

    return build


_RULES: Final[dict[str, Callable[[_Source, list[Any]], Any]]] = {
    "selector": _selector,
    "name": _only,
    "filter": lambda source, children: Filter(children[0], source.span),
    "group": lambda source, children: Group(children[0], source.span),
    "any_of": _conditions(AnyOf),
    "all_of": _conditions(AllOf),
    "negate": lambda source, children: Negate(children[-1], source.span),
    "word": _only,
    "version": _only,
    "star": _only,
    "literal": _only,
    "stage": _stage,
    "pipeline": _pipeline,
    "setop": _set_operation,
    "comparison": _comparison,
    "membership": _membership,
}
