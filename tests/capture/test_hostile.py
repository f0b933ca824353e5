"""Does a program that is hard on capture behave as it would alone, and does the verdict say what is not known?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from ctypes.util import find_library
from pathlib import Path

import pytest
from capture.workspace import Workspace

from provgraph.graph import Graph
from provgraph.ingest.capture.shim import library, tracer
from provgraph.ingest.capture.tree import MOST
from provgraph.model.journal import read_segment, segments
from provgraph.model.records import Generated, RunEnded, RunStarted, StepSeen, Used


def compiled(folder: Path, name: str, text: str) -> str:
    source, program = folder / f"{name}.c", folder / name
    source.write_text(text)
    subprocess.run(["cc", "-O1", "-o", program, source], check=True)
    return str(program)


def as_alone(workspace: Workspace, *argv: str) -> None:
    """The same exit status and the same words, captured or not."""
    alone = subprocess.run(
        argv,
        cwd=workspace.root,
        env=workspace.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    done = workspace.run(*argv)
    assert (done.returncode, done.stdout) == (alone.returncode, alone.stdout), done.stderr


FORKS = """
import os
def fork(depth):
    for _ in range(2):
        if depth and os.fork() == 0:
            open(f"made/{os.getpid()}", "w").write("x")
            fork(depth - 1)
            os._exit(0)
    try:
        while True:
            os.wait()
    except ChildProcessError:
        pass
os.makedirs("made", exist_ok=True)
fork(8)
print("over")
"""


def test_a_program_that_forks_and_forks_is_seen_to_its_last_process(workspace: Workspace) -> None:
    """510 processes, each of which makes a file and two others."""
    done = workspace.run(sys.executable, "-c", FORKS)
    assert (done.returncode, done.stdout) == (0, "over\n")
    assert len({record.names[-1].uri for record in workspace.all(Generated)}) == 510
    assert workspace.ended.verdict == "complete"


WRITES_INTO_THE_JOURNAL = """
import os
for folder in ("journal", "spool"):
    open(f".provgraph/{folder}/nonsense.segment", "wb").write(b"nonsense" * 1000)
open("made.txt", "w").write("x")
"""


def test_a_program_that_writes_into_the_journal_s_folder_harms_nobody_s_record(
    workspace: Workspace,
) -> None:
    assert workspace.run(sys.executable, "-c", WRITES_INTO_THE_JOURNAL).returncode == 0
    with Graph.open(workspace.root) as graph:
        report = graph.sync()
        assert [row[0] for row in graph.ask("file made.txt | select name").rows.values] == [
            "made.txt"
        ]
    assert len(report.problems) == 1 and "nonsense.segment" in report.problems[0]


@pytest.mark.skipif(os.getuid() != 0, reason="only root may change the root")
def test_a_program_that_changes_its_root_is_followed_into_it(workspace: Workspace) -> None:
    (workspace.root / "jail").mkdir()
    code = "import os; os.chroot('jail'); os.chdir('/'); open('/made', 'w').write('x'); print(os.listdir('/'))"
    as_alone(workspace, sys.executable, "-c", code)
    (workspace.root / "jail" / "made").unlink()
    assert workspace.run(sys.executable, "-c", code).returncode == 0
    assert workspace.generated()["jail/made"].attributed
    assert workspace.ended.verdict == "complete"


JAILED = """
#include <stdio.h>
#include <stdlib.h>
int main(int n, char **words) {
    FILE *made = fopen(words[1], "w");
    fputs("x", made);
    fclose(made);
    puts(getenv("LD_PRELOAD") ? getenv("LD_PRELOAD") : "nothing is preloaded");
    return 0;
}
"""
SENDS_INTO_THE_JAIL = """
import os
os.chroot("jail")
os.chdir("/")
pid = os.posix_spawn("/jailed", ["jailed", "/spawned"], os.environ)
print(os.waitpid(pid, 0)[1], flush=True)
os.execv("/jailed", ["jailed", "/executed"])
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root may change the root")
def test_a_program_whose_root_is_another_hears_nothing_of_a_library_that_is_not_there(
    workspace: Workspace,
) -> None:
    jail = workspace.root / "jail"
    jail.mkdir()
    program = compiled(jail, "jailed", JAILED)
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for needed in (word for word in listed.split() if word.startswith("/")):
        (jail / needed[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(needed, jail / needed[1:])
    by_hand = ["chroot", "jail", "/jailed", "/made"]
    for argv in (by_hand, [sys.executable, "-c", SENDS_INTO_THE_JAIL]):
        as_alone(workspace, *argv)
        for made in ("made", "spawned", "executed"):
            (jail / made).unlink(missing_ok=True)
        done = workspace.run(*argv)
        assert "ld.so" not in done.stderr
        assert "nothing is preloaded" in done.stdout
        assert "program in another root not traced: /jailed" in workspace.ended.gaps
        assert not any(record.attributed for record in workspace.generated().values())


AS_NOBODY = "import os, sys; os.setgid(65534); os.setuid(65534); os.execv('/bin/sh', ['sh', '-c', sys.argv[1]])"


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_a_program_of_a_user_who_may_not_read_the_library_hears_nothing_of_it(
    workspace: Workspace, tmp_path: Path
) -> None:
    kept = tmp_path / "private" / "provgraph"
    kept.mkdir(parents=True)
    for built in (library(), tracer()):
        shutil.copy(built, kept)
    kept.chmod(0o700)
    workspace.root.chmod(0o777)
    environment = workspace.environment | {"XDG_CACHE_HOME": str(kept.parent)}
    done = workspace.run(sys.executable, "-c", AS_NOBODY, "echo x > made; echo $?", env=environment)
    assert (done.returncode, done.stdout) == (0, "0\n")
    assert "ld.so" not in done.stderr
    assert any(gap.startswith("program of another user") for gap in workspace.ended.gaps)
    assert not workspace.generated()["made"].attributed


TOO_DEEP = """
import os, subprocess
for n in range(30):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
open("made", "w").write("x")
subprocess.run("cat made > copy; mv copy moved; cat moved; rm moved", shell=True, check=True)
"""


@pytest.mark.parametrize("backend", ["auto", "ptrace"])
def test_what_lies_deeper_than_the_kernel_can_say_is_a_gap_and_not_taken_for_another_file(
    workspace: Workspace, backend: str
) -> None:
    done = workspace.run(sys.executable, "-c", TOO_DEEP, flags=("--backend", backend))
    assert (done.returncode, done.stdout) == (0, "x")
    assert workspace.ended.gaps == ["a path was too long to be kept whole"]
    assert workspace.generated() == {}


MANY = """
import os, subprocess, sys
os.mkdir("many")
names = ["many/" + "of_a_long_name_" * 4 + str(n) for n in range(600)]
for name in names:
    with open(name, "w") as made:
        made.write(name)
with open("all", "wb") as made:
    subprocess.run(["cat", *names], stdout=made, check=True)
subprocess.run(["sh", "-c", "cat all > copy", "x" * 100_000], check=True)
"""


@pytest.mark.parametrize("backend", ["auto", "ptrace"])
def test_a_long_command_line_is_shortened_and_what_it_did_is_known_whole(
    workspace: Workspace, backend: str
) -> None:
    done = workspace.run(sys.executable, "-c", MANY, flags=("--backend", backend))
    assert (done.returncode, done.stderr) == (0, "")
    assert workspace.ended.gaps == []
    steps = {step.step: step for step in workspace.all(StepSeen)}
    into = workspace.generated()["all"]
    read = [used for used in workspace.all(Used) if used.step == into.step]
    argv = steps[into.step].argv
    assert argv[:2] == ["cat", "many/" + "of_a_long_name_" * 4 + "0"]
    assert (argv[-1], 400 < len(argv) < 600) == ("…", True)
    assert len({used.uri for used in read if "of_a_long_name" in used.uri}) == 600
    assert ["sh", "-c", "cat all > copy", "…"] in [step.argv for step in steps.values()]


PROBES = """
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#define ASK(call) \\
    do { \\
        errno = 0; \\
        long answer = (long)(call); \\
        printf("%s: %ld %d\\n", #call, answer, errno); \\
    } while (0)
int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    char *const wild[] = {NULL, (char *)1, (char *)-4096};
    for (int i = 0; i < 3; i++) {
        const char *w = wild[i];
        int s = socket(AF_UNIX, SOCK_STREAM, 0);
        ASK(open(w, O_RDONLY));
        ASK(openat(AT_FDCWD, w, O_WRONLY | O_CREAT, 0644));
        ASK(creat(w, 0644));
        ASK(rename(w, w));
        ASK(rename("nothing", w));
        ASK(renameat2(AT_FDCWD, w, AT_FDCWD, w, 2));
        ASK(link(w, w));
        ASK(unlink(w));
        ASK(truncate(w, 0));
        ASK(chdir(w));
        ASK(execve(w, NULL, NULL));
        ASK(execv(w, NULL));
        ASK(connect(s, (void *)w, 110));
        ASK(recvmsg(s, (void *)w, MSG_DONTWAIT));
        ASK(syscall(SYS_clone3, w, 0));
        ASK(syscall(SYS_clone3, w, 88));
        ASK(syscall(SYS_openat2, AT_FDCWD, w, w, 0));
        ASK(syscall(SYS_openat2, AT_FDCWD, w, w, 24));
        ASK(syscall(SYS_openat2, AT_FDCWD, "made", w, 24));
        ASK(syscall(SYS_execve, w, NULL, NULL));
        ASK(syscall(SYS_execveat, AT_FDCWD, w, NULL, NULL, 0));
        ASK(syscall(SYS_memfd_create, w, 0));
        ASK(syscall(SYS_open_by_handle_at, AT_FDCWD, w, 0));
        ASK(syscall(SYS_pidfd_getfd, -1, 0, 0));
        ASK(syscall(SYS_connect, s, w, 110));
        close(s);
    }
    return 0;
}
"""


@pytest.mark.parametrize("backend", ["preload", "ptrace"])
def test_a_program_that_asks_with_wild_pointers_is_answered_as_it_would_be_alone(
    workspace: Workspace, backend: str
) -> None:
    """So some find out what a kernel can."""
    program = compiled(workspace.root, "probes", PROBES)
    alone = subprocess.run(
        [program], cwd=workspace.root, capture_output=True, text=True, check=True
    )
    done = workspace.run(program, flags=("--backend", backend))
    assert (done.returncode, done.stdout) == (0, alone.stdout), done.stderr
    assert alone.stdout.count("\n") == 3 * 25


PATCHES = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
static int calls;
static void *own(void *at, size_t size, int protection, int flags, int fd, long from) {
    calls++;
    return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, from);
}
int main(void) {
#ifdef __x86_64__
    unsigned char jump[13] = {0x49, 0xbb, 0, 0, 0, 0, 0, 0, 0, 0, 0x41, 0xff, 0xe3};
    size_t place = 2;
#else
    unsigned char jump[16] = {0x50, 0, 0, 0x58, 0, 2, 0x1f, 0xd6};
    size_t place = 8;
#endif
    void *to = (void *)own, *theirs = dlsym(RTLD_DEFAULT, "mmap");
    uintptr_t page = (uintptr_t)theirs & ~(uintptr_t)65535;
    while (mprotect((void *)page, (uintptr_t)theirs + sizeof jump - page, PROT_READ | PROT_WRITE | PROT_EXEC))
        if ((page += 4096) > (uintptr_t)theirs) return 3;
    memcpy(jump + place, &to, sizeof to);
    memcpy(theirs, jump, sizeof jump);
    __builtin___clear_cache((char *)theirs, (char *)theirs + sizeof jump);
    int fd = open("mapped", O_RDWR | O_CREAT, 0600);
    if (ftruncate(fd, 1)) return 4;
    char *made = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    made[0] = '1';
    return calls == 1 ? 0 : 5;
}
"""


def test_a_program_that_writes_into_the_functions_that_it_finds_runs_as_alone(
    workspace: Workspace,
) -> None:
    """Open MPI does so with those for memory, to call the kernel by `syscall`."""
    program = compiled(workspace.root, "patches", PATCHES)
    as_alone(workspace, program)
    assert workspace.generated()["mapped"].content.size == 1


ALLOCATES = """
#include <stdio.h>
#include <string.h>
static char pool[1 << 26];
static size_t used, calls;
void *malloc(size_t n) { calls++; n = (n + 15) & ~15ul; used += n; return pool + used - n; }
void free(void *at) { (void)at; }
void *calloc(size_t n, size_t m) { return memset(malloc(n * m), 0, n * m); }
void *realloc(void *at, size_t n) { void *to = malloc(n); if (at) memcpy(to, at, n); return to; }
int main(void) {
    for (int n = 0; n < 100; n++) {
        FILE *out = fopen("out.txt", "w");
        fprintf(out, "%d", n);
        fclose(out);
    }
    printf("%zu\\n", calls);
}
"""


def test_a_program_with_its_own_allocator_allocates_what_it_would_alone(
    workspace: Workspace,
) -> None:
    as_alone(workspace, compiled(workspace.root, "allocates", ALLOCATES))
    assert "out.txt" in workspace.generated()
    assert workspace.ended.verdict == "complete"


WITH_JEMALLOC = """
import ctypes, sys
open("with-jemalloc", "w").write(str(hasattr(ctypes.CDLL(None), "mallctl")))
print([bytes(n).count(0) for n in range(0, 3_000_000, 100_000)][-1])
"""


@pytest.mark.skipif(find_library("jemalloc") is None, reason="jemalloc is not installed")
def test_a_program_with_jemalloc_is_recorded_and_does_what_it_would_alone(
    workspace: Workspace,
) -> None:
    """It allocates before anything is open, and opens files to find out how: a place for deadlocks."""
    jemalloc = find_library("jemalloc")
    assert jemalloc is not None
    workspace.environment["LD_PRELOAD"] = jemalloc
    as_alone(workspace, sys.executable, "-c", WITH_JEMALLOC)
    assert (workspace.root / "with-jemalloc").read_text() == "True"
    assert "with-jemalloc" in workspace.generated()
    assert workspace.ended.verdict == "complete"


NO_SHARED_MAPPINGS = """
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MAP_SHARED, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENODEV),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return 99;
    execvp(argv[1], argv + 1);
    return 98;
}
"""


def test_on_storage_that_cannot_be_mapped_the_program_runs_and_the_verdict_says_it(
    workspace: Workspace, tmp_path: Path
) -> None:
    restricted = compiled(tmp_path, "no-shared-mappings", NO_SHARED_MAPPINGS)
    done = workspace.run("sh", "-c", "echo x > made.txt; echo said", within=(restricted,))
    assert (done.returncode, done.stdout) == (0, "said\n"), done.stderr
    assert workspace.generated()["made.txt"].attributed is False
    assert workspace.ended.verdict != "complete"


RESTRICTS = """
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
int main(int argc, char **argv) {
    unsigned answer = argv[1][0] == 'k' ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | EPERM;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ppoll, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 437 /* openat2 */, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, answer),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    char *words[] = {"sh", "-c", argv[3], NULL};
    pid_t child;
    int status = 0;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (argv[2][0] == 'n' ? syscall(SYS_seccomp, 1, 0, &program) : prctl(PR_SET_SECCOMP, 2, &program)) return 99;
    if (posix_spawnp(&child, "sh", NULL, NULL, words, environ) || waitpid(child, &status, 0) != child || status) return 97;
    if (system(argv[3])) return 96;
    execvp("sh", words);
    return 98;
}
"""


@pytest.mark.parametrize("how", ["number", "prctl"])
@pytest.mark.parametrize("answer", ["kill", "error"])
def test_programs_behind_a_filter_that_kills_are_not_killed_for_what_is_ours(
    workspace: Workspace, answer: str, how: str
) -> None:
    program = compiled(workspace.root, "restricts", RESTRICTS)
    done = workspace.run(program, answer, how, "echo x >> made; cat made")
    assert (done.returncode, done.stdout) == (0, "x\n" * 6), done.stderr
    assert workspace.ended.gaps[0] == (
        "a program restricted its system calls and was not followed further"
    )
    assert workspace.generated()["made"].attributed == (answer == "error")


def test_where_the_home_cannot_be_written_nothing_is_different(workspace: Workspace) -> None:
    homeless = {"HOME": "/proc/nowhere", "XDG_CACHE_HOME": "/proc/nowhere"}
    done = workspace.run(
        "sh", "-c", "echo x > made.txt; echo said", env=workspace.environment | homeless
    )
    assert (done.returncode, done.stdout) == (0, "said\n"), done.stderr
    assert workspace.generated()["made.txt"].attributed
    assert workspace.ended.verdict == "complete"


EVENTS = int(os.environ.get("PROVGRAPH_EVENTS", "20000"))
VERY_MANY = """
import os, sys
for i in range(int(sys.argv[1]) // 4):
    folder = f"out/{i // 1000}"
    if i % 1000 == 0:
        os.makedirs(folder)
    with open(f"{folder}/{i}", "wb", 0) as file:
        file.write(b"%d" % i)
    with open(f"{folder}/{i}", "rb", 0) as file:
        file.read()
"""


@pytest.mark.timeout(max(300, EVENTS // 500))
def test_of_very_many_files_none_is_lost(native_workspace: Workspace) -> None:
    assert (
        native_workspace.run(sys.executable, "-c", VERY_MANY, str(EVENTS), timeout=3600).returncode
        == 0
    )
    with Graph.open(native_workspace.root) as graph:
        graph.sync()
        [(count,)] = graph.ask('file "out/**" | count').rows.values
    assert count == EVENTS // 4
    ended = native_workspace.ended
    if count < MOST:
        assert ended.verdict == "complete"
    else:  # so many files are not looked at before and after
        assert [gap.partition(",")[0] for gap in ended.gaps] == ["more than 200"]


def test_sixty_four_runs_at_once_lose_nothing(workspace: Workspace) -> None:
    with ThreadPoolExecutor(16) as pool:
        runs = [
            pool.submit(workspace.run, "sh", "-c", f"echo {n} > out-{n}; cat out-{n} > copy-{n}")
            for n in range(64)
        ]
    assert [run.result().returncode for run in runs] == [0] * 64
    made = {r.names[-1].uri: r for r in workspace.all(Generated) if r.attributed}
    assert set(made) >= {f"{name}-{n}" for n in range(64) for name in ("out", "copy")}
    assert len({record.run for record in workspace.all(RunStarted)}) == 64
    # A file that another run is just making, and has not told of yet, may be taken for a stranger's.
    gaps = [gap for record in workspace.all(RunEnded) for gap in record.gaps]
    assert all(gap.endswith("changed by a program that was not seen") for gap in gaps), gaps
    steps = {record.step: record.run for record in workspace.all(StepSeen)}
    assert (
        len({steps[made[f"{name}-{n}"].step] for n in range(64) for name in ("out", "copy")}) == 64
    )
    conditions = {read_segment(path).condition for path in segments(workspace.project.journal)}
    assert conditions == {"whole"}
