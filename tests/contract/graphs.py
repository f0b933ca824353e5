"""Which graphs does the contract suite draw? Small ones with every shape that has gone wrong.

Diamonds, fans, chains, cycles, several versions of an artifact, several names of a version, ties and
gaps in time, lists, and odd text. Declared fields hold values of their declared type; open fields
(`prop.`, `param.`, `metric.`, `tag.`) hold anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hypothesis import strategies as st

from provgraph.model.elements import Batch, Edge, Node, Value
from provgraph.model.vocabulary import EDGE_TYPES, LABELS, Label

NOON: Final = 1_795_000_000_000_000_000  # nanoseconds: past what a double can tell apart
TIMES: Final = tuple(NOON + tick for tick in range(4))
TEXTS: Final = (
    "",
    "a",
    "B",
    "ab",
    "10",
    "9",
    "é",
    "e\u0301",
    "\uffee",  # the last of the first plane that is a letter, before ...
    "𝒳",  # ... the astral ones, which UTF-16 sorts below it
    "line\nbreak",
    "it's",
    '"$p0"',
    "back\\slash",
    "a/b",
    "%_",
    "[a]",
    "`;--",
)
NUMBERS: Final = (0, 1, -1, 2, 10, 0.5, -2.5, 1.0, 2**53 + 1, TIMES[1])
KINDS: Final = ("model", "dataset", "script", "other")
NAMES: Final = (
    ("model.pkl", "model.pkl", "model"),
    ("out/model.pkl", "model.pkl", "model"),
    ("raw/a.csv", "a.csv", "a"),
    ("raw/x/a.csv", "a.csv", "a"),
    ("raw/été 𝒳.csv", "été 𝒳.csv", "été 𝒳"),
    ("it's [1]\n.txt", "it's [1]\n.txt", "it's [1]\n"),
    ("s3://bucket/a.csv", "a.csv", "a"),
    ("Makefile", "Makefile", "Makefile"),
)
DIGESTS: Final = ("blake3:ab12cd", "blake3:ab99ff", "blake3:0f0f0f")
BLOBS: Final = ("git:ab1234", "git:0f9999")
SHAS: Final = ("ab12ffee00", "ab99000000", "0f0f000000")
STATES: Final = ("present", "superseded", "deleted", "external", "unknown")
LETTERS: Final[dict[Label, str]] = dict(zip(LABELS, "avrscgeku", strict=True))

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_ANY: Final[st.SearchStrategy[Value]] = st.sampled_from((*TEXTS, *NUMBERS, True, False))
_OPEN: Final[dict[str, st.SearchStrategy[Value]]] = {
    "prop.x": _ANY,
    "tag.t": st.sampled_from(TEXTS)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=3),
    "metric.m": st.sampled_from(NUMBERS),
    "param.list": st.lists(st.sampled_from(TEXTS), max_size=3).map(tuple),
}
_TIME: Final[st.SearchStrategy[Value]] = st.sampled_from(TIMES)
_TIMED: Final[dict[str, st.SearchStrategy[Value]]] = {
    "at": _TIME,
    "ended": _TIME,
    "exit": st.sampled_from((0, 1)),
    "command": st.sampled_from(TEXTS),
}
_FIELDS: Final[dict[Label, dict[str, st.SearchStrategy[Value]]]] = {
    "Artifact": {},
    "Version": {
        "at": _TIME,
        "kind": st.sampled_from(KINDS),
        "size": st.sampled_from((0, 1, 10, 2**40)),
        "digest": st.sampled_from(DIGESTS),
        "blob": st.sampled_from(BLOBS),
        "state": st.sampled_from(STATES),
        "by": st.sampled_from(TEXTS),
    },
    "Run": {
        **_TIMED,
        "dirty": st.booleans(),
        "gaps": st.lists(st.sampled_from(TEXTS), max_size=2).map(tuple),
    },
    "Step": {**_TIMED, "pid": st.sampled_from((1, 2)), "script": st.sampled_from(TEXTS)},
    "Commit": {"at": _TIME, "message": st.sampled_from(TEXTS)},
    "Agent": {"email": st.sampled_from(TEXTS)},
    "Environment": {"packages": st.lists(st.sampled_from(TEXTS), max_size=3).map(tuple)},
    "Component": {"owner": st.sampled_from(TEXTS)},
    "Subject": {},
}
_FIRST: Final[tuple[Label, ...]] = ("Version", "Artifact", "Step", "Version", "Run", "Commit")
_LATER: Final[tuple[Label, ...]] = ("Version", "Version", "Step", "Step", "Artifact", *LABELS)
_PAIRS: Final = {
    (source, target): tuple(
        edge.name for edge in EDGE_TYPES if source in edge.source and target in edge.target
    )
    for source in LABELS
    for target in LABELS
}
_ROLE: Final[st.SearchStrategy[Value]] = st.sampled_from(("input", "script"))
_EDGE_FIELDS: Final[st.SearchStrategy[dict[str, Value]]] = st.fixed_dictionaries(
    {}, optional={"role": _ROLE, "at": _TIME}
)


def id_of(label: Label, number: int) -> str:
    """An id whose order is not the order of making.

    >>> id_of("Version", 0) > id_of("Version", 3)
    False
    >>> id_of("Version", 0), id_of("Step", 0)
    ('v00000', 's00000')
    """
    scattered = number * 7_919_117 % 2**25
    return LETTERS[label] + "".join(_ALPHABET[scattered >> 5 * p & 31] for p in range(4, -1, -1))


IDS: Final = tuple(id_of(label, number) for label in LABELS for number in range(4))


@st.composite
def nodes(draw: st.DrawFn, number: int, label: Label) -> Node:
    """A node; `number` tells it apart."""
    properties: dict[str, Value] = draw(
        st.fixed_dictionaries({}, optional={**_FIELDS[label], **_OPEN})
    )
    match label:
        case "Artifact":
            name, base, stem = NAMES[number % len(NAMES)]
            properties |= {"name": name, "base": base, "stem": stem}
        case "Version":
            names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2))
            properties |= {"name": names[-1][0], "names": tuple(name for name, _, _ in names)}
        case "Commit":
            properties |= {"sha": SHAS[number % len(SHAS)]}
        case _:
            properties |= {"name": draw(st.sampled_from((*TEXTS, "model.pkl")))}
    return Node(id_of(label, number), label, properties)


@st.composite
def graphs(draw: st.DrawFn, max_nodes: int = 12) -> Batch:
    """A graph as one batch: some nodes, edges between any that the vocabulary allows (cycles too),
    and perhaps one of the regular shapes, tied to them."""
    labels = list(_FIRST) + draw(
        st.lists(st.sampled_from(_LATER), max_size=max_nodes - len(_FIRST))
    )
    count = len(labels)
    shape = draw(st.sampled_from((*SHAPES, None, None)))
    if shape is not None:
        labels += SHAPES[shape][0]
    found = [draw(nodes(number, label)) for number, label in enumerate(labels)]
    edges = [draw(_edges_between(one, other)) for one, other in draw(_ends(found))]
    if shape is not None:
        at = {n: node.id for n, node in enumerate(found[count:])}
        edges += [[Edge(at[s], type, at[t])] for s, type, t in SHAPES[shape][1]]
    edges += [[edge] for edge in draw(_ownership(found))]
    return Batch(nodes=found, edges=list({e.identity: e for each in edges for e in each}.values()))


def _ends(found: list[Node]) -> st.SearchStrategy[list[tuple[Node, Node]]]:
    """Pairs of nodes that some edge may join."""
    pairs = [(a, b) for a in found for b in found if _PAIRS[a.label, b.label]]
    return (
        st.lists(st.sampled_from(pairs), min_size=len(found) // 2, max_size=2 * len(found))
        if pairs
        else st.just([])
    )


@st.composite
def _edges_between(draw: st.DrawFn, source: Node, target: Node) -> list[Edge]:
    type = draw(st.sampled_from(_PAIRS[source.label, target.label]))
    keys = draw(st.sampled_from((("",), ("k",), ("", "k"))))  # parallel ones too
    return [Edge(source.id, type, target.id, key, draw(_EDGE_FIELDS)) for key in keys]


@st.composite
def _ownership(draw: st.DrawFn, found: list[Node]) -> list[Edge]:
    """Most versions belong to an artifact or two, and most steps to a run."""
    edges: list[Edge] = []
    for type, label, owner in (("VERSION_OF", "Version", "Artifact"), ("PART_OF", "Step", "Run")):
        owners = [node.id for node in found if node.label == owner]
        for node in found:
            if node.label == label and owners:
                held = draw(st.sampled_from((owners[:1], owners[-1:], owners[:2], [])))
                edges += [Edge(node.id, type, each) for each in held]
    return edges


# Shapes: labels, and (source, type, target) between their positions.
Shape = tuple[list[Label], list[tuple[int, str, int]]]


def chain(length: int) -> Shape:
    """Versions and steps in turn, each made from the next; then back to the beginning."""
    labels: list[Label] = ["Version" if n % 2 == 0 else "Step" for n in range(length)]
    edges = [(n, "GENERATED_BY" if n % 2 == 0 else "USED", n + 1) for n in range(length - 1)]
    return labels, edges


def ring(length: int) -> Shape:
    labels: list[Label] = ["Step"] * length
    return labels, [(n, "INFORMED_BY", (n + 1) % length) for n in range(length)]


def diamonds(count: int) -> Shape:
    """Stacked: 2^count paths from the first to the last."""
    labels: list[Label] = ["Version"] * (3 * count + 1)
    return labels, list(_diamond_edges(count))


def _diamond_edges(count: int) -> Iterator[tuple[int, str, int]]:
    for top in range(0, 3 * count, 3):
        for side in (top + 1, top + 2):
            yield (top, "DERIVED_FROM", side)
            yield (side, "DERIVED_FROM", top + 3)


def fan(width: int) -> Shape:
    labels: list[Label] = ["Step"]
    labels += ["Version"] * width
    edges = [(0, "USED", n) if n % 2 else (n, "GENERATED_BY", 0) for n in range(1, width + 1)]
    return labels, edges


SHAPES: Final[dict[str, Shape]] = {
    "chain": chain(9),
    "ring": ring(3),
    "diamonds": diamonds(3),
    "fan": fan(6),
}
