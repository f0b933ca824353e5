"""Where does a run's spool lie if the project's storage gives no shared mappings?

On local storage, as `provgraph-<uid>/<run>` in the first folder that serves; in the recording `events` is a
link to it. All else of a recording stays with the project: so whoever comes later knows of the run, and on
which host it was, even where the spool is out of reach.
"""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path


def places(run: str, environment: Mapping[str, str]) -> Iterator[Path]:
    """Where the spool of a run may be made, best first: what the user names, then what outlives a restart or a
    logout."""
    for base in _bases(environment):
        with suppress(OSError):
            yield _own_folder(base) / run


def _bases(environment: Mapping[str, str]) -> list[str]:
    """
    >>> _bases({"TMPDIR": "/scratch", "XDG_RUNTIME_DIR": "relative"})
    ['/scratch', '/var/tmp', '/tmp', '/dev/shm']
    """
    named = environment.get("TMPDIR", ""), environment.get("XDG_RUNTIME_DIR", "")
    bases = [named[0], "/var/tmp", "/tmp", named[1], "/dev/shm"]
    return [base for base in bases if base.startswith("/")]


def _own_folder(base: str) -> Path:
    """Raises OSError where others could exchange it or look into it."""
    about = os.stat(base)
    writable = about.st_mode & (modes.S_IWGRP | modes.S_IWOTH)
    if about.st_uid not in (0, os.geteuid()) or (writable and not about.st_mode & modes.S_ISVTX):
        raise PermissionError(base)
    folder = Path(base, f"provgraph-{os.geteuid()}")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if not _is_private(folder):
        raise PermissionError(folder)
    return folder


def _is_private(folder: Path) -> bool:
    about = os.lstat(folder)
    return (
        modes.S_ISDIR(about.st_mode)
        and about.st_uid == os.geteuid()
        and not about.st_mode & (modes.S_IRWXG | modes.S_IRWXO)
    )


def target(events: Path) -> Path | None:
    """Where the spool of a recording lies, if it lies elsewhere."""
    try:
        return Path(os.readlink(events))
    except OSError:
        return None


def is_trusted(events: Path) -> bool:
    """Whether nobody else can have put there what lies elsewhere: a restart empties folders that are
    everybody's."""
    place = target(events)
    try:
        return place is None or _is_private(place.parent)
    except OSError:
        return False


def lost(events: Path) -> str:
    """The gap of a run whose spool is not there any more."""
    return f"what its programs did is lost: {target(events) or events} is gone"


def remove(events: Path) -> None:
    """Delete what lies elsewhere. The link stays, for whoever is to go on."""
    place = target(events)
    if place is not None and is_trusted(events):
        discard(place)


def discard(place: Path) -> None:
    """Delete a spool if it is there, and its folder with the last of it."""
    with suppress(OSError):
        place.unlink()
    with suppress(OSError):
        place.parent.rmdir()
