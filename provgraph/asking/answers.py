"""Rows of a plan -> an answer with named, typed columns: what a table, a data frame or a file shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from provgraph.model.elements import Properties
from provgraph.model.vocabulary import FieldType
from provgraph.query import shape
from provgraph.query.plan import Column, Limit, Plan, Project
from provgraph.store import Rows

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]

_BRIEF: Final = (
    Column("id", "id"),
    Column("type", "type"),
    Column("kind", "kind"),
    Column("name", "name"),
    Column("time", "at"),
)
_DEPTH: Final = Column("depth", "depth")


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns, and rows with a value for each. Values are as they are kept (`FieldType`); a column's
    key says how to read them."""

    columns: tuple[Column, ...]
    values: Sequence[tuple[Any, ...]]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Each row by its columns' names, its values as Python has them."""
        names, types = self.names, [shape.type_of(column.key) for column in self.columns]
        for row in self.values:
            cells = zip(names, types, row, strict=True)
            yield {name: python_value(type, held) for name, type, held in cells}

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame: times in UTC and durations to the nanosecond, whole numbers whole."""
        from pandas import DataFrame

        columns = list(zip(*self.values, strict=True)) or [()] * len(self.columns)
        series = {
            column.name: _series(shape.type_of(column.key), values)
            for column, values in zip(self.columns, columns, strict=True)
        }
        return DataFrame(series, columns=self.names)


def answer(rows: Rows, plan: Plan, *, whole: bool = False) -> Answer:
    """What was selected, or a table's columns; of nodes, in brief or with every property that one of
    them has (`whole`)."""
    project = _projection(plan)
    chosen = shape.columns(plan) or (project.columns if project is not None else ())
    if chosen:
        return Answer(tuple(chosen), rows.values)
    more = [Column(field.name, field.key) for field in shape.learned(plan)]
    columns = [*_BRIEF, *([_DEPTH] if shape.has_depth(plan) else []), *more]
    held = {key for row in rows.values for key in row[3]} if whole else set()
    taken = {word for column in columns for word in (column.key, column.name)}
    columns += [Column(key, key) for key in sorted(held - taken)]
    values = []
    for id, label, depth, properties, *learned in rows.values:
        own = {**properties, "id": id, "type": label.lower(), "depth": depth}
        own |= {column.key: value for column, value in zip(more, learned, strict=True)}
        values.append(tuple(own.get(column.key) for column in columns))
    return Answer(tuple(columns), values)


def _projection(plan: Plan) -> Project | None:
    while isinstance(plan, Limit):
        plan = plan.source
    return plan if isinstance(plan, Project) else None


def python_value(type: FieldType | None, held: Any) -> Any:
    """A kept value as Python has it: a time in UTC and a duration to the microsecond.

    >>> python_value(FieldType.TIME, 1_780_000_000_123_456_789).isoformat()
    '2026-05-28T20:26:40.123456+00:00'
    >>> python_value(FieldType.DURATION, 1_500_000_000), python_value(FieldType.SIZE, 3)
    (datetime.timedelta(seconds=1, microseconds=500000), 3)
    """
    if type is FieldType.TIME and isinstance(held, int):
        return _EPOCH + timedelta(microseconds=held // 1000)
    if type is FieldType.DURATION and isinstance(held, int):
        return timedelta(microseconds=held // 1000)
    return held


def python_values(properties: Properties) -> dict[str, Any]:
    return {key: python_value(shape.type_of(key), held) for key, held in properties.items()}


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _series(type: FieldType | None, values: Sequence[Any]) -> pandas.Series[Any]:
    from pandas import Series

    present = [value for value in values if value is not None]
    if type in (FieldType.TIME, FieldType.DURATION) and _are(present, int):
        return _in_time(type, values)
    whole = len(present) == len(values)
    if _are(present, bool):
        return Series(values, dtype="bool" if whole else "boolean")
    if present and _are(present, int):
        return Series(values, dtype="int64" if whole else "Int64")
    if present and all(isinstance(value, int | float) for value in present):
        return Series([None if v is None else float(v) for v in values], dtype="float64")
    if present and _are(present, str):
        return Series(list(values))  # pandas 3 has a type of its own for text
    return Series(list(values), dtype="object")


def _are(values: Sequence[Any], type: type[object]) -> bool:
    return all(value.__class__ is type for value in values)


def _in_time(type: FieldType | None, values: Sequence[int | None]) -> pandas.Series[Any]:
    """By way of whole numbers: a float does not hold nanoseconds."""
    import numpy
    from pandas import Series

    missing = numpy.iinfo("int64").min  # NaT
    counts = numpy.array([missing if v is None else v for v in values], dtype="int64")
    if type is FieldType.TIME:
        return Series(counts.view("datetime64[ns]")).dt.tz_localize("UTC")
    return Series(counts.view("timedelta64[ns]"))
