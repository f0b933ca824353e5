"""Natural key -> id. Ids are deterministic, so ingest is idempotent and journals merge.

An id is a letter for the label and 104 bits of BLAKE3 over the key's parts, in hexadecimal: `v` and 26
digits. Parts are length-prefixed, so no two keys meet by concatenation.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Final

from blake3 import blake3

_BYTES: Final = 13


def _id(letter: str, *parts: str) -> str:
    return _named(letter, _key(letter, *parts))


def _key(beginning: str, *parts: str) -> str:
    key = beginning
    for part in parts:
        key += f"{len(part)}:{part}"
    if not key.isascii():  # lengths count bytes
        key = beginning + "".join([f"{len(_bytes(part))}:{part}" for part in parts])
    return key


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _named(letter: str, key: str) -> str:
    return letter + blake3(_bytes(key)).hexdigest(length=_BYTES)


def new_run_id() -> str:
    """A random id, made when a run starts and journalled.

    >>> len(new_run_id()), new_run_id()[0]
    (27, 'r')
    """
    return "r" + os.urandom(_BYTES).hex()


def step_id(run: str, boot: str, pid: int, start: int, image: int, phase: int = 0) -> str:
    """`start` tells apart processes with one pid; `image` counts its program executions from 0;
    `phase` is the number of the phase's first event, 0 for the first phase."""
    return _named("s", _key(_execution(run, boot, pid, start, image), str(phase)))


@lru_cache(maxsize=1024)  # of most executions with many phases, those come one after the other
def _execution(run: str, boot: str, *numbers: int) -> str:
    return _key("s", run, boot, *map(str, numbers))


@lru_cache(maxsize=32768)  # asked for twice: to look the artifact up, and to make it
def artifact_id(project: str, uri: str) -> str:
    """
    >>> artifact_id("p", "a.csv") == artifact_id("p", "a.csv") != artifact_id("q", "a.csv")
    True
    """
    return _id("a", project, uri)


def generated_version_id(step: str, uri: str, nth: int) -> str:
    """The `nth` (from 0) close after writing of `uri` by the process of `step`."""
    return _named("v", _key(_generated(step), uri, str(nth)))


@lru_cache(maxsize=1024)  # a program with many phases is one step here
def _generated(step: str) -> str:
    return _key("v", "generated", step)


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
