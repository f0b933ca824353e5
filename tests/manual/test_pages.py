"""Does every example of the manual run, and is what it shows what a person sees?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from manual.conftest import DOCS
from manual.pages import Block, Desk, blocks, comparable, exchanges, followed


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


SESSION = Path(__file__).with_name("session.md")
TRIED_ELSEWHERE = {
    "python.md": "tests/asking/test_page.py holds it to its own project",
    "start.md": "above",
}
WITH_EXAMPLES = [
    path
    for path in (DOCS.parent / "README.md", SESSION, *sorted(DOCS.rglob("*.md")))
    if path.name not in TRIED_ELSEWHERE
    and any(not block.reason for block in blocks(path.read_text("utf-8")))
]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.stem)
def test_a_page_is_as_it_is_seen(path: Path, desk: Desk) -> None:
    compare(path, followed(path.read_text("utf-8"), desk))
