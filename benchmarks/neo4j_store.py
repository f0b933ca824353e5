"""How fast is a Neo4j asked by the compiled queries, beside the best Cypher written by hand?

    python benchmarks/neo4j_store.py [--nodes 1000000] [--folder /tmp] [--release current]

Each question is asked in turns: two forms by hand (`HAND`), the Cypher that is compiled for it in their place, then all that
the library does, each by the same driver in sessions of the same kind. The least of each counts, of the wall and of the processor
time of this process and of the server's threads that answer. (What is no single statement has no Cypher of its own.) A form by hand gives the same rows in the same order as ours (a slice, in
none). The absolute figures are of this machine; the ratios mean something on one that others use.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from layered_graph import Layered
from layered_graph import ladder as diamonds
from pairs import Spent

from provgraph.errors import BudgetExceeded
from provgraph.model.elements import Batch, Edge, Node
from provgraph.model.vocabulary import EDGES, LINEAGE_EDGES
from provgraph.query.cypher import Statement
from provgraph.query.operators.telling import is_fetched
from provgraph.query.plan import (
    Column,
    Comparison,
    Count,
    Every,
    Exactly,
    Filter,
    Find,
    Identified,
    Latest,
    Limit,
    Plan,
    Project,
    Runs,
    SetOp,
    Slice,
    Sort,
    SortKey,
    Versions,
    Walk,
)
from provgraph.store.neo4j import Neo4jStore, Settings
from provgraph.store.neo4j import open as open_neo4j
from provgraph.store.neo4j.dialect import Neo4jCypher, dialect_of
from provgraph.store.neo4j.schema import server_version
from provgraph.store.neo4j.server import LocalServer, Release, release

ID: Final = (Column("id", "id"),)
FIVE: Final = tuple(Column(key, key) for key in ("id", "name", "kind", "at", "size"))
TYPES: Final = "|".join(LINEAGE_EDGES)
FROM: Final = "MATCH (s:Version {project: $project, id: $id})"
_SECONDS: Final = 3.0
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
    "closure of the latest by name, ids": (
        (
            "MATCH (a:Artifact {project: $project, name: $name})<-[:VERSION_OF]-(v)"
            " WITH v ORDER BY v.at DESC, v.id DESC LIMIT 1"
            f" MATCH p = (v)-[:{TYPES}*1..]->(n) {ORDERED} RETURN collect(n.id)"
        ),
        (
            "MATCH (a:Artifact {project: $project, name: $name})"
            " CALL (a) { MATCH (a)<-[:VERSION_OF]-(v) RETURN v ORDER BY v.at DESC, v.id DESC LIMIT 1 }"
            f" MATCH p = (v)-[:{TYPES}*1..]->(n) {ORDERED} RETURN collect(n.id)"
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
    "kinds in a lineage, counted": (
        f"{FROM} MATCH (s)-[:{TYPES}*1..]->(n) WITH DISTINCT n RETURN n.kind, count(*)",
        (
            f"{FROM} CALL (s) {{ MATCH (s)-[:{TYPES}*1..]->(n) RETURN DISTINCT n }}"
            " RETURN n.kind, count(n)"
        ),
    ),
    "the twenty largest models, ids": (
        (
            "MATCH (n:Version {project: $project, kind: 'model'})"
            " RETURN n.id ORDER BY n.size IS NULL, n.size DESC, n.id LIMIT 20"
        ),
        (
            "MATCH (n:Version {project: $project, kind: 'model'})"
            " WITH n, n.size AS size, n.id AS id ORDER BY size IS NULL, size DESC, id LIMIT 20"
            " RETURN collect(id)"
        ),
    ),
    "slice of 100 files (to reach: 0.55)": (
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
    parser.add_argument(
        "--kept", type=Path, help="a folder with a graph that was loaded before, or for it"
    )
    parser.add_argument("--release", default="current")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", default="", help="what the questions' names hold")
    asked = parser.parse_args()
    folder = asked.kept or Path(tempfile.mkdtemp(dir=asked.folder))
    folder.mkdir(exist_ok=True)
    server = LocalServer(folder / "server")
    try:
        wanted = release(asked.release)
        graph = load(folder, server, wanted, asked.nodes)
        running = server.start(wanted, heap="4g", page_cache="2g", patience=600)
        reached = Settings.model_validate({"uri": running.uri, "password": server.password()})
        with open_neo4j(reached, "layered") as store:
            show("Neo4j", running.version)
            questions(store, reached, graph, Asked(asked.rounds, asked.only, running.pid))
            if not asked.only:
                ladder(store)
                ingest(store.beside("live"))
    finally:
        server.stop(patience=60 if asked.kept else 0)
        if not asked.kept:
            shutil.rmtree(folder)


@dataclass(frozen=True)
class Asked:
    """`pid` is the server's."""

    rounds: int
    only: str
    pid: int


def show(what: str, figure: str) -> None:
    print(f"{what:42} {figure}", flush=True)


# Loading


def load(folder: Path, server: LocalServer, wanted: Release, nodes: int) -> Layered:
    """By `neo4j-admin database import`, unless it was before."""
    graph, known = Layered(nodes), folder / f"loaded-{nodes}"
    if known.exists():
        for _ in graph.batches():
            pass  # what became of each project is asked about
        return graph
    files = Files(folder / "csv", "layered")
    for batch in (*graph.batches(), diamonds(60)):
        files.write(batch)
    start = time.perf_counter()
    imported(server, wanted, files)
    spent = time.perf_counter() - start
    elements = files.count
    show("import", f"{elements:,} elements, {elements / spent:,.0f} a second")
    known.touch()
    return graph


def imported(server: LocalServer, wanted: Release, *parts: Files) -> None:
    """Make a server's database of what was written, and remove the files."""
    for files in parts:
        files.close()
    words = (word for files in parts for word in files.words())
    server.load(wanted, ["--array-delimiter=TAB", *words])
    for files in parts:
        shutil.rmtree(files.folder)


class Files:
    """A CSV file a label and an edge type. The nodes of a label all have the properties of the first."""

    KEYS: Final = {
        "at": "long", "ended": "long", "duration": "long", "size": "long", "exit": "long",
        "pid": "long", "names": "string[]",
    }  # fmt: skip

    def __init__(self, folder: Path, project: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.project = project
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
        writer.writerow([node.id, node.id, self.project, *shown])

    def _edge(self, edge: Edge) -> None:
        known = self.open.get(edge.type)
        if known is None:
            known = self._file(edge.type, [":START_ID", ":END_ID", "key", "role"], [])
        known[1].writerow([edge.source, edge.target, edge.key, edge.properties.get("role")])

    def _file(self, name: str, heading: list[str], keys: list[str]) -> tuple[Any, Any, list[str]]:
        file = (self.folder / f"{name}.csv").open("w", newline="")
        # what is quoted is a text, an empty one too, and not null
        writer = csv.writer(file, quoting=csv.QUOTE_ALL if name in EDGES else csv.QUOTE_MINIMAL)
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
        "closure, count": Count(lineage(file), ()),
        "closure, ids in order": Project(lineage(file), ID),
        "closure, five columns": Project(lineage(file), FIVE),
        "closure, whole nodes": lineage(file),
        "closure, three hops, ids": Project(lineage(file, max_hops=3), ID),
        "closure that stops at scripts, ids": Project(lineage(file, stop_at=scripts), ID),
        "closure as of a day, ids": Project(lineage(file, until=until), ID),
        "closure of the latest by name, ids": Project(
            Walk(Find("Version", Exactly(name), which=Latest()), "origin", LINEAGE_EDGES), ID
        ),
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
        "kinds in a lineage, counted": Count(lineage(file), (Column("kind", "kind"),)),
        "the twenty largest models, ids": Project(
            Limit(Sort(Find("Version", kind="model"), (SortKey("size", descending=True),)), 20), ID
        ),
        "slice of 100 files (to reach: 0.55)": Project(
            Slice(Find("Version", Identified(ids)), support=10),
            (*ID, Column("support", ":support")),
        ),
    }
    given = {"id": file, "other": other, "name": name, "until": until, "ids": list(ids)}
    return plans, given


def questions(store: Neo4jStore, reached: Settings, graph: Layered, asked: Asked) -> None:
    from neo4j import READ_ACCESS, GraphDatabase, NotificationMinimumSeverity

    plans, given = ours(graph)
    seen = GraphDatabase.bookmark_manager()
    auth = (reached.user, reached.secret())
    quiet = NotificationMinimumSeverity.OFF
    show("", "    ms and ms of CPU by hand, twice; ratios to the better one (to reach: 1.1)")
    dialect = dialect_of(server_version(store.version))
    asking: dict[str, list[Callable[[], int]]] = {}
    workers = Workers(asked.pid)
    with GraphDatabase.driver(reached.uri, auth=auth, notifications_min_severity=quiet) as driver:
        for what, forms in HAND.items():
            if asked.only not in what:
                continue
            parameters = {**given, "project": "layered"}
            if what.startswith("impact"):
                parameters["id"] = graph.projects[0].script.id

            def by_hand(text: str, given: dict[str, Any] = parameters) -> int:
                with driver.session(
                    fetch_size=-1, default_access_mode=READ_ACCESS, bookmark_manager=seen
                ) as session:
                    rows = session.run(text, given).values()  # type: ignore[arg-type]
                return len(rows[0][0]) if rows and isinstance(rows[0][0], list) else len(rows)

            def by_library(plan: Plan = plans[what]) -> int:
                return len(store.run(plan).values)

            asking[what] = [*(partial(by_hand, text) for text in forms), by_library]
            works = list(asking[what])
            if statement := compiled(plans[what], dialect, store.project):
                works.append(partial(by_hand, statement.text, statement.parameters))
            tell(what, works, asked.rounds, workers)
        if asked.only in "closure, ids in order":
            against_the_count(asking, asked.rounds, workers)


def compiled(plan: Plan, dialect: type[Neo4jCypher], project: str) -> Statement | None:
    """The statement that is all of an answer."""
    if isinstance(plan, Count):
        return dialect.compile_count(plan, project)
    if isinstance(plan, Project) and is_fetched(plan.source):
        return None
    return dialect.compile(plan, project)


def against_the_count(
    asking: dict[str, list[Callable[[], int]]], rounds: int, workers: Workers
) -> None:
    """What an answer costs beside the number of its rows alone, in turns with that: a large answer
    leaves nothing in the processor's caches for whoever comes next."""
    *bare, _ = asking["closure, count"]
    for what, place, limit in (
        ("closure, ids in order", 2, "1.7"),
        ("closure, five columns", 2, "6"),
        ("closure, whole nodes", 2, "-"),
        ("closure, whole nodes", 0, "30, a row a node by hand"),
    ):
        *counts, spent = measured([*bare, asking[what][place]], rounds, workers)[0]
        count = better(counts)
        ratios = f"{spent.wall / count.wall:5.2f} wall {spent.cpu / count.cpu:5.2f} CPU"
        show(f"{what} / bare count", f"{ratios}  (to reach: {limit})")


def better(spent: list[Spent]) -> Spent:
    return Spent(min(each.cpu for each in spent), min(each.wall for each in spent))


def tell(what: str, works: list[Callable[[], int]], rounds: int, workers: Workers) -> None:
    least, rows = measured(works, rounds, workers)
    hand = better(least[:2])
    figure = " ".join(f"{each.wall * 1e3:8.2f} {each.cpu * 1e3:8.2f}" for each in least[:2])
    parts = zip(("the library", "its Cypher"), least[2:], strict=False)
    ratios = (
        f"{part} {each.wall / hand.wall:5.2f} wall {each.cpu / hand.cpu:5.2f} CPU"
        for part, each in parts
    )
    show(what, f"{figure}  rows {rows:>6}  {'  '.join(ratios)}")


def measured(
    works: list[Callable[[], int]], rounds: int, workers: Workers
) -> tuple[list[Spent], int]:
    """The least of what each took, in turns: so many, and of small questions more. And the rows of ours."""
    found: list[list[Spent]] = [[] for _ in works]
    rows = [0] * len(works)
    until = time.monotonic() + _SECONDS
    for turn in itertools.count():
        if turn >= rounds + 5 and time.monotonic() > until:  # five to warm up
            break
        for place, work in enumerate(works):
            before, start = workers.cpu(), time.perf_counter()
            own = time.process_time()
            rows[place] = work()
            own, wall = time.process_time() - own, time.perf_counter() - start
            if turn > 4:
                found[place].append(Spent(own + workers.cpu() - before, wall))
    return [better(each) for each in found], rows[2]


class Workers:
    """The processor time that a server's threads which answer questions have taken: neither the
    compiler's nor the collector's, which go by other clocks."""

    def __init__(self, pid: int) -> None:
        self.threads = Path(f"/proc/{pid}/task")

    def cpu(self) -> float:
        time.sleep(0.002)  # the last of them goes to sleep after its answer is here
        return sum(map(self._spent, self.threads.iterdir()))

    @staticmethod
    def _spent(thread: Path) -> float:
        try:
            if not (thread / "comm").read_text().startswith("neo4j.BoltWork"):
                return 0.0
            return int((thread / "schedstat").read_text().split()[0]) / 1e9
        except OSError:  # it has ended
            return 0.0


def ladder(store: Neo4jStore) -> None:
    """60 stacked diamonds in the same graph: 2^60 paths. By hand, with the paths bound, for 5 s."""
    first = f"v{'ladder':>016}{0:010d}"
    plan = Project(Walk(Find("Version", Identified((first,))), "origin", LINEAGE_EDGES), ID)
    times = []
    for _ in range(30):
        start = time.perf_counter()
        rows = store.run(plan).values
        times.append(time.perf_counter() - start)
    show("ladder of 60 diamonds, ids", f"{min(times) * 1e3:.1f} ms  rows {len(rows)}")
    text = f"{FROM} MATCH p = (s)-[:{TYPES}*1..]->(n) RETURN collect(DISTINCT last(nodes(p)).id)"
    try:
        store.cypher(text, {"project": store.project, "id": first}, seconds=5)
        show("the same with bound paths", "ends")
    except BudgetExceeded:
        show("the same with bound paths", "does not end within 5 s")


def ingest(store: Neo4jStore) -> None:
    """Live, batch by batch, into a database that has a graph already."""
    elements, spent = 0, []
    for batch in Layered(100_000).batches(20_000):
        start = time.perf_counter()
        store.apply(batch)
        spent.append(len(batch) / (time.perf_counter() - start))
        elements += len(batch)
    figure = f"{elements:,} elements; the best batch {max(spent):,.0f} a second"
    middle = sorted(spent)[len(spent) // 2]
    show("live ingest", f"{figure}, the middle one {middle:,.0f} (to reach: 30,000)")
    store.clear()


if __name__ == "__main__":
    main()
