"""Programs under the shim, and the events they left."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from provgraph.ingest.capture import shim, spool
from provgraph.ingest.capture.events import Event

E = TypeVar("E", bound=Event)


@dataclass
class Traced:
    """What one run of a program left behind."""

    status: int
    stdout: bytes
    stderr: bytes
    events: list[Event]
    gaps: list[str]
    activity: int

    def all(self, kind: type[E], **wanted: object) -> list[E]:
        """The events of a kind whose fields are as wanted."""
        return [
            event
            for event in self.events
            if isinstance(event, kind)
            and all(getattr(event, name) == value for name, value in wanted.items())
        ]

    def one(self, kind: type[E], **wanted: object) -> E:
        found = self.all(kind, **wanted)
        assert len(found) == 1, f"{len(found)} {kind.__name__} {wanted}: {self.events}"
        return found[0]

    def of(self, pid: int) -> list[str]:
        """The kinds of one process's events, in order."""
        return [type(event).__name__ for event in self.events if event.pid == pid]


@dataclass
class Tracing:
    """A folder to run programs in, each with a fresh spool."""

    folder: Path
    library: Path
    spools: Path
    count: int = 0
    variables: dict[str, str] = field(default_factory=dict)
    tracer: Path | None = None
    root: Path | None = None

    def fresh(self) -> Path:
        self.count += 1
        path = self.spools / f"spool-{self.count}"
        spool.create(path, self.tracer, self.root)
        return path

    def followed(self, path: Path, *argv: str | bytes | Path, way: str = "whole") -> list[Any]:
        """The words that start a program under the tracer, which is to write to the spool `path`."""
        assert self.tracer is not None
        program = shutil.which(os.fsdecode(argv[0])) or argv[0]
        return [self.tracer, path, way, program, *argv]

    def follow(self, *argv: str | bytes | Path, **options: Any) -> Traced:
        """Run a program under the tracer alone."""
        path = self.fresh()
        done = subprocess.run(
            self.followed(path, *argv),
            cwd=self.folder,
            env=spool.without_shim(path, {**os.environ, **self.variables}),
            stdin=options.pop("stdin", subprocess.DEVNULL),
            capture_output=True,
            check=False,
            timeout=60,
            **options,
        )
        return self.read(path, done.returncode, done.stdout, done.stderr)

    def environment(self, path: Path) -> dict[str, str]:
        return spool.environment(self.library, path, {**os.environ, **self.variables})

    def run(self, *argv: str | bytes | Path, **options: Any) -> Traced:
        path = self.fresh()
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=options.pop("env", self.environment(path)),
            stdin=options.pop("stdin", subprocess.DEVNULL),
            capture_output=True,
            check=False,
            timeout=60,
            **options,
        )
        return self.read(path, done.returncode, done.stdout, done.stderr)

    def read(self, path: Path, status: int, stdout: bytes = b"", stderr: bytes = b"") -> Traced:
        with spool.Spool(path) as read:
            return Traced(status, stdout, stderr, read.events(), read.gaps(), read.activity())

    def path(self, name: str | bytes) -> bytes:
        return bytes(self.folder) + b"/" + os.fsencode(name)


@pytest.fixture(scope="session")
def shim_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shim.library(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="session")
def tracer_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shim.tracer(tmp_path_factory.mktemp("tracer"))


@pytest.fixture
def followed(traced: Tracing, tracer_program: Path) -> Tracing:
    """As `traced`, with the tracer for the programs that cannot load the shim."""
    traced.tracer = tracer_program
    return traced


@pytest.fixture
def traced(tmp_path: Path, shim_library: Path) -> Tracing:
    for name in ("work", "spools"):
        (tmp_path / name).mkdir()
    return Tracing((tmp_path / "work").resolve(), shim_library, tmp_path / "spools")


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compiles a small C program, once for each text."""
    folder = tmp_path_factory.mktemp("programs")
    known: dict[tuple[str, ...], Path] = {}

    def compile_program(text: str, *flags: str) -> Path:
        key = (text, *flags)
        if key not in known:
            known[key] = folder / f"program{len(known)}"
            source = folder / f"program{len(known)}.c"
            source.write_text("#define _GNU_SOURCE\n" + text)
            command = ["cc", "-O1", "-w", "-o", str(known[key]), str(source), *flags]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        return known[key]

    return compile_program
