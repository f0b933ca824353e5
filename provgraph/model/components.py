"""What was declared of a component? Of each thing that was said, the last.

A component keeps, as text under `declared`, which declaration each of its properties is from, so that
an earlier one that arrives late changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from provgraph.model.elements import Properties, Value
from provgraph.model.records import ComponentSeen

Said = tuple[str, int, Any]  # the property, when it was said, its value


def declared(known: Properties, seen: Iterable[ComponentSeen]) -> dict[str, Value]:
    """The properties of a component that has `known`, after these declarations in any order.

    >>> from provgraph.model.records import When
    >>> first = ComponentSeen("train", When(1), owner="ann", description="fits")
    >>> later = ComponentSeen("train", When(2), owner="bob")
    >>> both = declared({}, [later, first])
    >>> both["owner"], both["description"], declared(declared({}, [later]), [first]) == both
    ('bob', 'fits', True)
    """
    last: dict[str, Said] = {}
    for said in (*_kept(known), *(said for record in seen for said in _said(record))):
        last[said[0]] = max(last.get(said[0], said), said, key=_place)
    stamps = tuple(json.dumps(said, ensure_ascii=False) for _, said in sorted(last.items()))
    given: dict[str, Value] = {key: value for key, _, value in last.values()}
    return given | ({"declared": stamps} if stamps else {})


def _kept(known: Properties) -> Iterator[Said]:
    stamps = known.get("declared") or ()
    assert isinstance(stamps, tuple)
    for stamp in stamps:
        key, at, value = json.loads(stamp)
        yield key, at, value


def _said(record: ComponentSeen) -> Iterator[Said]:
    for key in ("description", "owner"):
        if value := getattr(record, key):
            yield key, record.when.at, value
    for name, value in record.tags.items():
        if value is not None:
            yield f"tag.{name}", record.when.at, value


def _place(said: Said) -> tuple[int, str]:
    return said[1], json.dumps(said[2])
