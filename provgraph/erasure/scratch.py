"""A copy of the project in which tables are redacted and commands run again, before anything is touched.

A command sees the copy in the project's own place, so a script that names the project by a whole path
works on the copy too. It has the project's id, so what is captured there are runs of the project: names relative to its root are
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
from typing import Final

from provgraph.config import STATE
from provgraph.errors import ProvgraphError
from provgraph.tracking import SPOOL


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
        """Run a command here, captured, its run tagged `NAME=VALUE`. Raises `RebuildFailed` with the end of what it said."""
        captured = [
            sys.executable,
            "-m",
            "provgraph",
            "run",
            "--tag",
            tag,
            "--",
            *argv,
        ]
        place = [str(self.root), str(self.project), str(self.project / cwd)]
        done = subprocess.run(
            [*apart(network=network), "sh", "-c", _IN_ITS_PLACE, "sh", *place, *captured],
            cwd=self.root,
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
                hint="nothing was changed; it has the variables of this shell, as it had those of another "
                "the first time. Mend it and execute again, or abandon the request; a plan with "
                "`--erase-derived` makes nothing again",
            )


def _without_state(project: Path):  # type: ignore[no-untyped-def]
    def ignored(folder: str, names: list[str]) -> list[str]:
        return [STATE] if Path(folder) == project and STATE in names else []

    return ignored


def _environment() -> dict[str, str]:
    """Ours, without what ties us to a run around us."""
    return {name: value for name, value in os.environ.items() if name != SPOOL}


_IN_ITS_PLACE: Final = 'mount --bind "$1" "$2" && cd "$3" && shift 3 && exec "$@"'
"""The copy stands where the project is, for the command alone: what it names by a whole path is the copy's."""


def apart(*, network: bool) -> list[str]:
    """What stands before a command so that it sees the copy in the project's place, and no network but
    its own loopback. Raises `ProvgraphError` where the system does not allow it."""
    kinds = ["--mount"] if network else ["--mount", "--net"]
    for user in ([], ["--user", "--map-current-user", "--keep-caps"]):
        words = ["unshare", *user, *kinds]
        try:
            allowed = subprocess.run(
                [*words, "mount", "--bind", "/tmp", "/tmp"], capture_output=True, check=False
            )
        except OSError:
            break
        if allowed.returncode == 0:
            return words
    raise ProvgraphError(
        f"commands cannot be run apart from the project here: `unshare {' '.join(kinds)}` is not allowed",
        hint="a container may need the right to make namespaces; `--erase-derived` plans without commands",
    )
