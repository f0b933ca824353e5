"""Which files did git bring back from what it keeps (`git checkout -- f`, restore, switch, stash, pull)?

Git reads its own store, which is no file of anybody's work, so what it wrote would come from nowhere. It is a copy of the
same content under the same name: of the newest version that had it then, which may be known from a commit or
from a run. That git looked before at what it was about to replace (it does if that is no older than its index) makes
that no origin. What git makes of patches is a file like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from provgraph.ingest.capture import worktree
from provgraph.ingest.capture.assemble.context import Context
from provgraph.ingest.capture.streams import Records, through, together
from provgraph.model.records import Content, Derived, Generated, Record, StepSeen, Used

_PATCHES: Final = frozenset({"am", "apply"})
_VALUED: Final = frozenset({"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--config-env"})


def told(records: Records, context: Context) -> Records:
    """The records of a run, and what each version that git brought back is a copy of."""
    processes = {
        record.step: record.pid
        for record in records
        if type(record) is StepSeen and record.program == "git" and _brings_back(record.argv)
    }
    if not processes:
        return records
    written = [r for r in records if isinstance(r, Generated) and r.step in processes]
    kept = worktree.kept(context.root, (r.content.blob for r in written if r.content.blob))
    copies = [version for version in written if version.content.blob in kept]
    if not copies:
        return records
    replaced = {(processes[v.step], v.names[0].uri): v.names[0].since.tick for v in copies}

    def was_looked_at(read: Used) -> bool:
        since = replaced.get((processes.get(read.step, 0), read.uri))
        return since is not None and read.when.tick < since

    def others(records: Iterable[Record]) -> Iterator[Record]:
        return (r for r in records if not (isinstance(r, Used) and was_looked_at(r)))

    return together(through(records, others), list(_copied(copies, context)))


def _copied(versions: Iterable[Generated], context: Context) -> Iterable[Record]:
    for version in versions:
        name, content = version.names[0], version.content
        before = context.when(name.since.tick - 1)
        same = Content(content.digest, content.blob, content.size)
        yield Derived(version.version, name.uri, before, same, "copy")


def _brings_back(argv: list[str]) -> bool:
    """
    >>> _brings_back(["git", "-C", "am", "checkout", "--", "apply"])
    True
    >>> _brings_back(["git", "-c", "core.editor=vi", "apply", "--index", "fix.patch"])
    False
    """
    words = iter(argv[1:])
    for word in words:
        if word in _VALUED:
            next(words, None)
        elif not word.startswith("-"):
            return word not in _PATCHES
    return True
