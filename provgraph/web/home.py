"""What is shown before anything is asked for: how much there is, the newest runs and results."""

from __future__ import annotations

from typing import Final

from provgraph.graph import Graph
from provgraph.model.elements import Node
from provgraph.query.plan import Find, Limit, Membership, Plan, Sort, SortKey
from provgraph.web.cards import cards, nodes
from provgraph.web.documents import Home

SHOWN: Final = 8
RUNS: Final = 24
"""How many of the newest runs are looked through for results."""
RESULTS: Final = ("model", "report", "prediction", "figure", "metrics")
_NEWEST: Final = (SortKey("at", descending=True),)


def home(graph: Graph) -> Home:
    statistics = graph.store.statistics()
    runs = nodes(graph, Limit(Sort(Find("Run"), _NEWEST), RUNS))
    return Home(
        nodes=statistics.nodes,
        edges=statistics.edges,
        kinds=sorted(graph.kinds.names),
        runs=cards(graph, runs[:SHOWN]),
        results=cards(graph, _newest_of_each(_made_in(graph, runs) if runs else _any(graph))),
    )


def _made_in(graph: Graph, runs: list[Node]) -> list[Node]:
    """The results among what the runs made."""
    steps = graph.store.edges([run.id for run in runs], ("PART_OF",), incoming=True)
    made = graph.store.edges([e.source for e in steps], ("GENERATED_BY",), incoming=True)
    found = graph.store.nodes(sorted({edge.source for edge in made}))
    return [node for node in found if node.properties.get("kind") in RESULTS]


def _any(graph: Graph) -> list[Node]:
    asked: Plan = Find("Version", where=Membership("kind", RESULTS))
    return nodes(graph, Limit(Sort(asked, _NEWEST), SHOWN * 8))


def _newest_of_each(found: list[Node]) -> list[Node]:
    """The newest version under each name, from the newest on."""

    def age(node: Node) -> tuple[int, str]:
        at = node.properties.get("at")
        return (-at if isinstance(at, int) else 0, node.id)

    newest: dict[str, Node] = {}
    for node in sorted(found, key=age):
        newest.setdefault(str(node.properties.get("name")), node)
    return list(newest.values())[:SHOWN]
