"""What is there to say of one node? Its values, its versions, its run, and what stands around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from provgraph.errors import StoreError
from provgraph.graph import Graph
from provgraph.model.elements import Node
from provgraph.model.text import plain
from provgraph.model.uri import shown
from provgraph.model.vocabulary import FIELDS, Field, FieldType, Label
from provgraph.query.plan import Limit, Plan, SetOp, Sort, SortKey, Versions, Walk
from provgraph.web.cards import cards, label_of, nodes, only, run_of, shown_node
from provgraph.web.documents import Card, Page, Section, Surroundings, Toward, Value

LISTED: Final = 50
"""Nodes of a section that are listed; the rest is counted."""
VERSIONS: Final = 200

_NOT_SHOWN: Final = frozenset(
    (
        *("id", "name", "kind", "stat", "generated", "gaps", "message", "packages", "names", "how"),
        *("notes", "flagged", "flag_reason", "told"),
    )
)

_OUT: Final[dict[Label, dict[str, str]]] = {
    "Version": {
        "GENERATED_BY": "Made by",
        "DERIVED_FROM": "Derived from",
        "INVALIDATED_BY": "Ended by",
        "IN_COMMIT": "In commits",
        "ABOUT": "Subjects",
        "PART_OF": "Part of",
    },
    "Step": {
        "USED": "Inputs",
        "EXECUTED": "Code it executed",
        "INFORMED_BY": "Came after",
        "STARTED_BY": "Started by",
    },
    "Run": {"AT_COMMIT": "Commit", "BY": "Person", "INSTANCE_OF": "Component"},
    "Commit": {"PARENT": "Parents", "BY": "Author"},
}
_IN: Final[dict[Label, dict[str, str]]] = {
    "Version": {
        "USED": "Read by",
        "EXECUTED": "Executed by",
        "DERIVED_FROM": "Turned into",
        "PART_OF": "Parts",
    },
    "Step": {
        "GENERATED_BY": "Outputs",
        "INFORMED_BY": "Before",
        "STARTED_BY": "Started",
        "INVALIDATED_BY": "Replaced or removed",
    },
    "Commit": {
        "IN_COMMIT": "Files it changed",
        "REMOVED_IN": "Files it removed",
        "AT_COMMIT": "Runs at it",
        "PARENT": "Children",
    },
    "Environment": {"IN_ENVIRONMENT": "Runs in it"},
    "Agent": {"BY": "Runs and commits"},
    "Component": {"INSTANCE_OF": "Runs"},
    "Subject": {"ABOUT": "Versions about it"},
}


def page(graph: Graph, id: str) -> Page:
    """The page of a node; an artifact's is that of its latest version. Raises `NotFound`."""
    here = shown_node(graph, id)
    versions = _versions(graph, here)
    run = run_of(graph, here)
    return Page(
        card=cards(graph, [here], counted=True)[0],
        values=list(_values(here)),
        verdict=str(run.properties["verdict"]) if run and run.properties.get("verdict") else None,
        gaps=_texts(run or here, "gaps"),
        versions=versions[-VERSIONS:],
        version_count=len(versions),
        number=next((n for n, card in enumerate(versions, 1) if card.id == here.id), None),
        run=Card.of(run) if run else None,
        component=_component(graph, run),
        environment=_environment(graph, here if here.label == "Environment" else run),
        sections=[section for section in _sections(graph, here) if section.total],
        message=shown_lines(str(here.properties.get("message") or "")) or None,
        notes=[shown_lines(note) for note in _held(here, "notes")],
        flag=_flag(here),
    )


def said(graph: Graph, id: str, what: str, text: str) -> Page:
    """Write down what somebody says of a node; its page afterwards. Raises `NotFound`, `StoreError`."""
    here = shown_node(graph, id)
    if graph.read_only:
        raise StoreError(f"{graph.project.state} cannot be written")
    graph.annotate([here], what, value=text)
    return page(graph, here.id)


def shown_lines(text: str) -> str:
    """Text of several lines for a person.

    >>> shown_lines("a\\nb\\x1b[0m")
    'a\\nb\\\\x1b[0m'
    """
    return "\n".join(shown(line) for line in text.strip().split("\n"))


def _versions(graph: Graph, here: Node) -> list[Card]:
    if here.label != "Version":
        return []
    return cards(graph, nodes(graph, Versions(only(here))))


def _component(graph: Graph, run: Node | None) -> Card | None:
    """The stage that a run is an instance of; of several, the first by its id."""
    edges = graph.store.edges([run.id], ("INSTANCE_OF",)) if run else []
    found = graph.store.nodes([edge.target for edge in edges])
    return Card.of(found[0]) if found else None


def _environment(graph: Graph, run: Node | None) -> Surroundings | None:
    if run is None:
        return None
    ids = [edge.target for edge in graph.store.edges([run.id], ("IN_ENVIRONMENT",))]
    found = [run] if run.label == "Environment" else graph.store.nodes(ids[:1])
    if not found:
        return None
    held = found[0].properties
    return Surroundings(
        id=found[0].id,
        name=shown(str(held.get("name") or found[0].id)),
        python=str(held["python"]) if held.get("python") else None,
        system=str(held["system"]) if held.get("system") else None,
        packages=_texts(found[0], "packages"),
    )


def _flag(node: Node) -> str | None:
    held = node.properties
    return shown(str(held.get("flag_reason") or "")) if held.get("flagged") is True else None


def _texts(node: Node, key: str) -> list[str]:
    return [shown(text) for text in _held(node, key)]


def _held(node: Node, key: str) -> tuple[str, ...]:
    held = node.properties.get(key) or ()
    if isinstance(held, str):
        return (held,)
    return held if isinstance(held, tuple) else ()


# Values.


def _values(node: Node) -> Iterator[Value]:
    """The node's properties, those of the vocabulary first and in its order."""
    fields: dict[str, Field] = {}
    for field in FIELDS[label_of(node)]:
        fields.setdefault(field.key, field)
    names = node.properties.get("names")
    if isinstance(names, tuple) and len(names) > 1:
        yield Value(
            name="names", meaning="every name it had", type="texts", value=_texts(node, "names")
        )
    known = [key for key in fields if key in node.properties]
    for key in (*known, *sorted(node.properties.keys() - fields.keys())):
        if key in _NOT_SHOWN or node.properties[key] in (None, "", ()):
            continue
        field = fields.get(key) or Field(key, FieldType.TEXT, key, "")
        yield Value(
            name=field.name, meaning=field.meaning, type=field.type, value=_value(node, key)
        )


def _value(node: Node, key: str) -> str | int | float | bool | list[str]:
    held = plain(key, node.properties[key])
    if isinstance(held, tuple):
        return [shown(member) for member in held]
    if isinstance(held, int) and not isinstance(held, bool) and abs(held) > 2**53:
        return str(held)  # JavaScript's numbers end there
    return shown(held) if isinstance(held, str) else held


# What stands around it.


def _sections(graph: Graph, here: Node) -> Iterator[Section]:
    label = label_of(here)
    if label == "Run":
        yield from _of_run(graph, here)
    for incoming, words in ((False, _OUT.get(label, {})), (True, _IN.get(label, {}))):
        counts = graph.store.degrees([here.id], tuple(words), incoming=incoming) if words else {}
        for type, title in words.items():
            if total := counts.get(here.id, {}).get(type, 0):
                toward: Toward = "effect" if incoming else "origin"
                walk = Walk(only(here), toward, (type,), max_hops=1)
                found = nodes(graph, Limit(Sort(walk, (SortKey("at", descending=True),)), LISTED))
                key = f"{'in' if incoming else 'out'}-{type.lower().replace('_', '-')}"
                yield Section(key=key, title=title, total=total, cards=cards(graph, found))


def _of_run(graph: Graph, run: Node) -> Iterator[Section]:
    """A run's steps in order of time, and what went into them and came out, the run as a whole."""
    steps = Walk(only(run), "effect", ("PART_OF",), max_hops=1)
    made = Walk(steps, "effect", ("GENERATED_BY",), max_hops=1)
    read = Walk(steps, "origin", ("USED",), max_hops=1)
    code = Walk(steps, "origin", ("EXECUTED",), max_hops=1)
    inputs = SetOp("difference", read, made)
    yield _section(graph, "inputs", "Inputs", Sort(inputs, (SortKey("name"),)))
    yield _section(graph, "code", "Code it executed", Sort(code, (SortKey("name"),)))
    yield _section(graph, "outputs", "Outputs", Sort(made, (SortKey("name"),)))
    yield _section(graph, "steps", "Steps", steps)


def _section(graph: Graph, key: str, title: str, plan: Plan) -> Section:
    found = nodes(graph, plan)
    return Section(key=key, title=title, total=len(found), cards=cards(graph, found[:LISTED]))
