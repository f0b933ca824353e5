"""All that was done to files in a run, once it is over: in memory, or on a shelf where it is very much."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from provgraph.ingest.capture.assemble.processes import Execution
from provgraph.ingest.capture.assemble.shelf import Shelf
from provgraph.ingest.capture.assemble.states import Action, place

Matters = Callable[[Action, bool], bool]
"""Whether an action is recorded, and whether its file was a passing one."""


class Actions(Protocol):
    """What may be gone through again and again. First all of them, then those that matter."""

    def __iter__(self) -> Iterator[Action]:
        """In the order in which they were made."""
        ...

    def add(self, actions: Iterable[Action]) -> None: ...

    def keep(self, matters: Matters) -> None:
        """Leave out what does not matter."""
        ...

    def of(self, by: Execution) -> Iterable[Action]:
        """Those of one execution, in order of time."""
        ...

    def count(self, by: Execution, uri: str) -> int:
        """How often that was asked for before, of the executions one after the other."""
        ...


class Held:
    """In memory."""

    def __init__(self, actions: list[Action]) -> None:
        self._actions = actions
        self._of: dict[Execution, list[Action]] | None = None
        self._counts: dict[str, int] = {}
        self._counted: Execution | None = None

    def __iter__(self) -> Iterator[Action]:
        return iter(self._actions)

    def add(self, actions: Iterable[Action]) -> None:
        self._actions += actions

    def keep(self, matters: Matters) -> None:
        self._actions = [
            action
            for action in self._actions
            if matters(action, action.file is not None and action.file.passing)
        ]
        for action in self._actions:
            action.file = None  # files are over

    def of(self, by: Execution) -> Iterable[Action]:
        if self._of is None:
            self._of = _by_execution(self._actions)
        return self._of.get(by, ())

    def count(self, by: Execution, uri: str) -> int:
        if by is not self._counted:
            self._counted, self._counts = by, {}
        count = self._counts.get(uri, 0)
        self._counts[uri] = count + 1
        return count


def _by_execution(actions: Iterable[Action]) -> dict[Execution, list[Action]]:
    found: dict[Execution, list[Action]] = {}
    for action in actions:
        own = found.get(action.by)
        if own is None:
            own = found[action.by] = []
        own.append(action)
    for own in found.values():
        own.sort(key=place)
    return found


class OnShelf:
    def __init__(self, shelf: Shelf, count: int) -> None:
        self._shelf, self._next = shelf, count
        self._counted: Execution | None = None

    def __iter__(self) -> Iterator[Action]:
        return (action for action, _ in self._shelf.actions())

    def add(self, actions: Iterable[Action]) -> None:
        added = list(actions)
        for action in added:
            action.seq, self._next = self._next, self._next + 1
        self._shelf.put_actions(added)

    def keep(self, matters: Matters) -> None:
        found = self._shelf.actions()
        self._shelf.drop([action.seq for action, passing in found if not matters(action, passing)])

    def of(self, by: Execution) -> Iterable[Action]:
        return self._shelf.of(by)

    def count(self, by: Execution, uri: str) -> int:
        if by is not self._counted:
            self._counted = by
            self._shelf.count_anew()
        return self._shelf.count(uri)
