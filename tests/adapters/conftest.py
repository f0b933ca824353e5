"""Real repositories, made by git itself, and the adapter that reads them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from provgraph.ingest import ReadContext, adapter
from provgraph.model.records import CommitSeen, Committed, Record

HOST = "here"
START = 1_700_000_000


class History(list[Record]):
    """What was read, and what it says."""

    @property
    def commits(self) -> list[CommitSeen]:
        return [record for record in self if isinstance(record, CommitSeen)]

    @property
    def changes(self) -> list[Committed]:
        return [record for record in self if isinstance(record, Committed)]

    def of(self, sha: str) -> dict[str, str]:
        """What a commit gave to which file."""
        return {change.uri: change.blob for change in self.changes if change.sha == sha}


@dataclass
class GitRepository:
    """A work tree, or a bare repository. Each commit is made a minute after the one before."""

    path: Path
    seconds: int = START
    notes: list[str] = field(default_factory=list)

    def git(self, *arguments: str | bytes, given: bytes = b"", **settings: str) -> str:
        """What git answers, without the end of its last line."""
        said = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            input=given,
            capture_output=True,
            env=os.environ | settings,
            check=False,
        )
        assert said.returncode == 0, said.stderr.decode(errors="replace")
        return os.fsdecode(said.stdout).removesuffix("\n")

    def write(self, name: str | bytes, content: bytes) -> None:
        path = os.path.join(os.fsencode(self.path), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(os.fsdecode(path)).write_bytes(content)

    def commit(self, message: str = "a change", *options: str, **files: bytes) -> str:
        """Write `files`, commit all that changed, and say the commit's sha."""
        for name, content in files.items():
            self.write(name, content)
        self.seconds += 60
        self.git("add", "--all")
        self.git(
            *("commit", "--quiet", "--allow-empty", "--allow-empty-message", *options),
            *("-m", message),
            GIT_AUTHOR_DATE=f"{self.seconds - 30} +0200",
            GIT_COMMITTER_DATE=f"{self.seconds} +0200",
        )
        return self.git("rev-parse", "HEAD")

    def blob(self, revision: str) -> str:
        """The tagged blob id that git has recorded."""
        return "git:" + self.git("rev-parse", revision)

    def read(
        self,
        known: Iterable[Record] = (),
        *,
        root: Path | None = None,
        source: Path | None = None,
        **options: bool,
    ) -> History:
        context = ReadContext(
            root or self.path,
            "project",
            host=HOST,
            known=lambda: {c.sha: c.parents for c in History(known).commits},
            options=options,
            note=self.notes.append,
        )
        return History(adapter("git").read(str(source or self.path), context))


@pytest.fixture
def plain_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration but the test's own; one author."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ann Lee")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ann@example.org")
        monkeypatch.setenv(f"GIT_{who}_DATE", f"{START} +0000")


@pytest.fixture
def make_repository(tmp_path: Path, plain_git: None) -> Callable[..., GitRepository]:
    def make(name: str = "repository", *options: str) -> GitRepository:
        path = tmp_path / name
        path.mkdir(parents=True)
        repository = GitRepository(path)
        repository.git("init", "--quiet", "--initial-branch=main", *options, ".")
        return repository

    return make


@pytest.fixture
def repository(make_repository: Callable[..., GitRepository]) -> GitRepository:
    return make_repository()
