"""What is true of processes that talk through pipes, of which each use is told once in a turn?"""

from __future__ import annotations

from collections import defaultdict

import pytest
from capture.machine import Machine, Process, Told
from capture.test_assemble_any_history import FILES, Witness
from hypothesis import given, settings
from hypothesis import strategies as st

from provgraph.ingest.capture.assemble import uses
from provgraph.ingest.capture.events import Paired, Talked

PIPES = 3


class Talkers(Witness):
    """`knowledge` is what was truly said: the oldest thing in a pipe first, and once. `may` is what can be known of it: all
    that was ever given may be in all that is taken, and within a turn nobody knows who spoke first."""

    def __init__(self, pairs: bool = False) -> None:
        super().__init__()
        self.turn = 1
        self.pipes = [self.machine.inode().number for _ in range(PIPES)]
        self.ends = [self.machine.inode().number for _ in range(PIPES)] if pairs else self.pipes
        if pairs:
            for one, other in zip(self.pipes, self.ends, strict=True):
                self.root.say(Paired, one, other)
        self.kind = "socket" if pairs else "pipe"
        self.told: dict[tuple[Process, int, bool], int] = {}
        self.under_way: list[list[set[str]]] = [[] for _ in range(PIPES)]
        self.may: defaultdict[Process, set[str]] = defaultdict(set)
        self.bags: list[set[str]] = [set() for _ in range(PIPES)]
        self.uses: set[tuple[Process, int, bool]] = set()
        self.allowed: dict[str, set[str]] = {}
        for _ in range(3):
            self.spawn(self.root)

    def say(self, p: Process, pipe: int, takes: bool) -> None:
        self.uses.add((p, pipe, takes))
        if self.told.get((p, pipe, takes)) != self.turn:
            self.told[p, pipe, takes] = self.turn
            inode = self.pipes[pipe] if takes else self.ends[pipe]
            p.say(Talked, 5, inode, self.kind, self.turn, takes, not takes)

    def give(self, p: Process, pipe: int) -> None:
        self.say(p, pipe, False)
        self.under_way[pipe].append(set(self.knowledge[p]))

    def take(self, p: Process, pipe: int) -> None:
        if self.under_way[pipe]:
            self.knowledge[p] |= self.under_way[pipe].pop(0)
            self.say(p, pipe, True)

    def end_turn(self) -> None:
        """Before what ends it is known."""
        size = -1
        while size != (now := sum(map(len, (*self.may.values(), *self.bags)))):
            size = now
            for p, pipe, takes in self.uses:
                if takes:
                    self.may[p] |= self.bags[pipe]
                else:
                    self.bags[pipe] |= self.may[p]
        self.uses.clear()
        self.turn += 1

    def read(self, p: Process, name: str) -> None:
        if self.exists(name):
            self.end_turn()
            super().read(p, name)
            self.may[p] |= {name}

    def write(self, p: Process, name: str) -> None:
        self.end_turn()
        super().write(p, name)
        self.allowed[name] = set(self.may[p])

    def fork(self, p: Process) -> None:
        self.end_turn()
        super().fork(p)
        self.may[self.running[-1]] = set(self.may[p])


def talk(data: st.DataObject, witness: Talkers, calls: list[str]) -> Told:
    for call in data.draw(st.lists(st.sampled_from(calls), max_size=50), label="calls"):
        p = data.draw(st.sampled_from(witness.running), label="process")
        match call:
            case "give" | "take":
                pipe = data.draw(st.integers(0, PIPES - 1), label="pipe")
                getattr(witness, call)(p, pipe)
            case "read":
                witness.read(p, data.draw(st.sampled_from(["in0", "in1", "in2"]), label="input"))
            case "write":
                witness.write(p, data.draw(st.sampled_from(FILES), label="file"))
            case _:
                getattr(witness, call)(p)
    return witness.machine.assemble()


@settings(max_examples=400, deadline=None)
@given(st.data(), st.booleans())
def test_what_was_said_is_known_and_no_more_than_can_have_been(
    data: st.DataObject, pairs: bool
) -> None:
    witness = Talkers(pairs)
    told = talk(data, witness, ["give", "give", "take", "take", "read", "write", "fork", "exit"])
    for name in FILES:
        if witness.exists(name):
            said = witness.inputs_of(told, name)
            assert witness.origins[witness.inode(name)] <= said <= witness.allowed[name], name


def test_a_queue_between_two_forks_joins_them() -> None:
    m = Machine("a", "b", "c")
    p = m.program("python3", "x.py")
    one, other, third = p.fork(), p.fork(), p.fork()
    one.read("a")
    one.say(Talked, 4, 77, "pipe", 1, False, True)
    other.say(Talked, 3, 77, "pipe", 1, True, False)
    other.write("out")
    one.read("b")
    third.read("c")
    third.write("beside")
    told = m.assemble()
    assert (told.lineage("out"), told.lineage("beside")) == ({"a"}, {"c"})


def test_a_stream_may_be_used_at_any_time_by_all_who_have_it() -> None:
    m = Machine("a", "b")
    p = m.program("prog", out=m.pipe().write())
    p.say(Talked, 4, 77, "pipe", 1, False, True, True)
    writer, reader = p.fork(), p.fork()
    writer.read("a")
    reader.say(Talked, 3, 77, "pipe", 2, True, False)
    reader.write("out")
    writer.read("b")
    assert m.assemble().lineage("out") == {"a"}


def test_very_many_turns_are_made_coarser_and_lose_nothing() -> None:
    m = Machine(*(f"in{n}" for n in range(5000)))
    p = m.program("python3", "x.py")
    worker = p.fork()
    for n in range(5000):
        p.read(f"in{n}")
        p.say(Talked, 4, 77, "pipe", 2 * n + 1, False, True)
        worker.say(Talked, 3, 77, "pipe", 2 * n + 2, True, False)
        if n in (100, 4000):
            worker.write(f"out{n}")
    told = m.assemble()
    for n in (100, 4000):
        found = told.lineage(f"out{n}")
        assert {f"in{k}" for k in range(n + 1)} <= found
        assert f"in{n + 50}" not in found


def test_turns_of_more_processes_than_are_kept_apart_end_and_stay_exact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uses, "_MOST", 8)
    m = Machine(*(f"in{n}" for n in range(20)))
    p = m.program("python3", "x.py")
    for n in range(20):
        worker = p.fork()
        worker.read(f"in{n}")
        worker.say(Talked, 4, 77 + n, "pipe", 2 * n + 1, False, True)
        p.say(Talked, 3, 77 + n, "pipe", 2 * n + 2, True, False)
        if n in (5, 15):
            p.write(f"out{n}")
    told = m.assemble()
    for n in (5, 15):
        assert {f"in{k}" for k in range(20)} & told.lineage(f"out{n}") == {
            f"in{k}" for k in range(n + 1)
        }


def test_a_pipe_that_thousands_use_stays_linear() -> None:
    m = Machine("a")
    p = m.program("python3", "x.py")
    workers = [p.fork() for _ in range(200)]
    for turn, worker in enumerate(workers, 1):
        worker.say(Talked, 3, 77, "pipe", turn, True, False)
        worker.say(Talked, 4, 77, "pipe", turn, False, True)
    workers[0].read("a")
    workers[-1].write("out")
    assert len(list(m.assemble().records)) < 2000
