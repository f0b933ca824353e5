"""Does every example of the manual run, and is what it shows what a person sees?"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from manual.conftest import DOCS
from manual.pages import ROOT, Block, Desk, blocks, comparable, exchanges, followed
from msgspec import convert
from msgspec.structs import asdict

from provgraph.config import find_project
from provgraph.erasure import approvals, holds
from provgraph.ingest.capture.rhythm import Rhythm
from provgraph.model.kinds import Kinds
from provgraph.store.neo4j.settings import settings_of


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
    and any(block.is_typed for block in blocks(path.read_text("utf-8")))
]
UNTRIED: dict[str, int] = {}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.stem)
def test_a_page_is_as_it_is_seen(path: Path, desk: Desk) -> None:
    compare(path, followed(path.read_text("utf-8"), desk))


MANUAL = (DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md")))


def test_what_a_page_leaves_to_a_test_that_test_reads() -> None:
    for path in MANUAL:
        for by in {block.by for block in blocks(path.read_text("utf-8")) if block.by}:
            assert str(path.relative_to(ROOT)) in (ROOT / by).read_text("utf-8"), (path.name, by)


def test_what_nothing_runs_is_said_on_the_page_and_is_no_more_than_it_was() -> None:
    untried = {path.name: [b for b in blocks(path.read_text()) if b.untried] for path in MANUAL}
    assert {name: len(found) for name, found in untried.items() if found} == UNTRIED


OTHER_LANGUAGES = {
    ("README.md", "provgraph"): "tests/demo/test_captured_demo.py",
    ("language.md", "provgraph"): "tests/query/test_page.py",
    ("sql.md", "sql"): "tests/cli/test_sql.py",
    ("where-it-runs.md", "dockerfile"): "tests/capture/test_where_it_runs.py",
}
"""Which tests run the blocks that nobody types into a terminal."""


def test_no_block_is_of_a_language_that_nothing_runs() -> None:
    """`text` is no command, and settings are read below."""
    for path in MANUAL:
        text = path.read_text("utf-8")
        others = set(re.findall(r"^```(\w*)\n.*?^```$", text, re.MULTILINE | re.DOTALL))
        for language in others - {"sh", "console", "python", "text", "toml"}:
            test = OTHER_LANGUAGES[path.name, language]
            assert path.name in (ROOT / test).read_text("utf-8")


SETTINGS = [
    (path.stem, block)
    for path in MANUAL
    for block in re.findall(
        r"^```toml\n(.*?)^```", path.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
]


@pytest.mark.parametrize(("page", "text"), SETTINGS, ids=[page for page, _ in SETTINGS])
def test_settings_that_a_page_shows_are_settings(page: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "provgraph.toml").write_text(f'[project]\nid = "{"0" * 32}"\n{text}')
    project = find_project(tmp_path)
    assert project is not None
    kinds = project.settings.get("kinds", {})
    read = {
        "keep": len(holds.keeps(project)),
        "retention": len(holds.retentions(project)),
        "erasure": approvals.settings(project).approvals,
        "kinds": {glob: Kinds.of(kinds).kind(glob).name for glob in kinds},
        "store": settings_of(project, {}).uri if project.store_uri else "",
        "capture": asdict(convert(project.settings.get("capture", {}), Rhythm)),
    }
    shown = {
        name: len(held) if isinstance(held, list) else held.get("approvals", held.get("uri", held))
        for name, held in project.settings.items()
        if name != "project"
    }
    assert shown.keys() <= read.keys(), "say here how a new section is read"
    assert shown == {name: read[name] for name in shown}
