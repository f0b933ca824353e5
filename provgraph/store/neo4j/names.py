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
        """The statements that make constraints and indexes; each may be run again."""
        unique = [("ProvgraphProject", ("id",)), ("ProvgraphWatermark", ("project", "segment"))]
        unique += [(label, ("project", "id")) for label in LABELS]
        for label, keys in unique:
            name = f"provgraph_{self.prefix}{label}_{keys[-1]}"
            each = ", ".join(f"n.{key}" for key in keys)
            yield self.said(
                f"CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{label}) REQUIRE ({each}) IS UNIQUE"
            )
        for label, keys in INDEXED.items():
            for key in keys:
                name = f"provgraph_{self.prefix}{label}_{key}"
                yield self.said(
                    f"CREATE INDEX {name} IF NOT EXISTS FOR (n:{label}) ON (n.project, n.{key})"
                )
