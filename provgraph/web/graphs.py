"""Many requests, one graph: how do they meet, when a store belongs to one thread?

Each thread of a small pool opens the graph for itself. Readers never wait for a writer; the journal
is brought in by a thread of its own, for which an answer waits a moment and no longer.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from provgraph.errors import JournalError, ProjectError, StoreError
from provgraph.graph import Graph, SyncReport

T = TypeVar("T")

THREADS: Final = 4
_FRESH: Final = 1.0
"""Seconds for which what was brought in counts as fresh."""
_PATIENCE: Final = 0.25
"""Seconds that an answer waits for what is new; a longer sync goes on meanwhile."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A graph, and which files it was opened with: the database and the settings."""

    graph: Graph
    files: tuple[tuple[int, ...], ...]


class Graphs:
    """The graph of the project at `root`, for many threads. Close it when nothing runs any more."""

    def __init__(self, root: Path, threads: int = THREADS) -> None:
        with Graph.open(root) as graph:
            self.project = graph.project
        self.report = SyncReport()
        self._own = threading.local()
        self._readers = ThreadPoolExecutor(threads, "provgraph-reader")
        self._writer = ThreadPoolExecutor(1, "provgraph-sync")
        self._syncing: asyncio.Future[SyncReport] | None = None
        self._synced = 0.0
        self._synced_file = (0, 0)

    async def ask(self, question: Callable[[Graph], T]) -> T:
        """The answer to a question, put to the graph as it is now, in one of the threads."""
        await self._freshen()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._put, question)

    async def sync(self) -> SyncReport:
        """Bring in what the journal has, however long it takes."""
        self._begin_sync()
        assert self._syncing is not None
        return await asyncio.shield(self._syncing)

    def close(self) -> None:
        self._readers.shutdown(wait=True, cancel_futures=True)
        self._writer.shutdown(wait=True, cancel_futures=True)

    async def _freshen(self) -> None:
        known = self._synced_file == _file(self.project.database)
        if known and self._syncing is None and time.monotonic() - self._synced < _FRESH:
            return
        self._begin_sync()
        assert self._syncing is not None
        # A store that was dropped is filled again first: it would answer that there is nothing.
        await asyncio.wait([self._syncing], timeout=_PATIENCE if known else None)

    def _begin_sync(self) -> None:
        if self._syncing is None:
            loop = asyncio.get_running_loop()
            self._syncing = loop.run_in_executor(self._writer, self._put, Graph.catch_up)
            self._syncing.add_done_callback(self._end_sync)

    def _end_sync(self, done: asyncio.Future[SyncReport]) -> None:
        self._syncing = None
        self._synced = time.monotonic()
        if not done.cancelled() and done.exception() is None:
            self.report = done.result()
            self._synced_file = _file(self.project.database)

    # In a thread of a pool.

    def _put(self, question: Callable[[Graph], T]) -> T:
        try:
            return question(self._graph())
        except (StoreError, JournalError):
            self._forget()  # what is asked next finds the store anew
            raise

    def _graph(self) -> Graph:
        opened: _Opened | None = getattr(self._own, "opened", None)
        files = (_file(self.project.database), _written(self.project.file))
        if opened is not None and opened.files == files:
            return opened.graph
        self._forget()
        if not self.project.file.is_file():
            raise ProjectError(
                f"{self.project.root} is no provgraph project any more",
                hint="it was moved or removed; start the explorer where it is now",
            )
        graph = Graph.open(self.project.root)
        if graph.project.id != self.project.id:
            raise ProjectError(
                f"{self.project.root} is another project now", hint="start the explorer anew"
            )
        _ = graph.store
        self._own.opened = _Opened(graph, (_file(self.project.database), files[1]))
        return graph

    def _forget(self) -> None:
        opened: _Opened | None = getattr(self._own, "opened", None)
        if opened is not None:
            self._own.opened = None
            with suppress(StoreError):
                opened.graph.close()


def _written(path: Path) -> tuple[int, ...]:
    """Which file stands there, as it was written last."""
    try:
        found = os.stat(path)
    except OSError:
        return (-1,)
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _file(path: Path) -> tuple[int, int]:
    """Which file stands at a path; one that is gone equals no other."""
    try:
        found = os.stat(path)
    except OSError:
        return (-1, -1)
    return (found.st_dev, found.st_ino)
