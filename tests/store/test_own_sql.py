"""A person's own SQL: views, and that reading is all it does unless told."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import apsw
import pytest

from provgraph.errors import (
    BudgetExceeded,
    ProvgraphError,
    QuerySyntaxError,
    StoreError,
)
from provgraph.model.elements import Batch, Edge, Node
from provgraph.model.vocabulary import FIELDS, LABELS
from provgraph.query.plan import Budget
from provgraph.store import embedded
from provgraph.store.embedded.budget import Meter
from provgraph.store.embedded.own_sql import asked
from provgraph.store.embedded.views import VIEWS

NOON = 1_795_000_000_123_456_789
NODES = [
    Node("v1", "Version", {"name": "a.csv", "at": NOON, "size": 3, "names": ("a.csv", "b'.csv")}),
    Node("r1", "Run", {"name": "r1", "duration": 1_500_000_000, "dirty": True, "param.depth": 6}),
    Node("s1", "Step", {"name": "cat", "at": NOON}),
]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "graph.db"
    with embedded.open(path) as store:
        store.apply(Batch(nodes=NODES, edges=[Edge("v1", "GENERATED_BY", "s1")]))
    yield path


def rows(path: Path, text: str, *, write: bool = False) -> list[tuple[object, ...]]:
    with asked(path, text, write=write) as found:
        return list(found.rows)


def test_there_is_a_view_a_label_with_its_fields(database: Path) -> None:
    assert set(VIEWS.values()) == set(LABELS)
    for view, label in VIEWS.items():
        with asked(database, f"SELECT * FROM {view}") as found:
            names = [field.name for field in FIELDS[label]]
            assert found.columns == (*names, "properties")


def test_values_read_as_people_write_them(database: Path) -> None:
    assert rows(database, "SELECT id, path, size, created, names FROM versions") == [
        ("v1", "a.csv", 3, "2026-11-18T11:06:40.123456789Z", '["a.csv","b\'.csv"]')
    ]
    asked_for = "SELECT duration, dirty, started, properties ->> 'param.depth' FROM runs"
    assert rows(database, asked_for) == [(1.5, 1, None, 6)]
    assert rows(database, "SELECT source, type, target FROM edges") == [
        ("v1", "GENERATED_BY", "s1")
    ]
    assert rows(database, "SELECT label, count(*) FROM nodes GROUP BY 1 ORDER BY 1") == [
        ("Run", 1),
        ("Step", 1),
        ("Version", 1),
    ]


WRITES = [
    "DELETE FROM node",
    "INSERT INTO spilled VALUES ('x')",
    "UPDATE edge SET key = 'x' RETURNING key",
    "DROP TABLE edge",
    "CREATE TABLE mine (x)",
    "CREATE TEMP TABLE mine (x)",
    "CREATE VIEW mine AS SELECT 1",
    "ALTER TABLE node ADD COLUMN x",
    "REINDEX",
    "ANALYZE",
    "VACUUM",
    "VACUUM INTO 'copy.db'",
    "ATTACH 'other.db' AS other",
    "ATTACH ':memory:' AS other",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA query_only = 0",
    "PRAGMA writable_schema = 1",
    "PRAGMA user_version = 9",
    "PRAGMA wal_checkpoint",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "SAVEPOINT x",
    "SELECT load_extension('evil.so')",
    "WITH x AS (SELECT 1) DELETE FROM edge",
    "EXPLAIN DELETE FROM edge",
    "SELECT writefile('copy.txt', 'x')",
    "SELECT 1; DELETE FROM node",
]


@pytest.mark.parametrize("text", WRITES)
def test_what_does_more_than_read_is_refused_and_changes_no_file(
    database: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(database.parent)
    before = state(database.parent)
    with pytest.raises(ProvgraphError) as caught:
        rows(database, text)
    assert caught.value.exit_status == 2
    assert state(database.parent) == before


def state(folder: Path) -> dict[str, str]:
    """The files of a folder by their content, without an empty log and the log's index, which SQLite
    makes to read."""
    files = [file for file in folder.iterdir() if not file.name.endswith("-shm")]
    held = {file.name: file.read_bytes() for file in files}
    return {
        name: hashlib.sha256(raw).hexdigest()
        for name, raw in held.items()
        if raw or not name.endswith("-wal")
    }


def test_a_mistake_points_into_the_statement(database: Path) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        rows(database, "SELECT 'é', pth FROM versions")
    assert str(caught.value) == (
        "query:1:13: no such column: pth\n  SELECT 'é', pth FROM versions\n              ^^^"
    )


def test_writing_is_let_when_told(database: Path) -> None:
    with asked(database, "DELETE FROM edge", write=True) as found:
        assert list(found.rows) == []
        assert found.changed == 1
    assert rows(database, "SELECT count(*) FROM edges") == [(0,)]


def test_a_statement_that_fails_changes_nothing(database: Path) -> None:
    with pytest.raises(StoreError):
        rows(database, "INSERT INTO spilled VALUES ('x'), ('y'), ('x')", write=True)
    assert rows(database, "SELECT * FROM spilled WHERE key IN ('x', 'y')") == []


def test_a_statement_without_end_is_ended(database: Path) -> None:
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c"
    with pytest.raises(BudgetExceeded), asked(database, endless, seconds=0.05) as found:
        list(found.rows)


class Interrupted(Exception):
    pass


@contextmanager
def interrupted(seconds: float) -> Iterator[None]:
    """A signal comes, as Ctrl-C's does."""

    def come(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, come)
    timer = Timer(seconds, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        signal.signal(signal.SIGUSR1, before)


def test_a_signal_ends_a_statement_and_a_question(database: Path) -> None:
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c"
    with pytest.raises(Interrupted), interrupted(0.05), asked(database, endless) as found:
        list(found.rows)
    connection = apsw.Connection(":memory:")
    with pytest.raises(Interrupted), Meter(Budget()).limiting(connection), interrupted(0.05):
        connection.execute(endless).fetchall()


def test_no_database_is_no_crash(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no database there"):
        rows(tmp_path / "graph.db", "SELECT 1")
