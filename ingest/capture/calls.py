"""Which parts of programs are steps of their own? The lines that `provgraph.calls` wrote, as events.

A line that is none is passed over: any process may have written to the file.
"""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import msgspec

from provgraph.ingest.capture import redact
from provgraph.ingest.capture.events import (
    Entered,
    Event,
    Left,
    Linked,
    Opened,
    Renamed,
    Truncated,
    Unlinked,
)
from provgraph.ingest.capture.noted import Told, Whole
from provgraph.model.content_store import digest_of
from provgraph.model.elements import Scalar
from provgraph.model.kinds import CELLS
from provgraph.model.records import Content
from provgraph.model.uri import uri_of

_LONGEST_SHOWN: Final = 4000


class _Enter(msgspec.Struct, tag_field="kind", tag="enter"):
    id: Whole
    name: str
    how: str
    pid: Whole
    tick: Whole
    within: Whole = 0
    file: str = ""
    line: Whole = 0
    text: str = ""
    notebook: str = ""
    cell: str = ""
    fields: dict[str, Told] = {}


class _Leave(msgspec.Struct, tag_field="kind", tag="leave"):
    id: Whole
    pid: Whole
    tick: Whole
    error: str = ""
    tells: bool = True
    heard: list[tuple[str, Whole]] = []


class _Mark(msgspec.Struct, tag_field="kind", tag="mark"):
    id: Whole
    pid: Whole
    tick: Whole
    path: str


class _Value(msgspec.Struct, tag_field="kind", tag="param"):
    name: str
    value: Told
    pid: Whole
    step: Whole = 0


class _Metric(_Value, tag="metric"):
    pass


class Calls(msgspec.Struct):
    """`texts` are the sources of cells. `marks` say who of a process did what to a path."""

    events: list[Event] = []
    texts: list[bytes] = []
    marks: list[_Mark] = []


def read(text: bytes, run: str, root: bytes, host: str) -> Calls:
    found = Calls()
    properties: defaultdict[tuple[int, int], dict[str, Scalar]] = defaultdict(dict)
    lines = []
    for word in text.splitlines():
        with suppress(msgspec.DecodeError):
            lines.append(msgspec.json.decode(word, type=_Enter | _Leave | _Mark | _Value | _Metric))
    for line in lines:
        match line:
            case _Value():
                what = "metric" if isinstance(line, _Metric) else "param"
                properties[line.pid, line.step][f"{what}.{line.name}"] = line.value
            case _Mark():
                found.marks.append(line)
            case _:
                pass
    for line in lines:
        match line:
            case _Enter():
                if line.text:
                    found.texts.append(line.text.encode())
                found.events.append(_entered(line, properties[line.pid, line.id], run, root, host))
            case _Leave():
                found.events.append(
                    Left(line.id, line.error, line.tells, line.heard, pid=line.pid, tick=line.tick)
                )
            case _:
                pass
    return found


def _entered(line: _Enter, logged: dict[str, Scalar], run: str, root: bytes, host: str) -> Entered:
    from provgraph.ingest.capture.recording import without_secrets

    given = without_secrets(
        {f"param.{name}": value for name, value in line.fields.items()} | logged
    )
    plan, content = "", Content()
    if line.how == "cell":
        held = line.text.encode()
        content = Content(digest_of(held), size=len(held))
        plan = _plan(line, run, root, host)
        shown = redact.text(line.text[:_LONGEST_SHOWN])
    else:
        words = [
            f"{k.removeprefix('param.')}={v}" for k, v in given.items() if k.startswith("param.")
        ]
        shown = f"{line.name}({', '.join(words)})"
    return Entered(
        line.id,
        line.name,
        line.how,
        line.within,
        shown,
        os.fsencode(line.file),
        plan,
        content,
        given | ({"prop.line": line.line} if line.line else {}),
        pid=line.pid,
        tick=line.tick,
    )


def _plan(line: _Enter, run: str, root: bytes, host: str) -> str:
    """Of a cell without an id, what counts is when it was executed."""
    notebook = uri_of(os.fsencode(line.notebook), root, host) if line.notebook else run[:9]
    name = line.cell or line.name.strip("In []")
    return f"{CELLS}{notebook.removeprefix('file://')}/{name}"


def attributed(events: Iterable[Event], marks: Iterable[_Mark]) -> Iterable[Event]:
    """The events, those told to which step they belong of which a mark says it: the next that a process does
    to that path."""
    waiting: defaultdict[tuple[int, bytes], deque[_Mark]] = defaultdict(deque)
    for mark in sorted(marks, key=lambda mark: mark.tick):
        waiting[mark.pid, os.fsencode(mark.path)].append(mark)
    if not waiting:
        return events
    return (_attributed(event, waiting) for event in events)


def _attributed(event: Event, waiting: dict[tuple[int, bytes], deque[_Mark]]) -> Event:
    match event:
        case Opened() | Unlinked() | Truncated():
            path = event.path
        case Renamed() | Linked():
            path = event.source
        case _:
            return event
    marks = waiting.get((event.pid, path))
    if not marks or marks[0].tick > event.tick:
        return event
    return msgspec.structs.replace(event, call=marks.popleft().id)
