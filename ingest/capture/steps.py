"""Which step was a process in at a moment?"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from provgraph.model.records import Record, StepSeen


class Steps:
    """The steps of a run, by their processes."""

    def __init__(self, made: Iterable[Record]) -> None:
        self._made = made

    @cached_property
    def _steps(self) -> list[StepSeen]:
        """In order of time; asked for by few runs."""
        steps = [record for record in self._made if isinstance(record, StepSeen)]
        steps.sort(key=lambda step: (step.started.tick, step.phase))
        return steps

    @cached_property
    def _by_id(self) -> dict[str, StepSeen]:
        return {step.step: step for step in self._steps}

    @cached_property
    def _of(self) -> dict[int, list[StepSeen]]:
        found: defaultdict[int, list[StepSeen]] = defaultdict(list)
        for step in self._steps:
            found[step.pid].append(step)
        return found

    def at(self, pid: int, tick: int) -> str | None:
        """The last that a process had begun by then; what is around it, if that had ended; the run's first
        where the process was not seen."""
        own = self._of.get(pid, [])
        begun = bisect_right(own, tick, key=lambda step: step.started.tick)
        if not begun:
            return self._steps[0].step if self._steps else None
        step = own[begun - 1]
        while step.ended is not None and step.ended.tick < tick:
            around = self._by_id.get(step.parent)
            if around is None or around.pid != pid:
                break
            step = around
        return step.step
