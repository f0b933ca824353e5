"""A statement of a person's own Cypher: read-only unless told, answered in plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from neo4j import Query, Result
from neo4j.exceptions import Neo4jError
from neo4j.graph import Node, Path, Relationship

from provgraph.errors import UsageError
from provgraph.store.neo4j.connection import Asked, Connection

_ESCAPED: Final = re.compile(r"\\u([0-9A-Fa-f]{4})")
_ASIDE: Final = re.compile(
    r"""//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`""", re.DOTALL
)
_ENDING: Final = re.compile(r"\bterminate\s+transactions?\b", re.IGNORECASE)
_ACTING: Final = re.compile(
    r"""\bcall\s+(
        db\.(clear|prepare|resample|checkpoint)\w*
      | dbms\.(?!(components|info|queryJmx|showCurrentUser)\b|check|list|(cluster\.)?routing\.)[\w.]+
      | tx\.setMetaData
      | fleetManagement\.\w+
    )""",
    re.IGNORECASE | re.VERBOSE,
)
"""Procedures that write no data, which is why the server lets a reader call them, and change what it does."""
_ACCESS = "Neo.ClientError.Statement.AccessMode"


@dataclass(frozen=True, slots=True)
class Answer:
    """`changed` counts what was made, changed or removed."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    changed: int


def asked(
    connection: Connection,
    text: str,
    parameters: Mapping[str, Any],
    *,
    write: bool = False,
    seconds: float | None = None,
) -> Answer:
    """Raises `UsageError` for a mistake in it, or where it does more than read and may not."""
    if not write and (acts := more_than_reading(text)):
        raise UsageError(f"the statement {acts}, and was to read only", hint="`--write` lets it")

    def work(server: Asked) -> Answer:
        return _answer(server.run(text, dict(parameters)))

    try:
        if not write:
            return connection.read(work, seconds)
        with connection.writing() as session:  # it may bring transactions of its own
            return _answer(session.run(Query(text, timeout=seconds), dict(parameters)))
    except Neo4jError as error:
        code = error.code or ""
        if code == _ACCESS:
            raise UsageError(
                "the statement writes, and was to read only", hint="`--write` lets it write"
            ) from error
        if code.startswith("Neo.ClientError.Statement."):
            raise UsageError(str(error.message)) from error
        raise


def more_than_reading(text: str) -> str | None:
    """What it does that the server takes for reading and is none.

    >>> more_than_reading("SHOW TRANSACTIONS YIELD transactionId AS t Terminate /* all */ transaction t")
    'ends transactions'
    >>> more_than_reading("RETURN 'TERMINATE TRANSACTIONS' AS text // CALL db.clearQueryCaches()")
    >>> more_than_reading("CALL `db` . /* */ `clearQueryCaches`()")
    'calls db.clearQueryCaches'
    >>> more_than_reading("CALL dbms.components()")
    """
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    if _ENDING.search(_ASIDE.sub(" ", plain)):
        return "ends transactions"
    unquoted = _ASIDE.sub(lambda found: found[0].strip("`") if found[0][0] == "`" else " ", plain)
    called = _ACTING.search(re.sub(r"\s*\.\s*", ".", unquoted))
    return f"calls {called[1]}" if called else None


def _answer(result: Result) -> Answer:
    columns = tuple(result.keys())
    rows = [tuple(plain(value) for value in record.values()) for record in result]
    return Answer(columns, rows, _changed(result))


def _changed(result: Result) -> int:
    counters = result.consume().counters
    return sum(
        value
        for name, value in vars(counters).items()
        if not name.startswith("_") and type(value) is int
    )


def plain(value: Any) -> Any:
    """What JSON can hold: a node is its labels and properties, a path its nodes and relationships
    in turn, a date its text.

    >>> plain({"a": [1, None, float]})
    {'a': [1, None, "<class 'float'>"]}
    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [plain(member) for member in value]
        case dict():
            return {str(key): plain(member) for key, member in value.items()}
        case Node():
            return {"labels": sorted(value.labels), **plain(dict(value))}
        case Relationship():
            return {"type": value.type, **plain(dict(value))}
        case Path():
            nodes, between = list(value.nodes), [*value.relationships, None]
            steps = [part for pair in zip(nodes, between, strict=True) for part in pair]
            return [plain(step) for step in steps[:-1]]
        case _:
            return value.iso_format() if hasattr(value, "iso_format") else str(value)
