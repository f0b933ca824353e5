"""Which values does Neo4j keep, and how do they come back?"""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain
from typing import Any, Final

from provgraph.errors import StoreError
from provgraph.model.elements import Properties, Value
from provgraph.store.asked_text import asked_text

_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**63 - 1
_AS_THEY_ARE: Final = frozenset((bool, float))
_OURS: Final = frozenset(("id", "project"))


def kept(properties: Properties) -> dict[str, Any]:
    """Properties as the driver takes them; a null removes.

    >>> kept({"names": ("a", "b"), "size": None})
    {'names': ['a', 'b'], 'size': None}

    Raises `StoreError` for what cannot be kept.
    """
    return {_key(key): _value(key, value) for key, value in properties.items()}


def _key(key: str) -> str:
    if not key or "\0" in key or key in _OURS:
        raise StoreError(f"a property named {key!r} cannot be kept in Neo4j")
    return key


def _value(key: str, value: Value) -> Any:
    match value:
        case None | bool() | float() | str():
            return value
        case int() if _SMALLEST <= value <= _LARGEST:
            return value
        case int():
            raise StoreError(f"property `{key}`: an integer of more than 64 bits cannot be kept")
        case tuple() | list() if all(isinstance(member, str) for member in value):
            return list(value)
        case _:
            raise StoreError(f"property `{key}`: a {type(value).__name__} cannot be kept")


def given_back(value: Any) -> Any:
    """A value as it was given: a list is a tuple, and what stands for null is None again.

    >>> given_back(["a"]), given_back({}), given_back(1.0)
    (('a',), None, 1.0)
    """
    if type(value) is list:
        return tuple(value)
    return None if type(value) is dict else value


def column_of(held: list[Any]) -> list[Any]:
    """The values of a column as they were given.

    >>> column_of(["a", {}]), column_of([1, 2])
    (['a', None], [1, 2])
    """
    if {list, dict}.isdisjoint(map(type, held)):
        return held
    return list(map(given_back, held))


def rows_of(ids: list[str], others: list[list[Any]]) -> list[tuple[Any, ...]]:
    """Rows of an id and of values as they were given.

    >>> rows_of(["v1", "v2"], [["a", 1], [["b", "c"], None]])
    [('v1', 'a', 1), ('v2', ('b', 'c'), None)]
    """
    if list in set(map(type, chain.from_iterable(others))):
        others = [list(map(given_back, each)) for each in others]
    return [(id, *each) for id, each in zip(ids, others, strict=True)]


def rows_of_columns(columns: list[list[Any]], place: slice) -> list[tuple[Any, ...]]:
    """
    >>> rows_of_columns([["v1", "v2"], [3, {}]], slice(1, None))
    [('v2', None)]
    """
    return list(zip(*(column_of(column[place]) for column in columns), strict=True))


def properties_of(held: dict[str, Any]) -> dict[str, Value]:
    """A node's own properties, without what says which node it is."""
    del held["id"], held["project"]
    for key, value in held.items():
        if type(value) is list:
            held[key] = tuple(value)
    return held


def asked(value: Any) -> Any:
    """A parameter: an integer beyond 64 bits is as good as the float next to it, since nothing that
    is kept lies between them. A tuple is of our making and is not looked through.

    >>> asked(2**63), asked([1, 2**70]), asked(["a", "\\udcff"]) == ["a", "\\ufdd0"]
    (9.223372036854776e+18, [1, 1.1805916207174113e+21], True)
    """
    match value:
        case str():
            return asked_text(value)
        case list() if not _are_plain(value):
            return [asked(member) for member in value]
        case dict() if not _are_plain(value.values()):
            return {name: asked(member) for name, member in value.items()}
        case int() if not _SMALLEST <= value <= _LARGEST:
            try:
                return float(value)
            except OverflowError:
                return float("inf") if value > 0 else float("-inf")
        case _:
            return value


def _are_plain(values: Collection[Any]) -> bool:
    """Whether they are given as they are: there may be hundreds of thousands of ids.

    >>> _are_plain(["a", "b"]), _are_plain([True, "a", 2.5]), _are_plain([1]), _are_plain(["\\udcff"])
    (True, False, False, False)
    """
    types = set(map(type, values))
    return all(map(str.isascii, values)) if types == {str} else types <= _AS_THEY_ARE
