"""What the tests of the language share: a scope, the design's examples, and the goldens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from question_goldens import KINDS, blocks

from provgraph.query.binder import Bound, Scope, bind
from provgraph.query.syntax import parse
from provgraph.query.values import moment


def outside(path: str) -> str:
    return f"file://here{path}" if path.startswith("/") else f"outside:{path}"


@pytest.fixture
def scope() -> Scope:
    return Scope(KINDS, now=moment("2026-11-30T12:00").start, cwd="src", uri_of=outside)


@pytest.fixture
def meaning(scope: Scope) -> Callable[[str], Bound]:
    return lambda text: bind(parse(text), scope)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marked = metafunc.definition.get_closest_marker("golden")
    if marked is not None:
        cases = list(blocks(marked.args[0]))
        metafunc.parametrize(("question", "expected"), cases, ids=[asked for asked, _ in cases])


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "golden(file): one test a block of the golden file")
