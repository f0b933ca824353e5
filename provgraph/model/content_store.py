"""Which bytes are kept of what was seen, and where? A folder `.provgraph/contents/`, by digest.

A content is kept once, whoever had it: the file `ab/cdef...` holds the bytes whose BLAKE3 is `abcdef...`, as
they were; `ab/cdef....shown` holds what of them may be shown, where secrets were taken out. What is kept, and when, `ingest/capture/keeping.py` says. Nothing in it is needed: what is missing
can only not be shown.

Erasure calls `erase` with the digests that go, and looks with `files` and `holding` for what remains:

    store = ContentStore.of(project)
    store.erase(["blake3:..."])
    assert not store.files("blake3:...")
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from provgraph.config import Project

TAG: Final = "blake3:"
_SHOWN: Final = ".shown"
_DIGEST: Final = re.compile(r"blake3:([0-9a-f]{2})([0-9a-f]{62})")


class ContentStore:
    """The contents that a project keeps. Any number of processes may read, put and erase at once.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     store = ContentStore(Path(folder))
    ...     digest = store.put(b"print(1)")
    ...     print(store.has(digest), store.read(digest), len(store.erase([digest])), store.has(digest))
    True b'print(1)' 1 False
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, project: Project) -> ContentStore:
        return cls(project.contents)

    def has(self, digest: str) -> bool:
        return any(path.exists() for path in self._paths(digest))

    def read(self, digest: str) -> bytes | None:
        """The bytes, or what of them may be shown; None where they are not kept, or are not those of the
        digest any more."""
        for path in self._paths(digest):
            with suppress(OSError):
                content = path.read_bytes()
                if path.suffix == _SHOWN or digest_of(content) == digest:
                    return content
        return None

    def whole(self, digest: str) -> Path | None:
        """Where its bytes lie as they were, if they are kept so."""
        return next((path for path in self._paths(digest)[:1] if path.exists()), None)

    def put(self, content: bytes) -> str:
        """Keep a content, whole or not at all; its digest. Raises OSError."""
        digest = digest_of(content)
        self._write(self._paths(digest)[0], content)
        return digest

    def put_shown(self, digest: str, content: bytes) -> None:
        """Keep what may be shown of a content. Raises OSError."""
        self._write(self._paths(digest)[1], content)

    def _write(self, path: Path, content: bytes) -> None:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
            file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                with open(file, "wb") as out:
                    out.write(content)
                os.replace(fresh, path)
            except OSError:
                fresh.unlink(missing_ok=True)
                raise

    def files(self, digest: str) -> list[Path]:
        """All that is there of a content, and what a process that was killed had written of it."""
        return [
            found for path in self._paths(digest)[:1] for found in path.parent.glob(f"{path.name}*")
        ]

    def erase(self, digests: Iterable[str]) -> list[str]:
        """Remove contents; what became of the bytes of each file (`model.erased.remove`). Doing it again
        does nothing. Raises OSError."""
        from provgraph.model.erased import remove

        found = {path for digest in digests for path in self.files(digest)}
        hows = list[str]()
        for path in found:
            with suppress(FileNotFoundError):  # somebody else was faster
                hows.append(remove(path))
        return hows

    def digests(self) -> list[str]:
        """All that `files` has something of."""
        names = {TAG + path.parent.name + path.name[:62] for path in self.folder.glob("??/*")}
        return sorted(filter(_DIGEST.fullmatch, names))

    def holding(self, words: Sequence[str]) -> list[str]:
        """The contents in which one of the words stands."""
        wanted = [word.encode() for word in words if word]

        def is_held_by(path: Path) -> bool:
            with suppress(FileNotFoundError):  # it was half-written, and is whole by now
                content = path.read_bytes()
                return any(word in content for word in wanted)
            return False

        return [
            digest
            for digest in (self.digests() if wanted else [])
            if any(map(is_held_by, self.files(digest)))
        ]

    def _paths(self, digest: str) -> list[Path]:
        """Where it is as it was, and where what may be shown of it."""
        found = _DIGEST.fullmatch(digest)
        if found is None:
            return []
        path = self.folder / found[1] / found[2]
        return [path, path.with_name(path.name + _SHOWN)]


def digest_of(content: bytes) -> str:
    from blake3 import blake3

    return TAG + blake3(content).hexdigest()
