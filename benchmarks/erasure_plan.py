"""How long does the plan of a deletion take, in a large graph and with a large impact?

    python benchmarks/erasure_plan.py [--nodes 1000000] [--impact 100000] [--here 1000] [--neo4j] [--kept DIR]

A table of customers went into `--impact` versions, by runs of one step that each write five, from the
table or from what an earlier run wrote; the rest of the graph has nothing to do with it. So many of the
versions have their content in the project's folder. The journal tells of a version for every two nodes, and of a
reader of each. The plan is made as `provgraph forget` makes it,
three times; the least time counts. `--neo4j` does the same in a Neo4j that is started for it, `--kept` keeps
what was made.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from blake3 import blake3
from layered_graph import Layered

from provgraph.config import Project, create_project, find_project
from provgraph.erasure.census import opened, take
from provgraph.erasure.plan import encoded, planned
from provgraph.erasure.requests import Request
from provgraph.graph import Graph
from provgraph.model.elements import Batch, Edge, Node, Watermark
from provgraph.model.journal import SegmentWriter
from provgraph.model.records import Content, Generated, Name, Stat, Used, When
from provgraph.store.neo4j.server import LocalServer, release
from provgraph.subjects import hashes, keys
from provgraph.subjects.rules import Rule, add

NOON = 1_780_000_000_000_000_000
TABLE = "raw/customers.csv"


def version(number: int, name: str, content: bytes, run: str | None) -> list[Node]:
    digest = f"blake3:{blake3(content).hexdigest()}"
    held = {
        "name": name,
        "names": (name,),
        "kind": "dataset",
        "at": NOON + number,
        "state": "present",
    }
    base = {"name": name, "base": name.rsplit("/", 1)[-1]}
    return [
        Node(
            f"v{number:026x}",
            "Version",
            {**held, "digest": digest, "size": len(content), "run": run},
        ),
        Node(f"a{number:026x}", "Artifact", {**base, "kind": "dataset"}),
    ]


def touched(root: Path, impact: int, here: int) -> Iterator[Batch]:
    """What was made from the table; the content of the first `here` is written to the folder."""
    drawn = random.Random(7)
    (root / "raw").mkdir(exist_ok=True)
    (root / TABLE).write_text("user_id\n4711\n4712\n")
    nodes, edges = version(0, TABLE, b"user_id\n4711\n4712\n", None), list[Edge]()
    edges.append(Edge(f"v{0:026x}", "VERSION_OF", f"a{0:026x}"))
    for first in range(1, impact, 5):
        run, step = f"r{first:026x}", f"s{first:026x}"
        source = (
            0
            if drawn.random() < 0.1 or first < 50
            else drawn.randrange(max(1, first - 5000), first)
        )
        timed = {
            "at": NOON + first,
            "ended": NOON + first + 1,
            "command": "python make.py",
            "cwd": ".",
        }
        nodes.append(Node(run, "Run", {**timed, "name": run[:9], "kind": "run", "duration": 5}))
        nodes.append(Node(step, "Step", {**timed, "name": "make.py", "kind": "step", "run": run}))
        edges.append(Edge(step, "PART_OF", run))
        edges.append(Edge(step, "USED", f"v{source:026x}", "", {"role": "input"}))
        for number in range(first, min(first + 5, impact)):
            name, content = f"work/{number % 977}/part-{number}.csv", b"made %d" % number
            if number <= here:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(content)
            nodes += version(number, name, content, run)
            edges.append(Edge(f"v{number:026x}", "VERSION_OF", f"a{number:026x}"))
            edges.append(Edge(f"v{number:026x}", "GENERATED_BY", step))
        if len(nodes) > 40_000 or first + 5 >= impact:
            yield Batch(nodes, edges, watermarks=[Watermark("touched", 0, first)])
            nodes, edges = [], []


def journal(project: Project, versions: int, impact: int) -> None:
    for first in range(0, versions, 10_000):
        with SegmentWriter(project.journal, project.id, f"r{first:026x}") as segment:
            for number in range(first, min(first + 10_000, versions)):
                kind = b"made" if number < impact else b"other"
                digest = f"blake3:{blake3(b'%s %d' % (kind, number)).hexdigest()}"
                content = Content(digest, "", 100, Stat(1, number, 100, NOON, NOON))
                when, name = When(NOON + number, number, "0" * 8, "host"), f"work/part-{number}.csv"
                step, version = f"s{number:026x}", f"v{number:026x}"
                segment.write(Generated(step, version, [Name(name, when)], content))
                segment.write(Used(step, name, when, content))


def filled(graph: Graph, nodes: int, impact: int, here: int) -> None:
    own = impact * 2 + impact // 5 * 2
    for batch in touched(graph.project.root, impact, here):
        graph.store.apply(batch)
    for batch in Layered(max(0, nodes - own)).batches():
        graph.store.apply(batch)


def loaded(server: LocalServer, project: Project, nodes: int, impact: int, here: int) -> None:
    from neo4j_store import Files, imported

    own = impact * 2 + impact // 5 * 2
    ours, others = (Files(server.home.parent / name, project.id) for name in ("ours", "others"))
    for batch in touched(project.root, impact, here):
        ours.write(batch)
    for batch in Layered(max(0, nodes - own)).batches():
        others.write(batch)
    imported(server, release("current"), ours, others)


@contextmanager
def running(folder: Path, project: Project, asked: Asked) -> Iterator[None]:
    """A Neo4j with the graph in it."""
    server = LocalServer(folder / "neo4j")
    if not (folder / "loaded").exists():
        loaded(server, project, asked.nodes, asked.impact, asked.here)
        (folder / "loaded").touch()
    os.environ["PROVGRAPH_STORE"] = server.start(
        release("current"), heap="4g", page_cache="2g", patience=600
    ).uri
    os.environ["PROVGRAPH_NEO4J_PASSWORD"] = server.password()
    try:
        yield
    finally:
        server.stop()


@dataclass(frozen=True)
class Asked:
    nodes: int
    impact: int
    here: int
    neo4j: bool
    kept: Path | None


def main(asked: Asked) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.kept or Path(temporary)
        os.environ["XDG_CONFIG_HOME"] = f"{folder}/config"
        project = find_project(folder / "project") or made(folder / "project")
        if not any(project.journal.iterdir()):
            journal(project, asked.nodes // 2, asked.impact)
        server = running(folder, project, asked) if asked.neo4j else nullcontext()
        with server, Graph(project) as graph:
            if not asked.neo4j and not project.database.exists():
                filled(graph, asked.nodes, asked.impact, asked.here)
            measured(graph, asked)


def made(root: Path) -> Project:
    project = create_project(root)
    add(project, Rule(dataset="raw/*.csv", column="user_id", prefix="client:"))
    project.__dict__.pop("settings", None)
    keys.make(project)
    return project


def measured(graph: Graph, asked: Asked) -> None:
    macs = tuple(mac.hex() for mac in hashes(graph.project, ["client:4711"]))
    request = Request("e1", "", NOON, NOON, subjects=list(macs))
    with opened(graph) as index:
        take(graph, index)
    best, plan = 1e9, None
    for _ in range(3):
        begin, cpu = time.perf_counter(), time.process_time()
        plan = planned(graph, request, date(2026, 1, 1))
        assert len(encoded(plan)) > 0
        took = time.perf_counter() - begin
        print(f"  {took:.2f} s wall, {time.process_time() - cpu:.2f} s of this process", flush=True)
        best = min(best, took)
    assert plan is not None
    total = sum(graph.store.statistics().nodes.values())
    kinds = {do: len(plan.of(do)) for do in ("redact", "rebuild", "forget", "by hand")}
    print(
        f"{total:,} nodes, {len(plan.lines):,} versions in the plan, {len(plan.reruns)} runs: {kinds}"
    )
    print(f"plan {plan.hash[:12]} in {best:.2f} s ({'Neo4j' if asked.neo4j else 'embedded'})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--impact", type=int, default=100_000)
    parser.add_argument("--here", type=int, default=1_000)
    parser.add_argument("--neo4j", action="store_true")
    parser.add_argument(
        "--kept", type=Path, help="a folder with the project, from before or for later"
    )
    main(Asked(**vars(parser.parse_args())))
