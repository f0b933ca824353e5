"""What operators compute out of what an engine fetched."""

from __future__ import annotations

from random import Random

import networkx  # type: ignore[import-untyped]  # ships no types
import pytest

from provgraph.query.operators import Cone
from provgraph.query.operators.slicing import reached_by


def cone(nodes: int, pairs: set[tuple[int, int]]) -> Cone:
    ids = [f"v{n}" for n in range(nodes)]
    effects, causes = [e for e, _ in pairs], [c for _, c in pairs]
    return Cone(ids, ["Version"] * nodes, [], effects, causes)


@pytest.mark.parametrize("seed", range(100))
def test_bits_say_which_starts_reach_a_node_by_an_edge_at_least_cycles_or_not(seed: int) -> None:
    random = Random(seed)
    nodes = random.randint(1, 12)
    pairs = {(random.randrange(nodes), random.randrange(nodes)) for _ in range(2 * nodes)}
    starts = random.sample(range(nodes), random.randint(1, nodes))
    graph = networkx.DiGraph(pairs)
    graph.add_nodes_from(range(nodes))
    expected = [
        {s for s in starts if any(networkx.has_path(graph, after, n) for after in graph[s])}
        for n in range(nodes)
    ]
    held = reached_by(cone(nodes, pairs), starts)
    assert [{s for place, s in enumerate(starts) if bits >> place & 1} for bits in held] == expected


def test_sixty_stacked_diamonds_are_carried_once() -> None:
    pairs = set()
    for top in range(0, 180, 3):
        pairs |= {(top, top + 1), (top, top + 2), (top + 1, top + 3), (top + 2, top + 3)}
    held = reached_by(cone(181, pairs), [0])
    assert held == [0, *[1] * 180]
