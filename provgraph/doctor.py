"""What works on this machine and in this project, and how to mend what does not."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from provgraph.config import Project, find_project
from provgraph.errors import ProvgraphError


@dataclass(frozen=True, slots=True)
class Finding:
    """`good`: works; `limited`: works with less; `bad`: wants mending, `remedy` says how."""

    subject: str
    verdict: Literal["good", "limited", "bad"]
    found: str
    remedy: str = ""


def examine(start: Path | None = None) -> list[Finding]:
    """Examine the machine, and the project around `start` (the working directory)."""
    checks: list[Callable[[], Iterator[Finding]]] = [_python, _capture, _git, _sqlite]
    findings = [finding for check in checks for finding in check()]
    try:
        project = find_project(start or Path())
    except ProvgraphError as error:
        return [*findings, Finding("project", "bad", error.message, error.hint or "")]
    if project is None:
        hint = "`provgraph init` makes one, so does the first `provgraph run`"
        return [*findings, Finding("project", "limited", "none around this folder", hint)]
    return [*findings, *_project(project)]


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    yield Finding("python", "good", f"{version} at {sys.executable}")


def _capture() -> Iterator[Finding]:
    if sys.platform != "linux":
        yield Finding(
            "capture",
            "limited",
            f"{sys.platform}: no preload library here",
            "runs are recorded by Python's own hooks and by comparing the tree before and after",
        )
        return
    from provgraph.ingest.capture.shim import library, tracer

    try:
        yield Finding("capture", "good", f"preload library {library()}")
        yield Finding("capture", "good", f"tracer for static programs {tracer()}")
    except ProvgraphError as error:
        yield Finding("capture", "bad", error.message, error.hint or "")


def _git() -> Iterator[Finding]:
    found = shutil.which("git")
    if found:
        yield Finding("git", "good", found)
    else:
        yield Finding("git", "limited", "not found", "install git to have commits recorded")


def _sqlite() -> Iterator[Finding]:
    import apsw

    yield Finding("sqlite", "good", f"{apsw.sqlite_lib_version()}, bundled with apsw")


def _project(project: Project) -> Iterator[Finding]:
    yield Finding("project", "good", f"{project.name} in {project.root}")
    yield from _state(project)
    yield from _settings(project)
    yield from _journal(project)
    yield from _store(project)


def _state(project: Project) -> Iterator[Finding]:
    if not project.state.is_dir():
        yield Finding("state", "limited", f"no {project.state} yet", "the first run makes it")
    elif not os.access(project.state, os.W_OK):
        remedy = "questions are answered, nothing new is recorded; give its owner write permission"
        yield Finding("state", "bad", f"{project.state} cannot be written", remedy)
    elif (mode := project.state.stat().st_mode & 0o077) != 0:
        remedy = f"chmod 700 {project.state}"
        yield Finding("state", "bad", f"{project.state} is open to others ({mode:03o})", remedy)
    else:
        yield Finding("state", "good", f"{project.state} is private and can be written")


def _settings(project: Project) -> Iterator[Finding]:
    from provgraph.graph import Graph

    try:
        kinds = Graph(project, read_only=True).kinds
    except ProvgraphError as error:
        yield Finding("settings", "bad", error.message, error.hint or "")
    else:
        yield Finding("settings", "good", f"{len(kinds.names)} kinds of files are known")


def _journal(project: Project) -> Iterator[Finding]:
    from provgraph.errors import JournalError
    from provgraph.model.journal import read_segment, segments

    paths = segments(project.journal)
    for path in paths:
        try:
            segment = read_segment(path)
        except (JournalError, OSError) as error:
            remedy = "move it out of the journal folder; the others are not touched by it"
            yield Finding("journal", "bad", str(error), remedy)
            continue
        if segment.condition in ("torn", "damaged"):
            remedy = f"{len(segment.records)} records before the place are used"
            yield Finding("journal", "limited", f"{path.name} is {segment.condition}", remedy)
    yield Finding("journal", "good", f"{len(paths)} segments in {project.journal}")


def _store(project: Project) -> Iterator[Finding]:
    from provgraph.graph import Graph

    where = project.store_uri
    if not where and not project.database.exists():
        yield Finding("store", "limited", "none yet", "the first question makes it")
        return
    try:
        with Graph(project, read_only=True) as graph:
            statistics = graph.store.statistics()
    except ProvgraphError as error:
        remedy = "provgraph sync --rebuild" if not where else error.hint or ""
        yield Finding("store", "bad", error.message, remedy)
    else:
        nodes, edges = sum(statistics.nodes.values()), sum(statistics.edges.values())
        place = f" in {where}" if where else ""
        yield Finding("store", "good", f"{nodes:,} nodes, {edges:,} edges{place}")
