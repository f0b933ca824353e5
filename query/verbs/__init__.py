"""The verbs: `lineage` is the class `Lineage` in `lineage.py`, loaded when it is asked for; a name of
two words, `rerun plan`, stands for `RerunPlan` in `rerun_plan.py`.

A module whose name begins with `_` is no verb.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from provgraph.query.verb import Verb


@cache
def names() -> tuple[str, ...]:
    """Every verb, without its aliases, in alphabetical order."""
    found = (module.name for module in iter_modules(__path__))
    return tuple(sorted(name.replace("_", " ") for name in found if not name.startswith("_")))


def words() -> frozenset[str]:
    """Every verb and alias."""
    return frozenset((*names(), *(alias for name in names() for alias in load(name).aliases)))


def find(word: str) -> type[Verb] | None:
    """The verb with this name or alias. Only an alias makes every verb load."""
    if word in names():
        return load(word)
    return next((verb for name in names() if word in (verb := load(name)).aliases), None)


@cache
def load(name: str) -> type[Verb]:
    module = import_module(f"{__name__}.{name.replace(' ', '_')}")
    return cast("type[Verb]", getattr(module, name.title().replace(" ", "")))
