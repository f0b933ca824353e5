"""How fast is a Neo4j asked by the compiled queries, beside the best Cypher written by hand?

    python benchmarks/neo4j_store.py [--nodes 1000000] [--folder /tmp] [--release current]

Each question is asked in turns: two forms by hand (`HAND`), then ours, each by the same driver, and
the least time of each counts. A form by hand gives the same rows in the same order as ours. The
absolute figures are of this machine; the ratios mean something on one that others use.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from layered_graph import Layered

from provgraph.model.elements import Batch, Edge, Node
from provgraph.model.vocabulary import EDGES, LINEAGE_EDGES
from provgraph.query.plan import (
    Column,
    Comparison,
    Every,
    Exactly,
    Filter,
    Find,
    Identified,
    Latest,
    Plan,
    Project,
    Runs,
    SetOp,
    Slice,
    Versions,
    Walk,
)
from provgraph.store.neo4j import Neo4jStore, Settings
from provgraph.store.neo4j import open as open_neo4j
from provgraph.store.neo4j.server import LocalServer, Release, release

ID: Final = (Column("id", "id"),)
FIVE: Final = tuple(Column(key, key) for key in ("id", "name", "kind", "at", "size"))
TYPES: Final = "|".join(LINEAGE_EDGES)
FROM: Final = "MATCH (s:Version {project: $project, id: $id})"
ORDERED: Final = "WITH n, min(length(p)) AS d ORDER BY d, n.at, n.id"

HAND: Final[dict[str, tuple[str, str]]] = {
    "closure, count": (
        f"{FROM} MATCH (s)-[:{TYPES}*1..]->(n) RETURN count(DISTINCT n)",
        f"{FROM} CALL (s) {{ MATCH (s)-[:{TYPES}*1..]->(n) RETURN DISTINCT n }} RETURN count(n)",
    ),
    "closure, ids in order": (
        f"{FROM} MATCH p = (s)-[:{TYPES}*1..]->(n) {ORDERED} RETURN n.id",
        f"{FROM} MATCH p = (s)-[:{TYPES}*1..]->(n) {ORDERED} RETURN collect(n.id)",
    ),
    "closure, five columns": (
        f"{FROM} MATCH p = (s)-[:{TYPES}*1..]->(n) {ORDERED} RETURN n.id, n.name, n.kind, n.at, n.size",
        (
            f"{FROM} MATCH p = (s)-[:{TYPES}*1..]->(n) {ORDERED}"
            " RETURN collect(n.id), collect([n.name, n.kind, n.at, n.size])"
        ),
    ),
    "closure, whole nodes": (
        f"{FROM} MATCH p = (s)-[:{TYPES}*1..]->(n) {ORDERED} RETURN n, d",
        f"{FROM} MATCH p = (s)-[:{TYPES}*1..]->(n) {ORDERED} RETURN collect(n), collect(d)",
    ),
    "closure, three hops, ids": (
        f"{FROM} MATCH p = (s)-[:{TYPES}*1..3]->(n) {ORDERED} RETURN n.id",
        f"{FROM} MATCH p = (s)-[:{TYPES}*1..3]->(n) {ORDERED} RETURN collect(n.id)",
    ),
    "closure that stops at scripts, ids": (
        (
            f"{FROM} MATCH p = (s)-[:{TYPES}*1..]->(n)"
            " WHERE all(r IN relationships(p) WHERE startNode(r) = s"
            " OR NOT coalesce(startNode(r).kind = 'script', false))"
            f" {ORDERED} RETURN collect(n.id)"
        ),
        (
            f"MATCH (x:Version {{project: $project, kind: 'script'}}) WITH collect(x) AS stops {FROM}"
            f" MATCH p = (s)-[:{TYPES}*1..]->(n)"
            " WHERE all(r IN relationships(p) WHERE NOT startNode(r) IN stops)"
            f" {ORDERED} RETURN collect(n.id)"
        ),
    ),
    "closure as of a day, ids": (
        (
            f"{FROM} MATCH p = (s)-[:{TYPES}*1..]->(n)"
            " WHERE all(x IN nodes(p) WHERE x.at <= $until OR x.at IS NULL)"
            f" {ORDERED} RETURN collect(n.id)"
        ),
        (
            f"{FROM} MATCH p = (s)-[:{TYPES}*1..]->(n)"
            " WHERE all(r IN relationships(p) WHERE coalesce(endNode(r).at <= $until, true))"
            f" {ORDERED} RETURN collect(n.id)"
        ),
    ),
    "datasets in a lineage, ids": (
        (
            f"{FROM} MATCH p = (s)-[:{TYPES}*1..]->(n:Version) WHERE n.kind = 'dataset'"
            f" {ORDERED} RETURN collect(n.id)"
        ),
        (
            f"{FROM} MATCH p = (s)-[:{TYPES}*1..]->(n) {ORDERED} WHERE n.kind = 'dataset'"
            " RETURN collect(n.id)"
        ),
    ),
    "impact of a script, ids": (
        f"{FROM} MATCH p = (s)<-[:{TYPES}*1..]-(n) {ORDERED} RETURN n.id",
        f"{FROM} MATCH p = (s)<-[:{TYPES}*1..]-(n) {ORDERED} RETURN collect(n.id)",
    ),
    "latest version by name": (
        (
            "MATCH (a:Artifact {project: $project, name: $name})<-[:VERSION_OF]-(n)"
            " RETURN n.id ORDER BY n.at DESC, n.id DESC LIMIT 1"
        ),
        (
            "MATCH (a:Artifact {project: $project, name: $name})"
            " RETURN head(COLLECT { MATCH (a)<-[:VERSION_OF]-(n)"
            " RETURN n.id ORDER BY n.at DESC, n.id DESC LIMIT 1 })"
        ),
    ),
    "history of a file, ids": (
        (
            "MATCH (:Artifact {project: $project, name: $name})<-[:VERSION_OF]-(n)"
            " RETURN n.id ORDER BY n.at, n.id"
        ),
        (
            "MATCH (:Artifact {project: $project, name: $name})<-[:VERSION_OF]-(n)"
            " WITH n ORDER BY n.at, n.id RETURN collect(n.id)"
        ),
    ),
    "runs behind a file, ids": (
        (
            f"{FROM} MATCH (s)-[:{TYPES}*1..]->(x:Step)-[:PART_OF]->(n:Run)"
            " WITH DISTINCT n ORDER BY n.at, n.id RETURN collect(n.id)"
        ),
        (
            f"{FROM} CALL (s) {{ MATCH (s)-[:{TYPES}*1..]->(x:Step) RETURN DISTINCT x }}"
            " MATCH (x)-[:PART_OF]->(n:Run) WITH DISTINCT n ORDER BY n.at, n.id RETURN collect(n.id)"
        ),
    ),
    "what two files share, ids": (
        (
            f"{FROM} MATCH (t:Version {{project: $project, id: $other}})"
            f" CALL (s) {{ MATCH (s)-[:{TYPES}*1..]->(n) RETURN DISTINCT n }}"
            f" WITH t, collect(n) AS ours MATCH (t)-[:{TYPES}*1..]->(n)"
            " WITH DISTINCT n, ours WHERE n IN ours WITH n ORDER BY n.at, n.id RETURN collect(n.id)"
        ),
        (
            "UNWIND [$id, $other] AS id MATCH (s:Version {project: $project, id: id})"
            f" CALL (s) {{ MATCH (s)-[:{TYPES}*1..]->(n) RETURN DISTINCT n }}"
            " WITH n, count(s) AS held WHERE held = 2 WITH n ORDER BY n.at, n.id RETURN collect(n.id)"
        ),
    ),
    "slice of 100 files": (
        (
            f"MATCH (s:Version {{project: $project}}) WHERE s.id IN $ids MATCH (s)-[:{TYPES}*1..]->(n)"
            " WITH n, count(DISTINCT s) AS held WHERE held >= 10"
            " RETURN collect(n.id), collect(held)"
        ),
        (
            f"MATCH (s:Version {{project: $project}}) WHERE s.id IN $ids"
            f" CALL (s) {{ MATCH (s)-[:{TYPES}*1..]->(n) RETURN DISTINCT n }}"
            " WITH n, count(s) AS held WHERE held >= 10 RETURN collect(n.id), collect(held)"
        ),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--release", default="current")
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=asked.folder))
    server = LocalServer(folder / "server")
    try:
        wanted = release(asked.release)
        graph = load(folder, server, wanted, asked.nodes)
        running = server.start(wanted, heap="4g", page_cache="2g", patience=600)
        reached = Settings.model_validate({"uri": running.uri, "password": server.password()})
        with open_neo4j(reached, "layered") as store:
            show("Neo4j", running.version)
            questions(store, reached, graph, asked.rounds)
            ladder(store.beside("ladder"))
            ingest(store.beside("live"))
    finally:
        server.stop(patience=5)
        shutil.rmtree(folder)


def show(what: str, figure: str) -> None:
    print(f"{what:42} {figure}", flush=True)


# Loading


def load(folder: Path, server: LocalServer, wanted: Release, nodes: int) -> Layered:
    """By `neo4j-admin database import`."""
    graph = Layered(nodes)
    files = Files(folder / "csv")
    for batch in graph.batches():
        files.write(batch)
    files.close()
    start = time.perf_counter()
    server.load(wanted, ["--array-delimiter=TAB", *files.words()])
    spent = time.perf_counter() - start
    elements = files.count
    show("import", f"{elements:,} elements, {elements / spent:,.0f} a second")
    shutil.rmtree(folder / "csv")
    return graph


class Files:
    """A CSV file a label and an edge type."""

    KEYS: Final = {
        "at": "long", "ended": "long", "duration": "long", "size": "long", "exit": "long",
        "pid": "long", "names": "string[]",
    }  # fmt: skip

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.open: dict[str, tuple[Any, Any, list[str]]] = {}
        self.count = 0

    def write(self, batch: Batch) -> None:
        for node in batch.nodes:
            self._node(node)
        for edge in batch.edges:
            self._edge(edge)
        self.count += len(batch)

    def _node(self, node: Node) -> None:
        known = self.open.get(node.label)
        if known is None:
            keys = list(node.properties)
            typed = [f"{key}:{self.KEYS.get(key, 'string')}" for key in keys]
            known = self._file(node.label, [":ID", "id", "project", *typed], keys)
        _, writer, keys = known
        values = (node.properties.get(key) for key in keys)
        shown = ("\t".join(v) if isinstance(v, tuple) else v for v in values)
        writer.writerow([node.id, node.id, "layered", *shown])

    def _edge(self, edge: Edge) -> None:
        known = self.open.get(edge.type)
        if known is None:
            known = self._file(edge.type, [":START_ID", ":END_ID", "key", "role"], [])
        known[1].writerow([edge.source, edge.target, edge.key, edge.properties.get("role")])

    def _file(self, name: str, heading: list[str], keys: list[str]) -> tuple[Any, Any, list[str]]:
        file = (self.folder / f"{name}.csv").open("w", newline="")
        writer = csv.writer(file)
        writer.writerow(heading)
        self.open[name] = (file, writer, keys)
        return self.open[name]

    def close(self) -> None:
        for file, _, _ in self.open.values():
            file.close()

    def words(self) -> Iterator[str]:
        for name in self.open:
            what = "relationships" if name in EDGES else "nodes"
            yield f"--{what}={name}={self.folder / f'{name}.csv'}"


# Asking


def ours(graph: Layered) -> tuple[dict[str, Plan], dict[str, Any]]:
    """Our plan for each of `HAND`, and the parameters of those."""
    first = graph.projects[0]
    file, other = first.recent[-1], first.recent[-2]
    name = str(next(iter(first.artifacts)).properties["name"])
    until = graph.now - 1
    ids = tuple(version for project in graph.projects[:2] for version in project.recent[-50:])

    def at(id: str) -> Find:
        return Find("Version", Identified((id,)))

    def lineage(id: str, **more: Any) -> Walk:
        return Walk(at(id), "origin", LINEAGE_EDGES, **more)

    scripts = Find("Version", where=Comparison("kind", "=", "script"))
    datasets = Filter(lineage(file), Comparison("kind", "=", "dataset"))
    plans: dict[str, Plan] = {
        "closure, ids in order": Project(lineage(file), ID),
        "closure, five columns": Project(lineage(file), FIVE),
        "closure, whole nodes": lineage(file),
        "closure, three hops, ids": Project(lineage(file, max_hops=3), ID),
        "closure that stops at scripts, ids": Project(lineage(file, stop_at=scripts), ID),
        "closure as of a day, ids": Project(lineage(file, until=until), ID),
        "datasets in a lineage, ids": Project(datasets, ID),
        "impact of a script, ids": Project(Walk(at(first.script.id), "effect", LINEAGE_EDGES), ID),
        "latest version by name": Project(Find("Version", Exactly(name), which=Latest()), ID),
        "history of a file, ids": Project(
            Versions(Find("Version", Exactly(name), which=Every())), ID
        ),
        "runs behind a file, ids": Project(Runs(lineage(file)), ID),
        "what two files share, ids": Project(
            SetOp("intersection", lineage(file), lineage(other)), ID
        ),
        "slice of 100 files": Project(
            Slice(Find("Version", Identified(ids)), support=10),
            (*ID, Column("support", ":support")),
        ),
    }
    given = {"id": file, "other": other, "name": name, "until": until, "ids": list(ids)}
    return plans, given


def questions(store: Neo4jStore, reached: Settings, graph: Layered, rounds: int) -> None:
    from neo4j import GraphDatabase, NotificationMinimumSeverity

    plans, given = ours(graph)
    auth = (reached.user, reached.secret())
    quiet = NotificationMinimumSeverity.OFF
    with GraphDatabase.driver(reached.uri, auth=auth, notifications_min_severity=quiet) as driver:
        for what, forms in HAND.items():
            parameters = {**given, "project": "layered"}
            if what.startswith("impact"):
                parameters["id"] = graph.projects[0].script.id

            def by_hand(text: str, parameters: dict[str, Any] = parameters) -> int:
                with driver.session(fetch_size=-1) as session:
                    rows = session.run(text, parameters).values()  # type: ignore[arg-type]
                return len(rows[0][0]) if rows and isinstance(rows[0][0], list) else len(rows)

            works: list[Callable[[], int]] = [lambda t=text: by_hand(t) for text in forms]
            if what in plans:
                works.append(lambda plan=plans[what]: len(store.run(plan).values))
            tell(what, works, rounds)


def tell(what: str, works: list[Callable[[], int]], rounds: int) -> None:
    least = [float("inf")] * len(works)
    rows = [0] * len(works)
    for turn in range(rounds + 2):  # two to warm up
        for place, work in enumerate(works):
            start = time.perf_counter()
            rows[place] = work()
            spent = time.perf_counter() - start
            if turn > 1:
                least[place] = min(least[place], spent)
    by_hand = min(least[:2])
    figure = " ".join(f"{each * 1e3:9.1f}" for each in least)
    ratio = f"  ours / best by hand {least[2] / by_hand:5.2f}" if len(works) > 2 else ""
    show(what, f"{figure} ms  rows {rows[-1]:>6}{ratio}")


def ladder(store: Neo4jStore) -> None:
    """60 stacked diamonds: 2^60 paths."""
    nodes = [Node(f"v{number}", "Version") for number in range(181)]
    edges = []
    for top in range(0, 180, 3):
        for side in (top + 1, top + 2):
            edges += [Edge(f"v{top}", "DERIVED_FROM", f"v{side}")]
            edges += [Edge(f"v{side}", "DERIVED_FROM", f"v{top + 3}")]
    store.apply(Batch(nodes, edges))
    plan = Project(Walk(Find("Version", Identified(("v0",))), "origin", LINEAGE_EDGES), ID)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        rows = store.run(plan).values
        times.append(time.perf_counter() - start)
    show("ladder of 60 diamonds, ids", f"{min(times) * 1e3:.1f} ms  rows {len(rows)}")


def ingest(store: Neo4jStore) -> None:
    """Live, batch by batch, into a database that has a graph already."""
    elements, spent = 0, []
    for batch in Layered(60_000).batches(20_000):
        start = time.perf_counter()
        store.apply(batch)
        spent.append(len(batch) / (time.perf_counter() - start))
        elements += len(batch)
    figure = f"{elements:,} elements; the best batch {max(spent):,.0f} a second"
    show("live ingest", f"{figure}, the middle one {sorted(spent)[len(spent) // 2]:,.0f}")


if __name__ == "__main__":
    main()
