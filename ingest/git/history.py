"""Which commits are still to be read?

What is known is passed to git as tips to stop at. That is only the fast way: whatever git lists
that is known is left out again, so a rewritten history, tips that were pruned and a shallow clone
that was deepened cost a longer walk, never a commit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from provgraph.ingest import Known
    from provgraph.ingest.git.repository import Repository

_SHA: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

# Notes and replacements are about commits; their trees hold no file of anybody's project.
_ALL: Final = ("--exclude=refs/notes/*", "--exclude=refs/replace/*", "--all")


def unread(repository: Repository, known: Known, *, everything: bool = False) -> list[str]:
    """The shas of the commits that `known` lacks, parents before children: any beginning of the
    list is a closed history."""
    refs = list(_ALL) if everything else ["--branches", "--tags"]
    if repository.has_head():
        refs.append("HEAD")
    stops = "".join(f"^{sha}\n" for sha in _stops(repository, known))
    walk = ["rev-list", "--topo-order", "--reverse", *refs, "--stdin", "--"]
    return [sha for sha in repository.run(walk, stops).split() if sha not in known]


def _stops(repository: Repository, known: Known) -> list[str]:
    """Commits whose ancestors are all known; none where history has grown at its old end."""
    if not known:
        return []
    last = tips(known)
    lacking = missing(known)
    present = set(_present(repository, [*last, *lacking]))
    return [] if present & lacking else [sha for sha in last if sha in present]


def _present(repository: Repository, shas: Iterable[str]) -> list[str]:
    # Only names of objects may reach git here: any other line could be an option.
    lines = "".join(f"{sha}\n" for sha in shas if _SHA.fullmatch(sha))
    return repository.run(
        ["rev-list", "--no-walk", "--ignore-missing", "--stdin", "--"], lines
    ).split()


def tips(known: Known) -> list[str]:
    """The commits that no known commit has as a parent.

    >>> tips({"c": ["b"], "b": ["a"], "a": [], "d": ["a"]})
    ['c', 'd']
    """
    parents = {parent for named in known.values() for parent in named}
    return [sha for sha in known if sha not in parents]


def missing(known: Known) -> set[str]:
    """The parents that were named and never seen: what lies beyond a shallow clone's end.

    >>> missing({"c": ["b"], "b": ["a"]})
    {'a'}
    """
    return {parent for named in known.values() for parent in named if parent not in known}


def true_parents(repository: Repository) -> dict[str, list[str]]:
    """What the commits at a shallow clone's end call their parents, though git says that they have
    none. Empty where the clone is not shallow."""
    if not repository.shallow:
        return {}
    where = repository.run(["rev-parse", "--git-path", "shallow"]).removesuffix("\n")
    ends = (Path(os.fsdecode(repository.top)) / where).read_text("ascii", "replace")
    shas = "".join(f"{sha}\n" for sha in ends.split() if _SHA.fullmatch(sha))
    show = ["rev-list", "--no-walk", "--ignore-missing", "--parents", "--stdin", "--"]
    # Without its list of ends git believes what the commits say; it does not look for the parents.
    lines = repository.run(show, shas, GIT_SHALLOW_FILE=os.devnull).splitlines()
    return {sha: parents for sha, *parents in map(str.split, lines)}
