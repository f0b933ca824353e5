"""What goes over the wire: the models of every question and answer.

Times are ISO 8601 in UTC, durations seconds, sizes bytes. Text is text: the page never takes any of
it for markup.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from provgraph.model.elements import Edge, Node
from provgraph.model.text import plain
from provgraph.model.uri import shown, split

Toward = Literal["origin", "effect"]
Id = Annotated[str, Field(min_length=1, max_length=200)]


class Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mistake(Document):
    """What went wrong. `start` and `end` are character offsets into a query."""

    kind: str
    message: str
    hint: str | None = None
    start: int | None = None
    end: int | None = None
    line: int | None = None
    column: int | None = None


class Failure(Document):
    error: Mistake


class Card(Document):
    """A node in short. `title` is the last part of its name; `causes` and `effects` count the
    lineage edges that lead from it and to it, `commits` the commits that a version stands in."""

    id: str
    label: str
    kind: str
    name: str
    title: str
    at: str | None = None
    state: str | None = None
    size: int | None = None
    digest: str | None = None
    command: str | None = None
    duration: float | None = None
    exit: int | None = None
    signal: str | None = None
    verdict: str | None = None
    run: str | None = None
    by: str | None = None
    phase: int | None = None
    unseen: bool = False
    flagged: bool = False
    commits: int = 0
    causes: int = 0
    effects: int = 0

    @classmethod
    def of(cls, node: Node, *, commits: int = 0, causes: int = 0, effects: int = 0) -> Self:
        held = node.properties
        name = shown(str(held.get("name") or node.id))
        if node.label == "Commit":
            message = str(held.get("message") or "").strip()
            title = shown(message.split("\n", 1)[0]) or name[:10]
        elif node.label == "Run":
            title = shown(str(held.get("command") or name))
        else:
            title = split(name)[0] or name
        given = {
            key: plain(key, held.get(key))
            for key in ("at", "size", "digest", "duration", "verdict", "state", "by", "phase")
        }
        return cls(
            id=node.id,
            label=node.label,
            kind=str(held.get("kind") or node.label.lower()),
            name=name,
            title=title,
            command=shown(str(held["command"])) if held.get("command") else None,
            exit=_whole(held.get("exit")),
            signal=str(held["signal"]) if held.get("signal") else None,
            run=str(held["run"]) if held.get("run") else None,
            unseen=held.get("how") == "unattributed",
            flagged=held.get("flagged") is True,
            commits=commits,
            causes=causes,
            effects=effects,
            **given,
        )


def _whole(held: object) -> int | None:
    return held if isinstance(held, int) else None


class Link(Document):
    """An edge from effect to cause. `word` is its role, manner or channel."""

    source: str
    type: str
    target: str
    word: str = ""

    @classmethod
    def of(cls, edge: Edge) -> Self:
        words = (edge.properties.get(key) for key in ("role", "how", "channel"))
        word = next((str(word) for word in words if word), "")
        return cls(source=edge.source, type=edge.type, target=edge.target, word=shown(word))


class Fold(Document):
    """Neighbours of `of` that are not drawn one by one: `count` of one type of edge, kind and
    folder (of steps: one name). `key` names the fold when more of it is asked for."""

    key: str
    of: str
    toward: Toward
    type: str
    kind: str
    place: str
    count: int


class Picture(Document):
    """Nodes and edges to draw, and what is folded."""

    nodes: list[Card]
    links: list[Link]
    folds: list[Fold]


class Focus(Picture):
    """The picture around one node, one step each way."""

    focus: str


class Expand(Document):
    """A step from `of`: its neighbours, or the next of one fold of them. `drawn` are the nodes that
    stand there already; edges to them come too."""

    of: Id
    toward: Toward
    fold: Annotated[str, Field(max_length=2000)] | None = None
    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    drawn: Annotated[list[Id], Field(max_length=1000)] = []


class Among(Document):
    ids: Annotated[list[Id], Field(max_length=1000)]


class StaleVersion(Document):
    """A version that would come out otherwise today. `direct` says whether its own inputs are why,
    not only what those were made from."""

    card: Card
    reasons: list[str]
    direct: bool


class StaleVersions(Document):
    """The stale among `looked_at` versions. `unsure` are the ids of those against which nothing speaks
    that could be looked at in time. `before` is where older ones begin, if there may be any."""

    versions: list[StaleVersion]
    looked_at: int
    unsure: list[str]
    before: str | None


class Hit(Document):
    card: Card
    detail: str


class Hits(Document):
    hits: list[Hit]


class Home(Document):
    """What there is: counts, the newest runs, and the newest results that people look for."""

    nodes: dict[str, int]
    edges: dict[str, int]
    kinds: list[str]
    runs: list[Card]
    results: list[Card]


class Session(Document):
    """What the page must know before it asks: the project, and the word that goes with every
    changing call."""

    project: str
    version: str
    csrf: str
    asks_token: bool


class SignIn(Document):
    token: Annotated[str, Field(max_length=500)]


class Flag(Document):
    """Flag a node, or take the flag away."""

    flagged: bool
    reason: Annotated[str, Field(max_length=2000)] = ""


class Note(Document):
    text: Annotated[str, Field(min_length=1, max_length=5000)]


class Sync(Document):
    segments: int
    records: int
    pending: int
    problems: list[str]


class Value(Document):
    """A property. `type` is that of the vocabulary's field, `text` for what has none there."""

    name: str
    meaning: str
    type: str
    value: str | int | float | bool | list[str]


class Section(Document):
    """Nodes that stand in one relation to the page's. `total` counts them all."""

    key: str
    title: str
    total: int
    cards: list[Card]


class Surroundings(Document):
    """The environment of a run."""

    id: str
    name: str
    python: str | None
    system: str | None
    packages: list[str]


class Page(Document):
    """All about one node. `number` is which of its `versions` it is, from 1; `flag` is why it is
    flagged, None where it is not. `verdict` says whether the record of its run is complete, `gaps`
    what may be missing in it. `component` is the stage that its run is an instance of."""

    card: Card
    values: list[Value]
    verdict: str | None
    gaps: list[str]
    versions: list[Card]
    version_count: int
    number: int | None
    run: Card | None
    component: Card | None
    environment: Surroundings | None
    sections: list[Section]
    message: str | None
    notes: list[str]
    flag: str | None


Finding = Literal["good", "warn", "bad", "unknown"]


class Check(Document):
    """Something that was looked at of a node, and what was found, in words; `reasons` say more."""

    name: str
    finding: Finding
    words: str
    reasons: list[str] = []


class Checks(Document):
    checks: list[Check]


Token = tuple[str, str]


class Code(Document):
    """Text in lines of (class, text) pieces; the class is empty where nothing is known."""

    form: Literal["code"] = "code"
    language: str
    lines: list[list[Token]]
    whole: bool
    source: str


class Table(Document):
    form: Literal["table"] = "table"
    columns: list[str]
    rows: list[list[str]]
    whole: bool
    source: str


class Image(Document):
    form: Literal["image"] = "image"
    media: str
    source: str


class Nothing(Document):
    """Nothing can be shown, and why."""

    form: Literal["none"] = "none"
    reason: str


Preview = Annotated[Code | Table | Image | Nothing, Field(discriminator="form")]


class Change(Document):
    """One thing on both sides; None where a side lacks it."""

    name: str
    left: str | None
    right: str | None
    left_id: str | None = None
    right_id: str | None = None


class Changes(Document):
    """`same` counts what is equal and not listed."""

    key: str
    title: str
    changes: list[Change]
    same: int


class Row(Document):
    """A line on both sides of a comparison of texts; the numbers count from 1."""

    kind: Literal["same", "changed", "removed", "added", "skipped"]
    left_number: int | None = None
    right_number: int | None = None
    left: str | None = None
    right: str | None = None


class TextChange(Document):
    """`rows` is empty, and `reason` set, where the texts cannot be laid side by side."""

    name: str
    left_id: str
    right_id: str
    rows: list[Row]
    added: int
    removed: int
    reason: str | None = None


class Difference(Document):
    left: Card
    right: Card
    left_run: Card | None
    right_run: Card | None
    sections: list[Changes]
    texts: list[TextChange]


class Entry(Document):
    card: Card
    outputs: int = 0
    author: str | None = None


class Day(Document):
    day: str
    runs: int
    failed: int
    commits: int


class Timeline(Document):
    """Newest first. `before` asks for what is older than the last entry; None at the end."""

    entries: list[Entry]
    before: str | None


class Activity(Document):
    days: list[Day]


class Question(Document):
    text: Annotated[str, Field(max_length=20_000)]
    limit: Annotated[int, Field(ge=1, le=5000)] = 200


class Column(Document):
    name: str
    type: str


class Answer(Document):
    """`ids` names the node of each row, where a row is one; `explained` is the text of an
    `explain`. `more` says that there are more rows than were asked for, `remarks` what finds
    nothing or may mean several things."""

    columns: list[Column]
    rows: list[list[str | int | float | bool | list[str] | None]]
    ids: list[str | None]
    more: bool
    seconds: float
    explained: str | None = None
    remarks: list[str] = []


class Typing(Document):
    text: Annotated[str, Field(max_length=20_000)]
    cursor: Annotated[int, Field(ge=0, le=20_000)]


class Option(Document):
    text: str
    kind: str
    meaning: str


class Completion(Document):
    """`start` and `end` are what an option would stand instead of."""

    start: int
    end: int
    options: list[Option]


class DeletionRequest(Document):
    """A request to be forgotten; `state` is planned, approved, executing, done or abandoned."""

    id: str
    reference: str
    state: str
    asked: str
    due: str
    overdue: bool


class DeletionRequests(Document):
    requests: list[DeletionRequest]


class DeletionLine(Document):
    """A version and what is done with it. `way` leads to it from what the request names; `basis` is
    what it is kept for, or what is to be done by hand."""

    do: str
    version: str
    name: str
    kind: str
    size: int
    how: str
    why: str
    way: list[str]
    basis: str


class DeletionCopy(Document):
    """A file of provgraph's own, and what it has of that which goes."""

    what: str
    name: str
    size: int
    said: str
    way: list[str]


class Rerun(Document):
    run: str
    command: str
    seconds: float
    makes: list[str]


class DeletionPlan(Document):
    """`signed` are those who have approved this very plan, of `needed`. `may_sign` says whether the
    page may: where it may not, the command line can."""

    request: DeletionRequest
    hash: str
    lines: list[DeletionLine]
    copies: list[DeletionCopy]
    reruns: list[Rerun]
    blind: list[str]
    signed: list[str]
    needed: int
    may_sign: bool


class Forget(Document):
    """Subjects, such as `client:4711`, and names of files, to be forgotten together. `due` is a date;
    a month from now if it is not given."""

    targets: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1000)]],
        Field(min_length=1, max_length=50),
    ]
    reference: Annotated[str, Field(max_length=200)] = ""
    due: date | None = None
    erase_derived: bool = False


class Hold(Document):
    """Keep a file that a plan would take: on this basis, for this reason, in this person's or office's
    name, and until then, if there is an end."""

    name: Annotated[str, Field(min_length=1, max_length=1000)]
    basis: Literal["legal hold", "retention", "anonymised"]
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    owner: Annotated[str, Field(min_length=1, max_length=200)]
    expires: date | None = None


class Approve(Document):
    """`plan` is the hash of the plan that was looked at."""

    plan: Annotated[str, Field(min_length=64, max_length=64)]
