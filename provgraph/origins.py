"""What produced a version, as a tree that a person can read.

The graph is walked once, level by level; the tree shows each node where it is nearest to the root
and refers to it elsewhere, so it is never larger than the graph. Phases of one process are shown as
one step. What is many of a kind folds into a count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from provgraph.model.elements import Edge, Node
from provgraph.model.kinds import CELLS
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.store import Store

Relation = Literal[
    "root", "generated", "used", "executed", "code", "derived", "piped", "variable", "informed"
]

FOLD: Final = 8
"""How many inputs of one relation and one folder, or steps of one command, are shown before the rest fold."""


@dataclass(frozen=True)
class Origins:
    """A closure of lineage: its nodes, its edges, the runs of its steps by id, the first commit that
    each version stands in, and the script that had each step started (context, not lineage), by the
    version's and the step's id."""

    root: str
    nodes: dict[str, Node]
    edges: list[Edge]
    runs: dict[str, Node]
    commits: dict[str, Node]
    starters: dict[str, str]
    cut: bool  # True where `depth` or `limit` ended the walk before its end


@dataclass
class Branch:
    """A node of the tree. `repeated` says where it is shown in full, if that is elsewhere. `folded`
    are siblings that are not shown one by one."""

    node: Node
    relation: Relation
    word: str = ""
    run: Node | None = None
    starter: str = ""
    commit: Node | None = None
    repeated: Literal["", "above", "below", "folded"] = ""
    branches: list[Branch] = field(default_factory=list)
    folded: list[Node] = field(default_factory=list)


def origins(store: Store, root: str, depth: int | None = None, limit: int = 100_000) -> Origins:
    """Walk from one version to everything it came from, at most `depth` edges far."""
    nodes = {node.id: node for node in store.nodes([root])}
    edges: list[Edge] = []
    frontier, level, cut = [root], 0, False
    while frontier:
        if depth is not None and level >= depth:
            cut = True
            break
        found = store.edges(frontier, LINEAGE_EDGES)
        edges += found
        fresh = sorted({edge.target for edge in found} - nodes.keys())
        nodes |= {node.id: node for node in store.nodes(fresh)}
        if len(nodes) > limit:
            cut = True
            break
        frontier, level = fresh, level + 1
    return among(store, root, nodes, edges, cut=cut)


def among(
    store: Store, root: str, nodes: dict[str, Node], edges: Iterable[Edge], *, cut: bool = False
) -> Origins:
    """The part of a lineage that is made of these nodes, with what is context to them."""
    edges = [edge for edge in edges if edge.source in nodes and edge.target in nodes]
    steps = [id for id, node in nodes.items() if node.label == "Step"]
    run_ids = {str(nodes[id].properties.get("run", "")) for id in steps} - {""}
    runs = {node.id: node for node in store.nodes(sorted(run_ids))}
    versions = [id for id, node in nodes.items() if node.label == "Version"]
    commits, starters = first_commits(store, versions), starting_scripts(store, steps)
    return Origins(root, nodes, edges, runs, commits, starters, cut)


def starting_scripts(store: Store, steps: Sequence[str]) -> dict[str, str]:
    """The nearest script among what started each of these steps, where there is one."""
    scripts: dict[str, str] = {}
    above = {step: step for step in steps}  # each step -> the ancestor that was reached
    visited = set(steps)
    while above:
        edges = store.edges(sorted(set(above.values())), ("STARTED_BY",))
        parents = {edge.source: edge.target for edge in edges}
        known = {node.id: node for node in store.nodes(sorted(set(parents.values())))}
        reached: dict[str, str] = {}
        for step, ancestor in above.items():
            parent = parents.get(ancestor)
            if parent is None:
                continue
            held = known[parent].properties
            if script := held.get("name" if held.get("how") == "cell" else "script"):
                scripts[step] = str(script)
            else:
                reached[step] = parent
        above = reached if set(reached.values()) - visited else {}
        visited |= set(reached.values())
    return scripts


def first_commits(store: Store, versions: Sequence[str]) -> dict[str, Node]:
    """The earliest commit that each of these versions stands in."""
    edges = store.edges(versions, ("IN_COMMIT",))
    commits = {node.id: node for node in store.nodes(sorted({edge.target for edge in edges}))}

    def age(edge: Edge) -> tuple[int, str]:
        at = commits[edge.target].properties.get("at")
        return (at if isinstance(at, int) else 2**63, edge.target)

    return {e.source: commits[e.target] for e in sorted(edges, key=age, reverse=True)}


def tree(origins: Origins, *, fold: bool = True) -> Branch:
    """The closure as a tree, breadth first: a node is shown in full where it is nearest to the
    root."""
    processes = _processes(origins)
    causes = _causes(origins, processes)
    commit = origins.commits.get(origins.root)
    root = Branch(origins.nodes[origins.root], "root", commit=commit)
    shown = {origins.root}
    queue = [root]
    for branch in queue:
        for cause, relation, word in causes.get(processes.get(branch.node.id, branch.node.id), ()):
            node = origins.nodes[cause]
            child = Branch(
                node,
                relation,
                word,
                run=_run(origins, node),
                starter=origins.starters.get(cause, ""),
                commit=origins.commits.get(cause),
                repeated="above" if cause in shown else "",
            )
            branch.branches.append(child)
            if cause not in shown:
                shown.add(cause)
                queue.append(child)
    if fold:
        _fold(root)
    _say_where(root)
    return root


def _say_where(root: Branch) -> None:
    """Set `repeated` by the order in which the tree is read."""
    seen: set[str] = set()
    waiting: defaultdict[str, list[Branch]] = defaultdict(list)
    stack = [root]
    while stack:
        branch = stack.pop()
        node = branch.node.id
        if not branch.repeated:
            seen.add(node)
            for before in waiting.pop(node, ()):
                before.repeated = "below"
        elif node in seen:
            branch.repeated = "above"
        else:
            branch.repeated = "folded"
            waiting[node].append(branch)
        stack += reversed(branch.branches)


def _run(origins: Origins, node: Node) -> Node | None:
    return origins.runs.get(str(node.properties.get("run", ""))) if node.label == "Step" else None


def _processes(origins: Origins) -> dict[str, str]:
    """Each phase of a process -> the one that stands for them all: the earliest in the closure."""
    before = {
        edge.source: edge.target
        for edge in origins.edges
        if edge.type == "INFORMED_BY" and edge.properties.get("channel") == "continuation"
    }
    stands: dict[str, str] = {}
    for step in before:
        chain: dict[str, None] = {}
        at = step
        while at in before and at not in stands and at not in chain:
            chain[at] = None
            at = before[at]
        stands |= dict.fromkeys(chain, stands.get(at, at))
    return stands


_RELATION: Final[dict[str, Relation]] = {
    "GENERATED_BY": "generated",
    "USED": "used",
    "EXECUTED": "executed",
    "INFORMED_BY": "informed",
    "DERIVED_FROM": "derived",
}
_RANK: Final = {
    relation: rank
    for rank, relation in enumerate(
        ("generated", "executed", "code", "piped", "variable", "informed", "derived", "used")
    )
}


def _causes(
    origins: Origins, processes: dict[str, str]
) -> dict[str, list[tuple[str, Relation, str]]]:
    """What each node (a process for its phases) came from, in the order it is shown."""
    found: defaultdict[str, dict[str, tuple[Relation, str]]] = defaultdict(dict)
    for edge in origins.edges:
        source = processes.get(edge.source, edge.source)
        target = processes.get(edge.target, edge.target)
        if source == target or _is_shown_with(origins.nodes[target]):
            continue
        relation, word = _relation(edge)
        known = found[source].get(target)
        if known is not None and relation == known[0] == "variable":
            word = ", ".join(sorted({word, *known[1].split(", ")}))
            known = None
        if known is None or _RANK[relation] < _RANK[known[0]]:
            found[source][target] = (relation, word)

    def place(item: tuple[str, tuple[Relation, str]]) -> tuple[int, str, str]:
        return (_RANK[item[1][0]], str(origins.nodes[item[0]].properties.get("name", "")), item[0])

    return {
        source: [(target, *how) for target, how in sorted(targets.items(), key=place)]
        for source, targets in found.items()
    }


def _is_shown_with(node: Node) -> bool:
    """A cell's text stands with its execution."""
    return str(node.properties.get("name", "")).startswith(CELLS)


def _relation(edge: Edge) -> tuple[Relation, str]:
    word = str(edge.properties.get("role") or edge.properties.get("how") or "")
    if edge.type == "USED" and word == "code":
        return "code", word
    if edge.type == "INFORMED_BY":
        channel = str(edge.properties.get("channel", edge.key))
        if channel == "variable":
            return "variable", str(edge.properties.get("name", ""))
        return ("piped" if channel == "pipe" else "informed"), channel
    return _RELATION[edge.type], word


def _fold(root: Branch) -> None:
    stack = [root]
    while stack:
        branch = stack.pop()
        branch.branches = _folded(branch.branches)
        stack += branch.branches


def _folded(branches: Sequence[Branch]) -> list[Branch]:
    """What is beyond `FOLD` of one relation and folder, or of one relation and command, becomes the folded
    siblings of the last one that is shown; what has origins that are shown under it is kept."""
    kept: list[Branch] = []
    shown: defaultdict[tuple[str, str, str], list[Branch]] = defaultdict(list)
    for branch in branches:
        if any(not below.repeated for below in branch.branches):
            kept.append(branch)
            continue
        group = shown[branch.relation, *_label_and_place(branch.node)]
        if len(group) < FOLD:
            group.append(branch)
            kept.append(branch)
        else:
            group[-1].folded.append(branch.node)
    return kept


def _label_and_place(node: Node) -> tuple[str, str]:
    """A file's place is its folder, a step's its command."""
    if node.label == "Step":
        return node.label, str(node.properties.get("command", ""))
    return node.label, str(node.properties.get("name", "")).rpartition("/")[0]
