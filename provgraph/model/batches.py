"""Records -> the batch that brings a graph up to date with them, given what the graph knows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Protocol

from msgspec import structs

from provgraph.model.annotations import TYPE, annotated
from provgraph.model.apart import apart
from provgraph.model.binding import Timelines, bound_batch, touched_uris
from provgraph.model.components import declared
from provgraph.model.elements import Batch, Edge, Node
from provgraph.model.identity import artifact_id, named_id
from provgraph.model.kinds import Kinds
from provgraph.model.records import ComponentSeen, Generated, Observation
from provgraph.model.tails import Stored, Tails
from provgraph.model.translate import Maker, Translation, translate


class Surroundings(Protocol):
    @property
    def nodes(self) -> list[Node]: ...
    @property
    def edges(self) -> list[Edge]: ...


class Known(Protocol):
    """What is asked of a graph (`Store` says it in full)."""

    def nodes(self, ids: Sequence[str]) -> list[Node]: ...
    def edges(self, ids: Sequence[str], types: Sequence[str] = ()) -> list[Edge]: ...
    def tails(self, artifacts: Sequence[str]) -> list[Stored]: ...
    def timelines(self, artifacts: Sequence[str]) -> Surroundings: ...
    def existing(self, ids: Sequence[str]) -> set[str]: ...
    def begun(self) -> frozenset[str]: ...


def uris_in(records: Iterable[Observation]) -> Iterator[str]:
    """The URIs whose artifacts records tell of, each as often as they do, and perhaps others."""
    for record in records:
        if type(record) is Generated:
            for name in record.names:
                yield name.uri
        elif uri := getattr(record, "uri", ""):
            yield uri


def batch_of(
    records: Iterable[Observation],
    known: Known,
    project: str,
    kinds: Kinds,
    steps: Mapping[str, Maker] | None = None,
    tails: Tails | None = None,
) -> Batch:
    """The graph is then a function of the set of observations, whatever order they came in. `steps` are
    those of the same segment that came, or come, in another batch; `tails` is what the batches before, of
    one who writes alone, know of long timelines."""
    return together(batches_of(records, known, project, kinds, steps, tails))


def together(batches: Iterable[Batch]) -> Batch:
    """One batch that does what these do."""
    first, *others = batches
    if not others:
        return first
    batches = (first, *others)
    artifacts = [batch.artifacts or frozenset[str]() for batch in batches]
    return Batch(
        [node for batch in batches for node in batch.nodes],
        [edge for batch in batches for edge in batch.edges],
        [id for batch in batches for id in batch.removed_nodes],
        [identity for batch in batches for identity in batch.removed_edges],
        artifacts=frozenset().union(*artifacts),
    )


def batches_of(
    records: Iterable[Observation],
    known: Known,
    project: str,
    kinds: Kinds,
    steps: Mapping[str, Maker] | None = None,
    tails: Tails | None = None,
) -> Iterator[Batch]:
    """The same in pieces, to be applied together. What the store has begun need not be waited for until one comes that
    has something to do with that."""
    translation = translate(records, project, steps)
    _declare(translation, known, project)
    _annotate(translation, known)
    tails = tails or Tails()
    ids = {uri: artifact_id(project, uri) for uri in touched_uris(translation)}
    followed = tails.follow(translation, known, project, kinds)
    begun, tails.looked_up = known.begun(), 0

    def bound(part: Translation) -> Batch:
        touched = touched_uris(part) - followed.uris
        stored = known.tails([ids[uri] for uri in sorted(touched)])
        more = tails.follow(part, known, project, kinds, stored)
        touched -= more.uris
        around = known.timelines([ids[uri] for uri in sorted(touched)])
        tails.looked_up += _of_long_timelines(around, tails.many)
        timelines = Timelines(around.nodes, around.edges, touched)
        batch = bound_batch(part, timelines, project, kinds, tails.note)
        batch.nodes.extend(more.nodes)
        batch.edges.extend(more.edges)
        return batch

    busy = {uri for uri, id in ids.items() if id in begun and uri not in followed.uris}
    alone, rest = apart(translation, busy)
    batch = bound(alone)
    batch.nodes.extend(followed.nodes)
    batch.edges.extend(followed.edges)
    yield structs.replace(batch, artifacts=frozenset(ids.values()))
    if touched_uris(rest) - followed.uris:
        yield bound(rest)


def _of_long_timelines(around: Surroundings, many: int) -> int:
    """How much of it is of names of which much is known. Of others no more is read than a part that tells of as many takes."""
    count = Counter(str(edge.properties.get("uri", edge.target)) for edge in around.edges)
    return sum(number for number in count.values() if number >= many)


def _declare(translation: Translation, known: Known, project: str) -> None:
    seen: defaultdict[str, list[ComponentSeen]] = defaultdict(list)
    for record in translation.components:
        seen[named_id("k", project, record.name)].append(record)
    before = {node.id: node for node in known.nodes(sorted(seen))} if seen else {}
    for id, records in seen.items():
        held = before[id].properties if id in before else {}
        node = translation.nodes[id]
        properties = {**node.properties, **declared(held, records)}
        translation.nodes[id] = Node(id, node.label, properties)


@lru_cache(maxsize=1024)  # most nodes have the keys of others
def _has_tag(keys: tuple[str, ...]) -> bool:
    return any(key.startswith("tag.") for key in keys)


def _annotate(translation: Translation, known: Known) -> None:
    """Give the nodes that are no versions what was said of them. Those whose tags are given anew are
    among them: a person's tag counts before their own."""
    edges = {edge.identity: edge for edge in translation.edges.values() if edge.type == TYPE}
    ids = {edge.source for edge in edges.values()}
    ids |= {node.id for node in translation.nodes.values() if _has_tag(tuple(node.properties))}
    if not ids:
        return
    edges |= {edge.identity: edge for edge in known.edges(sorted(ids), [TYPE])}
    said: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in edges.values():
        said[edge.source].append(edge)
    for id in ids:
        translation.nodes[id] = annotated(translation.nodes[id], said[id])
