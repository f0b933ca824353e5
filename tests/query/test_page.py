"""Every example of the language's page is asked of a graph that it is about, and has an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from question_goldens import KINDS

from provgraph.model.elements import Batch, Edge, Node, Value
from provgraph.model.uri import split
from provgraph.model.vocabulary import Label
from provgraph.query.binder import Scope, bind
from provgraph.query.optimizer import optimize
from provgraph.query.syntax import parse
from provgraph.query.values import DAY, MINUTE, moment
from provgraph.store import Store, embedded
from provgraph.store.memory import MemoryStore

PAGE: Final = Path(__file__).parents[2] / "docs" / "language.md"
EXAMPLES: Final = [
    line
    for block in re.findall(r"```provgraph\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for line in block.splitlines()
    if line
]
SCOPE: Final = Scope(
    KINDS, now=moment("2026-11-30T12:00").start, uri_of=lambda path: f"file://here{path}"
)


class Told:
    """A graph, told step by step. Times are days, as the language writes them."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []

    def node(self, id: str, label: Label, **properties: Value) -> str:
        held = {key.replace("__", "."): value for key, value in properties.items()}
        self.nodes[id] = Node(id, label, {"kind": label.lower(), "name": id, **held})
        return id

    def edge(self, source: str, type: str, *targets: str) -> None:
        self.edges += [Edge(source, type, target) for target in targets]

    def version(self, id: str, name: str, kind: str, day: str, **properties: Value) -> str:
        base, stem = split(name)
        if f"a-{name}" not in self.nodes:
            self.node(f"a-{name}", "Artifact", name=name, base=base, stem=stem, kind=kind)
        held: dict[str, Value] = {"size": 900, "state": "present", "names": (name,), **properties}
        self.node(id, "Version", name=name, at=moment(day).start, **{**held, "kind": kind})
        self.edge(id, "VERSION_OF", f"a-{name}")
        return id

    def run(self, id: str, day: str, used: list[str], made: list[str], **properties: Value) -> str:
        """A run of one step, which read some versions and made others."""
        at = moment(day).start
        self.node(id, "Run", at=at, exit=0, user="ann", duration=15 * MINUTE, **properties)
        step = self.node(f"s-{id}", "Step", at=at, script="train.py", run=id)
        self.edge(step, "PART_OF", id)
        self.edge(step, "USED", *used)
        self.edge(step, "EXECUTED", "v-script")
        for version in made:
            self.edge(version, "GENERATED_BY", step)
        return id


def told() -> Batch:
    graph = Told()
    graph.version("v-script", "train.py", "script", "2026-01-01")
    raw = graph.version("v-raw", "raw.csv", "dataset", "2026-04-01", digest="blake3:1a2b3c4d00")
    outside = graph.version("v-out", "file://here/data/raw.csv", "dataset", "2026-04-01")
    a = graph.version("v-a", "raw/a.csv", "dataset", "2026-04-02", size=30_000_000)
    b = graph.version("v-b", "raw/b.csv", "dataset", "2026-04-02")
    graph.edge(raw, "ABOUT", graph.node("u-client", "Subject", name="client:4711"))
    commit = graph.node("c-1a2b3c4", "Commit", sha="1a2b3c4d5e6f", at=moment("2026-04-03").start)
    ann = graph.node("g-ann", "Agent", name="ann")
    features = [
        graph.version(f"v-features{n}", "features.csv", "dataset", day, digest=f"blake3:{n}a2bff")
        for n, day in ((1, "2026-05-01"), (2, "2026-05-20"), (3, "2026-06-02"))
    ]
    for n, version in enumerate(features):
        graph.run(f"r4k2{n}", f"2026-05-0{n + 1}", [raw, a, b, outside], [version])
        graph.edge(f"r4k2{n}", "AT_COMMIT", commit)
    graph.edge(features[0], "IN_COMMIT", commit)
    train = graph.node("k-train", "Component", name="train")
    for n in (1, 2):
        model = graph.version(f"v-churn{n}", "models/churn.pkl", "model", f"2026-07-0{n}")
        graph.run(f"rtrain{n}", f"2026-07-0{n}", [features[n]], [model], param__depth=n)
        graph.edge(f"rtrain{n}", "INSTANCE_OF", train)
    small = graph.version("v-m", "m.pkl", "model", "2026-07-09")
    graph.run("rforest", "2026-07-09", [features[2]], [small], metric__auc=0.95, param__model="forest")  # fmt: skip
    graph.run("rfailed", "2026-11-05", [raw], [])
    for id, rate in (("r12", 0.1), ("r15", 0.2)):
        graph.run(id, "2026-10-05", [raw], [], command="fit", param__rate=rate)
    graph.version("v-features4", "features.csv", "dataset", "2026-10-09", digest="blake3:4a2bff")
    failed = graph.nodes["rfailed"]
    graph.nodes["rfailed"] = Node("rfailed", "Run", {**failed.properties, "exit": 1, "dirty": True})
    graph.edge("rfailed", "BY", ann)
    for n in range(4):
        day = moment("2026-11-20").start - (n % 2) * DAY
        text = "2026-11-20" if n % 2 == 0 else "2026-11-19"
        assert moment(text).start == day
        size = 9_000 if n % 2 == 0 else 90_000
        said = graph.version(f"v-said{n}", f"out/{n}.json", "prediction", text, size=size)
        graph.run(f"rsaid{n}", text, ["v-churn2", *([b] if n % 2 == 0 else [a])], [said])
    return Batch(nodes=list(graph.nodes.values()), edges=graph.edges)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Store]]:
    batch, memory = told(), MemoryStore()
    memory.apply(batch)
    with embedded.open(tmp_path_factory.mktemp("page") / "graph.db") as opened:
        opened.apply(batch)
        yield opened, memory


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_has_an_answer(example: str, stores: tuple[Store, Store]) -> None:
    plan = optimize(bind(parse(example), SCOPE).plan)
    found, expected = (store.run(plan) for store in stores)
    assert found == expected
    assert found.values, "`told` has nothing that this is about"


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) > 40
