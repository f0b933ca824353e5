"""The words after a verb -> its arguments, by the phrases that the verb declares.

The longest phrase wins; the values that follow it are read as its argument takes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn

from provgraph.model.vocabulary import EDGE_TYPES
from provgraph.query import plan, syntax
from provgraph.query.fields import Rows, field, moment
from provgraph.query.mistake import Mistake, listed, nearest
from provgraph.query.values import duration
from provgraph.query.verb import Argument, Takes, Verb


@dataclass(frozen=True, slots=True)
class Reading:
    """What values mean: the rows they speak of, the time, and how to bind what nests."""

    rows: Rows
    now: int
    condition: Callable[[syntax.Item, Rows], plan.Condition]
    query: Callable[[syntax.Group, plan.Which], plan.Plan]


def read(stage: syntax.Stage, verb: type[Verb], reading: Reading) -> Verb:
    """The verb with its arguments. Raises `Mistake`."""
    items = _Items(stage, verb)
    found: dict[str, Any] = {}
    places: dict[str, syntax.Span] = {}
    while not items.at_end:
        span = items.span
        name, argument = items.phrase()
        if name in found:
            raise Mistake(f"`{argument.phrase}` is given twice", span)
        found[name] = _READERS[argument.takes](items, argument, reading)
        places[argument.phrase] = span
    for name in verb.needs():
        if name not in found:
            wanted = verb.arguments()[name]
            end = stage.span.end
            raise Mistake(
                f"`{stage.verb.text}` wants {wanted.wants}",
                syntax.Span(end, end + 1),
                _for_example(verb, wanted),
            )
    for name in found:
        _check_company(verb.arguments()[name], places, verb)
    return verb(**found) if found else verb.model_construct()  # which builds no schema


def _check_company(given: Argument, places: dict[str, syntax.Span], verb: type[Verb]) -> None:
    """Whether an argument has those beside it that it wants, and no others."""
    if given.excludes and given.excludes in places:
        raise Mistake(
            f"`{given.phrase}` and `{given.excludes}` exclude each other", places[given.phrase]
        )
    if given.beside and given.beside not in places:
        raise Mistake(
            f"`{given.phrase}` wants a `{given.beside}` beside it",
            places[given.phrase],
            _for_example(verb, given),
        )


def _for_example(verb: type[Verb], argument: Argument) -> str | None:
    shown = next((example for example in verb.examples if argument.phrase in example), None)
    return f"for example `{shown}`" if shown else None


class _Items:
    """The items of a stage, read from left to right."""

    def __init__(self, stage: syntax.Stage, verb: type[Verb]) -> None:
        self.stage, self.verb, self.arguments = stage, verb, verb.arguments()
        self.at = 0

    @property
    def at_end(self) -> bool:
        return self.at == len(self.stage.items)

    @property
    def next(self) -> syntax.Item | None:
        return None if self.at_end else self.stage.items[self.at]

    @property
    def span(self) -> syntax.Span:
        """The next item's, or the place after the last one."""
        end = self.stage.span.end
        return syntax.Span(end, end + 1) if self.next is None else self.next.span

    def take(self) -> syntax.Item:
        self.at += 1
        return self.stage.items[self.at - 1]

    def take_word(self) -> syntax.Word | None:
        item = self.next
        if not isinstance(item, syntax.Word):
            return None
        self.at += 1
        return item

    def take_comma(self) -> bool:
        there = isinstance(self.next, syntax.Comma)
        self.at += there
        return there

    def phrase(self) -> tuple[str, Argument]:
        """The argument that begins here; its phrase, if it has one, is passed over."""
        words = self._words_ahead()
        longest = sorted(self.arguments.items(), key=lambda item: -len(item[1].phrase.split()))
        for name, argument in longest:
            phrase = argument.phrase.split()
            if phrase and words[: len(phrase)] == phrase:
                self.at += len(phrase)
                return name, argument
        leading = [item for item in self.arguments.items() if item[1].leads]
        if self.at == 0 and leading:
            return leading[0]
        raise self._out_of_place()

    def _words_ahead(self) -> list[str]:
        words: list[str] = []
        for item in self.stage.items[self.at :]:
            if not isinstance(item, syntax.Word):
                break
            words.append(item.text)
        return words

    def _out_of_place(self) -> Mistake:
        item = self.next
        phrases = [argument.phrase for argument in self.arguments.values() if argument.phrase]
        if isinstance(item, syntax.Comparison) and item.name.text in phrases:
            hint: str | None = f"`{item.name.text} {item.value.text}`, without `{item.operator}`"
        elif self.at and isinstance(item, syntax.Condition):
            before = self.stage.items[self.at - 1]
            both = self._takes_conditions and not isinstance(before, syntax.Word)
            both = both and isinstance(before, syntax.Condition)
            hint = "conditions are joined with `and` or `or`" if both else self._takes(phrases)
        else:
            hint = self._takes(phrases)
        if isinstance(item, syntax.Word):
            hint = nearest(item.text, phrases) or hint
        return Mistake(f"`{self.stage.verb.text}` cannot take this", self.span, hint)

    @property
    def _takes_conditions(self) -> bool:
        return any(argument.takes is Takes.CONDITION for argument in self.arguments.values())

    def _takes(self, phrases: list[str]) -> str:
        verb = self.stage.verb.text
        if phrases:
            return f"`{verb}` takes {listed([f'`{phrase}`' for phrase in phrases])}"
        only = [argument.wants for argument in self.arguments.values()]
        return f"`{verb}` takes {listed(only) if only else 'nothing more'}"

    def wants(self, argument: Argument, hint: str | None = None) -> NoReturn:
        name = argument.phrase or self.stage.verb.text
        raise Mistake(
            f"`{name}` wants {argument.wants}", self.span, hint or _for_example(self.verb, argument)
        )


# One reader for each thing that an argument takes.


def _nothing(_: _Items, __: Argument, ___: Reading) -> bool:
    return True


def _count(items: _Items, argument: Argument, _: Reading) -> int:
    item = items.next
    if not (
        isinstance(item, syntax.Constant)
        and item.form == "number"
        and item.text.isdigit()
        and 0 < len(item.text.lstrip("0")) < 10
    ):
        items.wants(argument)
    items.take()
    return int(item.text)


def _edges(items: _Items, argument: Argument, _: Reading) -> tuple[str, ...]:
    found: list[str] = []
    while True:
        word = items.take_word()
        if word is None:
            items.wants(argument)
        found.append(_edge(word))
        if not items.take_comma():
            return tuple(edge.name for edge in EDGE_TYPES if edge.name in found)


def _edge(word: syntax.Word) -> str:
    for edge in EDGE_TYPES:
        if word.text.lower() in (edge.phrase, edge.name.lower()):
            return edge.name
    phrases = [edge.phrase for edge in EDGE_TYPES]
    hint = nearest(word.text, phrases) or f"there are {listed(phrases)}"
    raise Mistake(f"unknown edge type `{word.text}`", word.span, hint)


def _query(items: _Items, argument: Argument, reading: Reading) -> plan.Plan:
    item = items.next
    if not isinstance(item, syntax.Group):
        phrase = argument.phrase
        items.wants(argument, f'for example `{f"{phrase} " if phrase else ""}(file "raw/*")`')
    items.take()
    return reading.query(item, plan.Latest() if argument.latest else plan.Every())


def _moment(items: _Items, argument: Argument, reading: Reading) -> int:
    item = items.next
    period = moment(item, reading.now) if item is not None else None
    if period is None:
        items.wants(argument, f"for example `{argument.phrase} 2026-11-20`")
    items.take()
    return period.last


def _condition(items: _Items, argument: Argument, reading: Reading) -> plan.Condition:
    item = items.next
    if not isinstance(item, syntax.Condition | syntax.Filter):
        items.wants(argument)
    items.take()
    return reading.condition(item, reading.rows)


def _duration(items: _Items, argument: Argument, _: Reading) -> int:
    item = items.next
    if not (isinstance(item, syntax.Constant) and item.form == "duration"):
        items.wants(argument, f"for example `{argument.phrase} 30d`")
    items.take()
    try:
        return duration(item.text)
    except ValueError as error:
        raise Mistake(str(error), item.span) from None


def _word(items: _Items, argument: Argument, _: Reading) -> str:
    word = items.take_word()
    if word is None:
        items.wants(argument)
    if word.text not in argument.choices:
        hint = nearest(word.text, argument.choices) or f"there are {listed(argument.choices)}"
        raise Mistake(f"`{argument.phrase}` cannot take `{word.text}`", word.span, hint)
    return word.text


def _words(items: _Items, argument: Argument, reading: Reading) -> tuple[str, ...]:
    found = [_word(items, argument, reading)]
    while items.take_comma():
        found.append(_word(items, argument, reading))
    return tuple(dict.fromkeys(found))


def _columns(items: _Items, argument: Argument, reading: Reading) -> tuple[plan.Column, ...]:
    found: list[plan.Column] = []
    rows = replace(reading.rows, learned=(*reading.rows.learned, *argument.also))
    while True:
        word = items.take_word()
        if word is None:
            items.wants(argument)
        if any(column.name == word.text for column in found):
            raise Mistake(f"`{word.text}` is given twice", word.span)
        found.append(plan.Column(word.text, field(word, rows).key))
        if not items.take_comma():
            return tuple(found)


def _keys(items: _Items, argument: Argument, reading: Reading) -> tuple[plan.SortKey, ...]:
    found: list[plan.SortKey] = []
    while True:
        word = items.take_word()
        if word is None:
            items.wants(argument)
        key = field(word, reading.rows).key
        order = items.next
        descending = isinstance(order, syntax.Word) and order.text == "desc"
        if descending or (isinstance(order, syntax.Word) and order.text == "asc"):
            items.take()
        found.append(plan.SortKey(key, descending))
        if not items.take_comma():
            return tuple(found)


_READERS: Final[dict[Takes, Callable[[_Items, Argument, Reading], Any]]] = {
    Takes.NOTHING: _nothing,
    Takes.COUNT: _count,
    Takes.EDGES: _edges,
    Takes.QUERY: _query,
    Takes.MOMENT: _moment,
    Takes.CONDITION: _condition,
    Takes.WORD: _word,
    Takes.WORDS: _words,
    Takes.DURATION: _duration,
    Takes.FIELDS: _columns,
    Takes.KEYS: _keys,
}
