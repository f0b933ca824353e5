"""Which version a read meant: observations of one URI, put in order of time and matched by content.

A timeline is everything known of one artifact: the versions that were generated under its name and
the references to what the name held. `bind` decides, from nothing but that set, the target of every
reference, which external versions there are, and which version is present: so the graph is a
function of the set of observations, and any order of segments gives the same one. References are
kept as properties of the edges they become, so a store can give back the timeline it was given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any, Final

import msgspec

from provgraph.model.annotations import TYPE, annotated, is_said
from provgraph.model.elements import Batch, Edge, Node, Value
from provgraph.model.identity import external_version_id, observation_key
from provgraph.model.kinds import ANSWERS, TABLES, Kinds
from provgraph.model.observed import (
    content_of,
    content_properties,
    moment_of,
    moment_properties,
)
from provgraph.model.records import ERASED, Content, Name, Stat, When
from provgraph.model.translate import (
    Occurrence,
    Reference,
    Saying,
    Translation,
    artifact_node,
    in_time,
)
from provgraph.model.vocabulary import EDGES

SKEW: Final = 120 * 1_000_000_000
"""How far (nanoseconds) the clocks of two hosts may disagree before a reference from one to a later
version of the other is not believed."""

TAIL: Final = "tail"
"""The property of an artifact that says where its timeline ends, if that is long (`tails.py`)."""

Moment = tuple[int, int]
"""By the wall clock, then by the boot clock."""

_INCOMING: Final = frozenset({"USED", "EXECUTED", "DERIVED_FROM"})


def precedes(earlier: When, later: When) -> bool:
    """Whether one moment is not after another: by the boot clock within one boot, else by the wall
    clock.

    >>> precedes(When(9, tick=1, boot="b"), When(5, tick=2, boot="b"))  # the wall clock was set back
    True
    """
    if earlier.boot and earlier.boot == later.boot and earlier.tick and later.tick:
        return earlier.tick <= later.tick
    return earlier.at <= later.at


def is_not_before(later: When, earlier: When) -> bool:
    """Whether a moment is after another, or the same, by each of the orders that binding goes by.

    >>> is_not_before(When(5, tick=2), When(5)), is_not_before(When(4), When(5))
    (True, False)
    """
    return precedes(earlier, later) and _moment_order(earlier) <= _moment_order(later)


class Candidate(msgspec.Struct, frozen=True):
    """A version that held a name from `since` on. `is_own` says whether that is its last name."""

    version: str
    since: When
    content: Content
    is_own: bool = True


class Timeline(msgspec.Struct):
    """All that is known of one URI."""

    uri: str
    candidates: list[Candidate] = []
    references: list[Reference] = []


class External(msgspec.Struct, frozen=True):
    """A content of a name that nothing was seen to generate, seen from `since` on. What was first seen when
    it went came to be (`at`) when it was last changed: what took its place may have been made before."""

    version: str
    since: When
    at: int
    content: Content
    known: bool  # False where not even its digest is known


class Bound(msgspec.Struct, frozen=True):
    """A timeline, decided. `targets` gives each reference's version; `skewed` are those that were
    bound across clocks; `states` the state of each version; `order` the versions from the oldest to
    the newest."""

    targets: dict[Reference, str]
    skewed: frozenset[Reference]
    externals: list[External]
    states: dict[str, str]
    order: list[str]


def bind(timeline: Timeline, project: str) -> Bound:
    """Decide a timeline. The order of its candidates and references does not matter."""
    skewed: set[Reference] = set()
    unbound: list[Reference] = []
    targets = _evident(timeline)
    if targets is None:
        targets, search = {}, Search(timeline.candidates)
        for reference in sorted(set(timeline.references), key=_canonical):
            if found := search.preceding(reference):
                targets[reference] = found
            elif found := search.skewed(reference):
                targets[reference] = found
                skewed.add(reference)
            else:
                unbound.append(reference)
    externals = []
    for external, members in _externals(timeline.uri, unbound, project) if unbound else ():
        externals.append(external)
        targets |= dict.fromkeys(members, external.version)
    order = _order(timeline.candidates, externals)
    states = _states(timeline.candidates, targets, externals, order)
    all_held: list[Candidate | External] = [*timeline.candidates, *externals]
    for held in all_held:
        if is_erased(held.content):
            states[held.version] = "erased"
    return Bound(targets, frozenset(skewed), externals, states, order)


def _evident(timeline: Timeline) -> dict[Reference, str] | None:
    """The targets, where whoever saw the name saw it in just the state in which one version of it was left. Most
    files of a run that makes very many are so, and there is nothing to search."""
    left = {candidate.content.stat: candidate for candidate in timeline.candidates}
    if len(left) < len(timeline.candidates) or None in left:
        return None
    targets: dict[Reference, str] = {}
    for reference in timeline.references:
        candidate = left.get(reference.content.stat)
        if (
            candidate is None
            or reference.content != candidate.content
            or reference.of
            or not _fits(candidate, reference)
        ):
            return None
        targets[reference] = candidate.version
    return targets


def is_erased(content: Content) -> bool:
    return content.digest.startswith(ERASED)


def _canonical(reference: Reference) -> tuple[Any, ...]:
    when, content = reference.when, reference.content
    stat = content.stat or Stat(0, 0, 0, 0, 0)
    return (
        *(when.at, when.tick, when.boot, when.host),
        *(content.digest, content.blob, content.size),
        *(stat.device, stat.inode, stat.size, stat.mtime, stat.ctime),
        *(reference.owner, reference.type, reference.word, reference.of),
        repr(reference.saying),
    )


class Search:
    """The candidates of a timeline by what identifies their content, each list newest first."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self.all = sorted(candidates, key=_age, reverse=True)
        self.ids = {candidate.version for candidate in self.all}
        self.by_stat: defaultdict[Stat, list[Candidate]] = defaultdict(list)
        for candidate in self.all:
            if candidate.content.stat:
                self.by_stat[candidate.content.stat].append(candidate)

    @cached_property  # of most names, all is found by the stat
    def by_digest(self) -> dict[str, list[Candidate]]:
        found: defaultdict[str, list[Candidate]] = defaultdict(list)
        for candidate in self.all:
            for digest in (candidate.content.digest, candidate.content.blob):
                if digest:
                    found[digest].append(candidate)
        return found

    @cached_property
    def by_change(self) -> dict[tuple[int, ...], list[Candidate]]:
        found: defaultdict[tuple[int, ...], list[Candidate]] = defaultdict(list)
        for candidate in self.all:
            if candidate.content.stat:
                found[_change(candidate.content.stat)].append(candidate)
        return found

    def preceding(self, reference: Reference) -> str | None:
        """The one that was meant; else the newest candidate not after the reference whose content is
        what was seen: by the exact stat, then by digest, then (where one side's digest is unknown) by
        inode, size and mtime."""
        content = reference.content
        if reference.of in self.ids:
            return reference.of
        if content.stat:
            found = self.newest(self.by_stat.get(content.stat, ()), reference)
            if found and _agree(found.content, content):
                return found.version
        for digest in (content.digest, content.blob):
            found = self.newest(self.by_digest.get(digest, ()), reference) if digest else None
            if found and (digest == content.digest or not _differ(found.content, content)):
                return found.version
        if content.stat:
            alike = self.by_change.get(_change(content.stat), ())
            if found := self.newest((c for c in alike if not _both_known(c, reference)), reference):
                return found.version
        if content == Content() or content == Content(size=content.size):
            found = self.newest(self.all, reference)
            return found.version if found else None
        return None

    def newest(self, candidates: Iterable[Candidate], reference: Reference) -> Candidate | None:
        """The first of these, the newest first, that is not after the reference."""
        return next((candidate for candidate in candidates if _fits(candidate, reference)), None)

    def skewed(self, reference: Reference) -> str | None:
        """The earliest later candidate of another host with that digest, within the skew."""
        digest = reference.content.digest
        later = [
            candidate
            for candidate in self.by_digest.get(digest, ())
            if digest
            and candidate.since.host
            and reference.when.host
            and candidate.since.host != reference.when.host
            and 0 < candidate.since.at - reference.when.at <= SKEW
            and candidate.version != reference.owner
        ]
        return later[-1].version if later else None


def _age(candidate: Candidate) -> tuple[int, int, str]:
    return (candidate.since.at, candidate.since.tick, candidate.version)


def _change(stat: Stat) -> tuple[int, ...]:
    return (stat.device, stat.inode, stat.size, stat.mtime)


def _agree(one: Content, other: Content) -> bool:
    return not (one.digest and other.digest and one.digest != other.digest)


def _differ(one: Content, other: Content) -> bool:
    return not _agree(one, other)


def _fits(candidate: Candidate, reference: Reference) -> bool:
    return candidate.version != reference.owner and precedes(candidate.since, reference.when)


def _both_known(candidate: Candidate, reference: Reference) -> bool:
    return bool(candidate.content.digest and reference.content.digest)


def _externals(
    uri: str, unbound: list[Reference], project: str
) -> list[tuple[External, list[Reference]]]:
    """The unbound references, which are in canonical order, in groups of one content each.

    A digest makes a group. What has no digest joins the group that shares its git blob, then its
    inode, size and mtime; several groups may share a blob (line endings), the least digest gets it.
    What is said of a version that was looked up joins that version's group.
    """
    groups: dict[str, list[Reference]] = {}
    blobs: dict[str, str] = {}
    stats: dict[tuple[int, ...], str] = {}

    def join(key: str, reference: Reference) -> None:
        groups.setdefault(key, []).append(reference)
        if reference.content.stat:
            stats.setdefault(_change(reference.content.stat), key)

    for reference in sorted(unbound, key=lambda reference: reference.content.digest):
        content = reference.content
        if content.digest:
            join(content.digest, reference)
            if content.blob:
                blobs.setdefault(content.blob, content.digest)
    for reference in unbound:
        content = reference.content
        if content.blob and not content.digest:
            join(blobs.get(content.blob, content.blob), reference)
    newest = _newest_group(groups)
    rest = [r for r in unbound if not (r.content.digest or r.content.blob)]
    for reference in sorted(rest, key=lambda reference: bool(reference.of)):
        content = reference.content
        meant = (key for key in groups if external_version_id(project, uri, key) == reference.of)
        if reference.of and (key := next(meant, "")):
            pass
        elif content.stat:
            change = _change(content.stat)
            key = stats.get(change, "stat:" + ":".join(map(str, change)))
        else:
            key = newest(reference) or f"unknown:{reference.owner}"
        groups.setdefault(key, []).append(reference)
    return [(_external(uri, key, groups[key], project), groups[key]) for key in sorted(groups)]


def _newest_group(groups: Mapping[str, list[Reference]]) -> Callable[[Reference], str | None]:
    """Finds the group last seen before a reference of which nothing but its moment is known."""
    seen = sorted(
        ((reference.when, key) for key, members in groups.items() for reference in members),
        key=lambda seen: (seen[0].at, seen[0].tick, seen[0].boot, seen[1]),
        reverse=True,
    )
    return lambda reference: next(
        (key for when, key in seen if precedes(when, reference.when)), None
    )


def _external(uri: str, key: str, references: list[Reference], project: str) -> External:
    contents = [reference.content for reference in references]
    content = Content(
        digest=max(content.digest for content in contents),
        blob=min((content.blob for content in contents if content.blob), default=""),
        size=max(content.size for content in contents),
        stat=max(
            (content.stat for content in contents if content.stat),
            key=lambda stat: (stat.ctime, stat.mtime, stat.inode, stat.device, stat.size),
            default=None,
        ),
    )
    first = min(references, key=lambda reference: _moment_order(reference.when))
    since = first.when
    at = since.at
    if first.type == "INVALIDATED_BY" and content.stat and 0 < content.stat.mtime < at:
        at = content.stat.mtime
    # A table has no bytes that could have been read, and an answer those that it had.
    known = uri.startswith((*TABLES, *ANSWERS)) or not key.startswith(("stat:", "unknown:"))
    return External(external_version_id(project, uri, key), since, at, content, known)


def _moment_order(when: When) -> tuple[int, int, str, str]:
    return (when.at, when.tick, when.boot, when.host)


def _order(candidates: list[Candidate], externals: list[External]) -> list[str]:
    if len(candidates) == 1 and not externals:
        return [candidates[0].version]
    seen = [(c.since.at, c.since.tick, c.version) for c in candidates]
    seen += [(e.since.at, e.since.tick, e.version) for e in externals]
    return [version for *_, version in sorted(seen)]


def _states(
    candidates: Iterable[Candidate],
    targets: Mapping[Reference, str],
    externals: list[External],
    order: list[str],
) -> dict[str, str]:
    """What holds the name now is present (or external); a removal after its last sighting deletes
    it; what held the name before is superseded."""
    is_removed = any(reference.type == "INVALIDATED_BY" for reference in targets)
    if len(order) == 1 and not externals and not is_removed:
        return {order[0]: "present"}
    last, deleted = last_seen(candidates, targets)
    newest = max(order, key=lambda version: last.get(version, (0, 0)), default=None)
    outside = {external.version: external.known for external in externals}
    states = {}
    for version in order:
        if (
            version == newest
            and version in deleted
            and deleted[version] >= last.get(version, (0, 0))
        ):
            states[version] = "deleted"
        elif version in outside:
            states[version] = "external" if outside[version] else "unknown"
        else:
            states[version] = "present" if version == newest else "superseded"
    return states


def last_seen(
    candidates: Iterable[Candidate], targets: Mapping[Reference, str]
) -> tuple[dict[str, Moment], dict[str, Moment]]:
    """When each version was last seen, and when it was removed; what was not seen, or not removed, is left out."""
    last: dict[str, Moment] = {}
    for candidate in candidates:
        last[candidate.version] = (candidate.since.at, candidate.since.tick)
    deleted: dict[str, Moment] = {}
    for reference, target in targets.items():
        moment = (reference.when.at, reference.when.tick)
        if reference.type != "INVALIDATED_BY":
            last[target] = max(last.get(target, moment), moment)
        elif reference.word != "replace":
            deleted[target] = max(deleted.get(target, moment), moment)
    return last, deleted


# Timelines to a graph's elements and back.


def bound_batch(
    translation: Translation,
    known: Timelines,
    project: str,
    kinds: Kinds,
    decided: Callable[[Timeline, Bound], dict[str, Value]] = lambda timeline, bound: {},
) -> Batch:
    """The batch that takes a graph from what `known` says of the artifacts a translation touches to
    what holds with the translation's observations too. `decided` is told of each timeline, and says what its
    artifact keeps of it."""
    known.add(translation)
    batch = Batch(nodes=list(translation.nodes.values()), edges=list(translation.edges.values()))
    wanted = _Wanted(project, kinds, decided)
    for uri in sorted(known.touched):
        wanted.add(known.timeline(uri), known)
    wanted.finish(known)
    wanted.annotate(known)
    _difference(known, wanted, batch)
    return batch


class Timelines:
    """What a store says of some artifacts (`Store.timelines`), as timelines."""

    def __init__(
        self, nodes: Iterable[Node], edges: Iterable[Edge], touched: Iterable[str]
    ) -> None:
        self.touched = set(touched)
        self.nodes = {node.id: node for node in nodes}
        self.edges = {edge.identity: edge for edge in edges}
        self._timelines: dict[str, Timeline] = {}
        self.occurrences: dict[str, Occurrence] = {}
        self.bound: dict[Reference, Edge] = {}
        """What became of the references, so far."""
        uris = {
            node.id: str(node.properties["name"])
            for node in self.nodes.values()
            if node.label == "Artifact"
        }
        names: defaultdict[str, list[Name]] = defaultdict(list)
        for edge in self.edges.values():
            if edge.type == "VERSION_OF":
                names[edge.source].append(Name(uris[edge.target], moment_of(edge.properties)))
            elif EDGES[edge.type].bound:
                reference = _reference(edge)
                if reference.uri in self.touched:
                    self.timeline(reference.uri).references.append(reference)
                    self.bound[reference] = edge
        for version, held in names.items():
            if "generated" in self.nodes[version].properties:
                held.sort(key=in_time)
                self._occur(_occurrence(self.nodes[version], tuple(held)))

    def timeline(self, uri: str) -> Timeline:
        known = self._timelines.get(uri)
        if known is None:
            known = self._timelines[uri] = Timeline(uri)
        return known

    def _occur(self, occurrence: Occurrence) -> None:
        known = self.occurrences.get(occurrence.version)
        if known is not None:
            occurrence = joined(known, occurrence)
        self.occurrences[occurrence.version] = occurrence

    def add(self, translation: Translation) -> None:
        for occurrence in translation.occurrences:
            self._occur(occurrence)
        for occurrence in self.occurrences.values():
            for name in occurrence.names:
                if name.uri in self.touched:
                    self.timeline(name.uri).candidates.append(
                        Candidate(
                            occurrence.version,
                            name.since,
                            occurrence.content,
                            name is occurrence.names[-1],
                        )
                    )
        for reference in translation.references:
            self.timeline(reference.uri).references.append(reference)


def joined(one: Occurrence, other: Occurrence) -> Occurrence:
    """What two observations say of one version, whichever came first: a run that goes on is told of before all is
    known, and a version may get further names.

    >>> early = Occurrence("v", (Name("x.tmp", When(1)),), Content(size=3))
    >>> late = Occurrence("v", (Name("x.tmp", When(1)), Name("x", When(2))), Content("blake3:d", size=3))
    >>> joined(early, late) == joined(late, early) == late
    True
    """
    if one == other:
        return one
    since: dict[str, When] = {}
    for name in (*one.names, *other.names):
        since[name.uri] = max(since.get(name.uri, name.since), name.since, key=_moment_order)
    names = sorted((Name(uri, when) for uri, when in since.items()), key=in_time)
    return Occurrence(
        one.version,
        tuple(names),
        max(one.content, other.content, key=_knowledge),
        max(one.by, other.by),
        max(one.run, other.run),
        max(one.properties, other.properties, key=lambda held: (len(held), repr(held))),
    )


def _knowledge(content: Content) -> tuple[bool, bool, bool, str]:
    return bool(content.digest), bool(content.blob), content.stat is not None, repr(content)


def touched_uris(translation: Translation) -> set[str]:
    """The URIs whose artifacts a translation tells of."""
    names = {name.uri for o in translation.occurrences for name in o.names}
    return names | {reference.uri for reference in translation.references} | translation.removed


class _Wanted:
    """The nodes and edges that the touched timelines should have."""

    def __init__(
        self, project: str, kinds: Kinds, decided: Callable[[Timeline, Bound], dict[str, Value]]
    ) -> None:
        self.project, self.kinds, self.decided = project, kinds, decided
        self.nodes: dict[str, Node] = {}
        self.edges: dict[tuple[str, str, str, str], Edge] = {}
        self.states: dict[tuple[str, str], str] = {}

    def add(self, timeline: Timeline, known: Timelines) -> None:
        uri, kind = timeline.uri, self.kinds.kind(timeline.uri)
        bound = bind(timeline, self.project)
        artifact = artifact_node(self.project, uri, kind.name)
        artifact.properties.update(self.decided(timeline, bound))
        self.nodes[artifact.id] = artifact
        for external in bound.externals:
            properties = content_properties(external.content)
            properties |= {"name": uri, "names": (uri,), "at": external.at}
            properties |= {"kind": kind.name, "reason": kind.reason}
            properties |= {"state": bound.states[external.version]}
            self.nodes[external.version] = Node(external.version, "Version", properties)
            self._edge(version_of(external, artifact.id))
        for candidate in timeline.candidates:
            self.states[candidate.version, uri] = bound.states[candidate.version]
            self._edge(version_of(candidate, artifact.id))
        skewed = bound.skewed
        for reference, target in bound.targets.items():
            is_skewed = bool(skewed) and reference in skewed
            before = known.bound.get(reference)
            if before is not None and _is_bound(before, target, skewed=is_skewed):
                self._edge(before)
            else:
                self._edge(bound_edge(reference, target, skewed=is_skewed))
        for older, newer in pairwise(bound.order):
            if older != newer:
                self._edge(Edge(newer, "REVISION_OF", older, uri))

    def finish(self, known: Timelines) -> None:
        """The generated versions whose last name is among the touched."""
        for occurrence in known.occurrences.values():
            last = occurrence.names[-1].uri
            state = self.states.get((occurrence.version, last))
            if state is not None:
                node = generated_node(occurrence, self.kinds, state)
                self.nodes[occurrence.version] = node

    def annotate(self, known: Timelines) -> None:
        """Give the versions what was said of them, under any of their names."""
        said: defaultdict[str, list[Edge]] = defaultdict(list)
        for edge in self.edges.values():
            if edge.type == TYPE:
                said[edge.source].append(edge)
        for edge in known.edges.values():
            if edge.type == TYPE and not _is_ours(edge, known):
                said[edge.source].append(edge)
        had = {id for id, node in known.nodes.items() if _said(tuple(node.properties))}
        for id in sorted(said.keys() | had):
            if id in self.nodes:
                self.nodes[id] = annotated(self.nodes[id], said[id])
            elif id in known.nodes and "generated" in known.nodes[id].properties:
                held = known.nodes[id].properties.items()
                own = {key: value for key, value in held if not is_said(key)}
                self.nodes[id] = annotated(Node(id, "Version", own), said[id])

    def _edge(self, edge: Edge) -> None:
        self.edges[edge.source, edge.type, edge.target, edge.key] = edge


def version_of(held: Candidate | External, artifact: str) -> Edge:
    return Edge(held.version, "VERSION_OF", artifact, "", moment_properties(held.since))


def generated_node(occurrence: Occurrence, kinds: Kinds, state: str) -> Node:
    names, last = occurrence.names, occurrence.names[-1].uri
    kind = kinds.kind(last)
    properties = {
        **content_properties(occurrence.content),
        "name": last,
        "names": (last,) if len(names) == 1 else tuple(dict.fromkeys(name.uri for name in names)),
        "at": names[0].since.at,
        "kind": kind.name,
        "reason": kind.reason,
        "state": state,
        "generated": True,
    }
    if occurrence.by:
        properties["by"] = occurrence.by
    if occurrence.run:
        properties["run"] = occurrence.run
    if occurrence.properties:
        properties |= {k: v for k, v in occurrence.properties if v is not None}
    return Node(occurrence.version, "Version", properties)


def _difference(known: Timelines, wanted: _Wanted, batch: Batch) -> None:
    """Fill the batch with what differs between the two."""
    if not known.nodes and not known.edges:  # all is new
        batch.nodes.extend(wanted.nodes.values())
        batch.edges.extend(wanted.edges.values())
        return
    for id, node in wanted.nodes.items():
        before = known.nodes.get(id)
        if before is None:
            batch.nodes.append(node)
        elif before.properties == node.properties:
            pass
        elif changed := _changed(before.properties, node.properties, _ours(before)):
            batch.nodes.append(Node(id, node.label, changed))
    for identity, edge in wanted.edges.items():
        held = known.edges.get(identity)
        if held is None:
            batch.edges.append(edge)
        elif held is edge or held.properties == edge.properties:
            pass
        elif changed := _changed(held.properties, edge.properties, held.properties.keys()):
            batch.edges.append(Edge(*identity, changed))
    for identity, edge in known.edges.items():
        if identity not in wanted.edges and _is_ours(edge, known):
            batch.removed_edges.append(identity)
    for id, node in known.nodes.items():
        if (
            node.label == "Version"
            and "generated" not in node.properties
            and id not in wanted.nodes
            and node.properties["name"] in known.touched
        ):
            batch.removed_nodes.append(id)


_DERIVED: Final = ("digest", "blob", "size", "stat", "by", "run", TAIL)
"""Properties of a version or an artifact that binding may have to take back."""


def _ours(node: Node) -> list[str]:
    return [*_DERIVED, *_said(tuple(node.properties))]


@lru_cache(maxsize=1024)  # most nodes have the keys of others
def _said(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(filter(is_said, keys))


def _changed(
    before: Mapping[str, Value], after: Mapping[str, Value], ours: Iterable[str]
) -> dict[str, Value]:
    """What to merge into `before` to have `after`; None takes one of `ours` back."""
    gone: dict[str, Value] = {key: None for key in ours if key in before and key not in after}
    return gone | {key: value for key, value in after.items() if before.get(key) != value}


def _is_ours(edge: Edge, known: Timelines) -> bool:
    """Whether an edge belongs to a touched timeline, and so is wanted or wrong."""
    if edge.type == "VERSION_OF":
        artifact = known.nodes[edge.target]
        return artifact.properties["name"] in known.touched
    uri = edge.key if edge.type == "REVISION_OF" else edge.properties.get("uri")
    return uri in known.touched


def bound_edge(reference: Reference, target: str, *, skewed: bool = False) -> Edge:
    """The edge that a reference becomes, whose version has been found."""
    content, moment = content_properties(reference.content), moment_properties(reference.when)
    properties: dict[str, Value] = {"uri": reference.uri, **moment, **content}
    if reference.word:
        properties["role" if reference.type in ("USED", "EXECUTED") else "how"] = reference.word
    if skewed:
        properties["clock"] = "skewed"
    parts = (reference.uri, *moment.values(), *content.values(), reference.word)
    if reference.saying:
        properties |= {"of": reference.of, **reference.saying.properties()}
        parts = (*parts, reference.of, *reference.saying.properties().values())
    key = observation_key(*map(str, parts))
    if reference.type in _INCOMING:
        return Edge(reference.owner, reference.type, target, key, properties)
    return Edge(target, reference.type, reference.owner, key, properties)


def _is_bound(edge: Edge, target: str, *, skewed: bool) -> bool:
    """Whether an edge that a reference became is what it would become."""
    end = edge.target if edge.type in _INCOMING else edge.source
    return end == target and ("clock" in edge.properties) == skewed


def _reference(edge: Edge) -> Reference:
    owner = edge.source if edge.type in _INCOMING else edge.target
    properties = edge.properties
    word = str(properties.get("role", properties.get("how", "")))
    uri = str(properties["uri"])
    saying = _saying(word, properties) if edge.type == TYPE else None
    of = str(properties.get("of", ""))
    return Reference(
        owner, edge.type, uri, moment_of(properties), content_of(properties), word, of, saying
    )


def _saying(word: str, properties: Mapping[str, Value]) -> Saying:
    at, value = properties.get("said", 0), properties.get("value", "")
    assert isinstance(at, int) and not isinstance(value, tuple)
    return Saying(at, word, str(properties.get("name", "")), value, str(properties.get("by", "")))


def _occurrence(node: Node, names: tuple[Name, ...]) -> Occurrence:
    properties = node.properties
    by, run = str(properties.get("by", "")), str(properties.get("run", ""))
    return Occurrence(node.id, names, content_of(properties), by, run)
