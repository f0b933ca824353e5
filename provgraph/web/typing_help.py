"""What may stand at the cursor of the query box: words of the language, and names of files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from provgraph.graph import Graph
from provgraph.query.completion import Vocabulary, complete
from provgraph.query.plan import Find, Limit, Membership
from provgraph.web.cards import nodes
from provgraph.web.documents import Completion, Option
from provgraph.web.search import search

SHOWN: Final = 40
NAMES: Final = 12
_ANY: Final = ("file", "version", "artifact")


def options(graph: Graph, text: str, cursor: int) -> Completion:
    """Names are looked for in the graph as they are typed, not read beforehand: there may be many."""
    cursor = min(cursor, len(text))
    vocabulary = Vocabulary(graph.scope(), lambda kind, part: _names(graph, kind, part))
    found = complete(text, cursor, vocabulary)[:SHOWN]
    return Completion(
        start=found[0].span.start if found else cursor,
        end=found[0].span.end if found else cursor,
        options=[Option(text=s.text, kind=s.role, meaning=s.meaning) for s in found],
    )


def _names(graph: Graph, kind: str, part: str) -> Iterable[str]:
    """Names that things of the kind have and that fit what was typed."""
    if kind not in _ANY and kind not in graph.kinds.names:
        return []
    if not part:
        where = None if kind in _ANY else Membership("kind", (kind,))
        some = nodes(graph, Limit(Find("Artifact", where=where), NAMES))
        return [str(node.properties["name"]) for node in some]
    cards = [hit.card for hit in search(graph, part, NAMES * 3) if hit.card.label == "Artifact"]
    return [card.name for card in cards if kind in _ANY or card.kind == kind][:NAMES]
