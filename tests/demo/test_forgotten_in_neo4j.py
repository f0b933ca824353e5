"""The demo's customer, forgotten where the graph is in a Neo4j: nothing of them is in its store's files either."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import servers
from blake3 import blake3
from demo.test_forgotten_customer import MARKS, files, where
from manual.pages import Desk

from provgraph.demo import truth
from provgraph.errors import StoreError
from provgraph.store.neo4j.server import CURRENT, LocalServer
from provgraph.subjects.keys import Key

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="no `unshare` here"),
]

Cli = Callable[..., str]

ITS_OWN = "of its own"
KINDS = ["that others use", *([ITS_OWN] if "PROVGRAPH_KILLS" in os.environ else [])]
"""`make soak` looks at a project's own server too."""


@pytest.fixture
def desk(demonstrated: Desk, tmp_path: Path) -> Desk:
    """A terminal in a copy of the demo, whose graph is nowhere yet."""
    shutil.copytree(demonstrated.home, tmp_path / "home", symlinks=True)
    desk = Desk(tmp_path / "home", tmp_path / "home/.demo")
    for path in (desk.folder / ".provgraph").glob("graph.db*"):
        path.unlink()
    return desk


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, desk: Desk) -> Iterator[LocalServer]:
    """A server whose files can be looked at: the project's, or one that it only knows by its address."""
    with tempfile.TemporaryDirectory(prefix="provgraph-neo4j-", dir=servers.MEMORY) as folder:
        server = LocalServer(Path(folder) / "neo4j")
        if request.param == ITS_OWN:
            (desk.folder / ".provgraph/neo4j").symlink_to(server.home)
        try:
            started(server)
        except StoreError as error:
            pytest.skip(f"no Neo4j for the tests: {error}")
        try:
            yield server
        finally:
            server.stop(patience=0)


def started(server: LocalServer) -> str:
    return server.start(CURRENT, heap="512m", patience=240).uri


def stored(server: LocalServer, *folders: str) -> dict[str, bytes]:
    """The files of a server, after it was stopped and has written all of them."""
    server.stop()
    return {
        f"{folder}/{name}": held
        for folder in folders
        for name, held in files(server.home / "data" / folder).items()
    }


@pytest.fixture
def cli(desk: Desk, server: LocalServer) -> Cli:
    running = server.running()
    assert running is not None
    reached = {"PROVGRAPH_STORE": running.uri, "PROVGRAPH_NEO4J_PASSWORD": server.password()}
    if (desk.folder / ".provgraph/neo4j").exists():
        # It is started again by the command, from archives that were fetched for whoever tests.
        places = {
            name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME") if name in os.environ
        }
        places.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
        reached |= {**places, "XDG_CONFIG_HOME": str(desk.home / ".config")}

    def call(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "provgraph", *words],
            cwd=desk.folder,
            env=desk.environment | reached,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    return call


def test_a_customer_is_in_no_byte_of_the_store_any_more(
    desk: Desk, server: LocalServer, cli: Cli
) -> None:
    cli("run", "--", "true", "what Ada Bakker said", "when she called, and it was much, and long")
    for dataset in ("data/raw/customers.csv", "data/customers/*.csv"):
        cli("subject", "add", dataset, "--column", "user_id", "--prefix", "client:")
    with open(desk.folder / "provgraph.toml", "a") as settings:
        shown = cli("forget", "key").replace("NAME", "mira")
        settings.write(f"\n[erasure]\napprovals = 1\n{shown}")
    (key,) = (desk.home / ".config/provgraph/keys").glob("*.key")
    mac = Key(bytes.fromhex(key.read_text().split()[1])).hashed(f"client:{truth.CUSTOMER}")
    before = files(desk.folder)
    digests = [blake3(before[name]).hexdigest() for name in truth.OF_CUSTOMER]
    held = stored(server, "databases")
    for needle in (b"Ada Bakker", *(digest.encode() for digest in digests)):
        assert where(held, needle), "else this shows nothing"
    uri = started(server)

    asked = ("forget", f"client:{truth.CUSTOMER}", "--text", "Ada Bakker", "--json")
    plan = json.loads(cli(*asked))["plan"]
    assert {line["name"] for line in plan["lines"]} == truth.OF_CUSTOMER
    cli("forget", "approve", "e1")
    assert "e1 is carried out, complete" in cli("forget", "execute", "e1", "--consent")
    assert "genuine" in cli("receipt", "verify", ".provgraph/erasure/e1/receipt.json")

    report = cli("subject", "report", f"client:{truth.CUSTOMER}", "--json")
    assert json.loads(report) == {"found": [], "unread": []}
    states = json.loads(cli("ask", 'file "models/churn-north.pkl"@all | select state', "--json"))
    assert sorted(row["state"] for row in states) == ["erased", "present"]
    assert "what [erased] said" in cli("ask", "run * | select command")
    after = files(desk.folder)
    receipt = json.loads(after[".provgraph/erasure/e1/receipt.json"])
    duties = {item["name"]: item["done"] for item in receipt["duties"]}
    is_own = (desk.folder / ".provgraph/neo4j").exists()
    elsewhere = {"other copies of the graph", "copies that people have"}
    assert duties.keys() == elsewhere | (set() if is_own else {uri})
    assert is_own or "its transaction logs keep what was written" in duties[uri]
    left = stored(server, "databases", *(["transactions"] if is_own else []))
    words = [digest.encode() for digest in digests]
    raw = [bytes.fromhex(digest) for digest in digests]
    for needle in (*MARKS, mac, mac.hex().encode(), *words, *raw):
        assert where(left | after, needle) == []
