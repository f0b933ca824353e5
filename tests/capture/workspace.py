"""A project in a folder of its own, and `provgraph run` in it as a shell would start it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from provgraph.config import Project, create_project
from provgraph.model.journal import read_segment, segments
from provgraph.model.records import Generated, Record, RunEnded, RunStarted, Used

R = TypeVar("R", bound=Record)


class Workspace:
    def __init__(self, project: Project, environment: Mapping[str, str]) -> None:
        self.project = project
        self.root = project.root
        self.environment = dict(environment)

    def command(self, *argv: str | bytes, flags: tuple[str, ...] = ()) -> list[str | bytes]:
        return [sys.executable, "-m", "provgraph", "run", *flags, "--", *argv]

    def shell(self, *argv: str) -> str:
        """The same command as text for a shell."""
        return shlex.join(map(str, self.command(*argv)))

    def run(
        self, *argv: str | bytes, flags: tuple[str, ...] = (), **options: Any
    ) -> subprocess.CompletedProcess[str]:
        options = {"env": self.environment, "cwd": self.root, "timeout": 120, **options}
        return subprocess.run(
            self.command(*argv, flags=flags), capture_output=True, text=True, check=False, **options
        )

    def start(self, *argv: str, **options: Any) -> subprocess.Popen[str]:
        options = {"env": self.environment, "cwd": self.root, **options}
        return subprocess.Popen(self.command(*argv), text=True, **options)

    def records(self) -> list[Record]:
        return [r for path in segments(self.project.journal) for r in read_segment(path).records]

    def all(self, kind: type[R]) -> list[R]:
        return [record for record in self.records() if isinstance(record, kind)]

    @property
    def started(self) -> RunStarted:
        return self.all(RunStarted)[-1]

    @property
    def ended(self) -> RunEnded:
        return self.all(RunEnded)[-1]

    def generated(self) -> dict[str, Generated]:
        return {record.names[-1].uri: record for record in self.all(Generated)}

    def used(self) -> dict[str, Used]:
        return {record.uri: record for record in self.all(Used)}

    def spools(self) -> list[str]:
        return os.listdir(self.project.spools)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Its environment is the test's, without what an outer capture or a developer's shell sets."""
    root = tmp_path / "project"
    root.mkdir()
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PROVGRAPH_", "GIT_", "PYTHON")) and name != "LD_PRELOAD"
    }
    return Workspace(create_project(root), kept)
