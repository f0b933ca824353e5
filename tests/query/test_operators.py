"""What operators compute out of what an engine fetched."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import networkx  # type: ignore[import-untyped]  # ships no types
import pytest

from provgraph.errors import BudgetExceeded
from provgraph.query.operators import Cone, segmenting
from provgraph.query.operators.knots import knots_of
from provgraph.query.operators.segmenting import Letters, between
from provgraph.query.operators.slicing import reached_by
from provgraph.query.operators.summarizing import merged, numbered


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


Arcs = set[tuple[int, str, int]]


def spelled(colors: list[int], arcs: Arcs, length: int) -> set[tuple[object, ...]]:
    """What paths of at most so many edges spell: colors and types in turn."""
    ends: dict[tuple[int, tuple[object, ...]], None]
    ends = {(at, (color,)): None for at, color in enumerate(colors)}
    words: set[tuple[object, ...]] = {word for _, word in ends}
    for _ in range(length):
        ends = {
            (cause, (*word, type, colors[cause])): None
            for at, word in ends
            for effect, type, cause in arcs
            if effect == at
        }
        words |= {word for _, word in ends}
    return words


@pytest.mark.parametrize("seed", range(300))
def test_a_summary_says_the_same_paths(seed: int) -> None:
    """With cycles or without, edges of two types, and colors that are few."""
    random = Random(seed)
    nodes = random.randint(2, 12)
    ends = [
        (random.randrange(nodes), random.randrange(nodes)) for _ in range(random.randint(1, 20))
    ]
    if seed % 2:
        ends = [(min(pair), max(pair)) for pair in ends if pair[0] != pair[1]]
    arcs: Arcs = {(effect, random.choice(("USED", "EXECUTED")), cause) for effect, cause in ends}
    colors = [random.randrange(random.choice((1, 2, 3))) for _ in range(nodes)]
    of = merged(colors, arcs, lambda _: None)
    assert of == numbered(of)
    assert all(colors[of.index(group)] == color for group, color in zip(of, colors, strict=True))
    groups = [colors[of.index(group)] for group in range(max(of) + 1)]
    summary = {(of[effect], type, of[cause]) for effect, type, cause in arcs}
    assert spelled(groups, summary, 6) == spelled(colors, arcs, 6)


def test_a_summary_of_the_same_every_night_is_one_night() -> None:
    """Raw data, a step and a model, a hundred times over."""
    colors = [0, 1, 2] * 100
    arcs = set()
    for night in range(0, 300, 3):
        arcs |= {(night + 2, "GENERATED_BY", night + 1), (night + 1, "USED", night)}
    assert merged(colors, arcs, lambda _: None) == colors


@pytest.mark.parametrize("seed", range(100))
def test_knots_are_strongly_connected_and_come_before_their_causes(seed: int) -> None:
    random = Random(seed)
    nodes = random.randint(1, 12)
    pairs = {(random.randrange(nodes), random.randrange(nodes)) for _ in range(nodes)}
    graph = networkx.DiGraph(pairs)
    graph.add_nodes_from(range(nodes))
    knots = knots_of(nodes, pairs)
    found: dict[int, set[int]] = {}
    for node, knot in enumerate(knots.of):
        found.setdefault(knot, set()).add(node)
    components = list(networkx.strongly_connected_components(graph))
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, components))
    assert knots.tied == (not networkx.is_directed_acyclic_graph(graph))
    place = {knot: at for at, knot in enumerate(knots.order)}
    assert len(place) == len(components)
    assert all(place[k] < place[c] for k, causes in enumerate(knots.causes) for c in causes)


def test_a_long_chain_costs_a_bit_a_node() -> None:
    seen: list[int] = []
    chain = cone(20_000, {(n, n + 1) for n in range(19_999)})
    chain = replace(chain, starts=[0])
    found = list(between(chain, {"v12000"}, None, seen.append))
    assert found == [(n, True) for n in range(12_001)]
    assert seen == [20_000]


def test_a_segment_that_compares_too_much_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmenting, "MOST", 20)
    pairs = {(0, n) for n in range(1, 40)} | {(n, 40) for n in range(1, 40)}
    wide = replace(cone(41, pairs), starts=[0])
    letters = Letters([("Version",)] * 41, [(e, "DERIVED_FROM", c) for e, c in pairs])
    with pytest.raises(BudgetExceeded, match="compares more than 20 pairs of nodes"):
        list(between(wide, {"v40"}, letters, lambda _: None))
