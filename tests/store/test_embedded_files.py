"""Which database files does the embedded store open, and where?"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest

from provgraph.errors import StoreError
from provgraph.model.elements import Batch, Node
from provgraph.store import embedded
from provgraph.store.embedded import StoreOutdated, filesystem
from provgraph.store.embedded.faults import store_error

ONE = Batch(nodes=[Node("g1", "Agent", {"name": "ann"})])
NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with one node."""
    path = tmp_path / "graph.db"
    with embedded.open(path) as store:
        store.apply(ONE)
    return path


@pytest.fixture
def frozen(path: Path) -> Iterator[Path]:
    """The same in a folder that nobody may write but root; `tmp_path` is for its owner alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frozen = folder / "graph.db"
        frozen.write_bytes(path.read_bytes())
        frozen.chmod(0o444)
        folder.chmod(0o555)
        yield frozen
        folder.chmod(0o755)


def as_nobody(path: Path, *, read_only: bool) -> str:
    """What a process finds that may write nothing here: which nodes, and whether it may apply."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.write(writer, _found(path, read_only=read_only).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


def _found(path: Path, *, read_only: bool) -> str:
    with embedded.open(path, read_only=read_only) as store:
        found = " ".join(node.id for node in store.nodes(["g1", "g2"]))
        try:
            store.apply(Batch())
        except StoreError:
            return f"{found}, read only"
        return f"{found}, written"


def test_a_store_keeps_what_it_was_given(path: Path) -> None:
    with embedded.open(path) as store:
        assert store.nodes(["g1"]) == ONE.nodes
        assert not store.read_only
        assert store.warning is None


def test_the_database_is_written_ahead_and_synced(path: Path) -> None:
    with embedded.open(path) as store:
        assert store._connection.pragma("journal_mode") == "wal"
        assert store._connection.pragma("synchronous") == 2


def test_a_store_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no database there"):
        embedded.open(tmp_path / "graph.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_store_to_be_read_only_refuses_a_batch(path: Path) -> None:
    with embedded.open(path, read_only=True) as store:
        assert store.nodes(["g1"]) == ONE.nodes
        with pytest.raises(StoreError, match="cannot be written"):
            store.apply(ONE)
        with pytest.raises(StoreError, match="cannot be written"):
            store.clear()


def test_a_reader_sees_what_a_writer_adds(path: Path) -> None:
    with embedded.open(path, read_only=True) as reader, embedded.open(path) as writer:
        writer.apply(Batch(nodes=[Node("g2", "Agent")]))
        assert [node.id for node in reader.nodes(["g1", "g2"])] == ["g1", "g2"]


@pytest.mark.parametrize("read_only", [True, False])
def test_a_folder_that_cannot_be_written_is_read(frozen: Path, read_only: bool) -> None:
    assert as_nobody(frozen, read_only=read_only) == "g1, read only"


def test_what_is_still_in_the_log_is_read_where_nothing_can_be_written(frozen: Path) -> None:
    """As after a crash, or in a copy: the file and its log, without the log's index."""
    copied = frozen.parent / "copied.db"
    with embedded.open(frozen) as store:
        store.apply(Batch(nodes=[Node("g2", "Agent")]))
        copied.write_bytes(frozen.read_bytes())
        log = frozen.with_name("graph.db-wal").read_bytes()
        copied.with_name("copied.db-wal").write_bytes(log)
    assert log
    assert as_nobody(copied, read_only=True) == "g1 g2, read only"


def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    _pragma(path, "user_version = 1000")
    with pytest.raises(StoreError, match="newer provgraph") as caught:
        embedded.open(path)
    assert caught.value.hint == "upgrade provgraph"


def test_a_file_of_an_older_version_is_outdated(path: Path) -> None:
    _pragma(path, "user_version = 0")
    for read_only in (False, True):
        with pytest.raises(StoreOutdated) as caught:
            embedded.open(path, read_only=read_only)
        assert "provgraph sync --rebuild" in str(caught.value.hint)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    apsw.Connection(str(path)).execute("CREATE TABLE t (x)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a database of provgraph"):
        embedded.open(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "graph.db"
    path.write_bytes(b"not a database at all" * 1000)
    with pytest.raises(StoreError, match="damaged") as caught:
        embedded.open(path)
    assert "provgraph sync --rebuild" in str(caught.value.hint)


def test_a_damaged_page_is_reported_when_it_is_met(path: Path) -> None:
    with embedded.open(path) as store:
        store.apply(Batch(nodes=[Node(f"g{n:06}", "Agent") for n in range(5000)]))
    raw = bytearray(path.read_bytes())
    raw[4096 * 20 :] = os.urandom(len(raw) - 4096 * 20)
    path.write_bytes(raw)
    with embedded.open(path) as store, pytest.raises(StoreError, match="damaged"):
        store.nodes([f"g{n:06}" for n in range(5000)])


def test_a_path_of_any_bytes_can_hold_a_store(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"a b%20?#\xff'")
    folder.mkdir()
    with embedded.open(folder / "graph.db") as store:
        store.apply(ONE)
    assert (folder / "graph.db").exists()


def test_on_a_network_file_system_the_log_is_not_used_and_a_warning_given(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystem, "type_of", lambda path: "nfs4")
    for each in (path, path.with_name("new.db")):
        with embedded.open(each) as store:
            assert store._connection.pragma("journal_mode") == "delete"
            assert "nfs4" in str(store.warning)
            store.apply(ONE)
            assert store.nodes(["g1"]) == ONE.nodes


def test_the_type_of_a_mounted_file_system_is_found() -> None:
    assert filesystem.type_of(Path("/proc/self")) == "proc"


def test_a_full_disk_changes_nothing(path: Path) -> None:
    with embedded.open(path) as store:
        pages = store._connection.pragma("page_count")
        store._connection.pragma("max_page_count", pages + 5)
        with pytest.raises(StoreError, match="disk is full"):
            store.apply(Batch(nodes=[Node(f"g{n:06}", "Agent") for n in range(5000)]))
        assert [node.id for node in store.nodes(["g1", "g000000"])] == ["g1"]
        store._connection.pragma("max_page_count", 2**30)
        store.apply(Batch(nodes=[Node("g2", "Agent")]))


def _pragma(path: Path, setting: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA {setting}")
    connection.close()


def test_an_index_of_the_log_that_finds_no_room_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite tells of it as of any other fault of the disk."""
    error, path = apsw.IOError("disk I/O error"), tmp_path / "graph.db"
    assert "the disk is full" not in str(store_error(error, path))
    monkeypatch.setattr(os, "statvfs", lambda folder: SimpleNamespace(f_bavail=7, f_frsize=4096))
    assert "the disk is full" in str(store_error(error, path))
