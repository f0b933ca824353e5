"""The rows of a walk that show ids and depths, made when they are looked at.

Half a million Python strings and tuples take ten times as long to make as the walk that found them,
and most of them are counted, or cut to a page, and thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, overload

from provgraph.store.embedded.adjacency import Ids
from provgraph.store.embedded.collector import without_collector
from provgraph.store.embedded.known_nodes import Uids, texts

_Row = tuple[Any, ...]

_AT_ONCE: Final = 1 << 14


class NamedRows(Sequence[_Row]):
    """Equal to a list of the same rows. Each of `keys` is `id` or `depth`.

    >>> import numpy as np
    >>> rows = NamedRows(("depth", "id"), np.array([b"v1", b"v2"], "S32"), np.array([1, 2]))
    >>> len(rows), rows[-1], rows[:1], rows == [(1, "v1"), (2, "v2")]
    (2, (2, 'v2'), [(1, 'v1')], True)
    """

    def __init__(self, keys: tuple[str, ...], uids: Uids, depths: Ids) -> None:
        self._keys = keys
        self._uids = uids
        self._depths = depths

    def __len__(self) -> int:
        return len(self._depths)

    @overload
    def __getitem__(self, place: int) -> _Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[_Row]: ...
    def __getitem__(self, place: int | slice) -> _Row | list[_Row]:
        if isinstance(place, slice):
            return self._made(place)
        at = range(len(self))[place]
        return self._made(slice(at, at + 1))[0]

    def __iter__(self) -> Iterator[_Row]:
        for begin in range(0, len(self), _AT_ONCE):
            yield from self._made(slice(begin, begin + _AT_ONCE))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list | NamedRows):
            return NotImplemented
        return self[:] == other[:]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self[:])

    def _made(self, place: slice) -> list[_Row]:
        columns: dict[str, list[Any]] = {}
        if "id" in self._keys:
            columns["id"] = texts(self._uids[place])
        if "depth" in self._keys:
            columns["depth"] = self._depths[place].tolist()
        with without_collector():
            return list(zip(*(columns[key] for key in self._keys), strict=True))
