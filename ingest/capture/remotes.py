"""What did Python programs read and write over the network? The lines that `site/remote.py` wrote, as records.

An object's ETag is its digest (`etag:...`), so what was read is an `external` version that another run's read
of the same state meets; what was written is a version of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal

from provgraph.ingest.capture import noted, redact
from provgraph.ingest.capture.assemble.context import Context
from provgraph.ingest.capture.noted import Noted
from provgraph.ingest.capture.steps import Steps
from provgraph.model.identity import generated_version_id
from provgraph.model.records import Content, Generated, Name, Record, Used

SUFFIX: Final = ".remote"
ETAG: Final = "etag:"


class Line(Noted, frozen=True):
    how: Literal["read", "write"]
    uri: str
    etag: str = ""


def read(folder: Path) -> list[Line]:
    return [line for line in noted.read(folder, SUFFIX, Line) if "://" in line.uri]


def records(lines: Iterable[Line], made: Iterable[Record], context: Context) -> Iterator[Record]:
    """Each belongs to the step that its process was in then. What the run itself wrote before is what it
    reads, whatever ETag that was given."""
    steps = Steps(made)
    written: Counter[str] = Counter()
    for line in lines:
        step = steps.at(line.pid, line.tick)
        if step is None:
            continue
        uri, when = redact.url(line.uri), context.when(line.tick)
        if line.how == "read":
            known = bool(line.etag) and not written[uri]
            yield Used(step, uri, when, Content(ETAG + line.etag) if known else Content())
        else:
            version = generated_version_id(step, uri, written[uri])
            written[uri] += 1
            yield Generated(step, version, [Name(uri, when)], Content())
