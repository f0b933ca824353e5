"""Do the shim and the tracer tell of connections, and of the same?"""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from capture.traced import Traced, Tracing, followed, shim_library, traced, tracer_program

from provgraph.ingest.capture.events import Connected, Forked, Image, Parted

__all__ = ["followed", "shim_library", "traced", "tracer_program"]

Run = Callable[..., Traced]


@pytest.fixture(params=["shim", "tracer"])
def python(request: pytest.FixtureRequest, followed: Tracing) -> Run:
    run = followed.run if request.param == "shim" else followed.follow

    def execute(text: str) -> Traced:
        seen = run(sys.executable, "-c", text)
        assert (seen.status, seen.stderr, seen.gaps) == (0, b"", [])
        return seen

    return execute


def test_both_ends_say_the_same_addresses_whichever_way_they_are_written(python: Run) -> None:
    seen = python(
        "import socket\n"
        "listener = socket.create_server(('::', 0), family=socket.AF_INET6, dualstack_ipv6=True)\n"
        "client = socket.create_connection(('127.0.0.1', listener.getsockname()[1]))\n"
        "server, _ = listener.accept()\n"
        "server.send(b'.'), client.recv(1)\n"
        "client.close(), server.close()\n"
    )
    asked, answered = seen.all(Connected)
    assert (asked.accepted, answered.accepted) == (False, True)
    assert asked.own.startswith(b"127.0.0.1:")
    assert (asked.own, asked.peer) == (answered.peer, answered.own)
    assert asked.network == answered.network
    assert asked.tick < answered.tick
    assert seen.one(Parted, inode=asked.inode).heard
    assert not seen.one(Parted, inode=answered.inode).heard


def test_a_connection_that_is_refused_later_brought_nothing(python: Run) -> None:
    seen = python(
        "import errno, select, socket\n"
        "free = socket.create_server(('127.0.0.1', 0))\n"
        "address = free.getsockname()\n"
        "free.close()\n"
        "client = socket.socket()\n"
        "client.setblocking(False)\n"
        "assert client.connect_ex(address) == errno.EINPROGRESS\n"
        "select.select([], [client], [])\n"
        "assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED\n"
        "client.close()\n"
    )
    asked = seen.one(Connected)
    assert not seen.one(Parted, inode=asked.inode).heard


def test_local_sockets_are_known_by_the_processes_behind_them(python: Run) -> None:
    seen = python(
        "import os, socket\n"
        "for name in ['named', '\\0abstract']:\n"
        "    listener = socket.socket(socket.AF_UNIX)\n"
        "    listener.bind(name), listener.listen()\n"
        "    if not os.fork():\n"
        "        with socket.socket(socket.AF_UNIX) as client:\n"
        "            client.connect(name)\n"
        "        os._exit(0)\n"
        "    listener.accept(), os.wait()\n"
    )
    asked, answered = seen.all(Connected, accepted=False), seen.all(Connected, accepted=True)
    assert [e.peer for e in asked] == [e.own for e in answered] == [b"named", b"@abstract"]
    assert [e.pid for e in asked] == [e.other for e in answered]
    assert {e.other for e in asked} == {e.listener for e in answered} == {answered[0].pid}


def test_who_inherits_an_end_or_is_given_it_has_it(python: Run) -> None:
    seen = python(
        "import os, socket, sys\n"
        "listener = socket.create_server(('127.0.0.1', 0))\n"
        "client = socket.create_connection(listener.getsockname())\n"
        "server, _ = listener.accept()\n"
        "client.set_inheritable(True)\n"
        "one, other = socket.socketpair()\n"
        "if not os.fork():\n"
        "    os.execv(sys.executable, [sys.executable, '-c', f'import os; os.close({client.fileno()})'])\n"
        "os.wait()\n"
        "if not os.fork():\n"
        "    server.close()\n"
        "    socket.recv_fds(one, 1, 1)\n"
        "    os._exit(0)\n"
        "socket.send_fds(other, [b'.'], [server.fileno()])\n"
        "os.wait()\n"
    )
    asked = seen.one(Connected, accepted=False, given=False)
    answered = seen.one(Connected, accepted=True)
    given = seen.one(Connected, given=True)
    assert (given.inode, given.pid != answered.pid) == (answered.inode, True)
    begun: list[Forked | Image] = [*seen.all(Forked), *seen.all(Image)]
    heirs = [e.pid for e in begun if any(held.stat.inode == asked.inode for held in e.inherited)]
    first, second = seen.all(Forked)
    assert sorted(heirs) == sorted([first.pid, first.pid, second.pid])
    assert seen.all(Parted, inode=asked.inode, pid=first.pid) != []
    assert seen.all(Parted, inode=answered.inode, pid=second.pid) != []


def test_a_connection_to_another_machine_is_told_as_any_other(python: Run) -> None:
    seen = python(
        "import socket\n"
        "client = socket.socket()\n"
        "client.setblocking(False)\n"
        "client.connect_ex(('192.0.2.1', 9))\n"
        "client.close()\n"
    )
    for asked in seen.all(Connected):  # a machine without a network has no way there
        assert asked.peer == b"192.0.2.1:9"
        assert not seen.one(Parted, inode=asked.inode).heard
