"""Do the compiled walks give what those in Python give, and is there one where a compiler is?"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest

from provgraph.store.embedded import closure, native, shares
from provgraph.store.embedded.adjacency import Adjacency, Ids, adjacency
from provgraph.store.embedded.closure import Bounds, Reached, Walker
from provgraph.store.embedded.kernel import kernel

NODES = 60


def ids(numbers: list[int]) -> Ids:
    return np.array(numbers, np.int64)


def drawn(seed: int) -> Adjacency:
    """A graph with cycles, parallel edges and loops."""
    random = Random(seed)
    pairs = sorted(
        (random.randrange(NODES), random.randrange(NODES), random.randint(1, 5))
        for _ in range(random.randrange(1, 150))
    )
    sources, targets, types = (ids(list(ends)) for ends in zip(*pairs, strict=True))
    return adjacency(NODES, sources, types.astype(np.uint8), targets)


def levels(reached: Reached) -> list[set[int]]:
    ends = reached.counts.cumsum()
    return [set(level.tolist()) for level in np.split(reached.ids, ends[:-1])]


@pytest.fixture
def walkers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Walker, Walker]]:
    """One that is compiled, and one that is not."""
    monkeypatch.setattr(closure, "NARROW", 2)
    compiled = kernel()
    if compiled is None:
        pytest.skip("there is no C compiler")
    size = len(drawn(0).start)
    yield Walker(size, compiled), Walker(size)


def test_a_compiled_walk_reaches_the_same_nodes_at_the_same_depths(
    walkers: tuple[Walker, Walker],
) -> None:
    for seed in range(300):
        random, side = Random(seed), drawn(seed)
        bounds = Bounds(
            types=np.array([random.random() < 0.7 for _ in range(6)]) if seed % 3 else None,
            max_hops=random.choice((None, None, 1, 2, 5)),
            stops=ids(random.sample(range(NODES), 5)) if seed % 2 else None,
        )
        sources = ids(random.sample(range(NODES), random.randint(0, 4)))
        one, other = (walker.reached(side, sources, bounds) for walker in walkers)
        assert levels(one) == levels(other)
        assert one.counts.tolist() == other.counts.tolist()


@pytest.mark.parametrize("at_once", [3, 64, 512])
def test_shares_are_what_a_walk_from_each_start_would_count(
    walkers: tuple[Walker, Walker], monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(shares, "AT_ONCE", at_once)
    for seed in range(100):
        random, side = Random(seed), drawn(seed)
        groups = [ids(random.sample(range(NODES), random.randint(0, NODES))) for _ in range(2)]
        expected: dict[int, list[int]] = {}
        for nth, group in enumerate(groups):
            for start in group.tolist():
                for node in walkers[1].reached(side, ids([start]), Bounds()).ids.tolist():
                    expected.setdefault(node, [0, 0])[nth] += 1
        for walker in walkers:
            nodes, counts = shares.shares(side, walker, groups, lambda count: None)
            found = zip(*(count.tolist() for count in counts), strict=True)
            assert dict(zip(nodes.tolist(), map(list, found), strict=True)) == expected


def test_the_library_is_compiled_once_into_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kernel() is None:
        pytest.skip("there is no C compiler")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = native.library()
    assert made == tmp_path / "cache" / "provgraph" / native.file_name()
    before = made.stat().st_mtime_ns
    monkeypatch.setenv("PATH", "")
    assert native.library() == made
    assert made.stat().st_mtime_ns == before
    assert os.listdir(made.parent) == [made.name]
    assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700


def test_without_a_compiler_there_is_no_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    assert native.library() is None
    assert list((tmp_path / "provgraph").iterdir()) == []
