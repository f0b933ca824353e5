"""What brings records in: capture, and the adapters to git and to other systems' files.

An adapter is a module of this folder, found by its file name and loaded when asked for. It has a
function `read` and says in `options` what can be asked of it; the first line of its docstring is
what lists of adapters show.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, cast

import msgspec

from provgraph.errors import UsageError

if TYPE_CHECKING:
    from provgraph.model.records import Record

Known = Mapping[str, Sequence[str]]
"""The natural keys of what was recorded before, each with the keys that it names: for git a
commit's sha and its parents' shas."""

_NOT_ADAPTERS: Final = frozenset({"capture"})


def _no_progress(done: int, total: int | None) -> None:
    """Nobody is watching."""


def _no_note(text: str) -> None:
    """Nobody is listening."""


def _nothing_known() -> Known:
    return {}


class ReadContext(msgspec.Struct, frozen=True):
    """What an adapter may know while it reads.

    `root` is the project's folder and `project` its id. `host` names this machine in the URIs of
    files outside the project. `known` is called at most once, when the source has been found; what
    it gives is not read again. `options` holds what was asked for among the adapter's `options`.
    `progress(done, total)` is called now and then, and once at the end; `note` takes a sentence
    that a person should see though nothing failed.
    """

    root: Path
    project: str
    host: str = msgspec.field(default_factory=platform.node)
    known: Callable[[], Known] = _nothing_known
    options: Mapping[str, str | bool] = {}
    progress: Callable[[int, int | None], None] = _no_progress
    note: Callable[[str], None] = _no_note


class Adapter(Protocol):
    """A module that reads a source into records. `options` are names and what they do."""

    @property
    def options(self) -> Mapping[str, str]: ...

    def read(self, source: str, context: ReadContext) -> Iterator[Record]:
        """The records of `source`, lazily; an empty source means the project's own.

        Whatever was taken from the iterator can be recorded: reading the rest another time, with
        those as known, gives the same graph. Raises `IngestError` where the source cannot be read,
        `UsageError` where an option is unknown.
        """
        ...


def names() -> list[str]:
    """The adapters there are, without loading any.

    >>> "git" in names(), "capture" in names()
    (True, False)
    """
    from pkgutil import iter_modules

    found = {module.name for module in iter_modules(__path__)} - _NOT_ADAPTERS
    return sorted(name.replace("_", "-") for name in found if not name.startswith("_"))


def adapter(name: str) -> Adapter:
    """The adapter of that name. Raises `UsageError` where there is none.

    >>> adapter("git").__name__
    'provgraph.ingest.git'
    >>> adapter("gti")
    Traceback (most recent call last):
    provgraph.errors.UsageError: unknown adapter `gti`
      hint: `git` might be meant
    """
    from importlib import import_module

    available = names()
    if name not in available:
        raise UsageError(f"unknown adapter `{name}`", hint=_nearest(name, available))
    return cast(Adapter, import_module(f"{__name__}.{name.replace('-', '_')}"))


def check_options(of: str, given: Mapping[str, object], offered: Mapping[str, str]) -> None:
    """Raise `UsageError` where an option is given that the adapter does not offer."""
    for option in given:
        if option not in offered:
            hint = _nearest(option, list(offered))
            raise UsageError(f"adapter `{of}` has no option `{option}`", hint=hint)


def _nearest(word: str, words: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, words, n=1)
    return f"`{near[0]}` might be meant" if near else f"there are: {', '.join(words) or 'none'}"
