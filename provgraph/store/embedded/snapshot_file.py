"""How does a snapshot stand in a file beside the database, and when is the file trusted?

It is mapped into memory privately: what is added later stays in the process. It is trusted if it is
whole, and used if the database knows its moment. It holds row ids alone, and may be removed at any
time. First a page with the header, then each array with its room, a hole that takes no space.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from provgraph.store.embedded.adjacency import Adjacency, room
from provgraph.store.embedded.changes import Moment
from provgraph.store.embedded.snapshot import Lineage

_HEADER: Final = struct.Struct("<8sqqqq32s")  # magic, seq, stamp, nodes, edges, digest
_MAGIC: Final = b"pglines\x01"
_PAGE: Final = 4096


def save(lineage: Lineage, path: Path) -> bool:
    """Write the file anew, and put it in its place when it is whole; nothing may have been added to
    `lineage`. False where it cannot be done, or where another process is at it."""
    new = path.with_name(f"{path.name}-new")
    try:
        file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(file), os.stat(new)):  # another has just moved it away
            return False
        _write(lineage, file)
        os.rename(new, path)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def load(path: Path) -> Lineage | None:
    """What the file holds; None if there is none, or if it is not whole."""
    with suppress(OSError, struct.error):
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            return _read(file)
        finally:
            os.close(file)
    return None


def _write(lineage: Lineage, file: int) -> None:
    os.ftruncate(file, 0)
    os.ftruncate(file, _length(lineage.nodes, lineage.edges))
    moment = lineage.moment
    head = (_MAGIC, moment.seq, moment.stamp, lineage.nodes, lineage.edges)
    os.pwrite(file, _HEADER.pack(*head, _digest(lineage)), 0)
    offset = _PAGE
    for array, used in _arrays(lineage):
        _pwrite(file, array[:used].data.cast("B"), offset)
        offset += _padded(array.nbytes)
    os.fsync(file)


def _pwrite(file: int, content: memoryview, offset: int) -> None:
    while content:
        written = os.pwrite(file, content, offset)
        content, offset = content[written:], offset + written


def _read(file: int) -> Lineage | None:
    magic, seq, stamp, nodes, edges, digest = _HEADER.unpack(os.pread(file, _HEADER.size, 0))
    if magic != _MAGIC or min(nodes, edges) < 0 or os.fstat(file).st_size != _length(nodes, edges):
        return None
    mapped = mmap.mmap(file, 0, access=mmap.ACCESS_COPY)
    offset = _PAGE

    def array(kind: type[np.generic], length: int) -> NDArray[Any]:
        nonlocal offset
        found = np.frombuffer(mapped, kind, length, offset)
        offset += _padded(found.nbytes)
        return found

    def side() -> Adjacency:
        by_node, by_edge = nodes + room(nodes), edges + room(edges)
        start, degree = array(np.int32, by_node), array(np.int32, by_node)
        return Adjacency(start, degree, array(np.int32, by_edge), array(np.uint8, by_edge), edges)

    lineage = Lineage(Moment(seq, stamp), nodes, edges, side(), side())
    return lineage if _digest(lineage) == digest else None


def _arrays(lineage: Lineage) -> Iterator[tuple[NDArray[Any], int]]:
    """The arrays in the file's order, and how much of each is used."""
    for side in (lineage.origin, lineage.effect):
        yield side.start, lineage.nodes
        yield side.degree, lineage.nodes
        yield side.targets, lineage.edges
        yield side.types, lineage.edges


def _length(nodes: int, edges: int) -> int:
    by_node, by_edge = nodes + room(nodes), edges + room(edges)
    return _PAGE + 2 * (2 * _padded(4 * by_node) + _padded(4 * by_edge) + _padded(by_edge))


def _padded(length: int) -> int:
    """
    >>> _padded(1), _padded(4096)
    (4096, 4096)
    """
    return -(-length // _PAGE) * _PAGE


def _digest(lineage: Lineage) -> bytes:
    moment = lineage.moment
    digest = blake3(struct.pack("<4q", moment.seq, moment.stamp, lineage.nodes, lineage.edges))
    for array, used in _arrays(lineage):
        digest.update(array[:used].data.cast("B"))
    return digest.digest()
