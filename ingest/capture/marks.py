"""Which records have been told already? They are known by their marks, which stand on the disk where there are very many."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from blake3 import blake3

from provgraph.ingest.capture.put_away import without_name
from provgraph.model.journal import encoded
from provgraph.model.records import Record

if TYPE_CHECKING:
    import apsw

MOST: Final = 100_000
"""Of so many records in memory."""


def mark_of(record: Record) -> bytes:
    return blake3(encoded(record)).digest(length=16)


class Marks:
    """Of more than `most` records (0 means `MOST`) they stand in a file without a name in `folder`. Raises OSError and apsw's errors.

    >>> from tempfile import gettempdir
    >>> from provgraph.model.records import Used, Content, When
    >>> one, other, third = (Used(step, "a.csv", When(1), Content()) for step in ("s1", "s2", "s3"))
    >>> for most in (1, 2):
    ...     marks = Marks(Path(gettempdir()), most)
    ...     marks.add([one, other])
    ...     print(bool(marks), one in marks, other in marks, third in marks)
    True True True False
    True True True False
    """

    def __init__(self, folder: Path, most: int = 0) -> None:
        self._folder, self._most = folder, most or MOST
        self._held: set[bytes] = set()
        self._away: apsw.Connection | None = None

    def add(self, records: Iterable[Record]) -> None:
        for record in records:
            self._held.add(mark_of(record))
            if len(self._held) > self._most:
                self._put_away()

    def _put_away(self) -> None:
        if self._away is None:
            self._away = without_name(self._folder)
            self._away.execute("create table mark (mark blob primary key) without rowid")
        rows = ((mark,) for mark in sorted(self._held))
        self._away.executemany("insert or ignore into mark values (?)", rows)
        self._held.clear()

    def __bool__(self) -> bool:
        return bool(self._held) or self._away is not None

    def __contains__(self, record: Record) -> bool:
        mark = mark_of(record)
        if mark in self._held:
            return True
        if self._away is None:
            return False
        found = self._away.execute("select 1 from mark where mark = ?", (mark,))
        return next(found, None) is not None
