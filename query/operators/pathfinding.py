"""`Paths`: how are nodes connected? Simple paths, the shortest first, without following them all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush, merge
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from provgraph.model.vocabulary import EDGE_TYPES, Label
from provgraph.query import shape
from provgraph.query.plan import Column, Given, Known, Paths, Project, Walk

if TYPE_CHECKING:
    from provgraph.query.operators import Cone, Reader

Toward = Literal["origin", "effect"]
Nodes = tuple[int, ...]
Found = tuple[int, tuple[str, ...], bool]
"""A path: how many edges, its nodes' ids, and whether it follows the edges against their direction.
Paths come in this order."""

_END = -1


def found(plan: Paths, reader: Reader) -> list[dict[str, Any]]:
    """The rows of the table."""
    targets = {id for (id,) in reader.columns(Project(plan.to, (Column("id", "id"),)))}
    ways = [way(plan, toward, reader) for toward in ("origin", "effect")]
    if plan.every:
        paths = list(islice(merge(*(way.all(targets, plan, reader) for way in ways)), plan.most))
    else:
        paths = nearest_of(ways, targets, plan.max_hops)[: plan.most]
    return tabulated(plan, paths, ways, reader)


def way(plan: Paths, toward: Toward, reader: Reader) -> Way:
    walk = Walk(plan.source, toward, plan.via, plan.max_hops, until=plan.until)
    return Way.of(reader.cone(walk), toward)


def nearest_of(ways: Iterable[Way], targets: Collection[str], max_hops: int | None) -> list[Found]:
    """For each target the first path to it, whichever way it leads."""
    first: dict[str, Found] = {}
    for way in ways:
        for path in way.nearest(targets, max_hops):
            target = path[1][-1]
            first[target] = min(path, first.get(target, path))
    return sorted(first.values())


@dataclass(frozen=True, slots=True)
class Way:
    """What can be reached from some nodes in one direction. Nodes are numbered in order of their
    ids, so that numbers compare as ids do; `after` and `before` are in that order too."""

    ids: list[str]
    labels: list[Label]
    starts: list[int]
    after: list[list[int]]
    before: list[list[int]]
    toward: Toward

    @classmethod
    def of(cls, cone: Cone, toward: Toward) -> Way:
        order = sorted(range(len(cone.ids)), key=cone.ids.__getitem__)
        place = [0] * len(order)
        for nth, node in enumerate(order):
            place[node] = nth
        after: list[list[int]] = [[] for _ in order]
        before: list[list[int]] = [[] for _ in order]
        edges = [(place[e], place[c]) for e, c in zip(cone.effects, cone.causes, strict=True)]
        for near, far in sorted(edges if toward == "origin" else [(c, e) for e, c in edges]):
            after[near].append(far)
            before[far].append(near)
        ids = [cone.ids[node] for node in order]
        labels = [cone.labels[node] for node in order]
        return cls(
            ids, labels, sorted({place[start] for start in cone.starts}), after, before, toward
        )

    def path(self, nodes: Nodes) -> Found:
        ids = tuple(self.ids[node] for node in nodes)
        return len(nodes) - 1, ids, self.toward == "effect"

    def labelled(self) -> Iterator[tuple[str, Label]]:
        return zip(self.ids, self.labels, strict=True)

    def among(self, ids: Collection[str]) -> list[int]:
        return [node for node, id in enumerate(self.ids) if id in ids]

    # The shortest path to each target

    def nearest(self, targets: Collection[str], max_hops: int | None) -> Iterator[Found]:
        """From any start but the target itself; of several the first by ids."""
        wanted = self.among(targets)
        apart = sorted(set(wanted).intersection(self.starts))
        yield from self.searched(self.starts, set(wanted).difference(apart), max_hops)
        for target in apart:
            others = [start for start in self.starts if start != target]
            yield from self.searched(others, {target}, max_hops)

    def searched(
        self, starts: list[int], wanted: set[int], max_hops: int | None
    ) -> Iterator[Found]:
        """Breadth first. A level is in order of the paths to its nodes, and so is then the next."""
        left, level, depth = set(wanted), starts, 0
        came: dict[int, int] = dict.fromkeys(starts, _END)
        while level and left and (max_hops is None or depth < max_hops):
            depth += 1
            reached: list[int] = []
            for node in level:
                for other in self.after[node]:
                    if other not in came:
                        came[other] = node
                        reached.append(other)
            for target in sorted(left.intersection(reached)):
                yield self.path(_back(target, came))
            left.difference_update(reached)
            level = reached

    # Every path

    def all(self, targets: Collection[str], plan: Paths, reader: Reader) -> Iterator[Found]:
        """The simple paths between two different nodes, in order.

        Those that are left are kept in parts: what begins with some nodes and goes on to none of
        some others. The part whose first path is the first of all gives it, and falls into the parts
        that leave it at one of its nodes. (E. L. Lawler, A procedure for computing the K best
        solutions, 1972.)
        """
        ends = frozenset(self.among(targets))
        search = _Search(self, ends, plan.max_hops, reader.visit)
        waiting: list[tuple[int, Nodes, int, frozenset[int]]] = []

        def keep(beginning: Nodes, barred: frozenset[int]) -> None:
            path = search.first(beginning, barred)
            if path is not None:
                heappush(waiting, (len(path), path, len(beginning), barred))

        for start in self.starts:
            keep((start,), frozenset())
        while waiting:
            _, path, begun, barred = heappop(waiting)
            yield self.path(path)
            for end in range(begun, len(path) + 1):
                next = path[end] if end < len(path) else _END
                keep(path[:end], barred | {next} if end == begun else frozenset((next,)))


def _back(node: int, came: dict[int, int]) -> Nodes:
    found = [node]
    while (node := came[node]) != _END:
        found.append(node)
    return tuple(reversed(found))


class _Search:
    """The first path that begins so. How far nodes are from an end is known for all of them; it is
    asked anew only where a beginning stands in the way, which without cycles it never does."""

    def __init__(
        self,
        way: Way,
        ends: frozenset[int],
        max_hops: int | None,
        visit: Callable[[int], None],
    ) -> None:
        self.way, self.ends, self.max_hops, self.visit = way, ends, max_hops, visit
        self.far = self.distances(())

    def first(self, beginning: Nodes, barred: frozenset[int]) -> Nodes | None:
        last = beginning[-1]
        if last in self.ends and len(beginning) > 1 and _END not in barred:
            return beginning
        path = self.completed(beginning, barred, self.far)
        if path is not None and len(set(path)) < len(path):
            path = self.completed(beginning, barred, self.distances(beginning))
        if path is None or (self.max_hops is not None and len(path) - 1 > self.max_hops):
            return None
        return path

    def completed(
        self, beginning: Nodes, barred: frozenset[int], far: dict[int, int]
    ) -> Nodes | None:
        """The way down from the node that is nearest to an end, the first by id of several."""
        path = list(beginning)
        open = [
            (far[node], node)
            for node in self.way.after[path[-1]]
            if node in far and node not in barred and node not in beginning
        ]
        if not open:
            return None
        left, node = min(open)
        path.append(node)
        while left:
            left -= 1
            node = next(other for other in self.way.after[node] if far.get(other) == left)
            path.append(node)
        self.visit(len(path) - len(beginning))
        return tuple(path)

    def distances(self, without: Nodes) -> dict[int, int]:
        """How many edges it is from a node to the nearest end, where there is a way."""
        gone = set(without)
        level = sorted(self.ends - gone)
        far = dict.fromkeys(level, 0)
        depth = 0
        while level:
            depth += 1
            reached: list[int] = []
            for node in level:
                for other in self.way.before[node]:
                    if other not in far and other not in gone:
                        far[other] = depth
                        reached.append(other)
            self.visit(len(reached))
            level = reached
        return far


# The table


def tabulated(
    plan: Paths, paths: Sequence[Found], ways: Sequence[Way], reader: Reader
) -> list[dict[str, Any]]:
    """A row a node of a path."""
    wanted = {id for _, nodes, _ in paths for id in nodes}
    labels = {id: label for way in ways for id, label in way.labelled() if id in wanted}
    nodes_of = tuple(Known(id, labels[id]) for id in sorted(wanted))
    given = Given(nodes_of, tuple(sorted(_labels(plan))))
    shown = [Column(key, key) for key in ("id", "kind", "name", "at")]
    known = {row[0]: row for row in reader.columns(Project(given, tuple(shown)))}
    joined = phrases(reader.edges_from(given, plan.via))
    rows = []
    for number, (_, nodes, against) in enumerate(paths, 1):
        for depth, (id, next) in enumerate(zip(nodes, (*nodes[1:], ""), strict=True)):
            _, kind, name, at = known[id]
            rows.append(
                {
                    "path": number,
                    "depth": depth,
                    "toward": "effect" if against else "origin",
                    "id": id,
                    "type": labels[id].lower(),
                    "kind": kind,
                    "name": name,
                    "time": at,
                    "edge": joined.get((next, id) if against else (id, next)),
                }
            )
    return rows


def _labels(plan: Paths) -> frozenset[Label]:
    """Those that a node of a path may have."""
    walks = [Walk(plan.source, toward, plan.via) for toward in ("origin", "effect")]
    return shape.labels(plan.source).union(*map(shape.labels, walks))


def phrases(edges: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], tuple[str, ...]]:
    """What joins an effect and a cause, in words and in the vocabulary's order.

    >>> phrases([("s", "EXECUTED", "v"), ("s", "USED", "v")])
    {('s', 'v'): ('used', 'executed')}
    """
    types: dict[tuple[str, str], set[str]] = {}
    for effect, type, cause in edges:
        types.setdefault((effect, cause), set()).add(type)
    return {
        ends: tuple(edge.phrase for edge in EDGE_TYPES if edge.name in found)
        for ends, found in types.items()
    }
