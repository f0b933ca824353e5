"""How fast are walks over the embedded store's snapshot, beside scipy on the same arrays?

    python benchmarks/lineage_in_memory.py [--nodes 1000000] [--folder /tmp]

Prints a table. What is compared is taken in turns in one process, and the least CPU time of each
counts: others use the machine. Two graphs: one as captures make it, narrow and deep, and one in 250 wide layers.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from layered_graph import Layered, ladder, wide, wide_id
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order

from provgraph.model.elements import Batch, Edge
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.plan import (
    Column,
    Comparison,
    Filter,
    Find,
    Identified,
    Limit,
    Plan,
    Project,
    Slice,
    Sort,
    SortKey,
    Walk,
)
from provgraph.store import Rows, embedded
from provgraph.store.embedded import EmbeddedStore
from provgraph.store.embedded.closure import Bounds, Walker
from provgraph.store.embedded.kernel import kernel
from provgraph.store.embedded.shares import shares
from provgraph.store.embedded.snapshot import Lineage, build
from provgraph.store.embedded.snapshot_file import load
from provgraph.store.embedded.transactions import reading
from provgraph.store.embedded.warm import Ready

ID = (Column("id", "id"),)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    asked = parser.parse_args()
    show("compiled walks", "no: numpy's" if kernel() is None else "yes")
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        captured(Path(name, "captured.db"), asked.nodes)
        layered(Path(name, "wide.db"), asked.nodes)


def captured(path: Path, nodes: int) -> None:
    """The graph that captures would make: closures of some ten thousand, 450 levels deep."""
    graph = Layered(nodes)
    fill(path, graph.batches())
    with embedded.open(path, engine="snapshot") as store:
        start = graph.projects[0].recent[-1]
        closure(store, "closure in captures", start)
        outputs = [id for project in graph.projects[:4] for id in project.recent[-25:]]
        sliced(store, outputs)
        with embedded.open(path, engine="snapshot") as writer:
            followed(store, writer, start)


def layered(path: Path, nodes: int) -> None:
    """250 layers: closures of any size. And a ladder."""
    width = nodes // 250
    steps = ladder(60)
    fill(path, itertools.chain(wide(width=width), [steps]))
    built(path)
    with embedded.open(path, engine="snapshot") as store:
        closure(store, "closure", wide_id(6, width // 2, width))
        closure(store, "closure", wide_id(22, width // 2, width))
        closure(store, "closure", wide_id(190, width // 2, width))
        closure(store, "ladder of 60 diamonds", steps.nodes[0].id)


def fill(path: Path, batches: Iterable[Batch]) -> None:
    spent = elements = 0.0
    with embedded.open(path) as store:
        for batch in batches:
            spent += seconds(lambda batch=batch: store.apply(batch))
            elements += len(batch)
        counts = store.statistics()
    lineage = sum(counts.edges.get(type, 0) for type in LINEAGE_EDGES)
    show(
        path.stem,
        f"{sum(counts.nodes.values())} nodes, {sum(counts.edges.values())} edges, "
        f"{lineage} of lineage; {elements / spent:,.0f} elements a second",
    )


def built(path: Path) -> None:
    with embedded.open(path, engine="snapshot") as store:
        connection = store._connection
        with reading(connection):
            show("snapshot built", f"{least(lambda: build(connection), 3):.2f} s (to reach: 1.3)")
        store.run(lineage_of(wide_id(0, 0)))  # and writes the file
    file = path.with_name(f"{path.name}-lineage")
    taken = file.stat().st_blocks * 512 / 2
    show("  file, a side", f"{taken / 1e6:.1f} MB (to reach: 32)")
    show("  read and checked", f"{least(lambda: load(file)) * 1e3:.0f} ms")


def closure(store: EmbeddedStore, what: str, start: str) -> None:
    plan = lineage_of(start)
    rows = len(store.run(plan).values)
    ready = held(store)
    lineage, first = ready.lineage, numbers(store, [start])
    plain, numpy = Walker(lineage.size, ready.walker.kernel), Walker(lineage.size)
    matrix = scipy_matrix(lineage)
    ours, theirs, without = in_turns(
        lambda: plain.reached(lineage.origin, first, Bounds()),
        lambda: breadth_first_order(matrix, first[0], return_predecessors=False),
        lambda: numpy.reached(lineage.origin, first, Bounds()),
    )
    levels = len(plain.reached(lineage.origin, first, Bounds()).counts)
    show(f"{what}: {rows} nodes, {levels} levels", f"{ms(ours)} row ids; scipy {ms(theirs)}")
    show("  ratio to scipy (to reach: 4)", f"{ours / theirs:.2f}; by numpy {without / theirs:.2f}")
    questions: list[tuple[str, Plan]] = [
        ("count", Project(plan, ())),
        ("first ten ids", Project(Limit(plan, 10), ID)),
        ("ids", Project(plan, ID)),
        ("ids as Python's text", Project(plan, ID)),
        ("models, ids", Project(Filter(plan, Comparison("kind", "=", "model")), ID)),
    ]
    for name, question in questions:
        whole = least(lambda name=name, question=question: looked_at(name, store.run(question)))
        show(f"  whole question, {name}", f"{ms(whole)}, {whole / theirs:.1f} × scipy's walk")
    show("  with its edges (cone)", ms(least(lambda: store.cone(plan))))


def looked_at(name: str, rows: Rows) -> None:
    """Ids stay in an array until they are."""
    if name.endswith("text"):
        rows.values[:]


def sliced(store: EmbeddedStore, outputs: list[str]) -> None:
    bad, others = (
        Find("Version", Identified(tuple(some))) for some in (outputs[::2], outputs[1::2])
    )
    ranked = Sort(Slice(bad, others), (SortKey(":lift", True), SortKey(":coverage", True)))
    ready = held(store)
    lineage, walker = ready.lineage, ready.walker
    groups = [numbers(store, some) for some in (outputs[::2], outputs[1::2])]
    pairs = sum(
        len(walker.reached(lineage.origin, start, Bounds()).ids)
        for start in np.concatenate(groups)[:, None]
    )
    ours, alone, one_by_one = in_turns(
        lambda: store.run(Limit(ranked, 5)),
        lambda: shares(lineage.origin, walker, groups, lambda count: None),
        lambda: [
            walker.reached(lineage.origin, start, Bounds())
            for start in np.concatenate(groups)[:, None]
        ],
    )
    show(f"slice of {len(outputs)} outputs, {pairs} pairs", f"{ms(ours)}; walk alone {ms(alone)}")
    show("  ratio (to reach: 1.2)", f"{ours / alone:.2f}; a walk for each {ms(one_by_one)}")
    show("  all rows", ms(least(lambda: store.run(Project(ranked, ID)))))


def followed(store: EmbeddedStore, writer: EmbeddedStore, start: str) -> None:
    """800 edges from another store, again and again; each time the reader brings itself up to date."""
    plan = Project(lineage_of(start), ())
    ids = [id for (id,) in store.run(Project(Find("Version"), ID)).values]
    usual = least(lambda: store.run(plan))
    spent = []
    for turn in range(5):
        some = ids[turn * 801 : turn * 801 + 801]
        writer.apply(Batch(edges=[Edge(a, "DERIVED_FROM", b) for a, b in itertools.pairwise(some)]))
        lineage = held(store).lineage
        with reading(store._connection):
            spent.append(seconds(lambda lineage=lineage: lineage.follow(store._connection)))
    show("800 edges followed", f"{ms(min(spent))} (to reach: 1.3 ms)")
    show("  a walk before, after", f"{ms(usual)}, {ms(least(lambda: store.run(plan)))}")


def lineage_of(id: str) -> Walk:
    label = "Step" if id.startswith("s") else "Version"
    return Walk(Find(label, Identified((id,))), "origin", LINEAGE_EDGES)


def held(store: EmbeddedStore) -> Ready:
    ready = store._warm._ready
    assert ready is not None
    return ready


def numbers(store: EmbeddedStore, ids: list[str]) -> np.ndarray:
    found = [
        store._connection.execute("SELECT id FROM node WHERE uid = ?", (id,)).get for id in ids
    ]
    return np.array(found, np.int64)


def scipy_matrix(lineage: Lineage) -> csr_matrix:
    nodes, edges = lineage.nodes, lineage.edges
    starts = np.append(lineage.origin.start[:nodes], edges).astype(np.int32)
    shape = (nodes, nodes)
    return csr_matrix((np.ones(edges), lineage.origin.targets[:edges], starts), shape=shape)


def in_turns(*actions: Callable[[], Any]) -> list[float]:
    """The least of each, there and back: each finds the caches as another one left them."""
    times: list[list[float]] = [[] for _ in actions]
    order = list(enumerate(actions))
    for turn in range(16):
        for nth, action in order if turn % 2 else reversed(order):
            times[nth].append(seconds(action))
    return [min(each) for each in times]


def least(action: Callable[[], Any], times: int = 7) -> float:
    return min(seconds(action) for _ in range(times))


def seconds(action: Callable[[], Any]) -> float:
    start = time.thread_time()
    action()
    return time.thread_time() - start


def ms(spent: float) -> str:
    return f"{spent * 1e3:.2f} ms"


def show(what: str, figure: str) -> None:
    print(f"{what:58} {figure}", flush=True)


if __name__ == "__main__":
    main()
