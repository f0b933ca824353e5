"""What is shown before anything is asked for: how much there is, the newest runs and results."""

from __future__ import annotations

from typing import Final

from provgraph.graph import Graph
from provgraph.model.elements import Node
from provgraph.query.plan import Find, Limit, Membership, Plan, Sort, SortKey
from provgraph.web.cards import cards, nodes
from provgraph.web.documents import Home

SHOWN: Final = 8
RESULTS: Final = ("model", "report", "prediction", "figure", "metrics")
_NEWEST: Final = (SortKey("at", descending=True),)


def home(graph: Graph) -> Home:
    statistics = graph.store.statistics()
    runs = nodes(graph, Limit(Sort(Find("Run"), _NEWEST), SHOWN))
    return Home(
        nodes=statistics.nodes,
        edges=statistics.edges,
        kinds=sorted(graph.kinds.names),
        runs=cards(graph, runs),
        results=cards(graph, _results(graph)),
    )


def _results(graph: Graph) -> list[Node]:
    """The newest version of each artifact among the newest results."""
    asked: Plan = Find("Version", where=Membership("kind", RESULTS))
    found = nodes(graph, Limit(Sort(asked, _NEWEST), SHOWN * 8))
    newest: dict[str, Node] = {}
    for node in found:
        newest.setdefault(str(node.properties.get("name")), node)
    return list(newest.values())[:SHOWN]
