"""Which tables of databases did Python programs read and write? The lines that `site/database.py` wrote, as records.

A table is named below its database: `sqlite://data/shop.db/orders`, `postgresql://host:5432/shop/orders`. What a
program of a run wrote is a version of it; what nobody was seen to write is `external`, one for each run that saw it,
because nothing tells one state of a table from another.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from provgraph.ingest.capture import noted
from provgraph.ingest.capture.assemble.context import Context
from provgraph.ingest.capture.noise import Noise
from provgraph.ingest.capture.noted import Noted, Whole
from provgraph.ingest.capture.steps import Steps
from provgraph.model.identity import generated_version_id
from provgraph.model.records import Content, Derived, Generated, Invalidated, Name, Record, Used
from provgraph.model.uri import uri_of

SUFFIX: Final = ".sql"
How = Literal["read", "write", "append", "change", "drop"]
"""`append` and `change` keep what was there, or a part of it; `change` reads it."""


class Line(Noted, frozen=True):
    """SQLite names a table of a file; of others there is a statement, and a place that is an address or a file. `socket` is
    the inode of that of a connection of which all is told. `doubt`: something was done that is not told."""

    how: How = "read"
    path: str = ""
    table: str = ""
    statement: str = ""
    dialect: str = ""
    place: str = ""
    socket: Whole = 0
    doubt: bool = False

    @property
    def file(self) -> str:
        """The file that the database is; empty where it is none."""
        return self.path or (self.place[5:] if self.place.startswith("file:") else "")


class Deed(NamedTuple):
    how: How
    table: str


def read(folder: Path) -> list[Line]:
    return noted.read(folder, SUFFIX, Line)


def gaps(lines: Iterable[Line]) -> list[str]:
    """What could not be understood."""
    if not _can_parse():
        count = sum(1 for line in lines if line.statement)
        hint = "not understood without sqlglot: pip install 'provgraph[sql]'"
        return [f"{count} SQL statement{'s' * (count != 1)} {hint}"] if count else []
    count = sum(
        1 for line in lines if line.statement and deeds(line.statement, line.dialect) is None
    )
    return [f"{count} SQL statement{'s' * (count != 1)} not understood"] if count else []


MOST: Final = 100_000
"""So many lines does a process write at most."""


def accounted(lines: list[Line]) -> frozenset[int]:
    """The sockets by whose connections every statement is told and says by itself what it reads: what came over them is
    seen, then. None where anything is in doubt."""
    asked: dict[int, bool] = {}
    ends = Counter(line.pid for line in lines)
    if any(line.doubt for line in lines) or max(ends.values(), default=0) >= MOST:
        return frozenset()
    for line in lines:
        if line.statement and not line.file:
            plain = is_plain(line.statement, line.dialect)
            asked[line.socket] = asked.get(line.socket, True) and plain
    return frozenset(socket for socket, is_seen in asked.items() if socket and is_seen)


def records(lines: list[Line], made: Iterable[Record], context: Context) -> Iterator[Record]:
    """Each belongs to the step that its process was in then, and is said once of each."""
    if not lines:
        return
    steps = Steps(made)
    noise = Noise(context.root)
    tables: dict[str, _Table] = {}
    for line in lines:
        step, file = steps.at(line.pid, line.tick), os.fsencode(line.file)
        if step is None or (file and (context.exclude(file) or noise.fold(file) is not None)):
            continue
        for how, uri in _on(line, context):
            table = tables.setdefault(uri, _Table(uri))
            yield from table.take(how, step, line.tick, context)


class _Table:
    """A table during one run. Each of its states is said to be read once by each step; what a step does to it
    without another's coming between makes one state."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.maker, self.version = "", ""
        self.readers: set[str] = set()
        self.kept: int | None = None
        """When its maker has not read it, but added to what was there before: until when that was all."""
        self.made: Counter[str] = Counter()

    def take(self, how: How, step: str, tick: int, context: Context) -> Iterator[Record]:
        when = context.when(tick)
        if how in ("read", "change") and step != self.maker and step not in self.readers:
            self.readers.add(step)
            yield Used(step, self.uri, when, Content())
        elif how == "read" and step == self.maker and self.kept is not None:
            yield Used(step, self.uri, context.when(self.kept), Content())
            self.kept = None
        if how == "drop":
            self.maker, self.readers, self.kept = "", set(), None
            yield Invalidated(step, self.uri, when, Content())
        elif how != "read" and (step != self.maker or self.readers):
            version = generated_version_id(step, self.uri, self.made[step])
            self.made[step] += 1
            is_news = how == "append" and step != self.maker and step not in self.readers
            self.kept = tick - 1 if is_news else None
            self.maker, self.readers = step, set()
            yield Generated(step, version, [Name(self.uri, when)], Content())
            if how != "write":
                yield Derived(version, self.uri, context.when(tick - 1), Content(), how)


def _on(line: Line, context: Context) -> Iterator[tuple[How, str]]:
    """What was done to which tables, by their URIs."""
    if line.path:
        found: Iterable[Deed] = [Deed(line.how, line.table)]
    else:
        found = deeds(line.statement, line.dialect) or ()
    base = line.place
    if line.file:
        named = uri_of(os.fsencode(line.file), context.root, context.host)
        base = f"{line.dialect or 'sqlite'}://{named.removeprefix('file://')}"
    for deed in found:
        database, _, table = deed.table.rpartition(".")
        if database and line.dialect == "mysql":  # whose schemas are its databases
            yield deed.how, f"{base.rpartition('/')[0]}/{database}/{table}"
        else:
            yield deed.how, f"{base}/{deed.table}"


# --- What statements say


@lru_cache(maxsize=1)
def _can_parse() -> bool:
    from importlib.util import find_spec

    return find_spec("sqlglot") is not None


_OF_SESSION: Final = re.compile(
    r"(^|;)\s*(?:close|discard|release|reset|rollback\s+to|savepoint|unlisten)\b[^;]*",
    re.IGNORECASE,
)
"""What is about the session alone."""

_REPLACE: Final = re.compile(r"^\s*replace(?=\s+into)", re.IGNORECASE)


@lru_cache(maxsize=1000)
def deeds(statement: str, dialect: str) -> tuple[Deed, ...] | None:
    """What a statement does to which tables, None where it is not understood.

    >>> deeds("insert into shop.total select sum(x) from orders join (select ? as y) k", "postgres")
    (Deed(how='read', table='orders'), Deed(how='append', table='shop.total'))
    >>> deeds("with big as (select * from orders) update total set x = ? from big", "postgres")
    (Deed(how='read', table='orders'), Deed(how='change', table='total'))
    >>> deeds("select x from pg_catalog.pg_class, orders", "postgres")
    (Deed(how='read', table='orders'),)
    >>> deeds("gibberish from of", "postgres")
    """
    try:
        trees = _parsed(statement, dialect)
        return None if trees is None else tuple(dict.fromkeys(d for t in trees for d in _deeds(t)))
    except RecursionError:
        return None


@lru_cache(maxsize=1000)
def _parsed(statement: str, dialect: str) -> tuple[Any, ...] | None:
    if not _can_parse():
        return None
    import logging

    import sqlglot
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    try:
        asked = _REPLACE.sub("insert", _OF_SESSION.sub(r"\1", statement))
        parsed = sqlglot.parse(asked, read=dialect)
    except (SqlglotError, RecursionError):
        return None
    return tuple(tree for tree in parsed if tree is not None)


_HARMLESS: Final = frozenset(
    [
        "array_position",
        "clock_timestamp",
        "col_description",
        "connection_id",
        "current_schema",
        "current_setting",
        "database",
        "format_type",
        "found_rows",
        "generate_subscripts",
        "json_build_array",
        "json_build_object",
        "jsonb_build_array",
        "jsonb_build_object",
        "last_insert_id",
        "obj_description",
        "pg_advisory_unlock_all",
        "pg_backend_pid",
        "quote_ident",
        "row_count",
        "row_to_json",
        "set_config",
        "statement_timestamp",
        "to_json",
        "to_jsonb",
        "to_regclass",
        "to_regtype",
        "version",
    ]
)
"""Functions that no tables stand behind, of those that sqlglot does not know."""

_OF_CATALOG: Final = re.compile(r"pg_get_\w+|pg_\w+_is_visible")
"""What PostgreSQL says of its own catalog."""


def is_plain(statement: str, dialect: str) -> bool:
    """Whether a statement reads only the tables that it names: no function of the database's own, no file of its
    server.

    >>> is_plain("insert into t select a from b where x = ?", "postgres")
    True
    >>> is_plain("select * from f(?)", "postgres"), is_plain("call f()", "postgres")
    (False, False)
    >>> is_plain("select pg_get_expr(x, y) from pg_attrdef; unlisten *; reset all;", "postgres")
    True
    >>> is_plain("savepoint a", "postgres"), is_plain("rollback to a", "mysql")
    (True, True)
    >>> is_plain("copy t from stdin", "postgres"), is_plain("copy t from ?", "postgres")
    (True, False)
    """
    trees = _parsed(statement, dialect)
    try:
        return trees is not None and all(map(_is_plain, trees))
    except RecursionError:
        return False


def _is_plain(tree: Any) -> bool:
    from sqlglot import exp

    match tree:
        case exp.Command():
            return str(tree.this).upper() == "SHOW"
        case exp.Copy():
            files = [each.name.lower() for each in tree.args.get("files") or ()]
            known = files in (["stdin"], ["stdout"])
        case exp.Create():
            known = (tree.kind or "").upper() in ("TABLE", "INDEX", "SCHEMA", "VIEW")
        case exp.Query() | exp.DML() | exp.Merge() | exp.Drop() | exp.TruncateTable() | exp.Alter():
            known = True
        case exp.Transaction() | exp.Commit() | exp.Rollback() | exp.Set() | exp.Show() | exp.Use():
            known = True
        case _:
            known = isinstance(tree, exp.Describe)
    functions = {each.name.lower() for each in tree.find_all(exp.Anonymous)} - _HARMLESS
    return known and all(map(_OF_CATALOG.fullmatch, functions)) and tree.find(exp.Command) is None


def _deeds(tree: Any) -> Iterator[Deed]:
    from sqlglot import exp

    if isinstance(tree, exp.Describe):
        return
    how, targets = _targets(tree)
    own = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        is_own = table.name in own and not table.db
        # A literal was no table but a file.
        is_data = table.name not in ("", "?") and not is_own and not _is_catalog(table)
        if is_data and not any(table is t for t in targets):
            yield Deed("read", _name(table))
    if how != "read":
        yield from (Deed(how, _name(target)) for target in targets if target.name)


_CATALOGS: Final = frozenset(("information_schema", "performance_schema", "pg_catalog", "sys"))


def _is_catalog(table: Any) -> bool:
    """What a database says of itself, which libraries ask before they do what they were asked to."""
    return table.db.lower() in _CATALOGS or (not table.db and table.name.lower().startswith("pg_"))


def _name(table: Any) -> str:
    return ".".join(part for part in (table.catalog, table.db, table.name) if part)


def _targets(tree: Any) -> tuple[How, list[Any]]:
    """The tables that a statement is about to change, but for temporary ones."""
    from sqlglot import exp

    match tree:
        case exp.Insert():
            how: How = "append"
        case exp.Copy():
            how = "append" if tree.args.get("kind") else "read"
        case exp.Create():
            is_kept = (tree.kind or "").upper() == "TABLE" and not tree.find(exp.TemporaryProperty)
            how = "write" if is_kept else "read"
        case exp.Update() | exp.Delete() | exp.Merge() | exp.TruncateTable():
            how = "change"
        case exp.Drop():
            how = "drop"
        case _:
            how = "read"
    if how == "read" and not isinstance(tree, exp.Create):
        return how, []
    several = tree.args.get("tables") or tree.expressions
    named = several if isinstance(tree, (exp.Drop, exp.TruncateTable)) else [tree.this]
    tables = [each if isinstance(each, exp.Table) else each.find(exp.Table) for each in named]
    return how, [table for table in tables if table is not None]
