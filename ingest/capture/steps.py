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
        self._by_id = {step.step: step for step in steps}
        for step in steps:
            self._of[step.pid].append(step)

    def at(self, pid: int, tick: int) -> str | None:
        """The last that a process had begun by then; what is around it, if that had ended; the run's first
        where the process was not seen."""
        own = self._of.get(pid, [])
        begun = bisect_right(own, tick, key=lambda step: step.started.tick)
        if not begun:
            return self._first
        step = own[begun - 1]
        while step.ended is not None and step.ended.tick < tick:
            around = self._by_id.get(step.parent)
            if around is None or around.pid != pid:
                break
            step = around
        return step.step
