"""How fast is the embedded store, beside bare SQLite in the same run?

    python benchmarks/embedded_store.py [--nodes 1000000] [--folder /tmp]

Prints a table. Each ratio is of times taken in turns in one run, so that it means something on a
machine that others use; absolute figures are of this machine.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
from layered_graph import Layered, chain

from provgraph.model.elements import Batch
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.plan import (
    Column,
    Comparison,
    Filter,
    Find,
    Globbed,
    Identified,
    Latest,
    Limit,
    Plan,
    Project,
    Walk,
)
from provgraph.store import embedded
from provgraph.store.embedded import EmbeddedStore
from provgraph.store.embedded.properties import split, written
from provgraph.store.embedded.schema import LABEL_NUMBERS, TYPE_NUMBERS

SHOWN = tuple(Column(key, key) for key in ("id", "name", "kind"))
COLD = """
import sys
from pathlib import Path
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.plan import Column, Find, Identified, Project, Walk
from provgraph.store import embedded
with embedded.open(Path(sys.argv[1]), read_only=True) as store:
    source = Find("Version", Identified((sys.argv[2],)))
    plan = Walk(source, "origin", LINEAGE_EDGES)
    shown = tuple(Column(key, key) for key in ("id", "name", "kind"))
    rows = store.run(Project(plan, shown)).values
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(len(rows), int(peak.split()[1]) // 1024)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        transactions(folder)
        graph = Layered(asked.nodes)
        load(folder, graph)
        questions(folder, graph)


def show(what: str, figure: str) -> None:
    print(f"{what:58} {figure}", flush=True)


def transactions(folder: Path, rounds: int = 15) -> None:
    """A durable transaction of 1,000 nodes and 3,000 edges against the statements alone."""
    batches = list(Layered(20_000, project_nodes=2_000).batches(4_000))
    ours, bare = [], []
    with embedded.open(folder / "ours.db") as store, embedded.open(folder / "bare.db") as other:
        statements = Bare(other)
        for batch in batches[: rounds + 2]:
            rows = statements.rows(batch)
            ours.append(seconds(lambda batch=batch: store.apply(batch)))
            bare.append(seconds(lambda rows=rows: statements.write(rows)))
    one, other_one = statistics.median(ours[2:]), statistics.median(bare[2:])
    size = f"{len(batches[3].nodes)} nodes, {len(batches[3].edges)} edges"
    show(f"transaction of {size}", f"{one * 1e3:.1f} ms, bare {other_one * 1e3:.1f} ms")
    show("  ratio (to reach: 2)", f"{one / other_one:.2f}")


def load(folder: Path, graph: Layered) -> None:
    """A bulk load in batches of 80,000 elements."""
    spent = bare = elements = 0.0
    with embedded.open(folder / "graph.db") as store, embedded.open(folder / "bare2.db") as other:
        statements = Bare(other)
        for batch in graph.batches():
            rows = statements.rows(batch)
            spent += seconds(lambda batch=batch: store.apply(batch))
            bare += seconds(lambda rows=rows: statements.write(rows))
            elements += len(batch)
        counts = store.statistics()
    show("loaded", f"{sum(counts.nodes.values())} nodes, {sum(counts.edges.values())} edges")
    show("elements a second (to reach: 100,000)", f"{elements / spent:,.0f}")
    show("  ratio to bare statements", f"{spent / bare:.2f}")
    show("file", f"{(folder / 'graph.db').stat().st_size / 1e6:.0f} MB")


def questions(folder: Path, graph: Layered) -> None:
    path = folder / "graph.db"
    project = graph.projects[0]
    version = project.recent[-1]
    found, memory, times = "", "", []
    for _ in range(5):
        start = time.perf_counter()
        command = [sys.executable, "-c", COLD, str(path), version]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        times.append(time.perf_counter() - start)
        found, memory = done.stdout.split()
    wall = statistics.median(times)
    show(f"cold process, closure of {found} (to reach: 0.2 s, 80 MB)", f"{wall:.3f} s, {memory} MB")
    lineage = Walk(Find("Version", Identified((version,))), "origin", LINEAGE_EDGES)
    script = Find("Version", Identified((project.script.id,)))
    name = str(project.artifacts[0].properties["base"])
    with embedded.open(path) as store:
        ask(store, "closure, three columns", Project(lineage, SHOWN))
        ask(store, "closure, count", Project(lineage, ()))
        ask(store, "closure, first ten", Project(Limit(lineage, 10), SHOWN))
        is_model = Comparison("kind", "=", "model")
        ask(store, "closure, models", Project(Filter(lineage, is_model), SHOWN))
        ask(store, "impact of a script", Project(Walk(script, "effect", LINEAGE_EDGES), SHOWN))
        ask(
            store,
            "file by name, latest",
            Project(Find("Version", Globbed(name), which=Latest()), SHOWN),
        )
        artifacts = store.run(Project(Limit(Find("Artifact"), 3000), SHOWN)).values
        ids = [id for id, *_ in artifacts]
        show(
            "timelines of 3,000 artifacts", f"{seconds(lambda: store.timelines(ids)) * 1e3:.0f} ms"
        )
    with embedded.open(folder / "chain.db") as store:
        store.apply(chain(5000))
        first = Find("Version", Identified((f"v{0:026d}",)))
        ask(store, "chain of 5,000", Project(Walk(first, "origin", ("DERIVED_FROM",)), SHOWN))


def ask(store: EmbeddedStore, what: str, plan: Plan) -> None:
    rows = len(store.run(plan).values)
    best = min(seconds(lambda: store.run(plan)) for _ in range(5))
    show(f"{what}: {rows} rows", f"{best * 1e3:.1f} ms")


def seconds(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


Rows = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]


class Bare:
    """The same rows into the same tables, with nothing looked up or checked."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.connection = store._connection
        self.numbers: dict[str, int] = {}

    def rows(self, batch: Batch) -> Rows:
        for node in batch.nodes:
            self.numbers[node.id] = len(self.numbers) + 1
        nodes = [
            (self.numbers[n.id], n.id, LABEL_NUMBERS[n.label], *columns, rest)
            for n in batch.nodes
            for columns, rest in [split(n.properties, set())]
        ]
        edges = [
            (
                self.numbers[edge.source],
                TYPE_NUMBERS[edge.type],
                self.numbers[edge.target],
                edge.key,
                written(edge.properties),
            )
            for edge in batch.edges
        ]
        return nodes, edges

    def write(self, rows: Rows) -> None:
        nodes, edges = rows
        with durable(self.connection):
            places = ", ".join("?" * len(nodes[0]))
            self.connection.executemany(f"INSERT INTO node VALUES ({places})", nodes)
            self.connection.executemany("INSERT INTO edge VALUES (?, ?, ?, ?, ?)", edges)


@contextmanager
def durable(connection: apsw.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("COMMIT")


if __name__ == "__main__":
    main()
