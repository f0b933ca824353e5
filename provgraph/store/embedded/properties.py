"""How a node's properties are split into columns and JSON, and put together again.

JSON has no NaN and no infinities: they are written `[[]]`, which no list of text is, and `±9e999`,
which every reader of doubles takes for infinity.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from provgraph.errors import StoreError
from provgraph.model.elements import Properties, Value
from provgraph.store.embedded.schema import COLUMNS, PLACES

_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**63 - 1
_WRITTEN: Final = {
    math.inf: msgspec.Raw(b"9e999"),
    -math.inf: msgspec.Raw(b"-9e999"),
}
_TEXT: Final = {str}
_NAN: Final = msgspec.Raw(b"[[]]")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def split(properties: Properties, spilled: set[str]) -> tuple[list[Any], str | None]:
    """The columns' values and the JSON of the rest; nulls are left out. Keys of columns whose
    values cannot stand there are added to `spilled`.

    >>> split({"at": 5, "param.lr": 0.1, "tag.x": None}, set())[1]
    '{"param.lr":0.1}'

    Raises `StoreError` for an integer beyond 64 bits, or a value of no known type.
    """
    columns: list[Any] = [None] * len(COLUMNS)
    rest: dict[str, Any] = {}
    place_of = PLACES.get
    for key, value in properties.items():
        kind = type(value)
        if kind is str or (kind is int and _SMALLEST <= value <= _LARGEST):  # type: ignore[operator]
            place = place_of(key)
            if place is None:
                rest[key] = value
            else:
                columns[place] = value
        elif kind is bool and key not in PLACES:
            rest[key] = value
        elif value is not None:
            written = _written(key, value)
            if key not in PLACES:
                rest[key] = written
            elif type(written) is float or type(written) is str or type(written) is int:
                columns[PLACES[key]] = written
            else:
                rest[key] = written
                spilled.add(key)
    return columns, (_encode(rest).decode() if rest else None)


def written(properties: Properties) -> str | None:
    """All properties as JSON, nulls too; None if there are none.

    >>> written({"role": "input", "how": None}), written({})
    ('{"role":"input","how":null}', None)
    """
    if not properties:
        return None
    for value in properties.values():
        kind = type(value)
        if kind is not str and (kind is not int or not _SMALLEST <= value <= _LARGEST):  # type: ignore[operator]
            values = {key: _written(key, value) for key, value in properties.items()}
            return _encode(values).decode()
    return _encode(properties).decode()  # nearly all stand as they are


def _written(key: str, value: Value) -> Any:
    if type(value) is tuple and set(map(type, value)) <= _TEXT:  # the usual case first
        return value
    match value:
        case None | bool():
            return value
        case int() if _SMALLEST <= value <= _LARGEST:
            return int(value)
        case int():
            raise StoreError(f"property `{key}`: an integer of more than 64 bits cannot be kept")
        case float():
            return _NAN if math.isnan(value) else _WRITTEN.get(value, float(value))
        case str():
            return str(value)
        case tuple() | list() if all(isinstance(member, str) for member in value):
            return list(value)
        case _:
            raise StoreError(f"property `{key}`: a {type(value).__name__} cannot be kept")


def read(text: str) -> Any:
    """A value from its JSON, as it was given.

    >>> read('["a","b"]'), read("9e999"), read("[[]]")
    (('a', 'b'), inf, nan)
    """
    try:
        value = _decode(text)
    except msgspec.DecodeError:  # msgspec refuses 9e999
        value = json.loads(text)
    return _thawed(value)


def _thawed(value: Any) -> Any:
    if type(value) is list:
        return math.nan if value == [[]] else tuple(value)
    return value


def joined(columns: Sequence[Any], text: str | None) -> dict[str, Value]:
    """The properties again.

    >>> joined(split({"at": 5, "dirty": True}, set())[0], '{"dirty":true}')
    {'at': 5, 'dirty': True}
    """
    properties = {
        key: value for key, value in zip(COLUMNS, columns, strict=True) if value is not None
    }
    if text is not None:
        properties.update(decoded(text))
    return properties


def decoded(text: str | None) -> dict[str, Value]:
    """The properties of an edge, or those of a node without the columns'."""
    if text is None:
        return {}
    try:
        values = _decode(text)
    except msgspec.DecodeError:
        values = json.loads(text)
    for key, value in values.items():
        if type(value) is list:
            values[key] = _thawed(value)
    return values  # type: ignore[no-any-return]


def merged(old: Mapping[str, Value], given: Properties) -> dict[str, Value]:
    """
    >>> merged({"a": 1, "b": 2}, {"b": None, "c": 3})
    {'a': 1, 'c': 3}
    """
    return {key: value for key, value in {**old, **given}.items() if value is not None}
