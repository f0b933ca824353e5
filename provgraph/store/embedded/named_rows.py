"""The rows of a walk that show ids and depths, made when they are looked at.

Half a million Python strings and tuples take ten times as long to make as the walk that found them,
and most of them are counted, or cut to a page, and thrown away.
"""

from __future__ import annotations

from typing import Any

from provgraph.model.collector import paused_collector
from provgraph.store.embedded.adjacency import Ids
from provgraph.store.embedded.known_nodes import Uids, texts
from provgraph.store.made_rows import MadeRows, Row


class NamedRows(MadeRows):
    """Each of `keys` is `id` or `depth`.

    >>> import numpy as np
    >>> rows = NamedRows(("depth", "id"), np.array([b"v1", b"v2"], "S32"), np.array([1, 2]))
    >>> len(rows), rows[-1], rows[:1], rows == [(1, "v1"), (2, "v2")]
    (2, (2, 'v2'), [(1, 'v1')], True)
    """

    def __init__(self, keys: tuple[str, ...], uids: Uids, depths: Ids) -> None:
        super().__init__(len(depths), self._made)
        self._keys = keys
        self._uids = uids
        self._depths = depths

    def _made(self, place: slice) -> list[Row]:
        columns: dict[str, list[Any]] = {}
        if "id" in self._keys:
            columns["id"] = texts(self._uids[place])
        if "depth" in self._keys:
            columns["depth"] = self._depths[place].tolist()
        with paused_collector():
            return list(zip(*(columns[key] for key in self._keys), strict=True))
