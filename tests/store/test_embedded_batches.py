"""Whatever batches come, does the embedded store hold what the reference holds?"""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provgraph.errors import StoreError
from provgraph.model.elements import Batch, Edge, Node, Value, Watermark
from provgraph.model.vocabulary import Label
from provgraph.store import Store, embedded
from provgraph.store.memory import MemoryStore

IDS = ("s1", "s2", "v1", "v2")
LABELS: tuple[Label, ...] = ("Step", "Version")
TYPES = ("USED", "GENERATED_BY", "VERSION_OF", "NEW_TYPE")
VALUES: st.SearchStrategy[Value] = st.sampled_from(
    (None, None, "", "a", 0, 1, 1.0, True, 2**63 - 1, 0.1, float("inf"), (), ("a", "b"))
)

ids = st.sampled_from(IDS)
properties = st.dictionaries(st.sampled_from(("name", "size", "prop.x", 'a"b\\')), VALUES)
identities = st.tuples(ids, st.sampled_from(TYPES), ids, st.sampled_from(("", "k")))
nodes = st.builds(Node, ids, st.sampled_from(LABELS), properties)
edges = st.builds(Edge, ids, st.sampled_from(TYPES), ids, st.sampled_from(("", "k")), properties)
marks = st.builds(Watermark, st.just("segment"), st.integers(0, 3), st.integers(0, 3))
batches = st.builds(
    Batch,
    nodes=st.lists(nodes, max_size=6),
    edges=st.lists(edges, max_size=8),
    removed_nodes=st.lists(ids, max_size=1),
    removed_edges=st.lists(identities, max_size=2),
    watermarks=st.lists(marks, max_size=1),
)


def applied(store: Store, batch: Batch) -> bool:
    try:
        store.apply(batch)
    except StoreError:
        return False
    return True


def held(store: Store) -> str:
    """All that a store holds, with its types: True is not 1."""
    statistics = store.statistics()
    found = [
        [(n.id, n.label, sorted(n.properties.items())) for n in store.nodes(IDS)],
        [(e.identity, sorted(e.properties.items())) for e in store.edges(IDS)],
        [e.identity for e in store.edges(IDS, incoming=True)],
        sorted(store.watermarks().items()),
        sorted((name, count) for name, count in statistics.nodes.items() if count),
        sorted((name, count) for name, count in statistics.edges.items() if count),
    ]
    return repr(found)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(given_batches=st.lists(batches, min_size=1, max_size=5))
def test_any_batches_leave_what_they_leave_in_the_reference(
    tmp_path: Path, given_batches: list[Batch]
) -> None:
    reference = MemoryStore()
    with embedded.open(tmp_path / "graph.db") as store:
        store.clear()
        for batch in given_batches:
            assert applied(store, batch) is applied(reference, batch)
            assert held(store) == held(reference)
        store.apply(Batch(removed_nodes=list(IDS)))
        assert store.statistics().nodes == store.statistics().edges == {}
