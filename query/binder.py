"""Syntax -> plan: names, verbs, fields and values get their meaning, once.

What is wrong is raised as `BindingError`, pointing into the text. Nothing is looked up in a store:
whether a name exists is seen when the plan runs.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from provgraph.errors import BindingError
from provgraph.model.vocabulary import EDGES, LABELS, Label
from provgraph.query import fields, plan, shape, syntax, values
from provgraph.query.glob import is_glob
from provgraph.query.mistake import Mistake, listed, nearest

if TYPE_CHECKING:
    from provgraph.query.verb import Verb


def _no_uri(path: str) -> str:
    return path


def _no_subjects(name: str) -> tuple[str, ...] | None:
    return None


@dataclass(frozen=True, slots=True)
class Scope:
    """What a question's words depend on.

    `kinds`: the kinds of versions that there are words for. `now`: nanoseconds UTC. `cwd`: the
    working directory relative to the project's root, where `./x` begins (a URI where it is outside).
    `uri_of`: the URI of a path that is absolute or leads out of the project. It is given the path
    as it was written, but for `~`; that may be a glob. `subjects`: the digests of the contents that
    have the data of a subject of that name; None where nobody keeps such an index.
    """

    kinds: frozenset[str]
    now: int
    cwd: str = "."
    uri_of: Callable[[str], str] = _no_uri
    subjects: Callable[[str], tuple[str, ...] | None] = _no_subjects


@dataclass(frozen=True, slots=True)
class Described:
    """A part of the question as it was written, and what it was taken to mean."""

    text: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Bound:
    """A question that means something. `stages` describes the outermost pipeline."""

    plan: plan.Plan
    explain: bool
    stages: tuple[Described, ...]


def bind(question: syntax.Syntax, scope: Scope) -> Bound:
    """The meaning of a question. Raises `BindingError`.

    >>> from provgraph.query.syntax import parse
    >>> bind(parse("model churn | lineage"), Scope(frozenset(("model",)), 0)).plan.toward
    'origin'
    """
    try:
        return _Binder(question, scope).bound()
    except Mistake as mistake:
        raise BindingError(
            mistake.message,
            text=question.text,
            start=mistake.span.start,
            end=mistake.span.end,
            hint=mistake.hint,
        ) from None


class _Binder:
    def __init__(self, question: syntax.Syntax, scope: Scope) -> None:
        self.question, self.scope = question, scope
        self.described: list[Described] = []
        self.read_before: dict[syntax.Span, Verb] = {}

    def bound(self) -> Bound:
        query = _without_parentheses(self.question.query)
        if isinstance(query, syntax.Pipeline):
            whole = self.pipeline(query, plan.Latest(), outermost=True)
        else:
            whole = self.query(query, plan.Latest())
            self.describe(query.span, whole)
        return Bound(whole, self.question.explain, tuple(self.described))

    def describe(self, span: syntax.Span, meaning: plan.Plan) -> None:
        from provgraph.query.explain_text import operator_text

        self.described.append(Described(self.question.text[slice(*span)], operator_text(meaning)))

    # Queries. `which` is what a name without `@` means there.

    def query(self, node: syntax.Query | syntax.Item, which: plan.Which) -> plan.Plan:
        node = _without_parentheses(node)
        match node:
            case syntax.Selector():
                return self.selector(node, which)
            case syntax.Pipeline():
                return self.pipeline(node, which)
            case syntax.SetOperation():
                return self.sets(node, which)
            case _:
                raise Mistake(
                    "a condition stands where a query is meant",
                    node.span,
                    "a query begins with a kind: `file [...]`",
                )

    def rows(self, node: syntax.Query | syntax.Item, which: plan.Which) -> plan.Plan:
        """A query whose rows are nodes."""
        found = self.query(node, which)
        if plan.is_table(found):
            raise Mistake(
                "the rows of a table stand where nodes are meant",
                node.span,
                "a table ends a whole question; only `where`, `sort`, `limit` and `select` follow it",
            )
        return found

    def sets(self, node: syntax.SetOperation, which: plan.Which) -> plan.Plan:
        if node.operator != "+" and any(self.decides_which(part) for part in node.operands):
            # What a walk found may be an old version: a name beside it means all of them.
            which = plan.Every()
        parts = [self.rows(part, which) for part in node.operands]
        match node.operator:
            case "+":
                return _joined("union", parts)
            case "&":
                return self.intersection(node, parts)
            case "-":
                return plan.SetOp("difference", parts[0], _joined("union", parts[1:]))
            case _:
                assert_never(node.operator)

    def intersection(self, node: syntax.SetOperation, parts: list[plan.Plan]) -> plan.Plan:
        left = parts[0]
        for part, written in zip(parts[1:], node.operands[1:], strict=True):
            if not shape.labels(left) & shape.labels(part):
                raise Mistake(
                    f"nothing is in both: there are {shape.in_words(shape.labels(left))} before "
                    f"`&` and {shape.in_words(shape.labels(part))} after it",
                    written.span,
                )
        return _joined("intersection", parts)

    def decides_which(self, node: syntax.Query | syntax.Item) -> bool:
        node = _without_parentheses(node)
        match node:
            case syntax.Pipeline():
                verbs = [self.verb(named(stage)) for stage in node.stages]
                return any(v.decides_which for v in verbs) or self.decides_which(node.source)
            case syntax.SetOperation():
                return any(self.decides_which(part) for part in node.operands)
            case _:
                return False

    # Pipelines.

    def pipeline(
        self, node: syntax.Pipeline, which: plan.Which, *, outermost: bool = False
    ) -> plan.Plan:
        stages = [named(stage) for stage in node.stages]
        decides = next((s for s in stages if self.verb(s).decides_which), None)
        if decides is not None:
            which = self.arguments(decides, fields.Rows(frozenset(LABELS))).which()
        rows = self.query(node.source, which)
        if outermost:
            self.describe(node.source.span, rows)
        columns: tuple[syntax.Stage, plan.Project] | None = None
        for stage in stages:
            after = self.stage(stage, rows)
            if outermost:
                self.describe(stage.span, after)
            if not isinstance(after, plan.Project):
                rows = after
            elif outermost and columns is None:
                columns = stage, after
            else:
                raise Mistake(
                    "columns are selected twice" if outermost else "columns end a whole question",
                    stage.span,
                    "`select` stands once, last, and outside of parentheses",
                )
            if columns and self.verb(stage).reshapes:
                raise Mistake(
                    f"`{stage.verb.text}` wants rows, and `select` has made columns of them",
                    stage.verb.span,
                    "`select` stands last",
                )
        return plan.Project(rows, columns[1].columns) if columns else rows

    def stage(self, stage: syntax.Stage, source: plan.Plan) -> plan.Plan:
        verb, before = self.verb(stage), shape.labels(source)
        if verb.reshapes and plan.is_table(source):
            raise Mistake(
                f"`{stage.verb.text}` wants rows that are nodes, and these are a table's",
                stage.verb.span,
                "`where`, `sort`, `limit` and `select` can follow a table",
            )
        if verb.wants and not verb.wants & before:
            raise Mistake(
                f"`{stage.verb.text}` is asked of {shape.in_words(verb.wants)}, "
                f"and these rows are {shape.in_words(before)}",
                stage.verb.span,
            )
        after = self.arguments(stage, fields.rows_of(source)).plan(source)
        if not plan.is_table(after) and not shape.can_reach(after):
            raise Mistake(
                f"this reaches nothing from {shape.in_words(before)}", stage.span, _ways(after)
            )
        return after

    def verb(self, stage: syntax.Stage) -> type[Verb]:
        from provgraph.query import verbs

        word = stage.verb
        found = verbs.find(word.text)
        if found is None:
            hint = nearest(word.text, verbs.words()) or f"there are {listed(verbs.names())}"
            raise Mistake(f"unknown verb `{word.text}`", word.span, hint)
        return found

    def arguments(self, stage: syntax.Stage, rows: fields.Rows) -> Verb:
        """The verb with its arguments. Those that decide which versions are meant are read before
        their rows are known, and kept: reading them again would double at each level."""
        verb = self.verb(stage)
        if not verb.decides_which:
            return self.read(stage, rows)
        if stage.span not in self.read_before:
            self.read_before[stage.span] = self.read(stage, rows)
        return self.read_before[stage.span]

    def read(self, stage: syntax.Stage, rows: fields.Rows) -> Verb:
        from provgraph.query.arguments import Reading, read

        reading = Reading(rows, self.scope.now, self.condition, self.barrier)
        return read(stage, self.verb(stage), reading)

    def barrier(self, group: syntax.Group, which: plan.Which) -> plan.Plan:
        return self.rows(group, which)

    # Selectors.

    def selector(self, node: syntax.Selector, which: plan.Which) -> plan.Plan:
        label, kind = self.label(node.word)
        find = plan.Find(label, kind=kind, files=node.word.text == "file", which=plan.Every())
        if label == "Version":
            find = _with(find, which=which)
        if node.name is not None:
            find = self.named(find, node.name, bool(kind))
        if node.version is not None:
            find = _with(find, which=self.which(node, node.version, find))
        if node.filter is None:
            return find
        rows = fields.Rows(frozenset((find.label,)))
        asked = self.condition(node.filter, rows)
        return _with(find, where=asked if find.where is None else plan.AllOf((find.where, asked)))

    def label(self, word: syntax.Word) -> tuple[Label, str | None]:
        if word.text in ("file", "version"):
            return "Version", None
        for label in LABELS:
            if word.text == label.lower():
                return label, None
        if word.text in self.scope.kinds:
            return "Version", word.text
        known = {"file", *self.scope.kinds, *(label.lower() for label in LABELS)}
        as_name = f"a name stands after its kind: `file {syntax.quoted(word.text)}`"
        hint = as_name if "." in word.text else nearest(word.text, known) or as_name
        raise Mistake(f"unknown kind `{word.text}`", word.span, hint)

    def named(
        self, find: plan.Find, node: syntax.Word | syntax.Constant | syntax.Star, stems: bool
    ) -> plan.Find:
        if isinstance(node, syntax.Star) or node.text == "*":
            return find
        name = node.text
        if not name:
            raise Mistake("the name is empty", node.span, "without a name, all are meant")
        if find.label == "Subject" and not is_glob(name):
            held = self.scope.subjects(name)
            if held is not None:
                return plan.Find("Version", plan.Digested(held))
        if find.label not in ("Version", "Artifact"):
            return _with(find, name=plan.Globbed(name) if is_glob(name) else plan.Named(name))
        digest = _DIGEST.fullmatch(name)
        if digest and find.label == "Version":
            return _of_digest(find, digest["tag"], digest["hex"].lower())
        if name.endswith("/") and "://" not in name:
            name += "**"
        if not name.startswith(("/", "./", "../", "~/")):
            named = plan.Globbed(name) if is_glob(name) else plan.Named(name, stems)
            return _with(find, name=named)
        uri = self.uri(name)
        if not is_glob(uri):
            return _with(find, name=plan.Exactly(uri))
        if "/" not in uri:
            # As a name it would be held against the last part of every path.
            find = _with(find, where=plan.Comparison("name", "~", uri))
        return _with(find, name=plan.Globbed(uri))

    def uri(self, path: str) -> str:
        path = posixpath.expanduser(path)
        inside = posixpath.normpath(posixpath.join(self.scope.cwd, path))
        if inside == ".." or inside.startswith(("/", "../")) or "://" in self.scope.cwd:
            return self.scope.uri_of(path)
        return inside

    def which(self, node: syntax.Selector, version: syntax.Version, find: plan.Find) -> plan.Which:
        if find.label != "Version":
            raise Mistake(
                f"`{node.word.text}` has no versions", version.span, "`@` picks versions of files"
            )
        if isinstance(find.name, plan.Digested) or isinstance(find.which, plan.WithDigest):
            raise Mistake("a digest names its versions already", version.span, "leave out `@`")
        return _which(version)

    # Conditions.

    def condition(self, node: syntax.Item, rows: fields.Rows) -> plan.Condition:
        match _without_brackets(node):
            case syntax.Comparison() as node:
                return fields.comparison(node, rows, self.scope.now)
            case syntax.Membership() as node:
                return fields.membership(node, rows, self.scope.now)
            case syntax.AllOf() as node:
                return plan.AllOf(tuple(self.condition(part, rows) for part in node.conditions))
            case syntax.AnyOf() as node:
                return plan.AnyOf(tuple(self.condition(part, rows) for part in node.conditions))
            case syntax.Negate() as node:
                return plan.Negate(self.condition(node.condition, rows))
            case syntax.Word() as node:
                return fields.truth(node, rows)
            case other:
                raise Mistake(
                    "this is no condition", other.span, "a condition compares: `kind = model`"
                )


def named(stage: syntax.Stage) -> syntax.Stage:
    """The stage with its verb's whole name, where that is two words.

    >>> from provgraph.query.syntax import parse
    >>> stage = parse("run | limit 3").query.stages[0]
    >>> named(stage) is stage
    True
    """
    from provgraph.query import verbs

    first = stage.items[0] if stage.items else None
    if not isinstance(first, syntax.Word):
        return stage
    whole = f"{stage.verb.text} {first.text}"
    if whole not in verbs.names():
        return stage
    word = syntax.Word(whole, syntax.Span(stage.verb.span.start, first.span.end))
    return syntax.Stage(word, stage.items[1:], stage.span)


def _ways(walk: plan.Plan) -> str | None:
    """Where the edges of a walk lead, for one that leads nowhere."""
    if not isinstance(walk, plan.Walk | plan.Around):
        return None
    edge = EDGES[walk.via[0]]
    ends = [edge.source, edge.target]
    if isinstance(walk, plan.Walk) and walk.toward == "effect":
        ends.reverse()
    near, far = map(shape.in_words, ends)
    return f"`{edge.phrase}` leads from {near} to {far}"


def _without_parentheses(node: syntax.Query | syntax.Item) -> syntax.Query | syntax.Item:
    while isinstance(node, syntax.Group):
        node = node.content
    return node


def _without_brackets(node: syntax.Item) -> syntax.Item | syntax.Selector:
    """A condition without the parentheses around it; `(dirty)` was read as a selector."""
    inside: syntax.Query | syntax.Item = node
    while isinstance(inside, syntax.Group | syntax.Filter):
        inside = inside.content if isinstance(inside, syntax.Group) else inside.condition
    match inside:
        case syntax.Selector(word, None, None, None):
            return word
        case syntax.Pipeline() | syntax.SetOperation() | syntax.Selector():
            raise Mistake(
                "a query stands where a condition is meant",
                inside.span,
                "a condition compares: `kind = model`",
            )
        case _:
            return inside


def _joined(operator: str, parts: list[plan.Plan]) -> plan.Plan:
    """Balanced, so that a thousand operands nest ten deep.

    >>> _joined("union", [plan.Find("Run")]) == plan.Find("Run")
    True
    """
    if len(parts) == 1:
        return parts[0]
    half = (len(parts) + 1) // 2
    left, right = _joined(operator, parts[:half]), _joined(operator, parts[half:])
    return plan.SetOp(operator, left, right)  # type: ignore[arg-type]


def _with(find: plan.Find, **changes: object) -> plan.Find:
    from msgspec.structs import replace

    return replace(find, **changes)


# Digests and versions.

_DIGEST: Final = re.compile(r"(?P<tag>blake3|git|sha):(?P<hex>[0-9a-fA-F]{4,64})")
_WHOLE: Final = {"blake3": (64,), "git": (40, 64)}


def _of_digest(find: plan.Find, tag: str, digits: str) -> plan.Find:
    """A whole digest is a name; the beginning of one picks among the versions of every name."""
    tag = "git" if tag == "sha" else tag
    if len(digits) in _WHOLE[tag]:
        return _with(find, name=plan.Digested((f"{tag}:{digits}",)), which=plan.Every())
    return _with(find, which=plan.WithDigest(digits))


_NUMBER: Final = re.compile(r"[0-9]{1,6}")
_HEXADECIMAL: Final = re.compile(r"(?:(?:blake3|git|sha):)?([0-9a-fA-F]{4,64})")
_COMMIT: Final = re.compile(r"commit:([0-9a-fA-F]{4,64})")


def _which(version: syntax.Version) -> plan.Which:
    text = version.text
    if text == "latest":
        return plan.Latest()
    if text == "all":
        return plan.Every()
    if _NUMBER.fullmatch(text):
        if int(text) == 0:
            raise Mistake("versions count from 1", version.span)
        return plan.Nth(int(text))
    if found := _COMMIT.fullmatch(text):
        return plan.InCommit(found[1].lower())
    if found := _HEXADECIMAL.fullmatch(text):
        return plan.WithDigest(found[1].lower())
    if re.match(r"[0-9]{4}-", text):
        try:
            return plan.Latest(until=values.moment(text).last)
        except ValueError as error:
            raise Mistake(str(error), version.span) from None
    raise Mistake(
        f"`{text}` is no version",
        version.span,
        _version_hint(text),
    )


def _version_hint(text: str) -> str:
    if text.startswith("commit:"):
        return "at least 4 hexadecimal digits of the commit's sha: `@commit:1a2b3c4`"
    return nearest(text, ("latest", "all")) or (
        "a version is a number, 4 or more digits of a digest, `commit:1a2b3c4`, a date, "
        "`latest` or `all`"
    )
