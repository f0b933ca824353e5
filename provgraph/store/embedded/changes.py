"""Which lineage edges were added since a moment?

The table `lineage_change` holds them in the order of their batches, as arrays. A `Moment` is the
place of a row, and a random stamp that no other database has there: not another one, and not this
one's future after it was put back from a copy. What takes edges away cuts the log: then no earlier
moment is known. The log is also cut when it has grown long against the graph; reading all anew is
cheap by then.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import apsw

SHORTEST: Final = 1 << 16
"""Edges that a log may hold whatever the graph's size."""

TOUCHED: Final = 0
"""The type of an entry whose `edges` are nodes that got another label or time."""

_PART: Final = 8  # of the graph's edges: so long may a log be

_APPEND: Final = """
INSERT INTO lineage_change (stamp, type, total, edges) VALUES (?, ?, ?, ?)
"""
_SINCE: Final = "SELECT type, edges FROM lineage_change WHERE seq > ? ORDER BY seq"
_LAST: Final = "SELECT seq, stamp, total FROM lineage_change ORDER BY seq DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Moment:
    """A state of a database's lineage edges."""

    seq: int
    stamp: int


@dataclass(frozen=True, slots=True)
class Added:
    """Edges of one type, `source << 32 | target` in integers of 64 bits; or nodes (`TOUCHED`)."""

    type: int
    edges: bytes


def cut(connection: apsw.Connection) -> None:
    """Forget all moments; the caller holds the write transaction."""
    connection.execute("DELETE FROM lineage_change")
    connection.execute(_APPEND, (_stamp(), 0, 0, b""))


def add(connection: apsw.Connection, added: Mapping[int, array[int]]) -> None:
    """Note edges by type; the caller holds the write transaction."""
    if not added:
        return
    total = _last(connection)[2] + sum(map(len, added.values()))
    if total > SHORTEST and total > _edges(connection) // _PART:
        cut(connection)
        return
    connection.executemany(
        _APPEND, [(_stamp(), type, total, edges.tobytes()) for type, edges in added.items()]
    )


def now(connection: apsw.Connection) -> Moment:
    seq, stamp, _ = _last(connection)
    return Moment(seq, stamp)


def since(connection: apsw.Connection, moment: Moment) -> list[Added] | None:
    """What was added after a moment, perhaps more than once; None if it is not known here."""
    known = connection.execute("SELECT stamp FROM lineage_change WHERE seq = ?", (moment.seq,)).get
    if known != moment.stamp:
        return None
    rows = connection.execute(_SINCE, (moment.seq,))
    return [Added(type, edges) for type, edges in rows if edges]


def _last(connection: apsw.Connection) -> tuple[int, int, int]:
    (row,) = connection.execute(_LAST)
    seq, stamp, total = (int(value) for value in row)
    return seq, stamp, total


def _stamp() -> int:
    return int.from_bytes(os.urandom(8)) >> 1


def _edges(connection: apsw.Connection) -> int:
    """How many edges of all types there are; `edge_type.count` is kept with every batch."""
    return int(connection.execute("SELECT sum(count) FROM edge_type").get or 0)
