"""Who has a file open and may still change it?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from provgraph.ingest.capture.assemble.states import Opening, same
from provgraph.model.records import Stat


class Writers:
    """The openings of a file by which it may still be changed. Very many forks may have one and the same, such as a
    log that all of a run are given: what began with the same state is looked at once."""

    __slots__ = ("_forked", "_mortal", "_own")  # each file that is written has its own for a moment

    def __init__(self) -> None:
        self._own = _Runs()
        self._forked = _NONE
        self._mortal: dict[Opening, None] = {}  # of processes that nobody saw end

    def __bool__(self) -> bool:
        return bool(self._own.run_of or self._forked.run_of)

    def add(self, opening: Opening) -> None:
        if opening.forked and self._forked is _NONE:
            self._forked = _Runs()
        (self._forked if opening.forked else self._own).add(opening)
        if opening.by.process.exited is None:
            self._mortal[opening] = None

    def remove(self, opening: Opening) -> None:
        """Where it is one of them."""
        self._own.remove(opening)
        self._forked.remove(opening)
        self._mortal.pop(opening, None)

    def adopt(self, opening: Opening) -> None:
        """What a fork was given is its own program's now."""
        if opening in self._forked:
            self._forked.remove(opening)
            self._own.add(opening)

    def changer(self, state: Stat, *, reading: bool) -> Opening | None:
        """The last to have opened it that had found it in another state, rather one that opened it for itself
        than a fork. `reading`: one that created it counts, too."""
        own = self._own.changer(state, reading=reading)
        return own if own is not None else self._forked.changer(state, reading=reading)

    def orphans(self, state: Stat, tick: int) -> list[Opening]:
        """Those of processes that were killed before `tick` and had found it in another state, one of each."""
        found = {
            opening.by.process: opening
            for opening in self._mortal
            if opening.by.process.last < tick and not same(opening.base, state)
        }
        return list(found.values())

    def emptied(self, state: Stat) -> bool:
        """Whether somebody left it so who created or emptied it."""
        return any(opening.fresh and same(opening.base, state) for opening in self._own)

    def own(self) -> Collection[Opening]:
        """Those but for what forks were given."""
        return self._own

    def readers(self) -> Iterable[Opening]:
        """Those that can read as well, but for what forks were given."""
        return (opening for opening in self._own if opening.readable)


class _Runs:
    """Openings in order. Neighbours that cannot be told apart by the state that they began with make one run."""

    __slots__ = ("_runs", "run_of")

    def __init__(self) -> None:
        self._runs: list[dict[Opening, None]] = []
        self.run_of: dict[Opening, dict[Opening, None]] = {}

    def __len__(self) -> int:
        return len(self.run_of)

    def __contains__(self, opening: object) -> bool:
        return opening in self.run_of

    def __iter__(self) -> Iterator[Opening]:
        return iter(self.run_of)

    def add(self, opening: Opening) -> None:
        while self._runs and not self._runs[-1]:
            self._runs.pop()
        if self._runs and _alike(next(reversed(self._runs[-1])), opening):
            run = self._runs[-1]
            run[opening] = None
        else:
            run = {opening: None}
            self._runs.append(run)
        self.run_of[opening] = run

    def remove(self, opening: Opening) -> None:
        run = self.run_of.pop(opening, None)
        if run is not None:
            del run[opening]

    def changer(self, state: Stat, *, reading: bool) -> Opening | None:
        for run in reversed(self._runs):
            opening = next(reversed(run), None)
            if opening is None:
                continue
            if opening.forked and opening.base.mtime > state.mtime:
                continue  # a fork looks once it runs, which may be after others that were forked later
            if not same(opening.base, state) or (opening.fresh and reading):
                return opening
        return None


_NONE: Final = _Runs()
"""Most files are given to no fork."""


def _alike(one: Opening, other: Opening) -> bool:
    return one.fresh == other.fresh and same(one.base, other.base)
