"""`provgraph run`: parse its own few flags, find or make the project, and hand over to the runner.

Imports nothing heavy: this is in front of every captured command.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from provgraph.config import Project, create_project, find_project, prepare_state, project_root_for
from provgraph.errors import ProjectError, ProvgraphError, UsageError
from provgraph.model.elements import Scalar

_USAGE = (
    "provgraph run [--tag NAME=VALUE] [--param NAME=VALUE] [--json] "
    "[--backend auto|preload|ptrace|none] -- COMMAND [ARGUMENT...]"
)
_BACKENDS = ("auto", "preload", "ptrace", "none")


FINISH = "--finish"
"""With it the native front asks to write down the run of a recording at once."""


class Invocation(msgspec.Struct):
    argv: list[str] = []
    properties: dict[str, Scalar] = {}
    as_json: bool = False
    backend: str = "auto"


def main(words: list[str]) -> int:
    """Run a command under capture; returns the exit status that the shell should see."""
    if len(words) == 2 and words[0] == FINISH:
        from provgraph.ingest.capture.finish import finish

        return finish(Path(words[1]))
    try:
        wanted = parse(words)
        project = _project()
        from provgraph.ingest.capture.runner import run

        gc.freeze()  # nor is it looked at again, not even at the exit
        gc.enable()
        return run(
            wanted.argv,
            project,
            properties=wanted.properties,
            as_json=wanted.as_json,
            backend=wanted.backend,
        )
    except ProvgraphError as error:
        print(f"provgraph: {error}", file=sys.stderr)
        return error.exit_status


def parse(words: list[str]) -> Invocation:
    """The flags before the command; `--` ends them, so does the first word that is none.

    >>> parse(["--tag", "a=b", "--param=depth=6", "--", "python", "-c", "1"])
    Invocation(argv=['python', '-c', '1'], properties={'tag.a': 'b', 'param.depth': 6}, as_json=False, backend='auto')
    """
    wanted, rest = Invocation(), iter(words)
    for word in rest:
        if word == "--":
            wanted.argv = list(rest)
        elif word == "--json":
            wanted.as_json = True
        elif word.partition("=")[0] == "--backend":
            wanted.backend = _backend(word, rest)
        elif word.startswith(("--tag", "--param")):
            name, value = _assignment(word, rest)
            wanted.properties[name] = value
        elif word.startswith("-"):
            raise UsageError(f"run has no flag `{word}`", hint=_USAGE)
        else:
            wanted.argv = [word, *rest]
    if not wanted.argv:
        raise UsageError("run wants a command", hint=_USAGE)
    return wanted


def _backend(word: str, rest: Iterator[str]) -> str:
    _, joined, given = word.partition("=")
    name = given if joined else next(rest, "")
    if name not in _BACKENDS:
        raise UsageError(f"there is no backend `{name}`", hint=f"one of {', '.join(_BACKENDS)}")
    return name


def _assignment(word: str, rest: Iterator[str]) -> tuple[str, Scalar]:
    flag, joined, given = word.partition("=")
    if flag not in ("--tag", "--param"):
        raise UsageError(f"run has no flag `{flag}`", hint=_USAGE)
    given = given if joined else next(rest, "")
    name, equals, _ = given.partition("=")
    if not name or not equals:
        raise UsageError(f"`{flag}` wants NAME=VALUE", hint=_USAGE)
    from provgraph.ingest.capture.front import property_of

    return property_of(flag, given)


def _project() -> Project:
    start = Path(os.curdir)
    # The command matters more than its record: where there is no place for a project, the runner will fail to begin one,
    # say why, and run the command alone.
    if _is_removed():
        return Project(start, id="", name="")
    project = find_project(start)
    if project is not None:
        return _with_state(project)
    root = project_root_for(start)
    try:
        project = create_project(root)
    except ProjectError:
        return Project(Path(os.path.realpath(root)), id="", name="")
    print(
        f"provgraph: made a project in {project.root} (commit its provgraph.toml)", file=sys.stderr
    )
    return project


def _is_removed() -> bool:
    """Whether the working directory is there no more."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _with_state(project: Project) -> Project:
    if not project.journal.is_dir() or not project.spools.is_dir():
        with suppress(OSError):  # the runner runs the command all the same, and says what is lost
            prepare_state(project)
    return project
