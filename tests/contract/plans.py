"""Which plans does the contract suite draw? Every operator, nested, over what `graphs` holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Final, Literal

from contract.graphs import (
    BLOBS,
    DIGESTS,
    IDS,
    KINDS,
    LABEL_OF,
    NAMES,
    NUMBERS,
    RANDOMS,
    STATES,
    TEXTS,
    TIMES,
    graph,
)
from hypothesis import strategies as st

from provgraph.model.elements import Batch
from provgraph.model.vocabulary import EDGE_TYPES, LABELS, LINEAGE_EDGES, Label
from provgraph.query.plan import (
    ASPECTS,
    COMPONENT,
    AllOf,
    AnyOf,
    Around,
    Column,
    Comparison,
    Condition,
    Constant,
    Count,
    Deletion,
    Diff,
    Digested,
    Every,
    Exactly,
    Filter,
    Find,
    Given,
    Globbed,
    Identified,
    InCommit,
    Known,
    Latest,
    Limit,
    Membership,
    Name,
    Named,
    Negate,
    Nth,
    Operator,
    Paths,
    Plan,
    Project,
    Rerun,
    Runs,
    Segment,
    SetOp,
    Slice,
    Sort,
    SortKey,
    Stale,
    Summarize,
    Versions,
    Walk,
    Which,
    WithDigest,
    sources,
)
from provgraph.store.memory import MemoryStore

GLOBS: Final = (
    "*",
    "**",
    "raw/*",
    "raw/**/*.csv",
    "*.csv",
    "**/a.csv",
    "m?del.*",
    "*[1]\n*",
    "s3://**",
    "?",
    "it's*",
)
_FILES: Final = tuple(name for name, _, _ in NAMES)
_CONSTANTS: Final[dict[str, tuple[Constant, ...]]] = {
    "kind": KINDS,
    "state": STATES,
    "name": _FILES,
    "names": _FILES,
    "digest": DIGESTS,
    "at": TIMES,
    "size": (0, 1, 10, 2**40),
    "exit": (0, 1),
    "dirty": (True, False),
    "depth": (0, 1, 2, 3),
    "id": IDS,
    "by": TEXTS,
    "gaps": TEXTS,
    "prop.x": (*TEXTS, *NUMBERS, True, False),
    "tag.t": TEXTS,
    "metric.m": NUMBERS,
    "param.list": TEXTS,
    "nowhere": (0, "a"),
    ":lift": (0.5, 1, 1.5, 2),
    ":support": (1, 2),
    ":direct": (True, False),
    ":reasons": ("raw/a.csv is stale", "there is a newer raw/a.csv"),
    ":on_path": (True, False),
}
KEYS: Final = (*_CONSTANTS, "at", "names", "depth", "prop.x", "prop.x", "tag.t", "param.list")
_WORDS: Final = (*(part for name in NAMES for part in name), *TEXTS, *IDS, "v000", "0000", "ab12")
_PREFIXES: Final = ("ab", "ab12", "0f", "", "blake3", "ab12cd0")
_OPERATORS: Final[tuple[Operator, ...]] = ("=", "!=", "!=", "!=", "<", "<=", "<=", ">", ">=", ">=")
_BEYOND_VERSIONS: Final[tuple[Label, ...]] = (*LABELS[:5], *LABELS[:5], *LABELS)
_SETS: Final[tuple[Literal["union", "intersection", "difference"], ...]] = (
    *("union", "union", "intersection", "intersection", "intersection", "intersection"),
    *("difference", "difference", "difference"),
)
"""Those whose answers are empty more often are asked more often."""


Question = tuple[Batch, list[Plan]]


def comparison(random: Random) -> Comparison:
    key = random.choice(KEYS)
    value = random.choice(_CONSTANTS[key])
    if isinstance(value, str) and random.random() < 0.4:
        return Comparison(key, "~", random.choice((*GLOBS, value)))
    return Comparison(key, random.choice(_OPERATORS), value)


def nearness(random: Random) -> Condition:
    """Which depths are wanted, and perhaps something else."""
    bound = Comparison("depth", random.choice(("<", "<=", "=")), random.randint(0, 3))
    return AllOf((bound, condition(random))) if random.random() < 0.3 else bound


def membership(random: Random) -> Membership:
    key = random.choice(KEYS)
    values = random.choices(_CONSTANTS[key], k=random.choice((0, 1, 2, 3)))
    return Membership(key, tuple(values), random.random() < 0.5)


def condition(random: Random, leaves: int = 3) -> Condition:
    chance = random.random() if leaves > 1 else 1.0
    if chance < 0.15:
        return AllOf(tuple(condition(random, leaves // 2) for _ in range(random.randint(0, 2))))
    if chance < 0.4:
        return AnyOf(tuple(condition(random, leaves // 2) for _ in range(random.randint(0, 3))))
    if chance < 0.55:
        return Negate(condition(random, leaves - 1))
    return comparison(random) if random.random() < 0.65 else membership(random)


def find(random: Random) -> Find:
    """Most questions are wide, so that most answers are not empty."""
    where = condition(random) if random.random() < 0.2 else None
    if random.random() < 0.25:
        named = name(random) if random.random() < 0.25 else None
        return Find(random.choice(_BEYOND_VERSIONS), named, where=where)
    return Find(
        "Version",
        random.choice((name, name, name, digested))(random) if random.random() < 0.25 else None,
        random.choice(KINDS) if random.random() < 0.15 else None,
        random.random() < 0.15,
        which(random) if random.random() < 0.5 else Every(),
        where,
    )


def name(random: Random) -> Name:
    match random.randrange(4):
        case 0:
            return Exactly(random.choice(_FILES))
        case 1:
            return Named(random.choice(_WORDS), random.random() < 0.5)
        case 2:
            return Globbed(random.choice(GLOBS))
        case _:
            return Identified(tuple(random.choices(IDS, k=random.randint(0, 4))))


def digested(random: Random) -> Name:
    return Digested(tuple(random.choices(DIGESTS + BLOBS, k=random.randint(0, 2))))


def which(random: Random) -> Which:
    match random.randrange(8):
        case 0 | 1:
            return Latest(until(random))
        case 2 | 3:
            return Every(until(random))
        case 4:
            return Nth(random.randint(1, 3))
        case 5:
            return WithDigest(random.choice(_PREFIXES))
        case 6:
            return InCommit(random.choice(_PREFIXES))
        case _:
            return Every()


def until(random: Random) -> int | None:
    return random.choice(TIMES) if random.random() < 0.3 else None


def sort(random: Random, source: Plan) -> Sort:
    keys = (
        SortKey(random.choice(KEYS), random.random() < 0.5) for _ in range(random.randint(1, 2))
    )
    return Sort(source, tuple(keys))


def walk(random: Random, source: Plan, stop_at: Plan | None) -> Walk:
    types = [edge.name for edge in EDGE_TYPES]
    few = tuple(random.sample(types, random.randint(1, 4)))
    return Walk(
        source,
        random.choice(("origin", "effect")),
        LINEAGE_EDGES if random.random() < 0.8 else few,
        random.randint(1, 4) if random.random() < 0.3 else None,
        stop_at,
        until(random),
    )


def rows(random: Random, depth: int) -> Plan:
    """A plan without columns, of at most this many operators one above the other."""
    if depth == 0 or random.random() < 0.1:
        return find(random)
    source = rows(random, depth - 1)
    match random.randrange(20):
        case 19:
            return segmented(random, source)
        case 18:
            return around(random, source)
        case 16:
            return given(random)
        case 17 if random.random() < 0.7:
            return sliced(random, source, rows(random, depth - 1))
        case 17:
            return aged(random, source)
        case 0 | 1 | 2:
            return walk(random, source, None)
        case 4 | 5:
            return walk(random, source, rows(random, depth - 1))
        case 6 | 7 | 8:
            near = isinstance(source, Walk) and random.random() < 0.5
            return Filter(source, nearness(random) if near else condition(random))
        case 9:
            return Versions(source, until(random))
        case 3 | 10:
            return Runs(source)
        case 11 | 12 | 14:
            return SetOp(random.choice(_SETS), source, rows(random, depth - 1))
        case 13:
            return sort(random, source)
        case _:
            ordered = sort(random, source) if random.random() < 0.5 else source
            limited = Limit(ordered, random.choice((3, 2, 1, 4, 0)))
            return Limit(limited, random.choice((1, 2, 5))) if random.random() < 0.2 else limited


def given(random: Random) -> Given:
    """Nodes that exist or do not, each with a lift, or nothing learned of any."""
    ids = random.sample(IDS, random.randint(0, 4))
    labels = tuple(sorted({LABEL_OF[id] for id in ids}))
    if random.random() < 0.5:
        return Given(tuple(Known(id, LABEL_OF[id]) for id in ids), labels)
    scores = random.choices((0.5, 1, 2, None), k=len(ids))
    rows = (Known(id, LABEL_OF[id], (score,)) for id, score in zip(ids, scores, strict=True))
    return Given(tuple(rows), labels, (":lift",))


def around(random: Random, source: Plan) -> Around:
    types = [edge.name for edge in EDGE_TYPES]
    few = tuple(random.sample(types, random.randint(1, 4)))
    return Around(source, random.choice((tuple(types), LINEAGE_EDGES, few)), random.randint(0, 3))


def sliced(random: Random, source: Plan, against: Plan) -> Plan:
    support = random.choice((None, 1, 1, 2))
    found = Slice(source, against if random.random() < 0.7 else None, support)
    keys = (SortKey(":lift", True), SortKey(":coverage", random.random() < 0.5))
    return Sort(found, keys) if random.random() < 0.5 else found


def table(random: Random, source: Plan) -> Plan:
    """A table, and perhaps something over it."""
    if (chance := random.random()) < 0.5:
        return connected(random, source) if chance < 0.3 else summarized(random, source)
    return above(random, *random.choice((counted, *TABLES.values()))(random, source))


def above(random: Random, made: Plan, values: Columns) -> Plan:
    """A table with perhaps something over it."""
    key = random.choice(tuple(values))
    if random.random() < 0.3:
        value = random.choice(values[key])
        operators = _OPERATORS if isinstance(value, int) else ("=", "!=", "~")
        made = Filter(made, Comparison(key, random.choice(operators), value))
    if random.random() < 0.3:
        made = Sort(made, (SortKey(key, random.random() < 0.5),))
    return Limit(made, 2) if random.random() < 0.2 else made


Columns = dict[str, tuple[Constant, ...]]
"""Values that a table's columns may have."""


def counted(random: Random, source: Plan) -> tuple[Plan, Columns]:
    keys = random.sample(tuple(_CONSTANTS), random.choice((0, 1, 1, 2)))
    values = {f"of {key}": _CONSTANTS[key] for key in keys}
    made = Count(source, tuple(Column(f"of {key}", key) for key in keys))
    return made, values | {"count": (1, 2, 3)}


def deletion(random: Random, source: Plan) -> tuple[Plan, Columns]:
    made = Deletion(source, rows(random, 1) if random.random() < 0.5 else None)
    actions, whys = ("erase", "rebuild", "keep", "none"), ("contains", "derived", "inferred")
    return made, {"action": actions, "why": whys, "depth": (0, 1, 2), "order": (1, 2, 3)}


def rerun(random: Random, source: Plan) -> tuple[Plan, Columns]:
    made = Rerun(source, rows(random, 1) if random.random() < 0.4 else None)
    return made, {"order": (1, 2, 3), "inputs": _FILES, "makes": _FILES, "command": TEXTS}


def differing(random: Random, source: Plan) -> tuple[Plan, Columns]:
    on = random.sample(ASPECTS, random.choice((1, 3, len(ASPECTS))))
    made = Diff(source, rows(random, 1), tuple(on))
    return made, {"aspect": ASPECTS, "change": ("added", "removed", "changed"), "name": _FILES}


def aged(random: Random, source: Plan) -> Plan:
    """Ages are of a clock that ticks four times."""
    of = source if random.random() < 0.5 else Find("Version")
    return Stale(of, random.choice((0, 0, 1, 2, 5)), until(random))


TABLES: Final[dict[str, Callable[[Random, Plan], tuple[Plan, Columns]]]] = {
    "deletion plan": deletion,
    "rerun plan": rerun,
    "diff": differing,
}


def anchor(random: Random) -> Find:
    """One or two of the nodes that lineage runs between, or all of a label."""
    label: Label = random.choice(("Version", "Version", "Step"))
    if random.random() < 0.5:
        return Find(label)
    ids = [id for id, of in LABEL_OF.items() if of == label]
    return Find(label, Identified(tuple(random.choices(ids[:6], k=random.choice((1, 1, 2))))))


def segmented(random: Random, source: Plan) -> Plan:
    walk_like = walk(random, source, None)
    keys = random.sample(
        ("kind", "tag.t", "prop.x", "exit", "param.list"), random.choice((1, 1, 2))
    )
    found = Segment(
        source if random.random() < 0.3 else anchor(random),
        rows(random, 1) if random.random() < 0.3 else anchor(random),
        walk_like.via,
        tuple(Column(key, key) for key in keys) if random.random() < 0.5 else None,
        walk_like.until,
    )
    match random.randrange(6):
        case 0:
            return Filter(found, Comparison(":on_path", "=", random.random() < 0.5))
        case 1:
            return Sort(found, (SortKey(":on_path", random.random() < 0.5),))
        case _:
            return found


def connected(random: Random, source: Plan) -> Plan:
    """Paths, few enough to be told one by one, and perhaps something over them."""
    walk_like = walk(random, source, None)
    found: Plan = Paths(
        source if random.random() < 0.5 else anchor(random),
        rows(random, 1) if random.random() < 0.3 else anchor(random),
        walk_like.via,
        random.random() < 0.6,
        random.choice((None, 1, 3, 8)),
        random.choice((None, None, 1, 2, 3, 5)),
        walk_like.until,
    )
    match random.randrange(6):
        case 0:
            return Filter(found, Comparison("edge", random.choice(("=", "!=")), "used"))
        case 1:
            return Filter(found, Comparison("depth", random.choice(_OPERATORS), 1))
        case 2:
            return Sort(
                found, (SortKey(random.choice(("edge", "name", "time")), random.random() < 0.5),)
            )
        case _:
            return found


def plan(random: Random, depth: int = 3) -> Plan:
    """A plan; one of three has columns at the top, and some are tables."""
    asked = rows(random, random.randint(1, depth))
    chance = random.random()
    if chance < 0.6:
        return asked
    if chance < 0.66:
        return above(random, *counted(random, asked))
    if chance < 0.74:
        return table(random, asked)
    columns = (
        Column(random.choice(TEXTS), random.choice(KEYS)) for _ in range(random.randint(1, 3))
    )
    return Project(asked, tuple(columns))


def summarized(random: Random, source: Plan) -> Plan:
    keys = random.sample(
        ("kind", "tag.t", "prop.x", "exit", COMPONENT), random.choice((0, 0, 1, 2))
    )
    some = SetOp("union", anchor(random), anchor(random)) if random.random() < 0.5 else source
    found: Plan = Summarize(
        SetOp("union", Find("Version"), Find("Step")) if random.random() < 0.4 else some,
        tuple(Column(key.strip(":"), key) for key in keys),
        random.choice((0, 0, 1, 2)),
    )
    match random.randrange(6):
        case 0:
            return Filter(found, Comparison("count", random.choice(_OPERATORS), 1))
        case 1:
            return Sort(found, (SortKey("count", random.random() < 0.5), SortKey("edges")))
        case _:
            return found


OPERATORS: Final[dict[str, Callable[[Random, Plan], Plan]]] = {
    "expand": around,
    "paths": connected,
    "segment": segmented,
    "summarize": summarized,
    "slice": lambda random, source: sliced(random, source, rows(random, 1)),
    "deletion plan": lambda random, source: deletion(random, source)[0],
    "rerun plan": lambda random, source: rerun(random, source)[0],
    "diff": lambda random, source: differing(random, source)[0],
    "stale": aged,
}
"""Those that have questions of their own, over any rows."""


def question(random: Random, count: int, max_nodes: int) -> Question:
    """A graph and plans to run on it; of three tries, the first whose answer is not empty."""
    asked = graph(random, max_nodes)
    store = MemoryStore()
    store.apply(asked)
    tries = ([plan(random) for _ in range(3)] for _ in range(count))
    return asked, [next((t for t in each if store.run(t).values), each[0]) for each in tries]


def questions_of(operator: str, count: int = 4) -> st.SearchStrategy[Question]:
    """About one operator, with answers that are not empty as far as a few tries give such."""

    def draw(random: Random) -> Question:
        asked = graph(random)
        store = MemoryStore()
        store.apply(asked)
        make = OPERATORS[operator]
        tries = (
            [make(random, rows(random, random.randint(0, 2))) for _ in range(4)]
            for _ in range(count)
        )
        return asked, [next((t for t in each if store.run(t).values), each[0]) for each in tries]

    return st.builds(draw, RANDOMS)


def questions(count: int = 1, max_nodes: int = 14) -> st.SearchStrategy[Question]:
    """From one choice each, so that no two draws are the same."""
    return st.builds(question, RANDOMS, st.just(count), st.just(max_nodes))


def parts(plan: Plan) -> Iterator[Plan]:
    """The plans inside a plan, each before the one that holds it; the plan itself last."""
    for source in sources(plan).values():
        yield from parts(source)
    yield plan
