"""Where is the library of compiled walks (walk.c), and how is it built? Once, into the user's cache.

It is never required: where there is no compiler, or no folder to keep it in, numpy walks.
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from blake3 import blake3

SOURCE: Final = Path(__file__).with_name("walk.c")
FLAGS: Final = ("-std=c11", "-O2", "-fPIC", "-shared", "-Wl,--build-id=none", "-Wl,-s")
_COMPILERS: Final = ("cc", "gcc", "clang")


def file_name(machine: str = "") -> str:
    """Its name in a wheel or a cache: it changes with the source, the flags and the machine."""
    known = blake3(" ".join((machine or platform.machine(), *FLAGS)).encode())
    known.update(SOURCE.read_bytes())
    return f"walk-{known.hexdigest(length=8)}.so"


def library() -> Path | None:
    """The library, from the package, the cache, or compiled into it; None where it cannot be had."""
    name = file_name()
    for folder in (SOURCE.parent, *_caches()):
        if (folder / name).is_file():
            return folder / name
    for folder in _caches():
        for compiler in _COMPILERS:
            with suppress(OSError, subprocess.SubprocessError):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                build(folder / name, compiler)
                return folder / name
    return None


def build(target: Path, compiler: str = "cc") -> None:
    """Compile to `target`, whole or not at all, however many do it at once. Raises `OSError` and
    `subprocess.CalledProcessError`."""
    descriptor, temporary = tempfile.mkstemp(prefix=".walk-", dir=target.parent)
    os.close(descriptor)
    try:
        command = [*shlex.split(compiler), *FLAGS, "-o", temporary, str(SOURCE)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        os.chmod(temporary, 0o755)
        os.replace(temporary, target)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _caches() -> Iterator[Path]:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if os.path.isabs(home):
        yield Path(home, "provgraph")
