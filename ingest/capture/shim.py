"""Where is the preload shim, and how is it built? Compiled once for each machine, then found.

A wheel brings it built. A source checkout compiles it at its first use into the user's cache.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Final

from blake3 import blake3

from provgraph.errors import CaptureError

SOURCES: Final = (
    Path(__file__).with_name("preload.c"),
    Path(__file__).with_name("preload.h"),
)
FLAGS: Final = (
    "-std=gnu11",
    "-Os",
    "-fPIC",
    "-shared",
    "-nostdlib",
    "-ffreestanding",
    "-fvisibility=hidden",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fexceptions",  # thread cancellation unwinds through the hooks
    "-U_FORTIFY_SOURCE",
    "-Wl,-init,shim_begin",
    "-Wl,-fini,shim_end",
    "-Wl,-Bsymbolic",
    "-Wl,--hash-style=gnu",
    "-Wl,--build-id=none",
    "-Wl,-z,noseparate-code",  # two segments, so two maps, instead of four
    "-Wl,-z,norelro",
    "-Wl,-s",
)
MACHINE_FLAGS: Final = {
    "x86_64": ("-fcf-protection=none",),
    "aarch64": ("-mbranch-protection=none", "-mno-outline-atomics"),
}
COMPILERS: Final = ("cc", "gcc", "clang")


def flags(machine: str) -> tuple[str, ...]:
    """What to give the compiler. Raises CaptureError for a machine that the shim does not know."""
    if machine not in MACHINE_FLAGS:
        raise CaptureError(
            f"the capture shim does not know the machine {machine}",
            hint="it knows x86_64 and aarch64 Linux",
        )
    return FLAGS + MACHINE_FLAGS[machine]


def file_name() -> str:
    """The shim's name in a wheel or a cache: it changes with the sources, flags and machine."""
    machine = platform.machine()
    known = blake3(" ".join(flags(machine)).encode() + machine.encode())
    for source in SOURCES:
        known.update(source.read_bytes())
    return f"preload-{known.hexdigest(length=8)}.so"


def compile_shim(target: Path, compiler: str = "cc") -> None:
    """Compiles the shim to `target`, whole or not at all, however many do it at once.

    Raises CaptureError with what the compiler said; OSError where the folder cannot be written.
    """
    import subprocess
    import tempfile

    descriptor, name = tempfile.mkstemp(prefix=".preload-", suffix=".so", dir=target.parent)
    os.close(descriptor)
    temporary = Path(name)
    command = [compiler, *flags(platform.machine()), "-o", name, str(SOURCES[0])]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace"
        )
        if done.returncode:
            raise CaptureError(
                f"the capture shim does not compile: {done.stderr.strip()[-500:]}",
                hint="a C compiler with its headers is needed (apt install gcc libc6-dev)",
            )
        temporary.chmod(0o755)
        temporary.replace(target)
    except FileNotFoundError as error:
        raise _no_compiler() from error
    finally:
        temporary.unlink(missing_ok=True)


def library(fallback: Path | None = None) -> Path:
    """The shim, ready to be loaded: from the package, the user's cache, or compiled into it.

    `fallback` is a folder for it where the cache cannot be written or executed from. Raises
    CaptureError where it is not there and cannot be made.
    """
    name = file_name()
    folders = [Path(__file__).parent, *_folders(fallback)]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    compiler = _compiler()
    for folder in folders[1:]:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if os.statvfs(folder).f_flag & os.ST_NOEXEC:
                continue
            compile_shim(folder / name, compiler)
        except OSError:
            continue
        return folder / name
    raise CaptureError(
        "no folder to keep the capture shim in",
        hint="set XDG_CACHE_HOME to a folder that can be written, without spaces in its name",
    )


def _folders(fallback: Path | None) -> list[Path]:
    """Where it may be kept. LD_PRELOAD splits at spaces and colons and knows no quoting."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folders = [Path(home) / "provgraph"]
    if fallback is not None:
        folders.append(fallback.absolute())
    return [f for f in folders if f.is_absolute() and not set(" :\t\n$") & set(str(f))]


def _compiler() -> str:
    import shutil

    for name in COMPILERS:
        if shutil.which(name):
            return name
    raise _no_compiler()


def _no_compiler() -> CaptureError:
    return CaptureError(
        "there is no C compiler to make the capture shim with",
        hint="install one (apt install gcc libc6-dev), or a wheel that brings the shim",
    )
