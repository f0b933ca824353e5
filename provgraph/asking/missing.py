"""Which of a question's names, globs and conditions find nothing, or which name may mean more than one
thing?

A question about what is not there has an empty answer, which would read as "from nothing".
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, assert_never

from msgspec.structs import replace

from provgraph.asking.lines import commits, cut, lines
from provgraph.errors import AmbiguousName, BudgetExceeded, NotFound, ProvgraphError
from provgraph.model.elements import Edge, Value
from provgraph.model.text import count
from provgraph.model.vocabulary import Label
from provgraph.query.conditions import asks_what_was_learned
from provgraph.query.explain_text import condition_text
from provgraph.query.mistake import listed, nearest
from provgraph.query.plan import (
    AllOf,
    Around,
    Budget,
    Column,
    Comparison,
    Condition,
    Count,
    Digested,
    Every,
    Exactly,
    Filter,
    Find,
    Globbed,
    Identified,
    InCommit,
    Latest,
    Limit,
    Named,
    Nth,
    Plan,
    Project,
    SetOp,
    Walk,
    Which,
    WithDigest,
    sources,
)
from provgraph.query.shape import labels
from provgraph.query.values import DAY, moment_text

if TYPE_CHECKING:
    from provgraph.asking.queries import Asked
    from provgraph.store import Rows

_FEW: Final = 6
_MANY: Final = 1_000  # values of a field, among which one would not look
_MOST: Final = 100_000  # names that are looked through for one that is like it
_SHA: Final = 9  # letters of a commit that are shown
_READ_AGAIN: Final = "`provgraph ingest git` reads it again"
_BEGINNING: Final = 4  # letters of an id that may stand for it


def remarks(beside: Beside, plan: Plan, *, empty: bool) -> Iterator[str]:
    """What is to be known beside the rows of a plan; of an empty answer also why it may be empty. What there
    is no time for is not looked for, and that is said."""
    try:
        yield from map(_told, missing(beside, plan))
        yield from unmatched(beside, plan)
        yield from unknown(beside, plan)
        if empty:
            yield from unmet(beside, plan)
    except BudgetExceeded:
        yield "no time is left to look for what its names and conditions find"


def nothing(beside: Beside, plan: Plan) -> NotFound | None:
    """The first selector of a plan that finds nothing; None also where there is no time to say."""
    try:
        found = missing(beside, plan)
        return next((wrong for wrong in found if isinstance(wrong, NotFound)), None)
    except BudgetExceeded:
        return None


class Beside:
    """A graph that is asked what is told beside an answer, in so many seconds altogether."""

    def __init__(self, graph: Asked, seconds: float | None = None) -> None:
        self._graph = graph
        self._until = None if seconds is None else time.monotonic() + seconds

    def answer(self, plan: Plan) -> Rows:
        return self._graph.answer(plan, self._left())

    def values(self, label: Label, key: str, most: int) -> list[Value]:
        return self._graph.store.values(label, key, most, self._left())

    def edges(self, ids: list[str], types: tuple[str, ...]) -> list[Edge]:
        self._left()
        return self._graph.store.edges(ids, types)

    def _left(self) -> Budget:
        """Raises `BudgetExceeded` where none is."""
        if self._until is None:
            return Budget()
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise BudgetExceeded("no time is left")
        return Budget(seconds)


def _told(wrong: ProvgraphError) -> str:
    return f"{wrong.message}; {wrong.hint}" if wrong.hint else wrong.message


def missing(graph: Beside, plan: Plan) -> Iterator[NotFound | AmbiguousName]:
    """What the selectors of a plan do not find, and names that several files have, in order."""
    for find in dict.fromkeys(finds(plan)):
        if found := _missing(graph, find):
            yield found


def unmatched(graph: Beside, plan: Plan) -> Iterator[str]:
    """What the globs of a plan do not match, in order: no error, for a glob may match nothing."""
    for find in dict.fromkeys(finds(plan)):
        if isinstance(find.name, Globbed) and not _is_there(graph, replace(find, where=None)):
            yield _told(_not_there(graph, find))


def unknown(graph: Beside, plan: Plan) -> Iterator[str]:
    """At which commits of a plan there may be more files than it finds: of one file it is missing that
    tells."""
    for find in dict.fromkeys(finds(plan)):
        match find:
            case Find(which=InCommit(prefix), name=Globbed() | None):
                if little := _too_little(graph, prefix):
                    yield f"{little}; {_READ_AGAIN}"
            case _:
                pass


def unmet(graph: Beside, plan: Plan) -> Iterator[str]:
    """What a plan compares that nothing has, and the text that nothing is equal to. Asked where the
    answer is empty, which that explains."""
    for possible, asked in dict.fromkeys(compared(plan)):
        if not any(graph.values(label, asked.key, 1) for label in possible):
            yield f"nothing has `{asked.key}`"
        elif asked.operator == "=" and isinstance(asked.value, str):
            few = _few_texts(graph, possible, asked.key)
            if few is None:
                if not any(_is_there(graph, Find(label, where=asked)) for label in possible):
                    yield f"nothing has {condition_text(asked)}"
            elif asked.value not in few:
                near = nearest(asked.value, few)
                yield f"nothing has {condition_text(asked)}" + (f"; {near}" if near else "")


def _few_texts(graph: Beside, labels: Iterable[Label], key: str) -> set[str] | None:
    """All that are held under a key; None where there are too many to choose from."""
    held: set[str] = set()
    for label in labels:
        values = graph.values(label, key, _MANY)
        if len(values) == _MANY:
            return None
        held.update(text for value in values for text in texts(value))
    return held


def texts(value: Value) -> tuple[str, ...]:
    """
    >>> texts("a"), texts(("a", "b")), texts(3), texts(None)
    (('a',), ('a', 'b'), (), ())
    """
    if isinstance(value, tuple):
        return value
    return (value,) if isinstance(value, str) else ()


def compared(plan: Plan) -> Iterator[tuple[tuple[Label, ...], Comparison]]:
    """What all rows are asked to be, with the labels that they may have.

    >>> [asked.value for _, asked in compared(Find("Run", where=Comparison("name", "=", "a")))]
    ['a']
    """
    for source in sources(plan).values():
        yield from compared(source)
    where: Condition | None = None
    match plan:
        case Find():
            where = plan.where
        case Filter():
            where = plan.condition
    if where is not None and (possible := tuple(sorted(labels(plan)))):
        yield from ((possible, asked) for asked in _parts(where))


def _parts(condition: Condition) -> Iterator[Comparison]:
    match condition:
        case Comparison() if not asks_what_was_learned(condition):
            yield condition
        case AllOf(conditions):
            for each in conditions:
                yield from _parts(each)


def finds(plan: Plan) -> Iterator[Find]:
    """The selectors of a plan that have a name or a version, from left to right.

    >>> from provgraph.query.plan import SetOp
    >>> [find.label for find in finds(SetOp("union", Find("Run", Named("r1")), Find("Step")))]
    ['Run']
    """
    if isinstance(plan, Find):
        if plan.name is not None or not isinstance(plan.which, Every | Latest):
            yield plan
        return
    for source in sources(plan).values():
        yield from finds(source)


def _missing(graph: Beside, find: Find) -> NotFound | AmbiguousName | None:
    if find.name == Digested(()):
        return NotFound(
            "no content has that subject",
            hint="a subject is called by its rule's prefix and its identifier: `client:4711`",
        )
    if isinstance(find.name, Globbed | Identified) or _is_there(graph, replace(find, where=None)):
        return _ambiguous(graph, find)
    return _not_there(graph, find)


def _not_there(graph: Beside, find: Find) -> NotFound:
    """Why a selector finds nothing."""
    anyway = replace(find, where=None, which=Every())
    if find.label == "Version" and _is_there(graph, anyway):
        return _no_version(graph, find, anyway)
    kind = _kind(find)
    other = replace(anyway, kind=None, files=False)
    if find.name is not None and other != anyway and _is_there(graph, other):
        kinds = sorted(set(_column(graph, other, "kind")))
        hint = f"it is {listed(kinds)}"
        return NotFound(f"`{_name(find)}` is no {kind}", hint=hint)
    near = _near(graph, find)
    is_id = find.label != "Version" and not isinstance(find.name, Globbed)
    if near is None and is_id and len(_name(find)) < _BEGINNING:
        near = f"of an id or a sha, {_BEGINNING} characters or more are wanted"
    answers = "is like" if isinstance(find.name, Globbed) else "answers to"
    return NotFound(f"no {kind} {answers} `{_name(find)}`", hint=near)


def _kind(find: Find) -> str:
    return find.kind or ("file" if find.files else find.label.lower())


def _name(find: Find) -> str:
    match find.name:
        case Exactly(name) | Named(name, _):
            return name
        case Globbed(pattern):
            return pattern
        case Digested(words) | Identified(words):
            return listed(words, "or")
        case None:
            return "any name"
        case _:
            assert_never(find.name)


def _is_there(graph: Beside, find: Find) -> bool:
    return bool(graph.answer(Limit(find, 1)).values)


def _column(graph: Beside, plan: Plan, key: str) -> list[str]:
    rows = graph.answer(Project(plan, (Column(key, key),))).values
    return [str(value) for (value,) in rows if value is not None]


def _no_version(graph: Beside, find: Find, anyway: Find) -> NotFound:
    if find.name is None:
        return NotFound(f"no {_kind(find)} {_which(find.which)}")
    name = _name(find)
    if isinstance(find.which, InCommit):
        prefix = find.which.prefix
        if not _is_there(graph, commits(prefix)):
            return _no_commit(prefix)
        if removed := _removed(graph, find, anyway, prefix):
            return removed
        if little := _too_little(graph, prefix):
            return NotFound(little, hint=_READ_AGAIN)
    ((number,),) = graph.answer(Count(anyway, ())).values
    has = f"`{name}` has {count(number, 'version')}"
    hint = "`history` lists them"
    if isinstance(find.which, WithDigest):
        prefix = find.which.prefix
        if _is_there(graph, commits(prefix)):
            hint = f"that is a commit: `@commit:{prefix}` is the file that it has"
    return NotFound(f"{has}, and none {_which(find.which)}", hint=hint)


def _no_commit(prefix: str) -> NotFound:
    return NotFound(
        f"no commit begins with {prefix}",
        hint="`commit *` lists those that are known; `provgraph ingest git` reads new ones",
    )


def _removed(graph: Beside, find: Find, versions: Find, prefix: str) -> NotFound | None:
    """That the nearest commit of the line that tells of the file removed it; if one did."""
    near = Around(Around(versions, ("VERSION_OF",), 1), ("REMOVED_IN",), 1)
    told = tuple(Column(key, key) for key in ("id", "at", "sha", "author"))
    found = graph.answer(Project(SetOp("intersection", near, Find("Commit")), told)).values
    removing = {id: told for id, *told in found}
    line = next((line for line in lines(graph, prefix) if not removing.keys().isdisjoint(line)), ())
    removed = next((id for id in line if id in removing), None)
    if removed is None:
        return None
    at, sha, author = removing[removed]
    by = f" of {author}" if author else ""
    on = f" on {moment_text(at)[:10]}" if at else ""
    parents = Walk(Find("Commit", Identified((removed,))), "origin", ("PARENT",), max_hops=1)
    before = (
        InCommit(parent[:_SHA])
        for parent in _column(graph, parents, "sha")
        if _is_there(graph, replace(find, where=None, which=InCommit(parent[:_SHA])))
    )
    return NotFound(
        f"`{_name(find)}` is not there at commit {prefix}: commit {sha[:_SHA]}{by} removed it{on}",
        hint=next((f"what it was before: `@commit:{each.prefix}`" for each in before), None)
        or "`history` lists its versions",
    )


def _too_little(graph: Beside, prefix: str) -> str | None:
    """That not all files at a commit are known; if so."""
    if (sha := cut(graph, prefix)) is None:
        return None
    little = f"an earlier provgraph read too little of commit {sha[:_SHA]}"
    return f"not all files at commit {prefix} are known: {little}"


def _which(which: Which) -> str:
    match which:
        case Nth(number):
            return f"is number {number}"
        case WithDigest(prefix):
            return f"has a digest that begins with {prefix}"
        case InCommit(prefix):
            return f"was there at a commit {prefix}"
        case Latest(until) | Every(until):
            if until is None:
                return ""
            whole_day = (until + 1) % DAY == 0
            return (
                f"is from before {moment_text(until)[:10] if whole_day else moment_text(until + 1)}"
            )
        case _:
            assert_never(which)


def _ambiguous(graph: Beside, find: Find) -> AmbiguousName | None:
    """For a name that is the last part of several files' names."""
    if find.label != "Version" or not isinstance(find.name, Named):
        return None
    names = sorted(set(_column(graph, replace(find, where=None), "name")))
    if len(names) < 2:
        return None
    shown = [f"`{name}`" for name in names[:_FEW]] + (["..."] if len(names) > _FEW else [])
    return AmbiguousName(
        f"`{find.name.name}` may be {count(len(names), 'file')}, and all of them are meant: "
        f"{', '.join(shown)}",
        hint="name one of them whole",
    )


def _near(graph: Beside, find: Find) -> str | None:
    import difflib

    label: Label = "Artifact" if find.label == "Version" else find.label
    most = _MANY if isinstance(find.name, Globbed) else _MOST
    values = graph.values(label, "name", most)
    if len(values) == most:
        return None
    names = {text for value in values for text in texts(value)}
    wanted = _name(find)
    by_base = {name.rpartition("/")[2]: name for name in sorted(names)}
    near = difflib.get_close_matches(wanted, [*names, *by_base], n=3, cutoff=0.6)
    found = list(dict.fromkeys(by_base.get(name, name) for name in near))
    return f"near it: {', '.join(f'`{name}`' for name in found)}" if found else None
