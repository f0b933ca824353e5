"""Does every example of the manual run, and is what it shows what a person sees?"""

from __future__ import annotations

import os
from pathlib import Path

from manual.conftest import DOCS
from manual.pages import Block, blocks, comparable, exchanges


def compare(path: Path, seen: str) -> None:
    shown = path.read_text("utf-8")
    if os.environ.get("PROVGRAPH_GOLDENS") == "write":
        path.write_text(seen, "utf-8")
        return
    answers = [
        [
            (command, comparable(answer))
            for each in blocks(text)
            for command, answer in shown_by(each)
        ]
        for text in (shown, seen)
    ]
    assert answers[0] == answers[1]


def shown_by(block: Block) -> list[tuple[str, str]]:
    return exchanges(block.text) if block.language == "console" else []


def test_the_first_page_is_as_it_is_seen(begun: tuple[Path, str]) -> None:
    compare(DOCS / "start.md", begun[1])
