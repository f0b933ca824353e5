"""Is a file of the project itself when a program names it by another name that a mount gives it?"""

from __future__ import annotations

from pathlib import Path

import pytest
from capture.workspace import Workspace

from provgraph.graph import open as open_graph
from provgraph.model.records import RunEnded

APART = ("unshare", "--map-root-user", "--mount", "sh", "-ec")
"""Starts a script in a namespace of its own: what it mounts nobody else sees, and is gone with it."""


def run_in(workspace: Workspace, mounts: str, *argv: str) -> None:
    done = workspace.run(*argv, within=(*APART, f'{mounts}; exec "$@"', "sh"))
    assert done.returncode == 0, done.stderr


def lineage(workspace: Workspace, name: str) -> set[str]:
    workspace.records()
    with open_graph(workspace.root) as graph:
        rows = graph.file(name).lineage().select("path", "program")
        return {str(row["path"]) for row in rows if row["program"] is None}


@pytest.fixture
def other(tmp_path: Path) -> Path:
    folder = tmp_path / "another name"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("backend", ["auto", "ptrace"])
def test_what_a_program_does_by_another_name_it_does_in_the_project(
    workspace: Workspace, other: Path, backend: str
) -> None:
    """Of the folder above the project, too, and when the mount is gone as the run is written down."""
    (workspace.root / "a").write_text("x\n")
    there = other / workspace.root.name
    script = """set -e
        sort a > b
        cat "$0/b" > "$0/c"
        cd "$0"
        mv c d
        cat d > e
        cat "$0/e" >> f"""
    done = workspace.run(
        "sh",
        "-c",
        script,
        str(there),
        flags=("--backend", backend),
        within=(*APART, f'mount --bind "{other.parent}" "{other}"; exec "$@"', "sh"),
    )
    assert done.returncode == 0, done.stderr
    assert lineage(workspace, "f") == {"a", "b", "d", "c", "e"}
    assert workspace.ended.verdict == "complete", workspace.ended.gaps
    assert workspace.generated().keys() == {"b", "c", "d", "e", "f"}


def test_another_run_reads_it_by_the_other_name(workspace: Workspace, other: Path) -> None:
    (workspace.root / "a").write_text("x\n")
    workspace.run("sh", "-c", "sort a > b")
    bound = f'mount --bind "{workspace.root}" "{other}"'
    run_in(workspace, bound, "sh", "-c", f'sort -r "{other}/b" > c')
    assert lineage(workspace, "c") == {"a", "b"}
    assert {ended.verdict for ended in workspace.all(RunEnded)} == {"complete"}


def test_data_from_elsewhere_is_the_project_s_where_it_is_mounted(
    workspace: Workspace, other: Path
) -> None:
    """A volume is mounted into the project, and a program names it by where it comes from."""
    (workspace.root / "data").mkdir()
    (other / "a").write_text("x\n")
    bound = f'mount --bind "{other}" "{workspace.root}/data"'
    run_in(workspace, bound, "sh", "-c", f'sort "{other}/a" > data/b; sort -r "{other}/b" > c')
    assert lineage(workspace, "c") == {"data/a", "data/b"}


def test_what_is_mounted_over_a_part_of_it_is_something_else(
    workspace: Workspace, other: Path
) -> None:
    for name in ("over", "under"):
        (workspace.root / name).mkdir()
        (workspace.root / name / "a").write_text("the project's\n")
    bound = f"""mount --bind "{workspace.root}" "{other}"
        mount -t tmpfs none "{other}/over"; mount -t tmpfs none under
        echo another > "{other}/over/a"; echo another > under/a"""
    command = f'cat "{other}/over/a" > b; cat "{other}/under/a" > c'
    run_in(workspace, bound, "sh", "-c", command)
    assert not lineage(workspace, "b") & {"over/a", "under/a"}
    assert not lineage(workspace, "c") & {"over/a", "under/a"}
    assert (workspace.root / "b").read_text() == "another\n"


@pytest.mark.parametrize("hidden", [False, True])
def test_what_ran_where_the_project_lay_elsewhere_is_written_down_where_it_lies(
    workspace: Workspace, other: Path, *, hidden: bool
) -> None:
    """As in a container, that has it as a volume; the sync is outside."""
    (workspace.root / "a").write_text("x\n")
    (workspace.root / "sub").mkdir()
    root = workspace.root
    hide = f'mount -t tmpfs none "{root}"' if hidden else "true"
    script = "sort ../a > b; cat b > ../c; rm ../a; cp b ../d; mv ../d ../e; cat b ../e > f"
    done = workspace.run(
        *("sh", "-c", script),
        within=(
            *APART,
            f'mount --bind "{root}" "{other}"; cd "{other}/sub"; {hide}; exec "$@"',
            "sh",
        ),
    )
    assert done.returncode == 0, done.stderr
    assert lineage(workspace, "sub/f") == {"a", "sub/b", "d", "e"}
    assert workspace.ended.verdict == "complete", workspace.ended.gaps
    assert workspace.started.cwd == "sub"
    assert set(workspace.generated()) == {"sub/b", "c", "d", "e", "sub/f"}
