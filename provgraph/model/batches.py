"""Records -> the batch that brings a graph up to date with them, given what the graph knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Protocol

from provgraph.model.annotations import TYPE, annotated
from provgraph.model.apart import apart
from provgraph.model.binding import Timelines, bound_batch, touched_uris
from provgraph.model.components import declared
from provgraph.model.elements import Batch, Edge, Node
from provgraph.model.identity import artifact_id, named_id
from provgraph.model.kinds import Kinds
from provgraph.model.records import ComponentSeen, Observation
from provgraph.model.settled import Settled
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
    def timelines(self, artifacts: Sequence[str]) -> Surroundings: ...
    def begun(self) -> frozenset[str]: ...


def batch_of(
    records: Iterable[Observation],
    known: Known,
    project: str,
    kinds: Kinds,
    steps: Mapping[str, Maker] | None = None,
    settled: Settled | None = None,
) -> Batch:
    """The graph is then a function of the set of observations, whatever order they came in. `steps` are
    those of the same segment that came, or come, in another batch; `settled` is what the batches before, of
    one who writes alone, have settled."""
    translation = translate(records, project, steps)
    _declare(translation, known, project)
    _annotate(translation, known)
    settled = settled or Settled()
    edges = settled.take(translation)
    uses = {str(edge.properties["uri"]) for edge in edges}
    ids = {uri: artifact_id(project, uri) for uri in uses | touched_uris(translation)}
    begun, settled.looked_up = known.begun(), 0

    def bound(part: Translation) -> Batch:
        touched = touched_uris(part)
        around = known.timelines([ids[uri] for uri in sorted(touched)])
        settled.looked_up += len(around.nodes) + len(around.edges)
        timelines = Timelines(around.nodes, around.edges, touched)
        return bound_batch(part, timelines, project, kinds, settled.note)

    alone, rest = apart(translation, {uri for uri, id in ids.items() if id in begun})
    batches = [bound(alone), *([bound(rest)] if touched_uris(rest) else [])]
    return Batch(
        [node for batch in batches for node in batch.nodes],
        [*(edge for batch in batches for edge in batch.edges), *edges],
        [id for batch in batches for id in batch.removed_nodes],
        [identity for batch in batches for identity in batch.removed_edges],
        artifacts=frozenset(ids.values()),
    )


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
