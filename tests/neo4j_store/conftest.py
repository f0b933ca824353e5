"""A project whose graph is in the Neo4j of the tests, and the command line in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from neo4j_store.calls import Cli

from provgraph.store.neo4j import Neo4jStore, Settings
from provgraph.store.neo4j import open as open_neo4j


@pytest.fixture
def store(neo4j_server: Settings) -> Iterator[Neo4jStore]:
    """An empty project in the database."""
    with open_neo4j(neo4j_server, os.urandom(8).hex()) as opened:
        yield opened
        opened.clear()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "provgraph.toml").write_text(f'[project]\nid = "{os.urandom(16).hex()}"\n')
    return folder


@pytest.fixture
def bare_cli(project: Path) -> Cli:
    """Runs `provgraph ...` in the project; `check=False` lets it fail, never with a traceback."""

    def call(*words: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: text for name, text in os.environ.items() if "NEO4J" not in name}
        done = subprocess.run(
            [sys.executable, "-m", "provgraph", *words],
            cwd=project,
            env=kept | variables,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        if check:
            assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done

    return call


@pytest.fixture
def cli(bare_cli: Cli, neo4j_server: Settings) -> Cli:
    """The same, with the graph in the Neo4j of the tests."""

    def call(*words: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        reached = {
            "PROVGRAPH_STORE": neo4j_server.uri,
            "PROVGRAPH_NEO4J_USER": neo4j_server.user,
            "PROVGRAPH_NEO4J_PASSWORD": neo4j_server.secret(),
        }
        return bare_cli(*words, check=check, **reached | variables)

    return call
