"""How a syntax tree and a plan read: one line a node or an operator, what it stands on under it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Final, assert_never, cast

from provgraph.model.vocabulary import FIELDS, FieldType
from provgraph.query import plan, syntax
from provgraph.query.syntax import quoted
from provgraph.query.values import DAY, moment_text


def syntax_text(question: syntax.Syntax) -> str:
    """
    >>> print(syntax_text(syntax.parse("run | limit 3")))
    Pipeline
      Selector
        Word run
      Stage
        Word limit
        Constant 3
    """
    return "\n".join(_nodes(question.text, question.query, ""))


def _nodes(text: str, node: syntax.Node, indent: str) -> Iterator[str]:
    values = [getattr(node, part.name) for part in fields(node)]
    below = [
        inner for value in values for inner in (value if isinstance(value, tuple) else [value])
    ]
    nodes = [inner for inner in below if is_dataclass(inner)]
    if isinstance(node, syntax.Comparison | syntax.SetOperation):
        yield f"{indent}{type(node).__name__} {node.operator}"
    elif isinstance(node, syntax.Membership):
        yield f"{indent}{type(node).__name__} {'not in' if node.negated else 'in'}"
    elif nodes:
        yield f"{indent}{type(node).__name__}"
    else:
        yield f"{indent}{type(node).__name__} {text[slice(*node.span)]}"
    for inner in nodes:
        yield from _nodes(text, cast(syntax.Node, inner), indent + "  ")


_TIMES: Final = frozenset(
    field.key for known in FIELDS.values() for field in known if field.type is FieldType.TIME
)


def plan_text(whole: plan.Plan) -> str:
    """
    >>> print(plan_text(plan.Limit(plan.Find("Run"), 3)))
    Limit 3
      Find Run
    """
    return "\n".join(_lines(whole, ""))


def _lines(here: plan.Plan, indent: str) -> Iterator[str]:
    yield indent + operator_text(here)
    inner = indent + "  "
    for name, source in plan.sources(here).items():
        if name in ("source", "left", "right"):
            yield from _lines(source, inner)
        else:
            yield inner + name.replace("_", " ")
            yield from _lines(source, inner + "  ")


def operator_text(here: plan.Plan) -> str:
    """An operator without its sources.

    >>> operator_text(plan.Find("Version", plan.Named("a.csv"), files=True, which=plan.Latest()))
    'Find Version files named "a.csv", the latest'
    """
    match here:
        case plan.Find():
            return _find(here)
        case plan.Walk():
            far = f", depth at most {here.max_hops}" if here.max_hops is not None else ""
            return f"Walk toward {here.toward} via {', '.join(here.via)}{far}{_until(here.until)}"
        case plan.Around():
            hops = f"{here.hops} hop{'s' if here.hops != 1 else ''}"
            return f"Around the rows, {hops} via {', '.join(here.via)}"
        case plan.Filter():
            return f"Filter {condition_text(here.condition)}"
        case plan.Versions():
            return f"Versions of the same artifacts{_until(here.until)}"
        case plan.Runs():
            return "Runs of the rows"
        case plan.SetOp():
            return here.operator.capitalize()
        case plan.Sort():
            return "Sort by " + ", ".join(
                f"{k.key}{' desc' if k.descending else ''}" for k in here.by
            )
        case plan.Limit():
            return f"Limit {here.count}"
        case plan.Project():
            return f"Project {_columns(here.columns)}"
        case plan.Given():
            return f"Given {len(here.rows)} rows"
        case plan.Slice():
            least = "" if here.support is None else f", at least {here.support}"
            return f"Slice: what the rows were made from{least}"
        case plan.Segment():
            return _segment(here)
        case plan.Paths():
            return _paths(here)
        case plan.Stale():
            return f"Stale, inputs older than {here.age / DAY:g} days{_until(here.until)}"
        case plan.Rerun():
            return "Rerun: what would make the rows again"
        case plan.Diff():
            return f"Diff on {', '.join(here.on)}"
        case plan.Deletion():
            return "Deletion: what goes with the rows"
        case plan.Summarize():
            hops = f", {here.hops} hop{'s' if here.hops != 1 else ''}" if here.hops else ""
            by = f" by {_columns(here.by)}" if here.by else ""
            return f"Summarize{by}{hops}"
        case plan.Count():
            return f"Count by {_columns(here.by)}"
        case _:
            assert_never(here)


def _segment(here: plan.Segment) -> str:
    like = (
        "equally long ones" if here.similar is None else f"those alike in {_columns(here.similar)}"
    )
    return f"Segment via {', '.join(here.via)}: paths, and {like}{_until(here.until)}"


def _paths(here: plan.Paths) -> str:
    which = "all" if here.every else "the shortest to each"
    which += f", the first {here.most}" if here.most is not None else ""
    far = f", at most {here.max_hops} edges" if here.max_hops is not None else ""
    return f"Paths via {', '.join(here.via)}, {which}{far}{_until(here.until)}"


def _columns(columns: tuple[plan.Column, ...]) -> str:
    return ", ".join(
        column.name if column.name == column.key else f"{column.name} = {column.key}"
        for column in columns
    )


def _until(until: int | None) -> str:
    return "" if until is None else f", until {moment_text(until)}"


def _find(here: plan.Find) -> str:
    words = [
        f"Find {here.label}",
        "files" if here.files else "",
        f"of kind {here.kind}" if here.kind else "",
        _name(here.name) if here.name is not None else "",
    ]
    text = " ".join(word for word in words if word)
    if here.label == "Version":
        text += f", {_which(here.which)}"
    return text if here.where is None else f"{text}, where {condition_text(here.where)}"


def _name(name: plan.Name) -> str:
    match name:
        case plan.Exactly():
            return f"exactly {quoted(name.name)}"
        case plan.Named():
            return f"named {quoted(name.name)}" + (" or with that stem" if name.stems else "")
        case plan.Globbed():
            return f"like {quoted(name.pattern)}"
        case plan.Digested():
            return f"with digest {', '.join(name.digests)}"
        case plan.Identified():
            return f"with id {', '.join(name.ids)}"
        case _:
            assert_never(name)


def _which(which: plan.Which) -> str:
    match which:
        case plan.Latest():
            return f"the latest{_until(which.until)}"
        case plan.Every():
            return f"all{_until(which.until)}"
        case plan.Nth():
            return f"number {which.number}"
        case plan.WithDigest():
            return f"digest {which.prefix}..."
        case plan.InCommit():
            return f"at commit {which.prefix}..."
        case _:
            assert_never(which)


def condition_text(condition: plan.Condition) -> str:
    """
    >>> either = plan.AnyOf((plan.Comparison("a", "=", 1), plan.Comparison("b", "=", "x")))
    >>> condition_text(plan.AllOf((either, plan.Membership("c", (1, True), negated=True))))
    '(a = 1 or b = "x") and c not in (1, true)'
    """
    match condition:
        case plan.Comparison():
            value = constant_text(condition.value, condition.key)
            return f"{condition.key} {condition.operator} {value}"
        case plan.Membership():
            listed = ", ".join(constant_text(value, condition.key) for value in condition.values)
            return f"{condition.key} {'not ' if condition.negated else ''}in ({listed})"
        case plan.AllOf():
            return " and ".join(_part(part) for part in condition.conditions) or "true"
        case plan.AnyOf():
            return " or ".join(_part(part) for part in condition.conditions) or "false"
        case plan.Negate():
            return f"not {_part(condition.condition)}"
        case _:
            assert_never(condition)


def _part(condition: plan.Condition) -> str:
    text = condition_text(condition)
    return f"({text})" if isinstance(condition, plan.AllOf | plan.AnyOf) else text


def constant_text(value: plan.Constant, key: str = "") -> str:
    """
    >>> constant_text("a"), constant_text(True), constant_text(0, "at")
    ('"a"', 'true', '1970-01-01T00:00:00Z')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and key in _TIMES:
        return moment_text(value)
    return quoted(value) if isinstance(value, str) else repr(value)
