"""Is what was erased gone? Looked for in every place that provgraph can reach: contents by their digest, tables by
their columns, its own files by every byte."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from provgraph.config import STATE
from provgraph.erasure.census import opened, take
from provgraph.erasure.execution import Prepared
from provgraph.erasure.requests import Folder
from provgraph.graph import Graph
from provgraph.ingest.capture.hashing import hash_file
from provgraph.model.content_store import ContentStore, digest_of
from provgraph.model.records import ERASED
from provgraph.query.plan import Digested, Find


def remains(graph: Graph, folder: Folder, prepared: Prepared) -> list[str]:
    """What of the erased is still there, in words; nothing if all of it is gone. Files are looked at by
    their content, provgraph's own by every byte."""
    return [
        *_contents(graph, prepared),
        *_versions(graph, prepared),
        *_kept(graph, prepared),
        *_bytes(graph, folder, prepared),
        *_subjects(graph, folder, prepared),
    ]


def _contents(graph: Graph, prepared: Prepared) -> Iterator[str]:
    """Files of the work tree with an erased content. Only those of an erased content's size are read."""
    erased = set(prepared.erased)
    sizes = {each.line.bytes for each in prepared.outcomes if each.line.digest in erased}
    for parent, folders, names in os.walk(graph.project.root):
        folders[:] = [name for name in folders if name not in (STATE, ".git")]
        for name in names:
            path = Path(parent) / name
            try:
                is_like = path.is_file() and path.stat().st_size in sizes
            except OSError:
                yield f"{path} could not be looked at"
                continue
            found = hash_file(os.fsencode(path), accept=lambda stat: True) if is_like else None
            if found is not None and found[0] in erased:
                yield f"{path.relative_to(graph.project.root)} has an erased content"


def _versions(graph: Graph, prepared: Prepared) -> Iterator[str]:
    if prepared.erased:
        for _, _, _, held, *_ in graph.answer(
            Find("Version", Digested(tuple(prepared.erased)))
        ).values:
            yield f"the graph still names the content of {held.get('name')}"


def _kept(graph: Graph, prepared: Prepared) -> Iterator[str]:
    """Contents that are kept under an erased one's digest, or have it whatever they are called."""
    store, erased = ContentStore.of(graph.project), set(prepared.erased)
    for name in store.digests():
        for path in store.files(name):
            if name in erased or digest_of(path.read_bytes()) in erased:
                yield f"{path.relative_to(graph.project.root)} is still kept, and has an erased content"


def _bytes(graph: Graph, folder: Folder, prepared: Prepared) -> Iterator[str]:
    """Digests, ids and hashes in any byte of provgraph's files, but for the request's own, which are
    cleared last."""
    needles = [digest.split(":", 1)[-1].encode() for digest in prepared.erased]
    needles += [version.encode() for version in prepared.tokens.versions]
    if not _is_kept(prepared):
        macs = folder.request().subjects
        needles += [mac.encode() for mac in macs] + [bytes.fromhex(mac) for mac in macs]
    wanted = [re.escape(needle) for needle in needles] + [_word(w) for w in prepared.tokens.texts]
    if not wanted:
        return
    found = re.compile(b"|".join(wanted))
    graph.close()  # a process that closes a file loses the locks that SQLite has on it
    for path in sorted(graph.project.state.rglob("*")):
        if path.is_file() and folder.path not in path.parents and _has(path, found):
            yield f"{path.relative_to(graph.project.root)} still has something of it"


def _word(text: str) -> bytes:
    """
    >>> re.search(_word("ada"), b"0ada1"), re.search(_word("ada"), b"to ada.").span()
    (None, (3, 6))
    """
    word = re.escape(text.encode())
    # Within digits of a digest or an id it is there by chance.
    return rb"(?<![0-9a-f])" + word + rb"(?![0-9a-f])" if re.fullmatch("[0-9a-f]+", text) else word


def _has(path: Path, found: re.Pattern[bytes]) -> bool:
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
            return found.search(held) is not None


def _subjects(graph: Graph, folder: Folder, prepared: Prepared) -> Iterator[str]:
    macs = [bytes.fromhex(mac) for mac in folder.request().subjects]
    if not macs:
        return
    kept = _digests(each.line.digest for each in prepared.outcomes if each.what == "left")
    with opened(graph) as index:
        take(graph, index)  # what was made again, and whatever is kept, is read too
        held = {digest for digest, _ in index.holding(macs)} - kept
        found = {digest for digest in held if not digest.startswith(ERASED)}
    for digest in sorted(found):
        rows = graph.answer(Find("Version", Digested((digest,)))).values
        names = {str(held.get("name")) for _, _, _, held, *_ in rows}
        yield f"the subject is still in {', '.join(sorted(names)) or 'the subject index'}"


def _digests(found: Iterable[str]) -> set[str]:
    return set(found) - {""}


def _is_kept(prepared: Prepared) -> bool:
    return any(each.what == "left" and each.line.do != "duty" for each in prepared.outcomes)
