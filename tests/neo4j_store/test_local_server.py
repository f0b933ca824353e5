"""`provgraph neo4j`: a server from packages alone, started, used, killed, started again, stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest
from manual.pages import left_to
from neo4j import GraphDatabase
from neo4j.exceptions import AuthError
from neo4j_store.calls import Cli

from provgraph.cli.application import root
from provgraph.cli.teaching import examples, leaves
from provgraph.errors import StoreError
from provgraph.store.neo4j.server import CURRENT, LTS, LocalServer
from provgraph.store.neo4j.server.process import Running

pytestmark = pytest.mark.timeout(900)
COMMANDS = dict(leaves(root, click.Context(root)))


def test_a_server_from_start_to_stop(bare_cli: Cli, project: Path, tmp_path: Path) -> None:
    """It is started, and asked, as the manual says."""
    shared, own, asked = left_to(__file__, "docs/neo4j.md")
    assert "no Neo4j runs" in bare_cli("neo4j", "status", check=False).stdout
    started = _typed(own, project, tmp_path)
    try:
        _is_private_and_asks_for_its_password(project)
        _keeps_the_projects_graph(bare_cli, project)
        _is_left_as_it_is_when_it_runs(bare_cli)
        uri = _uri(bare_cli)
        assert uri in started
        secrets = tmp_path / ".secrets"
        secrets.mkdir()
        (project / ".provgraph/neo4j/password").rename(secrets / "neo4j")
        assert "data.csv" in _typed(shared, project, tmp_path)
        (secrets / "neo4j").rename(project / ".provgraph/neo4j/password")
        for words in ("cypher", "neo4j status", "neo4j schema"):
            for example in examples(COMMANDS[words]):
                _typed(example.partition(" | ")[0], project, tmp_path)
        reading = bare_cli(
            "cypher", "LOAD CSV FROM 'file:///etc/passwd' AS l RETURN l", check=False
        )
        assert reading.returncode and "Cannot load" in reading.stderr
        answered = _typed(asked, project, tmp_path)
        assert "MATCH" in answered and "sh -c 'exit 3'" in answered
        assert json.loads(answered[answered.rindex("\n[") :])[0]["a"]["name"] == "data.csv"

        _kill(bare_cli)
        assert bare_cli("neo4j", "status", check=False).returncode == 1
        assert "does not run" in bare_cli("neo4j", "stop").stderr
        bare_cli("neo4j", "start")
        assert _uri(bare_cli) == uri, "the port is kept"
        assert "made.txt" in bare_cli("ask", "file *").stdout, "and so is the graph"
    finally:
        assert "stopped" in bare_cli("neo4j", "stop").stdout
    assert bare_cli("neo4j", "status", check=False).returncode == 1


def _typed(commands: str, project: Path, home: Path) -> str:
    """What a shell prints that is typed a block of the manual."""
    tools = home / "bin"
    if not tools.exists():
        tools.mkdir()
        (tools / "provgraph").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m provgraph "$@"\n')
        (tools / "provgraph").chmod(0o755)
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = os.pathsep.join((str(tools), str(Path(sys.executable).parent), os.environ["PATH"]))
    kept = {name: text for name, text in os.environ.items() if "NEO4J" not in name}
    done = subprocess.run(
        ["bash", "-e", "-c", commands],
        cwd=project,
        env=kept | {"HOME": str(home), "XDG_CACHE_HOME": cache, "PATH": path, "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (commands, done.stdout, done.stderr)
    assert "WARNING" not in done.stderr  # an extra that there is not
    return done.stdout


def _is_private_and_asks_for_its_password(project: Path) -> None:
    server = LocalServer(project / ".provgraph" / "neo4j")
    running = server.running()
    assert running is not None
    for file in (server.password_file, server.home / "conf" / "neo4j.conf"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.home.stat().st_mode) == 0o700
    assert _listening(running.pid) == {"127.0.0.1"}
    words = Path(f"/proc/{running.pid}/cmdline").read_bytes()
    assert server.password().encode() not in words
    for password in ("neo4j", "", "another"):
        with (
            GraphDatabase.driver(running.uri, auth=("neo4j", password)) as driver,
            pytest.raises(AuthError),
        ):
            driver.verify_connectivity()


def _listening(pid: int) -> set[str]:
    """The addresses that a process listens on."""
    inodes = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        target = os.readlink(file)
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(_address(fields[1].split(":")[0]))
    return found


def _address(written: str) -> str:
    raw = bytes.fromhex(written)
    parts = [raw[at : at + 4][::-1] for at in range(0, len(raw), 4)]
    if len(raw) == 16 and parts[:3] == [bytes(4), bytes(4), b"\x00\x00\xff\xff"]:
        parts = parts[3:]
    return socket.inet_ntop(socket.AF_INET if len(parts) == 1 else socket.AF_INET6, b"".join(parts))


def _keeps_the_projects_graph(cli: Cli, project: Path) -> None:
    with (project / "provgraph.toml").open("a") as settings:
        settings.write(f'[store]\nuri = "{_uri(cli)}"\n')
    (project / "data.csv").write_text("1\n")
    (project / "models").mkdir()
    cli("run", "--", "sh", "-c", "cat data.csv > models/churn.pkl; touch made.txt")
    cli("run", "--", "sh", "-c", "exit 3", check=False)
    assert "made.txt" in cli("ask", "file *").stdout
    assert not (project / ".provgraph" / "graph.db").exists()


def _is_left_as_it_is_when_it_runs(cli: Cli) -> None:
    before = json.loads(cli("neo4j", "status", "--json").stdout)
    assert json.loads(cli("neo4j", "start", "--json").stdout) == before
    other = cli("neo4j", "start", "--release", "current", check=False)
    assert other.returncode == 5
    assert "runs here already" in other.stderr


def _uri(cli: Cli) -> str:
    uri: str = json.loads(cli("neo4j", "status", "--json").stdout)["uri"]
    return uri


def _kill(cli: Cli) -> None:
    pid = json.loads(cli("neo4j", "status", "--json").stdout)["pid"]
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}").exists() and "Z" not in _state(pid):
        pass


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_the_journal_waits_for_a_server_that_is_away(bare_cli: Cli, project: Path) -> None:
    server = LocalServer(project / ".provgraph" / "neo4j")
    bare_cli("neo4j", "start")
    try:
        with (project / "provgraph.toml").open("a") as settings:
            settings.write(f'[store]\nuri = "{_uri(bare_cli)}"\n')
        bare_cli("run", "--", "touch", "first.txt")
        assert "first.txt" in bare_cli("ask", "file *").stdout

        _kill(bare_cli)
        bare_cli("run", "--", "touch", "second.txt")  # capture never asks the database
        for words in (["ask", "file *"], ["sync"], ["cypher", "RETURN 1"]):
            done = bare_cli(*words, check=False)
            assert done.returncode == 5
            assert "nothing answers there" in done.stderr
            assert "stays in the journal" in done.stderr

        server.start(LTS)  # what was killed is recovered, which wants to write
        server.stop()
        server.start(LTS, more={"server.databases.default_to_read_only": "true"})
        done = bare_cli("sync", check=False)
        assert done.returncode == 5
        assert "the database cannot be written" in done.stderr
        asked = bare_cli("ask", "file *")  # but it answers from what it has
        assert "first.txt" in asked.stdout and "second.txt" not in asked.stdout
        assert "the database cannot be written" in asked.stderr
        assert "1 segment of the journal not applied" in asked.stderr
        server.stop()

        bare_cli("neo4j", "start")
        assert {"first.txt", "second.txt"} <= set(bare_cli("ask", "file *").stdout.split())
        bare_cli("sync", "--rebuild")
        assert {"first.txt", "second.txt"} <= set(bare_cli("ask", "file *").stdout.split())

        server.stop()
        (server.home / "data/databases/neo4j/neostore").write_bytes(b"no database" * 1000)
        with pytest.raises(StoreError, match=r"its database did not start\n(.|\n)*Caused by"):
            server.start(
                LTS, patience=600
            )  # of which it waits for what the server takes to find it
    finally:
        server.stop(patience=0)


def test_a_port_that_is_taken_is_told_with_the_logs_last_lines(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(StoreError, match=r"did not start\n(.|\n)*in use"):
            LocalServer(tmp_path).start(CURRENT, port=taken.getsockname()[1])
    assert LocalServer(tmp_path).running() is None


def test_a_folder_of_a_newer_release_is_refused_to_an_older(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text(
        json.dumps({"version": CURRENT.version, "pid": 0, "born": "", "port": 1})
    )
    with pytest.raises(StoreError, match="cannot read"):
        LocalServer(tmp_path).start(LTS)


def test_another_process_with_its_number_is_not_taken_for_it(tmp_path: Path) -> None:
    server = LocalServer(tmp_path)
    (tmp_path / "server.json").write_text(
        json.dumps({"version": LTS.version, "pid": os.getpid(), "born": "1", "port": 1})
    )
    assert server.running() is None
    assert server.stop() is False
    assert Running(**json.loads((tmp_path / "server.json").read_text())).pid == 0


def test_a_release_that_is_not_known_is_a_mistake(bare_cli: Cli) -> None:
    done = bare_cli("neo4j", "start", "--release", "3.5", check=False)
    assert done.returncode == 2
    assert "no release of Neo4j" in done.stderr
