"""Does the shim tell who uses which end of a pipe, once in a turn, and leave the program as it is?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from capture.traced import Tracing, compiled, shim_library, traced

from provgraph.ingest.capture.events import Forked, Paired, Talked

__all__ = ["compiled", "shim_library", "traced"]

Compile = Callable[..., Path]

HEADERS = """
#define _GNU_SOURCE
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
static long done(struct aiocb *a){while(aio_error(a)==EINPROGRESS);return aio_return(a);}
"""


def main(body: str) -> str:
    return HEADERS + "int main(int argc,char**argv){int p[2];char b[9];long n=0;" + body + "}"


def ways(told: list[Talked]) -> list[tuple[int, bool, bool]]:
    return [(use.fd, use.took, use.gave) for use in told]


def test_a_use_is_told_once_until_a_file_is_opened(traced: Tracing, compiled: Compile) -> None:
    program = compiled(
        main(
            "pipe(p);for(int i=0;i<1000;i++){write(p[1],b,1);read(p[0],b,1);}"
            'close(open("in",O_RDONLY));for(int i=0;i<1000;i++){write(p[1],b,1);read(p[0],b,1);}'
        )
    )
    (traced.folder / "in").write_bytes(b"x")
    told = traced.run(program).all(Talked)
    assert ways(told) == [(4, False, True), (3, True, False)] * 2
    assert [use.kind for use in told] == ["pipe"] * 4
    assert len({use.inode for use in told}) == 1
    first, second, third, fourth = (use.turn for use in told)
    assert first == second < third == fourth


def test_a_fork_tells_its_own_uses(traced: Tracing, compiled: Compile) -> None:
    program = compiled(
        main("pipe(p);write(p[1],b,1);if(!fork()){write(p[1],b,1);_exit(0);}wait(0);")
    )
    seen = traced.run(program)
    one, other = seen.all(Talked)
    assert (one.pid, other.pid) == (seen.one(Forked).parent, seen.one(Forked).pid)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("n=write(p[1],b,1)", [(4, False, True)]),
        ("n=dprintf(p[1],\"%s\",\"x\")", [(4, False, True)]),
        ("struct iovec v={b,1};n=writev(p[1],&v,1)", [(4, False, True)]),
        ("struct iovec v={b,1};n=vmsplice(p[1],&v,1,0)", [(4, False, True)]),
        ("struct iovec v={b,1};write(p[1],b,1);n=vmsplice(p[0],&v,1,0)", [(4, False, True), (3, True, False)]),
        ("struct aiocb a={p[1],.aio_buf=b,.aio_nbytes=1};aio_write(&a);n=done(&a)", [(4, False, True)]),
        ("struct aiocb a={p[0],.aio_buf=b,.aio_nbytes=1};write(p[1],b,1);aio_read(&a);n=done(&a)", [(4, False, True), (3, True, False)]),
        ("n=syscall(SYS_write,p[1],b,1)", [(4, False, True)]),
        ('n=splice(open("in",O_RDONLY),0,p[1],0,1,0)', [(4, False, True)]),
        ('n=sendfile(p[1],open("in",O_RDONLY),0,1)', [(4, False, True)]),
        ("int d=dup(p[1]);n=write(d,b,1)", [(5, False, True)]),
        ("int d=fcntl(p[1],F_DUPFD,70);n=write(d,b,1)", [(70, False, True)]),
        ("fcntl(p[0],F_SETFL,O_NONBLOCK);n=read(p[0],b,1)==-1&&errno==EAGAIN", []),
        ("close(p[1]);n=read(p[0],b,1)==0", []),
        ("signal(SIGPIPE,SIG_IGN);close(p[0]);n=write(p[1],b,1)==-1&&errno==EPIPE", [(4, False, True)]),
        ('close(p[0]);close(p[1]);open("in",O_RDONLY);n=read(3,b,1)', []),
        ('n=fputs("x",fdopen(p[1],"w"))', [(4, False, True)]),
        ("n=write(77,b,1)==-1&&errno==EBADF", []),
    ],
)  # fmt: skip
def test_every_way_to_give_or_take_is_told_and_answers_as_it_would(
    traced: Tracing, compiled: Compile, call: str, told: list[tuple[int, bool, bool]]
) -> None:
    (traced.folder / "in").write_bytes(b"x")
    program = compiled(main(f"pipe(p);b[0]=120;{call};return n!=1;"))
    seen = traced.run(program)
    assert seen.status == 0
    assert ways(seen.all(Talked)) == told


@pytest.mark.parametrize("call", ["recv(p[0],b,9,0)", "read(p[0],b,9)", "recvfrom(p[0],b,9,0,0,0)"])
def test_pairs_of_sockets_are_told_in_both_directions(
    traced: Tracing, compiled: Compile, call: str
) -> None:
    program = compiled(
        main(f"socketpair(AF_UNIX,SOCK_STREAM,0,p);send(p[1],b,1,0);n={call};return n!=1;"),
        "-O2",
        "-D_FORTIFY_SOURCE=2",
    )
    seen = traced.run(program)
    assert seen.status == 0
    pair = seen.one(Paired)
    gave, took = seen.all(Talked)
    assert (gave.inode, took.inode) == (pair.peer, pair.inode)
    assert (gave.kind, gave.gave, took.kind, took.took) == ("socket", True, "socket", True)


def test_a_program_tells_of_a_pipe_that_it_was_started_with(traced: Tracing) -> None:
    code = (
        "import os,subprocess,sys;r,w=os.pipe();os.write(w,b'x');"
        "subprocess.run([sys.executable,'-S','-c',f'import os;os.read({r},1)'],pass_fds=[r,w])"
    )
    gave, took = traced.run(sys.executable, "-S", "-c", code).all(Talked)
    assert (gave.gave, took.took, gave.inode) == (True, True, took.inode)
    assert gave.pid != took.pid


def test_of_what_may_be_the_jobservers_pipe_nothing_is_told(traced: Tracing) -> None:
    traced.variables["MAKEFLAGS"] = "-j2 --jobserver-auth=3,4"
    code = (
        "import os,subprocess,sys;r,w=os.pipe();os.write(w,b'x');"
        "subprocess.run([sys.executable,'-S','-c',f'import os;os.read({r},1)'],pass_fds=[r,w])"
    )
    (gave,) = traced.run(sys.executable, "-S", "-c", code).all(Talked)
    assert gave.gave
