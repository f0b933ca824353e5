"""Which Neo4j is meant by a word, and which class starts it?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from provgraph.errors import UsageError


@dataclass(frozen=True, slots=True)
class Release:
    version: str

    @property
    def main_class(self) -> str:
        """
        >>> LTS.main_class
        'org.neo4j.server.CommunityEntryPoint'
        """
        name = "CommunityEntryPoint" if self.version.startswith("5.") else "Neo4jCommunity"
        return f"org.neo4j.server.{name}"

    @property
    def place(self) -> tuple[int, ...]:
        """By which releases are older or newer.

        >>> LTS.place < CURRENT.place
        True
        """
        return tuple(int(part) for part in self.version.split("."))


LTS: Final = Release("5.26.30")
"""The newest of the line that is kept for long, when this was written."""

CURRENT: Final = Release("2026.08.1")
"""The newest calendar release, when this was written."""

_WHOLE: Final = re.compile(r"(?:5\.26|20[2-9]\d\.[01]\d)\.\d+")


def release(word: str) -> Release:
    """`lts` (or `5.26`), `current`, or a version whole.

    >>> release("5.26").version, release("2026.07.1").version
    ('5.26.30', '2026.07.1')
    >>> release("4.4")
    Traceback (most recent call last):
    provgraph.errors.UsageError: `4.4` is no release of Neo4j that can be started here
      hint: `lts` (5.26.30), `current` (2026.08.1), or another whole: 5.26.0, 2026.07.1
    """
    match word:
        case "lts" | "5.26":
            return LTS
        case "current":
            return CURRENT
        case _ if _WHOLE.fullmatch(word):
            return Release(word)
        case _:
            raise UsageError(
                f"`{word}` is no release of Neo4j that can be started here",
                hint=f"`lts` ({LTS.version}), `current` ({CURRENT.version}),"
                " or another whole: 5.26.0, 2026.07.1",
            )
