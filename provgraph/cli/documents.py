"""What `--json` prints, for each command: the types that its JSON Schema is made from.

A program may rely on the fields that stand here; new ones may come. The manual's
`reference/json-schema.json` is made of them, and the tests hold real answers to it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from provgraph.erasure.plan import Plan
from provgraph.erasure.receipt import Receipt

Time = Annotated[str, Meta(description="ISO 8601, in UTC")]
Row = dict[str, Any]


class Document(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """All that a document has stands in its type."""


class Node(Document):
    """A node of the graph; its properties are the fields of the query language."""

    id: str
    label: str
    properties: Row


class Edge(Document):
    """From the effect (`source`) to its cause (`target`)."""

    source: str
    type: str
    target: str
    role: str | None = None
    how: str | None = None


class Link(Document):
    """An edge of the node that is shown, to its cause or from its effect."""

    type: str
    name: str | None
    to: str | None = None
    from_: str | None = msgspec.field(default=None, name="from")


class Shown(Node):
    edges: list[Link]


class Why(Document):
    target: str
    nodes: list[Node]
    edges: list[Edge]
    runs: list[Node]
    cut: bool


class UnreadVersion(Document):
    version: str
    reason: str
    name: str | None = None
    column: str | None = None


class Touched(Node):
    """Of a subject: `contains`, `derived` or `unknown`, and why, with the names on the way to it."""

    how: str | None = None
    why: str | None = None
    way: list[str] | None = None


class Impact(Document):
    """Of a subject, `cleared` are the versions whose own column has not the subject."""

    of: list[str]
    nodes: list[Touched]
    cleared: list[Node] | None = None
    unread: list[UnreadVersion] | None = None


class HistoryEntry(Node):
    number: int
    commit: str | None


class Ran(Document):
    """The last line of standard error."""

    run: str
    exit: int | None
    signal: str
    verdict: str
    gaps: list[str]
    properties: Row


class Made(Document):
    root: str
    id: str
    created: bool
    completed: bool


class Said(Document):
    what: Literal["flag", "unflag", "tag", "untag", "note"]
    nodes: list[str]


class Declared(Document):
    component: str
    runs: list[str]


class Ingested(Document):
    adapter: str
    source: str
    records: int


class Synced(Document):
    segments: int
    records: int
    recovered: int
    pending: int
    problems: list[str]
    nodes: dict[str, int]


class Found(Document):
    subject: str
    verdict: Literal["good", "limited", "bad"]
    found: str
    remedy: str


class Demo(Document):
    folder: str
    questions: list[list[str]]


class Server(Document):
    running: bool
    folder: str
    version: str = ""
    pid: int = 0
    uri: str = ""
    user: str = ""
    password_file: str = ""


class Explorer(Document):
    """Printed when it listens."""

    url: str


class Statements(Document):
    statements: list[str]


class Script(Document):
    shell: Literal["bash", "zsh", "fish"]
    script: str


class Planned(Document):
    request: str
    state: str
    hash: str
    plan: Plan


class Request(Document):
    id: str
    reference: str
    state: str
    asked: Time
    due: Time
    overdue: bool
    free: Annotated[list[str], Meta(description="what it had to keep, and may go now")]


class Approved(Document):
    approver: str
    plan: str


class PublicKey(Document):
    path: str
    public: str


class Abandoned(Document):
    request: str
    state: str


class Verified(Document):
    genuine: bool
    signer: str
    complete: bool


class Indexed(Document):
    read: int
    known: int
    unread: list[UnreadVersion]


class SubjectRule(Document):
    dataset: str
    column: str
    prefix: str
    table: str


class Held(Node):
    part: str
    how: str
    why: str


class Report(Document):
    found: list[Held]
    unread: list[UnreadVersion]


class KeyPath(Document):
    path: str


DOCUMENTS: Final[dict[str, Any]] = {
    "init": Made,
    "run": Ran,
    "why": Why,
    "ask": list[Row],
    "sql": list[Row],
    "cypher": list[Row],
    "impact": Impact,
    "history": list[HistoryEntry],
    "diff": list[Row],
    "log": list[Node],
    "show": Shown,
    "flag": Said,
    "unflag": Said,
    "tag": Said,
    "note": Said,
    "component": Declared,
    "ingest": Ingested,
    "sync": Synced,
    "neo4j start": Server,
    "neo4j stop": Server,
    "neo4j status": Server,
    "neo4j schema": Statements,
    "ui": Explorer,
    "doctor": list[Found],
    "demo": Demo,
    "completion": Script,
    "shell-hook": Script,
    "forget plan": Planned,
    "forget expired": Planned | None,
    "forget replan": Planned,
    "forget show": Planned,
    "forget list": list[Request],
    "forget key": PublicKey,
    "forget approve": Approved,
    "forget execute": Receipt,
    "forget abandon": Abandoned,
    "forget join": Planned,
    "receipt verify": Verified,
    "subject add": Indexed,
    "subject index": Indexed,
    "subject list": list[SubjectRule],
    "subject report": Report,
    "subject key new": Indexed,
    "subject key rotate": Indexed,
    "subject key path": KeyPath,
}
"""By the command's words."""


def schemas() -> dict[str, Any]:
    """The JSON Schema of all commands' documents: `properties` has one for each."""
    found, parts = msgspec.json.schema_components(DOCUMENTS.values(), ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What provgraph's commands print with --json",
        "properties": dict(zip(DOCUMENTS, found, strict=True)),
        "$defs": parts,
    }
