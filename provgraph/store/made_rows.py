"""Rows that are made when they are looked at: most are counted, or cut to a page, and thrown away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, overload

Row = tuple[Any, ...]

_AT_ONCE: Final = 1 << 14


class MadeRows(Sequence[Row]):
    """So many rows; `make` gives those of a slice. Equal to a list of the same rows.

    >>> rows = MadeRows(3, lambda place: [(n, n * n) for n in range(3)[place]])
    >>> len(rows), rows[-1], rows[:1], rows == [(0, 0), (1, 1), (2, 4)]
    (3, (2, 4), [(0, 0)], True)
    """

    def __init__(self, count: int, make: Callable[[slice], list[Row]]) -> None:
        self._count = count
        self._make = make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, slice):
            return self._make(place)
        at = range(self._count)[place]
        return self._make(slice(at, at + 1))[0]

    def __iter__(self) -> Iterator[Row]:
        for begin in range(0, self._count, _AT_ONCE):
            yield from self._make(slice(begin, begin + _AT_ONCE))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list | MadeRows):
            return NotImplemented
        return self[:] == other[:]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self[:])
