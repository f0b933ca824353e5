"""When is a run that goes on for long told of? By what `[capture]` in the project's settings says."""

from __future__ import annotations

from typing import Final

import msgspec

from provgraph.config import Project
from provgraph.errors import ProjectError


class Rhythm(msgspec.Struct, frozen=True):
    """After how long, and after how many bytes of events."""

    every: str = "1h"
    after: str | int = "64MB"


def rhythm(project: Project) -> tuple[int, int]:
    """In nanoseconds and bytes. Raises `ProjectError` where the settings are wrong."""
    from provgraph.query.values import duration, size

    try:
        said = msgspec.convert(project.settings.get("capture", {}), Rhythm)
        after = size(said.after) if isinstance(said.after, str) else said.after
        return duration(said.every), after
    except (msgspec.ValidationError, ValueError) as error:
        raise ProjectError(
            f"{project.file}: [capture] is not understood: {error}",
            hint='it has `every`, such as "1h", and `after`, such as "64MB"',
        ) from error


_SECOND: Final = 1_000_000_000


class Due:
    """Whether a run is to be told of by now, as who records it sees it. Who tells measures from the moment when
    it told last, which was after it had been asked to: so this waits a little longer.

    >>> due = Due(every=64 * _SECOND, after=1600)
    >>> due.is_now(5, 0), due.is_now(5 + 65 * _SECOND, 0), due.is_now(5 + 66 * _SECOND, 0)
    (False, False, True)
    >>> due.is_now(5 + 67 * _SECOND, 1600), due.is_now(5 + 67 * _SECOND, 1700)
    (False, True)
    """

    def __init__(self, every: int, after: int) -> None:
        self._every = every + every // 64 + _SECOND
        self._after = after + after // 16
        self._asked, self._events = 0, 0

    def is_now(self, tick: int, events: int) -> bool:
        """`events` are the bytes of them by now. What is due is taken to be told then."""
        self._asked = self._asked or tick
        if tick - self._asked < self._every and events - self._events < self._after:
            return False
        self._asked, self._events = tick, events
        return True


def due(project: Project) -> Due:
    """Raises `ProjectError` where the settings are wrong."""
    return Due(*rhythm(project))
