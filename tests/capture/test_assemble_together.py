"""Is what very many told each other through open files held in few words?"""

from __future__ import annotations

import pytest

from provgraph.ingest.capture.assemble import together
from provgraph.ingest.capture.assemble.pipes import Inform
from provgraph.ingest.capture.assemble.processes import Execution, Process
from provgraph.ingest.capture.assemble.together import Told


def inform(reader: Execution, by: Execution, tick: int) -> Inform:
    return Inform(reader, by, "memory", tick, held=False, until=tick + 5)


def executions(count: int) -> list[Execution]:
    return [Execution(Process(pid, 0), 0, 0, 0, b"/p") for pid in range(count)]


def test_as_long_as_it_is_little_each_moment_is_kept() -> None:
    one, other = executions(2)
    told, said = Told(), [inform(one, other, tick) for tick in range(100)]
    told.add(said)
    assert told.all() == said


def test_of_much_each_pair_is_kept_from_its_first_moment_to_its_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(together, "_MOST", 10)
    three, told = executions(3), Told()
    for tick in range(1000):
        told.add([inform(three[tick % 3], three[(tick + 1) % 3], tick)])
        assert len(told.all()) <= 10
    assert {(i.reader.process.pid, i.by.process.pid, i.tick, i.until) for i in told.all()} == {
        (0, 1, 0, 1004),
        (1, 2, 1, 1002),
        (2, 0, 2, 1003),
    }
