"""What do people's annotations make of a node? Flags, tags and notes, from the edges that keep them.

An annotation is an edge ANNOTATED_BY from the node to who made it. Of what was said of a flag or of
one tag the last counts: by its time, then by its words, so that any order of segments gives the same
node.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import structs

from provgraph.errors import UsageError
from provgraph.model.elements import Edge, Node, Properties, Value
from provgraph.model.observed import content_of, moment_of
from provgraph.model.records import Annotated
from provgraph.model.vocabulary import EDGES

TYPE: Final = "ANNOTATED_BY"
_FLAG: Final = ("flagged", "flag_reason", "flagged_by", "flagged_at")
_KEYS: Final = frozenset((*_FLAG, "notes"))


def said_of(edges: Iterable[Edge]) -> dict[str, Value]:
    """The properties that annotations give to a node; None for what they take away.

    >>> note = Edge("r1", TYPE, "g1", "1", {"how": "note", "said": 5, "value": "odd"})
    >>> gone = Edge("r1", TYPE, "g1", "2", {"how": "untag", "said": 6, "name": "owner"})
    >>> said_of([note, gone])
    {'tag.owner': None, 'notes': ('odd',)}
    """
    given: dict[str, Value] = {}
    notes: list[str] = []
    for said in sorted((edge.properties for edge in edges), key=_place):
        match said.get("how"):
            case "flag":
                given |= dict.fromkeys(_FLAG) | {
                    "flagged": True,
                    "flag_reason": said.get("value"),
                    "flagged_by": said.get("by"),
                    "flagged_at": said.get("said"),
                }
            case "unflag":
                given |= dict.fromkeys(_FLAG)
            case "tag":
                given[f"tag.{said.get('name')}"] = said.get("value", "")
            case "untag":
                given[f"tag.{said.get('name')}"] = None
            case "note":
                notes.append(str(said.get("value", "")))
            case _:  # of a newer version
                pass
    return given | ({"notes": tuple(dict.fromkeys(notes))} if notes else {})


def _place(said: Properties) -> tuple[Any, str]:
    return said.get("said", 0), json.dumps(said, sort_keys=True)


def is_said(key: str) -> bool:
    """Whether a version's property can come from annotations alone.

    >>> is_said("tag.owner"), is_said("flagged"), is_said("size")
    (True, True, False)
    """
    return key in _KEYS or key.startswith("tag.")


def annotated(node: Node, edges: Iterable[Edge]) -> Node:
    """The node with what was said of it. What it is not to have any more is None."""
    return Node(node.id, node.label, {**node.properties, **said_of(edges)})


def of_each(nodes: Iterable[Node], said: Annotated) -> Iterator[Annotated]:
    """What is said, said of each of these nodes. Raises `UsageError` where nothing can be said of one.

    >>> from provgraph.model.records import When
    >>> [one] = of_each([Node("r1", "Run")], Annotated("", "", "note", When(1), value="odd"))
    >>> one.node, one.label, one.value
    ('r1', 'Run', 'odd')
    """
    for node in nodes:
        if node.label not in EDGES[TYPE].source:
            raise UsageError(
                f"nothing can be said of a node of type {node.label.lower()} ({node.id})",
                hint="flags, tags and notes are kept of versions, runs, steps, commits and components",
            )
        about = structs.replace(said, node=node.id, label=node.label)
        if node.label == "Version":
            held = node.properties
            name, seen = str(held["name"]), moment_of(held)
            about = structs.replace(about, uri=name, seen=seen, content=content_of(held))
        yield about
