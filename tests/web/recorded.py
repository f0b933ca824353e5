"""Projects to look at: the demo after two captured runs, and a large graph without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from provgraph import demo
from provgraph.config import create_project
from provgraph.model.elements import Batch, Edge, Node
from provgraph.store import embedded

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
try:
    from layered_graph import Layered  # type: ignore[import-not-found]
finally:
    sys.path.pop(0)

__all__ = ["Layered"]


def provgraph(folder: Path, *words: str, status: int = 0) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "provgraph", *words],
        cwd=folder,
        env=demo.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, (words, done.stdout, done.stderr)


def recorded_demo(folder: Path) -> Path:
    """The demo, run twice: between the runs a parameter changed. Its history is read in."""
    demo.prepare(folder)
    provgraph(folder, "run", "--", *demo.PIPELINE)
    parameters = folder / "params.toml"
    text = parameters.read_text()
    assert "n_estimators = 60" in text
    parameters.write_text(text.replace("n_estimators = 60", "n_estimators = 30"))
    provgraph(folder, "run", "--", *demo.PIPELINE)
    provgraph(folder, "ingest", "git")
    return folder


def project_of(folder: Path, *batches: Batch) -> Path:
    """A project whose store has these batches; its journal is empty."""
    folder.mkdir(parents=True)
    project = create_project(folder)
    with embedded.open(project.database) as store:
        for batch in batches:
            store.apply(batch)
    return folder


NOON = 1_780_000_000_000_000_000


def version(number: int, name: str, kind: str = "dataset", **properties: object) -> list[Node]:
    """A version and its artifact."""
    base = name.rsplit("/", 1)[-1]
    held = {"name": name, "names": (name,), "kind": kind, "at": NOON + number, "size": number}
    return [
        Node(f"v{number:026d}", "Version", {**held, "state": "present", **properties}),  # type: ignore[dict-item]
        Node(f"a{number:026d}", "Artifact", {"name": name, "base": base, "kind": kind}),
    ]


def of(number: int) -> Edge:
    return Edge(f"v{number:026d}", "VERSION_OF", f"a{number:026d}")


def fan(outputs: int) -> Batch:
    """A step that reads one table and writes so many shards."""
    step = Node("s1", "Step", {"name": "split.py", "kind": "step", "at": NOON, "command": "split"})
    nodes, edges = [step, *version(0, "data/raw.csv")], [of(0), Edge("s1", "USED", id_of(0))]
    for n in range(1, outputs + 1):
        nodes += version(n, f"data/shards/shard-{n:04d}.csv")
        edges += [of(n), Edge(id_of(n), "GENERATED_BY", "s1")]
    return Batch(nodes, edges)


def ladder(rungs: int) -> Batch:
    """Versions each made from the one before and from one long before it, by a step."""
    nodes, edges = version(0, "data/0.csv"), [of(0)]
    for n in range(1, rungs + 1):
        nodes += version(n, f"data/{n}.csv")
        nodes.append(Node(f"s{n}", "Step", {"name": "step", "kind": "step", "at": NOON + n}))
        edges += [of(n), Edge(id_of(n), "GENERATED_BY", f"s{n}")]
        edges += [Edge(f"s{n}", "USED", id_of(before)) for before in {n - 1, n // 2}]
    return Batch(nodes, edges)


def id_of(number: int) -> str:
    return f"v{number:026d}"


SCRIPT = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"


def hostile() -> Batch:
    """Names, commands and messages that would do harm if they were taken for markup."""
    name = f"data/{SCRIPT.replace('/', ' ')}.csv"
    nodes = [
        *version(1, name),
        *version(2, "data/\u202ecsv.exe"),
        Node(
            "s1",
            "Step",
            {"name": SCRIPT, "kind": "step", "command": SCRIPT, "at": NOON, "run": "r1"},
        ),
        Node(
            "r1",
            "Run",
            {"name": "r1", "kind": "run", "command": SCRIPT, "at": NOON, "gaps": (SCRIPT,)},
        ),
        Node(
            "c1",
            "Commit",
            {
                "name": "c1",
                "kind": "commit",
                "sha": "c1",
                "message": SCRIPT,
                "author": SCRIPT,
                "at": NOON,
            },
        ),
    ]
    edges = [
        of(1),
        of(2),
        Edge(id_of(1), "GENERATED_BY", "s1"),
        Edge("s1", "USED", id_of(2), "", {"role": SCRIPT}),
        Edge("s1", "PART_OF", "r1"),
        Edge("r1", "AT_COMMIT", "c1"),
    ]
    return Batch(nodes, edges)
