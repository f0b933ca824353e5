"""What does a plan mean? Each operator over a networkx graph: slow, short, obviously right.

The graph is a `networkx.MultiDiGraph` whose nodes carry their `Node` as `node` and whose edges,
keyed by (type, key), their `Edge` as `edge`. Every store gives the rows that this module gives, in this order.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar, assert_never

from provgraph.errors import BudgetExceeded
from provgraph.model.elements import Edge, Node, Value
from provgraph.model.uri import is_file
from provgraph.model.vocabulary import DIGESTS, EDGES, LINEAGE_EDGES
from provgraph.query.conditions import holds
from provgraph.query.glob import compiled
from provgraph.query.operators import Cone, Record, above
from provgraph.query.operators.counting import counted, sameness
from provgraph.query.operators.slicing import learned
from provgraph.query.order import in_order_of
from provgraph.query.plan import (
    COMPONENT,
    Around,
    Budget,
    Condition,
    Count,
    Deletion,
    Diff,
    Digested,
    Every,
    Exactly,
    Filter,
    Find,
    Given,
    Globbed,
    Identified,
    InCommit,
    Latest,
    Limit,
    Name,
    Named,
    Nth,
    Paths,
    Plan,
    Project,
    Rerun,
    Runs,
    Segment,
    SetOp,
    Slice,
    Sort,
    Stale,
    Summarize,
    Table,
    Versions,
    Walk,
    WithDigest,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """A node and what the plan learned about it; `depth` is None where no walk gave one."""

    node: Node
    depth: int | None = None
    learned: Mapping[str, Value] = field(default_factory=dict)

    def value(self, key: str) -> Value:
        """What a condition, a sort key or a column sees under `key`; None where it is missing."""
        match key:
            case "id":
                return self.node.id
            case "depth":
                return self.depth
            case _ if key.startswith(":"):
                return self.learned.get(key)
            case _:
                return self.node.properties.get(key)


class Evaluator:
    """Evaluates plans over one graph. Raises `BudgetExceeded`."""

    def __init__(self, graph: Any, budget: Budget = Budget()) -> None:  # noqa: B008
        self.graph = graph
        self.meter = Meter(budget)

    def rows(self, plan: Plan) -> list[Row]:
        """The plan's rows, in its order."""
        match plan:
            case Find():
                return in_order(self.meter.each(self.find(plan)))
            case Walk():
                return in_order(self.walk(plan))
            case Around():
                return in_order(self.around(plan))
            case Filter(source, condition):
                return [row for row in self.rows(source) if self.satisfies(row, condition)]
            case Versions(source, until):
                return in_order(self.meter.each(self.versions(self.rows(source), until)))
            case Runs(source):
                return in_order(self.meter.each(self.runs(self.rows(source))))
            case SetOp():
                return in_order(self.combined(plan))
            case Sort(source, by):
                by_id = sorted(self.rows(source), key=lambda row: row.node.id)
                return in_order_of(by, by_id, Row.value)
            case Limit(source, count):
                return self.rows(source)[:count]
            case Project(source, _):
                return self.rows(source)
            case Given(rows, _, keys):
                return in_order(
                    Row(self.node(row.id), learned=dict(zip(keys, row.learned, strict=True)))
                    for row in rows
                    if row.id in self.graph
                )
            case Slice():
                return in_order(self.slice(plan))
            case Stale():
                return in_order(self.stale(plan))
            case Segment():
                return in_order(self.segment(plan))
            case Count() | Paths() | Deletion() | Rerun() | Diff() | Summarize():
                raise AssertionError("the rows of a table are no nodes: `records` gives them")
            case _:
                assert_never(plan)

    def records(self, plan: Plan) -> list[Record]:
        """The rows of a table, in its order."""
        return above(plan, self.tabulated)

    def tabulated(self, plan: Table) -> list[Record]:
        match plan:
            case Count():
                return counted(plan, self.counts(plan))
            case Paths():
                return self.paths(plan)
            case Deletion():
                return self.deletion(plan)
            case Rerun():
                return self.rerun(plan)
            case Diff():
                return self.diff(plan)
            case Summarize():
                return self.summary(plan)
            case _:
                assert_never(plan)

    def satisfies(self, row: Row, condition: Condition) -> bool:
        return holds(condition, row.value)

    # Find

    def find(self, plan: Find) -> list[Row]:
        """Label, name, kind and files say which are candidates; `which` picks among the candidates
        of each artifact; `where` is asked of those picked."""
        candidates = {
            node.id
            for node in self.nodes()
            if node.label == plan.label
            and (plan.kind is None or node.properties.get("kind") == plan.kind)
            and (not plan.files or self.is_file(node))
            and (plan.name is None or self.answers(node, plan.name))
        }
        picked = self.picked(plan, candidates) if plan.label == "Version" else candidates
        rows = [Row(self.node(id)) for id in picked]
        return [row for row in rows if plan.where is None or self.satisfies(row, plan.where)]

    def is_file(self, node: Node) -> bool:
        name = node.properties.get("name")
        return isinstance(name, str) and is_file(name)

    def answers(self, node: Node, name: Name) -> bool:
        """Whether a node answers to a name, itself or (a version) through one of its artifacts."""
        if isinstance(name, Identified):
            return node.id in name.ids
        if isinstance(name, Digested):
            held = (node.properties.get("digest"), node.properties.get("blob"))
            return node.label == "Version" and any(digest in name.digests for digest in held)
        if node.label == "Version":
            return any(self.is_called(self.node(a), name) for a in self.artifacts(node.id))
        return self.is_named(node, name)

    def is_called(self, artifact: Node, name: Exactly | Named | Globbed) -> bool:
        """Whether an artifact's versions answer to a name."""
        properties = artifact.properties
        match name:
            case Exactly(whole):
                return properties.get("name") == whole
            case Named(word, stems):
                keys = ("name", "base", "stem") if stems else ("name", "base")
                return any(properties.get(key) == word for key in keys)
            case Globbed(pattern):
                return matches(pattern, properties.get("name" if "/" in pattern else "base"))
            case _:
                assert_never(name)

    def is_named(self, node: Node, name: Exactly | Named | Globbed) -> bool:
        """Whether a node other than a version answers to a name."""
        match name:
            case Exactly(whole):
                return node.properties.get("name") == whole
            case Named(word, _):
                sha = str(node.properties.get("sha", ""))
                beginnings = (node.id, node.id[1:], sha)
                return node.properties.get("name") == word or (
                    len(word) >= 4 and any(text.startswith(word) for text in beginnings)
                )
            case Globbed(pattern):
                return matches(pattern, node.properties.get("name"))
            case _:
                assert_never(name)

    def picked(self, plan: Find, candidates: set[str]) -> set[str]:
        """Those of the candidates (versions) that `which` picks."""
        match plan.which:
            case Every(until):
                return {id for id in candidates if self.is_before(id, until)}
            case WithDigest(prefix):
                return {id for id in candidates if self.has_digest(self.node(id), prefix)}
            case InCommit(prefix):
                heads = [node.id for node in self.nodes() if is_commit(node, prefix)]
                held = list(self.timelines(plan.name, candidates))
                return {id for head in heads for id in self.at_commit(head, held)}
            case Latest(until):
                timelines = self.timelines(plan.name, candidates)
                known = ([i for i in each if self.is_before(i, until)] for _, each in timelines)
                return {each[-1] for each in known if each}
            case Nth(number):
                timelines = self.timelines(plan.name, candidates)
                return {each[number - 1] for _, each in timelines if 1 <= number <= len(each)}
            case _:
                assert_never(plan.which)

    def timelines(self, name: Name | None, candidates: set[str]) -> Iterator[tuple[str, list[str]]]:
        """Each artifact that answers to the name, and its candidates by (`at`, id)."""
        for artifact in self.nodes():
            if artifact.label == "Artifact" and (
                name is None
                or isinstance(name, Digested | Identified)
                or self.is_called(artifact, name)
            ):
                held = candidates & set(self.effects(artifact.id, "VERSION_OF"))
                timeline = in_order(Row(self.node(id)) for id in held)
                yield artifact.id, [row.node.id for row in timeline]

    def is_before(self, id: str, until: int | None) -> bool:
        at = self.node(id).properties.get("at")
        return until is None or (isinstance(at, int) and at <= until)

    def has_digest(self, version: Node, prefix: str) -> bool:
        held = ((version.properties.get(key), tag) for key, tag in DIGESTS.items())
        return any(isinstance(text, str) and text.startswith(tag + prefix) for text, tag in held)

    def at_commit(self, head: str, held: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
        """The version that is there of each artifact that has one."""
        line, behind = self.line(head), self.behind(head)
        for artifact, timeline in held:
            with_it = {id: self.commits_with(id, artifact) for id in timeline}
            run_at = {id: self.commits_run_at(id) for id in timeline}
            without = line.keys() & self.removals(artifact)
            removed = min((line[commit] for commit in without), default=len(line))
            since = {commit: edges for commit, edges in line.items() if edges <= removed}
            is_known = not behind.keys().isdisjoint(
                [
                    *self.removals(artifact),
                    *(commit for each in with_it.values() for commit in each),
                ]
            )
            yield from nearest(since, with_it) or nearest(since if is_known else behind, run_at)

    def line(self, commit: str) -> dict[str, int]:
        """A commit and those before it by first parents, each with how many edges lead to it."""
        return self.before(commit, lambda edge: edge.properties.get("first") is True)

    def behind(self, commit: str) -> dict[str, int]:
        """A commit and all that it came from, each with the fewest edges that lead to it."""
        return self.before(commit, lambda edge: True)

    def before(self, commit: str, is_followed: Callable[[Edge], bool]) -> dict[str, int]:
        away, level, hops = {commit: 0}, [commit], 0
        while level:
            edges = [edge for each in level for edge in self.edges_out(each, "PARENT")]
            parents = dict.fromkeys(edge.target for edge in edges if is_followed(edge))
            level = [parent for parent in parents if parent not in away]
            hops += 1
            away.update(dict.fromkeys(level, hops))
        return away

    def removals(self, artifact: str) -> list[str]:
        return self.causes(artifact, "REMOVED_IN")

    def commits_with(self, version: str, artifact: str) -> list[str]:
        """The commits that have a version under an artifact's name."""
        names = (None, self.node(artifact).properties.get("name"))
        edges = self.edges_out(version, "IN_COMMIT")
        return [edge.target for edge in edges if edge.properties.get("uri") in names]

    def commits_run_at(self, version: str) -> list[str]:
        runs = self.runs_of(self.node(version))
        return [commit for run in runs for commit in self.causes(run, "AT_COMMIT")]

    # Walk

    def walk(self, plan: Walk) -> list[Row]:
        """Breadth first, a level at a time: a node's depth is the level that reaches it first."""
        stops = {row.node.id for row in self.rows(plan.stop_at)} if plan.stop_at else set()
        sources = [row.node.id for row in self.rows(plan.source)]
        level = [id for id in sources if not self.is_hidden(id, plan.until)]
        depths: dict[str, int] = {}
        depth = 0
        while level and (plan.max_hops is None or depth < plan.max_hops):
            depth += 1
            reached = self.meter.each([id for id in self.step(plan, level) if id not in depths])
            depths.update(dict.fromkeys(reached, depth))
            level = [id for id in reached if id not in stops]
        return [Row(self.node(id), depth) for id, depth in depths.items()]

    def step(self, plan: Walk, level: Sequence[str]) -> list[str]:
        """The nodes one edge away, each once."""
        follow = self.causes if plan.toward == "origin" else self.effects
        reached = [other for id in level for other in follow(id, *plan.via)]
        return [id for id in dict.fromkeys(reached) if not self.is_hidden(id, plan.until)]

    def is_hidden(self, id: str, until: int | None) -> bool:
        """Whether a node came to be after `until`."""
        at = self.node(id).properties.get("at")
        return until is not None and isinstance(at, int) and at > until

    def around(self, plan: Around) -> list[Row]:
        """A hop at a time, all that an edge joins to what was there before."""
        depths = {row.node.id: 0 for row in self.rows(plan.source)}
        for depth in range(1, plan.hops + 1):
            joined = [o for id in list(depths) for o in self.neighbours(id, *plan.via)]
            new = [id for id in dict.fromkeys(joined) if id not in depths]
            depths.update(dict.fromkeys(self.meter.each(new), depth))
            if not new:
                break
        return [Row(self.node(id), depth) for id, depth in depths.items()]

    # Versions, Runs, SetOp

    def versions(self, rows: Iterable[Row], until: int | None) -> list[Row]:
        artifacts: set[str] = set()
        for row in rows:
            if row.node.label == "Artifact":
                artifacts.add(row.node.id)
            elif row.node.label == "Version":
                artifacts.update(self.artifacts(row.node.id))
        found = {v for artifact in artifacts for v in self.effects(artifact, "VERSION_OF")}
        return [Row(self.node(id)) for id in found if self.is_before(id, until)]

    def runs(self, rows: Iterable[Row]) -> list[Row]:
        return [Row(self.node(id)) for id in {r for row in rows for r in self.runs_of(row.node)}]

    def runs_of(self, node: Node) -> set[str]:
        match node.label:
            case "Run":
                return {node.id}
            case "Step":
                whole = self.causes(node.id, "PART_OF")
                return {id for id in whole if self.node(id).label == "Run"}
            case "Version":
                steps = self.causes(node.id, "GENERATED_BY")
                return {run for step in steps for run in self.runs_of(self.node(step))}
            case _:
                return set()

    def combined(self, plan: SetOp) -> list[Row]:
        left = {row.node.id for row in self.rows(plan.left)}
        right = {row.node.id for row in self.rows(plan.right)}
        match plan.operator:
            case "union":
                ids = left | right
            case "intersection":
                ids = left & right
            case "difference":
                ids = left - right
            case _:
                assert_never(plan.operator)
        return [Row(self.node(id)) for id in ids]

    # What no database language says

    def slice(self, plan: Slice) -> list[Row]:
        """Each lineage by itself, then counted."""
        first = {row.node.id for row in self.rows(plan.source)}
        others = {row.node.id for row in self.rows(plan.against)} if plan.against else set()
        ours = Counter(id for start in first for id in self.lineage(start))
        theirs = Counter(id for start in others - first for id in self.lineage(start))
        return [
            self.sliced(id, learned(n, n + theirs[id], len(first), len(others - first)))
            for id, n in ours.items()
            if n >= plan.least(len(first))
        ]

    def sliced(self, id: str, values: tuple[float, float, int]) -> Row:
        keys = (":lift", ":coverage", ":support")
        return Row(self.node(id), learned=dict(zip(keys, values, strict=True)))

    def lineage(self, id: str) -> list[str]:
        start = Find(self.node(id).label, Identified((id,)))
        return [row.node.id for row in self.walk(Walk(start, "origin", LINEAGE_EDGES))]

    def segment(self, plan: Segment) -> list[Row]:
        """Every path between knots, each by itself."""
        import networkx  # type: ignore[import-untyped]  # ships no types

        visible = [node.id for node in self.nodes() if not self.is_hidden(node.id, plan.until)]
        edges = [edge for edge in self.graph.edges(visible, keys=True) if edge[1] in {*visible}]
        edges = [(effect, cause, type) for effect, cause, (type, _) in edges if type in plan.via]
        graph = networkx.MultiDiGraph()
        graph.add_nodes_from(visible)
        graph.add_edges_from(edges)
        knots = networkx.condensation(networkx.DiGraph(graph))
        of = knots.graph["mapping"]
        ends = [
            {of[row.node.id] for row in self.rows(end) if row.node.id in of}
            for end in (plan.source, plan.to)
        ]
        types: dict[tuple[int, int], set[str]] = {}
        for effect, cause, type in edges:
            types.setdefault((of[effect], of[cause]), set()).add(type)
        found: dict[int, bool] = {}
        for origins, starts in (ends, ends[::-1]):
            for start in starts:
                paths = list(self.paths_between(knots, (start,)))
                words = {path: self.words(plan, path, knots, types) for path in paths}
                direct = [path for path in paths if path[-1] in origins]
                meant = {word for path in direct for word in words[path]}
                for path in (path for path in paths if words[path] & meant):
                    found |= {knot: found.get(knot, False) or path in direct for knot in path}
        return [
            Row(self.node(id), learned={":on_path": on_path})
            for knot, on_path in found.items()
            for id in knots.nodes[knot]["members"]
        ]

    def paths_between(self, knots: Any, path: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        yield path
        for cause in knots.successors(path[-1]):
            yield from self.paths_between(knots, (*path, cause))

    def words(
        self, plan: Segment, path: tuple[int, ...], knots: Any, types: Mapping[Any, set[str]]
    ) -> set[Any]:
        """What a path spells: its length, or one word for each choice of edges between its knots."""
        if plan.similar is None:
            return {len(path)}
        words: set[Any] = {()}
        for effect, cause in pairwise(path):
            is_what = Counter(
                (
                    self.node(id).label,
                    *(sameness(Row(self.node(id)).value(c.key)) for c in plan.similar),
                )
                for id in knots.nodes[cause]["members"]
            )
            letter = frozenset(is_what.items())
            words = {(*word, type, letter) for word in words for type in types[effect, cause]}
        return words

    # Tables

    def paths(self, plan: Paths) -> list[Record]:
        """Every simple path, then the first of them."""
        ends = {row.node.id for row in self.rows(plan.to)}
        starts = [row.node.id for row in self.rows(plan.source)]
        found = sorted(
            (len(path) - 1, path, toward == "effect")
            for toward in ("origin", "effect")
            for start in starts
            if not self.is_hidden(start, plan.until)
            for path in self.simple((start,), plan, toward)
            if path[-1] in ends and len(path) > 1
        )
        if not plan.every:
            found = sorted({path[1][-1]: path for path in reversed(found)}.values())
        return [
            self.placed(plan, number, depth, path, "effect" if against else "origin")
            for number, (_, path, against) in enumerate(found[: plan.most], 1)
            for depth in range(len(path))
        ]

    def simple(self, path: tuple[str, ...], plan: Paths, toward: str) -> Iterator[tuple[str, ...]]:
        """A path, and all that go on from it."""
        self.meter.each([path[-1]])
        yield path
        if plan.max_hops is not None and len(path) > plan.max_hops:
            return
        follow = self.causes if toward == "origin" else self.effects
        for other in dict.fromkeys(follow(path[-1], *plan.via)):
            if other not in path and not self.is_hidden(other, plan.until):
                yield from self.simple((*path, other), plan, toward)

    def placed(
        self, plan: Paths, number: int, depth: int, path: tuple[str, ...], toward: str
    ) -> Record:
        node = self.node(path[depth])
        edge = None
        if depth < len(path) - 1:
            ends = path[depth : depth + 2]
            effect, cause = ends if toward == "origin" else ends[::-1]
            edge = tuple(
                EDGES[type].phrase
                for type in EDGES
                if type in plan.via and cause in self.causes(effect, type)
            )
        return {
            "path": number,
            "depth": depth,
            "toward": toward,
            "id": node.id,
            "type": node.label.lower(),
            "kind": node.properties.get("kind"),
            "name": node.properties.get("name"),
            "time": node.properties.get("at"),
            "edge": edge,
        }

    def stale(self, plan: Stale) -> list[Row]:
        from provgraph.query.meanings.stale import stale

        found = stale(self, self.nodes_of(plan.source), plan.age, plan.until)
        return [
            Row(self.node(id), learned={":reasons": reasons, ":direct": direct})
            for id, reasons, direct in found
        ]

    def rerun(self, plan: Rerun) -> list[Record]:
        from provgraph.query.meanings.rerun import rows

        return rows(self, plan)

    def diff(self, plan: Diff) -> list[Record]:
        from provgraph.query.meanings.diff import rows

        return rows(self, plan)

    def deletion(self, plan: Deletion) -> list[Record]:
        from provgraph.query.meanings.deletion import rows

        kept = {row.node.id for row in self.rows(plan.keep)} if plan.keep else set()
        return rows(self, {row.node.id for row in self.rows(plan.source)}, kept)

    def summary(self, plan: Summarize) -> list[Record]:
        """One merge after the other, each seen from pairs of groups."""
        nodes = [row.node for row in in_order(self.plain(self.rows(plan.source)))]
        ids = [node.id for node in nodes]
        edges = {
            (ids.index(id), type, ids.index(cause))
            for id in ids
            for type in LINEAGE_EDGES
            for cause in self.causes(id, type)
            if cause in ids
        }
        colors: list[Any] = [
            (node.label, *(sameness(self.told(node, column.key)) for column in plan.by))
            for node in nodes
        ]
        for _ in range(plan.hops):
            colors = [
                (
                    color,
                    frozenset((t, colors[c]) for e, t, c in edges if e == at),
                    frozenset((t, colors[e]) for e, t, c in edges if c == at),
                )
                for at, color in enumerate(colors)
            ]
        groups = [[at] for at in range(len(nodes))]
        while True:
            before = len(groups)
            for back in (False, True):
                less = self.no_more(groups, colors, edges, back)
                same = [next(h for h in groups if less(g, h) and less(h, g)) for g in groups]
                groups = [
                    sorted(
                        at for g, first in zip(groups, same, strict=True) if first == h for at in g
                    )
                    for h in groups
                    if h in same
                ]
            ways = [self.no_more(groups, colors, edges, back) for back in (False, True)]
            stands = next(
                (
                    (g, h)
                    for g in groups
                    for h in groups
                    if g != h and all(less(g, h) for less in ways)
                ),
                None,
            )
            if stands is not None:
                rest = [group for group in groups if group not in stands]
                groups = sorted([*rest, sorted(stands[0] + stands[1])])
            if len(groups) == before:
                break
        return [
            {
                "group": number,
                "type": nodes[group[0]].label.lower(),
                **{column.name: self.told(nodes[group[0]], column.key) for column in plan.by},
                "count": len(group),
                "first": ids[group[0]],
                "example": nodes[group[0]].properties.get("name"),
                "edges": tuple(
                    f"{EDGES[type].phrase} {other}"
                    for type in EDGES
                    for other, h in enumerate(groups, 1)
                    if any((e, type, c) in edges for e in group for c in h)
                ),
            }
            for number, group in enumerate(groups, 1)
        ]

    def plain(self, rows: Iterable[Row]) -> list[Row]:
        return [Row(row.node) for row in rows]

    def no_more(
        self, groups: list[list[int]], colors: list[Any], edges: set[Any], back: bool
    ) -> Callable[[list[int], list[int]], bool]:
        """Whether what leads to one group leads to another: the largest such relation."""
        first = [group[0] for group in groups]
        of = {at: group[0] for group in groups for at in group}
        near = {(of[e], t, of[c]) for e, t, c in edges}
        if back:
            near = {(c, t, e) for e, t, c in near}
        held = {(g, h) for g in first for h in first if colors[g] == colors[h]}
        while True:
            left = {
                (g, h)
                for g, h in held
                if all(
                    any((e, k) in held and (k, t, h) in near for k in first)
                    for e, t, c in near
                    if c == g
                )
            }
            if left == held:
                return lambda g, h: (g[0], h[0]) in held
            held = left

    def told(self, node: Node, key: str) -> Value:
        """A value of a node, or the components of its runs."""
        if key != COMPONENT:
            return Row(node).value(key)
        seen, names = {node.id}, set[str]()
        left = [node.id]
        while left:
            id = left.pop()
            name = self.node(id).properties.get("name")
            if self.node(id).label == "Component" and isinstance(name, str):
                names.add(name)
            causes = self.causes(id, "GENERATED_BY", "PART_OF", "INSTANCE_OF")
            left += [cause for cause in causes if cause not in seen]
            seen.update(causes)
        found = tuple(sorted(names))
        return found if len(found) > 1 else next(iter(found), None)

    # What operators ask of an engine (`Reader`)

    def edges_from(self, plan: Plan, via: Sequence[str]) -> list[tuple[str, str, str]]:
        effects = [row.node.id for row in self.rows(plan)]
        return [(e, type, c) for e in effects for type in via for c in {*self.causes(e, type)}]

    def visit(self, nodes: int) -> None:
        self.meter.visit(nodes)

    def columns(self, plan: Project) -> list[tuple[Value, ...]]:
        keys = [column.key for column in plan.columns]
        return [tuple(row.value(key) for key in keys) for row in self.rows(plan)]

    def counts(self, plan: Count) -> list[tuple[Any, ...]]:
        return [(*values, 1) for values in self.columns(Project(plan.source, plan.by))]

    def cone(self, walk: Walk) -> Cone:
        starts = [row.node.id for row in self.rows(walk.source)]
        starts = [id for id in starts if not self.is_hidden(id, walk.until)]
        ids = list(dict.fromkeys([*starts, *(row.node.id for row in self.walk(walk))]))
        place = {id: at for at, id in enumerate(ids)}
        pairs = {
            (place[effect], place[cause])
            for effect in ids
            for cause in self.causes(effect, *walk.via)
            if cause in place
        }
        return Cone(
            ids,
            [self.node(id).label for id in ids],
            [place[id] for id in starts],
            [effect for effect, _ in pairs],
            [cause for _, cause in pairs],
        )

    def nodes_of(self, plan: Plan) -> list[Node]:
        return [row.node for row in self.rows(plan)]

    def edges_of(self, plan: Plan, types: Sequence[str]) -> list[Edge]:
        return [edge for row in self.rows(plan) for edge in self.edges_out(row.node.id, *types)]

    # The graph

    def nodes(self) -> Iterator[Node]:
        return (node for _, node in self.graph.nodes(data="node"))

    def node(self, id: str) -> Node:
        node: Node = self.graph.nodes[id]["node"]
        return node

    def artifacts(self, version: str) -> list[str]:
        return self.causes(version, "VERSION_OF")

    def causes(self, id: str, *types: str) -> list[str]:
        """Where the edges of these types out of a node lead."""
        return [
            cause for _, cause, (type, _) in self.graph.out_edges(id, keys=True) if type in types
        ]

    def effects(self, id: str, *types: str) -> list[str]:
        """Where the edges of these types into a node come from."""
        return [
            effect for effect, _, (type, _) in self.graph.in_edges(id, keys=True) if type in types
        ]

    def edges_out(self, id: str, *types: str) -> list[Edge]:
        """The edges of these types out of a node."""
        out = self.graph.out_edges(id, data="edge")
        return [edge for _, _, edge in out if edge.type in types]

    def edges_into(self, id: str, *types: str) -> list[Edge]:
        """The edges of these types into a node."""
        into = self.graph.in_edges(id, data="edge")
        return [edge for _, _, edge in into if edge.type in types]

    def place(self, id: str) -> tuple[bool, Any, str]:
        """Where a node comes in order of time."""
        at = self.node(id).properties.get("at")
        return at is None, at, id

    def neighbours(self, id: str, *types: str) -> list[str]:
        """What edges of these types join a node to, whichever way they point."""
        return self.causes(id, *types) + self.effects(id, *types)


class Meter:
    """Counts the nodes that an evaluation visits (those that an operator gives or reaches) and
    looks at the clock."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.visited = 0
        self.start = time.monotonic()

    def each(self, found: list[T]) -> list[T]:
        """The same, counted. Raises `BudgetExceeded`."""
        self.visit(len(found))
        return found

    def visit(self, many: int) -> None:
        self.visited += many
        nodes, seconds = self.budget.nodes, self.budget.seconds
        if nodes is not None and self.visited > nodes:
            raise BudgetExceeded(
                f"the question visits more than {nodes} nodes",
                hint="narrow it, or raise `--max-nodes`",
            )
        if seconds is not None and time.monotonic() - self.start > seconds:
            raise BudgetExceeded(
                f"the question takes longer than {seconds:g} s",
                hint="narrow it, or raise `--timeout`",
            )


def is_commit(node: Node, prefix: str) -> bool:
    """Whether a node is a commit whose sha begins so."""
    sha = node.properties.get("sha")
    return node.label == "Commit" and isinstance(sha, str) and sha.startswith(prefix)


def nearest(away: Mapping[str, int], commits_of: Mapping[str, Iterable[str]]) -> list[str]:
    """The version whose commit is the least away, the last of several; none if none has a commit there.

    >>> nearest({"c1": 1, "c2": 0}, {"v1": ["c1", "c2"], "v2": ["c2"], "v3": ["c1"], "v4": ["c9"]})
    ['v2']
    """
    known = [
        (-away[commit], place, version)
        for place, (version, commits) in enumerate(commits_of.items())
        for commit in commits
        if commit in away
    ]
    return [max(known)[2]] if known else []


def matches(pattern: str, text: Value) -> bool:
    return isinstance(text, str) and compiled(pattern).fullmatch(text) is not None


def in_order(rows: Iterable[Row]) -> list[Row]:
    """By (depth, `at`, id): a missing depth is 0, a missing `at` comes last."""

    def place(row: Row) -> tuple[int, bool, Any, str]:
        at = row.node.properties.get("at")
        return (row.depth or 0, at is None, at, row.node.id)

    return sorted(rows, key=place)
