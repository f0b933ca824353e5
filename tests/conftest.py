"""In CI a part that is missing is a failure: a skipped test there fails, and says what it missed."""

import os
import signal
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from provgraph.store.neo4j import Settings


settings.register_profile("unhurried", deadline=None)  # no test looks at a clock
settings.load_profile("unhurried")

# What a shell starts behind its back ignores Ctrl-C, and so would all programs that tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
