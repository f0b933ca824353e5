"""Which requests wait, the most urgent first, and which of them may go on because a hold has ended?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from provgraph.config import Project
from provgraph.erasure.holds import day, keeps
from provgraph.erasure.requests import ENDED, Folder, Request, State, folders


@dataclass(frozen=True, slots=True)
class Listed:
    """A request. `free` are the names of what it had to keep, if no rule keeps them any more: it is due
    again."""

    request: Request
    state: State | Literal["hold ended"]
    free: tuple[str, ...]
    is_overdue: bool

    @property
    def is_open(self) -> bool:
        return self.state not in ENDED


def listed(project: Project, now: int) -> list[Listed]:
    """All requests. Raises `ProjectError`, `StoreError`."""
    found = [looked_up(project, folder, now) for folder in folders(project)]
    return sorted(found, key=lambda each: (not each.is_open, each.request.due))


def looked_up(project: Project, folder: Folder, now: int) -> Listed:
    """A request, as it stands. Raises `ProjectError`, `StoreError`."""
    request, free = folder.request(), freed(project, folder, day(now))
    state: State | Literal["hold ended"] = "hold ended" if free else folder.state()
    return Listed(request, state, free, state not in ENDED and now > request.due)


def freed(project: Project, folder: Folder, today: date) -> tuple[str, ...]:
    """The names of what a request that is done had to keep, and that no rule keeps any more."""
    kept = sorted({each.name for each in folder.kept()} if folder.state() == "done" else ())
    rules = keeps(project) if kept else ()
    return tuple(name for name in kept if not any(rule.covers([name], today) for rule in rules))
