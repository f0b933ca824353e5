"""Is what the tracer follows told as the shim tells it, and does it behave as it would alone?"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from capture.rings import ASKED_LATER, RING, WAYS
from capture.traced import Tracing, compiled, followed, shim_library, traced, tracer_program

from provgraph.ingest.capture import spool
from provgraph.ingest.capture.events import (
    Closed,
    ExecFailed,
    Executing,
    Exited,
    Forked,
    Image,
    Missed,
    Opened,
    Renamed,
    Unlinked,
)

__all__ = ["compiled", "followed", "shim_library", "traced", "tracer_program"]

Compile = Callable[..., Path]

INCLUDES = (
    "#include <fcntl.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
    "#include <errno.h>\n#include <signal.h>\n#include <unistd.h>\n#include <sys/wait.h>\n"
    "#include <sys/stat.h>\n#include <sys/ptrace.h>\n#include <pthread.h>\n#include <spawn.h>\n"
)


def main(body: str, before: str = "") -> str:
    return f"{INCLUDES}{before}\nint main(int argc, char **argv) {{ {body} }}\n"


COPY = main(
    "char b[99]; int i = open(argv[1], O_RDONLY), o = open(argv[2], O_WRONLY|O_CREAT|O_TRUNC, 0644);"
    "write(o, b, read(i, b, 99)); close(o); if (argc > 3) execvp(argv[3], argv + 3); return 5;"
)


@pytest.fixture
def copy(compiled: Compile) -> Path:
    """A static program that copies a file and then becomes the program of its further arguments."""
    return compiled(COPY, "-static")


def within(seen: list[Opened], folder: Path) -> list[str]:
    inside = bytes(folder) + b"/"
    return [os.fsdecode(e.path[len(inside) :]) for e in seen if e.path.startswith(inside)]


# --- Static programs beside the shim


def test_a_static_program_that_a_shell_starts_is_followed(followed: Tracing, copy: Path) -> None:
    (followed.folder / "a").write_text("x")
    seen = followed.run("bash", "-c", f"{copy} a b; echo $?")
    assert (seen.stdout, seen.gaps) == (b"5\n", [])
    image = seen.all(Image)[1]
    assert (image.executable, image.argv[1:]) == (bytes(copy), [b"a", b"b"])
    assert within(seen.all(Opened, pid=image.pid), followed.folder) == ["a", "b"]
    assert seen.one(Closed, path=followed.path("b")).stat.size == 1
    assert seen.one(Exited, pid=image.pid).status == 5
    assert seen.all(Missed) == []
    assert all(e.traceable for e in seen.all(Executing))


@pytest.mark.parametrize("spawn", ["posix_spawn", "posix_spawnp"])
def test_a_spawned_static_program_is_followed(
    followed: Tracing, compiled: Compile, copy: Path, spawn: str
) -> None:
    (followed.folder / "a").write_text("x")
    program = compiled(
        main(
            f'pid_t p; char *a[] = {{argv[1], "a", "b", 0}}; int r = {spawn}(&p, argv[1], 0, 0, a,'
            " environ); int s; if (r || waitpid(p, &s, 0) != p) return 9; return WEXITSTATUS(s);"
        )
    )
    seen = followed.run(program, copy)
    assert seen.status == 5
    child = seen.all(Image)[1]
    assert seen.of(child.pid)[:3] == ["Forked", "Executing", "Image"]
    assert child.argv == [bytes(copy), b"a", b"b"]
    assert within(seen.all(Opened, pid=child.pid), followed.folder) == ["a", "b"]


def test_a_program_without_the_shims_environment_is_followed(followed: Tracing) -> None:
    (followed.folder / "a").write_text("x")
    seen = followed.run("bash", "-c", "env -i /bin/cat a > b; env -i /usr/bin/env")
    assert seen.stdout == b""
    assert seen.all(Missed) == []
    assert [i.argv[0] for i in seen.all(Image)] == [
        b"bash", b"env", b"/bin/cat", b"env", b"/usr/bin/env"
    ]  # fmt: skip


def test_what_a_static_program_starts_is_the_shims_again(followed: Tracing, copy: Path) -> None:
    (followed.folder / "a").write_text("x")
    seen = followed.run(
        "bash", "-c", f"{copy} a b sh -c 'grep Tracer /proc/self/status; cat b > c'"
    )
    assert seen.stdout.split() == [b"TracerPid:", b"0"]
    argv = [image.argv for image in seen.all(Image)]
    assert argv[-1] == [b"cat", b"b"]
    assert len(seen.all(Image)) == 5  # bash, copy, sh, grep, cat: each told once


def test_what_a_static_program_leaves_open_is_known_to_the_next(
    followed: Tracing, compiled: Compile
) -> None:
    program = compiled(
        main(
            'int o = open("out", O_WRONLY|O_CREAT, 0644); dup2(o, 9); close(o);'
            'execlp("sh", "sh", "-c", "echo x >&9", NULL);'
        ),
        "-static",
    )
    seen = followed.run("bash", "-c", f"{program}; :")
    image = seen.all(Image)[-1]
    assert [(d.fd, d.path, d.writable) for d in image.inherited if d.fd == 9] == [
        (9, followed.path("out"), True)
    ]
    assert seen.all(Closed, path=followed.path("out"))[-1].stat.size == 2


def test_an_exec_that_fails_returns_and_leaves_no_tracer(
    followed: Tracing, compiled: Compile, copy: Path
) -> None:
    (followed.folder / "mine").write_bytes(copy.read_bytes())
    (followed.folder / "mine").chmod(0o644)
    program = compiled(main('execl("./mine", "mine", NULL); printf("%d", errno); return 3;'))
    seen = followed.run(program)
    assert (seen.status, seen.stdout, seen.gaps) == (3, b"13", [])
    assert seen.one(ExecFailed).errno == 13
    assert len(seen.all(Image)) == 1


def test_without_a_tracer_a_static_program_is_a_gap(traced: Tracing, copy: Path) -> None:
    seen = traced.run("bash", "-c", f"{copy} a b; :")
    assert [e.reason for e in seen.all(Executing)] == ["static"]


@pytest.mark.parametrize("spawn", [True, False])
def test_a_tracer_that_is_not_there_keeps_no_program_from_running(
    followed: Tracing, compiled: Compile, copy: Path, spawn: bool
) -> None:
    followed.tracer = followed.spools / "none"
    program = compiled(
        main(
            'pid_t p; int s; char *a[] = {argv[1], "a", "b", 0}; if (argc > 2) execv(a[0], a);'
            "return posix_spawn(&p, a[0], 0, 0, a, environ) || waitpid(p, &s, 0) != p ? 9 : s >> 8;"
        )
    )
    seen = followed.run(program, copy, *([] if spawn else ["exec"]))
    assert seen.status == 5
    assert [e.reason for e in seen.all(Executing)] == ["static"]


# --- The program does not notice


ALONE = (
    "char *names[] = {\"NoNewPrivs\", \"Seccomp:\", \"SigBlk\", \"SigIgn\", \"SigCgt\", \"ShdPnd\", 0};"
    "char line[256]; FILE *f = fopen(\"/proc/self/status\", \"r\"); int i;"
    "while (fgets(line, 256, f)) for (i = 0; names[i]; i++)"
    " if (!strncmp(line, names[i], strlen(names[i]))) fputs(line, stdout);"
    "fclose(f); for (i = 0; i < 64; i++) if (fcntl(i, F_GETFD) >= 0) printf(\"%d \", i);"
    "printf(\"%d %d %d %d\", getpid() == getpgrp(), getsid(0) == atoi(argv[1]), getppid() == atoi(argv[2]),"
    " (int)wait(NULL) + errno);"
)  # fmt: skip


@pytest.mark.parametrize("flags", [(), ("-static",)], ids=["dynamic", "static"])
def test_a_program_finds_everything_as_it_would_alone(
    followed: Tracing, compiled: Compile, flags: tuple[str, ...]
) -> None:
    words = [str(compiled(main(ALONE), *flags)), str(os.getsid(0)), str(os.getpid())]
    alone = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    assert followed.follow(*words).stdout == alone.stdout
    wrapped = "exec " + " ".join(words)
    assert followed.run("bash", "-c", wrapped).stdout == alone.stdout


@pytest.mark.parametrize("way", ["follow", "run"])
def test_signals_and_statuses_are_the_programs_own(
    followed: Tracing, compiled: Compile, way: str
) -> None:
    program = compiled(
        main(
            "signal(SIGUSR1, handle); kill(getpid(), SIGUSR1); raise(SIGUSR1);"
            "write(1, count, 2); if (argc > 1) raise(atoi(argv[1])); return 7;",
            'char count[] = "0\\n"; void handle(int s) { count[0]++; }',
        ),
        "-static",
    )
    for extra, status in ((), 7), (("15",), -15), (("9",), -9), (("11",), -11):
        words = [str(program), *extra]
        if way == "run":
            words = ["bash", "-c", f"exec {' '.join(words)}"]
        seen = getattr(followed, way)(*words)
        assert (seen.status, seen.stdout) == (status, b"2\n")


def test_a_stopped_program_stays_stopped_until_it_is_continued(
    followed: Tracing, compiled: Compile
) -> None:
    path = followed.fresh()
    words = followed.followed(path, "sh", "-c", "kill -STOP $$; exit 4")
    child = subprocess.Popen(words, env=spool.without_shim(path, os.environ))
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGSTOP
    assert os.waitpid(child.pid, os.WNOHANG) == (0, 0)
    os.kill(child.pid, signal.SIGCONT)
    assert child.wait(30) == 4


def test_nobody_waits_for_the_tracer_to_close_a_pipe(followed: Tracing) -> None:
    path = followed.fresh()
    words = followed.followed(path, "sh", "-c", "sleep 60 <&- >&- 2>&- & echo $!")
    done = subprocess.run(
        words, env=spool.without_shim(path, os.environ), capture_output=True, check=True
    )
    os.kill(int(done.stdout), signal.SIGKILL)  # `run` returned though it lived


def test_threads_that_fork_exec_and_write_are_told_apart(
    followed: Tracing, compiled: Compile
) -> None:
    program = compiled(
        main(
            "pthread_t t[8]; for (long i = 0; i < 8; i++) pthread_create(t + i, 0, work, (void *)i);"
            "for (int i = 0; i < 8; i++) pthread_join(t[i], 0); return 0;",
            "void *work(void *n) { for (int i = 0; i < 20; i++) { char name[20];"
            'sprintf(name, "f%ld-%d", (long)n, i); int f = open(name, O_CREAT|O_WRONLY, 0600);'
            'write(f, "x", 1); close(f); pid_t p = vfork(); if (!p) { execl("/bin/true", "true", NULL);'
            "_exit(1); } waitpid(p, 0, 0); } return 0; }",
        ),
        "-pthread",
    )
    seen = followed.follow(program)
    assert seen.status == 0
    made = [e.path for e in seen.all(Opened) if e.created]
    assert len(set(made)) == len(made) == 160
    assert {e.path for e in seen.all(Closed) if e.stat.size == 1} >= set(made)
    assert len(seen.all(Image)) == 161 == len(seen.all(Forked)) + 1


def test_an_exec_by_a_thread_is_the_processs(followed: Tracing, compiled: Compile) -> None:
    program = compiled(
        main(
            "pthread_t t; pthread_create(&t, 0, work, 0); for (;;) pause();",
            'void *work(void *n) { execlp("sh", "sh", "-c", "echo $$ > f; exit 6", NULL); }',
        ),
        "-pthread",
    )
    seen = followed.follow(program)
    assert seen.status == 6
    assert {image.pid for image in seen.all(Image)} == {seen.one(Exited).pid}
    assert within([e for e in seen.all(Opened) if e.created], followed.folder) == ["f"]


def test_a_long_tree_of_forks_loses_nobody(followed: Tracing) -> None:
    seen = followed.follow(
        "bash",
        "-c",
        "for i in $(seq 60); do ( ( echo $i > f$i; mv f$i g$i; rm g$i ) & wait ) & done; wait",
    )
    assert seen.status == 0
    assert len(seen.all(Renamed)) == len(seen.all(Unlinked)) == 60
    exited = {e.pid for e in seen.all(Exited)}
    assert {e.pid for e in seen.all(Forked)} <= exited


# --- Those that must be let go


def test_a_killed_tracer_lets_the_program_go_on_and_is_a_gap(
    followed: Tracing, tracer_program: Path
) -> None:
    path = followed.fresh()
    script = "echo a > a; echo; read x; echo b > b; cat b; exit 3"
    words = followed.followed(path, "bash", "-c", script)
    with subprocess.Popen(
        words,
        cwd=followed.folder,
        env=spool.without_shim(path, os.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"\n"
        status = Path(f"/proc/{child.pid}/status").read_text()
        tracer = int(status.split("TracerPid:")[1].split()[0])
        assert tracer > 0
        os.kill(tracer, signal.SIGKILL)
        while "TracerPid:\t0\n" not in Path(f"/proc/{child.pid}/status").read_text():
            time.sleep(0.01)
        out, _ = child.communicate(b"go\n")
    assert (child.returncode, out) == (3, b"b\n")
    seen = followed.read(path, 3)
    assert seen.gaps == ["a tracer was killed, and what it followed went on unseen"]
    assert within([e for e in seen.all(Opened) if e.created], followed.folder) == ["a"]


@pytest.mark.parametrize("way", ["ATTACH", "ME"])
def test_a_program_that_traces_another_can(followed: Tracing, compiled: Compile, way: str) -> None:
    program = compiled(
        main(
            'int p = fork(), s; if (!p) { ' + ('ptrace(PTRACE_TRACEME, 0, 0, 0);' if way == "ME" else "")
            + 'raise(SIGSTOP); execlp("sh", "sh", "-c", "echo inner > f", NULL); }'
            "waitpid(p, &s, WUNTRACED);"
            + ("" if way == "ME" else "if (ptrace(PTRACE_ATTACH, p, 0, 0)) return 9; waitpid(p, &s, 0);")
            + "kill(p, SIGCONT); while (!WIFEXITED(s)) { if (ptrace(PTRACE_CONT, p, 0, 0)) return 8;"
            "waitpid(p, &s, 0); } return WEXITSTATUS(s);"
        )
    )  # fmt: skip
    seen = followed.follow(program)
    assert seen.status == 0
    assert seen.one(Missed).what == "ptrace"
    assert (followed.folder / "f").read_text() == "inner\n"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_strace_works_inside(followed: Tracing) -> None:
    seen = followed.follow("strace", "-f", "-e", "trace=execve", "sh", "-c", "/bin/true; exit 4")
    assert seen.status == 4
    assert seen.stderr.count(b"execve(") == 2


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")
def test_gdb_works_inside(followed: Tracing) -> None:
    seen = followed.follow("gdb", "-q", "-batch", "-ex", "run", "--args", "/bin/sh", "-c", "exit 4")
    assert b"exited with code 04" in seen.stdout


def test_a_leak_checker_works_inside(followed: Tracing, compiled: Compile) -> None:
    program = compiled(
        main('FILE *f = fopen("f", "w"); fputs("x", f); fclose(f); return 0;'), "-fsanitize=address"
    )
    seen = followed.follow(program)
    assert (seen.status, seen.stderr) == (0, b"")
    assert seen.one(Closed, path=followed.path("f")).stat.size == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a setuid program for a test")
def test_a_setuid_program_keeps_its_rights_and_is_a_gap(followed: Tracing, tmp_path: Path) -> None:
    mine = followed.folder / "id"
    shutil.copy(shutil.which("id") or "", mine)
    mine.chmod(0o4755)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    path = followed.fresh()
    path.chmod(0o666)
    path.parent.chmod(0o777)
    tracer = followed.spools / "tracer"
    assert followed.tracer is not None
    shutil.copy(followed.tracer, tracer)
    followed.tracer = tracer
    words = followed.followed(path, "sh", "-c", "./id -u; id -u")
    done = subprocess.run(
        words,
        cwd=followed.folder,
        env=spool.without_shim(path, os.environ),
        capture_output=True,
        user=65534,
        group=65534,
        check=True,
    )
    assert done.stdout.split() == [b"0", b"65534"]
    seen = followed.read(path, 0)
    assert [e.reason for e in seen.all(Executing)] == ["setuid", ""]
    assert [i.argv[0] for i in seen.all(Image)] == [b"sh", b"id"]


def test_what_belongs_to_another_run_is_let_go(followed: Tracing) -> None:
    other = followed.fresh()
    seen = followed.follow(
        "sh", "-c", f"PROVGRAPH_SPOOL={other} grep Tracer /proc/self/status; echo after > f"
    )
    assert seen.stdout.split() == [b"TracerPid:", b"0"]
    assert within([e for e in seen.all(Opened) if e.created], followed.folder) == ["f"]


# --- Rings of io_uring

EACH_WAY = pytest.mark.parametrize("flags", WAYS.values(), ids=WAYS)


@EACH_WAY
def test_a_ring_that_only_says_what_is_waited_for_misses_nothing(
    followed: Tracing, compiled: Compile, flags: int
) -> None:
    """Also one that is larger than the one before it, whose number it has; and more in all than are looked at at once."""
    body = f"""
        int ends[2];
        pipe(ends);
        write(ends[1], "a", 1);
        for (int n = 0; n < 40; n++) {{
            made.cq_entries = n % 2 ? 128 : 0;
            make_ring({flags} | (n % 2 ? IORING_SETUP_CQSIZE : 0));
            for (int m = 0; m < 9; m++)
                if (wait_for(ends[0]) != 1 || ask(IORING_OP_NOP, 0, 0, 0, 0)) return 6;
            if (n % 4) n % 3 ? close(ring) : dup2(0, ring);
        }}
        return 0;"""
    seen = followed.follow(compiled(main(body, RING)))
    assert (seen.status, seen.all(Missed), seen.gaps) == (0, [], [])
    seen = followed.run("bash", "-c", f"{compiled(main(body, RING), '-static')}; exit $?")
    assert (seen.status, seen.all(Missed), seen.gaps) == (0, [], [])
    assert len(seen.all(Image)) == 2


@EACH_WAY
def test_what_a_ring_reads_is_missed_once(followed: Tracing, compiled: Compile, flags: int) -> None:
    """Of a ring that has the number of another, whose memory was laid out in another way."""
    (followed.folder / "in").write_text("abc")
    body = f"""
        char all[4] = "";
        make_ring({flags});
        if (ask(IORING_OP_NOP, 0, 0, 0, 0)) return 6;
        close(ring);
        made.cq_entries = 128;
        make_ring({flags} | IORING_SETUP_CQSIZE);
        if (ask(IORING_OP_NOP, 0, 0, 0, 0)) return 5;
        for (int n = 0; n < 5; n++) if (ask(IORING_OP_OPENAT, AT_FDCWD, "in", 0, 0) < 3) return 4;
        if (ask(IORING_OP_READ, ring + 1, all, 3, 0) != 3) return 3;
        return strcmp(all, "abc");"""
    seen = followed.follow(compiled(main(body, RING)))
    assert (seen.status, seen.one(Missed).what) == (0, "io_uring")


NOT_LOOKED_AT = {
    "the kernel takes what is asked by itself": "make_ring(IORING_SETUP_SQPOLL); return 0;",
    "its memory is the program's": """
        enum { OWN_MEMORY = 1 << 14 };
        static char own[2][1 << 16] __attribute__((aligned(4096)));
        ((unsigned long *)&made)[9] = (unsigned long)own[0], ((unsigned long *)&made)[14] = (unsigned long)own[1];
        made.flags = OWN_MEMORY;
        return syscall(SYS_io_uring_setup, 4, &made) < 0;""",
    "another number": "make_ring(0); ring = dup(ring); return ask(IORING_OP_NOP, 0, 0, 0, 0);",
    "the number of another": """
        make_ring(0);
        int other = ring;
        make_ring(0);
        if (dup2(ring, other) != other) return 6;
        ring = other;
        return ask(IORING_OP_NOP, 0, 0, 0, 0);""",
    "registered": """
        struct { unsigned offset, unused; unsigned long ring; } own = {-1};
        close(0);
        make_ring(0); /* which has the number that the next is registered as */
        make_ring(0);
        own.ring = ring;
        if (syscall(SYS_io_uring_register, ring, 20 /* IORING_REGISTER_RING_FDS */, &own, 1) != 1) return 6;
        ring = own.offset, how |= 1 << 4 /* IORING_ENTER_REGISTERED_RING */;
        return ask(IORING_OP_NOP, 0, 0, 0, 0);""",
    "a fork's parent": """
        int status;
        make_ring(0);
        if (!fork()) _exit(ask(IORING_OP_NOP, 0, 0, 0, 0));
        return wait(&status) < 0 || status;""",
    "the program before": """
        char text[9];
        make_ring(0);
        if (argc > 1) {
            ring = atoi(argv[1]);
            map_ring();
            return ask(IORING_OP_NOP, 0, 0, 0, 0);
        }
        fcntl(ring, F_SETFD, 0);
        sprintf(text, "%d", ring);
        return execl(argv[0], argv[0], text, NULL);""",
    "one too many": "for (int n = 0; n < 17; n++) make_ring(0); return 0;",
}


@pytest.mark.parametrize("body", NOT_LOOKED_AT.values(), ids=NOT_LOOKED_AT)
def test_a_ring_that_is_not_looked_at_is_missed(
    followed: Tracing, compiled: Compile, body: str
) -> None:
    seen = followed.follow(compiled(main(body, RING)))
    assert (seen.status, seen.one(Missed).what) == (0, "io_uring")


def test_what_another_thread_asks_of_a_ring_after_it_was_looked_at_is_missed(
    followed: Tracing, compiled: Compile
) -> None:
    text = main("return take_often();", RING + ASKED_LATER)
    seen = followed.follow(compiled(text, "-pthread"))
    took_both = {int(pid) for pid in seen.stdout.split()}
    assert took_both
    assert took_both <= {event.pid for event in seen.all(Missed)}
