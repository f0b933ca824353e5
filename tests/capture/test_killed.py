"""Programs that are killed before the library wakes in them: they have done nothing, if it is sure that it would have."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from capture.traced import Traced, Tracing, compiled, followed, shim_library, traced, tracer_program
from capture.workspace import Workspace

from provgraph.ingest.capture.assemble.processes import lives
from provgraph.ingest.capture.events import Executing, Image, Killed
from provgraph.model.records import Generated

__all__ = ["compiled", "followed", "shim_library", "traced", "tracer_program"]

Compile = Callable[..., Path]

STOPS = """
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
static const char *how;
static int is(const char *name) { return !strcmp(how, name); }
static int await(int pid, int *status, int flags) {
    siginfo_t told = {0};
    if (!is("waitid")) return waitpid(pid, status, flags);
    if (waitid(P_PID, pid, &told, WEXITED | WSTOPPED)) return -1;
    *status = told.si_code == CLD_KILLED ? told.si_status : 0x7f;
    return pid;
}
static void prepare(void) {
    struct rlimit room = {1ul << 30, 1ul << 30};
    if (is("little room")) setrlimit(RLIMIT_AS, &room);
    if (is("another user")) setresuid(-1, 65534, -1);
    if (is("no library")) unsetenv("LD_PRELOAD");
    if (is("no spool")) unsetenv("PROVGRAPH_SPOOL");
    if (is("more libraries")) setenv("LD_AUDIT", "/nowhere", 1);
    if (is("one before us")) setenv("LD_PRELOAD", "/nowhere", 1);
    if (is("out")) dup2(open("out", O_CREAT | O_TRUNC | O_WRONLY, 0666), 1);
}
/* Stops right after the exec, at the first instruction of the loader. */
int main(int argc, char **argv) {
    int status, pid;
    how = argv[1];
    for (int n = 0; n < atoi(argv[2]); n++) {
        pid = fork();
        if (!pid) { freopen("/dev/null", "r", stdin); execv(argv[3], argv + 3); _exit(9); }
        waitpid(pid, &status, 0);
    }
    pid = is("vfork") ? vfork() : fork();
    if (!pid) {
        if (!is("vfork")) prepare();
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        if (is("fails first")) execv("/dev/null", argv);
        execv(argv[3], argv + 3);
        _exit(9);
    }
    await(pid, &status, 0);
    if (!WIFSTOPPED(status)) return 8;
    kill(pid, SIGKILL);
    await(pid, &status, 0);
    return !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL;
}"""


def escaped(seen: Traced) -> list[bytes]:
    return [event.path for _, event in lives(seen.events, b"").escaped]


@pytest.mark.parametrize("how", ["", "vfork", "waitid", "fails first", "out"])
def test_who_is_killed_before_the_library_wakes_was_not_missed(
    traced: Tracing, compiled: Compile, how: str
) -> None:
    seen = traced.run(compiled(STOPS), how, "1", "/bin/cat")
    assert seen.status == 0
    first, *_, last = seen.all(Executing)
    assert seen.one(Killed) == Killed(9, pid=last.pid, tick=seen.one(Killed).tick)
    assert seen.all(Image, pid=first.pid) and not seen.all(Image, pid=last.pid)
    assert escaped(seen) == []


@pytest.mark.parametrize(
    "how", ["little room", "no library", "no spool", "more libraries", "one before us"]
)
def test_it_is_a_gap_where_the_library_might_not_have_woken(
    traced: Tracing, compiled: Compile, how: str
) -> None:
    seen = traced.run(compiled(STOPS), how, "1", "/bin/cat")
    assert seen.status == 0
    assert seen.all(Killed) == []
    assert len(escaped(seen)) == 1


def test_it_is_a_gap_where_the_library_was_never_seen_to_wake_in_it(
    traced: Tracing, compiled: Compile
) -> None:
    """Of a program that is new nobody knows whether it will, whatever it looks like."""
    program = shutil.copy("/bin/cat", traced.folder / "program")
    seen = traced.run(compiled(STOPS), "", "0", program)
    assert seen.all(Killed) == []
    assert escaped(seen) == [traced.path("program")]
    seen = traced.run(compiled(STOPS), "", "1", program)
    assert len(seen.all(Killed)) == 1
    assert escaped(seen) == []


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_it_is_a_gap_where_a_program_gets_other_rights(traced: Tracing, compiled: Compile) -> None:
    """Its loader then loads no library from the environment."""
    seen = traced.run(compiled(STOPS), "another user", "1", "/bin/cat")
    assert seen.all(Killed) == []
    assert len(escaped(seen)) == 1


def test_a_static_program_that_is_killed_is_a_gap(traced: Tracing, compiled: Compile) -> None:
    program = compiled("int main(void) { return 0; }", "-static")
    seen = traced.run(compiled(STOPS), "", "1", program)
    assert seen.all(Killed) == []
    assert len(escaped(seen)) == 2


SPAWNS = """
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
extern char **environ;
int main(int argc, char **argv) {
    int status, pid;
    for (int n = 0; n < 40; n++) {
        if (posix_spawn(&pid, argv[1], 0, 0, argv + 1, environ)) return 9;
        if (n) kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    return 0;
}"""


def test_who_is_spawned_and_killed_was_not_missed(traced: Tracing, compiled: Compile) -> None:
    seen = traced.run(compiled(SPAWNS), "/bin/cat")
    assert seen.status == 0
    assert seen.all(Killed)
    asked = {event.pid for event in seen.all(Executing)}
    assert {event.pid for event in (*seen.all(Image), *seen.all(Killed))} >= asked
    assert escaped(seen) == []


@pytest.mark.parametrize("backend", ["auto", "preload", "ptrace"])
def test_the_verdict_of_who_kills_at_once_is_complete(workspace: Workspace, backend: str) -> None:
    script = """
import subprocess
for n in range(20):
    with open('out', 'w') as out:
        cat = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=out)
    if n:
        cat.kill()
    cat.stdin.close()
    cat.wait()
"""
    done = workspace.run("python3", "-c", script, flags=("--backend", backend))
    assert done.returncode == 0, done.stderr
    assert (workspace.ended.verdict, workspace.ended.gaps) == ("complete", [])
    assert workspace.all(Generated)
