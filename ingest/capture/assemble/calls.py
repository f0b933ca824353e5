"""Which parts of programs are steps of their own, and what do they tell each other?

A call is told by what is around it when it begins, and tells it when it ends, if it gave something. Cells of a
notebook have only their kernel around them, which knows nothing: they hear of each other by variables. What a
cell says (`!sort {name}`) is what the programs are told that it starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provgraph.ingest.capture.assemble.pipes import Inform
from provgraph.ingest.capture.assemble.processes import Execution, Story, ancestors


def calls(story: Story) -> Iterator[Execution]:
    for process in story.processes:
        yield from process.calls.values()


def with_surroundings(executions: Iterable[Execution]) -> set[Execution]:
    """These, and what they are parts of."""
    found: set[Execution] = set()
    for execution in executions:
        above: Execution | None = execution
        while above is not None and above not in found:
            found.add(above)
            above = above.within
    return found


def informs(story: Story) -> Iterator[Inform]:
    for execution in calls(story):
        call, left, around = execution.call, execution.left, execution.within
        assert call is not None and around is not None
        if call.kind != "cell" or around.call is not None:
            began = execution.started
            yield Inform(execution, around, "call", began, until=began)
            if left is not None and left.tells:
                yield Inform(around, execution, "call", left.tick)
        for name, number in left.heard if left is not None else ():
            maker = execution.process.calls.get(number)
            if maker is not None and maker is not execution:
                yield Inform(execution, maker, "variable", execution.started, name=name)
    if any(calls(story)):
        for process in story.processes:
            for execution in process.executions:
                cell = next(
                    (above for above in ancestors(execution) if above.call is not None), None
                )
                if cell is not None and cell.call is not None and cell.call.kind == "cell":
                    began = execution.started
                    yield Inform(execution, cell, "call", began, until=began)
