"""A copy of the project in which tables are redacted and commands run again, before anything is touched.

It has the project's id, so what is captured there are runs of the project: names relative to its root are
the same, and its journal's segments can be taken over as they are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from provgraph.config import STATE
from provgraph.errors import ProvgraphError


class RebuildFailed(ProvgraphError):
    """A command that was run again did not end well; nothing of the project has been changed."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """The copy at `root` of the project at `project`."""

    root: Path
    project: Path

    @classmethod
    def make(cls, root: Path, project: Path) -> Scratch:
        """A fresh copy, in place of one that is there. Raises OSError."""
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(project, root, symlinks=True, ignore=_without_state(project))
        return cls(root, project)

    @property
    def journal(self) -> Path:
        return self.root / STATE / "journal"

    def run(
        self, argv: Sequence[str], cwd: str, tag: str, *, network: bool, given: bytes = b""
    ) -> None:
        """Run a command here, captured. Raises `RebuildFailed` with the end of what it said."""
        captured = [
            sys.executable,
            "-m",
            "provgraph",
            "run",
            "--tag",
            f"erasure={tag}",
            "--",
            *argv,
        ]
        done = subprocess.run(
            [*([] if network else no_network()), *captured],
            cwd=self.root / cwd,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(),
            check=False,
        )
        if done.returncode != 0:
            said = done.stdout.decode("utf-8", "replace").strip().splitlines()[-5:]
            raise RebuildFailed(
                f"`{' '.join(argv[:4])}` ended with status {done.returncode}: {' / '.join(said)}",
                hint="nothing was changed; mend it and execute again, or abandon the request",
            )


def _without_state(project: Path):  # type: ignore[no-untyped-def]
    def ignored(folder: str, names: list[str]) -> list[str]:
        return [STATE] if Path(folder) == project and STATE in names else []

    return ignored


def _environment() -> dict[str, str]:
    """Ours, without what ties us to a run around us."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("PROVGRAPH_RUN")
    }


def no_network() -> list[str]:
    """What stands before a command to give it no network but its own loopback. Raises
    `ProvgraphError` where the system does not allow it."""
    for words in (["unshare", "--net"], ["unshare", "--user", "--map-current-user", "--net"]):
        try:
            if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
                return words
        except OSError:
            break
    raise ProvgraphError(
        "commands cannot be run without network here: `unshare --net` is not allowed",
        hint="`--network` lets them have it",
    )
