"""Programs in which nothing would be seen: the library is left out of them, and all is told of them as of others."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from capture.traced import Traced, Tracing, compiled, shim_library, traced, tracer_program
from capture.workspace import Workspace

from provgraph.ingest.capture.assemble.processes import lives
from provgraph.ingest.capture.events import INERT, ExecFailed, Executing, Exited, Image, Opened
from provgraph.model.records import Informed, RunEnded, StepSeen

__all__ = ["compiled", "shim_library", "traced", "tracer_program"]

Compile = Callable[..., Path]

PRINTS = '#include <stdio.h>\nint main(void) { printf("%d\\n", 6 * 7); return 3; }'
DOES_MORE = {
    "opens a stream": '#include <stdio.h>\nint main(void) { return fopen("/nowhere", "r") != 0; }',
    "opens": '#include <fcntl.h>\nint main(void) { return open("/nowhere", 0) != -1; }',
    "reads": "#include <unistd.h>\nint main(void) { char c; return read(9, &c, 1) != -1; }",
    "removes": '#include <stdio.h>\nint main(void) { return remove("/nowhere") != -1; }',
    "forks": "#include <unistd.h>\nint main(void) { return fork() < 0; }",
    "runs": '#include <unistd.h>\nint main(void) { return execl("/nowhere", "a", 0) != -1; }',
    "loads": '#include <dlfcn.h>\nint main(void) { return dlsym(0, "open") == 0; }',
    "asks who it is": "#include <pwd.h>\nint main(void) { return getpwuid(0) == 0; }",
    "runs by libc": """
#include <wordexp.h>
int main(void) { wordexp_t words; return wordexp("$(echo a)", &words, 0); }""",
    "asks by number": "#include <unistd.h>\nint main(void) { return syscall(39) < 0; }",
    "asks by itself": """
int main(void) {
    long made = 2; /* open */
    __asm__ volatile("syscall" : "+a"(made) : "D"("/nowhere"), "S"(0), "d"(0) : "rcx", "r11", "memory");
    return made != -2;
}""",
}


def twice(traced: Tracing, command: str, shell: str = "sh") -> tuple[Traced, list[Executing]]:
    seen = traced.run(shell, "-c", f"{command}; {command}; exit 0")
    assert seen.gaps == []
    return seen, seen.all(Executing)


def are_seen(seen: Traced, asked: list[Executing]) -> bool:
    """Whether the library is in each program that was asked for, or in each but in those after the first."""
    loaded = [bool(seen.all(Image, pid=event.pid)) for event in asked]
    assert loaded == [not event.is_inert for event in asked]
    return all(loaded)


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize(
    "command", ["/bin/true", "/bin/false", "sleep 0", "/bin/echo a", "basename /a/b", "uname"]
)
def test_an_inert_program_is_told_of_by_who_runs_it(
    traced: Tracing, command: str, shell: str
) -> None:
    seen, (first, second) = twice(traced, command, shell)
    image = seen.one(Image, pid=first.pid)
    assert (second.reason, second.path, second.argv) == (INERT, image.executable, image.argv)
    assert [(d.fd, d.kind, d.readable, d.writable, d.end) for d in second.inherited] == [
        (d.fd, d.kind, d.readable, d.writable, d.end) for d in image.inherited if d.kind == "pipe"
    ]
    assert seen.one(Exited, pid=second.pid).status == seen.one(Exited, pid=first.pid).status
    output = seen.stdout.splitlines()
    assert output[: len(output) // 2] == output[len(output) // 2 :]


def test_ones_own_program_that_only_prints_is_inert(traced: Tracing, compiled: Compile) -> None:
    seen, asked = twice(traced, str(compiled(PRINTS)))
    assert not are_seen(seen, asked)
    assert [event.status for event in seen.all(Exited)] == [3, 3, 0]
    assert seen.stdout == b"42\n42\n"


@pytest.mark.parametrize("flags", [(), ("-D_FILE_OFFSET_BITS=64",)])
def test_a_program_that_asks_how_its_descriptors_are_is_inert(
    traced: Tracing, compiled: Compile, flags: tuple[str, ...]
) -> None:
    """As all of the newer coreutils do."""
    text = """
    #include <fcntl.h>
    #include <stdio.h>
    int main(void) {
        printf("%d %d\\n", fcntl(1, F_GETFL) & O_ACCMODE, fcntl(1, F_DUPFD_CLOEXEC, 0) > 2);
        return 0;
    }"""
    seen, asked = twice(traced, str(compiled(text, *flags)))
    assert not are_seen(seen, asked)
    assert seen.stdout == b"1 1\n" * 2


@pytest.mark.parametrize("what", DOES_MORE)
def test_a_program_that_may_do_more_is_not(traced: Tracing, compiled: Compile, what: str) -> None:
    seen, asked = twice(traced, str(compiled(DOES_MORE[what])))
    assert are_seen(seen, asked)


@pytest.mark.parametrize("style", ["gnu", "sysv", "both"])
def test_what_a_program_asks_for_is_found_where_nothing_is_asked_of_it(
    traced: Tracing, compiled: Compile, style: str
) -> None:
    """The table of the names that others may ask of it does not tell how many it asks for itself: it may be empty."""
    flags = ("-no-pie", f"-Wl,--hash-style={style}")
    for text in (DOES_MORE["opens"], PRINTS):
        seen, asked = twice(traced, str(compiled(text, *flags)))
        assert are_seen(seen, asked) == (text != PRINTS)


@pytest.mark.parametrize("name", ["librtools.so", "libc-client.so", "libpthreadpool.so", "ld-x.so"])
def test_a_library_that_is_named_like_one_of_libc_is_none(
    traced: Tracing, compiled: Compile, name: str
) -> None:
    text = '#include <fcntl.h>\nint looks(void) { return open("/nowhere", 0) != -1; }'
    library = traced.folder / name
    library.write_bytes(compiled(text, "-shared", "-fPIC", f"-Wl,-soname,{name}").read_bytes())
    program = compiled("int looks(void);\nint main(void) { return looks(); }", str(library))
    traced.variables["LD_LIBRARY_PATH"] = str(traced.folder)
    assert are_seen(*twice(traced, str(program)))


def test_a_program_that_was_replaced_is_looked_at_again(traced: Tracing, compiled: Compile) -> None:
    program = traced.folder / "program"
    for text in (PRINTS, DOES_MORE["opens"]):
        (traced.folder / f"{len(text)}").write_bytes(compiled(text).read_bytes())
        (traced.folder / f"{len(text)}").chmod(0o755)
    one, other = len(PRINTS), len(DOES_MORE["opens"])
    seen = traced.run(
        "bash", "-c", f"cp {one} program; {program}; {program}; cp {other} program; {program}; :"
    )
    asked = [event for event in seen.all(Executing) if event.path == bytes(program)]
    assert [event.is_inert for event in asked] == [False, True, False]


@pytest.mark.parametrize(
    "command",
    [
        "/bin/true > out",
        "/bin/true < in",
        "/bin/echo a >> in",
        "/bin/true 7< in",
        "/bin/true 7>> in",
        "sh -c 'exec sleep 0'",
    ],
)
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_who_is_given_a_file_is_seen(traced: Tracing, command: str, shell: str) -> None:
    (traced.folder / "in").write_text("a\n")
    assert are_seen(*twice(traced, command, shell))


def test_who_has_another_library_before_libc_is_seen(traced: Tracing, compiled: Compile) -> None:
    other = compiled("int nothing;", "-shared", "-fPIC")
    traced.variables["LD_PRELOAD"] = str(other)
    assert are_seen(*twice(traced, "/bin/true"))


def test_what_the_loader_runs_is_not_taken_for_what_it_ran_before(traced: Tracing) -> None:
    """By its own path the loader is one program, whatever it is told to run."""
    places = (Path("/lib64"), Path("/lib"))
    loader = next(path for place in places for path in place.glob("ld-linux-*.so.*"))
    (traced.folder / "in").write_text("a\n")
    seen = traced.run(
        loader, "/bin/bash", "-c", f"{loader} /bin/true; {loader} /bin/cat in | /bin/cat; :"
    )
    assert not [event for event in seen.all(Executing) if event.is_inert]
    assert traced.path("in") in {event.path for event in seen.all(Opened)}


def test_the_library_is_not_in_its_environment(traced: Tracing) -> None:
    seen = traced.run("sh", "-c", "printenv LD_PRELOAD HOME; echo; printenv LD_PRELOAD HOME; :")
    first, second = seen.stdout.split(b"\n\n")
    assert first.splitlines()[1:] == second.splitlines()


def test_an_inert_program_that_cannot_be_run_was_not(traced: Tracing) -> None:
    seen = traced.run("bash", "-c", "/bin/true; /bin/true $(printf '%0200000d' 1); :")
    failed = seen.one(ExecFailed)
    assert seen.one(Executing, pid=failed.pid).is_inert
    assert b"too long" in seen.stderr
    story = lives(seen.events, b"")
    (process,) = (process for process in story.processes if process.pid == failed.pid)
    assert (process.images, story.escaped) == (0, [])


WAITS = """
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static void run(const char *path, const char *word) {
    if (fork() == 0) { execl(path, path, word, NULL); _exit(9); }
}
static void await(const char *how, int *status) {
    siginfo_t told;
    if (!strcmp(how, "wait")) wait(status);
    if (!strcmp(how, "waitpid")) waitpid(-1, status, 0);
    if (!strcmp(how, "wait3")) wait3(status, 0, NULL);
    if (!strcmp(how, "wait4")) wait4(-1, status, 0, NULL);
    if (!strcmp(how, "waitid")) waitid(P_ALL, 0, status ? &told : NULL, WEXITED);
    if (!strcmp(how, "wait4 by number")) syscall(SYS_wait4, -1, status, 0, NULL);
    if (!strcmp(how, "waitid by number")) syscall(SYS_waitid, P_ALL, 0, status ? &told : NULL, WEXITED, NULL);
}
int main(int argc, char **argv) {
    int status;
    run("/bin/false", ""), await(argv[1], &status);
    run("/bin/false", ""), await(argv[1], &status);
    run("/bin/false", ""), await(argv[1], NULL);
    return 0;
}"""


@pytest.mark.parametrize(
    "how",
    ["wait", "waitpid", "wait3", "wait4", "waitid", "wait4 by number", "waitid by number"],
)
def test_who_waits_tells_the_end(traced: Tracing, compiled: Compile, how: str) -> None:
    seen = traced.run(compiled(WAITS), how)
    asked = [event.pid for event in seen.all(Executing)]
    told = {event.pid: event.status for event in seen.all(Exited)}
    assert [told.get(pid) for pid in asked] == [1, 1, 1]
    assert [seen.one(Executing, pid=pid).is_inert for pid in asked] == [False, True, True]


@pytest.mark.parametrize(
    "ignores", ["signal(SIGCHLD, SIG_IGN)", "sigaction(SIGCHLD, &not_kept, NULL)"]
)
def test_who_is_waited_for_by_nobody_tells_its_end_itself(
    traced: Tracing, compiled: Compile, ignores: str
) -> None:
    handler = "static struct sigaction not_kept = {.sa_flags = SA_NOCLDWAIT};\nint main("
    text = WAITS.replace("int main(", handler).replace("int status;", f"int status; {ignores};")
    seen = traced.run(compiled(text), "wait")
    assert are_seen(seen, seen.all(Executing))
    assert [event.status for event in seen.all(Exited)] == [1, 1, 1, 0]


def test_a_program_of_another_run_is_told_to_that(traced: Tracing) -> None:
    spool = traced.fresh()
    run = f"PROVGRAPH_SPOOL={spool} /bin/false"
    seen = traced.run("bash", "-c", f"/bin/false; /bin/false; {run}; {run}; :")
    assert [event.is_inert for event in seen.all(Executing)] == [False, True, False, False]
    assert len(traced.read(spool, 0).all(Image)) == 2


def test_a_child_that_stops_has_not_ended(traced: Tracing) -> None:
    begun = 'until read -r name < /proc/$!/comm && [ "$name" = sleep ]; do :; done'
    stopped = "kill -STOP $!; wait $!; kill -CONT $!"
    for number in (signal.SIGKILL, signal.SIGTERM):
        script = (
            f"sleep 0; set -m; sleep 9 & {begun}; {stopped}; kill -{int(number)} $!; wait $!; :"
        )
        seen = traced.run("bash", "-c", script)
        first, second = (event.pid for event in seen.all(Executing))
        assert seen.one(Executing, pid=second).is_inert
        assert seen.one(Exited, pid=first).status == 0
        assert seen.all(Exited, pid=second) == []  # as of all that are killed


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_record_says_the_same_of_it(workspace: Workspace, shell: str) -> None:
    """As of what comes first, and as the tracer, which leaves nothing out."""
    line = "x=$(/bin/echo {0}); basename $x/{0} | sort > {0}; echo $x >> {0}; sleep 0 & wait"
    script = "; ".join(line.format(name) for name in ("one", "two", "two")) + "; false"
    said = []
    for backend in ("preload", "ptrace"):
        before = {record.run for record in workspace.all(RunEnded)}
        done = workspace.run(shell, "-c", script, flags=("--backend", backend))
        assert done.returncode == 1
        (ended,) = (record for record in workspace.all(RunEnded) if record.run not in before)
        assert (ended.verdict, ended.gaps) == ("complete", [])
        steps = {s.step: s for s in workspace.all(StepSeen) if s.run == ended.run}
        assert all(step.ended for step in steps.values())
        told = [record for record in workspace.all(Informed) if record.step in steps]
        said.append(
            (
                Counter((tuple(s.argv), s.program, s.exit) for s in steps.values()),
                Counter(
                    (tuple(steps[i.step].argv), i.channel, tuple(steps[i.by].argv)) for i in told
                ),
            )
        )
    assert said[0] == said[1]
