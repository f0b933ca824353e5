"""How is SQL put together so that values are always parameters?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from provgraph.query.glob import literal_prefix
from provgraph.store.asked_text import asked_text


@dataclass(frozen=True, slots=True)
class Sql:
    """Text and the values of its question marks, in their order."""

    text: str
    parameters: tuple[Any, ...] = ()


def sql(template: str, *parts: Any) -> Sql:
    """Fill `{}` in a template: with the text of an `Sql`, or with a question mark for a value.

    >>> sql("SELECT 1 WHERE {} AND x = {}", sql("y > {}", 2), "it's")
    Sql(text='SELECT 1 WHERE y > ? AND x = ?', parameters=(2, "it's"))
    """
    pieces = template.split("{}")
    assert len(pieces) == len(parts) + 1, template
    text: list[str] = [pieces[0]]
    parameters: list[Any] = []
    for part, piece in zip(parts, pieces[1:], strict=True):
        if isinstance(part, Sql):
            text.append(part.text)
            parameters.extend(part.parameters)
        else:
            text.append("?")
            parameters.append(_bindable(part))
        text.append(piece)
    return Sql("".join(text), tuple(parameters))


def joined(separator: str, parts: Iterable[Sql]) -> Sql:
    """
    >>> joined(" OR ", [sql("x = {}", 1), sql("y")])
    Sql(text='x = ? OR y', parameters=(1,))
    """
    parts = list(parts)
    parameters = tuple(value for part in parts for value in part.parameters)
    return Sql(separator.join(part.text for part in parts), parameters)


TRUE: Final = Sql("1")
FALSE: Final = Sql("0")


def _bindable(value: Any) -> Any:
    match value:
        case bool():
            return int(value)
        case int() if not -(2**63) <= value < 2**63:
            try:
                return float(value)
            except OverflowError:
                return float("inf") if value > 0 else float("-inf")
        case str():
            return asked_text(value)
        case _:
            return value


def begins(expression: str, prefix: str) -> Sql:
    """Whether a column's text begins so, as a range that an index can be sought by.

    >>> begins("uid", "v1")
    Sql(text="(typeof(uid) = 'text' AND uid >= ? AND uid < ?)", parameters=('v1', 'v2'))
    """
    end = after(prefix)
    bound = sql(f" AND {expression} < {{}}", end) if end is not None else Sql("")
    return sql(f"(typeof({expression}) = 'text' AND {expression} >= {{}}{{}})", prefix, bound)


def after(prefix: str) -> str | None:
    """The least text that is greater than every text with this prefix, if there is one.

    >>> after("v1"), after(""), after(chr(0x10FFFF)), after(chr(0xD7FF)) == chr(0xE000)
    ('v2', None, None, True)
    """
    kept = prefix.rstrip(chr(0x10FFFF))
    if not kept:
        return None
    last = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if 0xD800 <= last < 0xE000 else last)


def globbed(expression: str, pattern: str) -> Sql:
    """Whether a column's text is matched by a glob: a range first, then the whole pattern."""
    prefix = literal_prefix(pattern)
    return sql(f"({{}} AND matches({{}}, {expression}))", begins(expression, prefix), pattern)
