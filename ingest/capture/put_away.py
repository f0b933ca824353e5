"""What is known of the contents of inodes that nothing happens to just now, on the disk, where there are very many."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from provgraph.model.records import Stat

if TYPE_CHECKING:
    import apsw

Inode = tuple[int, int]
CACHE: Final = 16 * 1024
"""KiB of a file that are held in memory."""
_KEY: Final = struct.Struct(">QQ")


class Told(msgspec.Struct, array_like=True):
    """Of one inode: its names, the last one last, and when it was last written to, by tick, mtime and ctime; digests by
    its stats, with those that they were taken at, which stats were too young and which it was closed in last."""

    names: list[bytes] = []
    written: int = 0
    latest: int = 0
    since: int = 0
    digests: list[tuple[Stat, str, Stat]] = []
    changes: list[tuple[int, int, str, Stat]] = []
    young: list[Stat] = []
    closed: Stat | None = None


class PutAway:
    """A file without a name in `folder`. Raises OSError and apsw's errors."""

    def __init__(self, folder: Path) -> None:
        self._db = without_name(folder)
        self._db.execute("create table told (inode blob primary key, body blob) without rowid")
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Told).decode

    def put(self, told: Iterable[tuple[Inode, Told]]) -> None:
        rows = ((key_of(inode), self._encode(known)) for inode, known in told)
        self._db.executemany("insert or replace into told values (?, ?)", rows)

    def take(self, inode: Inode) -> Told | None:
        sql = "select body from told where inode = ?"
        for (body,) in self._db.execute(sql, (key_of(inode),)):
            return self._decode(body)
        return None


def key_of(inode: Inode) -> bytes:
    """In the order of inodes, so that neighbours stand together."""
    return _KEY.pack(*inode)


def without_name(folder: Path) -> apsw.Connection:
    """A database that goes with the process, however that ends. Nothing of it is written twice: it need not outlive a
    loss of power. Raises OSError and apsw's errors."""
    import apsw

    path = folder / f"away.{os.getpid()}.{os.urandom(4).hex()}"
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        db = apsw.Connection(str(path))
        for said in ("journal_mode = off", "synchronous = off", "locking_mode = exclusive"):
            db.execute(f"pragma {said}")
        db.execute(f"pragma cache_size = -{CACHE}")
        db.execute("begin")
    finally:
        path.unlink()
    return db
