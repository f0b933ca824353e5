"""On what file system does a path lie, and is it one of the network?

SQLite's write-ahead log shares memory between processes, which no network file system does.
https://sqlite.org/wal.html
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

# fmt: off
_REMOTE: Final = frozenset((
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "gfs", "gfs2", "glusterfs", "gpfs", "lustre",
    "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb2", "smb3", "smbfs",
    "vboxsf", "vmhgfs",
))
# fmt: on
_MOUNTS: Final = Path("/proc/self/mountinfo")


def type_of(path: Path, mounts: str | None = None) -> str:
    """The type of the file system, as Linux names it, or "" where that cannot be told.

    >>> table = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\\n2 1 0:5 / /home rw - nfs4 server:/home rw"
    >>> type_of(Path("/home/ann/graph.db"), table), type_of(Path("/homes"), table)
    ('nfs4', 'ext4')
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text("utf-8", "surrogateescape")
        except OSError:
            return ""
    place = os.path.abspath(path) + "/"
    found, longest = "", 0
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = _unescaped(before.split(" ")[4]).rstrip("/") + "/"
        if place.startswith(point) and len(point) >= longest:  # a later mount hides an earlier one
            found, longest = after.split(" ", 1)[0], len(point)
    return found


def is_remote(kind: str) -> bool:
    """
    >>> is_remote("nfs4"), is_remote("fuse.sshfs"), is_remote("ext4")
    (True, True, False)
    """
    return kind in _REMOTE or kind == "fuse" or kind.startswith("fuse.")


def _unescaped(mount_point: str) -> str:
    for code, letter in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        mount_point = mount_point.replace(code, letter)
    return mount_point


def is_writable(path: Path) -> bool:
    """Whether a database at `path` could be written: it needs its folder for the log beside it."""
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))
