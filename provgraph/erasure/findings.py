"""Where is a subject held, and what was made from it?

A version *contains* a subject if its content was read and has it. What was made from such a version is
*derived* from it, unless a rule covers the made version too: then its own column tells. If that was read
and the subject is not in it, the version and what only it leads to are left out: its rows are of others. If
it could not be read, the answer is *unknown*.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from provgraph.erasure.census import names_of
from provgraph.graph import Graph
from provgraph.model.elements import Node
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.operators import Cone
from provgraph.query.plan import Column, Digested, Exactly, Find, Identified, Project, Walk
from provgraph.subjects.index import SubjectIndex
from provgraph.subjects.rules import Rule, covering, rules

How = Literal["contains", "derived", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A version, how it has to do with a subject, and why that is said. `way` is the shortest chain of
    nodes (ids) to it from a version that contains the subject, both ends included."""

    version: Node
    how: How
    why: str
    way: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """In order of how near they are, then of time. `cleared` are the versions that were made from the
    subject's, and whose own column shows that none of its rows went into them."""

    found: tuple[Finding, ...]
    cleared: tuple[Node, ...]

    def of(self, *how: How) -> tuple[Finding, ...]:
        return tuple(each for each in self.found if each.how in how)


def findings(graph: Graph, index: SubjectIndex, macs: Iterable[bytes]) -> Findings:
    """Every version that has to do with one of the subjects with these hashes (`subjects.hashes`),
    whatever became of it since. Raises `StoreError`."""
    digests = tuple(sorted({digest for digest, _ in index.holding(macs)}))
    starts = _nodes(graph, Find("Version", Digested(digests)))
    if not starts:
        return Findings((), ())
    containing = {node.id for node in starts}
    cone = graph.store.cone(_impact(containing, ()))
    made = {node.id: node for node in graph.store.nodes(list(cone.ids)) if node.label == "Version"}
    of = rules(graph.project)
    read = {(each.digest, each.rule) for each in index.contents()}
    judged = {id: _judged(node, of, read) for id, node in made.items() if id not in containing}
    cleared = {id for id, verdict in judged.items() if verdict == "cleared"}
    if cleared:
        cone = graph.store.cone(_impact(containing, sorted(cleared)))
    ways = _ways(cone, cleared)
    found = [
        _finding(made[id], way, id in containing, judged.get(id, ""), made)
        for id, way in ways.items()
        if id in made and id not in cleared
    ]
    found.sort(key=lambda each: (len(each.way), _at(each.version), each.version.id))
    return Findings(tuple(found), tuple(made[id] for id in sorted(cleared)))


def touching(graph: Graph, uris: Sequence[str]) -> Findings:
    """Every version of these files, whatever has their content, and what was made from them. Raises
    `StoreError`."""
    own = [node for uri in uris for node in _nodes(graph, Find("Version", Exactly(uri)))]
    digests = {str(node.properties.get("digest") or "") for node in own} - {""}
    copies = _nodes(graph, Find("Version", Digested(tuple(sorted(digests)))))
    starts = {node.id: node for node in (*own, *copies)}
    if not starts:
        return Findings((), ())
    cone = graph.store.cone(_impact(starts, ()))
    made = {node.id: node for node in graph.store.nodes(list(cone.ids)) if node.label == "Version"}
    ways = _ways(cone, set())
    found = [
        _finding(made[id], way, id in starts, "", made) for id, way in ways.items() if id in made
    ]
    found.sort(key=lambda each: (len(each.way), _at(each.version), each.version.id))
    return Findings(tuple(found), ())


def made_of_each_other(graph: Graph, versions: Iterable[str]) -> set[str]:
    """Those of the versions that were made from one of them."""
    ids = set(versions)
    reached = graph.answer(Project(_impact(ids, ()), (Column("id", "id"),))).values if ids else []
    return {id for (id,) in reached} & ids


def _impact(starts: Iterable[str], stops: Sequence[str]) -> Walk:
    stop_at = Find("Version", Identified(tuple(stops))) if stops else None
    source = Find("Version", Identified(tuple(sorted(starts))))
    return Walk(source, "effect", LINEAGE_EDGES, stop_at=stop_at)


def _nodes(graph: Graph, plan: Find) -> list[Node]:
    return [Node(id, label, held) for id, label, _, held, *_ in graph.answer(plan).values]


def _judged(node: Node, of: Sequence[Rule], read: set[tuple[str, str]]) -> str:
    """What a version's own columns say, if it has any: `cleared`, the column's name where it could not
    be read, or nothing."""
    own = covering(of, names_of(node))
    digest = str(node.properties.get("digest") or "")
    unread = [rule for rule in own if (digest, rule.key) not in read]
    if unread:
        return unread[0].column
    return "cleared" if own else ""


def _finding(
    node: Node, way: tuple[str, ...], contains: bool, unread: str, made: Mapping[str, Node]
) -> Finding:
    if contains:
        return Finding(node, "contains", "its content has the subject", way)
    origin = made[way[0]].properties.get("name", way[0])
    if unread:
        why = f"made from {origin}; its column `{unread}` could not be read"
        return Finding(node, "unknown", why, way)
    return Finding(node, "derived", f"made from {origin}", way)


def _at(node: Node) -> int:
    at = node.properties.get("at")
    return at if isinstance(at, int) else 0


def _ways(cone: Cone, stops: set[str]) -> dict[str, tuple[str, ...]]:
    """The shortest way to each node from a start, found breadth first; not past `stops`."""
    effects: dict[int, list[int]] = {}
    for effect, cause in sorted(zip(cone.effects, cone.causes, strict=True)):
        effects.setdefault(cause, []).append(effect)
    starts = sorted(cone.starts, key=lambda start: cone.ids[start])
    ways: dict[int, tuple[str, ...]] = {start: (cone.ids[start],) for start in starts}
    level = starts
    while level:
        after = []
        for node in level:
            for effect in effects.get(node, ()):
                if effect not in ways:
                    ways[effect] = (*ways[node], cone.ids[effect])
                    if cone.ids[effect] not in stops:
                        after.append(effect)
        level = after
    return {cone.ids[node]: way for node, way in ways.items()}
