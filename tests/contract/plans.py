"""Which plans does the contract suite draw? Every operator, nested, over what `graphs` holds."""

from __future__ import annotations

from typing import Final, TypeVar

from contract.graphs import (
    BLOBS,
    DIGESTS,
    IDS,
    KINDS,
    NAMES,
    NUMBERS,
    STATES,
    TEXTS,
    TIMES,
)
from hypothesis import strategies as st

from provgraph.model.vocabulary import EDGE_TYPES, LABELS, LINEAGE_EDGES
from provgraph.query.plan import (
    AllOf,
    AnyOf,
    Column,
    Comparison,
    Condition,
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
    Membership,
    Name,
    Named,
    Negate,
    Nth,
    Plan,
    Project,
    Runs,
    SetOp,
    Sort,
    SortKey,
    Versions,
    Walk,
    Which,
    WithDigest,
)

T = TypeVar("T")

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
_CONSTANTS: Final = {
    "kind": KINDS,
    "state": STATES,
    "name": tuple(name for name, _, _ in NAMES),
    "names": tuple(name for name, _, _ in NAMES),
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
}
KEYS: Final = tuple(_CONSTANTS)


def weighted(*strategies: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """One of them; `one_of` counts a repeated strategy once, this each time."""
    return st.sampled_from(strategies).flatmap(lambda strategy: strategy)


_NUMERIC: Final = ("=", "!=", "<", "<=", ">", ">=")
_UNTIL: Final = st.none() | st.sampled_from(TIMES)


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    key = draw(st.sampled_from(KEYS))
    value = draw(st.sampled_from(_CONSTANTS[key]))
    if isinstance(value, str) and draw(st.booleans()):
        return Comparison(key, "~", draw(st.sampled_from((*GLOBS, value))))
    return Comparison(key, draw(st.sampled_from(_NUMERIC)), value)


@st.composite
def memberships(draw: st.DrawFn) -> Membership:
    key = draw(st.sampled_from(KEYS))
    values = draw(st.lists(st.sampled_from(_CONSTANTS[key]), min_size=1, max_size=3))
    return Membership(key, tuple(values), draw(st.booleans()))


_SIMPLE: Final[st.SearchStrategy[Condition]] = weighted(comparisons(), comparisons(), memberships())
CONDITIONS: Final[st.SearchStrategy[Condition]] = st.recursive(
    _SIMPLE,
    lambda inner: st.one_of(
        st.builds(Negate, inner),
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=4,
)

_WORDS: Final = (*(part for name in NAMES for part in name), *TEXTS, *IDS, "v000", "0000", "ab12")
_NAME: Final[st.SearchStrategy[Name]] = st.one_of(
    st.builds(Exactly, st.sampled_from(tuple(name for name, _, _ in NAMES))),
    st.builds(Named, st.sampled_from(_WORDS), st.booleans()),
    st.builds(Globbed, st.sampled_from(GLOBS)),
    st.builds(Identified, st.lists(st.sampled_from(IDS), max_size=3).map(tuple)),
)
_DIGESTED: Final = st.builds(
    Digested, st.lists(st.sampled_from(DIGESTS + BLOBS), max_size=2).map(tuple)
)
_PREFIX: Final = st.sampled_from(("ab", "ab12", "0f", "", "blake3", "ab12cd0"))
_WHICH: Final[st.SearchStrategy[Which]] = weighted(
    st.just(Every()),
    st.just(Latest()),
    st.builds(Latest, _UNTIL),
    st.builds(Every, _UNTIL),
    st.builds(Nth, st.integers(1, 3)),
    st.builds(WithDigest, _PREFIX),
    st.builds(InCommit, _PREFIX),
)
_NONE: Final = st.none()
_WHERE: Final = weighted(_NONE, _NONE, _NONE, CONDITIONS)
_VERSIONS: Final = st.builds(
    Find,
    st.just("Version"),
    weighted(_NONE, _NONE, _NONE, _NAME, _NAME, _DIGESTED),
    weighted(_NONE, _NONE, st.sampled_from(KINDS)),
    st.sampled_from((False, False, True)),
    _WHICH,
    _WHERE,
)
_OTHERS: Final = st.builds(
    Find,
    st.sampled_from(("Step", "Run", "Artifact", "Commit", *LABELS[5:])),
    weighted(_NONE, _NONE, _NAME),
    where=_WHERE,
)
_ALL: Final = st.builds(
    Find, st.sampled_from(("Version", "Version", "Version", "Step", "Artifact"))
)
FINDS: Final = weighted(_ALL, _ALL, _ALL, _VERSIONS, _VERSIONS, _OTHERS)

_VIA: Final = weighted(
    st.just(LINEAGE_EDGES),
    st.just(LINEAGE_EDGES),
    st.lists(
        st.sampled_from([e.name for e in EDGE_TYPES]), min_size=1, max_size=4, unique=True
    ).map(tuple),
)
_KEYS: Final = st.sampled_from(KEYS)
_BY: Final = st.lists(st.builds(SortKey, _KEYS, st.booleans()), min_size=1, max_size=2).map(tuple)


def _nested(inner: st.SearchStrategy[Plan]) -> st.SearchStrategy[Plan]:
    walks = st.builds(
        Walk,
        inner,
        st.sampled_from(("origin", "effect")),
        _VIA,
        st.none() | st.integers(1, 4),
        st.none() | inner,
        _UNTIL,
    )
    return weighted(
        walks,
        walks,
        walks,
        st.builds(Filter, inner, CONDITIONS),
        st.builds(Versions, inner, _UNTIL),
        st.builds(Runs, inner),
        st.builds(SetOp, st.sampled_from(("union", "intersection", "difference")), inner, inner),
        st.builds(Sort, inner, _BY),
        st.builds(Limit, st.builds(Sort, inner, _BY) | inner, st.sampled_from((3, 2, 1, 4, 0))),
    )


ROWS: Final[st.SearchStrategy[Plan]] = st.recursive(FINDS, _nested, max_leaves=5)
"""Plans without columns."""

_COLUMNS: Final = st.lists(st.builds(Column, st.sampled_from(TEXTS), _KEYS), min_size=1, max_size=3)
PLANS: Final[st.SearchStrategy[Plan]] = weighted(
    ROWS, ROWS, st.builds(Project, ROWS, _COLUMNS.map(tuple))
)
"""Plans, some with columns at the top."""
