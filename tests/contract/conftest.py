"""Which stores does the contract suite hold to one meaning, and how much does it draw?

`HYPOTHESIS_PROFILE=soak` draws more, `long` less than that; `ci` is the ordinary suite's.
"""

from __future__ import annotations

import importlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract.pairs import Pairs
from contract.pairs import lines as asked
from hypothesis import HealthCheck, settings

from provgraph.store import Store
from provgraph.store.memory import MemoryStore

_QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("ci", max_examples=1000, deadline=None, suppress_health_check=_QUIET)
settings.register_profile("long", settings.get_profile("ci"), max_examples=5_000)
settings.register_profile("soak", settings.get_profile("ci"), max_examples=50_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(params=["memory", "embedded", "snapshot", "neo4j"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind; `snapshot` is the embedded one, walking in memory."""
    opened = _open(request.param, tmp_path, request)
    yield opened
    opened.close()


@pytest.fixture(params=["memory", "embedded", "snapshot"])
def near_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind that needs no server: they are asked most."""
    opened = _open(request.param, tmp_path, request)
    yield opened
    opened.close()


@pytest.fixture(params=["embedded", "snapshot", "numpy"])
def compared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind that is held against the reference; `numpy` is the snapshot
    without its compiled library."""
    opened = _open(request.param, tmp_path, request)
    yield opened
    opened.close()


@pytest.fixture
def pairs(request: pytest.FixtureRequest) -> Pairs:
    """Counts what the test asks of the store that it compares."""
    return Pairs(request.node.callspec.params["compared"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in asked():
        terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def narrow_and_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small graphs have narrow levels and, as far as a snapshot's walker knows, wide ones."""
    from provgraph.store.embedded import closure

    monkeypatch.setattr(closure, "NARROW", 2)
    monkeypatch.setattr(closure, "WIDE", 4)


def _open(kind: str, folder: Path, request: pytest.FixtureRequest) -> Store:
    if kind == "memory":
        return MemoryStore()
    opened: Store
    if kind == "neo4j":
        neo4j = importlib.import_module("provgraph.store.neo4j")
        opened = neo4j.open(request.getfixturevalue("neo4j_server"), secrets.token_hex(8))
        return opened
    embedded = importlib.import_module("provgraph.store.embedded")
    engine = "sql" if kind == "embedded" else kind
    opened = embedded.open(folder / "graph.db", engine=engine)
    return opened
