"""A C compiler for another machine: `python tools/zig_cc.py MACHINE FLAG... -o TARGET SOURCE`.

Takes gcc's flags, as `CC` is given them. Zig compiles, with the headers of an old glibc; its linker
links. (Zig's own driver refuses linker options that the capture library needs, such as `-init`.)
Nothing of a C library is linked, and a name that only one would have is an error.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ZIG = (sys.executable, "-m", "ziglang")
EMULATIONS = {"x86_64": "elf_x86_64", "aarch64": "aarch64linux"}
LINKING = ("-shared", "-static", "-nostdlib", "-no-pie")


def main(machine: str, *words: str) -> int:
    *flags, _, target, source = words
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder, "compiled.o")
        for command in (
            [*compiling(machine, flags), "-o", str(compiled), source],
            [*linking(machine, flags), "-o", target, str(compiled)],
        ):
            if status := subprocess.run([*ZIG, *command], check=False).returncode:
                return status
    return 0


def compiling(machine: str, flags: list[str]) -> list[str]:
    """
    >>> compiling("aarch64", ["-O2", "-shared", "-Wl,-s"])
    ['cc', '-target', 'aarch64-linux-gnu.2.17', '-c', '-O2']
    """
    own = [flag for flag in flags if flag not in LINKING and not flag.startswith("-Wl,")]
    return ["cc", "-target", f"{machine}-linux-gnu.2.17", "-c", *own]


def linking(machine: str, flags: list[str]) -> list[str]:
    """
    >>> linking("aarch64", ["-O2", "-shared", "-Wl,-init,begin"])
    ['ld.lld', '-m', 'aarch64linux', '--no-undefined', '-shared', '-init', 'begin']
    """
    own = [word for flag in flags if flag.startswith("-Wl,") for word in flag.split(",")[1:]]
    kind = "-shared" if "-shared" in flags else "-static"
    return ["ld.lld", "-m", EMULATIONS[machine], "--no-undefined", kind, *own]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
