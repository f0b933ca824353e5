"""A project in a folder of its own, and `provgraph run` in it as a shell would start it.

There are two that do it: Python's runner, and the native front, which leaves to the next sync what can
wait. What a person may rely on is the same, so what tests it runs over both.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from provgraph.config import Project, create_project
from provgraph.ingest.capture import launcher
from provgraph.ingest.capture.recover import recover
from provgraph.model.journal import read_segment, segments
from provgraph.model.records import Generated, Record, RunEnded, RunStarted, Used

R = TypeVar("R", bound=Record)
PYTHON = [sys.executable, "-m", "provgraph"]
SCRIPT = f"""#!{sys.executable}
import sys
from provgraph.__main__ import main
sys.exit(main())
"""


class Workspace:
    def __init__(
        self, project: Project, environment: Mapping[str, str], provgraph: list[str] | None = None
    ) -> None:
        self.project = project
        self.root = project.root
        self.environment = dict(environment)
        self.provgraph = provgraph or PYTHON

    @property
    def native(self) -> bool:
        return self.provgraph is not PYTHON

    def command(self, *argv: str | bytes, flags: tuple[str, ...] = ()) -> list[str | bytes]:
        return [*self.provgraph, "run", *flags, "--", *argv]

    def shell(self, *argv: str) -> str:
        """The same command as text for a shell."""
        return shlex.join(map(str, self.command(*argv)))

    def run(
        self,
        *argv: str | bytes,
        flags: tuple[str, ...] = (),
        within: tuple[str | bytes | Path, ...] = (),
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        """`within` starts the command that follows it."""
        options = {"env": self.environment, "cwd": self.root, "timeout": 120, **options}
        command = [*within, *self.command(*argv, flags=flags)]
        return subprocess.run(command, capture_output=True, text=True, check=False, **options)

    def start(self, *argv: str, **options: Any) -> subprocess.Popen[str]:
        options = {"env": self.environment, "cwd": self.root, **options}
        return subprocess.Popen(self.command(*argv), text=True, **options)

    def records(self) -> list[Record]:
        """All that is in the journal, after what waits to be written down."""
        recover(self.project)
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


def environment() -> dict[str, str]:
    """The test's, without what an outer capture or a developer's shell sets."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PROVGRAPH_", "GIT_", "PYTHON")) and name != "LD_PRELOAD"
    }


@pytest.fixture(scope="session")
def native_front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The compiled front, in a folder as an installation has it. It knows the installation."""
    if shutil.which("cc") is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler for Linux")
    folder = tmp_path_factory.mktemp("bin")
    front = folder / launcher.NAME
    launcher.compile_launcher(front)
    (folder / launcher.PYTHON).write_text(SCRIPT)
    (folder / launcher.PYTHON).chmod(0o755)
    project = create_project(tmp_path_factory.mktemp("first"))
    for _ in range(2):  # the first run is Python's, which notes what the front needs
        done = subprocess.run(
            [front, "run", "--", "true"], cwd=project.root, env=environment(), check=True
        )
        assert done.returncode == 0
    assert os.listdir(project.spools), "the front did not do an ordinary run itself"
    yield front
    note = launcher.note_path(front)
    assert note is not None
    note.unlink()


@pytest.fixture(params=["python", "native"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    root = tmp_path / "project"
    root.mkdir()
    project = create_project(root)
    if request.param == "python":
        return Workspace(project, environment())
    return Workspace(project, environment(), [str(request.getfixturevalue("native_front"))])


@pytest.fixture
def native_workspace(native_front: Path, tmp_path: Path) -> Workspace:
    """Of the native front alone."""
    root = tmp_path / "project"
    root.mkdir()
    return Workspace(create_project(root), environment(), [str(native_front)])
