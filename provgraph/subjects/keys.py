"""The key of the subject index: outside the project, so that the index alone says nothing.

It stands in `$PROVGRAPH_SUBJECT_KEY` (a file), else in `provgraph/keys/PROJECT.key` of the user's
configuration folder: one line a key, its name and 64 hexadecimal digits; the last one is in use, those
before it are older ones that a rotation has not finished with. Who destroys the file destroys what the
index can tell.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from provgraph.config import Project
from provgraph.errors import KeyMissing, ProvgraphError

_LINE: Final = re.compile(r"(?P<name>[0-9a-f]{16}) (?P<secret>[0-9a-f]{64})")
LENGTH: Final = 16
"""Bytes kept of each HMAC: by chance, two among 10 million subjects are one with odds of 1 in 10^25."""


@dataclass(frozen=True, slots=True)
class Key:
    """`name` is a fingerprint of the secret: it tells keys apart and gives nothing away."""

    secret: bytes = field(repr=False)

    @property
    def name(self) -> str:
        return hashlib.sha256(b"provgraph subject key\0" + self.secret).hexdigest()[:16]

    def hashed(self, identifier: str) -> bytes:
        """
        >>> Key(bytes(32)).hashed("client:4711").hex()
        '9b3e6c9155c7429d23982be53c1ecc82'
        """
        text = identifier.encode("utf-8", "surrogatepass")
        return hmac.digest(self.secret, text, "sha256")[:LENGTH]


def path_of(project: Project) -> Path:
    """Where the project's key file is, or would be."""
    given = os.environ.get("PROVGRAPH_SUBJECT_KEY")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(base) / "provgraph" / "keys" / f"{project.id}.key"


def keys(project: Project) -> list[Key]:
    """The project's keys, the one in use last. Raises `KeyMissing`, and `ProvgraphError` for a file
    that is damaged or that others may read."""
    path = path_of(project)
    try:
        text = path.read_text("ascii")
        open_to_others = path.stat().st_mode & 0o077
    except FileNotFoundError:
        raise KeyMissing(
            f"the key of the subject index is not here: {path}",
            hint="bring it back, or set PROVGRAPH_SUBJECT_KEY to where it is; `provgraph subject "
            "key new` makes another one, under which everything has to be read again",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProvgraphError(f"{path} cannot be read: {error}") from error
    if open_to_others:
        raise ProvgraphError(f"{path} can be read by others", hint=f"chmod 600 {path}")
    return [_key(path, line) for line in text.splitlines()]


def _key(path: Path, line: str) -> Key:
    found = _LINE.fullmatch(line)
    key = Key(bytes.fromhex(found["secret"])) if found else None
    if found is None or key is None or key.name != found["name"]:
        raise ProvgraphError(f"{path} is damaged", hint="restore it from where keys are backed up")
    return key


def current(project: Project) -> Key:
    """The key in use. Raises `KeyMissing`, `ProvgraphError`."""
    return keys(project)[-1]


def exists(project: Project) -> bool:
    return path_of(project).is_file()


def make(project: Project, *, beside: Sequence[Key] = ()) -> Key:
    """Make a new key and put it in use; `beside` are kept before it. Raises `ProvgraphError`."""
    key = Key(os.urandom(32))
    _write(path_of(project), [*beside, key])
    return key


def drop_older(project: Project) -> None:
    """Keep the key in use alone. Raises `ProvgraphError`."""
    _write(path_of(project), keys(project)[-1:])


def _write(path: Path, kept: Sequence[Key]) -> None:
    """Whole or not at all, for the owner alone."""
    fresh = path.with_name(f"{path.name}.new")
    text = "".join(f"{key.name} {key.secret.hex()}\n" for key in kept)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(file, "w", encoding="ascii") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.replace(fresh, path)
    except OSError as error:
        raise ProvgraphError(f"{path} cannot be written: {error.strerror}") from error
