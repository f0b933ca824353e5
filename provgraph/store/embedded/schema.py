"""Which tables a database file has, and how its numbers for labels and edge types are read.

Inside, nodes are integers (`node.id`, SQLite's rowid); outside they are `uid`. Properties that are
asked for often have a column of their own (`COLUMNS`), the others stand in `properties` as JSON.
A column holds text, integers and floats as they are; a boolean, a list or a NaN under a column's
key stands in the JSON, and the key in the table `spilled`, so that queries know to look there.
`label.count` and `edge_type.count` say how many there are; counting millions would take seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

import apsw

from provgraph.model.vocabulary import EDGE_TYPES, LABELS
from provgraph.store.embedded import changes

APPLICATION_ID: Final = 0x70726F76  # "prov", in the file's header
SCHEMA_VERSION: Final = 4
"""Kept as `user_version`. A file of another version is rebuilt from the journal, not migrated."""

COLUMNS: Final = (
    "at",
    "name",
    "kind",
    "state",
    "size",
    "digest",
    "blob",
    "base",
    "stem",
    "sha",
    "run",
    "by",
)
PLACES: Final = {key: place for place, key in enumerate(COLUMNS)}

LABEL_NUMBERS: Final = {label: number for number, label in enumerate(LABELS, 1)}
# Lineage's types stand side by side, from 1: a walk reads one range of the index for each node.
TYPE_NUMBERS: Final = {
    edge.name: number
    for number, edge in enumerate(sorted(EDGE_TYPES, key=lambda edge: not edge.lineage), 1)
}
LINEAGE_NUMBERS: Final = range(1, 1 + sum(edge.lineage for edge in EDGE_TYPES))
LINEAGE_TYPES: Final = frozenset(LINEAGE_NUMBERS)
ARTIFACT: Final = LABEL_NUMBERS["Artifact"]
VERSION: Final = LABEL_NUMBERS["Version"]

_columns = ", ".join(f'"{key}" ANY' for key in COLUMNS)
_shown = ", ".join(f'n."{key}"' for key in COLUMNS)

TABLES: Final = f"""
CREATE TABLE label (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, count INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE edge_type (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, count INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE spilled (key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TABLE node (
    id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, label INTEGER NOT NULL, {_columns},
    properties TEXT
) STRICT;
CREATE INDEX artifact_base ON node (base) WHERE label = {ARTIFACT};
CREATE INDEX artifact_stem ON node (stem) WHERE label = {ARTIFACT};
CREATE INDEX version_kind ON node (kind) WHERE label = {VERSION};
CREATE INDEX other_name ON node (label, name) WHERE label <> {VERSION};
CREATE INDEX node_digest ON node (digest) WHERE digest IS NOT NULL;
CREATE INDEX node_blob ON node (blob) WHERE blob IS NOT NULL;
CREATE INDEX node_sha ON node (sha) WHERE sha IS NOT NULL;

CREATE TABLE edge (
    src INTEGER NOT NULL, type INTEGER NOT NULL, dst INTEGER NOT NULL, key TEXT NOT NULL,
    properties TEXT, PRIMARY KEY (src, type, dst, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX edge_incoming ON edge (dst, type, src);

-- See changes.py.
CREATE TABLE lineage_change (
    seq INTEGER PRIMARY KEY, stamp INTEGER NOT NULL, type INTEGER NOT NULL,
    total INTEGER NOT NULL, edges BLOB NOT NULL
) STRICT;

CREATE TABLE watermark (
    segment TEXT PRIMARY KEY, generation INTEGER NOT NULL, records INTEGER NOT NULL,
    stamp TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIEW nodes AS
    SELECT n.uid AS id, l.name AS label, {_shown}, n.properties
    FROM node n JOIN label l ON l.id = n.label;
CREATE VIEW edges AS
    SELECT s.uid AS source, t.name AS type, d.uid AS target, e.key, e.properties
    FROM edge e JOIN edge_type t ON t.id = e.type
    JOIN node s ON s.id = e.src JOIN node d ON d.id = e.dst;
"""


def create(connection: apsw.Connection) -> None:
    """Make the tables; the caller holds the transaction."""
    connection.execute(TABLES)
    _number(connection, "label", LABEL_NUMBERS.items())
    _number(connection, "edge_type", TYPE_NUMBERS.items())
    changes.cut(connection)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _number(connection: apsw.Connection, table: str, items: Iterable[tuple[str, int]]) -> None:
    connection.executemany(f"INSERT INTO {table} (name, id) VALUES (?, ?)", items)


class Lexicon:
    """The numbers of this file's labels and edge types, and which columns' keys are spilled, as of
    the transaction that it was read in."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.labels: dict[str, int] = dict(connection.execute("SELECT name, id FROM label"))
        self.types: dict[str, int] = dict(connection.execute("SELECT name, id FROM edge_type"))
        self.spilled: set[str] = {key for (key,) in connection.execute("SELECT key FROM spilled")}

    def label_of(self) -> dict[int, str]:
        return {number: name for name, number in self.labels.items()}

    def numbers_of(self, types: Iterable[str]) -> frozenset[int]:
        """The numbers of those edge types that this file knows."""
        return frozenset(self.types[name] for name in types if name in self.types)

    def has_column(self, key: str) -> bool:
        """Whether all values of a key stand in its column."""
        return key in PLACES and key not in self.spilled

    def add(self, labels: Iterable[str], types: Iterable[str], spilled: Iterable[str]) -> None:
        """Number what is new; the caller holds the write transaction."""
        for table, known, names in (
            ("label", self.labels, labels),
            ("edge_type", self.types, types),
        ):
            for name in names:
                if name not in known:
                    known[name] = max(known.values(), default=0) + 1
                    _number(self._connection, table, [(name, known[name])])
        for key in spilled:
            if key not in self.spilled:
                self.spilled.add(key)
                self._connection.execute("INSERT INTO spilled VALUES (?)", (key,))


def json_path(key: str) -> str:
    r"""Where a key stands in the JSON, whatever is written in it.

    >>> print(json_path("param.lr"), json_path('a"b'))
    $."param.lr" $."a\"b"
    """
    return "$." + json.dumps(key)
