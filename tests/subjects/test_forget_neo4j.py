"""A customer forgotten where the graph is in a Neo4j: nothing of them is in its store's files either."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import servers
from blake3 import blake3
from subjects.conftest import Cli
from subjects.test_forget import MARKER, added, approving, bytes_of, planned

from provgraph.errors import StoreError
from provgraph.store.neo4j.server import CURRENT, LocalServer

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="no `unshare` here"),
]


KINDS = ["that others use", *(["of its own"] if "PROVGRAPH_KILLS" in os.environ else [])]
"""`make soak` looks at a project's own server too."""


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, project: Path, cli: Cli) -> Iterator[LocalServer]:
    """A server whose files can be looked at: the project's, or one that it only knows by its address."""
    with tempfile.TemporaryDirectory(prefix="provgraph-neo4j-", dir=servers.MEMORY) as folder:
        home = Path(folder) / "neo4j"
        if request.param == "of its own":
            cli("init")
            (project / ".provgraph/neo4j").symlink_to(home)
        server = LocalServer(home)
        try:
            server.start(CURRENT, heap="512m", patience=240)
        except StoreError as error:
            pytest.skip(f"no Neo4j for the tests: {error}")
        try:
            yield server
        finally:
            server.stop(patience=0)


def files(server: LocalServer, *folders: str) -> bytes:
    """The bytes of its files, after it was stopped and has written all of them."""
    server.stop()
    return b"\0".join(bytes_of(server.home / "data" / folder) for folder in folders)


def test_a_customer_is_forgotten_where_the_graph_is_in_a_neo4j(
    project: Path, cli: Cli, server: LocalServer
) -> None:
    running = server.running()
    assert running is not None
    reached = {"PROVGRAPH_STORE": running.uri, "PROVGRAPH_NEO4J_PASSWORD": server.password()}
    asked = partial(cli, **reached)
    asked("run", "--", "sh", "pipeline.sh")
    asked(
        "run",
        "--",
        "sh",
        "-c",
        "true complaint of u3@example.org, who is sorry, and says so at length",
    )
    added(asked)
    approving(project, asked)
    digests = [
        blake3((project / name).read_bytes()).hexdigest().encode()
        for name in ("raw/users.csv", "work/b.csv", "models/b.json", "models/both.json")
    ]
    needles = [*digests, b"u3@example.org", MARKER.encode()]
    rows = json.loads(asked("ask", "file *", "--json").stdout)
    assert {row["name"] for row in rows} >= {"raw/users.csv", "models/b.json"}

    planned(asked, "client:u3", "--text", "u3@example.org")
    asked("forget", "approve", "e1")
    assert "complete" in asked("forget", "execute", "e1", "--consent").stdout

    assert asked("subject", "report", "client:u3", "--json").stdout.count('"part"') == 0
    states = json.loads(asked("ask", 'file "models/b.json"@all | select state', "--json").stdout)
    assert sorted(row["state"] for row in states) == ["erased", "present"]
    assert "[erased], who is sorry" in asked("ask", "run * | select command").stdout
    receipt = json.loads((project / ".provgraph/erasure/e1/receipt.json").read_text())
    is_own = (project / ".provgraph/neo4j").exists()
    duties = {item["name"] for item in receipt["duties"]}
    assert duties == {"other copies of the graph"} | (set() if is_own else {running.uri})
    left = files(server, "databases", *(["transactions"] if is_own else []))
    assert [needle for needle in needles if needle in left] == []
    everything = bytes_of(project)
    assert [needle for needle in needles if needle in everything] == []
