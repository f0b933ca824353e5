"""Which id, label and time does a node have? In arrays, so that an answer of ids need not be read.

Ids are ASCII of at most `WIDEST` bytes, labels small numbers and times integers, or there are no
such arrays: SQLite then reads the nodes.
"""

from __future__ import annotations

from typing import Any, Final

import apsw
import numpy as np
from numpy.typing import NDArray

from provgraph.store.embedded import changes
from provgraph.store.embedded.adjacency import Ids, room
from provgraph.store.embedded.changes import Moment
from provgraph.store.embedded.relation import numbers

Uids = NDArray[np.bytes_]

WIDEST: Final = 32
_NEVER: Final = np.iinfo(np.int64).max  # comes last, as a missing time does
_ROW: Final = np.dtype([("row", "i8"), ("uid", f"S{WIDEST}"), ("label", "u1"), ("at", "i8")])
_READ: Final = f"""
SELECT n.id, n.uid, n.label, CASE
    WHEN octet_length(n.uid) > {WIDEST} OR instr(n.uid, char(0)) THEN NULL
    WHEN n.at IS NULL THEN {_NEVER}
    WHEN typeof(n.at) = 'integer' AND n.at < {_NEVER} THEN n.at END
FROM"""


class KnownNodes:
    """All nodes at `moment`."""

    def __init__(self, moment: Moment, rows: NDArray[Any]) -> None:
        self.moment = moment
        self._end = 0  # row ids are below
        self._uids = np.zeros(0, f"S{WIDEST}")
        self._labels = np.zeros(0, np.uint8)
        self._at = np.zeros(0, np.int64)
        self._take(rows)

    def follow(self, connection: apsw.Connection) -> bool:
        """Bring it up to the state that the connection reads. False where that cannot be done."""
        added = changes.since(connection, self.moment)
        if added is None:
            return False
        touched = b"".join(each.edges for each in added if each.type == changes.TOUCHED)
        try:
            # What is new comes first: it may have been touched since, too.
            if (connection.execute("SELECT max(id) FROM node").get or 0) >= self._end:
                new = connection.execute(f"{_READ} node n WHERE n.id >= ?", (self._end,))
                self._take(_rows(new))
            if touched:
                some = numbers(np.frombuffer(touched, np.int64).tolist())
                among = f"{_READ} carray(?) AS r CROSS JOIN node n ON n.id = r.value"
                self._take(_rows(connection.execute(among, (some,))))
        except ValueError:
            return False
        self.moment = changes.now(connection)
        return True

    def uids(self, rows: Ids) -> Uids:
        """Their ids, as bytes that zeros fill up."""
        return self._uids[rows]

    def labels(self, rows: Ids) -> list[int]:
        """The numbers of their labels."""
        found: list[int] = self._labels[rows].tolist()
        return found

    def in_order(self, rows: Ids, depths: Ids) -> Ids:
        """The places of rows in the order of answers: by depth, time and id."""
        at = self._at[rows]
        order = at.argsort()
        nearness = depths[order]
        few = len(depths) and depths.max() < 1 << 16
        order = order[(nearness.astype(np.uint16) if few else nearness).argsort(kind="stable")]
        times = at[order]
        alike = times[1:] == times[:-1]
        if alike.any():  # seldom
            alike &= np.diff(depths[order]) == 0
        if alike.any():
            tied = np.flatnonzero(np.append(alike, False) | np.append([False], alike))
            some = order[tied]
            words = self._uids[rows[some]].view(">u8").reshape(len(some), -1)
            keys = (*words.T[::-1], at[some], depths[some])
            order[tied] = some[np.lexsort(keys)]
        return order

    def _take(self, rows: NDArray[Any]) -> None:
        end = max(self._end, int(rows["row"].max(initial=0)) + 1)
        if end > len(self._at):
            size = end + room(end)
            self._uids, self._labels, self._at = (
                np.concatenate([array, np.zeros(size - len(array), array.dtype)])
                for array in (self._uids, self._labels, self._at)
            )
        self._uids[rows["row"]] = rows["uid"]
        self._labels[rows["row"]] = rows["label"]
        self._at[rows["row"]] = rows["at"]
        self._end = end


def texts(uids: Uids) -> list[str]:
    """
    >>> texts(np.array([b"v12", b"s7"], f"S{WIDEST}")), texts(np.zeros(0, f"S{WIDEST}"))
    (['v12', 's7'], [])
    """
    held = uids.view(np.uint8).reshape(-1, WIDEST)
    width = int(held[0].argmin()) if len(held) else 0  # of most ids, all have the first one's
    if width and not held[:, width].any() and held[:, width - 1].all():
        return held[:, : width + 1].tobytes().decode("ascii").split("\0")[:-1]
    return [uid.decode("ascii") for uid in uids.tolist()]


def known_nodes(connection: apsw.Connection) -> KnownNodes | None:
    """All nodes; the caller holds the read transaction. None where they are not of that kind."""
    try:
        return KnownNodes(changes.now(connection), _rows(connection.execute(f"{_READ} node n")))
    except ValueError:
        return None


def _rows(found: Any) -> NDArray[Any]:
    """Raises `ValueError` if some are not of that kind."""
    try:
        return np.fromiter(found, _ROW)
    except (TypeError, OverflowError) as error:
        raise ValueError(*error.args) from error
