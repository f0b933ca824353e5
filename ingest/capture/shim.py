"""Where are the preload shim and the tracer, and how are they built? Compiled once, then found.

A wheel brings them built. A source checkout compiles them at their first use into the user's cache.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Final, NamedTuple

from blake3 import blake3

from provgraph.errors import CaptureError

SHARED: Final = (
    "by_libc.h",
    "calls.h",
    "direct.h",
    "preload.h",
    "rings.h",
    "system.h",
    "target.h",
    "writer.h",
)


class Native(NamedTuple):
    """Something to be compiled: what its file's name begins and ends with, and its sources, of which
    the compiler is given the first."""

    stem: str
    ending: str
    sources: tuple[Path, ...]


SHIM: Final = Native(
    "preload", ".so", tuple(Path(__file__).with_name(name) for name in ("preload.c", *SHARED))
)
TRACER: Final = Native(
    "tracer", "", tuple(Path(__file__).with_name(name) for name in ("tracer.c", *SHARED))
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
TRACER_FLAGS: Final = (
    "-std=gnu11",
    "-Os",
    "-static",
    "-nostdlib",
    "-ffreestanding",
    "-fno-pie",
    "-no-pie",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-U_FORTIFY_SOURCE",
    "-Wl,--build-id=none",
    "-Wl,-s",
)
MACHINE_FLAGS: Final = {
    "x86_64": ("-fcf-protection=none",),
    "aarch64": ("-mbranch-protection=none", "-mno-outline-atomics"),
}
_NAMES: Final = {"preload": "shim", "tracer": "tracer"}
COMPILERS: Final = ("cc", "gcc", "clang")


def flags(machine: str, native: Native = SHIM) -> tuple[str, ...]:
    """What to give the compiler. Raises CaptureError for a machine that the shim does not know."""
    if machine not in MACHINE_FLAGS:
        raise CaptureError(
            f"the capture shim does not know the machine {machine}",
            hint="it knows x86_64 and aarch64 Linux",
        )
    return (FLAGS if native is SHIM else TRACER_FLAGS) + MACHINE_FLAGS[machine]


def file_name(native: Native = SHIM, machine: str = "") -> str:
    """Its name in a wheel or a cache: it changes with the sources, flags and machine (this one)."""
    machine = machine or platform.machine()
    known = blake3(" ".join(flags(machine, native)).encode() + machine.encode())
    for source in native.sources:
        known.update(source.read_bytes())
    return f"{native.stem}-{known.hexdigest(length=8)}{native.ending}"


def compile_shim(
    target: Path, compiler: str = "cc", native: Native = SHIM, machine: str = ""
) -> None:
    """Compiles the shim, or the tracer, to `target`, whole or not at all, however many do it at once.

    `compiler` is a command, as `CC` has it; one for another machine is told which. Raises CaptureError with what the compiler said; OSError where the folder cannot be written.
    """
    import shlex
    import subprocess
    import tempfile

    descriptor, name = tempfile.mkstemp(prefix=".native-", dir=target.parent)
    os.close(descriptor)
    temporary = Path(name)
    options = flags(machine or platform.machine(), native)
    command = [*shlex.split(compiler), *options, "-o", name, str(native.sources[0])]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace"
        )
        if done.returncode:
            raise CaptureError(
                f"the capture {_NAMES[native.stem]} does not compile: {done.stderr.strip()[-500:]}",
                hint="a C compiler with its headers is needed (apt install gcc libc6-dev)",
            )
        temporary.chmod(0o755)
        temporary.replace(target)
    except FileNotFoundError as error:
        raise _no_compiler(native) from error
    finally:
        temporary.unlink(missing_ok=True)


def library(fallback: Path | None = None) -> Path:
    """The shim, ready to be loaded: from the package, the user's cache, or compiled into it.

    `fallback` is a folder for it where the cache cannot be written or executed from. Raises
    CaptureError where it is not there and cannot be made.
    """
    return _found(SHIM, fallback)


def tracer(fallback: Path | None = None) -> Path:
    """The tracer, ready to be run; as `library`."""
    return _found(TRACER, fallback)


def _found(native: Native, fallback: Path | None) -> Path:
    name = file_name(native)
    own = Path(__file__).parent / name
    folders = _folders(fallback)
    for folder in [own.parent, *folders] if _can_be_named(own.parent) else folders:
        if (folder / name).is_file():
            return folder / name
    compiler = "" if own.is_file() else _compiler(native)
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if os.statvfs(folder).f_flag & os.ST_NOEXEC:
                continue
            if compiler:
                compile_shim(folder / name, compiler, native)
            else:
                _copy(own, folder / name)
        except OSError:
            continue
        return folder / name
    raise CaptureError(
        f"no folder to keep the capture {_NAMES[native.stem]} in",
        hint="set XDG_CACHE_HOME to a folder that can be written, without spaces in its name",
    )


def _copy(own: Path, target: Path) -> None:
    import shutil

    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copy(own, fresh)
    fresh.replace(target)


def _folders(fallback: Path | None) -> list[Path]:
    """Where it may be kept, if it is not where we are installed."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folders = [Path(home) / "provgraph"]
    if fallback is not None:
        folders.append(fallback.absolute())
    return [folder for folder in folders if folder.is_absolute() and _can_be_named(folder)]


def _can_be_named(folder: Path) -> bool:
    """LD_PRELOAD splits at spaces and colons and knows no quoting."""
    return not set(" :\t\n$") & set(str(folder))


def _compiler(native: Native) -> str:
    import shutil

    for name in COMPILERS:
        if shutil.which(name):
            return name
    raise _no_compiler(native)


def _no_compiler(native: Native) -> CaptureError:
    return CaptureError(
        f"there is no C compiler to make the capture {_NAMES[native.stem]} with",
        hint="install one (apt install gcc libc6-dev), or a wheel that brings the shim",
    )
