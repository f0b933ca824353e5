"""Which Neo4j do the tests ask? The first of these that is to be had:

- the one that PROVGRAPH_TEST_NEO4J names (with PROVGRAPH_NEO4J_USER and PROVGRAPH_NEO4J_PASSWORD), or,
  where it says `docker` or `local`, just that one of the following;
- the one of docker-compose.yml, where a container engine answers and has the image;
- one that is started for the session from Python packages and Maven's archives.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provgraph.errors import StoreError
from provgraph.store.neo4j import Settings
from provgraph.store.neo4j import open as open_neo4j
from provgraph.store.neo4j.server import CURRENT, LocalServer, Release

COMPOSE = Path(__file__).parent.parent / "docker-compose.yml"
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # no disk waits for each commit
SPEAKS = {CURRENT: {"db.query.default_language": "CYPHER_25"}}  # the other line knows Cypher 5
WANTED = os.environ.get("PROVGRAPH_TEST_NEO4J", "")


def named() -> Settings | None:
    if "://" not in WANTED:
        return None
    user = os.environ.get("PROVGRAPH_NEO4J_USER", "neo4j")
    return settings(WANTED, os.environ.get("PROVGRAPH_NEO4J_PASSWORD", ""), user=user)


def settings(uri: str, password: str, **others: object) -> Settings:
    return Settings.model_validate({"uri": uri, "password": password, **others})


def composed(request: pytest.FixtureRequest) -> Settings | None:
    """Raises where a container was asked for and is not to be had."""
    if WANTED == "local":
        return None
    missing = _no_container()
    if missing and WANTED == "docker":
        pytest.fail(f"no Neo4j in a container: {missing}", pytrace=False)
    if missing:
        return None
    password = os.environ.setdefault("NEO4J_PASSWORD", secrets.token_hex(12))
    services = request.getfixturevalue("docker_services")
    found = settings(f"bolt://127.0.0.1:{services.port_for('neo4j', 7687)}", password)
    services.wait_until_responsive(lambda: _answers(found), timeout=180, pause=1)
    return found


@contextmanager
def local(release: Release) -> Iterator[Settings]:
    """A server that ends with the session."""
    with tempfile.TemporaryDirectory(prefix="provgraph-neo4j-", dir=MEMORY) as folder:
        server = LocalServer(Path(folder))
        try:
            running = server.start(release, heap="1g", patience=240, more=SPEAKS.get(release))
        except StoreError as error:
            pytest.skip(f"no Neo4j for the tests: {error}")
        try:
            yield settings(running.uri, server.password())
        finally:
            server.stop(patience=0)


def _no_container() -> str:
    """Why docker-compose.yml cannot be brought up; nothing if it can."""
    for words in (["info"], ["compose", "version"]):
        if said := _fails(["docker", *words]):
            return said
    image = next(
        line.split("image:")[1].strip()
        for line in COMPOSE.read_text("utf-8").splitlines()
        if "image:" in line
    )
    if not _fails(["docker", "image", "inspect", image]):
        return ""
    return _fails(["docker", "pull", "--quiet", image])


def _fails(words: list[str]) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else f"`{' '.join(words)}`: {done.stderr.strip()[-300:]}"


def _answers(found: Settings) -> bool:
    try:
        open_neo4j(found, "anybody").close()
    except StoreError:
        return False
    return True
