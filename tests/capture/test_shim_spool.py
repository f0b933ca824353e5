"""Does the spool survive full disks, limits, kills and readers in a hurry?"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from capture.disks import mounted
from capture.traced import Tracing, compiled, shim_library, traced

from provgraph.errors import CaptureError, JournalError
from provgraph.ingest.capture import spool
from provgraph.ingest.capture.events import Closed, Event, Exited, Image, Missed, Opened

__all__ = ["compiled", "shim_library", "traced"]

Compile = Callable[..., Path]

MANY = """
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char name[30];
    sprintf(name, "made%d", getpid());
    for (int i = 0; i < atoi(argv[1]); i++) {
        int d = open(name, O_CREAT | O_WRONLY, 0644);
        if (d < 0 || close(d)) return 2;
    }
    unlink(name);
    return 0;
}
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB, where the system lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted(folder, 3):
        yield folder


def test_a_new_spool_is_private_empty_and_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    spool.create(path)
    status = path.stat()
    assert status.st_mode & 0o777 == 0o600
    assert status.st_blocks * 512 >= status.st_size
    with spool.Spool(path) as read:
        assert (read.events(), list(read.fresh()), read.gaps()) == ([], [], [])
        assert (read.activity(), read.lives()) == (0, [])
        assert list(read.processes()) == []


def test_a_spool_is_never_made_over_another(tmp_path: Path) -> None:
    spool.create(tmp_path / "spool")
    with pytest.raises(CaptureError):
        spool.create(tmp_path / "spool")


def test_a_spool_that_cannot_be_made_leaves_nothing(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"x" * (5 << 19))
    with pytest.raises(CaptureError):
        spool.create(small_disk / "spool")
    assert not (small_disk / "spool").exists()


@pytest.mark.parametrize("content", [b"", b"short", b"\0" * 30000, b"PVSPOOL9" * 4000])
def test_what_is_no_spool_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(JournalError):
        spool.Spool(path)


def test_a_full_disk_is_a_gap_and_the_program_goes_on(
    traced: Tracing, compiled: Compile, small_disk: Path
) -> None:
    path = small_disk / "spool"
    spool.create(path)
    argv: list[str | Path] = [compiled(MANY), "60000"]
    done = subprocess.run(argv, cwd=traced.folder, env=traced.environment(path), check=False)
    assert done.returncode == 0
    seen = traced.read(path, 0)
    assert seen.gaps == ["spool full"]
    assert len(seen.all(Opened)) > 5000
    assert seen.of(seen.one(Image).pid)[:2] == ["Image", "Opened"]


def test_processes_that_start_on_a_full_disk_run(traced: Tracing, small_disk: Path) -> None:
    path = small_disk / "spool"
    spool.create(path)
    with path.open("r+b") as file:
        file.seek(spool.CURSOR_AT)
        file.write(struct.pack("=Q", spool.FIRST_STEP))
    (small_disk / "filler").write_bytes(b"x" * (1 << 21))
    seen = subprocess.run(
        ["sh", "-c", "for i in 1 2 3; do /bin/echo $i; done; (exit 4)"],
        cwd=traced.folder,
        env=traced.environment(path),
        capture_output=True,
        check=False,
    )
    assert (seen.returncode, seen.stdout, seen.stderr) == (4, b"1\n2\n3\n", b"")
    assert traced.read(path, 0).gaps == ["spool full"]


def test_a_limit_of_file_size_is_a_gap_and_no_signal(traced: Tracing, compiled: Compile) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    seen = traced.run(compiled(MANY), "30000", preexec_fn=limit)
    assert seen.status == 0
    assert "file size limit" in seen.gaps
    assert len(seen.all(Opened)) > 1000


def test_where_nothing_can_be_allocated_zeros_are_written(
    traced: Tracing, compiled: Compile, tmp_path: Path
) -> None:
    """Some network file systems know no fallocate; the filter makes this one such."""
    text = r"""
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fallocate, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &program)) return 99;
    return execv(argv[1], argv + 1);
}
"""
    path = traced.fresh()
    launcher, worker = compiled(text), compiled(MANY)
    script = 'for i in 1 2 3 4; do "$0" 9000 & done; wait'
    done = subprocess.run(
        [launcher, "/usr/bin/env", *_assignments(traced, path), "sh", "-c", script, worker],
        cwd=traced.folder,
        check=False,
    )
    if done.returncode == 99:
        pytest.skip("may not filter system calls")
    seen = traced.read(path, done.returncode)
    assert (seen.status, seen.gaps) == (0, [])
    assert len(seen.all(Opened)) == len(seen.all(Closed)) == 36000
    assert path.stat().st_size > 2 << 20


def _assignments(traced: Tracing, path: Path) -> list[str]:
    wanted = traced.environment(path)
    return [f"{name}={wanted[name]}" for name in ("LD_PRELOAD", "PROVGRAPH_SPOOL")]


def test_large_spools_hold_every_event_of_many_processes(
    traced: Tracing, compiled: Compile
) -> None:
    script = 'for i in 1 2 3 4; do "$0" 20000 & done; wait'
    seen = traced.run("sh", "-c", script, compiled(MANY))
    assert (seen.status, seen.gaps) == (0, [])
    assert len(seen.all(Opened)) == len(seen.all(Closed)) == 80000
    ticks = [e.tick for e in seen.events]
    assert ticks == sorted(ticks)


def test_each_process_can_be_read_by_itself(traced: Tracing, compiled: Compile) -> None:
    path = traced.fresh()
    subprocess.run(
        ["sh", "-c", 'for i in 1 2 3; do "$0" 50 & done; wait', compiled(MANY)],
        cwd=traced.folder,
        env=traced.environment(path),
        check=True,
    )
    with spool.Spool(path) as read:
        apart = {pid: list(events) for pid, events in read.processes()}
        together = read.events()
        lives = {life.pid: life for life in read.lives()}
    assert len(apart) == 4
    for pid, events in apart.items():
        assert events == [e for e in together if e.pid == pid]
        assert (lives[pid].started, lives[pid].last) == (events[0].tick, events[-1].tick)
        assert lives[pid].exited and not lives[pid].is_alive()
    assert list(apart) == list(dict.fromkeys(e.pid for e in together))


def test_fresh_events_come_once_each_while_the_spool_grows(
    traced: Tracing, compiled: Compile
) -> None:
    path = traced.fresh()
    running = subprocess.Popen(
        ["sh", "-c", 'for i in 1 2 3; do "$0" 4000 & done; wait', compiled(MANY)],
        cwd=traced.folder,
        env=traced.environment(path),
    )
    taken: list[Event] = []
    with spool.Spool(path) as read:
        while running.poll() is None:
            taken += read.fresh()
        taken += read.fresh()
        assert list(read.fresh()) == []
        assert sorted(taken, key=_place) == sorted(read.events(), key=_place)


def _place(event: Event) -> tuple[int, int]:
    return event.tick, event.pid


def test_a_running_process_is_alive(traced: Tracing) -> None:
    path = traced.fresh()
    running = subprocess.Popen(["sleep", "60"], cwd=traced.folder, env=traced.environment(path))
    try:
        with spool.Spool(path) as read:
            deadline = time.monotonic() + 20
            while not read.lives() and time.monotonic() < deadline:
                time.sleep(0.01)
            [life] = read.lives()
            assert life.pid == running.pid and life.is_alive() and not life.exited
            running.send_signal(signal.SIGKILL)
            running.wait()
            assert not life.is_alive()
    finally:
        running.kill()


def test_a_later_process_of_the_same_number_is_another(tmp_path: Path) -> None:
    began = spool.Life(os.getpid(), started=0, last=0, exited=False)
    assert not began.is_alive()


def test_a_sealed_spool_takes_no_more_and_says_that_there_was_more(
    traced: Tracing, compiled: Compile
) -> None:
    path = traced.fresh()
    running = subprocess.Popen(
        [sys.executable, "-S", "-c", "open('a','w').close(); input(); open('b','w').close()"],
        cwd=traced.folder,
        env=traced.environment(path),
        stdin=subprocess.PIPE,
    )
    with spool.Spool(path) as read:
        deadline = time.monotonic() + 20
        while read.activity() == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        read.seal()
        before = read.events()
        running.communicate(b"\n")
        assert running.returncode == 0
        assert read.events() == before
        assert read.gaps() == ["events after the end of the run"]
    late = subprocess.run(["true"], env=traced.environment(path), check=False)
    assert late.returncode == 0
    assert traced.read(path, 0).events == before


def test_a_removed_spool_disturbs_nobody(traced: Tracing, compiled: Compile) -> None:
    path = traced.fresh()
    script = f'rm {path}; "$0" 30000; /bin/echo done'
    done = subprocess.run(
        ["sh", "-c", script, compiled(MANY)],
        cwd=traced.folder,
        env=traced.environment(path),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"done\n", b"")


def test_a_spool_that_cannot_be_reached_again_is_a_gap(traced: Tracing, compiled: Compile) -> None:
    path = traced.fresh()
    text = MANY.replace("sprintf(name", "rename(argv[2], argv[3]); sprintf(name")
    moved = path.with_suffix(".moved")
    done = subprocess.run(
        [compiled(text), "30000", path, moved],
        cwd=traced.folder,
        env=traced.environment(path),
        check=False,
    )
    assert done.returncode == 0
    seen = traced.read(moved, 0)
    assert "spool unreachable" in seen.gaps
    assert seen.all(Opened)


def test_a_torn_record_and_a_torn_chunk_are_passed_over(traced: Tracing) -> None:
    seen = traced.run("sh", "-c", "echo a > a; /bin/true; echo b > b; /bin/true; exit 0")
    path = traced.spools / f"spool-{traced.count}"
    content = bytearray(path.read_bytes())
    [_, (first, filled), *others] = _chunks(content)  # behind the one that holds names
    assert len(others) >= 2
    unfinished = first + 24 + struct.unpack_from("=I", content, first + 24)[0]
    length = struct.unpack_from("=I", content, unfinished)[0]
    struct.pack_into("=I", content, unfinished, length | 1)  # killed within the record
    never = others[0][0]
    content[never : never + 1024] = bytes(1024)  # killed between claim and head
    path.write_bytes(content)
    left = traced.read(path, 0).events
    assert 0 < len(left) < len(seen.events)
    assert all(event in seen.events for event in left)
    last_pid = seen.events[-1].pid
    assert isinstance(left[-1], Exited) and left[-1].pid == last_pid
    assert filled > unfinished - first


def _chunks(content: bytes | bytearray) -> list[tuple[int, int]]:
    found, at = [], spool.DATA_START
    while struct.unpack_from("=I", content, at)[0] == spool.CHUNK_MAGIC:
        _, size, used = struct.unpack_from("=III", content, at)
        found.append((at, used))
        at += size
    return found


def test_a_damaged_spool_never_raises_anything_else(traced: Tracing) -> None:
    seen = traced.run("sh", "-c", "echo a > a; cat a; mv a b; rm b; exec /bin/true")
    path = traced.spools / f"spool-{traced.count}"
    whole = path.read_bytes()[: spool.DATA_START + 8192]
    assert seen.events
    for at in range(spool.DATA_START, len(whole) - 4, 52):
        content = bytearray(whole)
        content[at : at + 4] = b"\xff\xff\xff\x7f"
        path.write_bytes(content)
        with spool.Spool(path) as read:
            whats = {e.what for e in read.events() if isinstance(e, Missed)}
            assert whats <= {"damaged record", "cut"}
            assert len(read.lives()) <= len(seen.events)


def test_the_counter_is_seen_without_decoding(traced: Tracing) -> None:
    path = traced.fresh()
    with spool.Spool(path) as read:
        counts = [read.activity()]
        for name in ("a", "b"):
            subprocess.run(
                ["sh", "-c", f"echo > {name}"],
                cwd=traced.folder,
                env=traced.environment(path),
                check=True,
            )
            counts.append(read.activity())
    assert counts == [0, 1, 2]


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv here")
def test_a_program_that_becomes_another_user_runs_on(traced: Tracing) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        traced.library = Path(shutil.copy(traced.library, folder))  # that user must read it
        seen = traced.run("setpriv", "--reuid=65534", "--clear-groups", "/bin/echo", "x")
    assert (seen.status, seen.stdout, seen.stderr) == (0, b"x\n", b"")
    assert len(seen.all(Image)) == 1
