"""Are objects that a program reads over fsspec versions of their own, with the state that they had?"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
from capture.objects import Objects
from capture.workspace import Workspace

from provgraph.graph import Graph
from provgraph.ingest.capture import remotes

SITE = Path(remotes.__file__).parent / "site"
READING = """
import sys, fsspec
with fsspec.open(sys.argv[1], "rb") as file:
    open("out.txt", "wb").write(file.read())
"""


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("https://ann:p@ss@host/a@b?token=x&y=1", "https://host/a@b?token=[redacted]&y=1"),
        ("https://host/a?to=ann@host", "https://host/a?to=ann@host"),
        ("https://ann@[::1]:8/a", "https://[::1]:8/a"),
    ],
)
def test_who_logs_in_is_noted_nowhere(asked: str, kept: str) -> None:
    notes = runpy.run_path(str(SITE / "notes.py"))["Notes"]("", "")
    assert notes.shown(asked) == kept


def inputs(workspace: Workspace, question: str) -> list[tuple[object, ...]]:
    workspace.records()
    with Graph.open(workspace.root) as graph:
        graph.sync()
        return [tuple(row) for row in graph.ask(question).rows.values]


def test_each_state_of_an_object_is_an_external_version_named_by_its_etag(
    workspace: Workspace, objects: Objects
) -> None:
    (workspace.root / "read.py").write_text(READING)
    alone = [sys.executable, "read.py", objects.url()]
    assert workspace.run(*alone).returncode == 0
    asked = list(objects.requests)
    objects.content, objects.etag = b"second", "e2"
    assert workspace.run(*alone).returncode == 0
    assert objects.requests == [*asked, *asked], "capture asks for nothing itself"
    found = inputs(
        workspace, 'dataset "**/raw/data.csv"@all | select name, digest, state | sort by digest'
    )
    name = objects.url()
    assert found == [(name, "etag:e1", "external"), (name, "etag:e2", "external")]
    [latest] = inputs(
        workspace, 'file "out.txt" | lineage depth 3 | where name ~ "http**" | select digest'
    )
    assert latest == ("etag:e2",)


def test_what_lets_somebody_in_is_not_kept(workspace: Workspace, objects: Objects) -> None:
    (workspace.root / "read.py").write_text(READING.replace("sys.argv[1]", 'open("url").read()'))
    (workspace.root / "url").write_text(objects.url("ann:hunter2@", "?token=hunter2&part=1"))
    workspace.run(sys.executable, "read.py")
    workspace.records()
    for path in workspace.project.state.rglob("*"):
        assert path.is_dir() or b"hunter2" not in path.read_bytes()


def test_what_a_program_stored_is_what_it_reads(workspace: Workspace) -> None:
    (workspace.root / "work.py").write_text(
        "import fsspec\n"
        'fs = fsspec.filesystem("memory")\n'
        'fs.pipe("/a.csv", open("in.txt", "rb").read())\n'
        'open("out.txt", "wb").write(fs.cat("/a.csv"))\n'
    )
    (workspace.root / "in.txt").write_text("x")
    assert workspace.run(sys.executable, "work.py").returncode == 0
    assert inputs(workspace, 'dataset "**"@all | select name, state') == [
        ("memory:///a.csv", "present")
    ]


def test_what_a_file_system_without_a_name_opens_is_the_file(workspace: Workspace) -> None:
    (workspace.root / "work.py").write_text(
        "import fsspec\n"
        "class Local(fsspec.AbstractFileSystem):\n"
        "    def open(self, path, mode='rb'): return open(path, mode)\n"
        "    def put_file(self, one, other): open(other, 'wb').write(open(one, 'rb').read())\n"
        "Local().put_file('in.csv', 'out.csv')\n"
    )
    (workspace.root / "in.csv").write_text("x")
    assert workspace.run(sys.executable, "work.py").returncode == 0
    assert inputs(workspace, 'dataset "**"@all | select name, state') == [
        ("in.csv", "external"),
        ("out.csv", "present"),
    ]


def test_a_program_that_reads_nothing_remote_loads_nothing_for_it(workspace: Workspace) -> None:
    code = "import sys, json; print('provgraph_remote' in sys.modules, 'inspect' in sys.modules)"
    alone = workspace.run(sys.executable, "-c", code)
    assert alone.stdout == "False False\n"
