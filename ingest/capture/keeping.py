"""Which contents of a run are kept, so that they can be shown when the files are different by now?

Scripts (what was executed or imported) and small texts by their names; data only where `[content]` in
`provgraph.toml` asks for it. What the run's recorder had in its hands is taken from there, the rest from
the disk, as far as it is still the same. Of a text with secrets in it, what stands there
without them is kept.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Final

import msgspec

from provgraph.config import Project
from provgraph.errors import ProjectError, ProvgraphError
from provgraph.ingest.capture import parameters, redact
from provgraph.ingest.capture.streams import Records
from provgraph.ingest.capture.texts import LARGEST, SECRETS, is_text
from provgraph.model.content_store import ContentStore, digest_of
from provgraph.model.elements import Scalar
from provgraph.model.glob import compiled
from provgraph.model.kinds import CELLS, Kinds
from provgraph.model.records import Content, Generated, Record, Used
from provgraph.model.uri import path_of, split

_DATA: Final = ("dataset", "prediction", "model")


class Wishes(msgspec.Struct, frozen=True):
    """What `[content]` says: globs of what else is kept and what never is, and how large that may be."""

    keep: list[str] = []
    never: list[str] = []
    largest: int | str = 10_000_000


def wishes(project: Project) -> Wishes:
    """Raises `ProjectError`."""
    try:
        return msgspec.convert(project.settings.get("content", {}), Wishes)
    except msgspec.ValidationError as error:
        raise ProjectError(
            f"{project.file}: [content] is not understood: {error}",
            hint='it has `keep` and `never`, lists of globs, and `largest`, such as "10MB"',
        ) from error


def keep(
    project: Project, records: Iterable[Record], seen: Iterable[bytes] = (), host: str = ""
) -> int:
    """Keep what the records speak of and is to be kept; how many contents were new. `seen` are contents
    that were in somebody's hands while it ran. What cannot be kept is left out: nothing depends on it."""
    with suppress(OSError, ProvgraphError):
        return _Keeping(project, seen, host).keep(records)
    return 0


def with_parameters(
    project: Project, records: Records, seen: Iterable[bytes], host: str
) -> tuple[Records, dict[str, Scalar]]:
    """See `parameters`. Where settings are not understood, there are none."""
    with suppress(OSError, ProvgraphError):
        keeping = _Keeping(project, seen, host)
        return parameters.with_parameters(records, keeping.held, keeping.kind_of)
    return records, {}


class _Keeping:
    def __init__(self, project: Project, seen: Iterable[bytes], host: str) -> None:
        self._project = project
        self._store = ContentStore.of(project)
        self._seen: Mapping[str, bytes] = {digest_of(content): content for content in seen}
        self._host = host or os.uname().nodename
        self._root = os.fsencode(project.root)

    # Settings are read where there is something to keep: a run of no files does without.

    @cached_property
    def _wishes(self) -> Wishes:
        return wishes(self._project)

    @cached_property
    def _largest(self) -> int:
        from provgraph.query.values import size

        largest = self._wishes.largest
        return size(largest) if isinstance(largest, str) else largest

    @cached_property
    def _kinds(self) -> Kinds:
        own = self._project.settings.get("kinds", {})
        return Kinds.of(own if isinstance(own, dict) else {})

    def kind_of(self, uri: str) -> str:
        return self._kinds.kind(uri).name

    def keep(self, records: Iterable[Record]) -> int:
        count = 0
        done: set[str] = set()
        for record in records:
            if type(record) is Used:
                uri, content, role = record.uri, record.content, record.role
            elif type(record) is Generated and record.names:
                uri, content, role = record.names[-1].uri, record.content, ""
            else:
                continue
            if content.digest in done or not content.digest.startswith("blake3:"):
                continue
            asked = self._is_asked_for(uri, content)
            if asked or self._is_wanted(uri, content, is_code=role in ("script", "code")):
                done.add(content.digest)
                count += self._put(uri, content, asked=asked)
        return count

    def _is_asked_for(self, uri: str, content: Content) -> bool:
        return content.size <= self._largest and _is_any(uri, self._wishes.keep)

    def _is_wanted(self, uri: str, content: Content, *, is_code: bool) -> bool:
        """Of the project's own files."""
        if _is_any(uri, self._wishes.never):
            return False
        path = uri.encode()
        if content.size > LARGEST or path.endswith(SECRETS):
            return False
        if "://" in uri:
            return uri.startswith(CELLS)
        return is_code or (is_text(path) and self.kind_of(uri) not in _DATA)

    def held(self, uri: str, content: Content) -> bytes | None:
        """The bytes that a file of the project had, if they are still to be had and are not never to be kept."""
        if not content.digest or _is_any(uri, self._wishes.never):
            return None
        return self._seen.get(content.digest) or self._on_disk(uri, content)

    def _put(self, uri: str, content: Content, *, asked: bool) -> bool:
        if self._store.has(content.digest):
            return False
        held = self._seen.get(content.digest) or self._on_disk(uri, content)
        if not held or (not asked and b"\0" in held):
            return False
        shown = held if asked else self._without_secrets(uri, held)
        self._store.put(held) if shown == held else self._store.put_shown(content.digest, shown)
        return True

    def _without_secrets(self, uri: str, held: bytes) -> bytes:
        text = held.decode("utf-8", "surrogateescape")
        shown = redact.text(text, settings=self.kind_of(uri) == "config")
        return shown.encode("utf-8", "surrogateescape")

    def _on_disk(self, uri: str, content: Content) -> bytes | None:
        path = path_of(uri, self._root, self._host)
        with suppress(OSError, ValueError):
            if path is not None and os.lstat(path).st_size == content.size:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                with os.fdopen(os.open(path, flags), "rb") as file:
                    held = file.read(content.size + 1)
                return held if digest_of(held) == content.digest else None
        return None


def _is_any(uri: str, globs: Collection[str]) -> bool:
    if not globs:
        return False
    base = split(uri)[0]
    return any(compiled(glob).fullmatch(uri if "/" in glob else base) for glob in globs)
