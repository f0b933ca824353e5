"""What was erased, recognised when it comes again, without keeping what it was.

The list has an HMAC-SHA-256 of each erased digest, under a key that whoever answers for the data keeps
outside of project and journal. With the key, sync recognises an erased content and strips it; when the key
is gone, or the entry has expired, it cannot be recognised any more.

The list stands beside `provgraph.toml`, to be committed: another checkout that has it and the key takes the
same contents out of its own journal, store and index at its next sync.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from provgraph.config import Project
from provgraph.errors import ProvgraphError

LASTS: Final = 5 * 365 * 86_400 * 10**9
"""Nanoseconds that an entry lasts unless told otherwise: five years."""


class Entry(msgspec.Struct, frozen=True):
    mac: str
    request: str
    expires: int


def list_path(project: Project) -> Path:
    return project.root / "provgraph.erased"


def key_path(project: Project) -> Path:
    given = os.environ.get("PROVGRAPH_SUPPRESSION_KEY")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(base) / "provgraph" / "keys" / f"{project.id}.suppression"


def _key(project: Project) -> bytes | None:
    try:
        return bytes.fromhex(key_path(project).read_text("ascii").strip())
    except (OSError, ValueError):
        return None


def _made_key(project: Project) -> bytes:
    key = _key(project)
    if key is not None:
        return key
    path = key_path(project)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(file, "w", encoding="ascii") as out:
            out.write(os.urandom(32).hex() + "\n")
    except OSError as error:
        raise ProvgraphError(f"{path} cannot be written: {error.strerror}") from error
    made = _key(project)
    assert made is not None
    return made


def entries(project: Project) -> list[Entry]:
    try:
        return msgspec.json.decode(list_path(project).read_bytes(), type=list[Entry])
    except (OSError, msgspec.DecodeError):
        return []


def news(project: Project) -> bool:
    """Whether the list has changed since it was `seen`, or was seen without the key, which is here now."""
    stamp = _stamp(project)
    if stamp is None:
        return False
    try:
        before, _, how = _seen_path(project).read_text().partition(" ")
    except OSError:
        return True
    return before != stamp or (how == _WITHOUT and has_key(project))


def seen(project: Project) -> None:
    """Remember that the list was looked at as it is now. Raises OSError."""
    how = "" if has_key(project) else _WITHOUT
    _seen_path(project).write_text(f"{_stamp(project)} {how}")


_WITHOUT: Final = "without the key"


def has_key(project: Project) -> bool:
    return _key(project) is not None


def _stamp(project: Project) -> str | None:
    try:
        stat = list_path(project).stat()
    except OSError:
        return None
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def _seen_path(project: Project) -> Path:
    return project.state / "erased-seen"


def add(project: Project, request: str, digests: Iterable[str], expires: int) -> int:
    """Remember these digests so; returns how many entries the list has. Raises `ProvgraphError`."""
    key = _made_key(project)
    kept = {entry.mac: entry for entry in entries(project) if entry.expires > time.time_ns()}
    kept |= {(mac := _mac(key, digest)): Entry(mac, request, expires) for digest in digests}
    path = list_path(project)
    fresh = path.with_name(f"{path.name}.new")
    with open(fresh, "wb") as out:
        out.write(msgspec.json.format(msgspec.json.encode(list(kept.values())), indent=1) + b"\n")
        out.flush()
        os.fsync(out.fileno())
    os.replace(fresh, path)
    return len(kept)


def _mac(key: bytes, digest: str) -> str:
    import hmac  # with it comes OpenSSL

    return hmac.digest(key, digest.encode(), "sha256").hex()


def recognised(project: Project, digests: Iterable[str]) -> dict[str, str]:
    """Those of the digests that were erased, each with the request; none without the key."""
    known = {e.mac: e.request for e in entries(project) if e.expires > time.time_ns()}
    key = _key(project) if known else None
    if key is None:
        return {}
    found = ((digest, known.get(_mac(key, digest))) for digest in set(digests))
    return {digest: request for digest, request in found if request is not None}
