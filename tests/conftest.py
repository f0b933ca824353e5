"""In CI a part that is missing is a failure: a skipped test there fails, and says what it missed."""

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from provgraph.store.neo4j import Settings


settings.register_profile("unhurried", deadline=None)  # no test looks at a clock
settings.load_profile("unhurried")

# What a shell starts behind its back ignores Ctrl-C, and so would all programs that tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


os.environ.pop("COLUMNS", None)  # a process among several is given the width of a terminal

TOGETHER = ("web", "packaging", "manual")
"""Folders of tests that share a browser, a build, a site."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where several processes share the tests out, each is given whole groups."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class Groups(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Neo4j's tests come first and then the contract suite's, for they take longest."""
    items.sort(key=lambda item: {"neo4j": 0, item.nodeid: 1}.get(group(item.nodeid), 2))


def group(test: str) -> str:
    """What is costly to set up is set up in one process.

    >>> group("tests/web/test_page.py::test_x"), group("tests/store/test_rows.py::test_x[neo4j]")
    ('web', 'neo4j')
    >>> group("tests/contract/test_answers.py::test_x[numpy]"), group("tests/cli/test_runs.py::test_x")
    ('tests/contract/test_answers.py::test_x[numpy]', 'tests/cli/test_runs.py')
    """
    file, _, _ = test.partition("::")
    _, folder, *_ = (*Path(file).parts, "")
    if "neo4j" in test:
        return "neo4j"
    if folder in TOGETHER:
        return folder
    return test if folder == "contract" else file


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not accept: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def neo4j_server(request: pytest.FixtureRequest) -> Iterator["Settings"]:
    """A Neo4j of the current calendar release (or the one that the environment names)."""
    import servers

    from provgraph.store.neo4j.server import CURRENT

    found = servers.named() or servers.composed(request)
    if found is not None:
        yield found
        return
    with servers.local(CURRENT) as settings:
        yield settings


@pytest.fixture(scope="session")
def neo4j_lts() -> Iterator["Settings"]:
    """A Neo4j of the line that is kept for long."""
    import servers

    from provgraph.store.neo4j.server import LTS

    with servers.local(LTS) as settings:
        yield settings


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    import servers

    return str(servers.COMPOSE)
