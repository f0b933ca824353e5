"""Commits, and which blob each of them gave to which file (`git rev-list`, `git diff-tree`).

What is read, and what is left out, is told in docs/adapters/git.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from provgraph.ingest import ReadContext, check_options
from provgraph.ingest.git.history import true_parents, unread
from provgraph.ingest.git.repository import Repository
from provgraph.ingest.git.stream import FORMAT, Naming, records
from provgraph.model.records import CommitSeen

if TYPE_CHECKING:
    from provgraph.model.records import Record

options: Final = {"all": "every ref, remote branches too, instead of branches, tags and HEAD"}

_PROGRESS_EVERY: Final = 256


def read(source: str, context: ReadContext) -> Iterator[Record]:
    """The commits that `context.known` lacks, parents before children.

    A commit's `Committed` records come before its `CommitSeen`, so that a commit that is known was
    read to its end, wherever reading was cut short.
    """
    check_options("git", context.options, options)
    repository = Repository.find(os.fsencode(source or context.root), context.note)
    shas = unread(repository, context.known(), everything=bool(context.options.get("all")))
    if not shas:
        if not repository.has_commits():
            context.note(f"{repository.shown} has no commits yet")
        context.progress(0, 0)
        return
    yield from _commits(repository, shas, context)


def _commits(repository: Repository, shas: list[str], context: ReadContext) -> Iterator[Record]:
    naming = Naming(repository.top, os.fsencode(context.root.resolve()), context.host)
    parents = true_parents(repository)
    if parents:
        context.note(
            f"{repository.shown} is shallow: what came before its oldest commits is absent"
        )
    done = 0
    with repository.stream(
        diff_tree(mailmap(repository)), "".join(f"{sha}\n" for sha in shas)
    ) as blocks:
        for record in records(blocks, naming, parents):
            yield record
            if isinstance(record, CommitSeen):
                done += 1
                if done % _PROGRESS_EVERY == 0:
                    context.progress(done, len(shas))
    context.progress(done, len(shas))
    for text in naming.notes():
        context.note(text)


def mailmap(repository: Repository) -> str:
    """The blob to take authors' names from. Git itself reads the file in a work tree."""
    committed = "HEAD:.mailmap"
    return committed if repository.bare and repository.holds(committed) else ""


def diff_tree(mailmap: str) -> list[str]:
    """The command that shows the commits named on its input, each against its first parent."""
    return [
        *("-c", f"mailmap.blob={mailmap}"),
        *("diff-tree", "--stdin", "--root", "-r", "-z", "--raw", "--always", "--no-abbrev"),
        "--diff-merges=first-parent",
        *("--no-renames", "--no-ext-diff", "--no-textconv", "--no-relative", "--no-color"),
        *("--ignore-submodules=none", "--no-notes", "--no-show-signature", "--encoding=UTF-8"),
        f"--format={FORMAT}",
    ]
