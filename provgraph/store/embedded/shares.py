"""How many of some starts have a node in their lineage? One bit a start, carried along the edges.

Each edge is met once, when all that leads to its beginning has been, and carries all starts in words
of 64; only a cycle's edges are met again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from provgraph.store.embedded.adjacency import Adjacency, Ids
from provgraph.store.embedded.closure import Bounds, Walker
from provgraph.store.embedded.subgraph import among, joined

Words = NDArray[np.uint64]

AT_ONCE: Final = 512
"""Starts. More are carried in turns, so that memory does not grow with them."""


def shares(
    side: Adjacency, walker: Walker, groups: Sequence[Ids], visit: Callable[[int], None]
) -> tuple[Ids, list[Ids]]:
    """The nodes that a walk from the members of the groups reaches, in no order, and, for each
    group, how many of its members reach each of them by one edge at least."""
    starts = np.unique(np.concatenate(groups))
    reached = walker.reached(side, starts, Bounds(visit=visit)).ids
    nodes = joined(starts, reached, walker.places)
    effects, causes = among(side, nodes, walker.places)
    if not len(nodes):
        return reached, [np.zeros(0, np.int64) for _ in groups]
    members = walker.places[np.concatenate(groups)].astype(np.int64)
    owners = np.arange(len(groups)).repeat([len(group) for group in groups])
    counts = [np.zeros(len(nodes), np.int64) for _ in groups]
    carry = carried if walker.kernel is None else walker.kernel.carried
    for begin in range(0, len(members), AT_ONCE):
        some = slice(begin, begin + AT_ONCE)
        held = _held(len(nodes), effects, causes, members[some], carry)
        for nth, count in enumerate(counts):
            ours = np.packbits(owners[some] == nth, bitorder="little")
            mask = np.zeros(held.shape[1], np.uint64)
            mask.view(np.uint8)[: len(ours)] = ours
            count += np.bitwise_count(held & mask).sum(axis=1, dtype=np.int64)
    return reached, [count[len(nodes) - len(reached) :] for count in counts]


Carry = Callable[[Ids, Ids, Ids, Words], None]


def _held(nodes: int, effects: Ids, causes: Ids, members: Ids, carry: Carry) -> Words:
    """For each node, which members it is reached from by one edge at least: bit n is the nth."""
    held = np.zeros((nodes, -(-len(members) // 64)), np.uint64)
    bits = np.arange(len(members), dtype=np.uint64)
    np.bitwise_or.at(held, (members, bits // np.uint64(64)), np.uint64(1) << bits % np.uint64(64))
    starts = np.unique(members)
    own = held[starts]
    first = np.append(0, np.bincount(effects, minlength=nodes).cumsum())
    carry(first, causes, np.bincount(causes, minlength=nodes), held)
    # A start has its own bit; it stays only where an edge brought it back, around a cycle.
    is_start = np.zeros(nodes, np.bool_)
    is_start[starts] = True
    back = np.flatnonzero(is_start[causes])
    returned = held[effects[back]] & own[np.searchsorted(starts, causes[back])]
    held[starts] &= ~own
    np.bitwise_or.at(held, causes[back], returned)
    return held


def carried(first: Ids, targets: Ids, waits: Ids, held: Words) -> None:
    """Give each node the bits of those that lead to it. Node n leads to `targets` from `first[n]`
    to `first[n + 1]`; `waits` says how many lead to it.

    A node is taken when all that lead to it have been. Where only cycles are left one is taken all
    the same, and what is taken already is taken again when its bits change.
    """
    raw, size = held.tobytes(), held.itemsize * held.shape[1]
    ints = [int.from_bytes(raw[at : at + size], "little") for at in range(0, len(raw), size)]
    _carried(first.tolist(), targets.tolist(), waits.tolist(), ints)
    joined = b"".join([each.to_bytes(size, "little") for each in ints])
    held[:] = np.frombuffer(joined, np.uint64).reshape(held.shape)


def _carried(first: list[int], targets: list[int], waits: list[int], held: list[int]) -> None:
    """
    >>> held = [1, 0, 2]
    >>> _carried([0, 1, 2, 3], [1, 2, 1], [0, 2, 1], held)  # 0 to 1, and 1 to 2 and back
    >>> held
    [1, 3, 3]
    """
    taken = bytearray(len(held))
    rest = iter(range(len(held)))
    ready = [node for node, others in enumerate(waits) if not others]
    while True:
        if ready:
            node = ready.pop()
        elif (node := next((node for node in rest if not taken[node]), -1)) < 0:
            return
        again, taken[node] = taken[node], 1
        carry = held[node]
        for target in targets[first[node] : first[node + 1]]:
            before = held[target]
            held[target] = after = before | carry
            if not again:
                waits[target] -= 1
            if taken[target]:
                if after != before:
                    ready.append(target)
            elif not (again or waits[target]):
                ready.append(target)
