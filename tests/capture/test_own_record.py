"""Does a program that harms the record of its own run behave as it would alone, and is the run recorded all the same?"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from capture.workspace import Workspace

from provgraph.ingest.capture.shim import library, tracer
from provgraph.model.records import RunStarted

KEPT_OUT = "what a program wrote into the record of its run was kept out of it"
HARMED = (
    "the record was emptied or removed while the run went on, and with it some of what programs did"
)
WAYS = {
    "a shell that empties it": ': > "$PROVGRAPH_SPOOL"',
    "a shell that adds to it": 'echo x >> "$PROVGRAPH_SPOOL"',
    "truncate": 'truncate -s 0 "$PROVGRAPH_SPOOL"',
    "cp": 'cp /dev/null "$PROVGRAPH_SPOOL"',
    "dd": 'dd if=/dev/zero of="$PROVGRAPH_SPOOL" bs=4k count=9 conv=notrunc 2>/dev/null',
    "shred": 'shred -n 1 "$PROVGRAPH_SPOOL"',
    "tee": 'echo y | tee "$PROVGRAPH_SPOOL"',
    "by its folder": 'cd "${PROVGRAPH_SPOOL%/*}" && truncate -s 9 events; cd "$OLDPWD"',
    "by a link": 'ln -s "$PROVGRAPH_SPOOL" link; : > link; rm link',
    "all files": "find .provgraph -type f -exec truncate -s 0 {} +",
    "python": """python3 -c 'import os
path = os.environ["PROVGRAPH_SPOOL"]
os.truncate(path, 0)
with open(path, "r+b") as file: file.truncate(1)
with open(path, "w") as file: file.write("x"); print(file.tell())
'""",
}


def around(harm: str) -> tuple[str, ...]:
    return ("bash", "-c", f"cat in > before; {harm}; echo $?; cat before > after; echo over")


@pytest.mark.parametrize("harm", WAYS.values(), ids=WAYS)
def test_what_a_program_writes_into_its_own_record_harms_nobody(
    workspace: Workspace, harm: str
) -> None:
    (workspace.root / "in").write_text("x")
    done = workspace.run(*around(harm))
    said = [*{"tee": ["y"], "python": ["1"]}.get(next(k for k in WAYS if WAYS[k] == harm), []), "0"]
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [*said, "over"], "")
    made = workspace.generated()
    assert made["before"].attributed and made["after"].attributed
    assert workspace.ended.gaps == [KEPT_OUT]


CALLS = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
static const char *path;
static void use(const char *way, int fd) {
    struct stat s;
    char got[4] = {0};
    printf("%s: %d", way, fd);
    int file = fd >= 0 && fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
    printf(" %d %d %d", file, (int)write(fd, "abc", 3), ftruncate(fd, 2));
    printf(" %d %s %d\\n", (int)pread(fd, got, 3, 0), got, fcntl(fd, F_GETFD));
    close(fd);
}
int main(void) {
    uint64_t how[3] = {O_RDWR, 0, 4};
    path = getenv("PROVGRAPH_SPOOL");
    if (!path) path = "alone";
    setvbuf(stdout, NULL, _IONBF, 0);
    use("open", open(path, O_RDWR | O_TRUNC));
    use("cloexec", open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    use("openat", openat(AT_FDCWD, path, O_RDWR | O_TRUNC));
    use("by number", (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_TRUNC, 0));
    use("openat2", (int)syscall(SYS_openat2, AT_FDCWD, path, how, sizeof how));
    use("r+", dup(fileno(fopen(path, "r+"))));
    use("w+", dup(fileno(freopen(path, "w+", stdin))));
    printf("%d %d\\n", truncate(path, 0), (int)syscall(SYS_truncate, path, 3));
    printf("%d %d\\n", open(path, O_WRONLY | O_CREAT | O_EXCL, 0600), truncate(path, -1));
    return 0;
}
"""


@pytest.mark.parametrize("backend", ["preload", "ptrace"])
def test_each_call_by_which_a_file_is_written_to_seems_to_succeed(
    workspace: Workspace, backend: str
) -> None:
    source, program = workspace.root / "calls.c", workspace.root / "calls"
    source.write_text(CALLS)
    subprocess.run(["cc", "-O1", "-o", program, source], check=True)
    (workspace.root / "alone").write_bytes(bytes(1 << 20))
    alone = subprocess.run(
        [program], cwd=workspace.root, capture_output=True, text=True, check=True
    )
    done = workspace.run(str(program), flags=("--backend", backend))
    assert (done.returncode, done.stdout) == (0, alone.stdout), done.stderr
    assert workspace.ended.gaps == [KEPT_OUT]


STATIC = """
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void) {
    const char *path = getenv("PROVGRAPH_SPOOL");
    int fd = open(path, O_WRONLY | O_TRUNC);
    printf("%d %d %d\\n", fd, (int)write(fd, "abc", 3), truncate(path, 0));
    return 0;
}
"""


def test_a_static_program_is_kept_from_it_too(workspace: Workspace) -> None:
    (workspace.root / "in").write_text("x")
    (workspace.root / "static.c").write_text(STATIC)
    subprocess.run(["cc", "-static", "-o", "cleans", "static.c"], cwd=workspace.root, check=True)
    done = workspace.run(*around("./cleans"))
    assert (done.returncode, done.stdout) == (0, "3 3 0\n0\nover\n"), done.stderr
    assert workspace.generated()["after"].attributed
    assert workspace.ended.gaps == [KEPT_OUT]


REMOVALS = {
    "the spool": 'rm "$PROVGRAPH_SPOOL"',
    "the recording": 'rm -r "${PROVGRAPH_SPOOL%/*}"',
    "all recordings": "rm -r .provgraph/spool",
    "all there is": "rm -r .provgraph",
    "another in its place": 'rm "$PROVGRAPH_SPOOL"; echo other > "$PROVGRAPH_SPOOL"',
    "moved away": "mv .provgraph/spool/r* away",
    "cleaned by git": "git clean -fdxq .provgraph",
}


@pytest.mark.parametrize("harm", REMOVALS.values(), ids=REMOVALS)
def test_a_run_that_removes_its_record_is_recorded_as_far_as_it_was_seen(
    workspace: Workspace, harm: str
) -> None:
    (workspace.root / "in").write_text("x")
    subprocess.run(["git", "init", "-q"], cwd=workspace.root, check=True)
    done = workspace.run(*around(harm))
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\nover\n", "")
    assert workspace.generated()["before"].attributed
    assert workspace.ended.exit == 0
    assert "program not traced: /usr/bin/cat" in workspace.ended.gaps
    assert any(gap == HARMED or "is gone, and with it" in gap for gap in workspace.ended.gaps)
    assert not any("damaged" in gap for gap in workspace.ended.gaps)


def test_a_run_whose_spool_somebody_else_empties_goes_on(workspace: Workspace) -> None:
    """Nobody is kept from that who does not belong to the run; before its programs write again, the file is whole."""
    (workspace.root / "in").write_text("x")
    run = workspace.start(
        "bash", "-c", "cat in > before; read -r; cat before > after; echo over",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    while not (workspace.root / "before").exists():
        pass
    [spool] = workspace.project.spools.glob("*/events")
    size = spool.stat().st_size
    with spool.open("r+b") as file:
        file.truncate(0)
    while spool.stat().st_size < size:
        pass
    said, _ = run.communicate("\n", timeout=60)
    assert (run.returncode, said) == (0, "over\n")
    assert HARMED in workspace.ended.gaps


def test_who_asks_for_the_graph_within_a_run_does_not_write_into_its_record(
    workspace: Workspace,
) -> None:
    (workspace.root / "in").write_text("x")
    within = workspace.shell("cp", "made", "copy")
    done = workspace.run(
        "sh", "-c", f"cat in > made && {sys.executable} -m provgraph sync && {within}"
    )
    assert done.returncode == 0, done.stderr
    assert all(ended.verdict == "complete" for ended in workspace.all(type(workspace.ended)))
    started = {record.argv[0]: record for record in workspace.all(RunStarted)}
    assert started["cp"].parent


EMPTIES_THE_CACHE = """
import os, shutil, subprocess
shutil.rmtree(os.path.join(os.environ["XDG_CACHE_HOME"], "provgraph"))
os.system("echo system; cat in > after")
print(os.popen("echo popen").read(), end="", flush=True)
subprocess.run("echo spawned; cat in", shell=True)
"""


def test_programs_of_a_run_that_empties_our_cache_do_not_complain(
    workspace: Workspace, tmp_path: Path
) -> None:
    cache = tmp_path / "cache" / "provgraph"
    cache.mkdir(parents=True)
    for built in (library(), tracer()):
        shutil.copy(built, cache)
    (workspace.root / "in").write_text("x\n")
    environment = workspace.environment | {"XDG_CACHE_HOME": str(cache.parent)}
    done = workspace.run("python3", "-c", EMPTIES_THE_CACHE, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "system\npopen\nspawned\nx\n", "")
    removed = "program started after the capture's library was removed not traced: "
    assert workspace.ended.gaps[0] == removed + "/bin/sh"
    assert not workspace.generated()["after"].attributed
