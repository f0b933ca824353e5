"""A graph as it had been recorded by a moment knows nothing of what was recorded later."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from provgraph.config import Project, create_project
from provgraph.graph import Graph
from provgraph.model.identity import generated_version_id, new_run_id, step_id
from provgraph.model.journal import SegmentWriter
from provgraph.model.records import Content, Generated, Name, RunStarted, StepSeen, Used, When
from provgraph.query.values import moment_text
from provgraph.recorded import RecordedGraph


def copied(project: Project, second: int, source: str, target: str, content: str) -> None:
    """A run at a second copied a file of some content."""
    run = new_run_id()
    step, when = step_id(run, "b", 1, 1, 0), When(second * 10**9)
    with SegmentWriter(project.journal, project.id, run) as writer:
        writer.write(RunStarted(run, ["make"], ".", when))
        writer.write(StepSeen(step, run, ["cp"], ".", when, program="cp"))
        writer.write(Used(step, source, when, Content(f"blake3:{content}")))
        version = generated_version_id(step, target, 0)
        writer.write(Generated(step, version, [Name(target, when)], Content(f"blake3:{content}")))


def names(graph: Graph, text: str) -> list[str]:
    return [row["path"] for row in graph.ask(f"{text} | select path")]


def test_what_was_recorded_later_is_not_there_though_it_happened_before(tmp_path: Path) -> None:
    project = create_project(tmp_path)
    copied(project, 20, "b.csv", "c.csv", "x")
    known = time.time_ns()
    copied(project, 10, "a.csv", "b.csv", "x")  # came from another machine
    copied(project, 30, "d.csv", "c.csv", "y")
    lineage = 'file "c.csv"@1 | lineage | where kind != step'
    with Graph.open(tmp_path) as graph, RecordedGraph(project, known) as then:
        graph.sync()
        assert names(graph, lineage) == ["b.csv", "a.csv"]
        assert names(then, lineage) == ["b.csv"]
        state = 'file "b.csv" | select state'
        assert [row["state"] for row in graph.ask(state)] == ["present"]
        assert [row["state"] for row in then.ask(state)] == ["external"]
        assert len(graph.ask('file "c.csv" | history')) == 2
        assert len(then.ask('file "c.csv" | history')) == 1
        folder = Path(then._folder.name)
        assert folder.is_dir()
    assert not folder.exists()
    with RecordedGraph(project, time.time_ns()) as now:
        assert names(now, lineage) == ["b.csv", "a.csv"]
    asked = [
        sys.executable,
        "-m",
        "provgraph",
        "ask",
        "--format",
        "csv",
        f"{lineage} | select path",
    ]
    for given, answer in ((["--recorded", moment_text(known)], "b.csv"), ([], "b.csv a.csv")):
        done = subprocess.run(
            [*asked, *given], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == ["path", *answer.split()]
