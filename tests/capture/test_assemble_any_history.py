"""What is true of any history of a run? What a machine itself knows of origins, against the graph."""

from __future__ import annotations

import random
from collections.abc import Callable

import networkx as nx  # type: ignore[import-untyped]
from capture.machine import Inode, Machine, Process, Told, absolute, pipeline
from hypothesis import given, settings
from hypothesis import strategies as st

INPUTS = ("in0", "in1", "in2")
FILES = ("w0", "w1", "w2", "w3")


class Witness:
    """Runs a random history and keeps account of which inputs each file truly came from."""

    def __init__(self) -> None:
        self.machine = Machine(*INPUTS)
        self.root = self.machine.program("bash")
        self.running = [self.root]
        self.knowledge: dict[Process, set[str]] = {self.root: set()}
        self.origins: dict[Inode, set[str]] = {
            self.machine.files[absolute(name)]: {name} for name in INPUTS
        }
        self.held: list[tuple[Process, int]] = []

    def exists(self, name: str) -> bool:
        return absolute(name) in self.machine.files

    def inode(self, name: str) -> Inode:
        return self.machine.files[absolute(name)]

    def spawn(self, parent: Process) -> None:
        child = parent.spawn("tool", str(len(self.running)))
        self.running.append(child)
        self.knowledge[child] = {"in0"} if child.pipes else set()  # it may read its input too

    def fork(self, parent: Process) -> None:
        child = parent.fork()
        self.running.append(child)
        self.knowledge[child] = set(self.knowledge[parent])

    def pipe(self, parent: Process) -> None:
        """`cat INPUT | tool`, to the end of the first."""
        one, two = pipeline(parent, ("cat", "in0"), ("tool", str(len(self.running))))
        one.read("in0")
        one.exit()
        self.running.append(two)
        self.knowledge[two] = {"in0"}

    def read(self, p: Process, name: str) -> None:
        if self.exists(name):
            p.read(name)
            self.knowledge[p] |= self.origins[self.inode(name)]

    def write(self, p: Process, name: str) -> None:
        p.write(name, f"by {p.pid} at {self.machine.tick}")
        self.origins[self.inode(name)] = set(self.knowledge[p])

    def append(self, p: Process, name: str) -> None:
        was_empty = not self.exists(name) or not self.inode(name).size
        p.write(name, "more", "a")
        before = set() if was_empty else self.origins[self.inode(name)]
        self.origins[self.inode(name)] = before | self.knowledge[p]

    def update(self, p: Process, name: str) -> None:
        if self.exists(name) and self.inode(name).size:
            self.knowledge[p] |= self.origins[self.inode(name)]
            p.write(name, "changed", "r+")
            self.origins[self.inode(name)] |= self.knowledge[p]

    def move(self, source: str, target: str) -> None:
        """`mv`, which knows nothing."""
        if self.exists(source) and source != target:
            mv = self.root.spawn("mv", source, target)
            mv.rename(source, target)
            mv.exit()

    def replace(self, p: Process, target: str) -> None:
        """The safe way to write: a temporary file, then a rename."""
        p.write("tmp", f"by {p.pid} at {self.machine.tick}")
        p.rename("tmp", target)
        self.origins[self.inode(target)] = set(self.knowledge[p])

    def unlink(self, p: Process, name: str) -> None:
        if self.exists(name):
            p.unlink(name)

    def begin(self, p: Process, name: str) -> None:
        self.held.append((p, p.open(name, "w")))
        self.origins[self.inode(name)] = set(self.knowledge[p])

    def put(self) -> None:
        for p, fd in self.held[:1]:
            inode = p.handles[fd].inode
            before = self.origins[inode] if inode.size else set()
            p.put(fd, f"x{self.machine.tick}")
            self.origins[inode] = before | self.knowledge[p]

    def end(self) -> None:
        if self.held:
            p, fd = self.held.pop(0)
            p.close(fd)

    def exit(self, p: Process) -> None:
        if p is not self.root:
            self.held = [(q, fd) for q, fd in self.held if q is not p]
            self.running.remove(p)
            p.exit()

    def kill(self, p: Process) -> None:
        if p is not self.root:
            self.held = [(q, fd) for q, fd in self.held if q is not p]
            self.running.remove(p)

    def inputs_of(self, told: Told, name: str) -> set[str]:
        return told.lineage(name) & set(INPUTS)


def play(witness: Witness, data: st.DataObject, calls: list[str]) -> Told:
    """Draw and run a history of up to 40 calls; the witness's processes and files are the choices."""
    for call in data.draw(st.lists(st.sampled_from(calls), max_size=40), label="calls"):
        p = data.draw(st.sampled_from(witness.running), label="process")
        if call in ("read", "update", "move"):
            source = data.draw(st.sampled_from(INPUTS + FILES if call == "read" else FILES))
        target = data.draw(st.sampled_from(FILES), label="file")
        match call:
            case "read" | "update":
                getattr(witness, call)(p, source)
            case "move":
                witness.move(source, target)
            case "put" | "end":
                getattr(witness, call)()
            case "spawn" | "fork" | "pipe" | "exit" | "kill" | "part":
                getattr(witness, call)(p)
            case "connect":
                other = data.draw(st.sampled_from(witness.running), label="server")
                getattr(witness, call)(p, other)
            case _:
                getattr(witness, call)(p, target)
    return witness.machine.assemble()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_lineage_is_exactly_what_programs_knew_when_they_finished_a_file(
    data: st.DataObject,
) -> None:
    witness = Witness()
    calls = [
        "read",
        "read",
        "write",
        "append",
        "update",
        "move",
        "replace",
        "unlink",
        "spawn",
        "pipe",
        "exit",
    ]
    told = play(witness, data, calls)
    for name in FILES:
        if witness.exists(name):
            assert witness.inputs_of(told, name) == witness.origins[witness.inode(name)], name
    assert nx.is_directed_acyclic_graph(told.causes)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_origin_is_lost_whatever_is_forked_killed_or_left_open(data: st.DataObject) -> None:
    witness = Witness()
    calls = [
        "read",
        "read",
        "write",
        "append",
        "update",
        "move",
        "replace",
        "unlink",
        "spawn",
        "fork",
        "pipe",
        "exit",
        "kill",
    ]
    told = play(witness, data, [*calls, "begin", "put", "put", "end"])
    for name in FILES:
        if witness.exists(name) and witness.inode(name).size:  # nothing comes from somewhere
            assert witness.inputs_of(told, name) >= witness.origins[witness.inode(name)], name


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_two_pipelines_in_one_run_never_mix(data: st.DataObject) -> None:
    m = Machine("a", "b")
    shell = m.program("bash")
    length = data.draw(st.integers(2, 4))
    lines = []
    for name in ("a", "b"):
        stages = pipeline(shell, *((f"stage{i}", name) for i in range(length)))
        work: list[Callable[[], object]] = [lambda p=stages[0], n=name: p.read(n)]  # type: ignore[misc]
        work += [lambda p=stages[-1], n=name: p.write(f"{n}.out")]  # type: ignore[misc]
        work += [p.exit for p in stages]
        lines.append(work)
    while any(lines):
        line = data.draw(st.sampled_from([line for line in lines if line]))
        line.pop(0)()
    told = m.assemble()
    assert told.lineage("a.out") == {"a"}
    assert told.lineage("b.out") == {"b"}
    assert nx.is_directed_acyclic_graph(told.causes)


@settings(max_examples=50, deadline=None)
@given(st.data(), st.randoms(use_true_random=False))
def test_any_order_of_processes_gives_the_same_records(
    data: st.DataObject, chance: random.Random
) -> None:
    witness = Witness()
    told = play(
        witness,
        data,
        ["read", "write", "append", "move", "spawn", "fork", "pipe", "exit", "begin", "put", "end"],
    )
    pids = list({event.pid for event in witness.machine.events})
    chance.shuffle(pids)
    events = sorted(witness.machine.events, key=lambda event: pids.index(event.pid))
    assert witness.machine.assemble(events).records == told.records
