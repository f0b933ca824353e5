"""Python values -> syntax tree: how a program says what a person would write.

The nodes stand nowhere until `written` puts them into a text. A value of a wrong type is a TypeError, as
any call's; what the language would refuse is left to the binder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from provgraph.model.vocabulary import OPEN_FIELDS
from provgraph.query import verbs
from provgraph.query.syntax import (
    AllOf,
    AnyOf,
    Comma,
    Comparison,
    Constant,
    Filter,
    Form,
    Group,
    Item,
    Membership,
    Pipeline,
    Query,
    Selector,
    SetOperation,
    Stage,
    Value,
    Version,
    Word,
    parse,
    parse_condition,
)
from provgraph.query.verb import Argument, Takes
from provgraph.query.written import NOWHERE

One = str | bool | int | float | date | timedelta
"""What a field is compared with. A `datetime` is a moment, a `date` a day, a `timedelta` a duration; a
text where a duration, size or date is wanted is read as the language writes one."""

Constants = One | Iterable[One]
"""One value, or several of which one must be met."""


def selector(
    kind: str,
    name: str | os.PathLike[str] | None = None,
    *,
    version: str | int | date | None = None,
    where: str | None = None,
) -> Selector:
    """
    >>> from provgraph.query.written import written
    >>> written(selector("file", "raw.csv", version=3, where="size > 10MB")).text
    'file "raw.csv"@3 [size > 10MB]'
    """
    named = None if name is None else Constant("string", _name(name), NOWHERE)
    condition = None if where is None else Filter(parse_condition(where), NOWHERE)
    return Selector(
        Word(kind, NOWHERE),
        named,
        None if version is None else Version(_version(version), NOWHERE),
        condition,
        NOWHERE,
    )


def _name(name: str | os.PathLike[str]) -> str:
    """A path object means that path on this machine."""
    return name if isinstance(name, str) else os.path.abspath(os.fspath(name))


def _version(version: str | int | date) -> str:
    if isinstance(version, bool) or not isinstance(version, str | int | date):
        raise TypeError(f"a version is text, a number or a date, not {version!r}")
    return moment_text(version) if isinstance(version, date) else str(version)


def moment_text(moment: date) -> str:
    """A date as the language writes it; a datetime without a zone is UTC, as in the language.

    >>> moment_text(date(2026, 11, 20)), moment_text(datetime(2026, 11, 20, 12, 30))
    ('2026-11-20', '2026-11-20T12:30:00.000000Z')
    """
    if not isinstance(moment, datetime):
        return moment.isoformat()
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return f"{zoned.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def extended(source: Query, verb: str, given: Mapping[str, Any]) -> Pipeline:
    """A query with one more verb. Arguments that are None, empty or False are as if not given."""
    added = stage(verb, given)
    if isinstance(source, Pipeline):
        return Pipeline(source.source, (*source.stages, added), NOWHERE)
    inner = Group(source, NOWHERE) if isinstance(source, SetOperation) else source
    return Pipeline(inner, (added,), NOWHERE)


def combined(left: Query, operator: str, right: Query) -> SetOperation:
    """`a + b + c` is one operation of three; other operators in it stand in parentheses."""
    first = (
        left.operands
        if isinstance(left, SetOperation) and left.operator == operator
        else (_operand(left),)
    )
    return SetOperation(operator, (*first, _operand(right)), NOWHERE)  # type: ignore[arg-type]


def _operand(query: Query) -> Query:
    return query if isinstance(query, Selector | Group) else Group(query, NOWHERE)


def stage(verb: str, given: Mapping[str, Any]) -> Stage:
    """A verb with its arguments, by the names that its declaration gives them.

    >>> from provgraph.query.written import written
    >>> lineage = stage("lineage", {"depth": 3, "via": ("used", "generated"), "stop_at": None})
    >>> written(Pipeline(selector("file"), (lineage,), NOWHERE)).text
    'file | lineage depth 3 via used, generated'
    """
    found = verbs.load(verb)
    leading: list[Item] = []
    phrased: list[Item] = []
    for name, argument in found.arguments().items():
        value = given.get(name)
        if value is None or value == () or value is False:
            continue
        items = BUILDERS[argument.takes](value)
        if argument.leads and not leading:
            leading += items
        else:
            phrased += [*(Word(word, NOWHERE) for word in argument.phrase.split()), *items]
    first, *rest = (Word(word, NOWHERE) for word in verb.split())
    return Stage(first, (*rest, *leading, *phrased), NOWHERE)


# One builder for each thing that an argument takes.


def _nothing(value: Any) -> list[Item]:
    if value is not True:
        raise TypeError(f"{value!r} is not True or False")
    return []


def _count(value: Any) -> list[Item]:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return [Constant("number", str(value), NOWHERE)]


def _listed(words: Iterable[list[Item]]) -> list[Item]:
    found: list[Item] = []
    for items in words:
        found += [Comma(NOWHERE), *items] if found else items
    return found


def _words(value: Any) -> list[Item]:
    return _listed([Word(word, NOWHERE)] for word in texts(value))


def _keys(value: Any) -> list[Item]:
    return _listed([Word(part, NOWHERE) for part in key.split()] for key in texts(value))


def texts(value: str | Iterable[str]) -> list[str]:
    """
    >>> texts("path, by"), texts(["path", "by"])
    (['path', 'by'], ['path', 'by'])
    """
    words = [value] if isinstance(value, str) else list(value)
    if not all(isinstance(word, str) for word in words):
        raise TypeError(f"words are text, not {words!r}")
    return [part.strip() for word in words for part in word.split(",")]


def _query(value: Any) -> list[Item]:
    """A query's tree, or its text."""
    query = parse(value).query if isinstance(value, str) else value
    if not isinstance(query, Selector | Pipeline | SetOperation | Group):
        raise TypeError(f"a question is wanted, or its text, not {value!r}")
    return [query if isinstance(query, Group) else Group(query, NOWHERE)]


def _moment(value: Any) -> list[Item]:
    if isinstance(value, date):
        return [Constant("date", moment_text(value), NOWHERE)]
    if not isinstance(value, str):
        raise TypeError(f"a date is text, a date or a datetime, not {value!r}")
    if value in ("now", "today", "yesterday"):
        return [Word(value, NOWHERE)]
    return [Constant("string", value, NOWHERE)]


def _condition(value: Any) -> list[Item]:
    """A text; or a text, or None, and fields with their values."""
    text, fields = (value, {}) if isinstance(value, str) else value
    return [condition(text, fields)]


def _duration(value: Any) -> list[Item]:
    if not isinstance(value, str | timedelta):
        raise TypeError(f"a duration is text or a timedelta, not {value!r}")
    text = value if isinstance(value, str) else duration_text(value)
    return [Constant("duration", text, NOWHERE)]


BUILDERS: Final[dict[Takes, Callable[[Any], list[Item]]]] = {
    Takes.NOTHING: _nothing,
    Takes.COUNT: _count,
    Takes.EDGES: _words,
    Takes.QUERY: _query,
    Takes.MOMENT: _moment,
    Takes.CONDITION: _condition,
    Takes.FIELDS: _words,
    Takes.WORD: _words,
    Takes.WORDS: _words,
    Takes.DURATION: _duration,
    Takes.KEYS: _keys,
}


def is_given_as_fields(argument: Argument) -> bool:
    """Whether a call may give it as keyword arguments: `where(kind="script")`."""
    return argument.takes is Takes.CONDITION and argument.leads


# Conditions.


def condition(text: str | None, fields: Mapping[str, Constants]) -> Item:
    """
    >>> from provgraph.query.written import written
    >>> either = condition("size > 1MB or dirty", {"kind": ["model", "dataset"]})
    >>> written(Pipeline(selector("file"), (Stage(Word("where", NOWHERE), (either,), NOWHERE),),
    ...                  NOWHERE)).text
    'file | where (size > 1MB or dirty) and kind in ("model", "dataset")'
    """
    parts: list[Item] = []
    if text is not None:
        parsed = parse_condition(text)
        parts += parsed.conditions if isinstance(parsed, AllOf) and fields else [parsed]
    parts += [_compared(Word(name, NOWHERE), value) for name, value in fields.items()]
    if not parts:
        raise TypeError("a condition is a text, or fields and their values")
    if len(parts) == 1:
        return parts[0]
    return AllOf(tuple(_part(part) for part in parts), NOWHERE)


def _part(condition: Item) -> Item:
    return Group(condition, NOWHERE) if isinstance(condition, AnyOf) else condition


def _compared(name: Word, value: Constants) -> Item:
    if isinstance(value, str | bool | int | float | date | timedelta):
        return Comparison(name, "=", _constant(value, name), NOWHERE)
    if not isinstance(value, Iterable):
        raise TypeError(f"a field is compared with text, a number or a time, not {value!r}")
    values = tuple(_constant(one, name) for one in value)
    if not values:
        raise ValueError(f"`{name.text}` is compared with none of any values")
    return Membership(name, values, False, NOWHERE)


# A text in one of these forms is text all the same where the field is text.
_FORMS: Final[tuple[tuple[Form, re.Pattern[str]], ...]] = (
    ("duration", re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d|w|y))+")),
    ("size", re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[kmgtp]i?)?b", re.IGNORECASE)),
)


def _constant(value: One, name: Word) -> Value:
    match value:
        case bool():
            return Word("true" if value else "false", NOWHERE)
        case int() | float():
            return Constant("number", repr(value), NOWHERE)
        case date():
            return Constant("date", moment_text(value), NOWHERE)
        case timedelta():
            return Constant("duration", duration_text(value), NOWHERE)
        case str():
            return Constant(_form(value, name), value, NOWHERE)
        case _:
            raise TypeError(f"a field is compared with text, a number or a time, not {value!r}")


def _form(text: str, name: Word) -> Form:
    forms = () if name.text.startswith(OPEN_FIELDS) else _FORMS
    return next((form for form, pattern in forms if pattern.fullmatch(text)), "string")


def duration_text(value: timedelta) -> str:
    """A duration as the language writes it.

    >>> duration_text(timedelta(minutes=1, microseconds=5))
    '60000.005ms'
    """
    microseconds = value // timedelta(microseconds=1)
    return f"{microseconds // 1000}.{microseconds % 1000:03}ms"
