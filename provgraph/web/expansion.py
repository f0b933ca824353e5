"""One step from a node: which neighbours are drawn, and which fold into "400 outputs"?

Neighbours fall into groups of one type of edge, one kind and one folder (steps: one name). A group
of more than `FOLD` is one fold; when more than `DRAWN` would still stand there, the later ones fold
too. More of a fold comes `PAGE` at a time. The order is fixed, so a page is always the same page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from provgraph.graph import Graph
from provgraph.model.elements import Edge, Node
from provgraph.model.uri import shown
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.plan import Column, Limit, Project, Sort, SortKey, Walk
from provgraph.web.cards import BUDGET, cards, node, only, shown_node
from provgraph.web.documents import Focus, Fold, Link, Picture, Toward

FOLD: Final = 8
DRAWN: Final = 16
PAGE: Final = 20
MANY: Final = 20_000
"""Neighbours along one type of edge beyond which they are not told apart, only counted."""

REST: Final = "*"
_ORDER: Final = ("GENERATED_BY", "EXECUTED", "INFORMED_BY", "DERIVED_FROM", "USED")


@dataclass(frozen=True, slots=True)
class Neighbour:
    id: str
    type: str
    kind: str
    name: str
    at: int
    step: bool

    @property
    def place(self) -> str:
        """
        >>> Neighbour("v", "USED", "dataset", "data/a/x.csv", 0, False).place
        'data/a'
        """
        return self.name if self.step else self.name.rpartition("/")[0]

    @property
    def key(self) -> str:
        return f"{self.type}\t{self.kind}\t{self.place}"


def focus(graph: Graph, id: str) -> Focus:
    """The picture that is shown first: a node and one step each way."""
    here = shown_node(graph, id)
    sides = [_first(graph, here, toward) for toward in ("origin", "effect")]
    found = {id for drawn, _ in sides for id in drawn} | {here.id}
    folds = [fold for _, folded in sides for fold in folded]
    picture = _picture(graph, found, found, folds)
    return Focus(focus=here.id, nodes=picture.nodes, links=picture.links, folds=picture.folds)


def expand(
    graph: Graph, of: str, toward: Toward, fold: str | None, offset: int, drawn: Sequence[str]
) -> Picture:
    """The neighbours of a node that come next, and the edges between them and what is drawn."""
    here = node(graph, of)
    if fold is None:
        fresh, folds = _first(graph, here, toward)
    else:
        members = _members(graph, here, toward, fold)
        fresh, folds = members[offset : offset + PAGE], []
    return _picture(graph, fresh, {*fresh, *drawn, here.id}, folds)


def among(graph: Graph, ids: Sequence[str]) -> Picture:
    """These nodes and the lineage between them."""
    return _picture(graph, ids, set(ids), [])


def _picture(graph: Graph, fresh: Iterable[str], there: set[str], folds: Sequence[Fold]) -> Picture:
    found = sorted(graph.store.nodes(sorted(set(fresh))), key=_in_time)
    edges = [e for e in graph.store.edges(sorted(there), LINEAGE_EDGES) if e.target in there]
    return Picture(nodes=cards(graph, found, counted=True), links=_links(edges), folds=list(folds))


def _in_time(node: Node) -> tuple[int, str]:
    at = node.properties.get("at")
    return (at if isinstance(at, int) else 0, node.id)


def _links(edges: Iterable[Edge]) -> list[Link]:
    """One link for parallel edges of one type."""
    found = {(edge.source, edge.type, edge.target): Link.of(edge) for edge in edges}
    return list(found.values())


# Neighbours in groups.


def _first(graph: Graph, here: Node, toward: Toward) -> tuple[list[str], list[Fold]]:
    around, counted = _around(graph, here, toward)
    drawn, folds = folded(around, here.id, toward)
    return drawn, [*folds, *counted]


def folded(around: Sequence[Neighbour], of: str, toward: Toward) -> tuple[list[str], list[Fold]]:
    """Which neighbours are drawn, and the folds of the others.

    >>> many = [Neighbour(f"v{n}", "USED", "dataset", f"d/{n}", n, False) for n in range(400)]
    >>> drawn, folds = folded([Neighbour("s", "USED", "script", "a.py", 0, False), *many], "x", "origin")
    >>> drawn, [(fold.count, fold.place) for fold in folds]
    (['s'], [(400, 'd')])
    """
    groups = _groups(around)
    small = [n for group in groups.values() if len(group) <= FOLD for n in group]
    large = [group for group in groups.values() if len(group) > FOLD]
    folds = [_fold(group[0].key, group, of, toward) for group in large]
    drawn, rest = (small, []) if len(small) <= DRAWN + 1 else (small[:DRAWN], small[DRAWN:])
    if rest:
        folds.append(_fold(REST, rest, of, toward))
    return [n.id for n in drawn], folds


def _fold(key: str, group: Sequence[Neighbour], of: str, toward: Toward) -> Fold:
    kinds, places = {n.kind for n in group}, {n.place for n in group}
    return Fold(
        key=key,
        of=of,
        toward=toward,
        type=group[0].type if key != REST else REST,
        kind=kinds.pop() if len(kinds) == 1 else "",
        place=shown(places.pop()) if len(places) == 1 else "",
        count=len(group),
    )


def _groups(around: Iterable[Neighbour]) -> dict[str, list[Neighbour]]:
    groups: defaultdict[str, list[Neighbour]] = defaultdict(list)
    for neighbour in around:
        groups[neighbour.key].append(neighbour)
    return groups


def _members(graph: Graph, here: Node, toward: Toward, fold: str) -> list[str]:
    if fold in LINEAGE_EDGES:
        walk = Walk(only(here), "origin" if toward == "origin" else "effect", (fold,), max_hops=1)
        newest = Limit(Sort(walk, (SortKey("at", descending=True),)), MANY)
        rows = graph.answer(Project(newest, (Column("id", "id"),)), BUDGET)
        return [id for (id,) in rows.values]
    around, _ = _around(graph, here, toward)
    if fold == REST:
        drawn, _folds = folded(around, here.id, toward)
        groups = _groups(around)
        small = [n.id for group in groups.values() if len(group) <= FOLD for n in group]
        return [id for id in small if id not in set(drawn)]
    return [n.id for n in around if n.key == fold]


def _around(graph: Graph, here: Node, toward: Toward) -> tuple[list[Neighbour], list[Fold]]:
    """The neighbours in their order, and a fold for each type of edge that has too many."""
    counts = graph.store.degrees([here.id], LINEAGE_EDGES, incoming=toward == "effect")
    by_type = counts.get(here.id, {})
    found: dict[str, Neighbour] = {}
    folds: list[Fold] = []
    for type in _ORDER:
        count = by_type.get(type, 0)
        if count > MANY:
            fold = Fold(
                key=type, of=here.id, toward=toward, type=type, kind="", place="", count=count
            )
            folds.append(fold)
        elif count:
            for neighbour in _along(graph, here, toward, type):
                found.setdefault(neighbour.id, neighbour)
    return list(found.values()), folds


def _along(graph: Graph, here: Node, toward: Toward, type: str) -> list[Neighbour]:
    """Files in order of their names; steps from the newest."""
    walk = Walk(only(here), toward, (type,), max_hops=1)
    columns = tuple(Column(key, key) for key in ("id", "kind", "name", "at"))
    found = [
        Neighbour(id, type, kind or "", str(name or id), at or 0, kind == "step")
        for id, kind, name, at in graph.answer(Project(walk, columns), BUDGET).values
    ]
    return sorted(
        found, key=lambda n: (n.kind, -n.at, "", n.id) if n.step else (n.kind, 0, n.name, n.id)
    )
