"""`Stale`: what was made from something that is not what it was, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from provgraph.model.elements import Edge, Node
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.operators.freshness import differs, fetch_histories, newest, read_as
from provgraph.query.operators.part import Part, given, place_of
from provgraph.query.plan import Known, Stale, Walk

if TYPE_CHECKING:
    from provgraph.query.operators import Reader

_DAY: Final = 86_400 * 10**9
AGELESS: Final = frozenset(("config", "script", "source", "notebook"))
"""Kinds of what does not grow old: it is right until somebody changes it."""
_MADE_ANEW: Final = frozenset(("append", "change", "rename", "copy"))


def stale(plan: Stale, reader: Reader) -> Iterator[Known]:
    """The rows that are stale."""
    rows = [node for node in reader.nodes_of(plan.source) if is_row(node, plan.until)]
    part = _fetched(rows, plan.until, reader)
    looked_at = {
        n.id: look(part, n, plan.age, plan.until)
        for n in part.nodes.values()
        if n.label == "Version"
    }
    old = hanging_on(looked_at, (id for id, found in looked_at.items() if found.reasons))
    for row in rows:
        if row.id in old:
            found = looked_at[row.id]
            yield Known(row.id, row.label, (found.said(old), bool(found.reasons)))


@dataclass(frozen=True, slots=True)
class Looked:
    """What speaks against a version itself, and which versions it hangs on, with what is to be said if
    one of those is stale."""

    reasons: frozenset[str]
    hang_on: dict[str, str]

    def said(self, old: AbstractSet[str]) -> tuple[str, ...]:
        """All that speaks against it, if these versions are stale.

        >>> Looked(frozenset(("there is a newer b",)), {"v1": "a is stale", "v2": "c is stale"}).said({"v1"})
        ('a is stale', 'there is a newer b')
        """
        further = {text for at, text in self.hang_on.items() if at in old}
        return tuple(sorted(self.reasons | further))


def hanging_on(looked_at: Mapping[str, Looked], seeds: Iterable[str]) -> set[str]:
    """These versions, and all that hang on one of them, directly or not.

    >>> found = {"v1": Looked(frozenset(), {"v2": ""}), "v2": Looked(frozenset(), {"v3": ""})}
    >>> sorted(hanging_on(found, ["v3"]))
    ['v1', 'v2', 'v3']
    """
    because: defaultdict[str, list[str]] = defaultdict(list)
    for id, found in looked_at.items():
        for current in found.hang_on:
            because[current].append(id)
    left = list(seeds)
    reached = set(left)
    for id in left:
        new = [each for each in because[id] if each not in reached]
        reached.update(new)
        left += new
    return reached


def look(part: Part, version: Node, age: int, until: int | None = None) -> Looked:
    """What a part says of one of its versions: the part has its makers, its inputs, and all versions of
    those, with the edges between."""
    makers = _makers(part, version)
    reasons: set[str] = set()
    hang_on: dict[str, str] = {}
    for user, edge in _inputs(part, version, makers):
        used = part.nodes[edge.target]
        name = read_as(edge, used)
        current = newest(part, used, name, until)
        made_by = {made.target for made in part.out(current.id, "GENERATED_BY")}
        if current.id == version.id or made_by & makers:
            current = used
        reasons |= set(against(edge, user, used, current, age))
        if not is_newer(used, current):
            hang_on[current.id] = min(hang_on.get(current.id, is_stale(name)), is_stale(name))
    hang_on.pop(version.id, None)
    return Looked(frozenset(reasons), hang_on)


def _makers(part: Part, version: Node) -> set[str]:
    """The steps that made a version, and those that told them something."""
    found = {edge.target for edge in part.out(version.id, "GENERATED_BY")} & part.nodes.keys()
    left = list(found)
    for step in left:
        new = {edge.target for edge in part.out(step, "INFORMED_BY")} & part.nodes.keys() - found
        found |= new
        left += new
    return found


def _inputs(part: Part, version: Node, makers: Iterable[str]) -> Iterator[tuple[Node, Edge]]:
    """What it was made from without anything between, each with who used it."""
    for user, types in (
        (version.id, ("DERIVED_FROM",)),
        *((m, ("USED", "EXECUTED")) for m in makers),
    ):
        for edge in part.out(user, *types):
            if edge.target in part.nodes:
                yield part.nodes[user], edge


def _fetched(rows: list[Node], until: int | None, reader: Reader) -> Part:
    """The lineage of the rows, and of the newest versions of what is in it, and so on."""
    part, left, walked = Part(), rows, set[str]()
    while left:
        walked |= {node.id for node in left}
        reached = reader.nodes_of(Walk(given(left), "origin", LINEAGE_EDGES, until=until))
        there = {node.id: node for node in (*left, *reached)}
        walked |= there.keys()
        part.add(there.values(), reader.edges_of(given(there.values()), LINEAGE_EDGES))
        versions = [node for node in there.values() if node.label == "Version"]
        fetch_histories(part, versions, reader, until)
        left = list({n.id: n for n in _last(part, walked, until) if n.id not in walked}.values())
    return part


def _last(part: Part, walked: set[str], until: int | None) -> Iterator[Node]:
    """The newest version under each name of what was walked."""
    for version in [part.nodes[id] for id in sorted(walked)]:
        for edge in list(part.out(version.id, "VERSION_OF")):
            name = part.nodes[edge.target].properties.get("name")
            if isinstance(name, str):
                yield newest(part, version, name, until)


# What is decided, from what is known of one input.


def is_row(node: Node, until: int | None) -> bool:
    at = node.properties.get("at")
    late = until is not None and isinstance(at, int) and at > until
    return node.label == "Version" and not late


def is_newer(used: Node, current: Node) -> bool:
    """Whether the newest version came after what was used, with another content."""
    return place_of(current) > place_of(used) and differs(used, current)


def is_stale(name: str) -> str:
    return f"{name} is stale"


def against(edge: Edge, user: Node, used: Node, current: Node, age: int) -> Iterator[str]:
    """What speaks against something that `user` made from `used`."""
    name, is_code = (
        read_as(edge, used),
        edge.type == "EXECUTED" or edge.properties.get("role") == "code",
    )
    if is_newer(used, current):
        yield f"{name} has changed" if is_code else f"there is a newer {name}"
    made, read = used.properties.get("at"), edge.properties.get("at", user.properties.get("at"))
    whole = edge.type == "DERIVED_FROM" and edge.properties.get("how") in _MADE_ANEW
    whole = whole or used.properties.get("kind") in AGELESS
    if (
        not (is_code or whole)
        and isinstance(made, int)
        and isinstance(read, int)
        and read - made > age
    ):
        yield f"{name} was {(read - made) // _DAY} days old when it was used"
