"""Whose data does a content have? Rules that say where identifiers stand, and a keyed index of them.

Nothing here keeps an identifier. What is kept is an HMAC-SHA-256 of it (RFC 2104), cut to 16 bytes,
under a key that lies outside the project; without the key the index says nothing.

`rules` reads where identifiers stand, `keys` keeps the key, `tables` reads columns, `index` keeps which
content has which subject.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provgraph.config import Project


def index_path(project: Project) -> Path:
    return project.state / "subjects.db"


def hashes(project: Project, subjects: Iterable[str]) -> list[bytes]:
    """The subjects' hashes, under every key that is still kept. Raises `KeyMissing`."""
    from provgraph.subjects.keys import keys

    known = keys(project)
    return [key.hashed(subject) for subject in subjects for key in known]


def digests(project: Project, subject: str) -> tuple[str, ...] | None:
    """The digests of the contents that have a subject; None where there is no index. Raises
    `KeyMissing`, `StoreError`."""
    if not index_path(project).exists():
        return None
    from provgraph.subjects.index import SubjectIndex

    with SubjectIndex(index_path(project)) as index:
        return tuple(sorted({digest for digest, _ in index.holding(hashes(project, [subject]))}))
