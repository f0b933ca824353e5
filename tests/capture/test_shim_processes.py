"""Does the shim follow processes, and leave them as they are?"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from capture.rings import ASKED_LATER, RING, WAYS
from capture.traced import Traced, Tracing, compiled, shim_library, traced

from provgraph.ingest.capture import spool
from provgraph.ingest.capture.assemble.processes import lives
from provgraph.ingest.capture.events import (
    Closed,
    ExecFailed,
    Executing,
    Exited,
    Forked,
    Image,
    Missed,
    Opened,
    Piped,
    Renamed,
)

__all__ = ["compiled", "shim_library", "traced"]

Compile = Callable[..., Path]

HEADERS = """
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
"""


STATIC = "int main(){return 5;}"


def main(body: str) -> str:
    return HEADERS + "int main(int argc,char**argv){" + body + "}"


def test_an_image_says_who_where_and_with_what(traced: Tracing) -> None:
    (traced.folder / "in").write_bytes(b"")
    with (traced.folder / "in").open("rb") as file:
        seen = traced.run("/bin/cat", "-", b"\xff\n", stdin=file)
    image = seen.one(Image)
    assert image.executable == bytes(Path("/bin/cat").resolve())
    assert image.argv == [b"/bin/cat", b"-", b"\xff\n"]
    assert (image.cwd, image.parent) == (bytes(traced.folder), os.getpid())
    assert [(d.fd, d.kind) for d in image.inherited] == [(0, "file"), (1, "pipe"), (2, "pipe")]
    first, second = image.inherited[:2]
    assert (first.path, first.readable, first.writable) == (traced.path("in"), True, False)
    assert (second.path, second.readable, second.writable) == (b"", False, True)


def test_the_executable_is_canonical_the_second_time_too(traced: Tracing) -> None:
    (traced.folder / "link").symlink_to("/bin/cat")
    seen = traced.run("bash", "-c", f"{traced.folder}/link; {traced.folder}/link; ./link; /bin/cat")
    cat = bytes(Path("/bin/cat").resolve())
    assert [i.executable for i in seen.all(Image)][1:] == [cat] * 4


@pytest.mark.parametrize(
    "shell", ["dash", "bash"]
)  # which makes its children by vfork, and by fork
def test_a_program_that_was_replaced_is_not_taken_for_the_old_one(
    traced: Tracing, compiled: Compile, shell: str
) -> None:
    one, other = (compiled(main(f'return write(1, "{n}", 1) != 1;')) for n in "12")
    place = traced.folder / "program"
    place.symlink_to(one)
    again = f"ln -sfn {other} {place}"
    seen = traced.run(shell, "-c", f"{place}; {place}; {again}; {place}; {place}; exit 0")
    assert seen.stdout == b"1122"
    ran = [i.executable for i in seen.all(Image) if i.argv == [bytes(place)]]
    assert ran == [bytes(one.resolve())] * 2 + [bytes(other.resolve())] * 2


@pytest.mark.parametrize("begin", ["0", "vfork()"])
def test_an_exec_that_failed_says_nothing_of_the_next_one(
    traced: Tracing, compiled: Compile, begin: str
) -> None:
    """What is left to the next image is taken back: that one may be run by a libc that was not asked through us."""
    one, other = traced.folder / "one", traced.folder / "other"
    for path in (one, other):
        path.write_bytes(Path("/bin/cat").read_bytes())
        path.chmod(0o755)
    place = traced.folder / "program"
    place.symlink_to(one)
    program = compiled(
        "#include <dlfcn.h>\n"
        + main(
            f"""
            int (*real)(const char *, char *const *, char *const *) = dlsym(dlopen("libc.so.6", RTLD_NOW), "execve");
            static char long_one[1 << 18];
            char *const args[] = {{argv[1], NULL}}, *const too_many[] = {{argv[1], long_one, NULL}};
            memset(long_one, 'x', sizeof long_one - 1);
            if ({begin}) return wait(NULL) < 0;
            execve(argv[1], too_many, environ);
            rename("next", argv[1]);
            real(argv[1], args, environ);
            _exit(1);
            """
        )
    )
    (traced.folder / "next").symlink_to(other)
    seen = traced.run("dash", "-c", f"{place}; {place}; {program} {place}")
    assert (seen.status, len(seen.all(ExecFailed))) == (0, 1)
    ran = [i.executable for i in seen.all(Image) if i.argv == [bytes(place)]]
    assert ran == [bytes(one)] * 2 + [bytes(other)]


def test_a_script_runs_as_its_interpreter(traced: Tracing) -> None:
    script = traced.folder / "script"
    script.write_text("#!/bin/sh\n:\n")
    script.chmod(0o755)
    for _ in range(2):
        seen = traced.run("bash", "-c", f"{script}; {script}; :")
        shell = bytes(Path("/bin/sh").resolve())
        assert [i.executable for i in seen.all(Image)][1:] == [shell] * 2
        assert [e.path for e in seen.all(Executing)] == [bytes(script)] * 2
        assert all(e.traceable for e in seen.all(Executing))


def test_long_arguments_are_cut_and_said_to_be(traced: Tracing) -> None:
    seen = traced.run("true", *[f"{n:0100d}" for n in range(1000)])
    image = seen.one(Image)
    assert 100 < len(image.argv) < 1001
    assert image.argv[1] == b"0" * 100
    assert image.argv[-1] == "…".encode()
    assert seen.all(Missed) == []


def test_no_standard_descriptors_at_all_is_fine(traced: Tracing) -> None:
    seen = traced.run("sh", "-c", "exec /bin/true <&- >&- 2>&-")
    assert seen.all(Image)[-1].inherited == []
    assert seen.status == 0


def test_a_fork_that_does_nothing_writes_its_end_only(traced: Tracing, compiled: Compile) -> None:
    seen = traced.run(compiled(main("if(!fork())_exit(3);wait(0);return 0;")))
    image, forked = seen.one(Image), seen.one(Forked)
    assert forked.parent == image.pid
    assert seen.of(forked.pid) == ["Forked", "Exited"]
    assert seen.one(Exited, pid=forked.pid).status == 3
    assert [d.fd for d in forked.inherited] == [0, 1, 2]


def test_a_forked_child_that_is_killed_at_once_leaves_nothing(
    traced: Tracing, compiled: Compile
) -> None:
    seen = traced.run(compiled(main("int c=fork();if(!c)pause();kill(c,9);wait(0);return 0;")))
    assert seen.all(Forked) == []


def test_a_fork_is_dated_when_it_happened(traced: Tracing, compiled: Compile) -> None:
    (traced.folder / "a").write_bytes(b"")
    body = 'int p=fork();if(!p){usleep(50000);open("a",0);_exit(0);}open("a",0);wait(0);return 0;'
    seen = traced.run(compiled(main(body)))
    forked = seen.one(Forked)
    parents, childs = (seen.one(Opened, pid=pid).tick for pid in (seen.one(Image).pid, forked.pid))
    assert forked.tick < parents < childs


def test_a_child_announces_what_it_inherited_and_closes_what_it_wrote(
    traced: Tracing, compiled: Compile
) -> None:
    body = (
        'int w=open("w",O_CREAT|O_WRONLY,0644),r=open("w",O_RDONLY),q=open("q",O_CREAT|O_WRONLY,0644);'
        'if(!fork()){write(w,"child",5);exit(0);}wait(0);return 0;'
    )
    seen = traced.run(compiled(main(body)))
    forked = seen.one(Forked)
    assert [(d.fd, d.path, d.writable) for d in forked.inherited if d.fd > 2] == [
        (3, traced.path("w"), True),
        (4, traced.path("w"), False),
        (5, traced.path("q"), True),
    ]
    closed = seen.one(Closed, pid=forked.pid)
    assert (closed.path, closed.fd, closed.opened) == (traced.path("w"), 3, forked.tick)
    assert closed.stat.size == 5


def test_forks_past_libcs_fork_are_seen_too(traced: Tracing, compiled: Compile) -> None:
    body = (
        'if(!syscall(SYS_clone,SIGCHLD,0,0,0,0)){open("a",O_CREAT|O_WRONLY,0644);_exit(4);}'
        "wait(0);return 0;"
    )
    seen = traced.run(compiled(main(body)))
    forked = seen.one(Forked)
    assert seen.of(forked.pid) == ["Forked", "Opened", "Closed", "Exited"]
    assert forked.parent == seen.one(Image).pid


def test_a_daemon_outlives_its_parent_and_is_seen(traced: Tracing, compiled: Compile) -> None:
    path = traced.fresh()
    body = 'daemon(1,0);usleep(100000);int d=open("late",O_CREAT|O_WRONLY,0644);write(d,"x",1);_exit(0);'
    program = compiled(main(body))
    subprocess.run(
        [program], cwd=traced.folder, env=traced.environment(path), check=True, timeout=20
    )
    with spool.Spool(path) as read:
        deadline = time.monotonic() + 20
        while read.activity() == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        events = read.events()
    [late] = [e for e in events if isinstance(e, Opened)]
    assert late.path == traced.path("late")
    assert next(type(e) for e in events if e.pid == late.pid) is Forked


VFORK = (
    'int keep=open("keep",O_CREAT|O_WRONLY,0644);int p[2];pipe(p);volatile int before=41;'
    "pid_t c=vfork();if(!c){before++;dup2(p[1],1);close(keep);close(p[0]);"
    'execl("/bin/echo","echo","from the child",(char*)0);_exit(127);}'
    'close(p[1]);char b[64]={0};read(p[0],b,63);int s;waitpid(c,&s,0);write(keep,"kept",4);'
    'close(keep);printf("%d %d %s",before,s,b);return 0;'
)


def test_a_vfork_child_shares_memory_and_leaves_the_parents_descriptors(
    traced: Tracing, compiled: Compile
) -> None:
    seen = traced.run(compiled(main(VFORK)))
    assert seen.stdout == b"42 0 from the child\n"
    forked = seen.one(Forked)
    parent = seen.all(Image)[0].pid
    assert forked.parent == parent and forked.inherited == []
    assert seen.of(forked.pid) == ["Forked", "Piped", "Executing", "Image", "Exited"]
    closed = seen.one(Closed, path=traced.path("keep"))
    assert (closed.pid, closed.stat.size) == (parent, 4)


def test_a_vfork_child_whose_exec_fails_is_not_its_parent(
    traced: Tracing, compiled: Compile
) -> None:
    (traced.folder / "text").write_bytes(b"not a program\n")
    (traced.folder / "text").chmod(0o755)
    body = (
        'int k=open("k",O_CREAT|O_WRONLY,0644);pid_t c=vfork();'
        'if(!c){execl("text","text",(char*)0);_exit(errno==ENOEXEC?6:7);}'
        'int s;waitpid(c,&s,0);write(k,"k",1);return WEXITSTATUS(s);'
    )
    seen = traced.run(compiled(main(body)))
    assert seen.status == 6
    child = seen.one(Forked).pid
    assert seen.of(child) == ["Forked", "Executing", "ExecFailed", "Exited"]
    assert seen.one(Closed).pid == seen.one(Image).pid


def test_many_threads_vfork_and_write_at_once(traced: Tracing, compiled: Compile) -> None:
    text = HEADERS + (
        "void*work(void*n){char f[40];for(int i=0;i<40;i++){"
        'sprintf(f,"t%ld-%d",(long)n,i);int d=open(f,O_CREAT|O_WRONLY,0644);write(d,f,2);close(d);'
        'if(i%10==0){pid_t c=vfork();if(!c){execl("/bin/cat","cat","/dev/null",(char*)0);_exit(1);}'
        "int s;waitpid(c,&s,0);if(s)exit(9);}}return 0;}"
        "int main(){pthread_t t[8];for(long i=0;i<8;i++)pthread_create(&t[i],0,work,(void*)i);"
        "for(int i=0;i<8;i++)pthread_join(t[i],0);return 0;}"
    )
    seen = traced.run(compiled(text, "-pthread"))
    assert seen.status == 0
    assert len({o.path for o in seen.all(Opened)}) == 320
    assert len(seen.all(Closed)) == 320
    assert {c.stat.size for c in seen.all(Closed)} == {2}
    assert len(seen.all(Image)) == 33
    assert seen.gaps == [] and seen.activity == 320


def test_ticks_of_a_process_rise_and_are_unique(traced: Tracing) -> None:
    seen = traced.run("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo > f$i; done")
    ticks = [e.tick for e in seen.events]
    assert ticks == sorted(set(ticks))


def test_signal_handlers_may_open_files(traced: Tracing, compiled: Compile) -> None:
    text = HEADERS + (
        "#include <sys/time.h>\nvolatile int hits;"
        'void on(int s){int d=open("s",O_RDONLY);close(d);hits++;}'
        'int main(){close(open("s",O_CREAT,0644));signal(SIGALRM,on);'
        "struct itimerval t={{0,300},{0,300}};setitimer(ITIMER_REAL,&t,0);"
        'while(hits<300){int d=open("m",O_CREAT|O_WRONLY,0644);write(d,"x",1);close(d);}'
        "t.it_value.tv_usec=0;t.it_interval.tv_usec=0;setitimer(ITIMER_REAL,&t,0);return 0;}"
    )
    seen = traced.run(compiled(text))
    assert seen.status == 0
    assert len(seen.all(Opened, path=traced.path("s"))) >= 300
    opened = {o.tick for o in seen.all(Opened)}
    assert {c.opened for c in seen.all(Closed)} == opened


SMALL_STACKS = {
    "thread": """static void*in(void*u){act();return 0;}int on(void){pthread_attr_t a;pthread_t t;
pthread_attr_init(&a);pthread_attr_setstacksize(&a,16384);return pthread_create(&t,&a,in,0)||pthread_join(t,0);}""",
    "signal": """static void in(int s){act();}int on(void){stack_t s={.ss_sp=room+4096,.ss_size=8192};
struct sigaction a={.sa_handler=in,.sa_flags=SA_ONSTACK};
return mprotect(room,4096,PROT_NONE)||sigaltstack(&s,0)||sigaction(SIGUSR1,&a,0)||raise(SIGUSR1);}""",
}


@pytest.mark.parametrize("stack", SMALL_STACKS)
@pytest.mark.parametrize(
    "call",
    [
        'close(open("b",O_CREAT|O_WRONLY,0644))',
        'fclose(fopen("b","w"))',
        'rename("a","b")',
        'link("a","b")',
        'unlink("a")',
        'truncate("a",0)',
        'chdir("/")',
        'if(!fork()){close(open("b",O_CREAT|O_WRONLY,0644));_exit(0);}wait(0)',
        'execlp("true","true",(char*)0)',
        'pid_t p;posix_spawnp(&p,"true",0,0,(char*[]){"true",0},environ);waitpid(p,0,0)',
    ],
)
def test_what_needs_little_stack_needs_little_more(
    traced: Tracing, compiled: Compile, call: str, stack: str
) -> None:
    text = HEADERS + (
        "#include <sys/mman.h>\nstatic char room[12288] __attribute__((aligned(4096)));"
        f"static void act(void){{{call};}}{SMALL_STACKS[stack]}"
        'int main(){int d=open("a",O_CREAT|O_WRONLY,0644);write(d,"x",1);close(d);return on();}'
    )
    program = compiled(text, "-pthread")
    alone = subprocess.run([program], cwd=traced.folder, check=False)
    for left in ("a", "b"):
        (traced.folder / left).unlink(missing_ok=True)
    seen = traced.run(program)
    assert (alone.returncode, seen.status, seen.gaps) == (0, 0, [])
    assert seen.one(Opened, path=traced.path("a")).writable


def test_many_threads_with_little_stack_lose_nothing(traced: Tracing, compiled: Compile) -> None:
    text = HEADERS + (
        'static void*in(void*u){char a[9],b[9];sprintf(a,"a%ld",(long)u);sprintf(b,"b%ld",(long)u);'
        "for(int i=0;i<50;i++){close(open(a,O_CREAT|O_WRONLY,0644));rename(a,b);}return 0;}"
        "int main(){pthread_t t[24];pthread_attr_t a;pthread_attr_init(&a);"
        "pthread_attr_setstacksize(&a,20480);for(long i=0;i<24;i++)if(pthread_create(t+i,&a,in,(void*)i))return 9;"
        "for(int i=0;i<24;i++)pthread_join(t[i],0);return 0;}"
    )
    seen = traced.run(compiled(text, "-pthread"))
    assert (seen.status, seen.gaps) == (0, [])
    assert len(seen.all(Renamed)) == len(seen.all(Closed)) == 24 * 50
    assert {r.source for r in seen.all(Renamed)} == {traced.path(f"a{i}") for i in range(24)}


EXECS = [
    'execve("/bin/echo",(char*[]){"echo","x",0},environ)',
    'execv("/bin/echo",(char*[]){"echo","x",0})',
    'execvp("echo",(char*[]){"echo","x",0})',
    'execvpe("echo",(char*[]){"echo","x",0},environ)',
    'execl("/bin/echo","echo","x",(char*)0)',
    'execlp("echo","echo","x",(char*)0)',
    'execle("/bin/echo","echo","x",(char*)0,environ)',
    'fexecve(open("/bin/echo",O_RDONLY),(char*[]){"echo","x",0},environ)',
    'execveat(AT_FDCWD,"/bin/echo",(char*[]){"echo","x",0},environ,0)',
    'syscall(SYS_execve,"/bin/echo",(char*[]){"echo","x",0},environ)',
]


@pytest.mark.parametrize("call", EXECS)
def test_every_exec_is_announced_and_arrives(traced: Tracing, compiled: Compile, call: str) -> None:
    seen = traced.run(compiled(main(f"{call};return 9;")))
    assert (seen.status, seen.stdout) == (0, b"x\n")
    executing = seen.one(Executing)
    echo = bytes(Path("/bin/echo").resolve())
    assert executing.traceable and executing.path == echo
    first, second = seen.all(Image)
    assert (second.executable, second.pid) == (echo, first.pid)
    assert first.tick < executing.tick < second.tick
    assert seen.all(Missed) == [] and seen.all(ExecFailed) == []


def test_an_exec_of_what_is_not_there_is_no_event(traced: Tracing, compiled: Compile) -> None:
    body = 'execl("/missing","x",(char*)0);return errno==ENOENT?3:4;'
    seen = traced.run(compiled(main(body)))
    assert seen.status == 3
    assert seen.all(Executing) == [] and seen.all(ExecFailed) == []


def test_a_failed_exec_is_taken_back(traced: Tracing, compiled: Compile) -> None:
    (traced.folder / "plain").write_bytes(b"data")
    seen = traced.run(compiled(main('execl("plain","x",(char*)0);return errno==EACCES?3:4;')))
    assert seen.status == 3
    assert seen.one(ExecFailed).errno == 13


@pytest.mark.parametrize("call", ["posix_spawn", "posix_spawnp"])
def test_a_spawned_child_has_its_parent_and_its_exec(
    traced: Tracing, compiled: Compile, call: str
) -> None:
    body = (
        f'pid_t c;char*a[]={{"true",0}};if({call}(&c,"/bin/true",0,0,a,environ))return 9;'
        "int s;waitpid(c,&s,0);return s;"
    )
    seen = traced.run(compiled(main(body)))
    assert seen.status == 0
    child = seen.one(Forked)
    assert child.parent == seen.all(Image)[0].pid
    assert seen.of(child.pid) == ["Forked", "Executing", "Image", "Exited"]


SPAWNS_BY_DESCRIPTOR = """
#include <poll.h>
#define SPAWN(name) int name(int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, \
                             char *const *, char *const *)
SPAWN(pidfd_spawn);
SPAWN(pidfd_spawnp);
"""
NEWER_LIBC = f"""{HEADERS}{SPAWNS_BY_DESCRIPTOR}
#include <dlfcn.h>
static int spawn(const char *name, int *pidfd, const char *path, const void *actions, const void *attributes,
                 char *const *argv, char *const *env) {{
    pid_t child;
    SPAWN((*real)) = dlsym(dlopen("libc.so.6", RTLD_NOW), name);
    int error = real(&child, path, actions, attributes, argv, env);
    if (error) return error;
    struct pollfd ended = {{*pidfd = syscall(434 /* pidfd_open */, child, 0), POLLIN, 0}};
    if (getenv("SLOWLY")) poll(&ended, 1, 10000);
    return 0;
}}
#define AS(old, name) SPAWN(name) {{ return spawn(old, a, b, c, d, e, f); }}
#undef SPAWN
#define SPAWN(name) int name(int *a, const char *b, const posix_spawn_file_actions_t *c, const posix_spawnattr_t *d, \
                             char *const *e, char *const *f)
AS("posix_spawn", pidfd_spawn)
AS("posix_spawnp", pidfd_spawnp)
"""
"""What glibc has from 2.39 on. Its child is made where no hook sees it, as within libc, and both are in no older one."""


def spawns_by_descriptor(compiled: Compile, call: str, first: str = "") -> Path:
    """A program that runs the one it is told, and ends as that does."""
    body = (
        f"{first} int fd = -1; siginfo_t end; if ({call}(&fd, argv[1], 0, 0, argv + 1, environ)) return 9;"
        "if (waitid(3 /* P_PIDFD */, fd, &end, WEXITED)) return 7;"
        "return end.si_status;"
    )
    library = compiled(NEWER_LIBC, "-shared", "-fPIC")
    return compiled(HEADERS + SPAWNS_BY_DESCRIPTOR + main(body)[len(HEADERS) :], str(library))


@pytest.mark.parametrize("call", ["pidfd_spawn", "pidfd_spawnp"])
def test_a_child_that_is_spawned_by_its_descriptor_has_its_parent_and_its_exec(
    traced: Tracing, compiled: Compile, call: str
) -> None:
    program = spawns_by_descriptor(compiled, call)
    seen = traced.run(program, "true" if call[-1] == "p" else "/bin/true")
    assert seen.status == 0
    child = seen.one(Forked)
    assert child.parent == seen.all(Image)[0].pid
    assert seen.of(child.pid) == ["Forked", "Executing", "Image", "Exited"]
    assert traced.run(program, "/missing").status == 9


def test_a_static_program_that_is_spawned_by_its_descriptor_is_said_to_escape(
    traced: Tracing, compiled: Compile
) -> None:
    seen = traced.run(spawns_by_descriptor(compiled, "pidfd_spawn"), compiled(STATIC, "-static"))
    assert seen.status == 5
    executing = seen.one(Executing)
    assert executing.reason == "static"
    assert seen.one(Forked).pid == executing.pid


def test_a_child_that_has_ended_when_its_descriptor_is_looked_at_is_told_of(
    traced: Tracing, compiled: Compile
) -> None:
    """The descriptor does not say any more which process it stands for, where nobody is to wait for that."""
    program = spawns_by_descriptor(compiled, "pidfd_spawn", "signal(SIGCHLD, SIG_IGN);")
    traced.variables["SLOWLY"] = "1"
    seen = traced.run(program, compiled(STATIC, "-static"))
    assert seen.status == 7
    assert [event.what for event in seen.all(Missed)] == ["static"]
    seen = traced.run(program, "/bin/true")
    assert (seen.status, seen.all(Missed)) == (7, [])
    own, child = seen.all(Image)
    assert child.parent == own.pid


def test_a_spawn_that_fails_returns_its_error(traced: Tracing, compiled: Compile) -> None:
    body = 'pid_t c;char*a[]={"x",0};return posix_spawn(&c,"/missing",0,0,a,environ);'
    seen = traced.run(compiled(main(body)))
    assert seen.status == 2
    assert seen.all(Forked) == []


def test_system_and_popen_are_seen_by_their_images(traced: Tracing, compiled: Compile) -> None:
    body = 'system("/bin/true");pclose(popen("exec cat /etc/hostname","r"));return 0;'
    seen = traced.run(compiled(main(body)))
    names = [os.path.basename(i.executable) for i in seen.all(Image)]
    assert b"true" in names and b"cat" in names


def test_a_static_program_is_said_to_escape(traced: Tracing, compiled: Compile) -> None:
    static = compiled(STATIC, "-static")
    seen = traced.run("sh", "-c", f"{static} arg; exit $?")
    assert seen.status == 5
    executing = seen.one(Executing)
    assert (executing.traceable, executing.reason) == (False, "static")
    assert executing.argv == [bytes(static), b"arg"]
    assert executing.path == bytes(static)
    again = traced.run("bash", "-c", f"{static}; {static}; {static}; true")
    assert [e.reason for e in again.all(Executing) if e.path == bytes(static)] == ["static"] * 3


def test_a_script_of_a_static_interpreter_escapes(traced: Tracing, compiled: Compile) -> None:
    static = compiled(STATIC, "-static")
    script = traced.folder / "script"
    script.write_text(f"#! {static} -x\n")
    script.chmod(0o755)
    executing = traced.run("sh", "-c", "./script; true").all(Executing)[0]
    assert (executing.path, executing.reason) == (bytes(script), "static")


def test_a_spawned_static_program_is_said_to_escape(traced: Tracing, compiled: Compile) -> None:
    static = compiled(STATIC, "-static")
    body = "pid_t c;posix_spawn(&c,argv[1],0,0,argv+1,environ);int s;waitpid(c,&s,0);return s>>8;"
    seen = traced.run(compiled(main(body)), static)
    assert seen.status == 5
    executing = seen.one(Executing)
    assert executing.reason == "static"
    assert seen.one(Forked).pid == executing.pid


ELSEWHERE = """
int s; pid_t c; posix_spawn_file_actions_t a;
posix_spawn_file_actions_init(&a);
posix_spawn_file_actions_addchdir_np(&a, "there");
if (posix_spawn(&c, argv[1], &a, 0, argv + 1, environ)) return 9;
waitpid(c, &s, 0);
return s >> 8;"""


@pytest.mark.parametrize("flags", [(), ("-static",)])
def test_a_program_that_is_spawned_in_another_folder_is_said(
    traced: Tracing, compiled: Compile, flags: tuple[str, ...]
) -> None:
    """Its path leads nowhere from where its parent is."""
    (traced.folder / "there").mkdir()
    text = 'int main(void) { return access("program", 0) ? 8 : 3; }'
    shutil.copy(compiled(HEADERS + text, *flags), traced.folder / "there/program")
    seen = traced.run(compiled(main(ELSEWHERE)), "./program")
    assert seen.status == 3
    executing = seen.one(Executing)
    assert executing.path == b"./program"
    assert bool(seen.all(Image, pid=executing.pid)) == (not flags)
    escaped = [event for _, event in lives(seen.events, b"").escaped]
    assert escaped == ([executing] if flags else [])


def test_the_loader_itself_is_followed(traced: Tracing) -> None:
    loaders = list(Path("/lib64").glob("ld-*.so.*"))
    if not loaders:
        pytest.skip("no loader found")
    seen = traced.run("sh", "-c", f"{loaders[0]} /bin/echo x; true")
    assert seen.stdout == b"x\n"
    assert all(e.traceable for e in seen.all(Executing))


def test_a_program_with_raised_rights_is_said_to_escape(
    traced: Tracing, compiled: Compile, tmp_path: Path
) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root to give a file away")
    raised = tmp_path / "raised"
    raised.write_bytes(compiled("int main(){return 0;}").read_bytes())
    os.chown(raised, 12345, -1)
    raised.chmod(0o4755)
    executing = traced.run("sh", "-c", f"{raised}; true").all(Executing)[0]
    assert (executing.traceable, executing.reason) == (False, "setuid")


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PROVGRAPH_SPOOL"])
def test_a_scrubbed_environment_is_said_and_left_as_asked(traced: Tracing, name: str) -> None:
    seen = traced.run("sh", "-c", f"unset {name}; /usr/bin/env; true")
    assert not [line for line in seen.stdout.split() if line.startswith(name.encode() + b"=")]
    missed = seen.all(Missed)[0]
    assert (missed.what, missed.detail) == ("scrubbed environment", b"/usr/bin/env")
    executing = seen.all(Executing)[0]
    assert (executing.traceable, executing.reason) == (False, "scrubbed environment")
    assert len(seen.all(Image)) == 1


def test_the_programs_own_preload_stays(traced: Tracing, compiled: Compile) -> None:
    other = compiled(
        '#include <stdio.h>\nint puts(const char*s){return printf("<%s>\\n",s);}',
        "-shared",
        "-fPIC",
    )
    program = compiled('#include <stdio.h>\nint main(){char b[9]="hi";puts(b);}')
    traced.variables["LD_PRELOAD"] = str(other)
    seen = traced.run(program)
    assert seen.stdout == b"<hi>\n"
    assert len(seen.all(Image)) == 1


def test_descriptors_left_open_go_to_the_next_image(traced: Tracing) -> None:
    seen = traced.run("bash", "-c", 'exec 7>out; exec sh -c "echo late >&7"')
    second = seen.all(Image)[1]
    [kept] = [d for d in second.inherited if d.fd == 7]
    assert (kept.path, kept.writable, kept.readable) == (traced.path("out"), True, False)
    closed = seen.one(Closed, fd=7)
    assert (closed.opened, closed.stat.size) == (second.tick, 5)


def test_the_name_of_an_inherited_file_is_asked_for_once(traced: Tracing) -> None:
    """To ask /proc is dear in a new process: children take what their parent was told."""
    path = traced.fresh()
    with (traced.folder / "log").open("wb") as log:
        subprocess.run(
            ["sh", "-c", "/bin/echo one; (/bin/echo two; sh -c '/bin/echo three'); true"],
            cwd=traced.folder,
            env=traced.environment(path),
            stdin=subprocess.DEVNULL,
            stdout=log,
            check=True,
        )
    seen = traced.read(path, 0)
    began: list[Image | Forked] = [*seen.all(Image), *seen.all(Forked)]
    assert len(began) >= 5
    assert {d.path for e in began for d in e.inherited if d.fd == 1} == {traced.path("log")}
    assert path.read_bytes().count(traced.path("log")) == 1


def test_descriptors_that_the_exec_closes_are_closed(traced: Tracing) -> None:
    code = (
        "import os; d=os.open('out',os.O_CREAT|os.O_WRONLY|os.O_CLOEXEC); os.write(d,b'abc');"
        "os.execv('/bin/true',['true'])"
    )
    seen = traced.run(sys.executable, "-S", "-c", code)
    closed = seen.one(Closed, path=traced.path("out"))
    assert closed.stat.size == 3
    assert closed.tick < seen.all(Image)[1].tick
    assert [d.fd for d in seen.all(Image)[1].inherited] == [0, 1, 2]


def test_the_subshell_of_a_pipeline_has_its_ends(traced: Tracing) -> None:
    seen = traced.run("bash", "-c", "(echo one; true) | (cat; true) > out")
    wrote = {p.inode for p in seen.all(Piped) if p.writable}
    read = {p.inode for p in seen.all(Piped) if p.readable}
    assert wrote & read


def test_a_child_says_what_it_inherited_before_it_changes_it(traced: Tracing) -> None:
    seen = traced.run("bash", "-c", "(echo first; exec > out; echo second); true")
    forked = seen.one(Forked)
    assert seen.stdout == b"first\n"
    assert [(d.fd, d.kind) for d in forked.inherited] == [(0, "other"), (1, "pipe"), (2, "pipe")]
    assert seen.one(Closed, path=traced.path("out")).stat.size == 7


@pytest.mark.parametrize("status", [0, 1, 42, 255])
def test_exit_statuses_are_the_programs_own(
    traced: Tracing, compiled: Compile, status: int
) -> None:
    calls = ["return %d;", "exit(%d);", "_exit(%d);", "_Exit(%d);", "quick_exit(%d);"]
    for call in [*calls, "syscall(SYS_exit_group,%d);"]:
        seen = traced.run(compiled(main(call % status)))
        assert seen.status == status
        assert seen.one(Exited).status == status


def test_a_killed_program_has_no_exit(traced: Tracing) -> None:
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
        seen = traced.run("sh", "-c", f"kill -{int(number)} $$")
        assert seen.status == -number
        assert seen.all(Exited) == []
        assert len(seen.all(Image)) == 1


def test_what_was_written_before_a_kill_stays(traced: Tracing) -> None:
    script = "for i in 1 2 3; do echo $i > f$i; done; kill -9 $$"
    seen = traced.run("bash", "-c", script)
    assert seen.status == -9
    assert [c.path for c in seen.all(Closed)] == [traced.path(f"f{n}") for n in (1, 2, 3)]


def test_processes_killed_at_any_moment_leave_a_readable_spool(
    traced: Tracing, compiled: Compile
) -> None:
    body = (
        "for(int p=0;p<6;p++){pid_t c=fork();if(!c){char f[30];for(long i=0;;i++){"
        'sprintf(f,"k%d",p);int d=open(f,O_CREAT|O_WRONLY|O_TRUNC,0644);write(d,f,2);close(d);}}'
        'char f[30];sprintf(f,"k%d",p);struct stat s;while(stat(f,&s)||!s.st_size)usleep(500);'
        "usleep(900*p);kill(c,9);waitpid(c,0,0);}"
        'close(open("after",O_CREAT|O_WRONLY,0644));return 0;'
    )
    seen = traced.run(compiled(main(body)))
    assert seen.status == 0
    assert len(seen.all(Forked)) == 6
    assert seen.one(Opened, path=traced.path("after"))
    for event in seen.all(Opened):
        assert event.path.startswith(bytes(traced.folder))


def test_a_program_that_restricts_its_system_calls_lives(
    traced: Tracing, compiled: Compile
) -> None:
    body = (
        'int d=open("a",O_CREAT|O_WRONLY,0644);prctl(PR_SET_SECCOMP,1);write(d,"x",1);'
        "syscall(SYS_exit,0);"
    )
    seen = traced.run(compiled(main(body)))
    assert seen.status == 0
    assert seen.one(Missed).what == "seccomp"


@pytest.mark.parametrize("flags", WAYS.values(), ids=WAYS)
def test_a_ring_that_only_says_what_is_waited_for_misses_nothing(
    traced: Tracing, compiled: Compile, flags: int
) -> None:
    """As libuv has one in each loop."""
    body = f"""
        int ends[2];
        pipe(ends);
        write(ends[1], "a", 1);
        for (int n = 0; n < 6; n++) {{
            make_ring({flags});
            if (wait_for(ends[0]) != 1 || ask(IORING_OP_NOP, 0, 0, 0, 0)) return 6;
            if (n % 3) close(ring);
        }}
        return 0;"""
    seen = traced.run(compiled(HEADERS + RING + main(body)[len(HEADERS) :]))
    assert (seen.status, seen.all(Missed), seen.gaps) == (0, [], [])


@pytest.mark.parametrize("flags", WAYS.values(), ids=WAYS)
def test_what_a_ring_reads_is_missed_once(traced: Tracing, compiled: Compile, flags: int) -> None:
    (traced.folder / "in").write_text("abc")
    body = f"""
        char all[4] = "";
        make_ring({flags});
        if (ask(IORING_OP_NOP, 0, 0, 0, 0)) return 6;
        for (int n = 0; n < 5; n++) if (ask(IORING_OP_OPENAT, AT_FDCWD, "in", 0, 0) < 3) return 5;
        if (ask(IORING_OP_READ, ring + 1, all, 3, 0) != 3) return 4;
        return strcmp(all, "abc");"""
    seen = traced.run(compiled(HEADERS + RING + main(body)[len(HEADERS) :]))
    assert (seen.status, seen.one(Missed).what) == (0, "io_uring")


def test_a_ring_that_is_not_looked_at_is_missed(traced: Tracing, compiled: Compile) -> None:
    """Of one the kernel takes what is asked by itself; the other is handed over by a number that it was not made with."""
    seen = traced.run(
        compiled(HEADERS + RING + main("make_ring(IORING_SETUP_SQPOLL); return 0;")[len(HEADERS) :])
    )
    assert seen.one(Missed).what == "io_uring"
    body = "make_ring(0); ring = dup(ring); return ask(IORING_OP_NOP, 0, 0, 0, 0);"
    seen = traced.run(compiled(HEADERS + RING + main(body)[len(HEADERS) :]))
    assert (seen.status, seen.one(Missed).what) == (0, "io_uring")


def test_what_another_thread_asks_of_a_ring_after_it_was_looked_at_is_missed(
    traced: Tracing, compiled: Compile
) -> None:
    text = HEADERS + RING + ASKED_LATER + main("return take_often();")[len(HEADERS) :]
    seen = traced.run(compiled(text, "-pthread"))
    took_both = {int(pid) for pid in seen.stdout.split()}
    assert took_both
    assert took_both <= {event.pid for event in seen.all(Missed)}


def test_a_cancelled_thread_unwinds_through_a_hook(traced: Tracing, compiled: Compile) -> None:
    os.mkfifo(traced.folder / "fifo")
    text = HEADERS + (
        "int cleaned;void clean(void*x){cleaned=1;}"
        'void*work(void*x){pthread_cleanup_push(clean,0);open("fifo",O_RDONLY);'
        "pthread_cleanup_pop(0);return 0;}"
        "int main(){pthread_t t;pthread_create(&t,0,work,0);usleep(50000);pthread_cancel(t);"
        "void*r;pthread_join(t,&r);return !(cleaned&&r==PTHREAD_CANCELED);}"
    )
    assert traced.run(compiled(text, "-pthread", "-fexceptions")).status == 0


@pytest.mark.parametrize("flag", ["-fsanitize=address", "-fsanitize=thread"])
def test_sanitized_programs_run(traced: Tracing, compiled: Compile, flag: str) -> None:
    body = (
        'FILE*f=fopen("a","w");fputs("abc",f);fclose(f);char*p=malloc(9);free(p);'
        "pid_t c=fork();if(!c)_exit(0);int s;waitpid(c,&s,0);return s;"
    )
    program = compiled(main(body), flag)
    if subprocess.run([program], cwd=traced.folder, check=False, capture_output=True).returncode:
        pytest.skip("does not run here by itself")
    seen = traced.run(program)
    assert (seen.status, seen.stderr) == (0, b"")
    assert seen.one(Closed, path=traced.path("a")).stat.size == 3


def test_python_subprocesses_of_every_kind_are_seen(traced: Tracing) -> None:
    code = (
        "import subprocess, os, multiprocessing as m\n"
        "subprocess.run(['cat', '/dev/null'], close_fds=True)\n"
        "subprocess.run(['cat', '/dev/null'], close_fds=False)\n"
        "subprocess.run('exec cat /dev/null', shell=True, stdout=subprocess.PIPE)\n"
        "os.system('exec cat /dev/null')\n"
        "p = os.fork()\n"
        "if p == 0: open('forked', 'w').write('x'); os._exit(0)\n"
        "os.waitpid(p, 0)\n"
    )
    seen = traced.run(sys.executable, "-S", "-c", code)
    assert seen.status == 0, seen.stderr
    cat = bytes(Path("/bin/cat").resolve())
    assert len([i for i in seen.all(Image) if i.executable == cat]) == 4
    assert seen.one(Closed, path=traced.path("forked")).stat.size == 1


def test_nothing_is_printed_and_nothing_changes(traced: Tracing) -> None:
    script = "ls; echo out; echo err >&2; cat /nonexistent; false | true; exit 7"
    plain = subprocess.run(
        ["bash", "-c", script], cwd=traced.folder, capture_output=True, check=False
    )
    seen = traced.run("bash", "-c", script)
    assert (seen.status, seen.stdout, seen.stderr) == (7, plain.stdout, plain.stderr)


def test_the_descriptors_of_the_program_are_its_own(traced: Tracing) -> None:
    code = (
        "import os; a=os.open('a',os.O_CREAT|os.O_RDWR); os.rename('a','b'); os.truncate('b',3);"
        "b=os.open('b',os.O_RDONLY); os.unlink('b'); os.close(a); c=os.open('/',os.O_RDONLY);"
        "print(a, b, c, sorted(map(int, os.listdir('/proc/self/fd'))))"
    )
    plain = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=traced.folder, capture_output=True, check=True
    )
    assert traced.run(sys.executable, "-S", "-c", code).stdout == plain.stdout


def test_without_a_spool_the_shim_is_silent(traced: Tracing, shim_library: Path) -> None:
    for spool_path in ("", "/nonexistent/spool", "relative", "/etc/hostname", str(traced.folder)):
        env = {**os.environ, "LD_PRELOAD": str(shim_library), "PROVGRAPH_SPOOL": spool_path}
        done = subprocess.run(
            ["sh", "-c", "echo x > f; cat f; exit 3"],
            cwd=traced.folder,
            env=env,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (3, b"x\n", b"")


def test_a_rename_by_number_is_seen_in_a_threaded_program(
    traced: Tracing, compiled: Compile
) -> None:
    text = HEADERS + (
        'void*work(void*n){char a[20],b[20];sprintf(a,"a%ld",(long)n);sprintf(b,"b%ld",(long)n);'
        "close(open(a,O_CREAT|O_WRONLY,0644));"
        "syscall(SYS_renameat2,AT_FDCWD,a,AT_FDCWD,b,0);return 0;}"
        "int main(){pthread_t t[4];for(long i=0;i<4;i++)pthread_create(&t[i],0,work,(void*)i);"
        "for(int i=0;i<4;i++)pthread_join(t[i],0);return 0;}"
    )
    seen: Traced = traced.run(compiled(text, "-pthread"))
    assert {r.target for r in seen.all(Renamed)} == {traced.path(f"b{n}") for n in range(4)}
