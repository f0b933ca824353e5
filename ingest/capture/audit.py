"""What did the Python processes of a run say of themselves? Reads what `site/sitecustomize.py` wrote."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from provgraph.ingest.capture.events import Interpreted

SITE: Final = Path(__file__).parent / "site"
_FORMAT: Final = b"1"
_LONGEST: Final = 16 * 1024 * 1024


class Interpretation(msgspec.Struct, frozen=True):
    """A Python process: what it ran, and the version and prefix of its interpreter."""

    event: Interpreted
    version: str
    prefix: str


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """`base` with what makes every Python program of a run write to the run's folder what it ran.

    >>> made = environment({"PYTHONPATH": "/lib"})
    >>> made["PYTHONPATH"] == f"{SITE}:/lib"
    True
    """
    others = [entry for entry in base.get("PYTHONPATH", "").split(os.pathsep) if entry != str(SITE)]
    if others == [""]:
        others = []  # an empty variable means none; an empty entry would mean the working directory
    return {**base, "PYTHONPATH": os.pathsep.join([str(SITE), *others])}


def read(folder: Path) -> Iterator[Interpretation]:
    """What was written, by time; a file that was cut off by its process's end is left out."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return
    found = [_decoded(_bytes(folder / name)) for name in names if "." not in name]
    yield from sorted((i for i in found if i), key=lambda i: (i.event.tick, i.event.pid))


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST)
    except OSError:
        return b""


def _decoded(data: bytes) -> Interpretation | None:
    r"""
    >>> found = _decoded(b"1\0007\00050\00099\0/p/a.py\0\0003.12.1\0/usr\0/p/b.py\n")
    >>> found.event.pid, found.event.tick, found.event.script, found.event.sources
    (7, 50, b'/p/a.py', [b'/p/b.py'])
    >>> _decoded(b"1\0007\000") is None
    True
    """
    fields = data[:-1].split(b"\0")
    if not data.endswith(b"\n") or len(fields) < 8 or fields[0] != _FORMAT:
        return None
    _, pid, began, _, script, module, version, prefix, *sources = fields
    if not (pid.isdigit() and began.isdigit()):
        return None
    event = Interpreted(
        pid=int(pid),
        tick=int(began),
        script=script,
        module=module.decode("utf-8", "replace"),
        sources=sources,
    )
    return Interpretation(event, version.decode("ascii", "replace"), os.fsdecode(prefix))
