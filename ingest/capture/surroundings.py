"""Where a run happens: host, boot, clock, account, person, operating system, processors, packages, variables.

Everything is read from the system at the moment; nothing is imported of what is described.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final

import msgspec

from provgraph.config import Project
from provgraph.errors import ProjectError
from provgraph.ingest.capture import installed, redact
from provgraph.ingest.capture.variables import VARIABLES
from provgraph.ingest.capture.worktree import Command, git
from provgraph.model.identity import environment_id
from provgraph.model.records import EnvironmentSeen, When
from provgraph.model.uri import text_of

_BOOTTIME: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def tick() -> int:
    """The boot clock, in nanoseconds."""
    return time.clock_gettime_ns(_BOOTTIME)


class Machine(msgspec.Struct, frozen=True):
    """`offset` is the wall clock minus the boot clock, in nanoseconds, when this was made."""

    host: str
    boot: str
    offset: int

    @classmethod
    def here(cls) -> Machine:
        before, wall, after = tick(), time.time_ns(), tick()
        return cls(os.uname().nodename, boot_id(), wall - (before + after) // 2)

    def when(self, at: int) -> When:
        return When(at + self.offset, at, self.boot, self.host)


def ancestors(process: int) -> Iterator[int]:
    """Who started a process, the nearest first."""
    while process > 1:
        try:
            with open(f"/proc/{process}/stat", "rb") as file:
                text = file.read()
        except OSError:
            return
        process = int(text[text.rindex(b")") + 2 :].split()[1])
        yield process


def boot_id() -> str:
    """The first 8 digits of the kernel's boot id, empty where there is none."""
    return _text("/proc/sys/kernel/random/boot_id")[:8]


def account() -> str:
    """The name of the account, its number where it has no name."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


class Person:
    """Who is at work: git's `user.name` and `user.email`, asked when this is made. `environment` says
    where git's settings are, ours if it is not given."""

    def __init__(self, folder: bytes, environment: Mapping[str, str] | None = None) -> None:
        words = ["config", "-z", "--get-regexp", r"^user\.(name|email)$"]
        self._asked: Command = git(folder, *words, environment=environment)

    def read(self) -> tuple[str, str]:
        """The name, the account's where git knows none, and the address or nothing."""
        name, email = self.configured()
        name = os.environ.get("GIT_AUTHOR_NAME") or name or account()
        return name, os.environ.get("GIT_AUTHOR_EMAIL") or email

    def configured(self) -> tuple[str, str]:
        """The same as git's settings alone have it."""
        status, output = self._asked.wait()
        said = _settings(output) if status == 0 else {}
        return said.get("user.name", ""), said.get("user.email", "")


def _settings(output: bytes) -> dict[str, str]:
    """
    >>> _settings(b"user.name\\nAnn\\0user.email\\na@b\\0user.name\\nAnn B\\0")
    {'user.name': 'Ann B', 'user.email': 'a@b'}
    """
    pairs = (entry.partition("\n") for entry in output.decode("utf-8", "replace").split("\0"))
    return {name: value for name, _, value in pairs if name}


def operating_system() -> str:
    """
    >>> operating_system() != ""
    True
    """
    about = os.uname()
    name = _release(_text("/etc/os-release")) or f"{about.sysname} {about.release}"
    return f"{name} {about.machine}"


def _release(text: str) -> str:
    """
    >>> _release('NAME="x"\\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\\n')
    'Debian GNU/Linux 12 (bookworm)'
    """
    found = re.search(r'^PRETTY_NAME="?([^"\n]*)"?$', text, re.MULTILINE)
    return found[1] if found else ""


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(65536)
    except OSError:
        return ""


@lru_cache(maxsize=1)
def processor() -> str:
    """The processors' name and how many this process may use, such as `2 x AMD EPYC`."""
    about = _text("/proc/cpuinfo")
    found = re.search(r"^(?:model name|Model|Hardware|cpu model)\s*:\s*(.+)$", about, re.MULTILINE)
    name = " ".join(found[1].split()) if found else os.uname().machine
    return f"{len(os.sched_getaffinity(0))} x {name}"


@lru_cache(maxsize=1)
def accelerators() -> str:
    """What the drivers say of graphics processors, empty where there are none."""
    return accelerators_below("/")


def accelerators_below(root: str | os.PathLike[str]) -> str:
    """The same of the system whose `/proc` and `/sys` are below a folder."""
    nvidia_proc, kfd = (os.path.join(root, path) for path in (_NVIDIA, _AMD))
    nvidia = _each(f"{nvidia_proc}/gpus", "information", r"^Model:\s*(.+)$")
    about = _text(f"{nvidia_proc}/version")
    driver = re.search(r"Kernel Module\s+(?:for \S+\s+)?(\S+)", about)
    named = Counter(nvidia + _each(kfd, "name", r"^(?!cpu)(\S.*)$"))
    texts = [f"{count} x {name}" for name, count in sorted(named.items())]
    return ", ".join(texts) + (f" (driver {driver[1]})" if driver and nvidia else "")


_NVIDIA: Final = "proc/driver/nvidia"
_AMD: Final = "sys/class/kfd/kfd/topology/nodes"


def _each(folder: str, file: str, pattern: str) -> list[str]:
    with suppress(OSError):
        texts = (_text(f"{folder}/{name}/{file}") for name in sorted(os.listdir(folder)))
        return [
            found[1].strip() for text in texts if (found := re.search(pattern, text, re.MULTILINE))
        ]
    return []


_LONGEST_VALUE: Final = 500


def variables(environment: Mapping[str, str], project: Project) -> list[str]:
    """The variables that are kept, `NAME=value`: those of the table, and what `[environment]` in
    `provgraph.toml` names, but nothing that by its name is a secret. Raises `ProjectError`."""
    globs = _named(project) if project.asks_for("environment") else []
    names = (name for name in environment if name in VARIABLES or _matches(name, globs))
    entries = redact.argv([f"{name}={environment[name]}" for name in sorted(names)])
    return [text_of(os.fsencode(entry))[:_LONGEST_VALUE] for entry in entries]


def _matches(name: str, globs: Iterable[str]) -> bool:
    from provgraph.model.glob import compiled

    return any(compiled(glob).fullmatch(name) for glob in globs)


def _named(project: Project) -> list[str]:
    section = project.settings.get("environment", {})
    named = section.get("variables", []) if isinstance(section, dict) else None
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise ProjectError(
            f"{project.file}: [environment] wants `variables`, a list of names",
            hint='such as `variables = ["MYAPP_*"]`',
        )
    return named


_SITE: Final = re.compile(rb"^.*?/(?:site|dist)-packages(?=/|$)")
_OF_PYTHON: Final = re.compile(installed.OF_PYTHON)
_CONDA_LIST: Final = b"/conda-meta"
_OF_CONDA: Final = re.compile(installed.OF_CONDA)
_PYTHON_FOLDER: Final = re.compile(rb"/lib(?:64)?/python(\d+\.\d+)(?=/|$)")


def site_folders(reads: Iterable[bytes]) -> list[bytes]:
    """The folders of packages that the paths lie in.

    >>> site_folders([b"/v/lib/python3.12/site-packages/numpy/core.py", b"/usr/lib/os.py"])
    [b'/v/lib/python3.12/site-packages']
    """
    return sorted({found[0] for path in reads if (found := _SITE.match(path))})


def conda_lists(programs: Iterable[bytes], opened: Iterable[bytes]) -> list[bytes]:
    """The folders in which conda tells what is installed around the programs, and around what was opened in
    a `bin`: scripts of shells."""
    scripts = {folder for path in opened if (folder := os.path.dirname(path)).endswith(b"/bin")}
    folders = scripts | {os.path.dirname(path) for path in programs}
    return sorted({found for folder in folders if (found := _conda_list(folder))})


def _conda_list(folder: bytes) -> bytes:
    while folder.strip(b"/"):
        if os.path.isdir(folder + _CONDA_LIST):
            return folder + _CONDA_LIST
        folder = os.path.dirname(folder)
    return b""


def packages(folder: bytes, names: Iterable[bytes] | None = None) -> list[str]:
    """The distributions installed in a folder, `name==version`, by the names of their metadata;
    `names` are those that the folder held, if it was listed before.

    >>> packages(b"/nonexistent"), packages(b"/x", [b"a_b-1.0.dist-info", b"a_b"])
    ([], ['a-b==1.0'])
    >>> packages(b"/opt/conda/conda-meta", [b"history", b"lib-blas-3.9-1_mkl.json"])
    ['conda:lib-blas==3.9=1_mkl']
    """
    is_conda_s = folder.endswith(_CONDA_LIST)
    kind, pattern = ("conda:", _OF_CONDA) if is_conda_s else ("", _OF_PYTHON)
    with suppress(OSError):
        held = os.listdir(folder) if names is None else names
        found = (pattern.fullmatch(name) for name in held)
        return sorted({installed.package(kind, told) for told in found if told})
    return []


def environment(
    reads: Iterable[bytes],
    interpreters: Mapping[str, str],
    folders: Iterable[bytes] = (),
    listed: Mapping[bytes, Iterable[bytes]] | None = None,
    variables: Sequence[str] = (),
    used: Iterable[str] = (),
) -> EnvironmentSeen:
    """What a run ran in. `reads` are what it read of installed software, `interpreters` the Python
    versions that were seen, by installation prefix, `folders` more folders of packages, `listed`
    the names in those that were listed when the run ended, `variables` those that were set, `used` packages
    that are known otherwise."""
    then = listed or {}
    lists = (folder for folder in then if folder.endswith(_CONDA_LIST))
    sites = sorted({*site_folders(reads), *folders, *lists})
    in_sites = (each for folder in sites for each in packages(folder, then.get(folder)))
    installed = sorted({*in_sites, *used})
    python = ", ".join(sorted({*interpreters.values()})) or _version_by_folder(reads)
    system = operating_system()
    prefixes = " ".join(sorted(interpreters))
    name = f"Python {python} on {system}" if python else system
    cpu, gpu = processor(), accelerators()
    content = "\n".join([python, system, prefixes, cpu, gpu, *installed, *variables])
    return EnvironmentSeen(
        environment_id(content),
        name,
        python,
        system,
        installed,
        {"prefix": prefixes} if prefixes else {},
        cpu,
        gpu,
        list(variables),
    )


def _version_by_folder(reads: Iterable[bytes]) -> str:
    """What is left to know of an interpreter that did not tell its version."""
    found = {match[1].decode() for path in reads if (match := _PYTHON_FOLDER.search(path))}
    return ", ".join(sorted(found))
