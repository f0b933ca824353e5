"""What did a version hold? Its bytes, where they are still to be had and are surely the same.

They are read from the file on disk if it has the recorded digest, else from what provgraph kept, else from
git's object store if the blob is known. Of the work tree, only regular files below the project's root are read, never what a link leads out
to, never `.provgraph` itself.
"""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from provgraph.config import STATE
from provgraph.graph import Graph
from provgraph.model.content_store import ContentStore
from provgraph.model.elements import Node

LARGEST: Final = 32 * 1024 * 1024
"""Larger files (bytes) are not read for a preview."""

Source = Literal["on disk", "kept", "in git"]


@dataclass(frozen=True, slots=True)
class Held:
    """The bytes of a version, and where they were found."""

    bytes: bytes
    source: Source


@dataclass(frozen=True, slots=True)
class Gone:
    """Why a version's bytes cannot be shown."""

    reason: str


def content(graph: Graph, version: Node) -> Held | Gone:
    """The bytes of a version, or why there are none to show."""
    held = version.properties
    if held.get("state") == "erased":
        return Gone("its content was erased")
    found = _on_disk(graph, version)
    if isinstance(found, Held):
        return found
    kept = ContentStore.of(graph.project).read(str(held.get("digest") or ""))
    if kept is not None:
        return Held(kept, "kept")
    if from_git := _in_git(graph, str(held.get("blob") or "")):
        return from_git
    return found


def _on_disk(graph: Graph, version: Node) -> Held | Gone:
    uri = str(version.properties.get("name", ""))
    digest = str(version.properties.get("digest") or "")
    path = inside(graph.project.root, graph.path(uri))
    if path is None:
        return Gone("it lies outside the project, and the explorer reads nothing there")
    if not digest:
        return Gone("its digest is not known, so no file can be said to be it")
    read = _read(path)
    if isinstance(read, Gone):
        return read
    from blake3 import blake3

    if digest != f"blake3:{blake3(read.bytes).hexdigest()}":
        return Gone("the file on disk has other content now")
    return read


def inside(root: Path, path: Path | None) -> Path | None:
    """The real path of a file of the project; None for what lies elsewhere or is private.

    >>> inside(Path("/p"), Path("/p/../etc/passwd")) is None
    True
    """
    if path is None or "\0" in str(path):
        return None
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(root) or STATE in real.relative_to(root).parts[:1]:
        return None
    return real


def _read(path: Path) -> Held | Gone:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return Gone("it is not on disk any more")
    with os.fdopen(file, "rb") as opened:
        found = os.fstat(opened.fileno())
        if not stat.S_ISREG(found.st_mode):
            return Gone("what is on disk is no regular file")
        if found.st_size > LARGEST:
            return Gone("it is too large to be shown here")
        try:
            return Held(opened.read(LARGEST + 1), "on disk")
        except OSError as error:
            return Gone(f"it cannot be read: {error.strerror}")


def _in_git(graph: Graph, blob: str) -> Held | None:
    """A blob by its name, which is its digest: git checks it."""
    sha = blob.removeprefix("git:")
    if not sha or not all(c in "0123456789abcdef" for c in sha):
        return None
    size = _git(graph, "cat-file", "-s", sha)
    if size is None or not size.strip().isdigit() or int(size) > LARGEST:
        return None
    found = _git(graph, "cat-file", "blob", sha)
    return None if found is None else Held(found, "in git")


def _git(graph: Graph, *arguments: str) -> bytes | None:
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    inherited = {name: held for name, held in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=graph.project.root,
            env=inherited | own,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
