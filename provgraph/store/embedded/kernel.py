"""The compiled walks, called with numpy's arrays."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from provgraph.store.embedded.adjacency import Adjacency, Ids
from provgraph.store.embedded.native import library


class Kernel:
    """The functions of walk.c. Arrays are its own kinds, and contiguous."""

    def __init__(self, path: str) -> None:
        loaded = ctypes.CDLL(path)
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        self._reached = loaded.provgraph_reached
        self._reached.argtypes = [*[pointer] * 8, *[number] * 3, *[pointer] * 2]
        self._reached.restype = number
        self._carried = loaded.provgraph_carried
        self._carried.argtypes = [number, *[pointer] * 3, number, *[pointer] * 3]
        self._carried.restype = None

    def reached(
        self,
        side: Adjacency,
        types: NDArray[np.bool_] | None,
        stopping: NDArray[np.bool_] | None,
        unseen: NDArray[np.bool_],
        sources: Ids,
        max_hops: int | None,
        found: Ids,
        ends: Ids,
    ) -> int:
        """The number of levels; what was reached is in `found`, by `ends`."""
        sources = np.ascontiguousarray(sources)
        hops = -1 if max_hops is None else max_hops
        levels: int = self._reached(
            *_addresses(side.start, side.degree, side.targets, side.types),
            *_addresses(types, stopping, unseen, sources),
            *(len(sources), hops, len(found)),
            *_addresses(found, ends),
        )
        return levels

    def carried(self, first: Ids, targets: Ids, waits: Ids, held: NDArray[np.uint64]) -> None:
        """See `shares.carried`; `held` has a row of words for each node, and is changed."""
        nodes, words = held.shape
        state, ready = np.zeros(nodes, np.uint8), np.empty(nodes, np.int64)
        self._carried(
            nodes,
            *_addresses(first, targets, waits),
            words,
            *_addresses(held, state, ready),
        )


def _addresses(*arrays: NDArray[Any] | None) -> list[int | None]:
    return [None if each is None else each.__array_interface__["data"][0] for each in arrays]


@cache
def kernel() -> Kernel | None:
    """None where there is no library and no compiler to make it."""
    path = library()
    if path is None:
        return None
    try:
        return Kernel(str(path))
    except (OSError, AttributeError):  # a folder that nothing may be executed from
        return None
