"""Where a repository is, and how git is run in it: without hooks, filters, pager or network."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final

from provgraph.errors import IngestError
from provgraph.model.uri import shown, text_of

_GIT: Final = (
    "git",
    "--no-pager",
    *("-c", "core.quotepath=off"),
    # diff-tree reads the index, and would ask the program that a repository may name here.
    *("-c", "core.fsmonitor=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "advice.graftFileDeprecated=false"),
    # A person's own mailmap would give the same commit other authors on other machines.
    *("-c", "mailmap.file="),
)

_LEAD_ASTRAY: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_REPLACE_REF_BASE",
        "GIT_WORK_TREE",
    }
)
"""What git sets for its hooks: it names their repository, not the one that was asked for."""

_SETTINGS: Final = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    # A partial clone would fetch what it lacks, from where its configuration says, with a command
    # that its configuration may name. Versions before 2.44 know only the list of protocols.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
    "LC_ALL": "C",
}

_BLOCK: Final = 1024 * 1024
_QUOTED: Final = 2_000


def environment(outside: Mapping[str, str], **settings: str) -> dict[str, str]:
    """What git is run with, of what this process was run with.

    >>> environment({"GIT_DIR": "/elsewhere/.git", "HOME": "/h"})["HOME"]
    '/h'
    >>> "GIT_DIR" in environment({"GIT_DIR": "/elsewhere/.git"})
    False
    """
    return (
        {key: text for key, text in outside.items() if key not in _LEAD_ASTRAY}
        | _SETTINGS
        | settings
    )


@dataclass(frozen=True, slots=True)
class Repository:
    """`top` is what paths are relative to: the work tree's root, of a bare repository its own
    folder. Absolute and canonical. `note` is told what git warns of."""

    top: bytes
    bare: bool
    shallow: bool
    note: Callable[[str], None]

    @classmethod
    def find(cls, folder: bytes, note: Callable[[str], None]) -> Repository:
        """The repository that `folder` is in.

        Raises `IngestError` where there is none, or git refuses it or is missing.
        """
        folder = os.path.realpath(folder)
        if not os.path.isdir(folder):
            raise IngestError(
                f"{_shown(folder)} is not a folder", hint="name the folder of a git work tree"
            )
        said = _run(
            folder,
            ["rev-parse", "--is-bare-repository", "--is-shallow-repository", "--show-toplevel"],
        )
        bare, shallow, top = (*said.stdout.split(b"\n", 2), b"", b"")[:3]
        if said.returncode == 0:
            return cls(os.path.realpath(top.removesuffix(b"\n")), False, shallow == b"true", note)
        if bare == b"true":
            top = _run(folder, ["rev-parse", "--absolute-git-dir"]).stdout.removesuffix(b"\n")
            return cls(os.path.realpath(top), True, shallow == b"true", note)
        if bare == b"false":
            raise IngestError(
                f"{_shown(folder)} is inside a repository's own folder",
                hint="name the folder of its work tree",
            )
        raise _refusal(folder, said.stderr)

    @property
    def shown(self) -> str:
        return _shown(self.top)

    def run(self, arguments: list[str], given: str = "", **settings: str) -> str:
        """What git answers; raises `IngestError` with git's own words where it fails."""
        said = _run(self.top, arguments, given, **settings)
        if said.returncode:
            raise _refusal(self.top, said.stderr)
        for line in _lines(said.stderr):
            self.note(f"git says: {line}")
        return os.fsdecode(said.stdout)

    def has_commits(self) -> bool:
        return bool(self.run(["rev-list", "--max-count=1", "--all"])) or self.has_head()

    def has_head(self) -> bool:
        """False on a branch that has no commit yet."""
        return _run(self.top, ["rev-parse", "--verify", "--quiet", "HEAD"]).returncode == 0

    def holds(self, revision: str) -> bool:
        """Whether the object is here; a partial clone may know of it and lack it."""
        return _run(self.top, ["cat-file", "-e", revision]).returncode == 0

    @contextmanager
    def stream(self, arguments: list[str], given: str) -> Iterator[Iterator[bytes]]:
        """What git answers, in blocks. Raises `IngestError` at the end of the blocks where git
        failed; leaving early ends git."""
        # Files, not pipes, at the other two ends: nobody then waits for anybody.
        with tempfile.TemporaryFile() as lines, tempfile.TemporaryFile() as errors:
            lines.write(given.encode())
            lines.seek(0)
            with _start(self.top, arguments, lines, errors) as process:
                try:
                    yield self._blocks(process, errors)
                finally:
                    process.kill()

    def _blocks(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> Iterator[bytes]:
        assert process.stdout is not None
        while block := os.read(process.stdout.fileno(), _BLOCK):
            yield block
        if process.wait():
            errors.seek(0)
            raise _refusal(self.top, errors.read(_QUOTED))


def _start(
    folder: bytes, arguments: list[str], lines: IO[bytes], errors: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*_GIT, *arguments],
        cwd=folder,
        env=environment(os.environ),
        stdin=lines,
        stdout=subprocess.PIPE,
        stderr=errors,
        bufsize=0,
    )


def _run(
    folder: bytes,
    arguments: list[str],
    given: str = "",
    **settings: str,
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            [*_GIT, *arguments],
            cwd=folder,
            env=environment(os.environ, **settings),
            input=given.encode(),
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise IngestError("git is not installed, or not on the PATH", hint="install git") from error
    except OSError as error:
        raise IngestError(f"git cannot be run in {_shown(folder)}: {error.strerror}") from error


def _refusal(folder: bytes, stderr: bytes) -> IngestError:
    lines = _lines(stderr)
    if any("not a git repository" in line for line in lines):
        return IngestError(
            f"{_shown(folder)} is not in a git repository",
            hint="make one with `git init`, or name the folder of one",
        )
    quoted = "\n  ".join(lines) or "it ended without a word"
    return IngestError(f"git cannot read {_shown(folder)}:\n  {quoted}", hint=_remedy(lines))


def _remedy(lines: list[str]) -> str:
    for line in lines:
        if line.startswith("git config "):
            return f"if its owner is to be trusted: `{line}`"
        if "promisor" in line:
            return "the clone is partial: `git fetch --refetch --no-filter` completes it"
    return "`git fsck` says what is damaged"


def _lines(stderr: bytes) -> list[str]:
    words = stderr[:_QUOTED].decode("utf-8", "replace")
    return [shown(line.strip()) for line in words.splitlines() if line.strip()]


def _shown(path: bytes) -> str:
    return shown(text_of(path))
