"""Which names need not be looked up again while more of a journal is brought in?

A program's own script is used by each of its steps, very often by a program whose calls are steps. A name
that held one version and was always seen in the state in which that was left is settled: one more such use
is one edge more and changes nothing else, so that the uses before it need not be read and bound again.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import msgspec

from provgraph.model.binding import Bound, Timeline, bound_edge, is_not_before
from provgraph.model.elements import Edge
from provgraph.model.records import Content, When
from provgraph.model.translate import Reference, Translation

MANY: Final = 100
"""Names of fewer references are looked up again: that is quickly done, and there may be many."""

_USES: Final = ("USED", "EXECUTED")


class Held(msgspec.Struct, frozen=True):
    """The only version that a name had, and since when."""

    version: str
    since: When
    content: Content

    def is_what(self, reference: Reference) -> bool:
        """Whether it is what was seen, and seeing it tells nothing new of it."""
        return (
            reference.type in _USES
            and reference.content == self.content
            and not reference.of
            and is_not_before(reference.when, self.since)
        )


class Settled:
    """What is settled. It holds as long as nobody else writes to the graph."""

    def __init__(self, many: int = MANY) -> None:
        self._many = many
        self._held: dict[str, Held] = {}
        self.looked_up = 0
        """How much was read of the names that the last batch tells of. Where that is more than the batch, a larger one
        reads it less often: of a file that is added to all the time, each batch reads all that went before."""

    def take(self, translation: Translation) -> list[Edge]:
        """Take the uses of what is settled out of a translation; the edges that they become. A name of
        which anything else is told is not settled any more."""
        if not self._held:
            return []
        told = {name.uri for made in translation.occurrences for name in made.names}
        for uri in self._held.keys() & (told | translation.removed):
            del self._held[uri]
        uses: defaultdict[str, set[Reference]] = defaultdict(set)
        for reference in translation.references:
            if reference.uri in self._held:
                uses[reference.uri].add(reference)
        for uri, references in list(uses.items()):
            if not all(map(self._held[uri].is_what, references)):
                del uses[uri], self._held[uri]
        if uses:
            translation.references = [r for r in translation.references if r.uri not in uses]
        return [
            bound_edge(reference, self._held[uri].version)
            for uri, references in uses.items()
            for reference in references
        ]

    def note(self, timeline: Timeline, bound: Bound) -> None:
        """A timeline has been decided."""
        if len(timeline.references) < self._many or len(bound.order) != 1 or bound.skewed:
            return
        one = bound.externals[0] if bound.externals else timeline.candidates[0]
        held = Held(one.version, one.since, one.content)
        is_there = bound.states[one.version] in ("present", "external")
        if is_there and one.content.digest and all(map(held.is_what, timeline.references)):
            self._held[timeline.uri] = held
