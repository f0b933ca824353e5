"""Where is a subject held, and what was made from it?

A version *contains* a subject if its content was read and has it. What was made from such a version is
*derived* from it, unless a rule covers the made version too: then its own column tells. If that was read
and the subject is not in it, the version and what only it leads to are left out: its rows are of others. If
it could not be read, the answer is *unknown*.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from provgraph.erasure.census import names_of
from provgraph.errors import StoreError
from provgraph.graph import Graph
from provgraph.model.elements import Node
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.operators import Cone
from provgraph.query.plan import Digested, Exactly, Find, Identified, Walk
from provgraph.subjects.index import SubjectIndex
from provgraph.subjects.rules import Rule, covering, rules

How = Literal["contains", "derived", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A version, how it has to do with a subject, and why that is said. `way` has the names on the
    shortest chain of nodes to it from a version that contains the subject, both ends included; of a long
    one the first and the last are told, with `…` between. `distance` is how many there are."""

    version: Node
    how: How
    why: str
    way: tuple[str, ...]
    distance: int


@dataclass(frozen=True, slots=True)
class Findings:
    """In order of how near they are, then of time; nothing that was erased. `cleared` are the versions that were made from the
    subject's, and whose own column shows that none of its rows went into them. `held` has the digests
    of contents and the rules by which the subject was found in them; `steps` are those on the ways."""

    found: tuple[Finding, ...] = ()
    cleared: tuple[Node, ...] = ()
    held: frozenset[tuple[str, str]] = frozenset()
    steps: Mapping[str, Node] = field(default_factory=dict)
    _cone: Cone | None = None

    def of(self, *how: How) -> tuple[Finding, ...]:
        return tuple(each for each in self.found if each.how in how)

    def causes(self, of: Collection[str]) -> Iterator[tuple[str, str]]:
        """What those of the found and of the steps were made from, directly, of the found and the steps;
        effect and cause."""
        if self._cone is None:
            return
        ids, known = self._cone.ids, {each.version.id for each in self.found} | self.steps.keys()
        effects = {place for place, id in enumerate(ids) if id in of}
        causes = {place for place, id in enumerate(ids) if id in known}
        for effect, cause in zip(self._cone.effects, self._cone.causes, strict=True):
            if effect in effects and cause in causes:
                yield ids[effect], ids[cause]


def findings(graph: Graph, index: SubjectIndex, macs: Iterable[bytes]) -> Findings:
    """Every version that has to do with one of the subjects with these hashes (`subjects.hashes`),
    whatever became of it since. Raises `StoreError`."""
    held = frozenset(index.holding(macs))
    starts = _nodes(graph, Find("Version", Digested(tuple(sorted({digest for digest, _ in held})))))
    if not starts:
        return Findings()
    containing = {node.id for node in starts}
    cone, nodes = _reached(graph, containing)
    of = rules(graph.project)
    read = {(each.digest, each.rule) for each in index.contents()}
    judged = {
        id: verdict
        for id, node in nodes.items()
        if node.label == "Version" and id not in containing and (verdict := _judged(node, of, read))
    }
    cleared = {id for id, verdict in judged.items() if verdict == "cleared"}
    why = "its content has the subject"
    return _findings(cone, nodes, dict.fromkeys(containing, why), judged, cleared, held)


def touching(graph: Graph, uris: Sequence[str], old: Sequence[str]) -> Findings:
    """Every version of these files and those that are too old, whatever has their content, and what was
    made from them. Raises `StoreError`."""
    own = [node for uri in uris for node in _nodes(graph, Find("Version", Exactly(uri)))]
    aged = [n for n in graph.store.nodes(old) if n.properties.get("state") != "erased"]
    digests = {str(node.properties.get("digest") or "") for node in (*own, *aged)} - {""}
    copies = _nodes(graph, Find("Version", Digested(tuple(sorted(digests)))))
    starts = {node.id: "it has a content that goes" for node in copies}
    starts |= {node.id: "it is older than a rule allows" for node in aged}
    starts |= {node.id: "it was named" for node in own}
    if not starts:
        return Findings()
    cone, nodes = _reached(graph, starts)
    return _findings(cone, nodes, starts, {}, set(), frozenset())


def still_there(graph: Graph, versions: Sequence[str]) -> Findings:
    """Those of the versions that an earlier request had to keep. Raises `StoreError`."""
    nodes = (n for n in graph.store.nodes(versions) if n.properties.get("state") != "erased")
    why = "an earlier request had to keep it"
    return Findings(tuple(Finding(node, "derived", why, (_name(node),), 1) for node in nodes))


def _findings(
    cone: Cone,
    nodes: Mapping[str, Node],
    containing: Mapping[str, str],
    judged: Mapping[str, str],
    cleared: set[str],
    held: frozenset[tuple[str, str]],
) -> Findings:
    found, steps = list[Finding](), dict[str, Node]()
    for id, distance, way in _ways(cone, nodes, cleared):
        node = nodes[id]
        if node.label != "Version":
            steps[id] = node
        elif id not in cleared and node.properties.get("state") != "erased":
            how, why = _said(way[0], containing.get(id), judged.get(id, ""))
            found.append(Finding(node, how, why, way, distance))
    found.sort(key=lambda each: (each.distance, _at(each.version), each.version.id))
    return Findings(tuple(found), tuple(nodes[id] for id in sorted(cleared)), held, steps, cone)


def _reached(graph: Graph, starts: Iterable[str]) -> tuple[Cone, dict[str, Node]]:
    source = Find("Version", Identified(tuple(sorted(starts))))
    cone, found = graph.store.reached(Walk(source, "effect", LINEAGE_EDGES))
    nodes = {node.id: node for node in found}
    if missing := [id for id in cone.ids if id not in nodes]:
        raise StoreError(
            f"{len(missing)} nodes were removed while it was read what was made from what",
            hint="repeat it",
        )
    return cone, nodes


def _nodes(graph: Graph, plan: Find) -> list[Node]:
    return [Node(id, label, held) for id, label, _, held, *_ in graph.answer(plan).values]


def _judged(node: Node, of: Sequence[Rule], read: set[tuple[str, str]]) -> str:
    """What a version's own columns say, if it has any, or those of its content under another name:
    `cleared`, the column's name where it could not be read, or nothing."""
    own = covering(of, names_of(node))
    digest = str(node.properties.get("digest") or "")
    if not own:
        return "cleared" if any((digest, rule.key) in read for rule in of) else ""
    unread = [rule for rule in own if (digest, rule.key) not in read]
    if unread:
        return unread[0].column
    return "cleared"


def _said(origin: object, contains: str | None, unread: str) -> tuple[How, str]:
    if contains is not None:
        return "contains", contains
    if unread:
        return "unknown", f"made from {origin}; its column `{unread}` could not be read"
    return "derived", f"made from {origin}"


def _at(node: Node) -> int:
    at = node.properties.get("at")
    return at if isinstance(at, int) else 0


_SHOWN: Final = 24
"""Nodes of a way that are told; a chain of a thousand steps is not read by anybody."""


def _ways(
    cone: Cone, nodes: Mapping[str, Node], stops: set[str]
) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """The shortest way to everything in a cone from one of its starts, found breadth first, not past
    `stops`: to which node, how long it is, and the names on it."""
    ids = cone.ids
    effects: dict[int, list[int]] = {}
    for effect, cause in zip(cone.effects, cone.causes, strict=True):
        effects.setdefault(cause, []).append(effect)
    level: dict[int, tuple[str, ...]] = {
        place: (_name(nodes[ids[place]]),) for place in cone.starts
    }
    seen, distance = set(level), 1
    while level:
        after: dict[int, tuple[str, ...]] = {}
        for place in sorted(level, key=ids.__getitem__):
            way = level[place]
            yield ids[place], distance, way
            if ids[place] not in stops:
                for effect in effects.get(place, ()):
                    if effect not in seen:
                        seen.add(effect)
                        after[effect] = _longer(way, _name(nodes[ids[effect]]))
        level, distance = after, distance + 1


def _longer(way: tuple[str, ...], name: str) -> tuple[str, ...]:
    """
    >>> way = ("a",)
    >>> for n in range(100):
    ...     way = _longer(way, str(n))
    >>> way[:3], way[-1], len(way)
    (('a', '…', '77'), '99', 25)
    """
    if len(way) <= _SHOWN:
        return (*way, name)
    return (way[0], "…", *way[3:], name)


def _name(node: Node) -> str:
    return str(node.properties.get("name") or node.id)
