"""Which graphs does the contract suite draw? Small ones with every shape that has gone wrong.

Diamonds, fans, chains, cycles, several versions of an artifact, several names of a version, ties and
gaps in time, lists, and odd text. Declared fields hold values of their declared type; open fields
(`prop.`, `param.`, `metric.`, `tag.`) hold anything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from hypothesis import strategies as st

from provgraph.model.elements import Batch, Edge, Node, Value
from provgraph.model.vocabulary import EDGE_TYPES, LABELS, LETTERS, Label
from provgraph.store import Surroundings

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
    ("file://here/raw/a.csv", "a.csv", "a"),
    ("Makefile", "Makefile", "Makefile"),
)
DIGESTS: Final = ("blake3:ab12cd", "blake3:ab99ff", "blake3:0f0f0f")
BLOBS: Final = ("git:ab1234", "git:0f9999")
SHAS: Final = ("ab12ffee00", "ab99000000", "0f0f000000")
STATES: Final = ("present", "superseded", "deleted", "external", "unknown")

_OF_COMMITS: Final = {"Version": "IN_COMMIT", "Artifact": "REMOVED_IN", "Run": "AT_COMMIT"}

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_FIRST: Final[tuple[Label, ...]] = ("Version", "Artifact", "Step", "Version", "Run", "Commit")
_LATER: Final[tuple[Label, ...]] = ("Version", "Version", "Step", "Step", "Artifact", *LABELS)

Make = Callable[[Random], Value]


def one_of(*values: Value) -> Make:
    return lambda random: random.choice(values)


def some_of(*values: str) -> Make:
    """A list of text, perhaps an empty one."""
    return lambda random: tuple(random.choices(values, k=random.choice((0, 1, 2, 2, 3))))


_TIME: Final = one_of(*TIMES)
_TIMED: Final = {"at": _TIME, "ended": _TIME, "exit": one_of(0, 1), "command": one_of(*TEXTS)}
_OPEN: Final[dict[str, Make]] = {
    "prop.x": one_of(*TEXTS, *NUMBERS, True, False),
    "tag.t": one_of(*TEXTS, "\uffee", "𝒳", "\uffee", "𝒳", "a"),
    "metric.m": one_of(*NUMBERS),
    "param.list": some_of(*TEXTS),
}
_FIELDS: Final[dict[Label, dict[str, Make]]] = {
    "Artifact": {},
    "Version": {
        "at": _TIME,
        "kind": one_of(*KINDS),
        "size": one_of(0, 1, 10, 2**40),
        "digest": one_of(*DIGESTS),
        "blob": one_of(*BLOBS),
        "state": one_of(*STATES),
        "by": one_of(*TEXTS),
    },
    "Run": {**_TIMED, "dirty": one_of(True, False), "gaps": some_of(*TEXTS)},
    "Step": {**_TIMED, "pid": one_of(1, 2), "script": one_of(*TEXTS)},
    "Commit": {"at": _TIME, "message": one_of(*TEXTS)},
    "Agent": {"email": one_of(*TEXTS)},
    "Environment": {"packages": some_of(*TEXTS)},
    "Component": {"owner": one_of(*TEXTS)},
    "Subject": {},
}
_PAIRS: Final = {
    (source, target): tuple(
        edge.name for edge in EDGE_TYPES if source in edge.source and target in edge.target
    )
    for source in LABELS
    for target in LABELS
}


def id_of(label: Label, number: int) -> str:
    """An id whose order is not the order of making.

    >>> id_of("Version", 0), id_of("Step", 0)
    ('v00000', 's00000')
    """
    scattered = number * 7_919_117 % 2**25
    return LETTERS[label] + "".join(_ALPHABET[scattered >> 5 * p & 31] for p in range(4, -1, -1))


LABEL_OF: Final = {id_of(label, nth): label for nth, label in enumerate((*_FIRST, *_LATER))}
IDS: Final = tuple(LABEL_OF)


def node(random: Random, number: int, label: Label) -> Node:
    """A node; `number` tells it apart. Three of four of its optional properties are there."""
    optional = {**_FIELDS[label], **_OPEN}
    properties = {key: make(random) for key, make in optional.items() if random.random() < 0.75}
    match label:
        case "Artifact":
            name, base, stem = NAMES[number % len(NAMES)]
            properties |= {"name": name, "base": base, "stem": stem}
        case "Version":
            names = [name for name, _, _ in random.choices(NAMES, k=random.choice((1, 1, 2)))]
            properties |= {"name": names[-1], "names": tuple(names)}
        case "Commit":
            properties |= {"sha": SHAS[number % len(SHAS)]}
        case _:
            properties |= {"name": random.choice((*TEXTS, "model.pkl"))}
    return Node(id_of(label, number), label, properties)


def graph(random: Random, max_nodes: int = 14) -> Batch:
    """A graph as one batch: some nodes, edges between any that the vocabulary allows (cycles too),
    and perhaps one of the regular shapes, tied to them."""
    labels = [*_FIRST, *random.choices(_LATER, k=random.randint(0, max_nodes - len(_FIRST)))]
    more: list[Label] = ["Commit"]
    labels += random.choice((0, 0, 0, 4)) * more
    shape = SHAPES[random.choice(tuple(SHAPES))] if random.random() < 0.5 else ([], [])
    count = len(labels)
    nodes = [node(random, number, label) for number, label in enumerate((*labels, *shape[0]))]
    ids = [each.id for each in nodes]
    edges = [Edge(ids[count + s], type, ids[count + t]) for s, type, t in shape[1]]
    edges += [*_ownership(random, nodes), *_history(random, nodes), *_any_edges(random, nodes)]
    return Batch(nodes=nodes, edges=list({edge.identity: edge for edge in edges}.values()))


def _any_edges(random: Random, nodes: list[Node]) -> Iterator[Edge]:
    """Edges between any nodes, some of them parallel."""
    joined = [(one, other) for one in nodes for other in nodes if _PAIRS[one.label, other.label]]
    derived = [(a, b) for a, b in joined if {a.label, b.label} <= {"Version", "Step"}]
    for source, target in (
        *random.choices(joined, k=random.randint(0, len(nodes))),
        *random.choices(derived, k=random.randint(0, len(nodes))),
    ):
        type = random.choice(_PAIRS[source.label, target.label])
        for key in random.choice((("",), ("k",), ("", "k"))):
            yield Edge(source.id, type, target.id, key, _observed(random, type, target))


def _observed(random: Random, type: str, target: Node) -> dict[str, Value]:
    """What an edge may keep of its observation; often, the target's own name."""
    if random.random() < 0.3:
        return {}
    properties: dict[str, Value] = {"at": random.choice(TIMES)} if random.random() < 0.5 else {}
    match type:
        case "USED" | "EXECUTED" | "DERIVED_FROM":
            names = (str(target.properties.get("name")), random.choice(NAMES)[0])
            properties |= {"role": random.choice(("input", "code")), "uri": random.choice(names)}
        case "GENERATED_BY":
            properties |= {"attributed": False} if random.random() < 0.5 else {}
    return properties | ({"inferred": True} if random.random() < 0.2 else {})


def _ownership(random: Random, nodes: list[Node]) -> Iterator[Edge]:
    """Most versions belong to an artifact or two, and most steps to a run."""
    for type, label, owner in (("VERSION_OF", "Version", "Artifact"), ("PART_OF", "Step", "Run")):
        owners = [each.id for each in nodes if each.label == owner]
        for each in nodes:
            if each.label == label:
                for held in random.sample(owners, min(len(owners), random.choice((0, 1, 1, 1, 2)))):
                    yield Edge(each.id, type, held)


def _history(random: Random, nodes: list[Node]) -> Iterator[Edge]:
    """Often, commits with a line of first parents, and perhaps others, that set some artifacts to versions,
    removed some, and were run at."""
    if random.random() < 0.5:
        return
    commits = [each.id for each in nodes if each.label == "Commit"]
    for number, commit in enumerate(commits[:-1], 1):
        first, *others = random.sample(
            commits[number:], min(len(commits) - number, random.choice((1, 2, 2, 3)))
        )
        yield Edge(commit, "PARENT", first, "", {} if random.random() < 0.1 else {"first": True})
        yield from (Edge(commit, "PARENT", other) for other in others)
    for each in nodes:
        type = _OF_COMMITS.get(each.label)
        if type and random.random() < 0.6:
            for commit in random.sample(commits, min(len(commits), random.choice((1, 1, 2)))):
                named = type == "IN_COMMIT" and random.random() < 0.3
                uri: dict[str, Value] = {"uri": random.choice(NAMES)[0]} if named else {}
                yield Edge(each.id, type, commit, "", uri)


RANDOMS: Final = st.randoms(use_true_random="PROVGRAPH_SHRINK" not in os.environ)
"""Where the generators take their choices from. Seeded numbers are some twenty times as fast as
choices that Hypothesis sees; with `PROVGRAPH_SHRINK=1` it sees them, and shrinks what it found."""


def graphs(max_nodes: int = 14) -> st.SearchStrategy[Batch]:
    return st.builds(graph, RANDOMS, st.just(max_nodes))


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


def in_order(around: Surroundings) -> Surroundings:
    """Stores give timelines in any order."""
    nodes = sorted(around.nodes, key=lambda node: node.id)
    return Surroundings(nodes, sorted(around.edges, key=lambda edge: edge.identity))
