"""The index brought up to date: every version that a rule covers and whose content is still here, in the
work tree or among the contents that are kept, is read once, by its digest."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

from provgraph.graph import Graph
from provgraph.model.content_store import ContentStore
from provgraph.model.elements import Node
from provgraph.query.plan import Find, Globbed, Plan, SetOp
from provgraph.subjects import index_path, keys, tables
from provgraph.subjects.index import SubjectIndex
from provgraph.subjects.keys import Key
from provgraph.subjects.rules import Rule, covering, rules

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Unread:
    """A version that a rule covers and that was not read. `reason` is in words."""

    version: str
    name: str
    rule: Rule
    reason: str


@dataclass(slots=True)
class Census:
    """What was found: contents `read` now and those `known` before, and versions that are `unread`."""

    read: int = 0
    known: int = 0
    subjects: int = 0
    unread: list[Unread] = field(default_factory=list)


def opened(graph: Graph) -> SubjectIndex:
    """The project's subject index."""
    return SubjectIndex(index_path(graph.project))


def take(graph: Graph, index: SubjectIndex, progress: Progress | None = None) -> Census:
    """Read what the rules cover and the index does not have. What cannot be read is told, not raised.
    Raises `KeyMissing`, `ProjectError`, `StoreError`."""
    known_rules = rules(graph.project)
    census = Census()
    if not known_rules:
        return census
    key = keys.current(graph.project)
    done = {(each.digest, each.rule) for each in index.contents() if each.key == key.name}
    wanted = list(_covered(graph, known_rules))
    for place, (node, rule) in enumerate(wanted):
        if progress:
            progress(place, len(wanted))
        digest = node.properties.get("digest")
        if (digest, rule.key) in done:
            census.known += 1
            continue
        reason = _read(graph, index, key, node, rule, census)
        if reason:
            name = str(node.properties.get("name", ""))
            census.unread.append(Unread(node.id, name, rule, reason))
        else:
            done.add((str(digest), rule.key))
    if progress and wanted:
        progress(len(wanted), len(wanted))
    return census


def _covered(graph: Graph, of: Sequence[Rule]) -> Iterator[tuple[Node, Rule]]:
    """The versions that rules cover, each with each rule that does."""
    finds: list[Plan] = [Find("Version", Globbed(rule.dataset)) for rule in of]
    asked = reduce(lambda one, other: SetOp("union", one, other), finds)
    for id, label, _, properties, *_ in graph.answer(asked).values:
        node = Node(id, label, properties)
        if properties.get("state") != "erased":
            for rule in covering(of, names_of(node)):
                yield node, rule


def under_another_key(
    graph: Graph, hashes: Collection[bytes], older: Sequence[Key], key: Key
) -> dict[bytes, bytes]:
    """What the subjects with these hashes, made with one of the older keys, are called with another key: of
    those that a content has which is still here. Raises `ProjectError`, `StoreError`."""
    found = dict[bytes, bytes]()
    for node, rule in _covered(graph, rules(graph.project)) if hashes else ():
        lying = content_of(graph, node)
        with suppress(tables.TableError):  # told when it was read for the index
            for text in _identifiers(*lying, rule) if lying else ():
                for each in older:
                    if (before := each.hashed(rule.prefix + text)) in hashes:
                        found[before] = key.hashed(rule.prefix + text)
    return found


def _identifiers(path: Path, name: str, rule: Rule) -> Iterator[str]:
    for batch in tables.format_for(Path(name)).identifiers(path, rule.column, rule.table):
        yield from set(batch)


def names_of(version: Node) -> tuple[str, ...]:
    """Every name that a version had, the last one first."""
    last, held = version.properties.get("name"), version.properties.get("names", ())
    names = (last, *(held if isinstance(held, tuple) else ()))
    return tuple(dict.fromkeys(str(name) for name in names if name))


def _read(
    graph: Graph, index: SubjectIndex, key: Key, node: Node, rule: Rule, census: Census
) -> str:
    """Read one version's content into the index; the reason why not, if not."""
    digest = str(node.properties.get("digest") or "")
    if not digest:
        return "its digest is not known"
    lying = content_of(graph, node)
    if lying is None:
        return "its content is not here any more"
    path, name = lying
    before = os.stat(path)
    try:
        batches = tables.format_for(Path(name)).identifiers(path, rule.column, rule.table)
        count = index.add(digest, rule.key, key.name, _hashed(key, rule, batches))
    except tables.TableError as error:
        return error.message
    after = os.stat(path)
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        index.erase_contents([digest])
        return "it changed while it was read"
    census.read += 1
    census.subjects += count
    return ""


def _hashed(key: Key, rule: Rule, batches: Iterator[list[str]]) -> Iterator[list[bytes]]:
    prefix, hashed = rule.prefix, key.hashed
    for batch in batches:
        yield [hashed(prefix + text) for text in set(batch)]


def content_of(graph: Graph, version: Node) -> tuple[Path, str] | None:
    """A file on this machine that has a version's content now, and what it is called: under one of the
    version's names, or among the contents that are kept."""
    digest = str(version.properties.get("digest"))
    names = names_of(version)
    for name in names:
        path = graph.path(name)
        if path is not None and path.is_file() and has_digest(path, digest):
            return path, name
    kept = ContentStore.of(graph.project).whole(digest)
    return (kept, names[0]) if kept is not None and names and has_digest(kept, digest) else None


def has_digest(path: Path, digest: str) -> bool:
    from provgraph.ingest.capture.hashing import hash_file

    found = hash_file(os.fsencode(path), accept=lambda stat: True)
    return found is not None and found[0] == digest
