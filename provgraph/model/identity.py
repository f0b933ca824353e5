"""Natural key -> id. Ids are deterministic, so ingest is idempotent and journals merge.

An id is a letter for the label and 104 bits of BLAKE3 over the key's parts, in hexadecimal: `v` and 26
digits. Parts are length-prefixed, so no two keys meet by concatenation.
"""

from __future__ import annotations

import os
from typing import Final

from blake3 import blake3

_BYTES: Final = 13


def _id(letter: str, *parts: str | int) -> str:
    key = letter
    for part in parts:
        text = str(part)
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
        key += f"{size}:{text}"
    return letter + blake3(key.encode("utf-8", "surrogateescape")).hexdigest(length=_BYTES)


def new_run_id() -> str:
    """A random id, made when a run starts and journalled.

    >>> len(new_run_id()), new_run_id()[0]
    (27, 'r')
    """
    return "r" + os.urandom(_BYTES).hex()


def step_id(run: str, boot: str, pid: int, start: int, image: int, phase: int = 0) -> str:
    """`start` tells apart processes with one pid; `image` counts its program executions from 0;
    `phase` is the number of the phase's first event, 0 for the first phase."""
    return _id("s", run, boot, pid, start, image, phase)


def artifact_id(project: str, uri: str) -> str:
    """
    >>> artifact_id("p", "a.csv") == artifact_id("p", "a.csv") != artifact_id("q", "a.csv")
    True
    """
    return _id("a", project, uri)


def generated_version_id(step: str, uri: str, nth: int) -> str:
    """The `nth` (from 0) close after writing of `uri` by the process of `step`."""
    return _id("v", "generated", step, uri, nth)


def external_version_id(project: str, uri: str, content: str) -> str:
    """`content` is a tagged digest: `blake3:...`, `git:...`, or `stat:...` where nothing else is
    known."""
    return _id("v", "external", project, uri, content)


def commit_id(sha: str) -> str:
    return _id("c", sha)


def environment_id(content: str) -> str:
    return _id("e", content)


def observation_key(*parts: str) -> str:
    """The key of an edge that an observation became: parallel observations stay apart."""
    return _id("o", *parts)[:14]


def named_id(letter: str, project: str, name: str) -> str:
    """Agents (`g`), components (`k`), subjects (`u`)."""
    return _id(letter, project, name)
