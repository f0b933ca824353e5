"""Does today's provgraph take a database file of each version that there was?

`formats/graph-N.db.gz` is a file of version N, made from the frozen journal of `tests/model`. A file of
the present version is answered from as it is, an older one is made anew from the journal. Tables that
change want another version: raise `SCHEMA_VERSION`, and PROVGRAPH_GOLDENS=write freezes its first file.
"""

from __future__ import annotations

import gzip
import os
import shutil
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from provgraph.config import Project, create_project, find_project
from provgraph.graph import Graph
from provgraph.store.embedded.schema import SCHEMA_VERSION

FORMATS = Path(__file__).parent / "formats"
JOURNAL = Path(__file__).parents[1] / "model" / "journal-v1.segment"
VERSIONS = sorted(int(path.name.split("-")[1].split(".")[0]) for path in FORMATS.glob("*.gz"))
QUESTIONS = (
    "file * | select name, version, state, digest, size, created",
    "run * | select name, command, exit, commit",
    "file out.csv | lineage | select id, kind, depth",
    "file in.csv | impact | select id, kind, depth",
    "commit * | select sha, message",
)


def project_with_the_journal(folder: Path) -> Project:
    """Of one id always: what a project's artifacts are called follows from it."""
    folder.mkdir()
    made = create_project(folder, "frozen")
    made.file.write_text(made.file.read_text().replace(made.id, "f" * 32))
    project = find_project(folder)
    assert project is not None
    shutil.copy(JOURNAL, project.journal)
    return project


def answers(project: Project) -> list[list[dict[str, object]]]:
    with Graph(project) as graph:
        assert graph.sync().problems == []
        return [[dict(row) for row in graph.ask(question)] for question in QUESTIONS]


def tables(path: Path) -> list[tuple[object, ...]]:
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        listed = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
        return list(connection.execute(listed))


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A project whose store was made today."""
    project = project_with_the_journal(tmp_path / "fresh")
    answers(project)
    return project


@pytest.mark.parametrize("version", VERSIONS)
def test_a_project_of_any_version_answers_as_one_made_today(
    version: int, fresh: Project, tmp_path: Path
) -> None:
    project = project_with_the_journal(tmp_path / "older")
    project.database.write_bytes(gzip.decompress((FORMATS / f"graph-{version}.db.gz").read_bytes()))
    before = tmp_path / "before.db"
    before.hardlink_to(project.database)  # so that no other file gets its number
    assert answers(project) == answers(fresh)
    assert project.database.samefile(before) == (version == SCHEMA_VERSION)


def test_the_tables_of_a_version_never_change(fresh: Project, tmp_path: Path) -> None:
    frozen = FORMATS / f"graph-{SCHEMA_VERSION}.db.gz"
    if os.environ.get("PROVGRAPH_GOLDENS") == "write" and not frozen.exists():
        frozen.write_bytes(gzip.compress(fresh.database.read_bytes(), mtime=0))
    (tmp_path / "frozen.db").write_bytes(gzip.decompress(frozen.read_bytes()))
    assert tables(tmp_path / "frozen.db") == tables(fresh.database)
