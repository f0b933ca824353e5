"""What was known by a moment? The graph, made anew of what the journal had by then."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from provgraph.config import Project
from provgraph.errors import JournalError
from provgraph.graph import Graph, SyncReport
from provgraph.model.journal import Reading, segments
from provgraph.model.tails import Tails
from provgraph.store import Store


class RecordedGraph(Graph):
    """A project's graph as it had been recorded by `until` (nanoseconds UTC): of the journal's segments that
    were begun by then. What was recorded later, also of earlier things, changes nothing in it: neither
    which version a read is taken to mean, nor what is the latest.

    It is kept in a folder of its own until it is closed, whatever the project's store is, and is only
    read. A team's store knows of other machines' journals too; this is what this one's says.
    """

    def __init__(self, project: Project, until: int) -> None:
        super().__init__(project, read_only=True)
        self.until = until
        self._folder = TemporaryDirectory(prefix="provgraph-recorded-")

    @cached_property
    def store(self) -> Store:
        from provgraph.store.embedded import open as open_embedded

        store = open_embedded(Path(self._folder.name, "graph.db"))
        self.__dict__["store"] = store  # what applies a segment asks for it
        tails = Tails()
        for path in segments(self.project.journal):
            with suppress(JournalError):  # told by the graph as it is now
                if Reading(path).header.created <= self.until:
                    self._apply(path, SyncReport(), tails)
        return store

    def sync(self, progress: object = None) -> SyncReport:
        """Nothing: what comes now was not there then."""
        return SyncReport()

    def close(self) -> None:
        super().close()
        self._folder.cleanup()
