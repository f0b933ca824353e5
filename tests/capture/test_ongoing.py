"""A daemon works for a day. What it did in the past hour can be asked about; what kills it takes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from capture.workspace import Workspace

from provgraph.errors import JournalError
from provgraph.graph import Graph
from provgraph.ingest.capture import marks, ongoing
from provgraph.model.journal import SegmentWriter, read_segment, segments
from provgraph.model.records import Derived, Generated

HOUR = 3600 * 1_000_000_000
DAEMON = """
import os, sys
for line in sys.stdin:
    name = line.strip()
    with open(f"in-{name}") as source, open("unfinished", "w") as target:
        target.write(source.read())
    os.rename("unfinished", f"out-{name}")
    print(name, flush=True)
"""

WITHOUT_RENAMES = DAEMON.replace('    os.rename("unfinished", f"out-{name}")\n', "").replace(
    '"unfinished"', 'f"out-{name}"'
)


class Day:
    """A captured daemon that works when it is told to, under a clock that goes when it is told to."""

    def __init__(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, program: str = DAEMON
    ) -> None:
        self.root = workspace.root
        self.daemon = workspace.start(
            *(sys.executable, "-c", program), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.passed = 0
        self.work("first")  # now it has begun
        began = ongoing.now()
        monkeypatch.setattr(ongoing, "now", lambda: began + self.passed)

    def work(self, name: str) -> None:
        (self.root / f"in-{name}").write_text(name)
        assert self.daemon.stdin and self.daemon.stdout
        self.daemon.stdin.write(f"{name}\n")
        self.daemon.stdin.flush()
        assert self.daemon.stdout.readline() == f"{name}\n"


def sources(graph: Graph, name: str) -> set[str]:
    """What a file came from, as far as the graph knows."""
    graph.sync()
    rows = graph.ask(f'file "{name}" | lineage | select name').rows.values
    return {str(name) for (name,) in rows}


def test_a_daemon_s_past_hours_can_be_asked_about_while_it_runs(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "MOST", 20)  # what was told is remembered on the disk, too
    day = Day(workspace, monkeypatch)
    try:
        with Graph.open(workspace.root) as graph:
            for hour in range(24):
                day.work(f"{hour}.0")
                day.passed += HOUR // 2
                day.work(f"{hour}.1")
                assert f"in-{hour}.0" not in sources(graph, f"out-{hour}.0")  # not yet
                day.passed += HOUR // 2
                assert f"in-{hour}.0" in sources(graph, f"out-{hour}.0")
                assert f"in-{hour}.1" in sources(graph, f"out-{hour}.1")
    finally:
        day.daemon.send_signal(signal.SIGKILL)
        day.daemon.wait()
    assert day.daemon.stdin and day.daemon.stdout
    day.daemon.stdin.close()  # the program ends, whose recorder was killed
    day.daemon.stdout.read()
    with Graph.open(workspace.root) as graph:
        hours = [{uri for made in part for uri in names(made)} for part in told(workspace)]
        for hour in range(24):  # a segment each, which holds nothing of another hour
            begun = {"out-first"} if hour == 0 else set()
            assert begun | {"unfinished", f"out-{hour}.0", f"out-{hour}.1"} in hours
            assert sum(f"out-{hour}.0" in made for made in hours) == 1
        graph.rebuild()
        assert "in-23.1" in sources(graph, "out-23.1")
    made = workspace.all(Generated)
    assert len({record.version for record in made}) == len(made)  # each was told once


def whole(workspace: Workspace) -> list[Generated]:
    """What stands in segments that are closed."""
    return [record for part in told(workspace) for record in part]


def told(workspace: Workspace) -> list[list[Generated]]:
    """What was made, in each segment that is closed and tells of some."""
    read = []
    for path in segments(workspace.project.journal):
        with suppress(JournalError):  # it is being begun
            read.append(read_segment(path))
    closed = [segment.records for segment in read if segment.condition == "whole"]
    made = [[r for r in records if isinstance(r, Generated)] for records in closed]
    return [part for part in made if part]


def names(made: Generated) -> list[str]:
    return [name.uri for name in made.names]


def test_when_it_is_told_can_be_set(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = workspace.root / "provgraph.toml"
    settings.write_text(settings.read_text() + '\n[capture]\nevery = "1m"\n')
    day = Day(workspace, monkeypatch)
    try:
        with Graph.open(workspace.root) as graph:
            day.work("a")
            day.passed += HOUR // 60
            assert "in-a" in sources(graph, "out-a")
    finally:
        assert day.daemon.stdin and day.daemon.stdout
        day.daemon.stdin.close()
        day.daemon.stdout.read()
        assert day.daemon.wait() == 0
    with Graph.open(workspace.root) as graph:
        assert "in-a" in sources(graph, "out-a")
    assert workspace.ended.exit == 0


@pytest.mark.parametrize("setting", ['every = "1s"', 'after = "80kB"'])
def test_who_records_a_run_has_it_told_although_nobody_asks(
    workspace: Workspace, setting: str
) -> None:
    settings = workspace.root / "provgraph.toml"
    settings.write_text(settings.read_text() + f"\n[capture]\n{setting}\n")
    daemon = workspace.start(
        *(sys.executable, "-c", DAEMON), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert daemon.stdin and daemon.stdout
    (workspace.root / "in-a").write_text("a")
    while not whole(workspace):
        daemon.stdin.write("a\n")
        daemon.stdin.flush()
        assert daemon.stdout.readline() == "a\n"
        time.sleep(0.01)
    assert "out-a" in {name for made in whole(workspace) for name in names(made)}
    assert daemon.poll() is None
    daemon.stdin.close()
    assert daemon.wait() == 0
    assert workspace.ended.exit == 0
    made = workspace.all(Generated)
    assert len({record.version for record in made}) == len({closed_at(record) for record in made})


def closed_at(made: Generated) -> int:
    """What tells a version from another, whoever tells of it and when."""
    return made.names[0].since.tick


def test_a_rename_that_only_the_tree_tells_changes_nothing_of_what_was_told(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = Day(workspace, monkeypatch, WITHOUT_RENAMES)
    os.rename(workspace.root / "out-first", workspace.root / "moved")  # not by what is captured
    day.work("second")
    day.passed += HOUR
    with Graph.open(workspace.root) as graph:
        assert "in-second" in sources(graph, "out-second")
        assert day.daemon.stdin and day.daemon.stdout
        day.daemon.stdin.close()
        assert day.daemon.wait() == 0
        assert "in-first" in sources(graph, "moved")
        assert len(graph.ask('file "out-second"@all | select version').rows.values) == 1
    made = workspace.all(Generated)
    assert len({record.step for record in made if "out-second" in names(record)}) == 1
    assert "moved" in {name for each in made for name in names(each)}
    assert len({record.version for record in made}) == len({closed_at(record) for record in made})


def test_what_a_later_segment_goes_on_from_is_in_the_graph_before_it(workspace: Workspace) -> None:
    """Both come at once into a graph that is made anew."""
    (workspace.root / "a").write_text("x\n")
    workspace.run("sh", "-c", "sort a > b; echo >> b")
    records = workspace.records()
    (whole,) = segments(workspace.project.journal)
    run = whole.stem
    whole.unlink()
    later = [record for record in records if isinstance(record, Derived)]
    for name, part in ((f"{run}.1", later), (run, [r for r in records if r not in later])):
        with SegmentWriter(workspace.project.journal, workspace.project.id, name) as writer:
            for record in part:
                writer.write(record)
    with Graph.open(workspace.root) as graph:
        assert graph.sync().problems == []
        assert {"a", "b"} <= {row["path"] for row in graph.file("b").lineage().select("path")}
