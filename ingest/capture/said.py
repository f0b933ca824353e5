"""What did the programs of a run say of it? The lines that `provgraph.tracking` wrote, as records.

A line that is none is passed over: any process may have written to the file.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

import msgspec

from provgraph.ingest.capture.assemble.context import Context
from provgraph.ingest.capture.noted import Told, Whole
from provgraph.ingest.capture.steps import Steps
from provgraph.model.elements import Scalar
from provgraph.model.identity import generated_version_id
from provgraph.model.kinds import PREDICTIONS
from provgraph.model.records import (
    ComponentSeen,
    Content,
    Derived,
    Generated,
    Name,
    Record,
)
from provgraph.model.uri import uri_of


class Line(msgspec.Struct):
    kind: str
    name: str
    value: Told = None
    pid: Whole = 0
    at: Whole = 0
    inputs: list[str] = []
    fields: dict[str, Told] = {}
    description: str = ""
    owner: str = ""


def read(text: bytes) -> Iterator[Line]:
    for line in text.splitlines():
        with suppress(msgspec.DecodeError):
            said = msgspec.json.decode(line, type=Line)
            if said.kind in _KINDS and said.name:
                yield said


def properties(lines: Iterable[Line]) -> dict[str, Scalar]:
    """Parameters and metrics, the last value of each.

    >>> properties(read(b'{"kind":"metric","name":"auc","value":0.5}\\nnonsense\\n'))
    {'metric.auc': 0.5}
    """
    found = {f"{said.kind}.{said.name}": said.value for said in lines if said.kind in _VALUES}
    return {name: value for name, value in found.items() if value is not None}


_VALUES: Final = frozenset(("metric", "param"))
_KINDS: Final = _VALUES | {"prediction", "component"}
"""The others are of `calls`."""


def records(lines: Iterable[Line], made: Iterable[Record], context: Context) -> Iterator[Record]:
    """Predictions and components. A prediction is of the step that its process was in then."""
    steps = Steps(made)
    seen: Counter[str] = Counter()
    for said in lines:
        tick = said.at - context.offset
        when = context.when(tick)
        if said.kind == "component":
            yield ComponentSeen(
                said.name, when, context.run, said.description, said.owner, said.fields
            )
        elif said.kind == "prediction" and (step := steps.at(said.pid, tick)):
            uri = PREDICTIONS + said.name
            version = generated_version_id(step, uri, seen[f"{step} {uri}"])
            seen[f"{step} {uri}"] += 1
            yield from _prediction(said, step, version, Name(uri, when), context)


def _prediction(
    said: Line, step: str, version: str, name: Name, context: Context
) -> Iterator[Record]:
    fields: dict[str, Scalar] = {
        f"prop.{key}": value for key, value in said.fields.items() if value is not None
    }
    yield Generated(step, version, [name], Content(), properties=fields)
    for path in said.inputs:
        yield Derived(version, _uri(path, context), name.since, Content(), "declared")


def _uri(path: str, context: Context) -> str:
    """The URI of an absolute path; what has a scheme keeps it."""
    if "://" in path:
        return path
    folder, base = os.path.split(os.fsencode(path))
    real = os.path.join(os.path.realpath(folder), base)
    return uri_of(real, context.root, context.host)
