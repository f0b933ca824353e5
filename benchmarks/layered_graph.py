"""A graph like those that captures make, of any size: which batches would fill a store with it?

Projects stand side by side and their runs interleave in time. Each run has a few steps; a step
reads versions of its project that are recent, executes a script, and writes one to three versions
of files, old or new. The last version of a project therefore comes from most of its steps: with
15,000 nodes a project, its closure holds some ten thousand.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from provgraph.model.elements import Batch, Edge, Node, Watermark

_NOON = 1_780_000_000_000_000_000  # nanoseconds
_SUFFIXES = ("csv", "parquet", "pkl", "json", "png")
_KINDS = ("dataset", "dataset", "model", "report", "other")


@dataclass(slots=True)
class Project:
    """One project's state while it grows."""

    name: str
    folder: Node
    script: Node
    artifacts: list[Node] = field(default_factory=list)
    latest: dict[str, str] = field(default_factory=dict)  # artifact -> version
    recent: list[str] = field(default_factory=list)
    nodes: int = 0


class Layered:
    """Makes batches. `projects` says what became of each, once the batches are taken."""

    def __init__(self, nodes: int, *, project_nodes: int = 15_000, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.wanted = nodes
        self.now = _NOON
        self.made: list[Node] = []
        self.joined: list[Edge] = []
        self.projects = [self._project(n) for n in range(max(1, nodes // project_nodes))]

    def batches(self, elements: int = 80_000) -> Iterator[Batch]:
        """Batches of about so many elements, each with a watermark."""
        total = len(self.made)
        turn = 0
        while total < self.wanted:
            before = len(self.made)
            self._run(self.projects[turn % len(self.projects)])
            turn += 1
            total += len(self.made) - before
            if len(self.made) + len(self.joined) >= elements or total >= self.wanted:
                yield Batch(self.made, self.joined, watermarks=[Watermark("segment", 0, turn)])
                self.made, self.joined = [], []

    def _id(self, letter: str) -> str:
        return f"{letter}{self.random.getrandbits(104):026x}"

    def _node(self, node: Node) -> Node:
        self.made.append(node)
        return node

    def _edge(self, source: str, type: str, target: str, role: str | None = None) -> None:
        self.joined.append(Edge(source, type, target, "", {} if role is None else {"role": role}))

    def _project(self, number: int) -> Project:
        name = f"project{number}"
        folder = self._artifact(f"{name}/train.py")
        script = self._version(folder, "script", run=None)
        self._edge(script.id, "VERSION_OF", folder.id)
        return Project(name, folder, script, recent=[script.id])

    def _artifact(self, name: str) -> Node:
        base = name.rsplit("/", 1)[-1]
        stem = base.rsplit(".", 1)[0]
        return self._node(
            Node(self._id("a"), "Artifact", {"name": name, "base": base, "stem": stem})
        )

    def _version(self, artifact: Node, kind: str, run: str | None) -> Node:
        self.now += 1_000_003
        name = artifact.properties["name"]
        return self._node(
            Node(
                self._id("v"),
                "Version",
                {
                    "name": name,
                    "names": (str(name),),
                    "kind": kind,
                    "at": self.now,
                    "size": self.random.randrange(1 << 24),
                    "digest": f"blake3:{self.random.getrandbits(256):064x}",
                    "state": "present",
                    "by": "train.py",
                    "run": run,
                },
            )
        )

    def _run(self, project: Project) -> None:
        run = self._node(Node(self._id("r"), "Run", self._timed("run", "make all")))
        before: str | None = None
        for _ in range(self.random.randint(2, 6)):
            before = self._step(project, run.id, before)

    def _timed(self, kind: str, command: str) -> dict[str, str | int | None]:
        self.now += 1_000_003
        return {
            "name": command.split(" ")[0],
            "kind": kind,
            "at": self.now,
            "ended": self.now + 1_000_000,
            "duration": 1_000_000,
            "command": command,
            "cwd": ".",
            "exit": 0,
        }

    def _step(self, project: Project, run: str, before: str | None) -> str:
        command = f"python train.py --seed {self.random.randrange(1 << 20)}"
        properties = self._timed("process", command)
        properties |= {"pid": self.random.randrange(1 << 22), "run": run, "program": "python3.12"}
        step = self._node(Node(self._id("s"), "Step", properties)).id
        self._edge(step, "PART_OF", run)
        self._edge(step, "EXECUTED", project.script.id)
        if before is not None:
            self._edge(step, "INFORMED_BY", before)
        count = min(len(project.recent), self.random.randint(1, 5))
        for read in set(self.random.sample(project.recent[-40:], min(count, 40))):
            self._edge(step, "USED", read, "input")
        for _ in range(self.random.randint(1, 3)):
            self._write(project, run, step)
        return step

    def _write(self, project: Project, run: str, step: str) -> None:
        choice = self.random.randrange(len(_SUFFIXES))
        if project.artifacts and self.random.random() < 0.7:
            artifact = self.random.choice(project.artifacts)
        else:
            name = f"{project.name}/out/{len(project.artifacts)}.{_SUFFIXES[choice]}"
            artifact = self._artifact(name)
            project.artifacts.append(artifact)
        version = self._version(artifact, _KINDS[choice], run).id
        self._edge(version, "VERSION_OF", artifact.id)
        self._edge(version, "GENERATED_BY", step)
        old = project.latest.get(artifact.id)
        if old is not None:
            self._edge(version, "REVISION_OF", old)
        project.latest[artifact.id] = version
        project.recent.append(version)
        del project.recent[:-60]


def wide(layers: int = 250, width: int = 4000, seed: int = 1) -> Iterator[Batch]:
    """Layers of steps and of versions in turn, each node made from two to three near it in the layer
    before: what comes from a node of the last layer is most of the graph, as many levels deep.
    Row ids follow the order of making, so node n of layer l is `wide_id(l, n, width)`."""
    random_ = random.Random(seed)
    for layer in range(layers):
        type = "USED" if layer % 2 else "GENERATED_BY"
        label = "Step" if layer % 2 else "Version"
        ids = [wide_id(layer, place, width) for place in range(width)]
        edges = [
            Edge(id, type, wide_id(layer - 1, cause % width, width))
            for place, id in enumerate(ids if layer else ())
            for cause in {
                place + random_.randint(-40, 40) for _ in range(2 + (random_.random() < 0.84))
            }
        ]
        first = _NOON + layer * width
        nodes = [Node(id, label, {"at": first + n, "name": "wide"}) for n, id in enumerate(ids)]
        yield Batch(nodes, edges)


def wide_id(layer: int, place: int, width: int = 4000) -> str:
    return f"{'s' if layer % 2 else 'v'}{layer * width + place:026d}"


def ladder(diamonds: int) -> Batch:
    """Stacked diamonds: 2^diamonds paths from the first node to the last."""
    ids = [f"v{'ladder':>016}{number:010d}" for number in range(3 * diamonds + 1)]
    edges = []
    for top in range(0, 3 * diamonds, 3):
        for side in (top + 1, top + 2):
            edges += [(top, side), (side, top + 3)]
    return Batch(
        nodes=[
            Node(id, "Version", {"name": "ladder", "at": _NOON - n}) for n, id in enumerate(ids)
        ],
        edges=[Edge(ids[one], "DERIVED_FROM", ids[other]) for one, other in edges],
    )


def chain(length: int) -> Batch:
    """Versions, each derived from the next."""
    ids = [f"v{number:026d}" for number in range(length)]
    return Batch(
        nodes=[Node(id, "Version", {"name": "chain", "at": _NOON - n}) for n, id in enumerate(ids)],
        edges=[Edge(one, "DERIVED_FROM", next_) for one, next_ in pairwise(ids)],
    )
