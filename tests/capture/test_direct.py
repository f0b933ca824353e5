"""Are programs recognised that make system calls past libc, only they, and are they then seen?"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from struct import iter_unpack

import pytest
from capture.traced import Traced, Tracing, compiled, followed, shim_library, traced, tracer_program

from provgraph.ingest.capture import shim, spool
from provgraph.ingest.capture.events import Image, Missed, Opened, Renamed

__all__ = ["compiled", "followed", "shim_library", "traced", "tracer_program"]

SOURCES = Path(shim.__file__).parent
LOOK = """
#include "direct.h"
#include <stdio.h>

int main(int argc, char **argv) {
    for (int n = 1; n < argc; n++) {
        struct stat s;
        int fd = raw_open(AT_FDCWD, argv[n], O_RDONLY);
        printf("%u\\n", fd >= 0 && raw_fstat(fd, &s) ? calls_in(fd, s.st_size) : 99);
    }
}
"""
CALL = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#ifdef __x86_64__
#define ASK(to, n, a, b, c) __asm__ volatile("syscall" : "=a"(to) : "0"((long)n), "D"(a), "S"(b), "d"(c) \
                                             : "rcx", "r11", "memory")
#else
#define ASK(to, n, a, b, c) do { register long x8 __asm__("x8") = n, x0 __asm__("x0") = (long)a; \
    register long x1 __asm__("x1") = (long)b, x2 __asm__("x2") = (long)c; \
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory"); to = x0; } while (0)
#endif
"""
OPENING = 'int main() { long fd; ASK(fd, SYS_openat, AT_FDCWD, "a", 0); return fd < 0; }'
MOVING = 'int main() { long no; ASK(no, SYS_unlinkat, AT_FDCWD, "a", 0); return no < 0; }'
HARMLESS = """int main() { long no; char room[8];
    ASK(no, SYS_getrandom, room, 8, 0); ASK(no, SYS_futex, room, 1, 1); ASK(no, SYS_gettid, 0, 0, 0);
    ASK(no, SYS_munmap, 0, 4096, 0); ASK(no, SYS_connect, -1, room, 8); ASK(no, SYS_read, 0, room, 0); return 0; }"""
OPENS, RENAMES = 2, 1


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[int]]:
    """What is found in each of these files."""
    folder = tmp_path_factory.mktemp("look")
    (folder / "look.c").write_text(LOOK)
    command = ["cc", "-std=gnu11", "-Os", "-fno-builtin", f"-I{SOURCES}", "-o"]
    subprocess.run([*command, folder / "look", folder / "look.c"], check=True)

    def found(*paths: str | Path) -> list[int]:
        done = subprocess.run([folder / "look", *paths], capture_output=True, check=True)
        return [int(line) for line in done.stdout.split()]

    return found


@pytest.mark.parametrize("level", ["-O1", "-O2", "-O3", "-Os"])
def test_a_call_is_told_by_its_number(
    level: str, look: Callable[..., list[int]], compiled: Callable[..., Path]
) -> None:
    programs = [compiled(CALL + text, level) for text in (OPENING, MOVING, HARMLESS)]
    assert look(*programs) == [OPENS, RENAMES, 0]


def test_a_function_for_all_calls_may_make_any(
    look: Callable[..., list[int]], compiled: Callable[..., Path]
) -> None:
    asking = """
    __attribute__((noinline)) long ask(long n, long a, long b, long c, long d) {
#ifdef __x86_64__
        register long r10 __asm__("r10") = d;
        __asm__ volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
        return n;
#else
        register long x3 __asm__("x3") = d;
        long to; (void)x3; ASK(to, n, a, b, c); return to;
#endif
    }
    int main(int count, char **argv) { return ask(count, 0, (long)argv, 0, 0) > 9; }
    """
    programs = [compiled(CALL + asking, level) for level in ("-O0", "-O2", "-Os")]
    assert all(look(*programs))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="instructions of x86_64")
def test_bytes_that_are_no_instruction_are_none(
    look: Callable[..., list[int]], compiled: Callable[..., Path]
) -> None:
    within = """int main() { int to;
        __asm__ volatile("movl $257, %%eax; movl $0x050f, %%ecx; movl %%ecx, %0" : "=r"(to) : : "eax", "ecx");
        __asm__ volatile("movl $257, %%eax; jmp 1f; .byte 0xe8, 0x11, 0x0f, 0x05, 0x00; 1:" : : : "eax");
        return to == 0; }"""
    assert look(compiled(within, "-O1")) == [0]


def test_ordinary_programs_ask_libc(look: Callable[..., list[int]]) -> None:
    names = ["sh", "bash", "git", "make", "tar", "perl", "ld", "as", "node", "cat", "sort", "ssh"]
    found = [path for name in names if (path := shutil.which(name))]
    compiler = ["cc", "-print-prog-name=cc1"]
    found += [subprocess.run(compiler, capture_output=True, text=True, check=True).stdout.strip()]
    found += [sys.executable]
    assert dict(zip(found, look(*found), strict=True)) == dict.fromkeys(found, 0)


def opened(seen: Traced, path: bytes) -> list[Opened]:
    return [event for event in seen.all(Opened) if event.path.endswith(path)]


MOVES = """int main() { int fd = open("a", O_WRONLY | O_CREAT, 0600); close(fd);
    ASK(fd, SYS_openat, AT_FDCWD, "a", 0); close(fd);
    rename("a", "b"); return fd < 0; }"""


def test_it_is_followed_from_its_begin(
    followed: Tracing, compiled: Callable[..., Path], tmp_path: Path
) -> None:
    program = compiled(CALL + MOVES, "-O2")
    seen = followed.run("sh", "-c", f"{program}; {program} && cat b")
    assert (seen.status, seen.gaps, seen.all(Missed)) == (0, [], [])
    pids = [event.pid for event in seen.all(Image) if event.executable == bytes(program)]
    assert len(pids) == 2
    assert [event.pid for event in opened(seen, b"/a")] == [pids[0]] * 2 + [pids[1]] * 2
    assert [event.pid for event in seen.all(Renamed)] == pids
    assert [event.pid not in pids for event in opened(seen, b"/b")] == [True]


def test_without_a_tracer_it_is_missed(traced: Tracing, compiled: Callable[..., Path]) -> None:
    programs = [compiled(CALL + text, "-O2") for text in (MOVES, MOVING, HARMLESS)]
    seen = traced.run("sh", "-c", "; ".join(map(str, programs)))
    assert [(missed.what, missed.detail) for missed in seen.all(Missed)] == [
        ("past libc", bytes(program)) for program in programs[:2]
    ]
    assert seen.all(Renamed)


def test_what_a_program_calls_is_looked_up_once(
    traced: Tracing,
    compiled: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second run believes what the first kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    program = compiled("int main() { return 0; }")
    assert traced.run(program).all(Missed) == []
    kept = spool.looks()
    assert kept is not None
    looks = [look for (look,) in iter_unpack("=Q", kept.read_bytes())]
    assert {look & 7 for look in looks if look} == {0}
    kept.write_bytes(
        b"".join((look | OPENS if look else 0).to_bytes(8, sys.byteorder) for look in looks)
    )
    assert [event.detail for event in traced.run(program).all(Missed)] == [bytes(program)]


@pytest.mark.parametrize("home", ["here", "a-file/below"])
def test_a_run_does_without_a_place_to_keep_it(
    home: str,
    traced: Tracing,
    compiled: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a-file").touch()
    place = home if home == "here" else str(tmp_path / home)
    monkeypatch.setenv("XDG_CACHE_HOME", place)
    assert spool.looks() is None
    programs = [compiled(CALL + text, "-O2") for text in (OPENING, HARMLESS)]
    seen = traced.run("sh", "-c", "; ".join(map(str, programs)))
    assert [missed.detail for missed in seen.all(Missed)] == [bytes(programs[0])]
