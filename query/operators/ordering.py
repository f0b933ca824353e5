"""In which order can things be done that need each other?"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any


def groups_in_order(
    needs: Mapping[str, Iterable[str]], place: Callable[[str], Any]
) -> list[list[str]]:
    """The keys of `needs` in groups: those that need each other, directly or not, are one group, and
    a group comes after all that it needs. Of those that could be next the one with the least place is;
    a group's place is its least member's, which comes first in it. What is no key is needed by none.

    >>> groups_in_order({"a": ["b"], "b": ["c", "d"], "c": ["b"], "d": []}, lambda key: key)
    [['d'], ['b', 'c'], ['a']]
    """
    groups = [sorted(group, key=place) for group in _components(needs)]
    group_of = {member: number for number, group in enumerate(groups) for member in group}
    waits = [0] * len(groups)
    frees: defaultdict[int, list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        needed = {group_of[one] for member in group for one in needs[member] if one in group_of}
        for other in needed - {number}:
            waits[number] += 1
            frees[other].append(number)
    ready = [(place(groups[n][0]), n) for n, waiting in enumerate(waits) if not waiting]
    heapq.heapify(ready)
    ordered = []
    while ready:
        _, number = heapq.heappop(ready)
        ordered.append(groups[number])
        for other in frees[number]:
            waits[other] -= 1
            if not waits[other]:
                heapq.heappush(ready, (place(groups[other][0]), other))
    return ordered


def _components(needs: Mapping[str, Iterable[str]]) -> Iterator[list[str]]:
    """The strongly connected components (Tarjan's algorithm, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    stacked: set[str] = set()
    for root in needs:
        work = [] if root in index else [(root, iter(needs[root]))]
        if work:
            index[root] = low[root] = len(index)
            stack.append(root)
            stacked.add(root)
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in needs:
                    continue
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    stacked.add(other)
                    work.append((other, iter(needs[other])))
                    break
                if other in stacked:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    at = stack.index(node) if stack[-1] != node else len(stack) - 1
                    component = stack[at:]
                    del stack[at:]
                    stacked.difference_update(component)
                    yield component
