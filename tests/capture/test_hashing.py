"""A digest is that of the bytes the file had when it had the stat, or there is none."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from blake3 import blake3

from provgraph.ingest.capture import hashing
from provgraph.ingest.capture.events import Closed, Opened, Renamed
from provgraph.ingest.capture.hashing import MAGIC, Cache, Contents, hash_file, stat_of
from provgraph.model.records import Content, Stat

OLD = 1_600_000_000_000_000_000


def digest_of(data: bytes) -> str:
    return "blake3:" + blake3(data).hexdigest()


def stat(path: Path) -> Stat:
    return stat_of(path.stat())


def name(path: Path) -> bytes:
    return os.fsencode(path)


def write_events(path: Path, tick: int) -> tuple[Opened, Closed]:
    """What capture sees of `path` having just been written."""
    found = stat(path)
    opened = Opened(
        pid=1,
        tick=tick,
        fd=3,
        path=name(path),
        readable=False,
        writable=True,
        truncates=True,
        appends=False,
        created=True,
        after=found,
    )
    return opened, Closed(pid=1, tick=tick + 1, fd=3, path=name(path), opened=tick, stat=found)


def read_event(path: Path, tick: int) -> Opened:
    return Opened(
        pid=1,
        tick=tick,
        fd=3,
        path=name(path),
        readable=True,
        writable=False,
        truncates=False,
        appends=False,
        created=False,
        after=stat(path),
    )


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 1024 * 1024 + 1, 5_000_000])
def test_a_file_of_any_size_has_the_digest_of_its_bytes(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "x").write_bytes(data)
    assert hash_file(name(tmp_path / "x"), lambda found: True) == (
        digest_of(data),
        stat(tmp_path / "x"),
    )


def test_a_large_file_is_hashed_by_every_core_to_the_same_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "THREADED", 1000)
    data = os.urandom(40_000_000)
    (tmp_path / "x").write_bytes(data)
    found = hash_file(name(tmp_path / "x"), lambda found: True)
    assert found and found[0] == digest_of(data)


def test_what_is_no_regular_file_has_no_digest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    for path in ("fifo", "link", "missing", "."):
        assert hash_file(name(tmp_path / path), lambda found: True) is None


def test_a_file_that_changes_while_it_is_read_has_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(3_000_000))

    def change() -> bool:
        path.write_bytes(bytes(10))
        return False

    assert hash_file(name(path), lambda found: True, change) is None


def test_a_digest_is_found_again_by_another_run_as_long_as_the_stat_is_the_same(
    tmp_path: Path,
) -> None:
    known = Stat(1, 2, 3, OLD, OLD)
    cache = Cache(tmp_path, "r1")
    cache.keep(known, digest_of(b"x"), OLD * 2)
    cache.close()
    later = Cache(tmp_path, "r2")
    assert later.find(known) == digest_of(b"x")
    for changed in (Stat(1, 2, 3, OLD, OLD + 1), Stat(1, 2, 4, OLD, OLD), Stat(1, 9, 3, OLD, OLD)):
        assert later.find(changed) == ""


def test_a_file_younger_than_two_seconds_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "r1")
    cache.keep(Stat(1, 2, 3, OLD, OLD), digest_of(b"x"), OLD + 1_999_999_999)
    cache.keep(Stat(1, 3, 3, OLD, OLD), digest_of(b"x"), OLD - 5)  # changed in the future
    cache.keep(Stat(1, 4, 3, OLD, OLD), digest_of(b"x"), OLD + 2_000_000_000)
    cache.close()
    later = Cache(tmp_path, "r2")
    assert [bool(later.find(Stat(1, n, 3, OLD, OLD))) for n in (2, 3, 4)] == [False, False, True]


def test_many_entries_are_merged_and_all_are_still_found(tmp_path: Path) -> None:
    for run in range(40):
        cache = Cache(tmp_path, f"r{run}")
        for inode in range(100):
            cache.keep(Stat(run % 3, inode * 7919, run, OLD, OLD), digest_of(b"%d" % run), OLD * 2)
        cache.close()
    assert (tmp_path / "sorted").exists()
    assert len(list(tmp_path.glob("*.loose"))) < 32
    last = {run % 3: run for run in range(40)}
    found = Cache(tmp_path, "later")
    for device, run in last.items():
        for inode in range(100):
            known = Stat(device, inode * 7919, run, OLD, OLD)
            assert found.find(known) == digest_of(b"%d" % run)


@pytest.mark.parametrize("file", ["sorted", "r9.loose"])
@pytest.mark.parametrize(
    "damage", [b"", b"nonsense", MAGIC[:5], MAGIC + b"short", MAGIC + bytes(96), bytes(4000)]
)
def test_a_damaged_cache_is_ignored(tmp_path: Path, file: str, damage: bytes) -> None:
    (tmp_path / file).write_bytes(damage)
    cache = Cache(tmp_path, "r1")
    known = Stat(1, 2, 3, OLD, OLD)
    assert cache.find(known) == ""
    cache.keep(known, digest_of(b"x"), OLD * 2)
    cache.close()
    assert Cache(tmp_path, "r2").find(known) == digest_of(b"x")


def test_one_flipped_bit_loses_its_entry_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "r1")
    for inode in (1, 2, 3):
        cache.keep(Stat(1, inode, 3, OLD, OLD), digest_of(b"x"), OLD * 2)
    cache.close()
    loose = tmp_path / "r1.loose"
    data = bytearray(loose.read_bytes())
    data[len(MAGIC) + 96 + 60] ^= 1
    loose.write_bytes(data)
    found = Cache(tmp_path, "r2")
    assert [bool(found.find(Stat(1, n, 3, OLD, OLD))) for n in (1, 2, 3)] == [True, False, True]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "folder", "r1")
    cache.keep(Stat(1, 2, 3, OLD, OLD), digest_of(b"x"), OLD * 2)
    cache.close()
    assert cache.find(Stat(1, 2, 3, OLD, OLD)) == ""


def test_an_input_keeps_its_digest_when_it_is_overwritten_later(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"before")
    before = stat(path)
    contents = Contents()
    contents.observe(read_event(path, 1))
    path.write_bytes(b"after it")
    for event in write_events(path, 10):
        contents.observe(event)
    assert contents.content(name(path), before, 1).digest == digest_of(b"before")
    assert contents.content(name(path), stat(path), 11).digest == digest_of(b"after it")


def test_bytes_that_were_gone_before_they_could_be_hashed_have_their_stat_and_no_digest(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"1")
    first, first_events = stat(path), write_events(path, 1)
    time.sleep(0.03)  # past one step of the file system's clock
    path.write_bytes(b"2")  # the same inode and size
    contents = Contents()
    for event in (*first_events, *write_events(path, 10)):
        contents.observe(event)
    lost = contents.content(name(path), first, 2)
    assert (lost.digest, lost.stat, lost.size) == ("", first, 1)
    assert contents.content(name(path), stat(path), 11).digest == digest_of(b"2")


def test_a_temporary_file_that_was_renamed_is_hashed_under_its_final_name(tmp_path: Path) -> None:
    temporary, final = tmp_path / "x.tmp", tmp_path / "x"
    temporary.write_bytes(b"data")
    written = stat(temporary)
    events = write_events(temporary, 1)
    time.sleep(0.01)
    temporary.rename(final)
    moved = Renamed(pid=1, tick=5, source=name(temporary), target=name(final), stat=stat(final))
    contents = Contents()
    for event in (*events, moved):
        contents.observe(event)
    assert contents.content(name(temporary), written, 2).digest == digest_of(b"data")
    assert contents.content(name(final), stat(final), 5).digest == digest_of(b"data")


def test_names_of_files_whose_inode_a_new_one_has_are_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"t{number}" for number in range(200)]
    contents = Contents()
    first = Stat(1, 77, 5, OLD, OLD)
    for number, path in enumerate(paths):
        path.write_bytes(b"gone")
        found = msgspec.structs.replace(first, mtime=OLD + number, ctime=OLD + number)
        for event in write_events(path, 10 * number + 1):
            field = "after" if isinstance(event, Opened) else "stat"
            contents.observe(msgspec.structs.replace(event, **{field: found}), hashing=False)
        path.unlink()
    looked = []
    monkeypatch.setattr(hashing, "hash_file", lambda name, *_: looked.append(name))
    assert contents.content(name(paths[0]), first, 2) == Content("", "", 5, first)
    assert looked == [name(paths[0]), name(paths[-1])]


def test_of_very_many_names_that_a_file_had_the_last_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "_NAMES_TRIED", 3)
    path = tmp_path / "x0"
    path.write_bytes(b"data")
    written, contents = stat(path), Contents()
    for event in write_events(path, 1):
        contents.observe(event, hashing=False)
    for number in range(1, 9):
        before, path = path, path.rename(tmp_path / f"x{number}")
        moved = Renamed(
            pid=1, tick=10 * number, source=name(before), target=name(path), stat=stat(path)
        )
        contents.observe(moved, hashing=False)
    looked = []

    def counted(path: bytes, *given: Any) -> Any:
        looked.append(path)
        return hash_file(path, *given)

    monkeypatch.setattr(hashing, "hash_file", counted)
    assert contents.content(name(tmp_path / "x0"), written, 2).digest == digest_of(b"data")
    path.unlink()
    looked.clear()
    other = msgspec.structs.replace(written, mtime=OLD)
    assert contents.content(name(tmp_path / "x0"), other, 2).digest == ""
    assert looked == [name(tmp_path / f"x{number}") for number in (0, 8, 7, 6)]


def test_a_copy_whose_times_were_set_after_it_was_closed_is_hashed(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"data")
    os.utime(source, ns=(OLD, OLD))
    shutil.copyfile(source, target)
    events = write_events(target, 1)
    shutil.copystat(source, target)
    contents = Contents()
    for event in events:
        contents.observe(event)
    assert contents.content(name(target), events[1].stat, 2).digest == digest_of(b"data")


def test_a_file_that_its_maker_inherited_is_hashed_when_its_times_were_set_at_once(
    tmp_path: Path,
) -> None:
    """`sh -c 'exec sort a > b'`, and `sh -c 'sort a > b'`: what the shell closes after it was written."""
    path = tmp_path / "b"
    path.write_bytes(b"")
    opened, _ = write_events(path, 1)
    path.write_bytes(b"data")
    closed = stat(path)
    os.utime(path, ns=(OLD, OLD))
    contents = Contents(matters=lambda path: False)
    contents.observe(opened)
    for tick, began, pid in (6, 5, 2), (7, 1, 1):
        contents.observe(
            Closed(pid=pid, tick=tick, fd=1, path=name(path), opened=began, stat=closed)
        )
    assert contents.content(name(path), closed, 6).digest == digest_of(b"data")


def test_hashing_stops_when_it_is_told_to(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(3_000_000))
    contents = Contents(interrupted=lambda: True)
    assert contents.content(name(path), stat(path), 1).digest == ""
    assert contents.stopped


def test_what_does_not_matter_is_not_hashed_while_the_program_runs(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def matters(path: bytes) -> bool:
        asked.append(path)
        return False

    path = tmp_path / "x"
    path.write_bytes(b"1")
    contents = Contents(matters=matters)
    contents.observe(read_event(path, 1))
    found = stat(path)
    path.unlink()
    assert asked == [name(path)]
    assert contents.content(name(path), found, 1).digest == ""


def test_a_path_without_a_stat_means_the_file_as_it_is_now(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1")
    contents = Contents()
    assert contents.content(name(tmp_path / "x"), None, 1).digest == digest_of(b"1")
    assert contents.content(name(tmp_path / "gone"), None, 1).size == -1


@pytest.mark.parametrize("late", [True, False])
def test_a_state_has_no_bytes_that_came_after_its_time_was_set_back(
    tmp_path: Path, late: bool
) -> None:
    """Two states of one size and one mtime: what was hashed of one is never said of the other. `late`: the first is
    hashed when the second is there already."""
    path = tmp_path / "x"
    path.write_bytes(b"before")
    os.utime(path, ns=(OLD, OLD))
    contents = Contents()
    read = read_event(path, 1)
    if not late:
        contents.observe(read)
    time.sleep(0.05)  # the clock of files goes on
    path.write_bytes(b"during")
    written = stat(path)
    os.utime(path, ns=(OLD, OLD))
    if late:
        contents.observe(read)
    opened, closed = write_events(path, 2)
    contents.observe(opened)
    contents.observe(msgspec.structs.replace(closed, stat=written))
    again = read_event(path, 9)
    contents.observe(again)
    assert contents.content(name(path), read.after, 1).digest == (
        "" if late else digest_of(b"before")
    )
    assert contents.content(name(path), written, 3).digest == digest_of(b"during")
    assert contents.content(name(path), again.after, 9).digest == digest_of(b"during")
