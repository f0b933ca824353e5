"""The language as methods: the same questions, bound by the same binder."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from question_goldens import KINDS, blocks

from provgraph.asking import methods
from provgraph.asking.queries import Asked, Query
from provgraph.errors import BindingError, QueryError, QuerySyntaxError
from provgraph.graph import Graph
from provgraph.model.kinds import BUILT_IN
from provgraph.model.vocabulary import EDGE_TYPES, FIELDS, LABELS
from provgraph.query import plan, syntax, values, verbs
from provgraph.query.binder import Bound, Scope, bind
from provgraph.query.building import is_given_as_fields, selector
from provgraph.query.methods import formatted, kinds, method, module
from provgraph.query.syntax import parse, quoted
from provgraph.query.verb import Argument, Takes
from provgraph.query.written import written

SCOPE = Scope(KINDS, now=values.moment("2026-11-30T12:00").start)


class Paper(methods.Selectors):
    """Binds what is asked of it; answers nothing."""

    def find(
        self,
        kind: str,
        name: Any = None,
        *,
        version: str | int | date | None = None,
        where: str | None = None,
    ) -> Query:
        return Query(cast(Asked, self), selector(kind, name, version=version, where=where))

    def bind(self, question: str | syntax.Syntax) -> Bound:
        return bind(parse(question) if isinstance(question, str) else question, SCOPE)


paper = Paper()


def meant(text: str) -> plan.Plan:
    return bind(parse(text), SCOPE).plan


def test_the_module_of_methods_says_what_the_verbs_declare() -> None:
    file = Path(methods.__file__)
    made = formatted(module())
    assert file.read_text("utf-8") == made, f"run `python -m provgraph.query.methods {file}`"


def test_every_kind_and_verb_is_a_method_and_hides_none_of_the_graphs_own() -> None:
    own = set(vars(Graph)) - {"find", "__doc__", "__module__"}
    for kind, _, _ in kinds():
        assert callable(getattr(Graph, kind))
        assert kind not in own
    assert {kind for kind, _, _ in kinds()} >= {*BUILT_IN, *(label.lower() for label in LABELS)}
    own = set(vars(Query))
    for name in verbs.names():
        assert method(name) not in own
        assert method(name).isidentifier()
        documented = inspect.getdoc(getattr(Query, method(name)))
        assert documented and documented.startswith(inspect.getdoc(verbs.load(name)) or "?")


def test_methods_mean_what_the_text_means() -> None:
    raw = paper.file("raw/*")
    pairs = [
        (
            paper.file("m.pkl").lineage(depth=3).where(kind="script"),
            'file "m.pkl" | lineage depth 3 | where kind = script',
        ),
        (paper.model("churn", version="latest"), "model churn@latest"),
        (paper.file("f.csv", version=3).lineage(stop_at=raw), 'file f.csv@3 | lineage stop at (file "raw/*")'),
        (paper.file("f.csv").lineage(stop_at="file raw/*"), 'file f.csv | lineage stop at (file "raw/*")'),
        (paper.run().where("exit != 0 and duration > 10m"), "run | where exit != 0 and duration > 10m"),
        (paper.run(where="exit != 0 or dirty"), "run [exit != 0 or dirty]"),
        (
            paper.run().where("dirty or exit = 1", user=["ann", "bob"]),
            "run | where (dirty or exit = 1) and user in (ann, bob)",
        ),
        (
            paper.run().where(duration=timedelta(minutes=10), dirty=True, exit=-1),
            "run | where duration = 10m and dirty = true and exit = -1",
        ),
        (paper.file().where(size="10MB", created=date(2026, 11, 20)), "file | where size = 10MB and created = 2026-11-20"),
        (paper.run().where(**{"param.depth": 3}, **{"param.unit": "10d"}), 'run | where param.depth = 3 and param.unit = "10d"'),
        (paper.run().sort("started desc", "name").limit(3), "run | sort by started desc, name | limit 3"),
        (paper.file("m").lineage(via="used, generated"), "file m | lineage via used, generated"),
        (paper.file("m").lineage(via=["derived"]), "file m | lineage via derived"),
        (paper.file("m").lineage().select("path", "by"), "file m | lineage | select path, by"),
        (paper.file("m").history(as_of=date(2026, 6, 1)), "file m | history as of 2026-06-01"),
        (paper.file("m").history(as_of="today"), "file m | history as of today"),
        (paper.file("a") & paper.file("b") & paper.file("c"), "file a & file b & file c"),
        (paper.file("a") - (paper.file("b") + paper.file("c")), "file a - (file b + file c)"),
        (
            (paper.file("a").impact() + paper.file("b")).where(kind="model"),
            "((file a | impact) + file b) | where kind = model",
        ),
        (paper.find("prediction", "x"), "prediction x"),
        (paper.file("x", version=date(2026, 6, 1)), "file x@2026-06-01"),
    ]  # fmt: skip
    for query, text in pairs:
        assert query.plan == meant(text), text
        assert meant(query.text) == query.plan


def test_a_datetime_is_a_moment_and_a_zone_counts() -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    east = datetime.fromisoformat("2026-11-20T14:00:00+02:00")
    bare = datetime(2026, 11, 20, 12)
    plans = {paper.file("m").history(as_of=at).plan for at in (noon, east, bare)}
    (found,) = plans
    assert isinstance(found, plan.Versions)
    assert found.until == values.moment("2026-11-20T12:00:00.000000Z").last


def test_a_path_is_that_file_on_this_machine(tmp_path: Path) -> None:
    assert paper.file(tmp_path / "x.csv").plan == meant(f"file {tmp_path}/x.csv")


def test_a_mistake_points_into_the_text_of_the_question() -> None:
    with pytest.raises(BindingError) as caught:
        _ = paper.file("m.pkl").lineage().where(knid="script").plan
    assert str(caught.value) == (
        "query:1:32: versions and steps have no field `knid`\n"
        '  file "m.pkl" | lineage | where knid = "script"\n'
        "                                 ^^^^\n"
        "  hint: `kind` might be meant"
    )
    with pytest.raises(BindingError, match=r"^query:1:22: `limit` wants a whole number from 1"):
        _ = paper.file("m.pkl").limit(0).plan
    with pytest.raises(QuerySyntaxError, match=r"^query:1:8: the question ends where a value"):
        paper.file("m.pkl").where("exit !=")
    with pytest.raises(QuerySyntaxError, match="nests more than 200 levels"):
        query = paper.file("m")
        for _ in range(300):
            query = query.limit(3)
        _ = query.plan


def test_what_a_condition_closes_stays_a_condition() -> None:
    for text in ("dirty] | limit 1", "dirty) or (exit = 1", "dirty | lineage", "", 'user = "'):
        with pytest.raises(QuerySyntaxError):
            paper.run(where=text)


@given(st.text())
def test_text_that_is_given_never_becomes_query_text(text: str) -> None:
    query = paper.run(text).where(user=text)
    assert parse(query.text).query == query.syntax.query
    found = query.plan if text else None
    if isinstance(found, plan.Filter):
        assert found.condition == plan.Comparison("user", "=", text)


@given(st.text(min_size=1))
@example("0,")
def test_a_word_that_is_none_is_refused(word: str) -> None:
    """Only words of the language stand in the text without quotes."""
    try:
        query = paper.run().select(f"tag.{word}")
        text = query.text
    except QueryError as error:
        assert error.text[: error.start].startswith("run | select"), (
            "behind a comma nothing may stand"
        )
    else:
        assert parse(text).query == query.syntax.query


def test_values_of_wrong_types_are_type_errors() -> None:
    wrong: list[Callable[[], Any]] = [
        lambda: paper.file("m").limit("3"),  # type: ignore[arg-type]
        lambda: paper.file("m").limit(True),
        lambda: paper.file("m").lineage(via=[3]),  # type: ignore[list-item]
        lambda: paper.file("m").history(as_of=3),  # type: ignore[arg-type]
        lambda: paper.file("m").where(),
        lambda: paper.file("m").where(kind=None),  # type: ignore[arg-type]
        lambda: paper.file("m", version=[1]),  # type: ignore[arg-type]
        lambda: paper.file("m").slice(against=3),  # type: ignore[arg-type]
        lambda: paper.file("m") & "file x",  # type: ignore[operator]
    ]
    for call in wrong:
        with pytest.raises(TypeError):
            call()
    with pytest.raises(ValueError, match="none of any values"):
        paper.file("m").where(kind=[])


# The property: questions drawn from the declarations, as text and as calls, mean the same.


@dataclass
class Drawn:
    """A question as both."""

    text: str
    query: Query
    sets: bool = False


NAMES = ("m.pkl", "raw/*", "a b", 'say "hi"', "*", "./x", "churn", "ünï", "`;--", "x'y")
WHERES = ("size > 10MB", "kind = model", "exit != 0", "dirty", "not (name ~ \"a*\")", "kind = model or size < 3", "param.x = 3 and tag.y", "state in (deleted, erased)", "created > yesterday", "depth < 3", "nonsense = 1")  # fmt: skip


def drawn(random: Random, depth: int = 2) -> Drawn:
    combined = depth and random.random() < 0.3
    found = combination(random, depth) if combined else selection(random)
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        found = followed(random, found, depth)
    return found


def selection(random: Random) -> Drawn:
    kind, _, versioned = random.choice(list(kinds()))
    name = random.choice((None, *NAMES))
    version = random.choice(
        (None, None, "latest", "all", 3, "1a2b", "commit:1a2b3c4", "2026-06-01")
    )
    where = random.choice(WHERES) if random.random() < 0.2 else None
    text, given = kind, {}
    if name is not None:
        text += f" {quoted(name)}"
    if version is not None and versioned:
        given["version"] = version
        text += f"@{version}"
    if where is not None:
        given["where"] = where
        text += f" [{where}]"
    return Drawn(text, getattr(paper, kind)(name, **given))


def combination(random: Random, depth: int) -> Drawn:
    left, right = drawn(random, depth - 1), drawn(random, depth - 1)
    sign = random.choice("&+-")
    text = f"({left.text}) {sign} ({right.text})"
    match sign:
        case "&":
            query = left.query & right.query
        case "+":
            query = left.query + right.query
        case _:
            query = left.query - right.query
    return Drawn(text, query, sets=True)


def followed(random: Random, before: Drawn, depth: int) -> Drawn:
    name = random.choice(verbs.names())
    verb = verbs.load(name)
    text, positional, given = "", [], {}
    for field, argument in verb.arguments().items():
        if field not in verb.needs() and random.random() < 0.6:
            continue
        words, value = argued(random, argument, depth)
        lead = argument.leads and not text
        text += f" {words}" if lead else f" {argument.phrase} {words}"
        if is_given_as_fields(argument):
            positional = [value]
        elif argument.leads and argument.takes in (Takes.FIELDS, Takes.KEYS):
            positional = list(value)
        else:
            given[field] = value
    source = f"({before.text})" if before.sets else before.text
    query = getattr(before.query, method(name))(*positional, **given)
    return Drawn(f"{source} | {name}{text}", query)


FIELD_NAMES = sorted(
    {field.name for known in FIELDS.values() for field in known} | {"depth", "tag.x"}
)


def some_fields(random: Random) -> list[str]:
    return ["id", "name", "kind", "tag.x"] if random.random() < 0.7 else FIELD_NAMES


def argued(random: Random, argument: Argument, depth: int) -> tuple[str, Any]:
    """An argument as text and as a value of Python."""
    match argument.takes:
        case Takes.NOTHING:
            return "", True
        case Takes.COUNT:
            number = random.randint(0, 12)
            return str(number), number
        case Takes.EDGES:
            edges = [edge.phrase for edge in random.sample(EDGE_TYPES, random.randint(1, 3))]
            return ", ".join(edges), random.choice((edges, ", ".join(edges), tuple(edges)))
        case Takes.QUERY:
            inner = drawn(random, depth - 1) if depth else selection(random)
            return f"({inner.text})", random.choice((inner.query, inner.text))
        case Takes.MOMENT:
            return random.choice(
                (
                    ("2026-06-01", date(2026, 6, 1)),
                    ("2026-06-01", "2026-06-01"),
                    ("today", "today"),
                    ("2026-06-01T12:30:00.000000Z", datetime(2026, 6, 1, 12, 30, tzinfo=UTC)),
                )
            )
        case Takes.CONDITION:
            text = random.choice(("kind = model", random.choice(WHERES)))
            return text, text
        case Takes.FIELDS:
            chosen = random.sample(some_fields(random), random.randint(1, 3))
            return ", ".join(chosen), chosen
        case Takes.KEYS:
            keys = [
                f"{name}{random.choice(('', ' asc', ' desc'))}"
                for name in random.sample(some_fields(random), random.randint(1, 3))
            ]
            return ", ".join(keys), keys
        case Takes.WORD:
            word = random.choice(argument.choices)
            return word, word
        case Takes.WORDS:
            words = random.sample(argument.choices, random.randint(1, len(argument.choices)))
            return ", ".join(words), words
        case Takes.DURATION:
            return random.choice((("36h", "36h"), ("5400000.000ms", timedelta(hours=1.5))))
        case other:
            raise AssertionError(f"no words for {other}")


def outcome(make: Callable[[], plan.Plan]) -> plan.Plan | tuple[str, str | None]:
    """The plan, or the mistake without its place: texts differ in their quotes."""
    try:
        return make()
    except QueryError as error:
        return error.message, error.hint


@given(st.integers(0, 2**64))
def test_methods_and_text_give_equal_plans(seed: int) -> None:
    question = drawn(Random(seed))
    found, told = outcome(lambda: question.query.plan), outcome(lambda: meant(question.text))
    # Intersections within one another are written as one; of two mistakes the other may come first.
    both = "&" in question.text and isinstance(found, tuple) and isinstance(told, tuple)
    assert found == told or both, question.text
    assert parse(question.query.text).query == question.query.syntax.query


def test_what_is_drawn_is_not_mostly_mistakes() -> None:
    questions = [drawn(Random(seed)) for seed in range(4000)]
    plans = [q for q in questions if not isinstance(outcome(lambda q=q: q.query.plan), tuple)]  # type: ignore[misc]
    assert len(plans) > 400
    used = {name for name in verbs.names() for q in plans if f"| {name}" in q.text}
    assert used == set(verbs.names())


@pytest.mark.parametrize("question", [asked for asked, _ in blocks("plans.txt")])
def test_what_is_written_is_read_as_it_was_with_every_node_in_its_place(question: str) -> None:
    tree = parse(question).query
    again = written(tree)
    assert again.query == tree
    read = parse(again.text).query
    assert read == tree
    assert spans(read) == spans(again.query)


def spans(node: Any) -> list[Any]:
    if isinstance(node, tuple) and not isinstance(node, syntax.Span):
        return [spans(part) for part in node]
    if not is_dataclass(node):
        return []
    below = (spans(getattr(node, field.name)) for field in fields(node))
    return [getattr(node, "span", None), *below]
