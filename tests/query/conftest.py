"""What the tests of the language share: a scope, the design's examples, and the goldens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provgraph.query.binder import Bound, Scope, bind
from provgraph.query.syntax import parse
from provgraph.query.values import moment

GOLDENS = Path(__file__).with_name("goldens")
KINDS = frozenset(("config", "dataset", "figure", "model", "prediction", "report", "script"))


def outside(path: str) -> str:
    return f"file://here{path}" if path.startswith("/") else f"outside:{path}"


@pytest.fixture
def scope() -> Scope:
    return Scope(KINDS, now=moment("2026-11-30T12:00").start, cwd="src", uri_of=outside)


@pytest.fixture
def meaning(scope: Scope) -> Callable[[str], Bound]:
    return lambda text: bind(parse(text), scope)


def blocks(name: str) -> Iterator[tuple[str, str]]:
    """A golden's questions and what each gives: blocks of `? question` lines and the answer."""
    text = (GOLDENS / name).read_text("utf-8")
    for block in text.rstrip("\n").split("\n\n"):
        lines = block.split("\n")
        asked = [line[2:] for line in lines if line.startswith("? ")]
        yield "\n".join(asked), "\n".join(lines[len(asked) :])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marked = metafunc.definition.get_closest_marker("golden")
    if marked is not None:
        cases = list(blocks(marked.args[0]))
        metafunc.parametrize(("question", "expected"), cases, ids=[asked for asked, _ in cases])


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "golden(file): one test a block of the golden file")
