"""How much memory and log does a connection get that writes much at once?

Ids are random, so a large batch touches most pages of the index of ids. With little memory each is
read and written many times within a batch, and with a short log each is copied into the file after
every batch: of a million nodes' load, that was most of what the disk did.
"""

from __future__ import annotations

from typing import Final

import apsw

LARGE: Final = 20_000
"""Elements of a batch that is worth it. What runs usually leave behind is far smaller."""

MEMORY: Final = 256 << 10
"""KiB, at most; pages are kept only of what the file has."""
MEMORY_OF_A_FORK: Final = 48 << 10
"""The same for one batch: it comes back to few of the pages that it touches, and there are several forks at once."""

_LOG: Final = 128 << 8  # pages of 4 KiB before the log is copied into the file: 128 MiB


def give_room(connection: apsw.Connection, memory: int) -> None:
    """For this connection's life: a large batch seldom comes alone."""
    connection.execute(f"PRAGMA cache_size = -{memory}; PRAGMA wal_autocheckpoint = {_LOG}")
