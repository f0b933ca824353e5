"""Start a Neo4j in a folder, stop it, and say whether it runs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from provgraph.errors import StoreError
from provgraph.store.neo4j.server.admin import admin, environment
from provgraph.store.neo4j.server.archives import class_path, java
from provgraph.store.neo4j.server.releases import Release

USER: Final = "neo4j"
_HOST: Final = "127.0.0.1"
_OPENED: Final = tuple(
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in ("java.nio", "java.io", "sun.nio.ch")
)
ADMIN: Final = "org.neo4j.cli.AdminTool"
_SHOWN_LINES: Final = 15
_FAILED: Final = re.compile(r"\bERROR\b.*\bFailed to start\b")
_LOGGED: Final = re.compile(r"\S.* (DEBUG|INFO|WARN|ERROR) ")


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs. `born` tells its process apart from a later one with its number."""

    version: str
    pid: int
    born: str
    port: int

    @property
    def uri(self) -> str:
        return f"bolt://{_HOST}:{self.port}"


class LocalServer:
    """The server whose folder is `home`; it need not run, or exist."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()

    @property
    def password_file(self) -> Path:
        return self.home / "password"

    def password(self) -> str:
        return self.password_file.read_text("utf-8").strip()

    def running(self) -> Running | None:
        """The server, if its process lives."""
        state = self._state()
        return state if state and state.born == _born(state.pid) else None

    def start(
        self,
        release: Release,
        *,
        port: int | None = None,
        heap: str = "512m",
        page_cache: str = "256m",
        patience: float = 120.0,
        more: Mapping[str, str] | None = None,
        told: Callable[[int, int], None] | None = None,
    ) -> Running:
        """Start it, and wait until it answers. One that runs is left as it is.

        The port is the last one if it is free, else any. `more` are settings of Neo4j's own. Raises
        `StoreError`.
        """
        archives, program = class_path(release, told), java()
        _private(self.home)
        with self._locked():
            running = self.running()
            if running is None:
                self._refuse_older(release)
                port = port or self._free_port()
                self._configure(port, heap, page_cache, more or {})
                self._set_password(program, archives)
                running = self._launch(program, archives, release, heap, port)
            elif release.version != running.version:
                raise StoreError(
                    f"Neo4j {running.version} runs here already, at {running.uri}",
                    hint="stop it first: `provgraph neo4j stop`",
                )
            self._await(running, patience)
        return running

    def stop(self, patience: float = 60.0) -> bool:
        """Stop it, and wait until it has; whether it ran. One that does not end within the patience
        is killed, which it survives without loss. Raises `StoreError` if it lives even then."""
        running = self.running()
        if running is None:
            self._forget()
            return False
        for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(running.pid, number)
            if _ended(running, seconds):
                self._forget()
                return True
        raise StoreError(f"the process {running.pid} of Neo4j does not end")

    def empty(self) -> Running | None:
        """Stop it, overwrite and remove its database with the transaction logs, and start it again with
        an empty one; None if it does not run. Raises `StoreError`, OSError."""
        from provgraph.model.erased import remove

        running = self.running()
        if running is None:
            return None
        self.stop()
        for folder in ("databases", "transactions"):
            for path in sorted((self.home / "data" / folder / "neo4j").rglob("*")):
                if path.is_file():
                    remove(path)
            shutil.rmtree(self.home / "data" / folder / "neo4j", ignore_errors=True)
        return self.start(Release(running.version), port=running.port, patience=300)

    def load(self, release: Release, words: Sequence[str]) -> None:
        """Make the database from files, as `neo4j-admin database import full` does with these words;
        the server must not run. Raises `StoreError`."""
        if self.running() is not None:
            raise StoreError("a server that runs cannot be loaded", hint="stop it first")
        _private(self.home)
        self._configure(self._free_port(), "512m", "256m", {})
        java_words = self._java(java(), class_path(release))
        command = ["database", "import", "full", "neo4j", *words]
        admin([java_words[0], "-Xmx2g", *java_words[1:], ADMIN, *command], self.home)

    # What is kept in the folder.

    @property
    def _state_file(self) -> Path:
        return self.home / "server.json"

    def _state(self) -> Running | None:
        try:
            return Running(**json.loads(self._state_file.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _forget(self) -> None:
        """That it runs; its port and release are kept."""
        state = self._state()
        if state is not None:
            _write(self._state_file, json.dumps(asdict(state) | {"pid": 0, "born": ""}))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        file = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    def _refuse_older(self, release: Release) -> None:
        """A database that a newer release has written is not read by an older one."""
        state = self._state()
        if state is not None and release.place < Release(state.version).place:
            raise StoreError(
                f"{self.home} was written by Neo4j {state.version}, which {release.version}"
                " cannot read",
                hint=f"start {state.version}, or remove the folder and sync again",
            )

    def _free_port(self) -> int:
        state = self._state()
        for wanted in (state.port if state else 0, 0):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((_HOST, wanted))
                except OSError:
                    continue
                return int(probe.getsockname()[1])
        raise StoreError(f"there is no free port on {_HOST}")

    def _configure(self, port: int, heap: str, page_cache: str, more: Mapping[str, str]) -> None:
        _private(self.home / "conf")
        settings = {
            "server.default_listen_address": _HOST,
            "server.bolt.listen_address": f"{_HOST}:{port}",
            "server.http.enabled": "false",
            "server.https.enabled": "false",
            "server.memory.heap.max_size": heap,
            "server.memory.pagecache.size": page_cache,
            "dbms.security.auth_enabled": "true",
            "dbms.security.allow_csv_import_from_file_urls": "false",  # a question reads no files
            "dbms.usage_report.enabled": "false",
            "db.transaction.monitor.check.interval": "500ms",
            "db.tx_log.rotation.retention_policy": "false",
            **more,
        }
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        _write(self.home / "conf" / "neo4j.conf", text)

    def _set_password(self, program: Path, archives: list[Path]) -> None:
        """Before the first start, so that there is no moment with the usual one; in a file of
        arguments, so that no list of processes shows it."""
        if self.password_file.exists():
            return
        password = secrets.token_hex(20)
        words = self.home / "password-arguments"
        _write(words, f"dbms\nset-initial-password\n{password}\n")
        try:
            admin([*self._java(program, archives), ADMIN, f"@{words}"], self.home)
        finally:
            words.unlink()
        _write(self.password_file, password + "\n")

    # The process.

    def _java(self, program: Path, archives: list[Path]) -> list[str]:
        return [str(program), *_OPENED, self._class_path(archives)]

    def _class_path(self, archives: list[Path]) -> str:
        """In a file of arguments: it is long."""
        file = self.home / "conf" / "class-path"
        joined = os.pathsep.join(map(str, archives)).replace("\\", "\\\\").replace('"', '\\"')
        _write(file, f'-cp "{joined}"\n')
        return f"@{file}"

    def _launch(
        self, program: Path, archives: list[Path], release: Release, heap: str, port: int
    ) -> Running:
        words = [
            str(program),
            f"-Xmx{heap}",
            *_OPENED,
            "--enable-native-access=ALL-UNNAMED",
            self._class_path(archives),
            release.main_class,
            f"--home-dir={self.home}",
            f"--config-dir={self.home / 'conf'}",
        ]
        (self.home / "logs" / "neo4j.log").unlink(missing_ok=True)
        with open(self.home / "output.log", "wb") as output:
            process = subprocess.Popen(
                words,
                env=environment(self.home),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = Running(release.version, process.pid, _born(process.pid) or "", port)
        _write(self._state_file, json.dumps(asdict(running)))
        return running

    def _await(self, running: Running, patience: float) -> None:
        until = time.monotonic() + patience
        while not self._answers(running):
            if running.born != _born(running.pid):
                self._forget()
                raise StoreError(f"Neo4j {running.version} did not start\n{self._last_lines()}")
            if self._has_failed(running):
                raise StoreError(
                    f"Neo4j {running.version} runs, and its database did not start"
                    f"\n{self._reason()}",
                    hint=f"{self.home}/logs/debug.log tells more; without the folder, the next start"
                    " makes an empty one, which `provgraph sync` fills",
                )
            if time.monotonic() > until:
                raise StoreError(
                    f"Neo4j {running.version} does not answer within {patience:g} s"
                    f"\n{self._last_lines()}",
                    hint=f"it goes on starting; {self.home}/logs tells more",
                )
            time.sleep(0.2)

    def _answers(self, running: Running) -> bool:
        """Whether the database does: the server listens some time before."""
        return self._said(running, "RETURN 1") is not None

    def _has_failed(self, running: Running) -> bool:
        """Whether the server has tried to start the database and goes on without."""
        return bool(
            self._said(
                running,
                "SHOW DATABASES YIELD name, currentStatus, statusMessage"
                " WHERE name <> 'system' AND currentStatus <> 'online' AND statusMessage <> ''",
                database="system",
            )
        )

    def _said(
        self, running: Running, text: str, database: str | None = None
    ) -> list[list[Any]] | None:
        """The rows of a statement; None where nothing answers it."""
        from neo4j import GraphDatabase
        from neo4j.exceptions import DriverError, Neo4jError

        with contextlib.suppress(OSError), socket.create_connection((_HOST, running.port), 1):
            auth = (USER, self.password())
            with (
                contextlib.suppress(DriverError, Neo4jError),
                GraphDatabase.driver(running.uri, auth=auth, connection_timeout=2) as driver,
                driver.session(database=database) as session,
            ):
                return session.run(text).values()
        return None

    def _reason(self) -> str:
        """Why a database did not start, as the server's log has it: what came of what."""
        try:
            lines = (self.home / "logs" / "debug.log").read_text("utf-8", "replace").splitlines()
        except OSError:
            return self._last_lines()
        return "\n".join(f"  {line}" for line in failure(lines)) or self._last_lines()

    def _last_lines(self) -> str:
        for file in (self.home / "logs" / "neo4j.log", self.home / "output.log"):
            with contextlib.suppress(OSError):
                lines = file.read_text("utf-8", "replace").splitlines()
                if any(lines):
                    return "\n".join(f"  {line}" for line in lines[-_SHOWN_LINES:])
        return f"  (nothing is written in {self.home}/logs)"


def failure(lines: Sequence[str]) -> list[str]:
    """The last failure to start in a log, without the places in the program.

    >>> failure(["... ERROR [x] Failed to start old", "... INFO  Starting",
    ...          "... ERROR [x] Failed to start DatabaseId{neo4j}", "java.X: cannot", "\\tat a.b(c:1)",
    ...          "Caused by: java.Y: no room", "\\t... 15 more", "... INFO  Started."])
    ['java.X: cannot', 'Caused by: java.Y: no room']
    """
    starts = [at for at, line in enumerate(lines) if _FAILED.search(line)]
    if not starts:
        return []
    told = takewhile(lambda line: not _LOGGED.match(line), lines[starts[-1] + 1 :])
    return [line for line in told if not line.startswith("\t")][:_SHOWN_LINES]


def _private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _write(file: Path, text: str) -> None:
    """Whole or not at all, for its owner only."""
    new = file.with_name(f"{file.name}.{os.getpid()}")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    new.replace(file)


def _born(pid: int) -> str | None:
    """When a process started, in ticks since boot; None if it does not live."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def _ended(running: Running, patience: float) -> bool:
    until = time.monotonic() + patience
    while running.born == _born(running.pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
