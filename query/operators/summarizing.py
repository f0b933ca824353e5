"""`Summarize`: which rows stand for one another? A smaller graph that says the same paths.

Rows are merged as long as no path of the summary spells what no path of theirs does. A row is no more
than another toward the effect if for each edge that leads to it, a like edge leads to the other from a
row that the first one's is no more than; and so toward the origin. (PgSum: Miao and Deshpande, Understanding
data science lifecycle provenance via graph segmentation and summarization, ICDE 2019.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from provgraph.model.vocabulary import EDGES, LINEAGE_EDGES
from provgraph.query.operators.counting import sameness
from provgraph.query.operators.knots import knots_of
from provgraph.query.operators.segmenting import bits_of, nodes_of
from provgraph.query.plan import COMPONENT, Column, Find, Identified, Plan, Project, Summarize, Walk

if TYPE_CHECKING:
    from provgraph.query.operators import Reader

Arc = tuple[int, str, int]
"""An edge from an effect to a cause, between numbered nodes."""

TO_COMPONENTS: Final = ("GENERATED_BY", "PART_OF", "INSTANCE_OF")


def summarized(plan: Summarize, reader: Reader) -> list[dict[str, Any]]:
    """The rows of the table."""
    keys = [column.key for column in plan.by]
    shown = ["id", "name", "at", *(key for key in keys if key != COMPONENT)]
    rows = reader.columns(Project(plan.source, tuple(Column(key, key) for key in shown)))
    known = {row[0]: dict(zip(shown, row, strict=True)) for row in rows}
    if COMPONENT in keys:
        components = components_of(plan.source, reader)
        for id, values in known.items():
            values[COMPONENT] = components.get(id)
    ids = sorted(known, key=lambda id: in_time(known[id]["at"], id))
    place = {id: number for number, id in enumerate(ids)}
    arcs = [
        (place[effect], type, place[cause])
        for effect, type, cause in reader.edges_from(plan.source, LINEAGE_EDGES)
        if cause in place
    ]
    near = reader.cone(Walk(plan.source, "origin", LINEAGE_EDGES, max_hops=1))
    words = {id: label.lower() for id, label in zip(near.ids, near.labels, strict=True)}
    own = [(words[id], *(sameness(known[id][key]) for key in keys)) for id in ids]
    of = merged(rounds(own, arcs, plan.hops), arcs, reader.visit)
    return tabulated(plan, [{**known[id], "type": words[id]} for id in ids], of, arcs)


def components_of(source: Plan, reader: Reader) -> dict[str, Any]:
    """The name of the component that a row's run is an instance of, or a list of them."""
    cone = reader.cone(Walk(source, "origin", TO_COMPONENTS))
    ids = tuple(id for id, label in zip(cone.ids, cone.labels, strict=True) if label == "Component")
    asked = Project(
        Find("Component", Identified(ids)), (Column("id", "id"), Column("name", "name"))
    )
    names = dict(reader.columns(asked))
    knots = knots_of(len(cone.ids), zip(cone.effects, cone.causes, strict=True))
    held: list[set[str]] = [set() for _ in knots.causes]
    for node, id in enumerate(cone.ids):
        if names.get(id) is not None:
            held[knots.of[node]].add(names[id])
    for knot in reversed(knots.order):
        held[knot].update(*(held[cause] for cause in knots.causes[knot]))
    return {id: one_or_all(held[knots.of[node]]) for node, id in enumerate(cone.ids)}


def one_or_all(names: Iterable[str]) -> str | tuple[str, ...] | None:
    """
    >>> one_or_all({"a"}), one_or_all({"b", "a"}), one_or_all(())
    ('a', ('a', 'b'), None)
    """
    found = tuple(sorted(names))
    return found if len(found) > 1 else found[0] if found else None


def tabulated(
    plan: Summarize, rows: Sequence[dict[str, Any]], of: Sequence[int], arcs: Iterable[Arc]
) -> list[dict[str, Any]]:
    """A row a group, told by its first."""
    first: dict[int, dict[str, Any]] = {}
    for group, row in zip(of, rows, strict=True):
        first.setdefault(group, row)
    counts = Counter(of)
    leads: dict[int, set[tuple[int, int]]] = {}
    for effect, type, cause in arcs:
        leads.setdefault(of[effect], set()).add((_TYPES.index(type), of[cause]))
    return [
        {
            "group": group + 1,
            "type": row["type"],
            **{column.name: row[column.key] for column in plan.by},
            "count": counts[group],
            "first": row["id"],
            "example": row["name"],
            "edges": edges_text(leads.get(group, ())),
        }
        for group, row in sorted(first.items())
    ]


_TYPES: Final = tuple(EDGES)


def edges_text(leads: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    """In words: the type of edge, and the group that it leads to.

    >>> edges_text([(1, 4), (0, 2)])
    ('generated 3', 'used 5')
    """
    return tuple(f"{EDGES[_TYPES[type]].phrase} {group + 1}" for type, group in sorted(leads))


def in_time(at: Any, id: str) -> tuple[bool, Any, str]:
    return at is None, 0 if at is None else at, id


def rounds(own: Sequence[Hashable], arcs: Sequence[Arc], hops: int) -> list[int]:
    """What rows are alike in, numbered: what they are themselves, and in each round what their
    neighbours are."""
    colors = numbered(own)
    for _ in range(hops):
        around: list[set[Hashable]] = [set() for _ in own]
        for effect, type, cause in arcs:
            around[effect].add((type, "to", colors[cause]))
            around[cause].add((type, "from", colors[effect]))
        finer = numbered(
            [(color, frozenset(each)) for color, each in zip(colors, around, strict=True)]
        )
        if max(finer, default=0) == max(colors, default=0):
            break
        colors = finer
    return colors


def numbered(values: Iterable[Hashable]) -> list[int]:
    """Equal values have one number, in order of their first.

    >>> numbered("abca")
    [0, 1, 2, 0]
    """
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(value, len(numbers)) for value in values]


def merged(colors: Sequence[int], arcs: Iterable[Arc], visit: Callable[[int], None]) -> list[int]:
    """Which group each row is in; groups are numbered in order of their first rows.

    What is no more than another and no less toward the effect is merged, then toward the origin, then
    one row with one that it is no more than in both ways; and so on. All at once would let a path
    come out by another door than it went in.
    """
    of = list(range(len(colors)))
    summary = Summary(list(colors), set(arcs), visit)
    while True:
        before = summary.size
        for turned in (False, True):
            own = summary.equivalent(turned)
            of = [own[group] for group in of]
            summary = summary.quotient(own)
        if (stands := summary.dominated()) is not None:
            of = [stands[group] for group in of]
            summary = summary.quotient(stands)
        if summary.size == before:
            return numbered(of)


@dataclass(frozen=True, slots=True)
class Summary:
    """Groups, numbered, with what each of them is, and the edges between them."""

    colors: list[int]
    arcs: set[Arc]
    visit: Callable[[int], None]

    @property
    def size(self) -> int:
        return len(self.colors)

    def quotient(self, own: Sequence[int]) -> Summary:
        """With groups merged, `own` says to which."""
        colors = [0] * (max(own, default=-1) + 1)
        for group, color in zip(own, self.colors, strict=True):
            colors[group] = color
        arcs = {(own[effect], type, own[cause]) for effect, type, cause in self.arcs}
        return Summary(colors, arcs, self.visit)

    def equivalent(self, turned: bool) -> list[int]:
        """Groups that are no more and no less than one another."""
        same = self.told_apart(turned)
        smaller = self.quotient(same)
        more = smaller.no_more(turned)
        first = [
            next(other for other in nodes_of(mine) if more[other] >> group & 1)
            for group, mine in enumerate(more)
        ]
        return numbered(first[group] for group in same)

    def told_apart(self, turned: bool) -> list[int]:
        """A quick first step: groups to which like edges lead from like groups, which are then
        equivalent; until nothing more tells them apart."""
        order, near, _ = self.leading(turned)
        own = numbered(self.colors)
        if order is not None:  # what leads to a group is known before it
            known: dict[Hashable, int] = {}
            for group in order:
                is_what = (
                    own[group],
                    frozenset((type, ~own[other]) for type, other in near[group]),
                )
                own[group] = ~known.setdefault(is_what, len(known))
            return numbered(own)
        while True:
            self.visit(len(own))
            finer = numbered(
                (own[group], frozenset((type, own[other]) for type, other in each))
                for group, each in enumerate(near)
            )
            if max(finer, default=-1) == max(own, default=-1):
                return own
            own = finer

    def leading(
        self, turned: bool
    ) -> tuple[Sequence[int] | None, list[list[tuple[str, int]]], dict[tuple[str, int], list[int]]]:
        """The groups in the order of the edges, if there is no cycle; which others lead to each, and to
        which each leads by a type."""
        near: list[list[tuple[str, int]]] = [[] for _ in self.colors]
        ways: dict[tuple[str, int], list[int]] = {}
        for effect, type, cause in sorted(self.arcs):
            if turned:
                effect, cause = cause, effect
            near[cause].append((type, effect))
            ways.setdefault((type, effect), []).append(cause)
        pairs = {(other, group) for group, each in enumerate(near) for _, other in each}
        knots = knots_of(self.size, pairs)
        return None if knots.tied else knots.order, near, ways

    def no_more(self, turned: bool) -> list[int]:
        """For each group those that it is no more than, one bit each; itself is one of them."""
        order, near, ways = self.leading(turned)
        order = range(self.size) if order is None else order
        alike: dict[int, list[int]] = {}
        for group, color in enumerate(self.colors):
            alike.setdefault(color, []).append(group)
        bits = {color: bits_of(groups) for color, groups in alike.items()}
        more = [bits[color] for color in self.colors]
        led: dict[tuple[str, int], int] = {}
        after: list[set[int]] = [set() for _ in self.colors]
        for group, each in enumerate(near):
            for _, other in each:
                after[other].add(group)
        open = set(order)
        while open:
            for group in order:
                if group not in open:
                    continue
                open.discard(group)
                self.visit(1)
                left = more[group]
                for type, other in near[group]:
                    key = (type, more[other])
                    if key not in led:
                        led[key] = bits_of(
                            to for one in nodes_of(more[other]) for to in ways.get((type, one), ())
                        )
                    left &= led[key]
                if left != more[group]:
                    more[group] = left
                    open |= after[group]
        return more

    def dominated(self) -> list[int] | None:
        """The first group that is no more than another in both ways is merged with it."""
        in_both = [
            one & other for one, other in zip(self.no_more(False), self.no_more(True), strict=True)
        ]
        for group, mine in enumerate(in_both):
            for other in nodes_of(mine):
                if other != group:
                    own = list(range(self.size))
                    own[group] = other
                    return numbered(own)
        return None
