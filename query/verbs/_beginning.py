"""What do rows stand for where a walk begins? Lineage runs between versions and steps, so a run
stands for its steps, a subject for the versions about it, a commit for what it holds."""

from __future__ import annotations

from typing import Final

from provgraph.model.vocabulary import Label
from provgraph.query.plan import Filter, Membership, Plan, SetOp, Walk
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
    through = [edges for label, edges in _STANDS_FOR.items() if label in found]
    if not through:
        return source
    via = tuple(dict.fromkeys(edge for edges in through for edge in edges))
    hops = max(2 if len(edges) > 1 else 1 for edges in through)
    if found <= _STANDS_FOR.keys():
        return Walk(source, "effect", via, max_hops=hops)
    # A file has parts too, which are not what it stands for.
    kinds = tuple(label.lower() for label in _STANDS_FOR if label in found)
    others = Filter(source, Membership("kind", kinds))
    return SetOp("union", source, Walk(others, "effect", via, max_hops=hops))
