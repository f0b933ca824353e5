"""Does assembling say what is true of real programs under the real shim?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from blake3 import blake3
from capture.machine import Told

from provgraph.ingest.capture import shim, spool
from provgraph.ingest.capture.assemble import Context, assemble
from provgraph.model.records import Content, Stat, Used

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim is for Linux")


def stat_of(path: bytes) -> Stat | None:
    try:
        found = Path(os.fsdecode(path)).stat()
    except OSError:
        return None
    return Stat(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def content(path: bytes, stat: Stat | None, tick: int) -> Content:
    """What can still be known when the run is over."""
    now = stat_of(path)
    if now is None or (stat and (now.inode, now.mtime) != (stat.inode, stat.mtime)):
        return Content(size=stat.size if stat else -1, stat=stat)
    digest = blake3(Path(os.fsdecode(path)).read_bytes()).hexdigest()
    return Content(f"blake3:{digest}", "", now.size, stat or now)


class Project:
    def __init__(self, root: Path, spools: Path) -> None:
        self.root, self.spools = root, spools

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.root / name.replace("__", "/").replace("_", ".")).write_text(text)

    def run(self, *argv: str) -> Told:
        path = self.spools / f"{time.monotonic_ns()}"
        spool.create(path)
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHONPATH", "LD_PRELOAD") and not name.startswith("PROVGRAPH")
        }
        environment = spool.environment(shim.library(), path, kept)
        with open(os.devnull, "r+b") as null:
            subprocess.run(
                argv, cwd=self.root, env=environment, stdin=null, stdout=null, check=True
            )
        ended = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        with spool.Spool(path) as reader:
            events = reader.events()
        root = os.fsencode(self.root)
        offset = time.time_ns() - ended
        context = Context("p", root, "r", "boot", "here", offset, ended, lambda _: False, content)
        return Told(assemble(events, context))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    root.mkdir()
    return Project(root.resolve(), tmp_path)


SHELLS = [
    shell for shell in ("bash", "dash", "zsh", "ksh", "mksh", "busybox") if shutil.which(shell)
]


@pytest.fixture(params=SHELLS)
def sh(request: pytest.FixtureRequest, project: Project) -> str:
    """Every shell that is installed here."""
    return str(request.param)


def script(project: Project, sh: str, text: str) -> Told:
    project.write(run_sh=text)
    return project.run(*([sh, "sh"] if sh == "busybox" else [sh]), "run.sh")


def test_redirections_belong_to_the_command(project: Project, sh: str) -> None:
    project.write(a="b\na\n", c="c\n")
    told = script(project, sh, "sort < a > sorted\nsort < c > other\nwait\necho done > note\n")
    assert told.lineage("sorted") - {"run.sh"} == {"a"}
    assert told.lineage("other") - {"run.sh"} == {"c"}
    if sh != "busybox":  # its `sort` is a fork of itself, for which it opens the files
        assert told.lineage("note") == {"run.sh"}
        assert ("sort", "sorted") in told.generated


def test_a_pipeline_is_joined_and_its_shell_is_not_part_of_it(project: Project, sh: str) -> None:
    project.write(a="b\na\n")
    told = script(project, sh, "cat a | sort | tee out > /dev/null\n")
    assert told.lineage("out") - {"run.sh"} == {"a"}
    # ksh93 has pairs of sockets for pipes.
    assert {(r, b) for r, b, c in told.informed if c in ("pipe", "socket")} >= {
        ("sort", "cat a"),
        ("tee out", "sort"),
    }


def test_pipelines_one_after_the_other_do_not_mix(project: Project, sh: str) -> None:
    project.write(a="1\n", b="2\n")
    told = script(project, sh, "cat a | cat > one; cat b | cat > two\ntrue\n")
    assert told.lineage("one") == {"a"}
    assert told.lineage("two") == {"b"}


def test_a_substitution_in_a_subshell_reaches_what_that_writes(project: Project, sh: str) -> None:
    project.write(a="1\n")
    told = script(project, sh, '(X=$(cat a); echo "$X" > out; true); echo apart > apart\n')
    assert told.lineage("out") == {"run.sh", "a"}
    if sh != "ksh":  # it forks for a subshell only where it has to
        assert told.lineage("apart") == {"run.sh"}


def test_a_substitution_reaches_what_the_shell_writes_after_it(project: Project, sh: str) -> None:
    project.write(a="1\n", b="2\n")
    told = script(project, sh, 'echo early > early\nX=$(cat a)\necho "$X" > late\ncat b > other\n')
    assert told.lineage("early") == {"run.sh"}
    assert told.lineage("late") == {"run.sh", "a"}
    assert told.lineage("other") - {"run.sh"} == {"b"}


def test_a_group_to_one_file_comes_from_each_of_its_commands(project: Project, sh: str) -> None:
    project.write(a="1\n", b="2\n")
    told = script(project, sh, "{ echo head; cat a; cat b; } > out\n")
    assert told.lineage("out") == {"run.sh", "a", "b"}


def test_a_loop_over_a_pipe_writes_what_it_read(project: Project, sh: str) -> None:
    project.write(a="1\n2\n")
    told = script(project, sh, "cat a | while read x; do echo $x; done > out\n")
    assert "a" in told.lineage("out")


def test_a_subshell_is_a_step(project: Project, sh: str) -> None:
    project.write(a="1\n")
    told = script(project, sh, "( read x < a; echo $x > out ); echo apart > apart\n")
    assert "a" in told.lineage("out")
    if sh != "ksh":  # it forks for a subshell only where it has to
        assert told.lineage("apart") == {"run.sh"}


def test_a_here_document_comes_from_the_script(project: Project, sh: str) -> None:
    told = script(project, sh, "cat > out <<END\nhello\nEND\n")
    assert "run.sh" in told.lineage("out")


def test_moving_and_copying_keep_the_lineage(project: Project, sh: str) -> None:
    project.write(a="1\n")
    told = script(project, sh, "cat a > b\nmv b c\ncp c d\nrm c\nln d e\n")
    assert told.lineage("e") - {"run.sh"} == {"a", "b", "c", "d"}
    assert ("mv b c", "b", "rename") in told.invalidated
    assert ("rm c", "c", "delete") in told.invalidated


def test_a_killed_program_has_written_what_it_wrote(project: Project, sh: str) -> None:
    project.write(a="1\n")
    told = script(project, sh, f"{sh} -c 'read x < a; echo $x > out; kill -9 $$'\ntrue\n")
    if sh != "busybox":
        assert "a" in told.lineage("out")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler is installed")
def test_a_build_leads_from_the_output_of_a_program_to_its_headers(project: Project) -> None:
    project.write(
        main_c='#include "x.h"\n#include <stdio.h>\n'
        'int main(void) { FILE *f = fopen("made", "w"); fprintf(f, "%d", X); return fclose(f); }\n',
        x_h="#define X 1\n",
        other_c="int other;\n",
        Makefile="all: made other.o\nmain.o: main.c x.h\n\tcc -c main.c\nother.o: other.c\n"
        "\tcc -c other.c\nprog: main.o\n\tcc -o prog main.o\nmade: prog\n\t./prog\n",
    )
    told = project.run("make", "-j2")
    inside = {name for name in told.lineage("made") if not name.startswith("file:")}
    assert inside == {"prog", "main.o", "main.c", "x.h"}
    assert told.roles["Makefile"] == "script"
    assert told.roles["prog"] == "script"


PROGRAM = """
import multiprocessing, os, shutil, subprocess, sys, tempfile
import helper

def read(name):
    with open(name) as file:
        return file.read()

def copy(name):
    with open(name) as source, open(name + ".copy", "w") as target:
        target.write(source.read())

if __name__ == "__main__":
    a = read("a")
    with open("first.tmp", "w") as file:
        file.write(a)
    os.replace("first.tmp", "first")
    out = subprocess.run(["cat", "b"], stdout=subprocess.PIPE).stdout
    with open("second", "wb") as file:
        file.write(out)
    out = subprocess.run(["tr", "x", "y"], input=b"x", stdout=subprocess.PIPE).stdout
    with open("log", "w") as file:
        subprocess.run(["cat", "c"], stdout=file)
    for method in sys.argv[1:]:
        with multiprocessing.get_context(method).Pool(2) as pool:
            parts = pool.map(read, ["d"])
            pool.map(copy, ["a"])
        with open("pool." + method, "w") as file:
            file.write("".join(parts))
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write("x")
        file.flush()
        read(file.name)
    shutil.move("second", "moved")
"""


def test_a_python_program_with_children_of_every_kind(project: Project) -> None:
    project.write(main_py=PROGRAM, helper_py="X = 1\n", a="1", b="2", c="3", d="4")
    told = project.run(sys.executable, "main.py", "fork", "spawn")
    code = {"main.py", "helper.py"}
    assert told.lineage("first") - {"first.tmp"} == {*code, "a"}
    assert told.lineage("moved") - {"first.tmp"} == {*code, "a", "b"}
    assert told.lineage("log") == {"c"}
    assert "d" in told.lineage("pool.fork") and "d" in told.lineage("pool.spawn")
    assert told.lineage("a.copy") >= {"a"}
    roles = {(used.uri, used.role) for used in told.of(Used)}
    assert roles >= {("main.py", "script"), ("helper.py", "code"), ("a", "input")}
    assert not any("tmp/tmp" in uri for uri in told.roles)


PASSING = """
import os, subprocess, tempfile

def without_name(made):
    if made:
        return tempfile.TemporaryFile()
    file = open("passing", "xb+")
    os.unlink("passing")
    return file

for number, made in enumerate([True, False]):
    with without_name(made) as file:
        subprocess.run(["cat", "a"], stdout=file)
        file.seek(0)
        with open(f"answered{number}", "wb") as out:
            out.write(file.read())
    with without_name(made) as file:
        with open("b", "rb") as source:
            file.write(source.read())
        file.flush()
        file.seek(0)
        with open(f"asked{number}", "wb") as out:
            subprocess.run(["sort"], stdin=file, stdout=out)
"""


def test_a_file_without_a_name_between_a_program_and_its_child_tells(project: Project) -> None:
    project.write(main_py=PASSING, a="1\n", b="2\n")
    told = project.run(sys.executable, "main.py")
    for number in range(2):
        assert "a" in told.lineage(f"answered{number}")
        assert "b" in told.lineage(f"asked{number}")
    assert not any("/tmp" in uri or "deleted" in uri for uri in told.roles)


PAIR = """
import socket, subprocess
one, other = socket.socketpair()
with open("out", "wb") as out:
    reader = subprocess.Popen(["sort"], stdin=other, stdout=out)
    other.close()
    subprocess.run(["cat", "a"], stdout=one)
    one.close()
    reader.wait()
"""


def test_a_pair_of_sockets_joins_who_writes_into_one_with_who_reads_the_other(
    project: Project,
) -> None:
    project.write(main_py=PAIR, a="1\n")
    told = project.run(sys.executable, "main.py")
    assert ("sort", "cat a", "socket") in told.informed
    assert "a" in told.lineage("out")
