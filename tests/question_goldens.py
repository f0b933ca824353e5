"""Where are the goldens of the language, and what do they ask?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

GOLDENS = Path(__file__).parent / "query" / "goldens"
KINDS = frozenset(("config", "dataset", "figure", "model", "prediction", "report", "script"))


def blocks(name: str) -> Iterator[tuple[str, str]]:
    """A golden's questions and what each gives: blocks of `? question` lines and the answer."""
    text = (GOLDENS / name).read_text("utf-8")
    for block in text.rstrip("\n").split("\n\n"):
        lines = block.split("\n")
        asked = [line[2:] for line in lines if line.startswith("? ")]
        yield "\n".join(asked), "\n".join(lines[len(asked) :])
