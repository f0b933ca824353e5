"""What a journal holds: observations, typed and versioned.

A record says what was seen, never what it means for other records: which version a read meant is
derived when the journal is applied (`binding.py`). Unknown fields are ignored when read and absent
ones take their default, so older and newer writers meet.
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from provgraph.model.elements import Scalar

FORMAT = 1
"""The version of the journal's format; a reader refuses a higher one."""


ERASED = "erased:"
"""What a random token begins with that stands where the digest of an erased content stood."""


class When(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A moment. `at`: nanoseconds since the Unix epoch, UTC. `tick`: nanoseconds of the boot clock
    (CLOCK_BOOTTIME), 0 where unknown. `boot`: the first 8 digits of the kernel's boot id, which
    says which ticks compare. `host` tells apart clocks that may be skewed."""

    at: int
    tick: int = 0
    boot: str = ""
    host: str = ""


class Stat(msgspec.Struct, frozen=True, array_like=True, gc=False, cache_hash=True):
    """What identifies one state of one file on one machine; times in nanoseconds."""

    device: int
    inode: int
    size: int
    mtime: int
    ctime: int


class Content(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known of some bytes. `digest` is `blake3:` and 64 hexadecimal digits, `blob` is
    `git:` and git's object name of the same file after its clean filters; either may be empty.
    `size` is -1 where unknown."""

    digest: str = ""
    blob: str = ""
    size: int = -1
    stat: Stat | None = None


class Name(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A URI that a version had, from a moment on."""

    uri: str
    since: When


class Record(
    msgspec.Struct,
    frozen=True,
    tag_field="t",
    omit_defaults=True,
    forbid_unknown_fields=False,
    gc=False,  # no record holds itself: the collector need not look for that
):
    """The base of all records."""


class RunStarted(Record, frozen=True, tag="run"):
    run: str
    argv: list[str]
    cwd: str
    when: When
    user: str = ""
    agent: str = ""
    email: str = ""
    commit: str = ""
    dirty: bool | None = None
    environment: str = ""
    parent: str = ""  # the step of another run that started this one
    backend: str = ""


class RunEnded(Record, frozen=True, tag="run-end"):
    """`verdict`: `complete`, `incomplete` (then `gaps` says why) or `nothing recorded`."""

    run: str
    when: When
    exit: int | None = None
    signal: str = ""
    verdict: str = ""
    gaps: list[str] = []
    properties: dict[str, Scalar] = {}  # `param.x`, `metric.x`, `tag.x`


class StepSeen(Record, frozen=True, tag="step"):
    """One phase of one program execution. `parent` started it; `continues` is the phase before."""

    step: str
    run: str
    argv: list[str]
    cwd: str
    started: When
    ended: When | None = None
    program: str = ""
    script: str = ""
    pid: int = 0
    phase: int = 0
    parent: str = ""
    exit: int | None = None
    signal: str = ""
    kind: str = "process"  # process, fork, cell, task, function, block, pipe, unattributed
    properties: dict[str, Scalar] = {}


class Generated(Record, frozen=True, tag="generated"):
    """A version came to be: a close after writing, a rename, a copy. `names` in time order, the
    last one is current. `attributed` is False where the writer was not seen."""

    step: str
    version: str
    names: list[Name]
    content: Content
    attributed: bool = True
    properties: dict[str, Scalar] = {}  # `prop.x`: the fields of a prediction


class Used(Record, frozen=True, tag="used"):
    """A step read something. `role`: `input`, `script` (what it executed), `code` (what it
    imported or sourced)."""

    step: str
    uri: str
    when: When
    content: Content
    role: str = "input"


class Derived(Record, frozen=True, tag="derived"):
    """A version was made from what `uri` held. `how`: append, change, rename, copy, declared."""

    version: str
    uri: str
    when: When
    content: Content
    how: str


class Invalidated(Record, frozen=True, tag="invalidated"):
    """A step removed what `uri` held (PROV: wasInvalidatedBy)."""

    step: str
    uri: str
    when: When
    content: Content
    how: str = "delete"  # delete, rename, replace


class Informed(Record, frozen=True, tag="informed"):
    """`step` received from `by`. `channel`: pipe, fork, socket, memory, message, continuation, call, variable (then
    `name` is its name)."""

    step: str
    by: str
    channel: str
    when: When | None = None
    name: str = ""


class CommitSeen(Record, frozen=True, tag="commit"):
    """A commit. `told` says what its `Committed` are: its `changes` from its first parent, or, of one
    that has no parent or whose parents are absent, the `whole` of its files. Where it is empty, they
    are what differs from every parent: too little of a merge."""

    sha: str
    parents: list[str]
    author: str
    email: str
    authored: int
    committed: int
    message: str
    told: str = ""


class Committed(Record, frozen=True, tag="committed"):
    """A commit set `uri` to a blob (`git:...`); an empty blob says that it removed the file."""

    sha: str
    uri: str
    blob: str
    at: int


class EnvironmentSeen(Record, frozen=True, tag="environment"):
    environment: str
    name: str
    python: str = ""
    system: str = ""
    packages: list[str] = []
    properties: dict[str, Scalar] = {}
    cpu: str = ""
    gpu: str = ""
    variables: list[str] = []  # NAME=value, those that are kept


class Annotated(Record, frozen=True, tag="annotated"):
    """Somebody said something of a node. `what`: `flag` and `unflag` (`value` is the reason), `tag` and
    `untag` (of the tag `name`), `note` (`value` is its text). A version is named by what was seen of
    it too, because what it is called may change as more becomes known: its name, since when it was
    there, and its content."""

    node: str
    label: str
    what: str
    when: When
    name: str = ""
    value: Scalar = ""
    by: str = ""
    email: str = ""
    uri: str = ""
    seen: When | None = None
    content: Content = Content()


class ComponentSeen(Record, frozen=True, tag="component"):
    """A named stage of a project was declared; with `run`, by a run that is an instance of it. What is
    empty was not said."""

    name: str
    when: When
    run: str = ""
    description: str = ""
    owner: str = ""
    tags: dict[str, Scalar] = {}


class Done(Record, frozen=True, tag="done"):
    """The last record of a segment that was closed properly. `records` counts those before it."""

    records: int


Observation = (
    RunStarted
    | RunEnded
    | StepSeen
    | Generated
    | Used
    | Derived
    | Invalidated
    | Informed
    | CommitSeen
    | Committed
    | EnvironmentSeen
    | Annotated
    | ComponentSeen
    | Done
)

Role = Literal["input", "script", "code"]
OBSERVATIONS: tuple[type[Record], ...] = get_args(Observation)
