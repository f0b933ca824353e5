"""Where the project is and what its `provgraph.toml` says.

The file is committed; it holds the project's id, by which journals of several machines meet. State
lives under `.provgraph/` beside it, which ignores itself in git and is private to its owner.
"""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec

from provgraph.errors import ProjectError

FILE: Final = "provgraph.toml"
STATE: Final = ".provgraph"
EMBEDDED: Final = "embedded"
_ID: Final = re.compile(r'^id\s*=\s*"([0-9a-z][0-9a-z-]{7,63})"\s*(?:#.*)?$', re.MULTILINE)
_NAME: Final = re.compile(r'^name\s*=\s*"([^"\\\x00-\x1f]{1,200})"\s*(?:#.*)?$', re.MULTILINE)


class Project(msgspec.Struct, frozen=True, dict=True):
    """A project: its canonical root, its id and its name."""

    root: Path
    id: str
    name: str

    @property
    def file(self) -> Path:
        return self.root / FILE

    @property
    def state(self) -> Path:
        return self.root / STATE

    @property
    def journal(self) -> Path:
        return self.state / "journal"

    @property
    def spools(self) -> Path:
        return self.state / "spool"

    @property
    def contents(self) -> Path:
        """What is kept of scripts and small texts, by digest."""
        return self.state / "contents"

    @property
    def database(self) -> Path:
        return self.state / "graph.db"

    @property
    def local_server(self) -> Path:
        """Where `provgraph neo4j` keeps the project's own server."""
        return self.state / "neo4j"

    @property
    def store_uri(self) -> str:
        """Where the graph is kept, if not in `database`: the environment says it, or `[store]`."""
        named = os.environ.get("PROVGRAPH_STORE", "")
        if not named:
            section = self.settings.get("store", {})
            named = section.get("uri", "") if isinstance(section, dict) else section
        if not isinstance(named, str):
            raise ProjectError(f"{self.file}: [store] wants `uri`, in quotes")
        return "" if named == EMBEDDED else named

    def asks_for(self, section: str) -> bool:
        """Whether the file has a section, without what reading TOML costs."""
        return f"\n[{section}]" in self.file.read_text("utf-8")

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The whole of `provgraph.toml`. Raises `ProjectError` where it is not TOML."""
        import tomllib

        try:
            return tomllib.loads(self.file.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ProjectError(
                f"{self.file}: {error}", hint="mend it, or restore it from git"
            ) from error


def find_project(start: Path) -> Project | None:
    """The project that `start` is in: the nearest folder upwards with a `provgraph.toml`.

    Raises `ProjectError` where that file names no id, or the working directory was removed.
    """
    start = _real(start)
    for folder in (start, *start.parents):
        file = folder / FILE
        if file.is_file():
            return _opened(folder, file)
    return None


def _real(folder: Path) -> Path:
    try:
        return Path(os.path.realpath(folder))
    except FileNotFoundError as error:
        raise ProjectError(
            "the working directory was removed", hint="`cd` to one that is there"
        ) from error


def _opened(root: Path, file: Path) -> Project:
    # Read with two expressions, not a TOML parser: `provgraph run` pays for every import.
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"{file} cannot be read: {error}") from error
    found = _ID.search(text)
    if not found:
        raise ProjectError(
            f"{file} names no project id",
            hint='it wants a line such as `id = "3f9c..."`; `provgraph init` writes one',
        )
    name = _NAME.search(text)
    return Project(root, found[1], name[1] if name else root.name)


def create_project(root: Path, name: str = "") -> Project:
    """Make a project at `root`: `provgraph.toml` with a new id, and the private state folder.

    Raises `ProjectError` if there is one already, or the folder cannot be written.
    """
    root = _real(root)
    file = root / FILE
    name = re.sub(r'["\\\x00-\x1f]', "", name or root.name) or "project"
    project = Project(root, os.urandom(16).hex(), name)
    try:
        root.mkdir(parents=True, exist_ok=True)
        prepare_state(project)
        with open(file, "x", encoding="utf-8") as out:
            out.write(_TEMPLATE.format(id=project.id, name=name))
    except FileExistsError:
        raise ProjectError(f"{file} exists already") from None
    except OSError as error:
        raise ProjectError(
            f"no project can be made in {root}: {error.strerror}",
            hint="choose a folder that can be written",
        ) from error
    return project


def prepare_state(project: Project) -> bool:
    """Make the state folders, 0700, ignoring themselves in git; whether one of them was missing, as all
    are in a fresh clone. Raises OSError."""
    folders, ignore = (project.state, project.journal, project.spools), project.state / ".gitignore"
    missing = not all(path.exists() for path in (*folders, ignore))
    for folder in folders:
        folder.mkdir(mode=0o700, exist_ok=True)
    if not ignore.exists():
        ignore.write_text("*\n")
    return missing


def project_root_for(start: Path) -> Path:
    """Where a new project belongs: the root of the git work tree around `start`, else `start`."""
    start = _real(start)
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            return folder
    return start


_TEMPLATE: Final = """\
# A provgraph project. Commit this file: the id is how captures of several machines meet.
[project]
id = "{id}"
name = "{name}"

# What files are, first match wins; the built-in table follows after these.
# [kinds]
# "models/**" = "model"

# Scripts and small texts are kept, so that they can be shown later; what else is, and what never.
# [content]
# keep = ["reports/*.html"]
# never = ["private/**"]
# largest = "10MB"

# Environment variables that are kept with a run besides the usual ones.
# [environment]
# variables = ["MYAPP_*"]
"""
