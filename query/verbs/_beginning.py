"""What do rows stand for where a walk begins? Lineage runs between versions and steps, so a run
stands for its steps, a subject for the versions about it, a commit for what it holds."""

from __future__ import annotations

from functools import reduce
from typing import Final

from provgraph.model.vocabulary import Label
from provgraph.query.plan import Comparison, Filter, Plan, SetOp, Walk
from provgraph.query.shape import labels

_STANDS_FOR: Final[dict[Label, tuple[str, ...]]] = {
    "Run": ("PART_OF",),
    "Commit": ("IN_COMMIT", "AT_COMMIT", "PART_OF"),
    "Component": ("INSTANCE_OF", "PART_OF"),
    "Agent": ("BY", "PART_OF"),
    "Environment": ("IN_ENVIRONMENT", "PART_OF"),
    "Artifact": ("VERSION_OF",),
    "Subject": ("ABOUT",),
}


def beginning(source: Plan) -> Plan:
    """The versions and steps that the source's rows are or stand for.

    >>> from provgraph.query.plan import Find
    >>> beginning(Find("Version")) == Find("Version")
    True
    >>> beginning(Find("Subject")).via
    ('ABOUT',)
    """
    found = labels(source)
    walks = [_stood_for(source, label, found) for label in _STANDS_FOR if label in found]
    if not walks:
        return source
    parts = walks if found <= _STANDS_FOR.keys() else [source, *walks]
    return reduce(lambda left, right: SetOp("union", left, right), parts)


def _stood_for(source: Plan, label: Label, found: frozenset[Label]) -> Plan:
    via = _STANDS_FOR[label]
    if "PART_OF" in via and "Version" in found:
        # A file has parts too, which are not what it stands for.
        source = Filter(source, Comparison("kind", "=", label.lower()))
    return Walk(source, "effect", via, max_hops=2 if len(via) > 1 else 1)
