"""Is what was read still what its name holds? The newest version of a name, and whether it differs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from provgraph.model.elements import Edge, Node
from provgraph.query.operators.part import Part, given, name_of, place_of
from provgraph.query.plan import Versions, Walk

if TYPE_CHECKING:
    from provgraph.query.operators import Reader


def fetch_histories(
    part: Part, versions: Iterable[Node], reader: Reader, until: int | None = None
) -> None:
    """Add all versions of the artifacts that these are versions of, and those artifacts."""
    near = given(versions)
    held = reader.nodes_of(Versions(near, until))
    part.add(held, reader.edges_of(given(held), ("VERSION_OF",)))
    part.add((), reader.edges_of(near, ("VERSION_OF",)))
    part.add(reader.nodes_of(Walk(near, "origin", ("VERSION_OF",), max_hops=1)))


def newest(part: Part, version: Node, name: str, until: int | None = None) -> Node:
    """The newest version (up to `until`) of the artifact of that name that this is a version of; itself
    if there is no such artifact."""
    artifacts = [
        edge.target
        for edge in part.out(version.id, "VERSION_OF")
        if part.nodes[edge.target].properties.get("name") == name
    ]
    if not artifacts:
        return version
    sources = (edge.source for edge in part.into(min(artifacts), "VERSION_OF"))
    held = [part.nodes[id] for id in sources if id in part.nodes]
    return max((version, *(each for each in held if _is_before(each, until))), key=place_of)


def _is_before(version: Node, until: int | None) -> bool:
    at = version.properties.get("at")
    return until is None or (isinstance(at, int) and at <= until)


# What is decided, from what is known of two versions.


def read_as(edge: Edge, version: Node) -> str:
    """What the version was called when it was read.

    >>> read_as(Edge("s1", "USED", "v1", "", {"uri": "b.csv"}), Node("v1", "Version", {"name": "a"}))
    'b.csv'
    """
    uri = edge.properties.get("uri")
    return uri if isinstance(uri, str) else name_of(version)


def differs(older: Node, newer: Node) -> bool:
    """Whether two versions have other contents, as far as can be told: unknown ones differ.

    >>> one, same = Node("v1", "Version", {"digest": "x"}), Node("v2", "Version", {"digest": "x"})
    >>> differs(one, same), differs(one, Node("v3", "Version", {"blob": "y"})), differs(one, one)
    (False, True, False)
    """
    if older.id == newer.id:
        return False
    for key in ("digest", "blob"):
        one, other = older.properties.get(key), newer.properties.get(key)
        if one is not None and other is not None:
            return one != other
    return True
