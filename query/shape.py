"""What can be told of a plan's rows before it runs: their labels, and what they have beside their
properties: a depth, what operators learned, or the columns of a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, assert_never

from provgraph.model.vocabulary import EDGES, FIELDS, LABELS, Field, FieldType, Label
from provgraph.query.plan import (
    Around,
    Column,
    Count,
    Deletion,
    Diff,
    Filter,
    Find,
    Given,
    Limit,
    Paths,
    Plan,
    Project,
    Rerun,
    Runs,
    Segment,
    SetOp,
    Slice,
    Sort,
    Stale,
    Summarize,
    Versions,
    Walk,
)

DEPTH: Final = Field("depth", FieldType.NUMBER, "depth", "how many edges the walk took to it")
_N: Final = FieldType.NUMBER
_SLICE: Final = (
    Field("lift", _N, ":lift", "how much likelier those that have it are to be of the first rows"),
    Field("coverage", _N, ":coverage", "which share of the first rows have it in their lineage"),
    Field("support", _N, ":support", "how many of the first rows have it in their lineage"),
)
_STALE: Final = (
    Field("reasons", FieldType.TEXTS, ":reasons", "why it is stale"),
    Field("direct", FieldType.BOOLEAN, ":direct", "whether its own inputs are why"),
)
_SEGMENT: Final = (
    Field("on_path", FieldType.BOOLEAN, ":on_path", "whether it is on a path, or on one like it"),
)
LEARNED: Final[dict[str, Field]] = {field.key: field for field in (*_SLICE, *_STALE, *_SEGMENT)}
"""What operators learn of their rows, by key."""

_T: Final = FieldType.TEXT
_TABULATED: Final = (
    Field("count", _N, "count", "how many rows"),
    Field("path", _N, "path", "which path it is, from 1"),
    Field("toward", FieldType.TEXT, "toward", "whether paths lead to the origin or to the effect"),
    Field("type", FieldType.TEXT, "type", "version, step, run ..."),
    Field("group", _N, "group", "which group it is, from 1"),
    Field("first", FieldType.TEXT, "first", "the id of the first of them"),
    Field("example", FieldType.TEXT, "example", "the name of the first of them"),
    Field("edges", FieldType.TEXTS, "edges", "what joins them to which groups"),
    Field("edge", FieldType.TEXTS, "edge", "what joins a node to the next of its path"),
    Field("order", _N, "order", "what has a lower one comes first"),
    Field("version", _T, "version", "the id of a version"),
    Field("why", _T, "why", "contains, derived or inferred"),
    Field(
        "origin",
        _T,
        "origin",
        "the nearest row that it was made from; of a parameter, `argv` or the file",
    ),
    Field("action", _T, "action", "erase, rebuild, keep or none"),
    Field("environment", _T, "environment", "the name of an environment"),
    Field("makes", FieldType.TEXTS, "makes", "what a run makes that is wanted"),
    Field("inputs", FieldType.TEXTS, "inputs", "what a run reads that others must have left there"),
    Field("missing", FieldType.TEXTS, "missing", "why a run may not come out as it did"),
    Field(
        "aspect", _T, "aspect", "inputs, code, environment, parameters, metrics, command or commit"
    ),
    Field("before", _T, "before", "the value there"),
    Field("after", _T, "after", "the value here"),
    Field("change", _T, "change", "added, removed or changed"),
)
_PATHS: Final = (
    *(Column(key, key) for key in ("path", "depth", "toward", "id", "type", "kind", "name")),
    Column("time", "at"),
    Column("edge", "edge"),
)
_DELETION: Final = (
    *("order", "version", "name", "kind", "state", "why", "depth", "origin", "action", "reason"),
)
_RERUN: Final = (
    *("order", "run", "command", "cwd", "commit", "environment", "makes", "inputs", "missing"),
)
_DIFF: Final = ("aspect", "name", "before", "after", "change", "origin")
_TYPES: Final[dict[str, FieldType]] = {
    field.key: field.type
    for fields in (*FIELDS.values(), (DEPTH,), LEARNED.values(), _TABULATED)
    for field in fields
}


def type_of(key: str) -> FieldType | None:
    """How the values under a key are kept; None where people name it themselves.

    >>> type_of("at"), type_of(":lift"), type_of("param.lr")
    (<FieldType.TIME: 'time'>, <FieldType.NUMBER: 'number'>, None)
    """
    return _TYPES.get(key)


def labels(plan: Plan) -> frozenset[Label]:
    """The labels that rows may have; none if there can be no row, or the rows are a table's.

    >>> sorted(labels(Walk(Find("Version"), "origin", ("GENERATED_BY", "USED"))))
    ['Step', 'Version']
    """
    match plan:
        case Find():
            return frozenset((plan.label,))
        case Walk():
            return labels_of_walk(plan)[1]
        case Around():
            return labels_around(plan)
        case Versions():
            return frozenset(("Version",))
        case Runs():
            return frozenset(("Run",))
        case SetOp(operator, left, right):
            if operator == "difference":
                return labels(left)
            if operator == "intersection":
                return labels(left) & labels(right)
            return labels(left) | labels(right)
        case Given():
            return frozenset(plan.labels)
        case Slice():
            return frozenset(("Version", "Step"))
        case Stale():
            return frozenset(("Version",))
        case Segment(source, to, via):
            return labels(to) | labels(source) | _reached(source, via) | _reached(to, via)
        case Count() | Paths() | Deletion() | Rerun() | Diff() | Summarize():
            return frozenset()
        case Filter() | Sort() | Limit() | Project():
            return labels(plan.source)
        case _:
            assert_never(plan)


def _reached(source: Plan, via: tuple[str, ...]) -> frozenset[Label]:
    return labels_of_walk(Walk(source, "origin", via))[1]


def labels_of_walk(walk: Walk) -> tuple[frozenset[Label], frozenset[Label]]:
    """The labels of the nodes that a walk can leave, and of those that it can reach."""
    left, reached = labels(walk.source), frozenset[Label]()
    while True:
        ends = [ends_of(type, walk.toward) for type in walk.via]
        more = reached.union(*(to for begin, to in ends if begin & left))
        if more == reached:
            return left, reached
        reached, left = more, left | more


def labels_around(plan: Around) -> frozenset[Label]:
    """
    >>> sorted(labels_around(Around(Find("Run"), ("PART_OF", "GENERATED_BY"), 2)))
    ['Run', 'Step', 'Version']
    """
    found = labels(plan.source)
    for _ in range(min(plan.hops, len(LABELS))):
        found = found.union(*(to for type in plan.via for to in _across(type, found)))
    return found


def can_reach(plan: Plan) -> bool:
    """Whether an operator can give rows; of `Around`, whether other rows than its source's.

    >>> can_reach(Around(Find("Run"), ("USED", "BY"), 1)), can_reach(Around(Find("Run"), ("USED",), 1))
    (True, False)
    """
    if isinstance(plan, Around):
        return any(_across(type, labels(plan.source)) for type in plan.via)
    return bool(labels(plan))


def _across(type: str, labels: frozenset[Label]) -> list[frozenset[Label]]:
    """The labels at the far end of an edge that has one of these at an end."""
    ends = [ends_of(type, "origin"), ends_of(type, "effect")]
    return [far for near, far in ends if near & labels]


def ends_of(
    type: str, toward: Literal["origin", "effect"]
) -> tuple[frozenset[Label], frozenset[Label]]:
    """The labels at an edge's two ends, in the direction of a walk."""
    effect, cause = frozenset(EDGES[type].source), frozenset(EDGES[type].target)
    return (effect, cause) if toward == "origin" else (cause, effect)


def has_depth(plan: Plan) -> bool:
    """
    >>> has_depth(Limit(Walk(Find("Run"), "effect", ("PART_OF",)), 3)), has_depth(Find("Run"))
    (True, False)
    """
    match plan:
        case Walk() | Around():
            return True
        case Filter() | Sort() | Limit() | Project():
            return has_depth(plan.source)
        case (
            Find()
            | Versions()
            | Runs()
            | SetOp()
            | Given()
            | Slice()
            | Stale()
            | Segment()
            | Count()
            | Paths()
            | Deletion()
            | Rerun()
            | Diff()
            | Summarize()
        ):
            return False
        case _:
            assert_never(plan)


def learned(plan: Plan) -> tuple[Field, ...]:
    """What the rows have learned, in order.

    >>> [field.name for field in learned(Limit(Slice(Find("Version")), 3))]
    ['lift', 'coverage', 'support']
    """
    match plan:
        case Slice():
            return _SLICE
        case Stale():
            return _STALE
        case Segment():
            return _SEGMENT
        case Given():
            return tuple(LEARNED[key] for key in plan.keys)
        case Filter() | Sort() | Limit() | Project():
            return learned(plan.source)
        case (
            Find()
            | Walk()
            | Around()
            | Versions()
            | Runs()
            | SetOp()
            | Count()
            | Paths()
            | Deletion()
            | Rerun()
            | Diff()
            | Summarize()
        ):
            return ()
        case _:
            assert_never(plan)


def columns(plan: Plan) -> tuple[Column, ...]:
    """The columns of a table's rows; none of rows that are nodes. A row has its values under the
    columns' names; a column's `key` tells what they are, as a property's does.

    >>> [column.name for column in columns(Count(Find("Run"), (Column("day", "at"),)))]
    ['day', 'count']
    """
    match plan:
        case Count(_, by):
            return (*by, Column("count", "count"))
        case Paths():
            return _PATHS
        case Deletion():
            return tuple(Column(name, name) for name in _DELETION)
        case Rerun():
            return tuple(Column(name, name) for name in _RERUN)
        case Diff():
            return tuple(Column(name, name) for name in _DIFF)
        case Summarize(_, by):
            said = (Column(key, key) for key in ("count", "first", "example", "edges"))
            return (Column("group", "group"), Column("type", "type"), *by, *said)
        case Filter() | Sort() | Limit():
            return columns(plan.source)
        case Project(source, kept):
            held = {column.name: column.key for column in columns(source)}
            return tuple(Column(each.name, held[each.key]) for each in kept) if held else ()
        case (
            Find()
            | Walk()
            | Around()
            | Versions()
            | Runs()
            | SetOp()
            | Given()
            | Slice()
            | Segment()
            | Stale()
        ):
            return ()
        case _:
            assert_never(plan)


def in_words(of: Iterable[Label]) -> str:
    """
    >>> in_words(["Step", "Version"])
    'versions and steps'
    """
    from provgraph.query.mistake import listed

    found = frozenset(of)
    shown = [f"{label.lower()}s" for label in _ORDER if label in found]
    return listed(shown) if shown else "nothing"


_ORDER: tuple[Label, ...] = ("Version", *(label for label in LABELS if label != "Version"))
