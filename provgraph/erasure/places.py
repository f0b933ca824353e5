"""Where on this machine do contents lie now? Under the names that were recorded, and wherever else in the
project's folder somebody has copied them to."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from provgraph.config import STATE
from provgraph.erasure.census import names_of
from provgraph.graph import Graph
from provgraph.ingest.capture.hashing import hash_file
from provgraph.model.elements import Node


@dataclass(frozen=True, slots=True)
class Places:
    """`of` has the names under which a version's content lies, by version; of several versions that had
    one content under one name, the newest has it. `copies` lie where nobody saw them made: the name, and
    the id of a version that has the content."""

    of: Mapping[str, tuple[str, ...]]
    copies: Mapping[str, str]


def places(graph: Graph, versions: Iterable[Node]) -> Places:
    """Where the contents of these versions lie; of two versions the later one is newer."""
    newest, owners, sizes = dict[str, str](), dict[tuple[str, str], str](), set[object]()
    for node in versions:
        if digest := str(node.properties.get("digest") or ""):
            newest[digest] = node.id
            sizes.add(node.properties.get("size", -1))
            for name in names_of(node):
                owners[name, digest] = node.id
    found, copies = dict[str, list[str]](), dict[str, str]()
    outside = {name for name, _ in owners if "://" in name}
    for name, digest in _lying(graph, outside, _Like(newest.keys(), sizes)):
        if owner := owners.get((name, digest)):
            found.setdefault(owner, []).append(name)
        else:
            copies[name] = newest[digest]
    return Places({id: tuple(sorted(names)) for id, names in found.items()}, copies)


@dataclass(frozen=True, slots=True)
class _Like:
    """The contents that are looked for. A file of another size is none of them, where all sizes are known."""

    digests: Collection[str]
    sizes: Collection[object]

    def digest(self, path: Path) -> str | None:
        known = -1 not in self.sizes
        found = hash_file(
            os.fsencode(path), accept=lambda stat: not known or stat.size in self.sizes
        )
        return found[0] if found is not None and found[0] in self.digests else None


def _lying(graph: Graph, names: Iterable[str], like: _Like) -> Iterator[tuple[str, str]]:
    """The files that have one of the contents: name and digest, each file once."""
    root, seen = graph.project.root, set[str]()
    for path in _files(root):
        if digest := like.digest(path):
            name = graph.uri(path)
            seen.add(name)
            yield name, digest
    for name in sorted(names):
        beyond = graph.path(name)
        if beyond is not None and name not in seen and (digest := like.digest(beyond)):
            yield name, digest


def _files(root: Path) -> Iterator[Path]:
    """The files of the project, but for git's and our own."""
    for parent, folders, names in os.walk(root):
        if parent == str(root):
            folders[:] = [name for name in folders if name not in (STATE, ".git")]
        folders.sort()
        yield from (Path(parent, name) for name in sorted(names))
