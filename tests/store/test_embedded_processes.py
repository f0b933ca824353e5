"""Does the embedded store hold when many processes use it, and when one is killed?"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provgraph.model.elements import Batch, Edge, Node, Watermark
from provgraph.query.plan import Column, Find, Project, Walk
from provgraph.store import embedded

WRITERS = 8
BATCHES = 25

WRITE = """
import sys
from pathlib import Path
from provgraph.model.elements import Batch, Edge, Node, Watermark
from provgraph.store import embedded

path, writer, batches = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with embedded.open(path) as store:
    for number in range(batches):
        ids = [f"s{writer}-{number}-{nth}" for nth in range(5)]
        store.apply(Batch(
            nodes=[Node(id, "Step", {"at": number}) for id in ids] + [Node("g", "Agent")],
            edges=[Edge(one, "INFORMED_BY", ids[0]) for one in ids[1:]],
            watermarks=[Watermark(writer, 0, number)],
        ))
        print(number, flush=True)
"""


def writer(path: Path, name: str, batches: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, str(path), name, str(batches)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_eight_writers_lose_nothing_and_readers_see_whole_batches(tmp_path: Path) -> None:
    path = tmp_path / "graph.db"  # the writers race to make it, too
    writers = [writer(path, f"w{number}", BATCHES) for number in range(WRITERS)]
    while not path.exists() or path.stat().st_size == 0:
        time.sleep(0.01)
    plan = Project(
        Walk(Find("Step"), "origin", ("INFORMED_BY",)), (Column("id", "id"), Column("at", "at"))
    )
    with embedded.open(path) as one, embedded.open(path, read_only=True) as other:
        while any(process.poll() is None for process in writers):
            for reader in (one, other):
                assert len(reader.run(Project(Find("Step"), ())).values) % 5 == 0
                statistics = reader.statistics()
                steps, edges = statistics.nodes.get("Step", 0), sum(statistics.edges.values())
                assert steps * 4 == edges * 5
        for process in writers:
            _, errors = process.communicate()
            assert (process.returncode, errors) == (0, "")
        assert len(one.run(Project(Find("Step"), ())).values) == WRITERS * BATCHES * 5
        assert len(one.run(plan).values) == WRITERS * BATCHES
        assert one.watermarks() == {
            f"w{number}": Watermark(f"w{number}", 0, BATCHES - 1) for number in range(WRITERS)
        }


def test_a_killed_writer_leaves_whole_batches_and_all_that_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "graph.db"
    moments = random.Random(5)
    for trial in range(8):
        process = writer(path, f"k{trial}", 1_000_000)
        assert process.stdout is not None
        for _ in range(moments.randrange(1, 40)):
            process.stdout.readline()
        time.sleep(moments.random() * 0.004)
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
        process.communicate()
        acknowledged = int(rest.split("\n")[-2]) if "\n" in rest else 0
        with embedded.open(path) as store:
            applied = store.watermarks()[f"k{trial}"].records
            assert applied >= acknowledged
            whole = [f"sk{trial}-{n}-{nth}" for n in range(applied + 3) for nth in range(5)]
            kept = store.nodes(whole)
            assert len(kept) == (applied + 1) * 5
            assert len(store.edges([node.id for node in kept])) == (applied + 1) * 4
            assert store._connection.pragma("integrity_check") == "ok"
            store.apply(Batch(nodes=[Node("g", "Agent", {"email": "e"})]))


def test_a_writer_killed_in_the_middle_of_a_batch_leaves_none_of_it(tmp_path: Path) -> None:
    path = tmp_path / "graph.db"
    with embedded.open(path) as store:
        store.apply(Batch(nodes=[Node("g", "Agent")]))
    for reached in (1, 1500, 3000):  # of the nodes; edges have no hook
        child = os.fork()
        if child == 0:
            _die_at(path, reached)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL
        with embedded.open(path) as store:
            assert store.statistics().nodes == {"Agent": 1}
            assert store.run(Find("Step")).values == []
            assert store.edges(["s0"], incoming=True) == []
            assert store.watermarks() == {}


def _die_at(path: Path, reached: int) -> None:
    """Apply a batch whose log overflows the cache, and die at one of its statements."""
    store = embedded.open(path)
    store._connection.pragma("cache_size", 10)
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == reached:
            os.kill(os.getpid(), signal.SIGKILL)

    store._connection.set_update_hook(count)
    nodes = [Node(f"s{n}", "Step", {"command": "c" * 500}) for n in range(3000)]
    edges = [Edge(f"s{n}", "INFORMED_BY", "s0") for n in range(3000)]
    store.apply(Batch(nodes, edges, watermarks=[Watermark("s", 0, 1)]))
    os._exit(1)


BESIDE = """
import os, signal, sys
from pathlib import Path
from provgraph.model.elements import Batch, Edge, Node
from provgraph.model.forks import is_possible
from msgspec.structs import replace
from provgraph.store import embedded
from provgraph.store.embedded.room import LARGE

def batch(letter):
    nodes = [Node("s", "Step")]
    nodes += [Node(f"{letter}{n}", "Artifact", {"name": f"{letter}{n}"}) for n in range(LARGE)]
    edges = [Edge(f"v{n}", "VERSION_OF", f"{letter}{n}", "", {"at": n}) for n in (0, 1)]
    nodes += [Node("v0", "Version", {"name": letter}), Node("v1", "Version")]
    return Batch(nodes, edges, artifacts=frozenset(edge.target for edge in edges) | {"a0", "a1"})

def no_more():
    raise BlockingIOError

if sys.argv[2] == "no process":
    os.fork = no_more
assert is_possible() or len(os.sched_getaffinity(0)) == 1
with embedded.open(Path(sys.argv[1])) as store:
    store.begin(batch("a"))
    if sys.argv[2] == "killed" and store._begun:
        os.kill(store._begun[0].pid, signal.SIGKILL)
    is_beside = is_possible() and sys.argv[2] != "no process"
    assert store.begun() == ({"a0", "a1"} if is_beside else set())
    assert (store.timelines(["b1"]).nodes, bool(store._begun)) == ([], is_beside)
    assert sorted(node.id for node in store.timelines(["a1"]).nodes) == ["a1", "v1"]
    store.begin(batch("b"))
    assert sorted(node.id for node in store.timelines(["a1"]).nodes) == ["a1", "b1", "v1"]
    store.begin(replace(batch("c"), artifacts=frozenset({"b1"})))
    assert sorted(node.id for node in store.timelines(["a1"]).nodes) == ["a1", "b1", "c1", "v1"]
    print(store.statistics().nodes, [node.id for node in store.nodes(["a0", "b0", "c0", "d0"])])
    store.begin(batch("d"))
with embedded.open(Path(sys.argv[1])) as store:
    print(store.statistics().nodes["Artifact"] == 4 * LARGE, sum(store.statistics().edges.values()))
"""


@pytest.mark.parametrize("fate", ["whole", "killed", "no process"])
def test_what_is_applied_beside_is_there_when_it_is_asked_for(tmp_path: Path, fate: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BESIDE, str(tmp_path / "graph.db"), fate],
        check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "{'Artifact': 60000, 'Step': 1, 'Version': 2} ['a0', 'b0', 'c0']\nTrue 8\n"
    )


MAKING = """
import os, signal, sys
from pathlib import Path
from provgraph.model.elements import Batch, Edge, Node
from provgraph.model.forks import is_possible
from provgraph.store import embedded

path, fate = sys.argv[1:]
parent = os.getpid()

def maker(number):
    own, before = f"a{number}", f"a{number - 1}"

    def make(store):
        if fate == "killed" and number == 1 and os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        if fate == "cannot be made" and number == 2:
            raise ValueError("it cannot be made")
        assert store.timelines([f"b{number}"]).nodes == []  # nobody is at that
        yield Batch(nodes=[Node(own, "Artifact", {"name": own})])
        known = [node.id for node in store.timelines([before]).nodes]  # the one before makes it
        yield Batch(edges=[Edge(own, "PART_OF", id, "", {"at": number}) for id in known])

    return make

with embedded.open(Path(path)) as store:
    for number in range(4):
        store.begin_making(maker(number), frozenset({f"a{number}"}))
        if is_possible():
            assert f"a{number}" in store.begun() and len(store.begun()) <= 2
    print([node.id for node in store.nodes([f"a{n}" for n in range(4)])])
    edges = store.edges(["a1", "a2", "a3"])
    print([(edge.source, edge.target) for edge in edges], store.begun())
"""


@pytest.mark.parametrize("fate", ["whole", "killed", "cannot be made"])
def test_what_is_made_beside_is_there_when_it_is_asked_for(tmp_path: Path, fate: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MAKING, str(tmp_path / "graph.db"), fate],
        check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    with embedded.open(tmp_path / "graph.db") as store:
        made = [node.id for node in store.nodes([f"a{n}" for n in range(4)])]
    if fate == "cannot be made":
        assert (done.stdout, made) == ("", ["a0", "a1"])
        assert done.stderr.endswith("ValueError: it cannot be made\n")
        return
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "['a0', 'a1', 'a2', 'a3']\n[('a1', 'a0'), ('a2', 'a1'), ('a3', 'a2')] frozenset()\n"
    )
    assert made == ["a0", "a1", "a2", "a3"]
