"""How is the native front built, and what does it have to be told?

The front is the program `provgraph` itself, where there was a compiler when provgraph was installed:
`native/main.c`. It knows no Python, so what it needs of this installation (the shim, the folder of
`sitecustomize.py`, how an empty spool looks) is noted in the user's cache by the first run that it
leaves to Python. It believes the note only while none of the files named in it has changed.

`setup.py` loads this module by its path: of provgraph it imports only what is needed to build.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Final

NAME: Final = "provgraph"
PYTHON: Final = "provgraph-python"
"""The script beside it that all else is left to."""

_HERE: Final = Path(__file__).parent
MAIN: Final = _HERE / "native" / "main.c"
FLAGS: Final = (
    "-std=gnu11",
    "-O2",
    "-static",
    "-nostdlib",
    "-ffreestanding",
    "-fno-pie",
    "-no-pie",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-U_FORTIFY_SOURCE",
    "-Wno-psabi",
    "-Wl,--build-id=none",
    "-Wl,-s",
)
MACHINE_FLAGS: Final = {
    "x86_64": ("-fcf-protection=none",),
    "aarch64": ("-mbranch-protection=none", "-mno-outline-atomics"),
}


class NotBuilt(Exception):
    """The front cannot be compiled here; Python's runner does all of its work."""


def compile_launcher(
    target: Path, compiler: str = "cc", more: Iterable[str] = (), machine: str = ""
) -> None:
    """Compile the front to `target`. Raises NotBuilt with what the compiler said."""
    import shlex
    import subprocess
    import tempfile

    machine = machine or platform.machine()
    if sys.platform != "linux" or machine not in MACHINE_FLAGS:
        raise NotBuilt(f"the native front knows x86_64 and aarch64 Linux, not {machine}")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tables.h").write_text("".join(tables()))
        options = [*FLAGS, *MACHINE_FLAGS[machine], *more, "-I", folder]
        command = [*shlex.split(compiler), *options, "-o", str(target), str(MAIN)]
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, errors="replace"
            )
        except OSError as error:
            raise NotBuilt(f"there is no C compiler: {error}") from error
    if done.returncode:
        raise NotBuilt(f"the native front does not compile: {done.stderr.strip()[-500:]}")
    target.chmod(0o755)


def tables() -> Iterator[str]:
    """What Python and the front must agree on, as C has it.

    >>> [line for line in tables() if line.startswith("#define MARKS")]
    ['#define MARKS WORD("conda-meta"), WORD("pyvenv.cfg")\\n']
    """
    noise, redact, elsewhere = _module("noise"), _module("redact"), _module("elsewhere")
    texts, variables = _module("texts"), _module("variables")
    for name in ("SYSTEM", "FOLDERS", "HOME_FOLDERS", "KEPT", "SUFFIXES", "SKIPPED", "MARKS"):
        yield _table(name, getattr(noise, name))
    yield _table("SECRETIVE", redact.SECRETIVE)
    yield _table("REPOSITORY_VARIABLES", elsewhere.REPOSITORY_VARIABLES)
    yield _table("VARIABLES", variables.VARIABLES)
    yield _table("TEXTS", texts.TEXTS)
    yield _table("TEXT_NAMES", texts.NAMES)
    yield _table("SECRET_ENDS", texts.SECRETS)
    yield f"enum {{ LARGEST_TEXT = {texts.LARGEST} }};\n"


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, _HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _table(name: str, words: Iterable[bytes | str]) -> str:
    texts = sorted(word.decode() if isinstance(word, bytes) else word for word in words)
    assert not any(set(text) & set('"\\\n') for text in texts)
    quoted = ", ".join(f'WORD("{text}")' for text in texts)
    return f"#define {name} {quoted}\n"


# --- The note


def of_this_process() -> Path | None:
    """The front that left its work to this process."""
    script = sys.argv[0] if sys.argv else ""
    if os.path.basename(script) != PYTHON:
        return None
    front = Path(os.path.realpath(os.path.dirname(script)), NAME)
    with suppress(OSError), front.open("rb") as file:
        if file.read(4) == b"\x7fELF":
            return front
    return None


def note_for(front: Path, library: Path, tracer: Path | None) -> None:
    """Tell the front at `front` what it needs, unless it knows; and have Python find what it loads into each program
    compiled, which it does not see to itself where it may not write or is told not to."""
    path = note_path(front)
    if path is None:
        return
    text = b"".join(_lines(front, library, tracer))
    with suppress(OSError):
        if path.exists() and path.read_bytes() == text and not path.stat().st_mode & 0o022:
            return
        _compile_site()
        path.parent.mkdir(parents=True, exist_ok=True)
        from provgraph.ingest.capture.recording import write_private

        write_private(path, text)


def _compile_site() -> None:
    import py_compile

    from provgraph.ingest.capture.audit import SITE

    with suppress(OSError):
        py_compile.compile(str(SITE / "sitecustomize.py"))


def _lines(front: Path, library: Path, tracer: Path | None) -> Iterator[bytes]:
    from provgraph.ingest.capture.audit import SITE

    names = {b"launcher": front, b"library": library, b"site": SITE}
    if any(b"\n" in os.fsencode(path) for path in names.values()):
        return
    yield b"provgraph front 1\n"
    for name, path in names.items():
        yield name + b" " + os.fsencode(path) + b"\n"
    for offset, run in _empty_spool(tracer):
        yield b"spool %d %s\n" % (offset, run.hex().encode())
    sources = [
        *_HERE.glob("*.[ch]"),
        _HERE / "shim.py",
        _HERE / "spool.py",
        SITE / "sitecustomize.py",
    ]
    for path in (front, library, *([tracer] if tracer else []), *sorted(sources)):
        with suppress(OSError):
            stat = path.stat()
            about = b"%d %d %d " % (stat.st_size, stat.st_mtime_ns, stat.st_ino)
            yield b"file " + about + os.fsencode(path) + b"\n"
    yield b"end\n"


def _empty_spool(tracer: Path | None) -> Iterator[tuple[int, bytes]]:
    """What stands in a spool that nobody has written to: runs of bytes that are not zero."""
    import tempfile

    from provgraph.ingest.capture.spool import create

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events")
        create(path, tracer)
        with path.open("rb") as file:
            data = file.read(1 << 14)
    at = 0
    while at < len(data):
        end = at
        while any(data[end : end + 16]):
            end += 16
        if end > at:
            yield at, data[at:end]
        at = end + 16


def note_path(front: Path) -> Path | None:
    """In the user's cache, named after the front's path (by FNV-1a, as the front computes it)."""
    home = os.environ.get("HOME", "")
    cache = os.environ.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home.startswith("/") else "")
    number = 0xCBF29CE484222325
    for byte in os.fsencode(front):
        number = (number ^ byte) * 0x100000001B3 % (1 << 64)
    number ^= number >> 32
    return Path(cache, "provgraph", f"front-{number:016x}") if cache.startswith("/") else None
