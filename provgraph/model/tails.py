"""What does the end of a long timeline say, so that it is gone on with and not read again?

A log may be added to, and a script used, a million times. What is told of such a name is nearly always later
than all that was known of it: then no earlier reference can mean a later version, the new versions come
last, and only the newest may change its state. So of a long timeline the artifact keeps where it ends (the property
`tail`), and of its versions the last few are read. Where that does not decide what is told, all is read and
bound as ever (`binding.py`); the graph is the same either way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, pairwise
from mmap import mmap
from struct import Struct
from typing import Final, Protocol

import msgspec

from provgraph.model.binding import (
    SKEW,
    TAIL,
    Bound,
    Candidate,
    Moment,
    Search,
    Timeline,
    bound_edge,
    generated_node,
    is_erased,
    is_not_before,
    joined,
    last_seen,
    version_of,
)
from provgraph.model.elements import Edge, Node, Value
from provgraph.model.identity import artifact_id
from provgraph.model.kinds import TABLES, Kinds
from provgraph.model.observed import content_of, moment_of
from provgraph.model.records import Content, When
from provgraph.model.translate import Occurrence, Reference, Translation

MANY: Final = 100
"""A timeline of fewer observations is read whole: that is quickly done, and there may be many."""

LENGTH: Final = 8
"""So many versions are read of a tail."""

_BOOTS: Final = 64  # whose clocks are known: those of the latest
_MOST_HELD: Final = 2_000  # tails in memory
_SEVERAL: Final = "*"  # hosts
_NUMBER: Final = Struct("q")


class Stored(msgspec.Struct, frozen=True):
    """What a store has of a tail: the artifact, the newest version, and the last `LENGTH` in order with their
    `VERSION_OF`, the last one first."""

    artifact: Node
    newest: Node
    versions: list[tuple[Node, Edge]]

    def nodes(self) -> list[Node]:
        return [node for node, _ in self.versions]


class Known(Protocol):
    """What is asked of a graph (`Store` says it in full)."""

    def existing(self, ids: Sequence[str]) -> set[str]: ...


class Held(msgspec.Struct, frozen=True):
    """A version of a timeline. `is_own` says whether its last name is the timeline's: then its state is, too."""

    version: str
    since: When
    content: Content
    is_generated: bool
    is_own: bool


class Clocks(msgspec.Struct, frozen=True):
    """Up to when a timeline is known: `latest` by the wall clock, by boot the last tick and when that boot was heard
    of last, and the `host`, or that there were several."""

    latest: int = 0
    boots: dict[str, Moment] = {}
    host: str = ""

    def with_all(self, moments: Iterable[When]) -> Clocks:
        latest, boots = self.latest, dict(self.boots)
        hosts = {self.host} - {""}
        for when in moments:
            latest = max(latest, when.at)
            if when.boot and when.tick:
                tick, at = boots.get(when.boot, (0, 0))
                boots[when.boot] = (max(tick, when.tick), max(at, when.at))
            if when.host:
                hosts.add(when.host)
        host = _SEVERAL if len(hosts) > 1 else "".join(hosts)
        return Clocks(latest, boots, host)

    def of_the_latest(self) -> Clocks:
        """Of a bounded number of boots."""
        kept = sorted(self.boots, key=lambda boot: (self.boots[boot][1], boot))[-_BOOTS:]
        return Clocks(self.latest, {boot: self.boots[boot] for boot in kept}, self.host)

    def are_before(self, when: When) -> bool:
        """Whether it is later than all that is known, by whatever may compare the two, and no reference of another
        host could be skewed to it.

        >>> Clocks(5, {"b": (7, 5)}).are_before(When(6, 8, "b")), Clocks(5, {"b": (7, 5)}).are_before(When(6, 7, "b"))
        (True, False)
        """
        if when.at <= self.latest or (
            when.tick and when.tick <= self.boots.get(when.boot, (0, 0))[0]
        ):
            return False
        is_alone = not when.host or self.host in ("", when.host)
        return is_alone or when.at - self.latest > SKEW


class Tail(msgspec.Struct, frozen=True):
    """`held` are the last versions in order, `is_whole` says whether there are no others. `newest` is the one
    that was seen last, at `seen`, and whether it `is_gone` since."""

    held: tuple[Held, ...]
    is_whole: bool
    newest: Held
    seen: Moment
    is_gone: bool
    clocks: Clocks

    def property(self) -> tuple[str, ...]:
        """As the artifact keeps it: what it ends with first."""
        clocks = self.clocks
        boots = (f"{boot} {tick} {at}" for boot, (tick, at) in sorted(clocks.boots.items()))
        said = (*self.seen, "gone" if self.is_gone else "", clocks.latest, clocks.host)
        return (self.held[-1].version, self.newest.version, *map(str, said), *boots)


def tail_of(timeline: Timeline, bound: Bound) -> Tail:
    """Of a timeline that was decided."""
    seen, gone = last_seen(timeline.candidates, bound.targets)
    newest = max(bound.order, key=lambda version: seen.get(version, (0, 0)))
    last = seen.get(newest, (0, 0))
    held = {
        each.version: Held(each.version, each.since, each.content, True, each.is_own)
        for each in timeline.candidates
    } | {
        each.version: Held(each.version, each.since, each.content, False, True)
        for each in bound.externals
    }
    return Tail(
        held=tuple(held[version] for version in bound.order[-LENGTH:]),
        is_whole=len(bound.order) < LENGTH,
        newest=held[newest],
        seen=last,
        is_gone=newest in gone and gone[newest] >= last,
        clocks=Clocks()
        .with_all(
            chain(
                (each.since for each in timeline.candidates),
                (reference.when for reference in bound.targets),
            )
        )
        .of_the_latest(),
    )


def _read(stored: Stored) -> tuple[str, Tail]:
    """With its URI."""
    kept = stored.artifact.properties[TAIL]
    assert isinstance(kept, tuple)
    _, _, at, tick, gone, latest, host, *boots = kept
    told = (boot.rsplit(" ", 2) for boot in boots)
    clocks = {boot: (int(tick), int(at)) for boot, tick, at in told}
    uri = str(stored.artifact.properties["name"])
    held = tuple(_held(node, moment_of(edge.properties), uri) for node, edge in stored.versions)
    return uri, Tail(
        held=held[::-1],
        is_whole=len(held) < LENGTH,
        newest=_held(stored.newest, When(0), uri),
        seen=(int(at), int(tick)),
        is_gone=bool(gone),
        clocks=Clocks(int(latest), clocks, host),
    )


def _held(node: Node, since: When, uri: str) -> Held:
    properties = node.properties
    is_generated = "generated" in properties
    return Held(node.id, since, content_of(properties), is_generated, properties["name"] == uri)


class _Undecided(Exception):
    """What came before the tail would have to be known."""


class _End(Search):
    """The candidates of a tail: of those before, it is not known which there are."""

    def __init__(self, candidates: Iterable[Candidate], *, is_whole: bool) -> None:
        super().__init__(candidates)
        self._is_whole = is_whole

    def newest(self, candidates: Iterable[Candidate], reference: Reference) -> Candidate | None:
        found = super().newest(candidates, reference)
        if found is None and not self._is_whole:
            raise _Undecided
        return found


class Followed(msgspec.Struct):
    """What some timelines that were gone on with add to a graph."""

    uris: set[str] = set()
    nodes: list[Node] = []
    edges: list[Edge] = []


class Tails:
    """Goes on with long timelines. Those that it was told of stay in memory, for as long as nobody else writes to
    the graph."""

    def __init__(self, many: int = MANY) -> None:
        self.many = many
        self._held: dict[str, Tail] = {}
        self._looked_up = mmap(-1, _NUMBER.size)  # forks share it: batches are made in them, too

    @property
    def looked_up(self) -> int:
        """How much was read of the names that the last batch tells of and whose tails were not enough. Where that is
        more than the batch, a larger one reads it less often."""
        return int(_NUMBER.unpack_from(self._looked_up)[0])

    @looked_up.setter
    def looked_up(self, number: int) -> None:
        _NUMBER.pack_into(self._looked_up, 0, number)

    def forget(self, uris: Iterable[str]) -> None:
        """Somebody else goes on with these."""
        for uri in uris:
            self._held.pop(uri, None)

    def note(self, timeline: Timeline, bound: Bound) -> dict[str, Value]:
        """A timeline has been decided; what its artifact keeps of that. Where somebody said something of a version that is
        not known yet, any observation may tell of it, and nothing is kept."""
        self._held.pop(timeline.uri, None)
        if len(timeline.candidates) + len(bound.targets) < self.many:
            return {}
        if any(each.of and each.of != target for each, target in bound.targets.items()):
            return {}
        tail = tail_of(timeline, bound)
        self._hold(timeline.uri, tail)
        return {TAIL: tail.property()}

    def _hold(self, uri: str, tail: Tail) -> None:
        self._held.pop(uri, None)
        self._held[uri] = tail
        if len(self._held) > _MOST_HELD:
            del self._held[next(iter(self._held))]

    def follow(
        self,
        translation: Translation,
        known: Known,
        project: str,
        kinds: Kinds,
        stored: Iterable[Stored] | None = None,
    ) -> Followed:
        """Go on with those timelines that are `stored` (if not given: in memory), where their tails decide what the
        translation tells of them. What it tells of them is then taken out of it."""
        followed = Followed()
        tails = self._held if stored is None else dict(map(_read, stored))
        if not tails or any(reference.saying for reference in translation.references):
            return followed
        told = _Told(translation, tails)
        old = told.known_versions(known)
        for uri in sorted(told.uris):
            made, references = told.made[uri], told.references[uri]
            if old.isdisjoint(occurrence.version for occurrence in made):
                end = _follow(uri, tails[uri], made, references, project, kinds, followed)
                if end is not None:
                    self._hold(uri, end)
                    followed.uris.add(uri)
        told.take(followed.uris)
        return followed


class _Told:
    """What a translation tells of some URIs."""

    def __init__(self, translation: Translation, uris: Mapping[str, Tail]) -> None:
        self._translation = translation
        self.references: defaultdict[str, set[Reference]] = defaultdict(set)
        made: defaultdict[str, dict[str, Occurrence]] = defaultdict(dict)
        for reference in translation.references:
            if reference.uri in uris:
                self.references[reference.uri].add(reference)
        whole: dict[str, Occurrence] = {}
        for occurrence in translation.occurrences:
            before = whole.get(occurrence.version)
            whole[occurrence.version] = joined(before, occurrence) if before else occurrence
        for occurrence in whole.values():
            for name in occurrence.names:
                if name.uri in uris:
                    made[name.uri][occurrence.version] = occurrence
        self.made = {uri: list(made[uri].values()) for uri in made.keys() | self.references.keys()}
        self.uris = set(self.made)

    def known_versions(self, known: Known) -> set[str]:
        """Those of the versions that the graph has already: more is told of them, so that they are no new ones."""
        ids = {occurrence.version for made in self.made.values() for occurrence in made}
        return known.existing(sorted(ids)) if ids else ids

    def take(self, uris: set[str]) -> None:
        if not uris:
            return
        translation = self._translation
        translation.references = [r for r in translation.references if r.uri not in uris]
        translation.occurrences = [
            occurrence
            for occurrence in translation.occurrences
            if not all(name.uri in uris for name in occurrence.names)
        ]


def _follow(
    uri: str,
    tail: Tail,
    made: list[Occurrence],
    references: set[Reference],
    project: str,
    kinds: Kinds,
    followed: Followed,
) -> Tail | None:
    """Go on with a timeline; None where its tail does not decide what is told."""
    new = sorted((_candidate(occurrence, uri) for occurrence in made), key=_age)
    moments = [*(each.since for each in new), *(reference.when for reference in references)]
    clocks = tail.clocks.with_all(moments)
    if len(clocks.boots) > _BOOTS or not all(tail.clocks.are_before(each.since) for each in new):
        return None
    search = _End(chain(map(_as_candidate, _generated(tail.held)), new), is_whole=tail.is_whole)
    externals = [each for each in tail.held if not each.is_generated]
    targets: dict[Reference, str] = {}
    edges = []
    for reference in references:
        try:
            target = search.preceding(reference)
        except _Undecided:
            return None
        skewed = "" if target else search.skewed(reference)
        target = target or skewed or _same(externals, reference)
        if not target or reference.of or not _is_clear(reference, target, tail):
            return None
        targets[reference] = target
        edges.append(bound_edge(reference, target, skewed=bool(skewed)))
    held = [*tail.held, *(Held(c.version, c.since, c.content, True, c.is_own) for c in new)]
    newest, seen, is_gone = _newest(tail, held, last_seen(new, targets))
    artifact = artifact_id(project, uri)
    ended = tail.held[-1].version
    followed.edges += edges
    for before, after in pairwise([ended, *(each.version for each in new)]):
        followed.edges.append(Edge(after, "REVISION_OF", before, uri))
    followed.edges += [version_of(each, artifact) for each in new]
    made_now = {candidate.version for candidate in new}
    changed = {each.version: each for each in (tail.newest, newest) if each.is_own}
    for each in changed.values():  # of the others none changes its state
        if each.version not in made_now:
            state = _state(each, uri, is_newest=each.version == newest.version, is_gone=is_gone)
            followed.nodes.append(Node(each.version, "Version", {"state": state}))
    own = {each.version: each for each in held if each.is_own and each.is_generated}
    for occurrence in made:
        if occurrence.version in own:
            is_newest = occurrence.version == newest.version
            state = _state(own[occurrence.version], uri, is_newest=is_newest, is_gone=is_gone)
            followed.nodes.append(generated_node(occurrence, kinds, state))
    is_whole = tail.is_whole and len(held) < LENGTH
    end = Tail(tuple(held[-LENGTH:]), is_whole, newest, seen, is_gone, clocks)
    if end.property() != tail.property():
        followed.nodes.append(Node(artifact, "Artifact", {TAIL: end.property()}))
    return end


def _candidate(occurrence: Occurrence, uri: str) -> Candidate:
    since = next(name.since for name in occurrence.names if name.uri == uri)
    is_own = occurrence.names[-1].uri == uri
    return Candidate(occurrence.version, since, occurrence.content, is_own)


def _age(candidate: Candidate) -> tuple[int, int, str]:
    return (candidate.since.at, candidate.since.tick, candidate.version)


def _generated(held: Iterable[Held]) -> Iterable[Held]:
    return (each for each in held if each.is_generated)


def _as_candidate(held: Held) -> Candidate:
    return Candidate(held.version, held.since, held.content, held.is_own)


def _same(externals: Iterable[Held], reference: Reference) -> str | None:
    """The external version that is just what was seen, so that seeing it tells nothing new of it."""
    for each in externals:
        if each.content == reference.content and each.content.digest:
            return each.version if is_not_before(reference.when, each.since) else None
    return None


def _is_clear(reference: Reference, target: str, tail: Tail) -> bool:
    """Whether it is known if a version was seen last by this reference: it is later than all, or not later than the
    newest was seen."""
    moment = (reference.when.at, reference.when.tick)
    if reference.type == "INVALIDATED_BY" or reference.when.at > tail.clocks.latest:
        return True
    return moment <= tail.seen if target == tail.newest.version else moment < tail.seen


def _newest(
    tail: Tail, held: Sequence[Held], told: tuple[dict[str, Moment], dict[str, Moment]]
) -> tuple[Held, Moment, bool]:
    """The version that was seen last by now, when, and whether it is gone since."""
    seen, gone = told
    before = tail.newest
    seen[before.version] = max(tail.seen, seen.get(before.version, tail.seen))
    outside = [] if before.version in {each.version for each in held} else [before]
    newest = max(
        (each for each in chain(outside, held) if each.version in seen),
        key=lambda each: seen[each.version],
    )
    last = seen[newest.version]
    is_gone = newest.version in gone and gone[newest.version] >= last
    if newest.version == before.version and last == tail.seen:
        is_gone = is_gone or tail.is_gone
    return newest, last, is_gone


def _state(held: Held, uri: str, *, is_newest: bool, is_gone: bool) -> str:
    if is_erased(held.content):
        return "erased"
    if is_newest and is_gone:
        return "deleted"
    if held.is_generated:
        return "present" if is_newest else "superseded"
    is_known = held.content.digest or held.content.blob or uri.startswith(TABLES)
    return "external" if is_known else "unknown"
