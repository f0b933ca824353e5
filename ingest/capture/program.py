"""The captured program as a child: how it is started, waited for, and how its end is passed on.

It stays in our process group, on our terminal, with our standard streams, so that job control and
the terminal's signals reach it as they would without us. Signals are blocked here while it runs and
taken one by one: what the terminal sends (to the whole group) is the program's alone, what a process
sends to us is passed on. Whoever signals the whole group by `kill` is heard twice by the program.
"""

from __future__ import annotations

import os
import signal
import stat as modes
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from provgraph.errors import CaptureError
from provgraph.ingest.capture.surroundings import tick

NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126

_OURS: Final = frozenset(
    {
        signal.SIGKILL,
        signal.SIGSTOP,
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGTRAP,
    }
)
_NOT_PASSED_ON: Final = frozenset({signal.SIGCHLD, signal.SIGCONT})
_ENDING: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
_DUMPING: Final = frozenset(
    {
        signal.SIGQUIT,
        signal.SIGILL,
        signal.SIGTRAP,
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGSEGV,
        signal.SIGXCPU,
        signal.SIGXFSZ,
        signal.SIGSYS,
    }
)


class NotStarted(CaptureError):
    """The program could not be started; `exit_status` is what a shell would return."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.exit_status = status


class Program:
    """A program that was started. `status` is None while it runs, then its exit status, or the
    negative number of the signal that ended it; `ended` is the tick when that was seen. `interrupted` says that we were told to end after
    the program had. Raises `NotStarted`."""

    def __init__(self, path: str, argv: list[str], env: Mapping[str, str]) -> None:
        self.status: int | None = None
        self.ended = 0
        self.interrupted = False
        self._taken = set(signal.valid_signals()) - _OURS
        # Ignored, its children would be gone before they could be waited for.
        self._handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, self._taken)
        try:
            self.pid = _spawn(path, argv, env, self._mask)
        except BaseException:
            self.let_go()
            raise

    def attend(self, seconds: float = 0.0) -> bool:
        """Wait so long for a signal or the program's end, and deal with it. True if there was one."""
        found = signal.sigtimedwait(self._taken, seconds)
        if found is None:
            return False
        number = found.si_signo
        if self.status is not None:
            self.interrupted = self.interrupted or number in _ENDING
        elif number == signal.SIGCHLD:
            self._reap()
        elif found.si_code <= 0 and number not in _NOT_PASSED_ON:  # sent by a process, to us
            with suppress(OSError):
                os.kill(self.pid, number)
        return True

    def wait(self, meanwhile: Callable[[], float]) -> int:
        """Wait for its end. `meanwhile` is called now and then and says how many seconds to wait
        until it wants to be called again."""
        while self.status is None:
            if not self.attend(meanwhile()) and self.status is None:  # `meanwhile` may attend, too
                self._reap()
        return self.status

    def let_go(self) -> None:
        """Leave signals to whoever had them before; those that wait still are dropped."""
        while signal.sigtimedwait(self._taken, 0) is not None:
            pass
        if self._handler is not None:
            signal.signal(signal.SIGCHLD, self._handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _reap(self) -> None:
        """As a container's first process we are the parent of all that lost theirs."""
        anybody = -1 if os.getpid() == 1 else self.pid
        pid = -1
        while pid != self.pid:
            try:
                pid, status = os.waitpid(anybody, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:  # somebody else's handler took it
                self.ended, self.status = tick(), 0
                return
            if pid == 0:
                return
        if os.WIFSTOPPED(status):
            self._stop_too(os.WSTOPSIG(status))
        else:
            self.ended, self.status = tick(), os.waitstatus_to_exitcode(status)

    def _stop_too(self, number: int) -> None:
        """The shell waits for us, so it learns by our stopping that the program stopped."""
        os.kill(os.getpid(), number)
        if number != signal.SIGSTOP:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
            signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        if _is_stopped(self.pid):  # whoever woke us up did not wake the group
            with suppress(OSError):
                os.kill(self.pid, signal.SIGCONT)


def _is_stopped(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"T"
    except (OSError, IndexError):
        return False


def _spawn(
    path: str, argv: list[str], env: Mapping[str, str], mask: set[signal.Signals | int]
) -> int:
    def start(path: str, argv: list[str]) -> int:
        # Python ignores these two for itself.
        defaults = (signal.SIGPIPE, signal.SIGXFSZ)
        return os.posix_spawn(path, argv, env, setsigmask=mask, setsigdef=defaults)

    try:
        try:
            return start(path, argv)
        except OSError as error:
            if (
                error.errno != 8
            ):  # ENOEXEC: a script without `#!`, which is the shell's, as execvp(3) has it
                raise
            return start("/bin/sh", ["/bin/sh", path, *argv[1:]])
    except (OSError, ValueError) as error:
        status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NotStarted(f"cannot execute {argv[0]}: {reason}", status) from error


def find(name: str, env: Mapping[str, str]) -> str:
    """The file that a command's name means. Raises `NotStarted` as a shell would say it."""
    if "/" in name:
        if not os.path.lexists(name):
            raise NotStarted(f"command not found: {name}", NOT_FOUND)
        if os.path.isdir(name):
            raise NotStarted(f"cannot execute {name}: Is a directory", NOT_EXECUTABLE)
        if not os.access(name, os.X_OK):
            raise NotStarted(f"cannot execute {name}: Permission denied", NOT_EXECUTABLE)
        return name
    refused = False
    for folder in os.get_exec_path(env) if name else ():
        path = os.path.join(folder or ".", name)
        if os.path.isfile(path):
            if os.access(path, os.X_OK):
                return path
            refused = True
    if refused:
        raise NotStarted(f"cannot execute {name}: Permission denied", NOT_EXECUTABLE)
    raise NotStarted(f"command not found: {name}", NOT_FOUND)


def die_by(number: int) -> None:
    """End this process by a signal, as its program ended, without a core file of our own."""
    if number in _DUMPING:
        _forbid_core()
    with suppress(OSError):  # SIGKILL has no other way
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})


def _forbid_core() -> None:
    import resource

    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(Exception):  # a handler that is a pipe is not bound by the limit
        import ctypes

        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE


# --- What the shim cannot be loaded into

_ELF: Final = b"\x7fELF"
_MACHINES: Final = {"x86_64": 62, "aarch64": 183}


def untraceable(path: str, env: Mapping[str, str]) -> str:
    """Why the shim is not loaded into a program, empty if it is. A script is its interpreter."""
    for _ in range(5):
        try:
            about = os.stat(path)
            with open(path, "rb") as file:
                head = file.read(4096)
        except OSError:
            return ""
        if about.st_mode & (modes.S_ISUID | modes.S_ISGID) and about.st_uid != os.getuid():
            return "setuid"
        if not head.startswith(b"#!"):
            return _untraceable_binary(head)
        words = os.fsdecode(head[2:].split(b"\n", 1)[0]).split()
        if not words:
            return ""
        path = words[0]
        if path.endswith("/env") and len(words) > 1:
            try:
                path = find(words[1], env)
            except NotStarted:
                return ""
    return ""


def _untraceable_binary(head: bytes) -> str:
    if not head.startswith(_ELF):
        return ""
    machine = struct.unpack_from("<H", head, 18)[0]
    if head[4] != 2 or machine != _MACHINES.get(os.uname().machine, machine):
        return "architecture"
    offset, width, count = (
        struct.unpack_from("<Q", head, 32)[0],
        *struct.unpack_from("<HH", head, 54),
    )
    interpreted = go = False
    for at in range(offset, min(offset + width * count, len(head) - 39), width):
        kind, where = struct.unpack_from("<I4xQ", head, at)
        interpreted = interpreted or kind == 3  # PT_INTERP
        go = go or (kind == 4 and head[where + 12 : where + 14] == b"Go")  # PT_NOTE
    if interpreted:
        return "go" if go else ""
    return "static"
