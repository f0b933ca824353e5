"""Which step was a process in at a moment?"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable

from provgraph.model.records import Record, StepSeen


class Steps:
    """The steps of a run, by their processes."""

    def __init__(self, made: Iterable[Record]) -> None:
        steps = [record for record in made if isinstance(record, StepSeen)]
        steps.sort(key=lambda step: (step.started.tick, step.phase))
        self._first = steps[0].step if steps else None
        self._of: dict[int, list[StepSeen]] = defaultdict(list)
        for step in steps:
            self._of[step.pid].append(step)

    def at(self, pid: int, tick: int) -> str | None:
        """The last that a process had begun by then; the run's first where the process was not seen."""
        own = self._of.get(pid, [])
        begun = bisect_right(own, tick, key=lambda step: step.started.tick)
        return own[begun - 1].step if begun else self._first
