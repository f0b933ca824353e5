"""What was deleted, out of the store's files too.

Neo4j marks a record as free and leaves its bytes until another takes its place; an index leaves what was in
it in its pages. So free records are taken once by something that says nothing, and our indexes are made
anew. Transaction logs and backups are out of reach from here.
"""

from __future__ import annotations

from typing import Final

from provgraph.store.neo4j.connection import Connection
from provgraph.store.neo4j.schema import statements

_FILL: Final = """
UNWIND range(1, $nodes) AS number
CALL (number) {
    CREATE (f:ProvgraphFiller {text: $long, list: [$long, $long]})
    SET f += $short
} IN TRANSACTIONS OF 5000 ROWS
"""
_EMPTY: Final = "MATCH (f:ProvgraphFiller) CALL (f) { DELETE f } IN TRANSACTIONS OF 5000 ROWS"
_LONG: Final = "x" * 360
_SHORT: Final = {f"x{number}": "x" * 24 for number in range(12)}
_LEAST: Final = 500


def overwrite(connection: Connection, nodes: int) -> None:
    """Take the place of what so many deleted nodes, with their edges, have left in the files. May be done
    again after it was cut short."""
    names = connection.names
    connection.alone(names.said(_EMPTY))
    connection.alone(names.said(_FILL), nodes=nodes + _LEAST, long=_LONG, short=_SHORT)
    connection.alone(names.said(_EMPTY))
    for statement in (*names.without_indexes(), *statements(names)):
        connection.alone(statement)
