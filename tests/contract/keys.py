"""Graphs written by hand, for answers that are known beforehand."""

from __future__ import annotations

from collections.abc import Sequence

from provgraph.model.elements import Batch, Edge, Node, Value
from provgraph.model.vocabulary import Label
from provgraph.query.binder import Scope, bind
from provgraph.query.optimizer import optimize
from provgraph.query.syntax import parse
from provgraph.store import Store

DAY = 86_400 * 10**9
KINDS = frozenset(("dataset", "model", "prediction", "script"))
_LABELS: dict[str, Label] = {
    "v": "Version",
    "s": "Step",
    "r": "Run",
    "a": "Artifact",
    "u": "Subject",
    "e": "Environment",
    "c": "Commit",
}


def graph(nodes: dict[str, dict[str, Value]], *edges: tuple[str, str, str] | Edge) -> Batch:
    """Nodes by id, whose first letter tells the label. A version's `name` makes it a version of the
    artifact of that name; its `at` is a number of days."""
    made = {id: Node(id, _LABELS[id[0]], _kept(id, held)) for id, held in nodes.items()}
    links = [edge if isinstance(edge, Edge) else Edge(*edge) for edge in edges]
    for node in list(made.values()):
        if node.label == "Version":
            name = str(node.properties["name"])
            base = name.rpartition("/")[2]
            parts: dict[str, Value] = {"name": name, "base": base, "stem": base.partition(".")[0]}
            made[f"a-{name}"] = Node(f"a-{name}", "Artifact", parts)
            links.append(Edge(node.id, "VERSION_OF", f"a-{name}"))
    return Batch(list(made.values()), links)


def _kept(id: str, held: dict[str, Value]) -> dict[str, Value]:
    at = held.get("at")
    days: dict[str, Value] = {"at": int(at * DAY)} if isinstance(at, int | float) else {}
    return {"kind": _LABELS[id[0]].lower(), **held, **days}


def answer(store: Store, text: str) -> Sequence[tuple[object, ...]]:
    """The rows of a question; `now` is the hundredth day."""
    bound = bind(parse(text), Scope(KINDS, now=100 * DAY))
    return store.run(optimize(bound.plan)).values
