"""Does the database have what our statements rely on, and is it of our version?"""

from __future__ import annotations

from typing import Final

from neo4j.exceptions import Forbidden, Neo4jError

from provgraph.errors import StoreError
from provgraph.store.neo4j.connection import Connection
from provgraph.store.neo4j.faults import is_read_only
from provgraph.store.neo4j.names import Names

SCHEMA_VERSION: Final = 3
"""1 had constraints on ids; 2 knew less of a commit. Of what an older one wrote, all journals are
applied again, whoever's they are: the graph itself stays, for not all of them may be here."""
OLDEST_SERVER: Final = (5, 26)
_READ: Final = """
CALL dbms.components() YIELD name, versions WITH name, versions WHERE name = 'Neo4j Kernel'
OPTIONAL MATCH (s:ProvgraphSchema)
RETURN versions[0] AS server, coalesce(s.version, 0) AS schema
"""
_APPLY_AGAIN: Final = (
    f"MATCH (s:ProvgraphSchema) WHERE s.version < {SCHEMA_VERSION}"
    " MATCH (w:ProvgraphWatermark) DELETE w"
)
_WRITE: Final = f"MERGE (s:ProvgraphSchema) SET s.version = {SCHEMA_VERSION}"

_WITHOUT: Final = (
    "the database has none of our constraints and indexes: questions are slow, and two writers"
    " may make a node twice; an administrator makes them with `provgraph neo4j schema`"
)
_OLDER: Final = (
    "an older provgraph made the graph, and may have told less: with what `provgraph neo4j schema`"
    " prints, or a `provgraph sync` of somebody who may, it is brought up to date"
)


def server_version(text: str) -> tuple[int, int]:
    """
    >>> server_version("5.26.30"), server_version("2026.08.1"), server_version("5.27-aura")
    ((5, 26), (2026, 8), (5, 27))
    """
    major, minor = text.split("-")[0].split(".")[:2]
    return int(major), int(minor)


def require_server(version: str, uri: str) -> None:
    """
    >>> require_server("4.4.30", "bolt://db")
    Traceback (most recent call last):
    provgraph.errors.StoreError: bolt://db: Neo4j 4.4.30 is too old
      hint: 5.26 and newer are supported
    """
    if server_version(version) < OLDEST_SERVER:
        raise StoreError(f"{uri}: Neo4j {version} is too old", hint="5.26 and newer are supported")


def require_schema(version: int, uri: str) -> None:
    """
    >>> require_schema(SCHEMA_VERSION + 1, "bolt://db")
    Traceback (most recent call last):
    provgraph.errors.StoreError: bolt://db: written by a newer provgraph (schema 4; this one writes 3)
      hint: upgrade provgraph
    """
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{uri}: written by a newer provgraph (schema {version}; this one writes"
            f" {SCHEMA_VERSION})",
            hint="upgrade provgraph",
        )


def statements(names: Names) -> list[str]:
    """What makes our constraints and indexes; each may be run again."""
    marks = (names.said(_APPLY_AGAIN), names.said(_WRITE))
    return [*names.schema(), "CALL db.awaitIndexes(300)", *marks]


def prepare(connection: Connection, *, make: bool) -> tuple[str, str | None]:
    """The server's version, and a warning where constraints and indexes are missing; they are made
    where `make` says so and it is allowed. Raises `StoreError` for versions that do not fit."""
    server, version = connection.one(_READ)
    require_server(server, connection.uri)
    require_schema(version, connection.uri)
    if version == SCHEMA_VERSION:
        return server, None
    warning = _OLDER if version else _WITHOUT
    if not make:
        return server, warning
    try:
        for statement in statements(connection.names):
            connection.alone(statement)
    except Forbidden:
        return server, warning
    except Neo4jError as error:
        if not is_read_only(error):
            raise
        return server, _OLDER if version else None
    return server, None
