"""Which part of a program is at work? Calls of decorated functions, blocks, and a notebook's cells, as steps.

Like `tracking.py`, this tells the run that the program belongs to. Outside a run nothing happens, nothing
here fails, and only the standard library is imported.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextvars import ContextVar
from functools import lru_cache, wraps
from itertools import pairwise
from typing import Any, Final, ParamSpec, TypeVar, cast, overload

from provgraph.tracking import plain, run_folder, say, tellers

P = ParamSpec("P")
R = TypeVar("R")

_MOST_FIELDS: Final = 50
_LONGEST: Final = 200
_ASYNC: Final = 0x80  # a code object's flag: inspect.CO_COROUTINE

boundaries: list[Callable[[], None]] = []
"""Called before a step begins or ends, by who watches this process from within (`provgraph.track`)."""


_AT_WORK: ContextVar[tuple[int, int]] = ContextVar("provgraph step")
"""The process and the number of the step that this thread or task is in."""


class _Process:
    """The steps that a process is in: each with the one around it, in the order in which they began.
    `main` is that of the main thread."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.count = 0
        self.main = 0
        self.active: dict[int, int] = {}

    @property
    def is_concurrent(self) -> bool:
        """Whether steps are at work that are not within each other, so that time alone does not tell
        whose a deed is."""
        active = list(self.active.items())
        return any(within != before for (before, _), (_, within) in pairwise(active))

    def put(self, number: int) -> None:
        _AT_WORK.set((self.pid, number))
        if threading.current_thread() is threading.main_thread():
            self.main = number


_process = _Process()


def _here() -> _Process:
    global _process
    if _process.pid != os.getpid():  # a fork: its parent's steps are not its own
        _process = _Process()
    return _process


def at_work() -> int:
    """The number of the step that is at work here; 0 is the program itself. A thread that began none
    works for what the main thread does."""
    pid, number = _AT_WORK.get((0, 0))
    here = _here()
    return number if pid == here.pid and (number in here.active or not number) else here.main


def goes_on(number: int) -> bool:
    return number in _here().active


tellers.append(at_work)


def enter(name: str, how: str, *, within: int | None = None, **more: object) -> int:
    """A step of this process begins; its number, 0 where no run is to be told of it."""
    if not run_folder():
        return 0
    for look in boundaries:
        look()
    here, around = _here(), at_work() if within is None else within
    with here.lock:
        here.count += 1
        number = here.count
        here.active[number] = around if _is_begun_here(here) else -1
    here.put(number)
    if here.is_concurrent and not boundaries:
        _listen()
    said = {"kind": "enter", "id": number, "name": name, "how": how, "within": around}
    say([{**said, **more, **_now()}])
    return number


def _is_begun_here(here: _Process) -> bool:
    """Whether the step around is this thread's own."""
    main = threading.current_thread() is threading.main_thread()
    return main or _AT_WORK.get((0, 0))[0] == here.pid


def leave(number: int, *, error: str = "", tells: bool = True, **more: object) -> None:
    """The step has ended. `error` is the name of what ended it, `tells` whether what is around it knows
    something by it."""
    here = _here()
    if not number:
        return
    for look in boundaries:
        look()
    with here.lock:
        around = here.active.pop(number, 0)
    here.put(max(around, 0))
    say([{"kind": "leave", "id": number, "error": error, "tells": tells, **more, **_now()}])


def _now() -> dict[str, int]:
    return {"tick": time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))}


# --- What threads do at once

_HEARD: Final = frozenset(("open", "os.rename", "os.remove", "os.link", "os.truncate"))
_is_listening = False
_busy = threading.local()


def _listen() -> None:
    """From now on it is said who opens what, while steps are at work beside each other."""
    global _is_listening
    if not _is_listening:
        _is_listening = True
        sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _HEARD or not _here().is_concurrent or getattr(_busy, "here", False):
        return
    path = arguments[0]
    if not isinstance(path, (str, bytes, os.PathLike)):
        return
    _busy.here = True
    try:
        folder, name = os.path.split(os.path.abspath(os.fsdecode(path)))
        whole = os.path.join(os.path.realpath(folder), name)
        say([{"kind": "mark", "id": at_work(), "path": whole, **_now()}])
    except Exception:  # noqa: BLE001, S110 - an error here would be the program's
        pass
    finally:
        _busy.here = False


# --- For programs


class Block:
    """A step that lasts as long as the block, or each call of the function that it decorates."""

    def __init__(self, name: str, params: dict[str, object]) -> None:
        self._name, self._params = name, params
        self._entered: list[int] = []

    def __enter__(self) -> None:
        frame = sys._getframe(1)
        fields = dict(_fields(self._params.items()))
        place = _place(frame.f_code.co_filename, frame.f_lineno)
        self._entered.append(enter(self._name or "step", "block", fields=fields, **place))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        leave(self._entered.pop(), error=_name_of(error))

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        return _recorded(function, self._name, self._params)


@overload
def step(work: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def step(work: str = "", /, **params: object) -> Block: ...
def step(work: Callable[P, R] | str = "", /, **params: object) -> Callable[P, R] | Block:
    """A part of the program that is a step of its own: what it reads and writes is told apart from the rest.

    Each call of a decorated function is one, with the function's name, where it is written, and its plain
    arguments as `param.NAME`. A block is one with the parameters that it is given.

    >>> @step
    ... def fit(depth: int) -> int:
    ...     return depth * 2
    >>> fit(3)
    6
    >>> with step("evaluate", folds=5):
    ...     pass
    """
    if isinstance(work, str):
        return Block(work, params)
    return _recorded(work, "", {})


def _recorded(function: Callable[P, R], name: str, params: dict[str, object]) -> Callable[P, R]:
    code = getattr(function, "__code__", None)
    called = name or getattr(function, "__qualname__", repr(function)).replace("<locals>.", "")

    def begin(arguments: tuple[Any, ...], named: dict[str, Any]) -> int:
        given = [*params.items(), *_arguments(function, arguments, named)]
        place = _place(code.co_filename, code.co_firstlineno) if code else {}
        return enter(called, "function", fields=dict(_fields(given)), **place)

    if code is not None and code.co_flags & _ASYNC:

        @wraps(function)
        async def awaited(*arguments: P.args, **named: P.kwargs) -> Any:
            if not run_folder():
                return await cast("Awaitable[Any]", function(*arguments, **named))
            number = begin(arguments, named)
            try:
                result = await cast("Awaitable[Any]", function(*arguments, **named))
            except BaseException as error:
                leave(number, error=_name_of(error))
                raise
            leave(number, tells=_tells(result, arguments, named))
            return result

        return cast("Callable[P, R]", awaited)

    @wraps(function)
    def recorded(*arguments: P.args, **named: P.kwargs) -> R:
        if not run_folder():
            return function(*arguments, **named)
        number = begin(arguments, named)
        try:
            result = function(*arguments, **named)
        except BaseException as error:
            leave(number, error=_name_of(error))
            raise
        leave(number, tells=_tells(result, arguments, named))
        return result

    return recorded


@lru_cache(maxsize=1000)
def _place(file: str, line: int) -> dict[str, Any]:
    """Where something is written; nothing of what was typed."""
    return {"file": os.path.realpath(file), "line": line} if os.path.isfile(file) else {}


def _name_of(error: BaseException | None) -> str:
    """
    >>> _name_of(KeyError("x")), _name_of(SystemExit(0)), _name_of(None)
    ('KeyError', '', '')
    """
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return ""
    return type(error).__name__


def _tells(result: object, arguments: Iterable[object], named: dict[str, Any]) -> bool:
    """Whether a call can have given its caller something: a result, or what it did to its arguments.

    >>> _tells(None, ["a.csv", 3], {}), _tells(None, [[]], {}), _tells(1, [], {})
    (False, True, True)
    """
    return result is not None or not all(map(_is_fixed, (*arguments, *named.values())))


def _is_fixed(value: object) -> bool:
    if isinstance(value, (tuple, frozenset)):
        return all(map(_is_fixed, value))
    return value is None or isinstance(value, (bool, int, float, complex, str, bytes, os.PathLike))


def _arguments(
    function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]
) -> Iterator[tuple[str, object]]:
    from inspect import signature

    try:
        bound = signature(function).bind(*arguments, **named)
    except (TypeError, ValueError):
        return  # it is about to be told
    bound.apply_defaults()
    yield from bound.arguments.items()


def _fields(given: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str | int | float | bool]]:
    """What of some values is kept: numbers, short texts and small collections of them.

    >>> dict(_fields([("depth", 6), ("names", ["a", "b"]), ("frame", object()), ("none", None)]))
    {'depth': 6, 'names': "['a', 'b']"}
    """
    for name, value in list(given)[:_MOST_FIELDS]:
        try:
            shown = _shown(value)
        except Exception:  # noqa: BLE001, S112 - a value's own, such as a number too long for its text
            continue
        if isinstance(shown, str) and not (shown.isprintable() and len(shown) <= _LONGEST):
            continue  # it is data rather than a parameter
        if shown is not None:
            yield name, shown


def _shown(value: object) -> str | int | float | bool | None:
    if isinstance(value, (bool, int, float)):
        return plain(value)
    if isinstance(value, (str, os.PathLike)):
        return os.fsdecode(value)
    if isinstance(value, (list, tuple)) and len(value) <= _MOST_FIELDS:
        return str(value) if all(map(_is_fixed, value)) else None
    return None
