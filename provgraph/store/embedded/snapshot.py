"""The lineage edges of a database at a moment, as arrays: how are they read, and kept up to date?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import apsw
import numpy as np

from provgraph.store.embedded import changes
from provgraph.store.embedded.adjacency import Adjacency, Full, adjacency
from provgraph.store.embedded.changes import Moment
from provgraph.store.embedded.schema import LINEAGE_NUMBERS

_TYPE_BITS, _ID_BITS = 3, 30  # so that an edge fits in an integer of 64 bits
_EDGES: Final = f"""
SELECT (src << {_TYPE_BITS + _ID_BITS}) | (type << {_ID_BITS}) | dst FROM edge
WHERE type BETWEEN {LINEAGE_NUMBERS[0]} AND {LINEAGE_NUMBERS[-1]} ORDER BY src, type, dst
"""
assert LINEAGE_NUMBERS[-1] < 1 << _TYPE_BITS


@dataclass(slots=True)
class Lineage:
    """The lineage edges at `moment`, in both directions. `nodes` (row ids are below) and `edges`
    say how many there were when it was built."""

    moment: Moment
    nodes: int
    edges: int
    origin: Adjacency
    effect: Adjacency

    @property
    def size(self) -> int:
        """Row ids are below; those of nodes without lineage edges need not be."""
        return len(self.origin.start)

    def side(self, toward: Literal["origin", "effect"]) -> Adjacency:
        return self.origin if toward == "origin" else self.effect

    def follow(self, connection: apsw.Connection) -> bool:
        """Bring it up to the state that the connection reads, at a cost that grows with what was
        added. False where that cannot be done: then it is of no use any more."""
        added = changes.since(connection, self.moment)
        if added is None:
            return False
        added = [each for each in added if each.type != changes.TOUCHED]
        if added:
            packed = np.concatenate([np.frombuffer(each.edges, np.int64) for each in added])
            counts = [len(each.edges) // packed.itemsize for each in added]
            types = np.repeat(np.array([each.type for each in added], np.uint8), counts)
            sources, targets = packed >> 32, packed & 0xFFFFFFFF
            try:
                self.origin.add(sources, types, targets)
                self.effect.add(targets, types, sources)
            except Full:
                return False
            self.moment = changes.now(connection)
        return True


def build(connection: apsw.Connection) -> Lineage | None:
    """Read all lineage edges; the caller holds the read transaction. None if there are too many."""
    nodes = (connection.execute("SELECT max(id) FROM node").get or 0) + 1
    if nodes >= 1 << _ID_BITS:
        return None
    packed = np.fromiter((edge for (edge,) in connection.execute(_EDGES)), np.int64)
    if len(packed):  # parallel edges differ in their keys alone
        packed = packed[np.concatenate(([True], packed[1:] != packed[:-1]))]
    sources = packed >> _TYPE_BITS + _ID_BITS
    types = (packed >> _ID_BITS & (1 << _TYPE_BITS) - 1).astype(np.uint8)
    targets = packed & (1 << _ID_BITS) - 1
    order = targets.argsort(kind="stable")
    return Lineage(
        changes.now(connection),
        nodes,
        len(packed),
        adjacency(nodes, sources, types, targets),
        adjacency(nodes, targets[order], types[order], sources[order]),
    )
