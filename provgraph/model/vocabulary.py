"""The words of the model: labels, edge types, and the fields that each label has.

The terms are W3C PROV's (https://www.w3.org/TR/prov-dm/) where PROV has one. Every derivation edge
points from effect to cause.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

import msgspec

Label = Literal[
    "Artifact",
    "Version",
    "Run",
    "Step",
    "Commit",
    "Agent",
    "Environment",
    "Component",
    "Subject",
]

LABELS: Final[tuple[Label, ...]] = (
    "Artifact",
    "Version",
    "Run",
    "Step",
    "Commit",
    "Agent",
    "Environment",
    "Component",
    "Subject",
)

LETTERS: Final[dict[Label, str]] = dict(zip(LABELS, "avrscgeku", strict=True))
"""The letter that the ids of each label begin with."""

State = Literal["present", "superseded", "deleted", "erased", "external", "unknown"]


class FieldType(StrEnum):
    """How a field's value is kept. Times and durations are integers: nanoseconds, times since the
    Unix epoch in UTC. Sizes are bytes."""

    TEXT = "text"
    TEXTS = "texts"  # a list of text; a comparison holds if it holds for one of them
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    DURATION = "duration"
    SIZE = "size"


class Field(msgspec.Struct, frozen=True):
    """A field of a label: `name` in the language, `key` among a node's properties."""

    name: str
    type: FieldType
    key: str
    meaning: str


class EdgeType(msgspec.Struct, frozen=True):
    """An edge type: `phrase` is its word in the language (`via used`); `lineage` says whether the
    closure runs through it; `bound` whether its version end is derived from an observation."""

    name: str
    phrase: str
    source: tuple[Label, ...]
    target: tuple[Label, ...]
    lineage: bool
    bound: bool = False


EDGE_TYPES: Final[tuple[EdgeType, ...]] = (
    EdgeType("GENERATED_BY", "generated", ("Version",), ("Step",), lineage=True),
    EdgeType("USED", "used", ("Step",), ("Version",), lineage=True, bound=True),
    EdgeType("EXECUTED", "executed", ("Step",), ("Version",), lineage=True, bound=True),
    EdgeType("INFORMED_BY", "informed", ("Step",), ("Step",), lineage=True),
    EdgeType("DERIVED_FROM", "derived", ("Version",), ("Version",), lineage=True, bound=True),
    EdgeType("INVALIDATED_BY", "invalidated", ("Version",), ("Step",), lineage=False, bound=True),
    EdgeType("PART_OF", "part_of", ("Step", "Version"), ("Run", "Version"), lineage=False),
    EdgeType("STARTED_BY", "started", ("Step",), ("Step",), lineage=False),
    EdgeType("VERSION_OF", "version_of", ("Version",), ("Artifact",), lineage=False),
    EdgeType("REVISION_OF", "revision", ("Version",), ("Version",), lineage=False),
    EdgeType("AT_COMMIT", "at_commit", ("Run",), ("Commit",), lineage=False),
    EdgeType("IN_COMMIT", "in_commit", ("Version",), ("Commit",), lineage=False, bound=True),
    EdgeType("REMOVED_IN", "removed_in", ("Artifact",), ("Commit",), lineage=False),
    EdgeType("PARENT", "parent", ("Commit",), ("Commit",), lineage=False),
    EdgeType("BY", "by", ("Run", "Commit"), ("Agent",), lineage=False),
    EdgeType("IN_ENVIRONMENT", "in_environment", ("Run",), ("Environment",), lineage=False),
    EdgeType("INSTANCE_OF", "instance_of", ("Run",), ("Component",), lineage=False),
    EdgeType("ABOUT", "about", ("Version",), ("Subject",), lineage=False),
    EdgeType(
        "ANNOTATED_BY",
        "annotated",
        ("Version", "Run", "Step", "Commit", "Component"),
        ("Agent",),
        lineage=False,
        bound=True,
    ),
)

DIGESTS: Final[dict[str, str]] = {"digest": "blake3:", "blob": "git:"}
"""The properties that say what a version's content is, and what they begin with."""

EDGES: Final[dict[str, EdgeType]] = {edge.name: edge for edge in EDGE_TYPES}
LINEAGE_EDGES: Final[tuple[str, ...]] = tuple(edge.name for edge in EDGE_TYPES if edge.lineage)

_T = FieldType
_COMMON: Final[tuple[Field, ...]] = (
    Field("id", _T.TEXT, "id", "the node's deterministic identifier"),
    Field("name", _T.TEXT, "name", "what it is shown as"),
    Field("kind", _T.TEXT, "kind", "what it is: model, dataset, script, run, step, commit ..."),
)
_TIMED: Final[tuple[Field, ...]] = (
    Field("started", _T.TIME, "at", "when it started"),
    Field("ended", _T.TIME, "ended", "when it ended"),
    Field("duration", _T.DURATION, "duration", "how long it took"),
    Field("command", _T.TEXT, "command", "the command line, quoted for a shell"),
    Field("cwd", _T.TEXT, "cwd", "the working directory, relative to the project where inside"),
    Field("exit", _T.NUMBER, "exit", "the exit status"),
    Field("signal", _T.TEXT, "signal", "the signal that ended it"),
)
_ANNOTATED: Final[tuple[Field, ...]] = (
    Field("flagged", _T.BOOLEAN, "flagged", "whether somebody flagged it"),
    Field("flag_reason", _T.TEXT, "flag_reason", "why it is flagged"),
    Field("flagged_by", _T.TEXT, "flagged_by", "who flagged it"),
    Field("flagged_at", _T.TIME, "flagged_at", "when it was flagged"),
    Field("notes", _T.TEXTS, "notes", "what people noted about it, the oldest first"),
)

FIELDS: Final[dict[Label, tuple[Field, ...]]] = {
    "Artifact": (
        *_COMMON,
        Field("base", _T.TEXT, "base", "the last part of the name"),
        Field("stem", _T.TEXT, "stem", "the last part without its suffix"),
    ),
    "Version": (
        *_COMMON,
        Field("path", _T.TEXT, "name", "the last name it had, relative to the project"),
        Field("names", _T.TEXTS, "names", "every name it had"),
        Field("created", _T.TIME, "at", "when it came to be, or was first seen"),
        Field("size", _T.SIZE, "size", "how many bytes"),
        Field("digest", _T.TEXT, "digest", "content digest, tagged: `blake3:...`"),
        Field("blob", _T.TEXT, "blob", "git's blob id"),
        Field("state", _T.TEXT, "state", "present, superseded, deleted, erased, external, unknown"),
        Field("by", _T.TEXT, "by", "the script or program that generated it"),
        Field("run", _T.TEXT, "run", "the id of the run that generated it"),
        Field("reason", _T.TEXT, "reason", "why it has its kind"),
        *_ANNOTATED,
    ),
    "Run": (
        *_COMMON,
        *_TIMED,
        Field("user", _T.TEXT, "user", "the account it ran under"),
        Field("host", _T.TEXT, "host", "the machine it ran on"),
        Field("commit", _T.TEXT, "commit", "the git commit it ran at"),
        Field("dirty", _T.BOOLEAN, "dirty", "whether the work tree differed from that commit"),
        Field("verdict", _T.TEXT, "verdict", "complete, incomplete, or nothing recorded"),
        Field("gaps", _T.TEXTS, "gaps", "what may be missing from the record"),
        *_ANNOTATED,
    ),
    "Step": (
        *_COMMON,
        *_TIMED,
        Field("program", _T.TEXT, "program", "the program's file"),
        Field("script", _T.TEXT, "script", "the script it executed"),
        Field("pid", _T.NUMBER, "pid", "process id"),
        Field("phase", _T.NUMBER, "phase", "which stretch of the process it is, from 0"),
        Field("run", _T.TEXT, "run", "the id of its run"),
        *_ANNOTATED,
    ),
    "Commit": (
        *_COMMON,
        Field("sha", _T.TEXT, "sha", "the commit's object name"),
        Field("committed", _T.TIME, "at", "when it was committed"),
        Field("authored", _T.TIME, "authored", "when it was written"),
        Field("message", _T.TEXT, "message", "the commit message"),
        Field("author", _T.TEXT, "author", "who wrote it"),
        Field("email", _T.TEXT, "email", "the author's address"),
        *_ANNOTATED,
    ),
    "Agent": (*_COMMON, Field("email", _T.TEXT, "email", "electronic address")),
    "Environment": (
        *_COMMON,
        Field("python", _T.TEXT, "python", "the interpreter's version"),
        Field("system", _T.TEXT, "system", "the operating system"),
        Field(
            "packages",
            _T.TEXTS,
            "packages",
            "installed distributions, `name==version`; conda's as `conda:name==version=build`; used ones of other languages with `npm:`, `cran:`, `gem:`, `cargo:`, `go:` before it",
        ),
        Field("cpu", _T.TEXT, "cpu", "the processors' name, and how many could be used"),
        Field("gpu", _T.TEXT, "gpu", "graphics processors and their driver"),
        Field("variables", _T.TEXTS, "variables", "environment variables, `NAME=value`"),
    ),
    "Component": (
        *_COMMON,
        Field("description", _T.TEXT, "description", "what it does"),
        Field("owner", _T.TEXT, "owner", "who answers for it"),
        *_ANNOTATED,
    ),
    "Subject": (*_COMMON,),
}

OPEN_FIELDS: Final[tuple[str, ...]] = ("param.", "metric.", "tag.", "prop.")
"""Prefixes of fields that people name themselves; the key among the properties is the whole word."""
