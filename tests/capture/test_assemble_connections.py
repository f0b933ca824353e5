"""What is true of processes that talk through sockets?"""

from __future__ import annotations

import networkx as nx  # type: ignore[import-untyped]
import pytest
from capture.machine import Machine, Process, Told
from capture.test_assemble_any_history import FILES, Witness, play
from hypothesis import given, settings
from hypothesis import strategies as st

from provgraph.ingest.capture.events import Connected, Descriptor, Exited, Parted
from provgraph.model.records import Generated, Informed, Stat, Used


class Line:
    """A connection: from whom to whom, by which port, and which of its two sockets are still open where."""

    def __init__(self, asker: Process, server: Process, port: int) -> None:
        machine = asker.machine
        self.port = port
        self.inodes = {asker: machine.inode().number, server: machine.inode().number}
        here, there = b"127.0.0.1:%d" % port, b"127.0.0.1:80"
        asker.say(Connected, self.inodes[asker], "network", here, there)
        server.say(Connected, self.inodes[server], "network", there, here, accepted=True)

    def part(self, process: Process) -> None:
        process.say(Parted, self.inodes.pop(process))


class Talkers(Witness):
    """Whoever is connected knows at once what the others know, directly or not: more cannot have been said."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []
        for _ in range(2):
            self.spawn(self.root)

    def read(self, p: Process, name: str) -> None:
        super().read(p, name)
        self.share()

    def update(self, p: Process, name: str) -> None:
        super().update(p, name)
        self.share()

    def connect(self, p: Process, q: Process) -> None:
        if p is not q:
            used = {line.port for line in self.lines}
            self.lines.append(Line(p, q, min(set(range(len(used) + 1)) - used)))
            self.share()

    def part(self, p: Process) -> None:
        """Its oldest connection ends, on both sides."""
        for line in [line for line in self.lines if p in line.inodes][:1]:
            self.lines.remove(line)
            for end in list(line.inodes):
                line.part(end)

    def exit(self, p: Process) -> None:
        while p is not self.root and any(p in line.inodes for line in self.lines):
            self.part(p)
        super().exit(p)

    def share(self) -> None:
        talking = nx.Graph([tuple(line.inodes) for line in self.lines])
        for together in nx.connected_components(talking):
            known = set().union(*(self.knowledge[p] for p in together))
            for p in together:
                self.knowledge[p] |= known


FILED = ["read", "read", "write", "append", "update", "replace", "unlink", "move"]
TALKED = [*FILED, "connect", "connect", "part", "spawn", "exit"]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_processes_made_comes_from_what_anybody_had_read_by_then_who_was_connected(
    data: st.DataObject,
) -> None:
    witness = Talkers()
    told = play(witness, data, TALKED)
    for name in FILES:
        if witness.exists(name):
            assert witness.inputs_of(told, name) == witness.origins[witness.inode(name)], name
    assert told.gaps == []


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_origin_is_lost_between_processes_that_talk_fork_and_are_killed(
    data: st.DataObject,
) -> None:
    witness = Talkers()
    told = play(witness, data, [*TALKED, "fork", "pipe", "kill"])
    for name in FILES:
        if witness.exists(name):
            assert witness.inputs_of(told, name) >= witness.origins[witness.inode(name)], name
    assert told.gaps == []


def connected(p: Process, inode: int, own: str, peer: str, **more: object) -> None:
    p.say(Connected, inode, "network", own.encode(), peer.encode(), **more)


HERE, THERE = "127.0.0.1:4000", "127.0.0.1:80"


def test_an_end_that_is_alone_is_a_gap_unless_nothing_came_over_it() -> None:
    m = Machine()
    shell = m.program("bash")
    for port, heard in (("1", True), ("2", False)):
        client = shell.spawn("client", port)
        connected(client, int(port), HERE, f"127.0.0.1:{port}")
        client.say(Parted, int(port), heard)
    server = shell.spawn("server")
    connected(server, 3, THERE, "127.0.0.1:5000", accepted=True)
    told = m.assemble()
    over = "input over the network not seen: "
    assert told.gaps == [f"{over}127.0.0.1:1", f"{over}{THERE}"]


def test_what_is_known_of_a_connection_makes_it_no_gap() -> None:
    m = Machine()
    client = m.program("client")
    connected(client, 1, HERE, THERE)
    assert m.assemble(known=frozenset({1})).gaps == []


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (b"/p/socket", "socket"),
        (b"/run/user/0/bus", ""),
        (b"/tmp/pymp-1/x", ""),
        (b"@abstract", "@abstract"),
        (b"@/tmp/dbus-x7Yz", ""),
        (b"@/tmp/.X11-unix/X0", ""),
    ],
)
def test_sockets_of_services_are_no_gaps(path: bytes, said: str) -> None:
    m = Machine()
    client = m.program("client")
    client.say(Connected, 1, "local socket", b"", path, other=1)
    gaps = [f"input through a socket of another program not seen: {said}"] if said else []
    assert m.assemble().gaps == gaps


def test_a_pipe_from_outside_is_what_it_gave_and_was_given_under_one_name() -> None:
    m = Machine("a")
    pipe = m.pipe()
    name = f"pipe://here/b007/1-{pipe.inode.number}"
    reader = m.program("sort", out=pipe.read())
    reader.write("out")
    assert m.assemble().lineage("out") == set()
    assert m.assemble(given=True).lineage("out") == {name}
    m = Machine("a")
    writer = m.program("cat", out=pipe.write())
    writer.read("a")
    assert m.assemble().generated == []
    assert m.assemble(passed_on=frozenset({(name.encode(), name.encode())})).lineage(name) == {"a"}


def test_namespaces_of_the_network_do_not_mix() -> None:
    m = Machine("a")
    shell = m.program("bash")
    client, server = shell.spawn("client"), shell.spawn("server")
    connected(client, 1, HERE, THERE, network=1)
    connected(server, 2, THERE, HERE, accepted=True, network=2)
    client.read("a")
    server.write("out")
    told = m.assemble()
    assert told.lineage("out") == {"socket://here/b007/2/127.0.0.1:4000/to/127.0.0.1:80"}
    assert len(told.gaps) == 1


def test_a_port_that_is_used_again_joins_who_used_it_then() -> None:
    m = Machine("a", "b")
    shell = m.program("bash")
    for number, name in enumerate(("a", "b")):
        client, server = shell.spawn("client", name), shell.spawn("server", name)
        client.read(name)
        connected(client, 10 + number, HERE, THERE)
        connected(server, 20 + number, THERE, HERE, accepted=True)
        client.exit()
        server.write(f"{name}.out")
        server.exit()
    told = m.assemble()
    assert (told.lineage("a.out"), told.lineage("b.out")) == ({"a"}, {"b"})


def test_local_sockets_are_joined_by_the_processes_behind_them_in_their_order() -> None:
    m = Machine("a", "b")
    shell = m.program("bash")
    server = shell.spawn("server")
    workers = [server.fork() for _ in range(2)]
    clients = [shell.spawn("client", name) for name in "ab"]
    for number, client in enumerate(clients):
        client.read("ab"[number])
        client.say(Connected, number, "local socket", b"", b"socket", other=server.pid)
    for number in (1, 0):
        client, worker = clients[number], workers[number]
        behind = {"other": client.pid, "listener": server.pid}
        worker.say(Connected, 9 + number, "local socket", b"old", b"", accepted=True, **behind)
        worker.write(f"{number}.out")
    told = m.assemble()
    assert (told.lineage("0.out"), told.lineage("1.out")) == ({"a"}, {"b"})
    assert told.gaps == []


def test_an_end_is_with_everybody_who_inherited_it_until_it_is_closed_there() -> None:
    m = Machine("a", "b", "c")
    shell = m.program("bash")
    client, server = shell.spawn("client"), shell.spawn("server")
    connected(client, 1, HERE, THERE)
    connected(server, 2, THERE, HERE, accepted=True)
    server.pipes[7] = Descriptor(7, "socket", True, True, Stat(1, 2, 0, 0, 0))
    server.read("c")
    child = server.fork()
    server.say(Parted, 2)
    child.read("b")
    child.exit()
    server.read("a")
    client.write("out")
    assert m.assemble().lineage("out") == {"b", "c"}


def test_what_is_heard_after_a_connection_ended_does_not_go_over_it() -> None:
    m = Machine("a")
    shell = m.program("bash")
    one, two, three = (shell.spawn(name) for name in ("one", "two", "three"))
    for number, (client, server) in enumerate(((one, two), (two, three))):
        port = f"127.0.0.1:{number}"
        connected(client, 2 * number, port, THERE)
        connected(server, 2 * number + 1, THERE, port, accepted=True)
    two.say(Parted, 2)
    three.say(Parted, 3)
    one.read("a")
    three.write("out")
    two.write("more")
    told = m.assemble()
    assert (told.lineage("out"), told.lineage("more")) == (set(), {"a"})


def test_very_many_words_are_told_coarsely_and_none_is_lost() -> None:
    m = Machine(*(f"in{n}" for n in range(3000)))
    shell = m.program("bash")
    client, server = shell.spawn("client"), shell.spawn("server")
    connected(client, 1, HERE, THERE)
    connected(server, 2, THERE, HERE, accepted=True)
    for n in range(3000):
        client.read(f"in{n}")
        server.write(f"out{n}")
    told = m.assemble()
    assert len(told.steps) < 2200
    assert told.lineage("out2999") == {f"in{n}" for n in range(3000)}
    early = told.lineage("out0")
    assert "in0" in early and len(early) <= 8


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_is_told_early_of_who_has_ended_stays_true(data: st.DataObject) -> None:
    witness = Talkers()
    whole = play(witness, data, TALKED)
    events = witness.machine.events
    early = events[: data.draw(st.integers(1, len(events)), label="told")]
    ended = {event.pid for event in early if isinstance(event, Exited)}
    told = witness.machine.assemble(early, going_on=True)
    assert said_by(told, ended) <= said_by(whole, ended)


def said_by(told: Told, pids: set[int]) -> set[tuple[str, str, str]]:
    """What is recorded of processes: the step, and whom it heard, what it read or what it made."""
    found = {("heard", i.step, i.by) for i in told.of(Informed)}
    found |= {("read", u.step, u.uri) for u in told.of(Used)}
    found |= {("made", g.step, g.version) for g in told.of(Generated)}
    return {fact for fact in found if told.steps[fact[1]].pid in pids}
