"""`Segment`: what lies on the paths between nodes, and on others from there that are like them.

Nodes on a common cycle are one knot; between knots there is no cycle, so paths have an end.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from provgraph.errors import BudgetExceeded
from provgraph.query.operators.counting import sameness
from provgraph.query.operators.knots import Knots, knots_of
from provgraph.query.plan import Column, Known, Plan, Project, Segment, SetOp, Walk

if TYPE_CHECKING:
    from provgraph.query.operators import Cone, Reader

Letter = tuple[str, Hashable]
"""What a step of a path adds to its word: the edge's type, and what the knot that it leads to is."""


def segmented(plan: Segment, reader: Reader) -> Iterator[Known]:
    """The rows of a segment."""
    walks = [Walk(end, "origin", plan.via, until=plan.until) for end in (plan.to, plan.source)]
    cones = [reader.cone(walk) for walk in walks]
    found: dict[str, Known] = {}
    for walk, cone, other in zip(walks, cones, reversed(cones), strict=True):
        letters = None if plan.similar is None else Letters.asked(walk, cone, plan.similar, reader)
        origins = {other.ids[start] for start in other.starts}
        for node, on_path in between(cone, origins, letters, reader.visit):
            id = cone.ids[node]
            if on_path or id not in found:
                found[id] = Known(id, cone.labels[node], (on_path,))
    yield from found.values()


@dataclass(frozen=True, slots=True)
class Letters:
    """What the nodes of a cone are alike in, and its edges with their types."""

    alike: Sequence[Hashable]
    edges: Iterable[tuple[int, str, int]]

    @classmethod
    def asked(cls, walk: Walk, cone: Cone, similar: Sequence[Column], reader: Reader) -> Letters:
        nodes: Plan = SetOp("union", walk.source, walk)
        place = {id: at for at, id in enumerate(cone.ids)}
        edges = [
            (place[effect], type, place[cause])
            for effect, type, cause in reader.edges_from(nodes, walk.via)
            if effect in place and cause in place
        ]
        shown = (Column("id", "id"), *similar)
        values: dict[str, tuple[Any, ...]] = {
            id: tuple(map(sameness, held)) for id, *held in reader.columns(Project(nodes, shown))
        }
        return cls(
            [(label, values.get(id)) for id, label in zip(cone.ids, cone.labels, strict=True)],
            edges,
        )


def between(
    cone: Cone, origins: Iterable[str], letters: Letters | None, visit: Callable[[int], None]
) -> Iterator[tuple[int, bool]]:
    """The nodes of a cone on paths from its starts that end at one of `origins` or are like such a
    one, and whether they are on such a one. Without letters, paths of one length are alike."""
    knots = knots_of(len(cone.ids), zip(cone.effects, cone.causes, strict=True))
    wanted = set(origins)
    ends = {knots.of[node] for node, id in enumerate(cone.ids) if id in wanted}
    leads = leading(knots, ends)
    starts = [knot for knot in sorted({knots.of[start] for start in cone.starts}) if leads[knot]]
    marked = [False] * len(leads)
    if letters is not None:
        spelled = spelling(knots.of, len(leads), letters)
        mark_by_word(spelled, knots.order, starts, ends, leads, marked, visit)
    else:
        for start in starts:
            mark_by_length(knots, start, ends, marked, visit)
    for node, knot in enumerate(knots.of):
        if marked[knot]:
            yield node, leads[knot]


def leading(knots: Knots, ends: Iterable[int]) -> list[bool]:
    """Which knots lead to an end."""
    leads = [False] * len(knots.causes)
    for end in ends:
        leads[end] = True
    for knot in reversed(knots.order):
        if not leads[knot]:
            for cause in knots.causes[knot]:
                if leads[cause]:
                    leads[knot] = True
                    break
    return leads


# By length: how far a knot is from the start along each path, one bit a length. The bits of a knot
# begin at its smallest length, so that a long chain costs a bit a knot.


def mark_by_length(
    knots: Knots,
    start: int,
    ends: Iterable[int],
    marked: list[bool],
    visit: Callable[[int], None],
) -> None:
    """Marks the knots on a path from the start that is as long as one to an end."""
    causes = knots.causes
    bits, least = [0] * len(causes), [0] * len(causes)
    bits[start] = 1
    reached = []
    for knot in knots.order:
        own = bits[knot]
        if not own:
            continue
        reached.append(knot)
        nearest = least[knot] + 1
        for cause in causes[knot]:
            if not bits[cause]:
                bits[cause], least[cause] = own, nearest
            elif (shift := nearest - least[cause]) >= 0:
                bits[cause] |= own << shift
            else:
                bits[cause] = bits[cause] << -shift | own
                least[cause] = nearest
    visit(len(reached))
    lengths = 0
    for end in ends:
        lengths |= bits[end] << least[end]
    wanted = [0] * len(causes)
    for knot in reversed(reached):
        own, before = bits[knot], least[knot] + 1
        found = lengths >> before - 1
        for cause in causes[knot]:
            if wanted[cause]:
                found |= wanted[cause] >> before - least[cause]
        found &= own
        if found:
            wanted[knot] = found
            marked[knot] = True


# By word: which of the nodes that lead to an end are come to by a word that leads to another node as
# well? One bit each. Many nodes have the same of them, so what a letter makes of them is kept.

Spelled = list[dict[Letter, list[int]]]

MOST: Final = 50_000_000
"""Pairs of nodes that are compared in one segment."""


def spelling(of: Sequence[int], knots: int, letters: Letters) -> Spelled:
    """Where each letter leads to from a knot. A knot is what its nodes are, in any order."""
    members: list[list[Hashable]] = [[] for _ in range(knots)]
    for node, knot in enumerate(of):
        members[knot].append(letters.alike[node])
    kinds = [_bag(each) for each in members]
    found: list[dict[Letter, set[int]]] = [{} for _ in range(knots)]
    for effect, type, cause in letters.edges:
        if of[effect] != of[cause]:
            letter = (type, kinds[of[cause]])
            found[of[effect]].setdefault(letter, set()).add(of[cause])
    return [{letter: sorted(to) for letter, to in each.items()} for each in found]


def _bag(members: list[Hashable]) -> Hashable:
    if len(members) == 1:
        return members[0]
    counts: dict[Hashable, int] = {}
    for member in members:
        counts[member] = counts.get(member, 0) + 1
    return frozenset(counts.items())


def mark_by_word(
    spelled: Spelled,
    order: Sequence[int],
    starts: Sequence[int],
    ends: set[int],
    leads: Sequence[bool],
    marked: list[bool],
    visit: Callable[[int], None],
) -> None:
    """Marks the knots on a path from a start that spells the same as one from there to an end."""
    direct = [knot for knot, does in enumerate(leads) if does]
    bit = {knot: at for at, knot in enumerate(direct)}
    ahead, back = Moves(visit), Moves(visit)
    for knot in direct:
        for letter, causes in spelled[knot].items():
            for cause in causes:
                if cause in bit:
                    ahead.add(letter, bit[knot], bit[cause])
                    back.add(letter, bit[cause], bit[knot])
    come = [0] * len(leads)
    for start in starts:
        come[start] |= 1 << bit[start]
    for knot in order:
        if beside := come[knot]:
            for letter, causes in spelled[knot].items():
                if moved := ahead.of(letter, beside):
                    for cause in causes:
                        come[cause] |= moved
    ended = bits_of(bit[end] for end in ends if end in bit)
    good = [0] * len(leads)
    for knot in reversed(order):
        if come[knot]:
            found = ended
            for letter, causes in spelled[knot].items():
                for cause in causes:
                    if good[cause]:
                        found |= back.of(letter, good[cause])
            good[knot] = found & come[knot]
            marked[knot] = marked[knot] or bool(good[knot])


class Moves:
    """Where a letter leads to from any of some nodes; a bit a node."""

    def __init__(self, visit: Callable[[int], None]) -> None:
        self.visit = visit
        self.left = MOST
        self.ways: dict[Letter, dict[int, list[int]]] = {}
        self.known: dict[tuple[Letter, int], int] = {}

    def add(self, letter: Letter, near: int, far: int) -> None:
        self.ways.setdefault(letter, {}).setdefault(near, []).append(far)

    def of(self, letter: Letter, bits: int) -> int:
        ways = self.ways.get(letter)
        if ways is None:
            return 0
        moved = self.known.get((letter, bits))
        if moved is None:
            nodes = [far for near in nodes_of(bits) for far in ways.get(near, ())]
            self.count(bits.bit_count())
            self.known[letter, bits] = moved = bits_of(nodes)
        return moved

    def count(self, pairs: int) -> None:
        self.visit(pairs)
        self.left -= pairs
        if self.left < 0:
            raise BudgetExceeded(
                f"the segment compares more than {MOST:,} pairs of nodes",
                hint="name one version on each side, or more fields after `similar on`",
            )


def nodes_of(bits: int) -> Iterator[int]:
    """
    >>> list(nodes_of(0b1010)), bits_of([1, 3]), bits_of([])
    ([1, 3], 10, 0)
    """
    text = bin(bits)[:1:-1]
    at = text.find("1")
    while at >= 0:
        yield at
        at = text.find("1", at + 1)


def bits_of(nodes: Iterable[int]) -> int:
    flags = bytearray()
    for node in nodes:
        place = node >> 3
        if place >= len(flags):
            flags.extend(bytes(place + 1 - len(flags)))
        flags[place] |= 1 << (node & 7)
    return int.from_bytes(flags, "little")
