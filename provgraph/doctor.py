"""What works on this machine and in this project, and how to mend what does not."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from provgraph.config import Project, find_project
from provgraph.errors import ProvgraphError

LEAST_SPACE: Final = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Finding:
    """`good`: works; `limited`: works with less; `bad`: wants mending, `remedy` says how."""

    subject: str
    verdict: Literal["good", "limited", "bad"]
    found: str
    remedy: str = ""


def examine(start: Path | None = None) -> list[Finding]:
    """Examine the machine, and the project around `start` (the working directory)."""
    checks: list[Callable[[], Iterator[Finding]]] = [
        _python,
        _capture,
        _tracing,
        _git,
        _sqlite,
        _extras,
    ]
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


def _tracing() -> Iterator[Finding]:
    """Yama's strictest setting forbids what the tracer of static programs does."""
    try:
        scope = Path("/proc/sys/kernel/yama/ptrace_scope").read_text().strip()
    except OSError:
        return
    if scope == "3":
        yield Finding(
            "tracing",
            "limited",
            "this kernel lets nobody trace a program (kernel.yama.ptrace_scope is 3)",
            "static programs are not seen inside; their runs say so",
        )


EXTRAS: Final = {
    "fast": ("numpy",),
    "web": ("fastapi", "uvicorn", "pygments"),
    "notebook": ("IPython", "pandas"),
    "subjects": ("cryptography", "duckdb", "pyarrow"),
    "neo4j": ("neo4j",),
}
"""The modules that each extra of pyproject.toml brings."""


def _extras() -> Iterator[Finding]:
    from importlib.util import find_spec

    missing = [name for name, wanted in EXTRAS.items() if not all(map(find_spec, wanted))]
    if missing:
        remedy = f'pip install "provgraph[{",".join(missing)}]", where they are wanted'
        yield Finding("extras", "limited", f"not installed: {', '.join(missing)}", remedy)
    else:
        yield Finding("extras", "good", f"all installed: {', '.join(EXTRAS)}")


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
    yield from _committed(project)
    yield from _state(project)
    yield from _space(project)
    settings = list(_settings(project))
    yield from settings
    yield from _journal(project)
    if settings[-1].verdict == "good":  # else they do not say where the store is
        yield from _store(project)


def _committed(project: Project) -> Iterator[Finding]:
    """A clone without the project's file becomes another project, and its files other files."""
    command = ["git", "-C", str(project.root), "status", "--porcelain", "--", project.file.name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return
    if done.returncode == 0 and done.stdout.startswith("??"):
        remedy = f"git add {project.file.name} and commit it: it has the project's id"
        yield Finding("project", "limited", f"{project.file.name} is not in git", remedy)


def _space(project: Project) -> Iterator[Finding]:
    if not project.state.is_dir():
        return
    free = shutil.disk_usage(project.state).free
    if free < LEAST_SPACE:
        remedy = "a run on a full disk goes on, and is recorded in part; make room"
        yield Finding("space", "bad", f"{free // 2**20} MiB are free for {project.state}", remedy)


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
            statistics, warning = graph.store.statistics(), graph.store.warning
    except ProvgraphError as error:
        remedy = "provgraph sync --rebuild" if not where else error.hint or ""
        yield Finding("store", "bad", error.message, remedy)
    else:
        nodes, edges = sum(statistics.nodes.values()), sum(statistics.edges.values())
        place = f" in {where}" if where else ""
        yield Finding("store", "good", f"{nodes:,} nodes, {edges:,} edges{place}")
        if warning:
            yield Finding("store", "limited", warning)
