"""In which order can nodes be done that need each other? One group at a time is looked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provgraph.query.evaluate import Evaluator


def turns(ids: set[str], needs: Callable[[str], set[str]], graph: Evaluator) -> dict[str, int]:
    """When it is each one's turn: after all that it needs, directly or not, but with those that need it
    too. Of those that could be next the earliest is."""
    needed = {id: reach(id, needs) for id in ids}
    found: dict[str, int] = {}
    while left := ids - found.keys():
        free = [
            id
            for id in left
            if all(other in found or id in needed[other] for other in needed[id] - {id})
        ]
        next_ = min(free, key=graph.place)
        group = {id for id in free if id == next_ or (id in needed[next_] and next_ in needed[id])}
        found |= dict.fromkeys(group, len(set(found.values())))
    return found


def reach(id: str, needs: Callable[[str], set[str]]) -> set[str]:
    """All that it needs, directly or not."""
    found: set[str] = set()
    left = [id]
    while left:
        new = needs(left.pop()) - found
        found |= new
        left += new
    return found
