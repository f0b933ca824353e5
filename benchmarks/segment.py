"""How long does `segment` take on a cone of 100,000 nodes, once it is fetched?

Beside it, on the same arrays: a breadth-first search of the cone in Python, which any way to do it
has to match at least. In turns; CPU time, the least of each. `python benchmarks/segment.py [nodes]`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from random import Random

from provgraph.query.operators import Cone
from provgraph.query.operators.segmenting import Letters, between

LAYERS = 240  # versions and steps in turn, the newest first
COMMANDS = tuple(f"python stage{n}.py" for n in range(12))
TARGET = 0.2
TURNS = 7


def derivation(nodes: int) -> Cone:
    """What one version was made from. A node has two or three causes in the layer below it, and one
    of five nodes one in a layer further down."""
    random = Random(1)
    width = (nodes - 1) // LAYERS + 1
    layer_of = [0, *(1 + n // width for n in range(nodes - 1))]
    first: dict[int, int] = {}
    for node, layer in enumerate(layer_of):
        first.setdefault(layer, node)
    last = layer_of[-1]
    effects, causes = [], []
    for node, layer in enumerate(layer_of):
        below = [layer + 1] * random.choice((2, 2, 3)) + [layer + 3] * (random.random() < 0.2)
        for other in {_any(random, first, each, nodes) for each in below if each <= last}:
            effects.append(node)
            causes.append(other)
    ids = [f"{'sv'[layer % 2 == 0]}{node:07}" for node, layer in enumerate(layer_of)]
    labels = ["Step" if id[0] == "s" else "Version" for id in ids]
    return Cone(ids, labels, [0], effects, causes)  # type: ignore[arg-type]


def _any(random: Random, first: dict[int, int], layer: int, nodes: int) -> int:
    return random.randrange(first[layer], first.get(layer + 1, nodes))


def searched(cone: Cone) -> int:
    """How deep the cone is, breadth first."""
    after: list[list[int]] = [[] for _ in cone.ids]
    for effect, cause in zip(cone.effects, cone.causes, strict=True):
        after[effect].append(cause)
    level, seen, depth = list(cone.starts), set(cone.starts), 0
    while level:
        level = list({other for node in level for other in after[node] if other not in seen})
        seen.update(level)
        depth += 1
    return depth


def by_command(cone: Cone) -> Letters:
    """Steps are alike that ran the same command, and versions are."""
    random = Random(2)
    kinds = [("Step", random.choice(COMMANDS)) if id[0] == "s" else ("Version",) for id in cone.ids]
    ends = zip(cone.effects, cone.causes, strict=True)
    edges = [(e, "USED" if cone.ids[e][0] == "s" else "GENERATED_BY", c) for e, c in ends]
    return Letters(kinds, edges)


def main(nodes: int) -> None:
    compare(derivation(nodes), None)
    print(f"to reach: {TARGET} s for 100,000 nodes\n")
    small = derivation(nodes // 20)  # words of random commands are compared pair by pair
    compare(small, by_command(small))


def compare(cone: Cone, letters: Letters | None) -> None:
    origin = {cone.ids[-1]}

    def segment() -> list[tuple[int, bool]]:
        return list(between(cone, origin, letters, lambda _: None))

    name = "segment" if letters is None else "segment, similar on command"
    ways: dict[str, Callable[[], object]] = {
        "breadth first": lambda: searched(cone),
        name: segment,
    }
    print(f"{len(cone.ids)} nodes, {len(cone.effects)} edges, depth {searched(cone)}", end="; ")
    print(f"in the segment: {len(segment())}")
    least = dict.fromkeys(ways, float("inf"))
    for _ in range(TURNS):
        for way, work in ways.items():
            before = time.process_time()
            work()
            least[way] = min(least[way], time.process_time() - before)
    for way, seconds in least.items():
        print(f"{way:28} {seconds:6.3f} s  {seconds / least['breadth first']:5.1f} times")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
