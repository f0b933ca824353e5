"""Which field does a word mean for some rows, and what does a comparison with it ask?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar, assert_never

from provgraph.model.vocabulary import FIELDS, LABELS, OPEN_FIELDS, Field, FieldType, Label
from provgraph.query import plan, shape, syntax, values
from provgraph.query.mistake import Mistake, listed, nearest

T = TypeVar("T")

_ALSO: Final[dict[Label, tuple[Field, ...]]] = {
    "Version": (
        Field("version", FieldType.TEXT, "digest", "which version it is: its digest"),
        Field("day", FieldType.TIME, "at", "when it came to be"),
    ),
    "Run": (Field("day", FieldType.TIME, "at", "when it started"),),
    "Step": (Field("day", FieldType.TIME, "at", "when it started"),),
    "Commit": (Field("day", FieldType.TIME, "at", "when it was committed"),),
}
"""Other words for the vocabulary's fields."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What fields depend on: the labels that the rows may have, and what they have beside their
    nodes' properties; or the columns of a table's rows."""

    labels: frozenset[Label]
    learned: tuple[Field, ...] = ()
    columns: tuple[plan.Column, ...] = ()


class Meant(NamedTuple):
    """A field of some rows. `type` is None where people name it themselves. `owners` are the labels
    among the rows that have it, `strangers` those that keep something else under its key."""

    name: str
    key: str
    type: FieldType | None
    owners: frozenset[Label] = frozenset()
    strangers: frozenset[Label] = frozenset()


def rows_of(source: plan.Plan) -> Rows:
    depth = (shape.DEPTH,) if shape.has_depth(source) else ()
    return Rows(shape.labels(source), (*depth, *shape.learned(source)), shape.columns(source))


def fields_of(label: Label) -> tuple[Field, ...]:
    return (*FIELDS[label], *_ALSO.get(label, ()))


def field(word: syntax.Word, rows: Rows) -> Meant:
    """Raises `Mistake` where no row can have it."""
    if rows.columns:
        return _column(word, rows)
    for known in rows.learned:
        if word.text == known.name:
            return Meant(known.name, known.key, known.type)
    if word.text.startswith(OPEN_FIELDS) and not word.text.endswith("."):
        return Meant(word.text, word.text, None)
    owners = {label: found for label in rows.labels if (found := _of(label, word.text))}
    if not owners:
        raise _unknown(word, rows)
    first = owners[min(owners)]
    strangers = {
        label
        for label in rows.labels - owners.keys()
        if label != "Artifact" and any(other.key == first.key for other in FIELDS[label])
    }
    return Meant(word.text, first.key, first.type, frozenset(owners), frozenset(strangers))


def _column(word: syntax.Word, rows: Rows) -> Meant:
    keys = {column.name: column.key for column in rows.columns}
    if word.text not in keys:
        hint = nearest(word.text, keys) or f"there are {listed(keys)}"
        raise Mistake(f"the table has no column `{word.text}`", word.span, hint)
    return Meant(word.text, word.text, shape.type_of(keys[word.text]))


def _of(label: Label, name: str) -> Field | None:
    return next((found for found in fields_of(label) if found.name == name), None)


def _unknown(word: syntax.Word, rows: Rows) -> Mistake:
    here = names(rows)
    elsewhere = [label for label in LABELS if _of(label, word.text)]
    if word.text == shape.DEPTH.name:
        hint: str | None = (
            "rows have a depth after `lineage`, `impact` or `expand`, until sets are joined"
        )
    elif word.text == "time" and (moments := _moments(rows)):
        hint = f"the time of {', of '.join(moments)}"
    elif elsewhere:
        hint = f"{shape.in_words(elsewhere)} have it"
    else:
        hint = nearest(word.text, here) or f"there are {listed(here)}"
    return Mistake(f"{shape.in_words(rows.labels)} have no field `{word.text}`", word.span, hint)


def _moments(rows: Rows) -> list[str]:
    """What tables show under `time`.

    >>> _moments(Rows(frozenset(("Run", "Step", "Version"))))
    ['versions is `created`', 'runs and steps is `started`']
    """
    owners: dict[str, list[Label]] = {}
    for label in (each for each in LABELS if each in rows.labels):
        if name := next((found.name for found in fields_of(label) if found.key == "at"), None):
            owners.setdefault(name, []).append(label)
    return [f"{shape.in_words(labels)} is `{name}`" for name, labels in owners.items()]


def names(rows: Rows) -> list[str]:
    """The names of the fields that the rows may have, and the open prefixes with a dot.

    >>> names(Rows(frozenset(("Agent",))))
    ['id', 'name', 'kind', 'email', 'param.', 'metric.', 'tag.', 'prop.']
    """
    if rows.columns:
        return [column.name for column in rows.columns]
    labels = [label for label in LABELS if label in rows.labels]
    held = [found.name for label in labels for found in fields_of(label)]
    held += [found.name for found in rows.learned]
    return list(dict.fromkeys([*held, *OPEN_FIELDS]))


# Comparisons.


def truth(word: syntax.Word, rows: Rows) -> plan.Condition:
    """A word alone: a field that is true."""
    meant = field(word, rows)
    if meant.type not in (FieldType.BOOLEAN, None):
        raise Mistake(
            f"`{word.text}` alone is no condition, because it is {_KIND[meant.type]}",
            word.span,
            f"compare it: `{word.text} = ...`",
        )
    return plan.Comparison(meant.key, "=", True)


def comparison(node: syntax.Comparison, rows: Rows, now: int) -> plan.Condition:
    meant = field(node.name, rows)
    _check_operator(node, meant)
    if meant.type is FieldType.TIME:
        asked = _in_time(meant.key, node.operator, _moment(node.value, now))
    else:
        asked = plan.Comparison(meant.key, node.operator, _constant(node.value, meant))
    return _of_its_own(asked, meant)


def membership(node: syntax.Membership, rows: Rows, now: int) -> plan.Condition:
    meant = field(node.name, rows)
    asked: plan.Condition
    if meant.type is FieldType.TIME:
        periods = [_moment(value, now) for value in node.values]
        each = tuple(_in_time(meant.key, "!=" if node.negated else "=", p) for p in periods)
        asked = plan.AllOf(each) if node.negated else plan.AnyOf(each)
    else:
        constants = tuple(_constant(value, meant) for value in node.values)
        asked = plan.Membership(meant.key, constants, node.negated)
    return _of_its_own(asked, meant)


def _of_its_own(asked: plan.Condition, meant: Meant) -> plan.Condition:
    """Keeps out rows that have something else under the key: a step's time is not `created`. A
    node's kind is its label's word, unless it is a version or an artifact."""
    if not meant.strangers:
        return asked
    if "Version" in meant.strangers:
        return plan.AllOf((asked, plan.Membership("kind", _kinds(meant.owners))))
    return plan.AllOf((asked, plan.Negate(plan.Membership("kind", _kinds(meant.strangers)))))


def _kinds(labels: frozenset[Label]) -> tuple[str, ...]:
    return tuple(sorted(label.lower() for label in labels))


def _check_operator(node: syntax.Comparison, meant: Meant) -> None:
    if node.operator == "~" and meant.type not in (FieldType.TEXT, FieldType.TEXTS, None):
        raise Mistake(
            f"`~` compares text, and `{meant.name}` is {_KIND[meant.type]}", node.span, None
        )
    if meant.type is FieldType.BOOLEAN and node.operator not in ("=", "!="):
        raise Mistake(
            f"`{node.operator}` compares what has an order, and `{meant.name}` is true or false",
            node.span,
            f"`{meant.name}` or `not {meant.name}` asks for it",
        )


_KIND: Final[dict[FieldType | None, str]] = {
    FieldType.TEXT: "text",
    FieldType.TEXTS: "text",
    FieldType.NUMBER: "a number",
    FieldType.BOOLEAN: "true or false",
    FieldType.TIME: "a time",
    FieldType.DURATION: "a duration",
    FieldType.SIZE: "a size",
    None: "open",
}


def _in_time(key: str, operator: str, period: values.Period) -> plan.Condition:
    """
    >>> _in_time("at", "<=", values.Period(10, 20))
    Comparison(key='at', operator='<', value=20)
    """
    before = plan.Comparison(key, "<", period.start)
    after = plan.Comparison(key, ">=", period.end)
    match operator:
        case "<":
            return before
        case ">":
            return after
        case "<=":
            return plan.Comparison(key, "<", period.end)
        case ">=":
            return plan.Comparison(key, ">=", period.start)
        case "!=":
            return plan.AnyOf((before, after))
        case _:
            inside = plan.Comparison(key, ">=", period.start)
            return plan.AllOf((inside, plan.Comparison(key, "<", period.end)))


def moment(node: syntax.Item, now: int) -> values.Period | None:
    """The period that a date or one of `now`, `today`, `yesterday` means; None for other nodes.
    Raises `Mistake` for a date that is none."""
    match node:
        case syntax.Word("now"):
            return values.Period(now, now + 1)
        case syntax.Word("today"):
            return values.day_of(now)
        case syntax.Word("yesterday"):
            return values.day_of(now - values.DAY)
        case syntax.Constant("date" | "string", text, span):
            return _read(values.moment, text, span)
        case _:
            return None


def _moment(node: syntax.Value, now: int) -> values.Period:
    found = moment(node, now)
    if found is not None:
        return found
    hint = "a date is written 2026-11-20 or 2026-11-20T12:30Z"
    if isinstance(node, syntax.Constant) and node.form == "duration":
        ago = now - _read(values.duration, node.text, node.span)
        hint = f"{node.text} ago was {values.moment_text(ago)[:10]}" if ago > 0 else hint
    raise Mistake(f"`{node.text}` is no date", node.span, hint)


def _constant(node: syntax.Value, meant: Meant) -> plan.Constant:
    match meant.type:
        case FieldType.TEXT | FieldType.TEXTS:
            return node.text
        case FieldType.NUMBER:
            return _read_form(node, meant, ("number",), values.number)
        case FieldType.DURATION:
            return _read_form(node, meant, ("duration",), values.duration)
        case FieldType.SIZE:
            return _read_form(node, meant, ("size", "number"), _bytes)
        case FieldType.BOOLEAN:
            return _boolean(node, meant)
        case None:
            return _open(node)
        case FieldType.TIME:
            raise AssertionError("times are compared as periods")
        case _:
            assert_never(meant.type)


def _bytes(text: str) -> int | float:
    return values.size(text) if text.endswith(("B", "b")) else values.number(text)


_WANTED: Final = {
    FieldType.NUMBER: "a number is written without quotes: 3, -1.5",
    FieldType.DURATION: "a duration is written 30d, 10m or 1h30m",
    FieldType.SIZE: "a size is written 10MB, 512kB or 4GiB",
}


def _read_form(
    node: syntax.Value, meant: Meant, forms: tuple[str, ...], read: Callable[[str], T]
) -> T:
    if isinstance(node, syntax.Constant) and node.form in forms:
        return _read(read, node.text, node.span)
    raise _wrong_type(node, meant)


def _wrong_type(node: syntax.Value, meant: Meant) -> Mistake:
    assert meant.type is not None
    return Mistake(
        f"`{meant.name}` is {_KIND[meant.type]}, and `{node.text}` is not",
        node.span,
        _WANTED.get(meant.type),
    )


def _read(read: Callable[[str], T], text: str, span: syntax.Span) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise Mistake(str(error), span) from None


def _boolean(node: syntax.Value, meant: Meant) -> bool:
    if isinstance(node, syntax.Word) and node.text in ("true", "false"):
        return node.text == "true"
    raise _wrong_type(node, meant)


def _open(node: syntax.Value) -> plan.Constant:
    """People's own fields take what is written: a number, `true`, `false`, or text."""
    match node:
        case syntax.Constant("number", text, span):
            return _read(values.number, text, span)
        case syntax.Constant("duration" | "size", text, span):
            raise Mistake(
                f"`{text}` has a unit, and fields that people name have none",
                span,
                f"a plain number, or text: {syntax.quoted(text)}",
            )
        case syntax.Word("true" | "false"):
            return node.text == "true"
        case _:
            return node.text
