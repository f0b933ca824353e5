"""What our labels, edge types and indexes are called in a database that others may use too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from provgraph.model.vocabulary import LABELS, Label

_NAMED: Final = re.compile(r"(?<=[:|])([A-Z]\w*)")
INDEXED: Final[dict[Label, tuple[str, ...]]] = {
    "Artifact": ("name", "base", "stem"),
    "Version": ("kind", "digest", "blob"),
    "Run": ("name",),
    "Step": ("name",),
    "Commit": ("name", "sha"),
    "Agent": ("name",),
    "Environment": ("name",),
    "Component": ("name",),
    "Subject": ("name",),
}
"""What nodes are asked for by, besides their ids."""

_SEGMENT: Final = "n.project, n.segment"


@dataclass(frozen=True, slots=True)
class Names:
    """`prefix` begins them all."""

    prefix: str = ""

    def said(self, text: str) -> str:
        """A statement of ours with the prefix: in our Cypher, what follows a colon or a bar is a
        label or an edge type, and a user's text is never in it.

        >>> Names("Pg").said("MATCH (n:Run)-[:AT_COMMIT|BY*0..1]->(x) WHERE n.at IS :: INTEGER")
        'MATCH (n:PgRun)-[:PgAT_COMMIT|PgBY*0..1]->(x) WHERE n.at IS :: INTEGER'
        """
        return _NAMED.sub(rf"{self.prefix}\1", text) if self.prefix else text

    def any_label(self) -> str:
        return "|".join(LABELS)

    def word(self, name: str) -> str:
        """A label or edge type without the prefix."""
        return name[len(self.prefix) :]

    def schema(self) -> Iterator[str]:
        """The statements that make constraints and indexes; each may be run again.

        Ids are unique because the writers of a project take turns. A constraint would say so too,
        but Neo4j's planner takes any seek in the index of one over two properties, for many ids or
        a range of them, to give one row at most, and leaves out what makes a walk's rows distinct.
        """
        for label, each in (("ProvgraphProject", "n.id"), ("ProvgraphWatermark", _SEGMENT)):
            name = f"provgraph_{self.prefix}{label}"
            yield self.said(
                f"CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{label}) REQUIRE ({each}) IS UNIQUE"
            )
        for label in LABELS:  # version 1 had these
            yield f"DROP CONSTRAINT provgraph_{self.prefix}{label}_id IF EXISTS"
        for name, label, each in self._indexes():
            yield self.said(f"CREATE INDEX {name} IF NOT EXISTS FOR (n:{label}) ON ({each})")

    def without_indexes(self) -> Iterator[str]:
        """The statements that drop our indexes, with all that their files hold."""
        return (f"DROP INDEX {name} IF EXISTS" for name, _, _ in self._indexes())

    def _indexes(self) -> Iterator[tuple[str, Label, str]]:
        for label, keys in INDEXED.items():
            indexes = {key: f"n.project, n.{key}" for key in ("id", *keys)}
            indexes["project"] = "n.project"
            for key, each in indexes.items():
                yield f"provgraph_{self.prefix}{label}_{key}", label, each
