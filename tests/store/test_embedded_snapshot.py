"""Is a walk over a snapshot right, whatever was written meanwhile, by whom, and whatever file is
beside the database?"""

from __future__ import annotations

import fcntl
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from contract.graphs import IDS as DRAWN
from contract.graphs import RANDOMS, graph
from contract.test_answers import drawn
from hypothesis import HealthCheck, given, settings

from provgraph.model.elements import Batch, Edge, Node, Value
from provgraph.model.vocabulary import LABELS, LINEAGE_EDGES
from provgraph.query.plan import (
    Column,
    Comparison,
    Find,
    Identified,
    Limit,
    Project,
    Slice,
    Sort,
    SortKey,
    Walk,
)
from provgraph.store import embedded
from provgraph.store.embedded import (
    EmbeddedStore,
    adjacency,
    changes,
    closure,
    own_sql,
    snapshot_file,
    warm,
)

STEPS = Find("Step")
IDS = tuple(f"s{number:03}" for number in range(40))
DEPTHS = (Column("id", "id"), Column("depth", "depth"))


def steps(*numbers: int) -> list[Node]:
    return [Node(IDS[number], "Step", {"at": number}) for number in numbers]


def informed(*pairs: tuple[int, int]) -> list[Edge]:
    return [Edge(IDS[one], "INFORMED_BY", IDS[other]) for one, other in pairs]


def causes(store: EmbeddedStore, id: str = IDS[0]) -> list[str]:
    walk = Walk(Find("Step", Identified((id,))), "origin", LINEAGE_EDGES)
    return [found for found, _ in store.run(Project(walk, DEPTHS)).values]


def is_warm(store: EmbeddedStore) -> bool:
    return store._warm._ready is not None


def walks(random: Random) -> list[Walk]:
    """A few walks of every kind."""
    few = tuple(random.sample(LINEAGE_EDGES, 2))
    made = []
    for via in (LINEAGE_EDGES, LINEAGE_EDGES, few):
        source = Find(random.choice(LABELS[:3]), where=Comparison("id", "=", random.choice(DRAWN)))
        stop_at = Find(random.choice(LABELS[:3])) if random.random() < 0.2 else None
        hops = random.choice((None, None, 1, 2))
        made.append(Walk(source, random.choice(("origin", "effect")), via, hops, stop_at))
    return made


def batch(random: Random, stores: tuple[EmbeddedStore, ...]) -> Batch:
    """New nodes and edges among old ones, or old ones that go."""
    made = graph(random, 10)
    here = [node.id for node in made.nodes]
    edges = stores[0].edges(here)
    match random.randrange(6):
        case 0:
            gone = random.sample(here, random.randint(1, 3))
            return Batch(removed_nodes=gone)
        case 1 if edges:
            chosen = random.sample(edges, min(len(edges), 3))
            return Batch(removed_edges=[edge.identity for edge in chosen])
        case 2:
            return Batch([*made.nodes, *steps(*range(random.randint(1, 40)))], made.edges)
        case _:
            return made


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., EmbeddedStore]]:
    """Opens a store in a file of its own, or in one that is named."""
    stores = []

    def open(name: str = "graph.db", **asked: object) -> EmbeddedStore:
        stores.append(embedded.open(tmp_path / name, **({"engine": "snapshot"} | asked)))  # type: ignore[arg-type]
        return stores[-1]

    yield open
    for store in stores:
        store.close()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every snapshot is worth a file."""
    monkeypatch.setattr(warm, "WORTH_A_FILE", 0)


@pytest.fixture(params=["a file", "no file", "little room", "a short log"])
def circumstances(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    match request.param:
        case "a file":
            monkeypatch.setattr(warm, "WORTH_A_FILE", 0)
        case "little room":
            monkeypatch.setattr(adjacency, "room", lambda count: 6)
            monkeypatch.setattr(snapshot_file, "room", lambda count: 6)
            monkeypatch.setattr(warm, "WORTH_A_FILE", 0)
        case "a short log":
            monkeypatch.setattr(changes, "SHORTEST", 20)


@pytest.fixture(autouse=True)
def narrow_and_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closure, "NARROW", 2)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(random=RANDOMS)
def test_every_walk_is_that_of_sql_after_any_batches_by_any_stores(
    opened: Callable[..., EmbeddedStore], circumstances: None, random: Random
) -> None:
    one, other, plain = opened(), opened(), opened(engine="sql")
    plain.clear()
    for _ in range(8):
        written = batch(random, (plain,))
        random.choice((one, other, plain)).apply(written)
        if random.random() < 0.1:
            random.choice((one, other, plain)).clear()
        for reader in random.sample((one, other), random.randint(0, 2)):
            for walk in walks(random):
                for plan in (Project(walk, DEPTHS), Project(Limit(walk, 3), DEPTHS[:1])):
                    assert reader.run(plan) == plain.run(plan)
                assert len(reader.run(Project(walk, ())).values) == len(plain.run(walk).values)
                assert drawn(reader.cone(walk)) == drawn(plain.cone(walk))


# When a snapshot is used.


def test_a_store_walks_in_memory_when_sql_has_cost_as_much(
    opened: Callable[..., EmbeddedStore],
) -> None:
    store = opened(engine="auto")
    store.apply(Batch(steps(0, 1), informed((0, 1))))
    assert causes(store) == [IDS[1]]
    assert not is_warm(store)
    store._warm._paid = 60.0
    assert causes(store) == [IDS[1]]
    assert is_warm(store)
    store.apply(Batch(removed_edges=[informed((0, 1))[0].identity]))
    assert causes(store) == []
    assert not is_warm(store)  # and the count begins anew


def test_a_store_that_asks_little_has_no_snapshot(tmp_path: Path) -> None:
    ask = """
import sys
from pathlib import Path
from provgraph.model.elements import Batch, Edge, Node
from provgraph.query.plan import Find, Walk
from provgraph.store import embedded
with embedded.open(Path("graph.db")) as store:
    store.apply(Batch([Node("a", "Step"), Node("b", "Step")], [Edge("a", "INFORMED_BY", "b")]))
    assert len(store.run(Walk(Find("Step"), "origin", ("INFORMED_BY",))).values) == 1
    assert "numpy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", ask], cwd=tmp_path, check=True)


def test_without_numpy_sql_walks(
    opened: Callable[..., EmbeddedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "has_numpy", lambda: False)
    store = opened(engine="auto")
    store.apply(Batch(steps(0, 1), informed((0, 1))))
    store._warm._paid = 60.0
    assert causes(store) == [IDS[1]]
    assert not is_warm(store)


# What was read stays right.


def test_a_snapshot_follows_what_others_add(opened: Callable[..., EmbeddedStore]) -> None:
    reader, writer = opened(), opened()
    writer.apply(Batch(steps(0, 1, 2), informed((0, 1))))
    assert causes(reader) == [IDS[1]]
    lineage = reader._warm._ready.lineage  # type: ignore[union-attr]
    writer.apply(Batch(steps(3), informed((1, 2), (2, 3))))
    assert causes(reader) == [IDS[1], IDS[2], IDS[3]]
    assert reader._warm._ready.lineage is lineage  # type: ignore[union-attr]


def test_a_snapshot_ends_with_an_edge(opened: Callable[..., EmbeddedStore]) -> None:
    reader, writer = opened(), opened()
    writer.apply(Batch(steps(0, 1, 2), informed((0, 1), (1, 2))))
    assert causes(reader) == [IDS[1], IDS[2]]
    writer.apply(Batch(removed_edges=[informed((1, 2))[0].identity]))
    assert causes(reader) == [IDS[1]]


def test_what_a_persons_own_sql_changed_is_seen(
    opened: Callable[..., EmbeddedStore], tmp_path: Path
) -> None:
    store = opened()
    store.apply(Batch(steps(0, 1, 2), informed((0, 1), (1, 2))))
    assert causes(store) == [IDS[1], IDS[2]]
    with own_sql.asked(tmp_path / "graph.db", "DELETE FROM edge WHERE src = 2", write=True) as done:
        assert list(done.rows) == []
    assert causes(store) == [IDS[1]]


def test_one_of_two_parallel_edges_may_go(opened: Callable[..., EmbeddedStore]) -> None:
    store = opened()
    both = [Edge(IDS[0], "USED", IDS[1], key) for key in ("", "k")]
    store.apply(Batch(steps(0, 1), both))
    assert causes(store) == [IDS[1]]
    store.apply(Batch(removed_edges=[both[0].identity]))
    assert causes(store) == [IDS[1]]


def test_a_number_that_is_given_again_has_none_of_the_old_edges(
    opened: Callable[..., EmbeddedStore],
) -> None:
    store = opened()
    store.apply(Batch(steps(0, 1), informed((0, 1))))
    assert causes(store) == [IDS[1]]
    store.apply(Batch(removed_nodes=[IDS[1]]))
    store.apply(Batch(steps(2)))
    assert causes(store) == []


@pytest.mark.parametrize(
    ("id", "at"),
    [("é", 1), ("s" * 40, 1), ("s\0", 1), ("s", 0.5), ("s", "today"), ("s", 2**63 - 1)],
)
def test_nodes_of_an_unusual_kind_are_read_by_sqlite(
    opened: Callable[..., EmbeddedStore], id: str, at: Value
) -> None:
    store, plain = opened(), opened(engine="sql")
    nodes = [*steps(0, 1), Node("t", "Step"), Node(id, "Step", {"at": at})]
    edges = [Edge(IDS[0], "INFORMED_BY", node.id) for node in nodes[1:]]
    store.apply(Batch(nodes, edges))
    assert store.run(Project(Walk(STEPS, "origin", LINEAGE_EDGES), DEPTHS)) == plain.run(
        Project(Walk(STEPS, "origin", LINEAGE_EDGES), DEPTHS)
    )
    assert is_warm(store)
    assert store._warm._nodes is None


def test_ids_of_any_length_are_named_in_order(opened: Callable[..., EmbeddedStore]) -> None:
    store = opened()
    ids = ["s", "sa", "saaaaaaaa", "saaaaaaaab", "sb", "s" * 32]
    nodes = [*steps(0), *(Node(id, "Step", {"at": 1}) for id in reversed(ids))]
    store.apply(Batch(nodes, [Edge(IDS[0], "INFORMED_BY", id) for id in ids]))
    assert causes(store) == sorted(ids)
    assert store._warm._nodes is not None


def test_a_node_that_got_another_time_changes_its_place(
    opened: Callable[..., EmbeddedStore],
) -> None:
    store, writer = opened(), opened()
    store.apply(Batch(steps(0, 1, 2), informed((0, 1), (0, 2))))
    assert causes(store) == [IDS[1], IDS[2]]
    nodes = store._warm._nodes
    writer.apply(Batch([Node(IDS[1], "Step", {"at": 7, "name": "later"})]))
    assert causes(store) == [IDS[2], IDS[1]]
    writer.apply(Batch([Node(IDS[1], "Step", {"at": None}), *steps(3)], informed((0, 3))))
    assert causes(store) == [IDS[2], IDS[3], IDS[1]]
    assert store._warm._nodes is nodes


def test_a_node_that_is_new_and_changed_at_once_is_named_like_those_before_it(
    opened: Callable[..., EmbeddedStore],
) -> None:
    store, writer = opened(), opened()
    store.apply(Batch(steps(0, 1), informed((0, 1))))
    assert causes(store) == [IDS[1]]
    writer.apply(Batch(steps(2, 3), informed((0, 2), (0, 3))))
    writer.apply(Batch([Node(IDS[3], "Step", {"at": 0})]))
    assert causes(store) == [IDS[3], IDS[1], IDS[2]]


def test_a_context_edge_is_walked_in_sql(opened: Callable[..., EmbeddedStore]) -> None:
    store = opened()
    store.apply(Batch([*steps(0, 1), Node("r1", "Run")], [Edge(IDS[0], "PART_OF", "r1")]))
    assert causes(store) == []
    assert len(store.run(Walk(STEPS, "origin", ("PART_OF", "USED"))).values) == 1


# The file beside the database.


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "graph.db-lineage"


@pytest.fixture
def made(opened: Callable[..., EmbeddedStore], files: None) -> EmbeddedStore:
    """A store with a snapshot in a file."""
    store = opened()
    store.apply(Batch(steps(0, 1, 2), informed((0, 1), (1, 2))))
    assert causes(store) == [IDS[1], IDS[2]]
    return store


@pytest.fixture
def unbuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is built any more; what is walked over comes from a file."""
    monkeypatch.setattr(warm.Warm, "_built", lambda *_: None)


def test_the_file_is_for_its_owner_alone_and_complete(made: EmbeddedStore, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in path.parent.iterdir() if "lineage" in each.name) == [
        "graph.db-lineage"
    ]


def test_another_store_uses_the_file_and_what_was_added_since(
    made: EmbeddedStore, opened: Callable[..., EmbeddedStore], unbuilt: None
) -> None:
    made.apply(Batch(steps(3), informed((2, 3))))
    second = opened()
    assert causes(second) == [IDS[1], IDS[2], IDS[3]]
    assert is_warm(second)


@pytest.mark.parametrize("what", ["an edge", "a node", "everything"])
def test_a_file_is_of_no_use_when_something_was_removed(
    made: EmbeddedStore, opened: Callable[..., EmbeddedStore], unbuilt: None, what: str
) -> None:
    match what:
        case "an edge":
            made.apply(Batch(removed_edges=[informed((1, 2))[0].identity]))
        case "a node":
            made.apply(Batch(removed_nodes=[IDS[2]]))
        case _:
            made.clear()
            made.apply(Batch(steps(0, 1), informed((0, 1))))
    second = opened()
    assert causes(second) == [IDS[1]]
    assert not is_warm(second)


def test_the_file_of_another_database_is_not_used(
    made: EmbeddedStore, opened: Callable[..., EmbeddedStore], path: Path, unbuilt: None
) -> None:
    other = opened("other.db")
    other.apply(Batch(steps(0, 1, 2), informed((0, 2))))  # as many batches and edges
    path.rename(path.with_name("other.db-lineage"))
    assert causes(other) == [IDS[2]]
    assert not is_warm(other)


def test_the_file_of_a_future_that_was_undone_is_not_used(
    opened: Callable[..., EmbeddedStore], files: None, path: Path
) -> None:
    """As when the database is put back from a copy, and goes on in another way, just as far."""
    with embedded.open(path.with_name("graph.db"), engine="sql") as store:
        store.apply(Batch(steps(0, 1, 2)))
    path.with_name("copy.db").write_bytes(path.with_name("graph.db").read_bytes())
    future, copy = opened(), opened("copy.db", engine="auto")
    future.apply(Batch(edges=informed((0, 1))))
    assert causes(future) == [IDS[1]]
    copy.apply(Batch(edges=informed((0, 2))))
    path.rename(path.with_name("copy.db-lineage"))
    copy._warm._paid = 60.0
    assert causes(copy) == [IDS[2]]


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"",
        lambda raw: raw[:20],
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[:-1],
        lambda raw: raw + b"\0",
        lambda raw: b"X" + raw[1:],
        lambda raw: raw[:16] + bytes([raw[16] ^ 1]) + raw[17:],  # the stamp
        lambda raw: raw[:24] + bytes([raw[24] ^ 7]) + raw[25:],  # how many nodes
        lambda raw: raw[:4096] + b"\1" + raw[4097:],  # where a node's targets stand
        lambda raw: bytes(len(raw)),
    ],
)
def test_a_damaged_file_is_not_used(
    made: EmbeddedStore,
    opened: Callable[..., EmbeddedStore],
    path: Path,
    unbuilt: None,
    damage: Callable[[bytes], bytes],
) -> None:
    path.write_bytes(damage(path.read_bytes()))
    second = opened()
    assert causes(second) == [IDS[1], IDS[2]]
    assert not is_warm(second)


def test_a_link_in_the_files_place_is_not_followed(
    made: EmbeddedStore, opened: Callable[..., EmbeddedStore], path: Path, unbuilt: None
) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")
    second = opened()
    assert causes(second) == [IDS[1], IDS[2]]
    assert not is_warm(second)


def test_what_a_killed_process_left_is_written_over(
    opened: Callable[..., EmbeddedStore], files: None, path: Path
) -> None:
    path.with_name("graph.db-lineage-new").write_bytes(b"torn" * 100_000)
    store = opened()
    store.apply(Batch(steps(0, 1), informed((0, 1))))
    assert causes(store) == [IDS[1]]
    assert snapshot_file.load(path) is not None
    assert not path.with_name("graph.db-lineage-new").exists()


def test_a_file_that_another_process_writes_is_left_to_it(
    opened: Callable[..., EmbeddedStore], files: None, path: Path
) -> None:
    new = path.with_name("graph.db-lineage-new")
    with open(new, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        store = opened()
        store.apply(Batch(steps(0, 1), informed((0, 1))))
        assert causes(store) == [IDS[1]]
        assert is_warm(store)
    assert new.read_bytes() == b""
    assert not path.exists()


def test_where_no_file_can_be_made_the_snapshot_is_in_memory_alone(
    opened: Callable[..., EmbeddedStore], files: None, path: Path
) -> None:
    path.with_name("graph.db-lineage-new").mkdir()
    store = opened()
    store.apply(Batch(steps(0, 1), informed((0, 1))))
    assert causes(store) == [IDS[1]]
    assert is_warm(store)
    assert not path.exists()


def test_what_was_added_in_memory_is_not_in_the_file(made: EmbeddedStore, path: Path) -> None:
    before = path.read_bytes()
    made.apply(Batch(steps(3), informed((0, 3), (1, 3), (2, 3))))
    assert causes(made) == [IDS[1], IDS[3], IDS[2]]
    assert path.read_bytes() == before


def test_a_cleared_store_leaves_no_file(made: EmbeddedStore, path: Path) -> None:
    made.clear()
    assert not path.exists()
    assert causes(made) == []


# Several processes.

WRITE = """
import sys
from pathlib import Path
from provgraph.model.elements import Batch, Edge, Node
from provgraph.store import embedded

with embedded.open(Path(sys.argv[1]), engine=sys.argv[3]) as store:
    for number in range(30):
        ids = [f"{sys.argv[2]}-{number}-{nth}" for nth in range(4)]
        edges = [Edge("root", "INFORMED_BY", ids[0])]
        edges += [Edge(ids[0], "INFORMED_BY", id) for id in ids[1:]]
        store.apply(Batch([Node("root", "Step"), *(Node(id, "Step") for id in ids)], edges))
        if number % 7 == 3:
            gone = f"{ids[0]}-gone"  # so that nothing is ever again as it was before
            rest = [Node("root", "Step"), Node(gone, "Step")], [Edge("root", "INFORMED_BY", gone)]
            store.apply(Batch(*rest, removed_nodes=ids))
        if number % 7 == 5:
            store.apply(Batch(removed_edges=[edges[2].identity]))
        print(number, flush=True)
"""


def test_a_reader_is_right_while_processes_add_and_remove(
    opened: Callable[..., EmbeddedStore], files: None, path: Path
) -> None:
    reader, plain = opened(), opened(engine="sql")
    command = [sys.executable, "-c", WRITE, str(path.with_name("graph.db"))]
    writers = [subprocess.Popen([*command, name, "sql"], stdout=subprocess.PIPE) for name in "abc"]
    walk = Walk(Find("Step", Identified(("root",))), "origin", LINEAGE_EDGES)
    while any(writer.poll() is None for writer in writers):
        before = causes(plain, "root")
        found = causes(reader, "root")
        after = causes(plain, "root")
        assert before != after or found == before
        for writer in writers:
            assert writer.stdout is not None
            writer.stdout.readline()
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert causes(reader, "root") == causes(plain, "root")
    assert reader.run(walk) == plain.run(walk)
    assert len(causes(reader, "root")) == 3 * ((30 - 4) * 4 - 4 + 4)


def test_a_slice_in_an_order_that_it_knows_nothing_of_is_as_it_was(tmp_path: Path) -> None:
    with embedded.open(tmp_path / "graph.db", engine="snapshot") as store:
        store.apply(Batch(nodes=steps(0, 1, 2), edges=informed((0, 1), (1, 2))))
        ranked = Sort(Slice(STEPS, support=1), (SortKey(":reasons"),))
        first = Limit(ranked, 1)
        ids = [store.run(Project(plan, (Column("id", "id"),))).values for plan in (ranked, first)]
        assert ids == [[(IDS[1],), (IDS[2],)], [(IDS[1],)]]


def test_rows_of_a_walk_are_made_when_they_are_looked_at(tmp_path: Path) -> None:
    with embedded.open(tmp_path / "graph.db", engine="snapshot") as store:
        chain = [(n, n + 1) for n in range(30)]
        store.apply(Batch(nodes=steps(*range(31)), edges=informed(*chain)))
        walk = Walk(Find("Step", Identified((IDS[0],))), "origin", LINEAGE_EDGES)
        rows = store.run(Project(walk, DEPTHS)).values
        assert rows == [(IDS[depth], depth) for depth in range(1, 31)] == list(rows)
        assert (len(rows), rows[-1], rows[1:3]) == (30, (IDS[30], 30), [(IDS[2], 2), (IDS[3], 3)])
        with pytest.raises(IndexError):
            rows[30]
