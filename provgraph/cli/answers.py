"""An answer on standard output, in each format that one can be asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, Literal, assert_never, get_args

import click
from msgspec import structs

from provgraph.asking.answers import answer
from provgraph.asking.missing import nothing
from provgraph.asking.queries import Query
from provgraph.asking.tables import cells
from provgraph.cli.output import note, present, write_csv, write_json_rows, write_table
from provgraph.cli.text import count, plain
from provgraph.graph import Graph
from provgraph.model.elements import Edge, Node
from provgraph.model.vocabulary import EDGES
from provgraph.query.plan import Column, Plan, Project, Sort, Walk

Format = Literal["table", "json", "csv", "dot", "tree"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)


def write_answer(graph: Graph, query: Query, format: Format) -> None:
    """Raises what asking raises, before anything is written; `UsageError` where the rows are a table's
    and the format shows nodes; `NotFound` where there are no rows because a name finds nothing."""
    if not len(query) and (wrong := nothing(query.beside, query.plan)):
        raise wrong
    for remark in query.remarks:
        note(remark)
    match format:
        case "table":
            found = answer(query.rows, query.plan)
            number = write_table(found.names, cells(found))
            click.echo(count(number, "row"), err=True)
        case "json":
            found = answer(query.rows, query.plan)
            write_json_rows(
                {c.name: plain(c.key, held) for c, held in zip(found.columns, row, strict=True)}
                for row in found.values
            )
        case "csv":
            found = answer(query.rows, query.plan)
            keys = [column.key for column in found.columns]
            write_csv(
                found.names,
                (
                    [plain(k, held) for k, held in zip(keys, row, strict=True)]
                    for row in found.values
                ),
            )
        case "dot":
            from provgraph.asking.dot import dot

            nodes = {node.id: node for node in (*beginnings(graph, query), *query.nodes())}
            edges = graph.store.edges(sorted(nodes))
            for line in dot(nodes.values(), (edge for edge in edges if edge.target in nodes)):
                click.echo(line)
        case "tree":
            write_trees(graph, query)
        case _:
            assert_never(format)


def write_trees(graph: Graph, query: Query) -> None:
    """Trees of what was asked about and of the answer; or of the answer alone, where no walk gave it."""
    from provgraph.cli.tree import rendered
    from provgraph.origins import among, tree

    roots = beginnings(graph, query)
    nodes = {node.id: node for node in (*roots, *query.nodes())}
    walk = walk_of(query.plan)
    toward = walk.toward if walk is not None else "origin"
    edges = list(between(graph, nodes))
    if toward == "effect":
        edges = [structs.replace(edge, source=edge.target, target=edge.source) for edge in edges]
    for root in [node.id for node in roots] or tops(nodes, edges):
        branch = tree(among(graph.store, root, reached(root, nodes, edges), edges))
        present(rendered(branch, toward=toward))


def beginnings(graph: Graph, query: Query) -> list[Node]:
    """Where the walk began whose rows the answer is: without them a picture has no root."""
    walk = walk_of(query.plan)
    if walk is None:
        return []
    rows = graph.answer(Project(walk.source, (Column("id", "id"),)))
    return graph.store.nodes([id for (id,) in rows.values])


def walk_of(plan: Plan) -> Walk | None:
    """The walk whose rows, all of them, a plan shows."""
    while isinstance(plan, Project | Sort):
        plan = plan.source
    return plan if isinstance(plan, Walk) else None


def between(graph: Graph, nodes: dict[str, Node]) -> Iterator[Edge]:
    lineage = [name for name, edge in EDGES.items() if edge.lineage]
    found = graph.store.edges(sorted(nodes), lineage)
    return (edge for edge in found if edge.target in nodes)


def tops(nodes: Iterable[str], edges: Iterable[Edge]) -> Iterator[str]:
    """Those that nothing leads to, and one of each circle that nothing leads into.

    >>> list(tops(["a", "b", "c", "d"], [Edge("a", "USED", "b"), Edge("c", "USED", "d"), Edge("d", "USED", "c")]))
    ['a', 'c']
    """
    below: defaultdict[str, list[str]] = defaultdict(list)
    for edge in edges:
        below[edge.source].append(edge.target)
    led_to = {target for targets in below.values() for target in targets}
    seen: set[str] = set()
    nodes = list(nodes)
    for root in (*(node for node in nodes if node not in led_to), *nodes):
        if root in seen:
            continue
        yield root
        stack = [root]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack += below[node]


def reached(root: str, nodes: dict[str, Node], edges: Iterable[Edge]) -> dict[str, Node]:
    """The nodes that edges lead to from one of them, itself among them."""
    below: defaultdict[str, list[str]] = defaultdict(list)
    for edge in edges:
        below[edge.source].append(edge.target)
    found = {root: nodes[root]}
    stack = [root]
    while stack:
        for target in below[stack.pop()]:
            if target not in found:
                found[target] = nodes[target]
                stack.append(target)
    return found
