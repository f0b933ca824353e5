"""Plan -> SQL, and the rows of a plan.

Each operator becomes a SELECT over those of its sources, so SQLite runs a whole question at once;
a walk runs its source first, goes by itself, and hands its rows on as an array.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, assert_never

import apsw

from provgraph.model.elements import Edge, Node
from provgraph.query import shape
from provgraph.query.operators import Cone, known, table
from provgraph.query.plan import (
    Around,
    Budget,
    Column,
    Count,
    Deletion,
    Diff,
    Filter,
    Find,
    Given,
    Limit,
    Paths,
    Plan,
    Project,
    Rerun,
    Runs,
    Segment,
    SetOp,
    Slice,
    Sort,
    SortKey,
    Stale,
    Summarize,
    Versions,
    Walk,
    is_table,
)
from provgraph.store import Rows
from provgraph.store.embedded.around import around
from provgraph.store.embedded.budget import Meter
from provgraph.store.embedded.conditions import condition, place
from provgraph.store.embedded.names import Finder, is_before
from provgraph.store.embedded.properties import joined as joined_properties
from provgraph.store.embedded.properties import read
from provgraph.store.embedded.reading import edges
from provgraph.store.embedded.relation import (
    NO_MORE,
    ORDER,
    Relation,
    constant,
    listed,
    numbers,
    with_depths,
)
from provgraph.store.embedded.schema import (
    ARTIFACT,
    COLUMNS,
    LABEL_NUMBERS,
    LINEAGE_TYPES,
    TYPE_NUMBERS,
    VERSION,
    Lexicon,
)
from provgraph.store.embedded.sql import Sql, joined, sql
from provgraph.store.embedded.transactions import reading
from provgraph.store.embedded.walk import cone_of, reached, visible
from provgraph.store.embedded.warm import Ready, Warm

if TYPE_CHECKING:
    from provgraph.store.embedded.closure import Reached
    from provgraph.store.embedded.warm_slice import Sliced

_DEEP: Final = 24
_SET_OPERATORS: Final = {
    "union": "UNION",
    "intersection": "INTERSECT",
    "difference": "EXCEPT",
}
_VERSION_OF: Final = TYPE_NUMBERS["VERSION_OF"]


def run(connection: apsw.Connection, plan: Plan, budget: Budget, warm: Warm) -> Rows:
    with executing(connection, budget, warm) as execution:
        if is_table(plan):
            return execution.table(plan)
        if isinstance(plan, Project):
            return execution.projected(plan)
        return execution.whole(plan)


def cone(connection: apsw.Connection, walk: Walk, budget: Budget, warm: Warm) -> Cone:
    with executing(connection, budget, warm) as execution:
        return execution.cone(walk)


@contextmanager
def executing(connection: apsw.Connection, budget: Budget, warm: Warm) -> Iterator[Execution]:
    meter = Meter(budget)
    with meter.limiting(connection), reading(connection):
        yield Execution(connection, Lexicon(connection), meter, warm)


@dataclass(frozen=True, slots=True)
class Execution:
    """One plan in one state of the database."""

    connection: apsw.Connection
    lexicon: Lexicon
    meter: Meter
    warm: Warm

    # Rows

    def whole(self, plan: Plan) -> Rows:
        shown = ", ".join(f'n."{key}"' for key in COLUMNS)
        rows = self.rows(plan, Sql(f"n.uid, n.label, r.depth, n.properties, r.learned, {shown}"))
        labels, learned = self.lexicon.label_of(), shape.learned(plan)

        def more(text: str | None) -> Iterator[Any]:
            held = json.loads(text) if text else {}
            return (_plain(held.get(field.key)) for field in learned)

        return Rows(
            ("id", "label", "depth", "properties", *(field.name for field in learned)),
            [
                (uid, labels[label], depth, joined_properties(columns, rest), *more(taught))
                for uid, label, depth, rest, taught, *columns in rows
            ],
        )

    def table(self, plan: Plan) -> Rows:
        names = tuple(column.name for column in shape.columns(plan))
        return Rows(names, [tuple(row[n] for n in names) for row in table(plan, self)])

    def projected(self, plan: Project) -> Rows:
        if not plan.columns:
            return Rows((), [()] * self.size(plan.source))
        walk = walk_to_name(plan)
        ready = None if walk is None else self.ready(walk)
        if walk is None or ready is None:
            return self.read(plan)
        nodes = self.warm.nodes(self.connection, self.meter.left())
        if nodes is None:
            with self.warm.naming():
                return self.read(plan)
        from provgraph.store.embedded.warm_walk import answered  # numpy

        return answered(plan, self.reached_in(ready, walk, self.ids(walk.source)), nodes)

    def read(self, plan: Project) -> Rows:
        shown = [self.shown(column) for column in plan.columns]
        rows = self.rows(plan.source, joined(", ", [part for part, _ in shown]))
        names = tuple(column.name for column in plan.columns)
        readers = [read for _, read in shown]
        if not any(readers):
            return Rows(names, rows.fetchall())
        return Rows(names, [_read(row, readers) for row in rows])

    def rows(self, plan: Plan, shown: Sql) -> apsw.Cursor:
        asked = sql(
            f"SELECT {{}} FROM ({{}}) AS r CROSS JOIN node n ON n.id = r.id ORDER BY {ORDER}",
            shown,
            self.relation(plan).sql,
        )
        return self.connection.execute(asked.text, asked.parameters)

    def shown(self, column: Column) -> tuple[Sql, Callable[[str], Any] | None]:
        """What is selected for a column, and how it is read if it is JSON."""
        at = place(column.key, self.lexicon)
        if at.path is None:
            return Sql(str(at.column)), None
        written = sql(f"({at.json} -> {{}})", at.path)
        if at.column is not None:  # numbers and text both ways; `quote` keeps every digit
            written = sql(f"coalesce({{}}, json_array({at.column}) -> '$[0]')", written)
        return written, read

    # Operators

    def relation(self, plan: Plan) -> Relation:
        relation = self.operated(plan)
        return self.settled(relation) if relation.nesting > _DEEP else relation

    def operated(self, plan: Plan) -> Relation:
        match plan:
            case Find():
                return self.counted(Finder(self.connection, self.lexicon).relation(plan))
            case Walk():
                return self.walk(plan)
            case Around():
                return with_depths(
                    around(self.connection, self.lexicon, plan, self.ids(plan.source), self.meter)
                )
            case Filter():
                return self.filter(plan)
            case Versions():
                return self.counted(self.versions(plan))
            case Runs():
                return self.counted(self.runs(plan))
            case SetOp():
                return self.combined(plan)
            case Sort():
                return self.sort(plan)
            case Limit():
                return self.limit(plan)
            case Project():
                return self.relation(plan.source)
            case Given():
                return self.given(plan)
            case Slice():
                return self.slice(plan)
            case Stale() | Segment():
                return self.learned(known(plan, self))
            case Count() | Paths() | Deletion() | Rerun() | Diff() | Summarize():
                raise AssertionError("the rows of a table are no nodes")
            case _:
                assert_never(plan)

    def learned(self, found: Given) -> Relation:
        """The rows that an operator found, with what it learned; counted if a budget asks for it."""
        if self.meter.counts:
            self.meter.visit(len(found.rows))
        return self.given(found)

    def given(self, plan: Given) -> Relation:
        rows = [(row.id, json.dumps(_present(plan.keys, row.learned))) for row in plan.rows]
        return Relation(
            sql(
                "SELECT n.id, NULL AS depth, NULL AS rank, g.value ->> 1 AS learned"
                " FROM json_each({}) AS g CROSS JOIN node n ON n.uid = g.value ->> 0",
                json.dumps(rows),
            )
        )

    def walk(self, plan: Walk, first: int | None = None) -> Relation:
        """The rows of a walk; its `first` so many are enough."""
        sources = self.ids(plan.source)
        ready = self.ready(plan)
        if ready is None:
            return with_depths(self.reached(plan, sources))
        from provgraph.store.embedded.warm_walk import relation  # numpy

        found = self.reached_in(ready, plan, sources)
        return relation(found if first is None else found.first(first))

    def reached(self, plan: Walk, sources: Collection[int]) -> dict[int, int]:
        types, stops = self.lexicon.numbers_of(plan.via), frozenset(self.stops(plan))
        with self.warm.paying():
            return reached(self.connection, plan, types, sources, stops, self.meter)

    def reached_in(self, ready: Ready, plan: Walk, sources: Collection[int]) -> Reached:
        from provgraph.store.embedded.warm_walk import reached  # numpy

        types, stops = self.lexicon.numbers_of(plan.via), self.stops(plan)
        return reached(ready, self.connection, plan, types, sources, stops, self.meter)

    def ready(self, plan: Walk) -> Ready | None:
        if not self.lexicon.numbers_of(plan.via) <= LINEAGE_TYPES:
            return None
        return self.warm.ready(self.connection, self.meter.left())

    def stops(self, plan: Walk) -> list[int]:
        return self.ids(plan.stop_at) if plan.stop_at is not None else []

    def filter(self, plan: Filter) -> Relation:
        source = self.relation(plan.source)
        return Relation(
            sql(
                "SELECT r.id, r.depth, r.rank, r.learned FROM ({}) AS r"
                " CROSS JOIN node n ON n.id = r.id WHERE {}",
                source.sql,
                condition(plan.condition, self.lexicon),
            ),
            source.nesting + 1,
        )

    def versions(self, plan: Versions) -> Relation:
        source = self.relation(plan.source)
        return Relation(
            sql(
                f"""
                WITH s AS MATERIALIZED (
                    SELECT r.id, n.label FROM ({{}}) AS r CROSS JOIN node n ON n.id = r.id
                )
                SELECT DISTINCT n.id, {NO_MORE} FROM (
                    SELECT id FROM s WHERE label = {ARTIFACT}
                    UNION SELECT e.dst FROM s CROSS JOIN edge e
                    ON e.src = s.id AND e.type = {_VERSION_OF} WHERE s.label = {VERSION}
                ) AS a CROSS JOIN edge e ON e.dst = a.id AND e.type = {_VERSION_OF}
                CROSS JOIN node n ON n.id = e.src WHERE {{}}
                """,
                source.sql,
                is_before(plan.until),
            ),
            source.nesting + 3,
        )

    def runs(self, plan: Runs) -> Relation:
        source = self.relation(plan.source)
        run, step = LABEL_NUMBERS["Run"], LABEL_NUMBERS["Step"]
        return Relation(
            sql(
                f"""
                WITH s AS MATERIALIZED (
                    SELECT r.id, n.label FROM ({{}}) AS r CROSS JOIN node n ON n.id = r.id
                ), step AS MATERIALIZED (
                    SELECT id FROM s WHERE label = {step}
                    UNION SELECT e.dst FROM s CROSS JOIN edge e
                    ON e.src = s.id AND e.type = {TYPE_NUMBERS["GENERATED_BY"]}
                    CROSS JOIN node n ON n.id = e.dst AND n.label = {step}
                    WHERE s.label = {VERSION}
                )
                SELECT id, {NO_MORE} FROM (
                    SELECT id FROM s WHERE label = {run}
                    UNION SELECT e.dst FROM step CROSS JOIN edge e
                    ON e.src = step.id AND e.type = {TYPE_NUMBERS["PART_OF"]}
                    CROSS JOIN node n ON n.id = e.dst AND n.label = {run}
                )
                """,
                source.sql,
            ),
            source.nesting + 3,
        )

    def combined(self, plan: SetOp) -> Relation:
        left, right = self.relation(plan.left), self.relation(plan.right)
        return Relation(
            sql(
                f"SELECT id, {NO_MORE} FROM (SELECT id FROM ({{}}) "
                f"{_SET_OPERATORS[plan.operator]} SELECT id FROM ({{}}))",
                left.sql,
                right.sql,
            ),
            left.nesting + right.nesting + 2,
        )

    def sort(self, plan: Sort, first: int | None = None) -> Relation:
        """The rows in order, all or so many. Those of a slice that was counted in memory, by what it
        learned: they need not be read again."""
        match plan:
            case Sort(Slice() as slice, by) if {key.key for key in by} <= _learned(slice):
                if (rows := self.sliced(slice)) is not None:
                    return rows.ranked(by, first, self.uids)
        return self.sorted(self.relation(plan.source), plan.by, first)

    def sorted(self, source: Relation, by: Sequence[SortKey], first: int | None = None) -> Relation:
        """With `first` no more of them than that: SQLite then keeps so many while it reads, and sorts
        no others."""
        keys = [self.sort_key(key.key) for key in by]
        named = joined("", [sql(f", {{}} AS k{nth}", key) for nth, key in enumerate(keys)])
        order = "".join(
            f"k{nth} IS NULL, k{nth}{' DESC' if key.descending else ''}, "
            for nth, key in enumerate(by)
        )
        cut = Sql("") if first is None else sql(f" ORDER BY {order}uid LIMIT {{}}", first)
        return Relation(
            sql(
                f"SELECT id, depth, row_number() OVER (ORDER BY {order}uid) AS rank, learned FROM"
                " (SELECT r.id, r.depth, r.learned, n.uid{} FROM ({}) AS r CROSS JOIN node n ON n.id = r.id{})",
                named,
                source.sql,
                cut,
            ),
            source.nesting + 2,
        )

    def sort_key(self, key: str) -> Sql:
        """A list stands where its first member does."""
        at = place(key, self.lexicon)
        if at.path is None:
            return Sql(str(at.column))
        first = sql(f"(SELECT m.value FROM json_each({at.json}, {{}}) AS m LIMIT 1)", at.path)
        return first if at.column is None else sql(f"coalesce({at.column}, {{}})", first)

    def slice(self, plan: Slice) -> Relation:
        rows = self.sliced(plan)
        return self.learned(known(plan, self)) if rows is None else rows.relation()

    def sliced(self, plan: Slice) -> Sliced | None:
        """The rows of a slice, counted over the snapshot; None where that is not to be used."""
        ready = self.warm.ready(self.connection, self.meter.left())
        if ready is None:
            return None
        from provgraph.store.embedded.warm_slice import sliced  # numpy

        against = self.ids(plan.against) if plan.against is not None else []
        return sliced(ready, plan, self.ids(plan.source), against, self.meter)

    def limit(self, plan: Limit) -> Relation:
        if isinstance(plan.source, Sort):
            return self.sort(plan.source, max(plan.count, 0))
        source = (
            self.walk(plan.source, plan.count)
            if isinstance(plan.source, Walk)
            else self.relation(plan.source)
        )
        return Relation(
            sql(
                "SELECT r.id, r.depth, r.rank, r.learned FROM ({}) AS r CROSS JOIN node n ON n.id = r.id"
                f" ORDER BY {ORDER} LIMIT {{}}",
                source.sql,
                max(plan.count, 0),
            ),
            source.nesting + 1,
        )

    # What operators ask of an engine (`Reader`)

    def columns(self, plan: Project) -> Sequence[tuple[Any, ...]]:
        return self.projected(plan).values

    def nodes_of(self, plan: Plan) -> list[Node]:
        return [Node(id, label, held) for id, label, _, held, *_ in self.whole(plan).values]

    def edges_of(self, plan: Plan, types: Sequence[str]) -> list[Edge]:
        ids = [id for (id,) in self.columns(Project(plan, (Column("id", "id"),)))]
        return edges(self.connection, ids, types, incoming=False)

    def counts(self, plan: Count) -> list[tuple[Any, ...]]:
        if not plan.by:
            return [(self.size(plan.source),)]
        shown = [self.shown(column) for column in plan.by]
        keys = ", ".join(f"k{nth}" for nth in range(len(shown)))
        types = ", ".join(f"typeof(k{nth})" for nth in range(len(shown)))
        named = joined(", ", [sql(f"{{}} AS k{nth}", part) for nth, (part, _) in enumerate(shown)])
        asked = sql(
            f"SELECT {keys}, count(*) FROM (SELECT {{}} FROM ({{}}) AS r"
            f" CROSS JOIN node n ON n.id = r.id) GROUP BY {keys}, {types}",
            named,
            self.relation(plan.source).sql,
        )
        readers = [*(read for _, read in shown), None]
        return [
            _read(row, readers) for row in self.connection.execute(asked.text, asked.parameters)
        ]

    def cone(self, walk: Walk) -> Cone:
        starts = visible(self.connection, self.ids(walk.source), walk.until)
        ready = self.ready(walk)
        if ready is not None:
            from provgraph.store.embedded.warm_walk import cone  # numpy

            around = self.reached_in(ready, walk, starts)
            nodes = self.warm.nodes(self.connection, self.meter.left())
            with self.warm.naming():
                return cone(ready, nodes, self.connection, self.lexicon, walk, starts, around)
        found = self.reached(walk, starts)
        return cone_of(self.connection, self.lexicon, walk.via, starts, found)

    def edges_from(self, plan: Plan, via: Sequence[str]) -> list[tuple[str, str, str]]:
        types = {TYPE_NUMBERS[name]: name for name in via}
        asked = sql(
            "SELECT DISTINCT s.uid, e.type, d.uid FROM ({}) AS r CROSS JOIN edge e ON e.src = r.id"
            f" AND +e.type IN ({', '.join(map(str, types))}) CROSS JOIN node s ON s.id = e.src"
            " CROSS JOIN node d ON d.id = e.dst",
            self.relation(plan).sql,
        )
        found = self.connection.execute(asked.text, asked.parameters)
        return [(effect, types[type], cause) for effect, type, cause in found]

    def visit(self, nodes: int) -> None:
        self.meter.visit(nodes)

    # Between operators

    def size(self, plan: Plan) -> int:
        """How many rows there are, without reading them."""
        if isinstance(plan, Walk) and (ready := self.ready(plan)) is not None:
            return len(self.reached_in(ready, plan, self.ids(plan.source)).ids)
        asked = self.relation(plan).sql
        found = self.connection.execute(f"SELECT count(*) FROM ({asked.text})", asked.parameters)
        return int(found.get)

    def ids(self, plan: Plan) -> list[int]:
        asked = self.relation(plan).sql
        found = self.connection.execute(f"SELECT id FROM ({asked.text})", asked.parameters)
        return [id for (id,) in found]

    def uids(self, ids: Iterable[int]) -> dict[int, str]:
        """The ids that people see, of row ids, one at least."""
        asked = "SELECT n.id, n.uid FROM carray(?) AS c CROSS JOIN node n ON n.id = c.value"
        found: Iterable[Any] = self.connection.execute(asked, (numbers(ids),))
        return dict(found)

    def counted(self, relation: Relation) -> Relation:
        """The same; its rows are counted if a budget asks for it."""
        if not self.meter.counts:
            return relation
        asked = relation.sql
        found = self.connection.execute(f"SELECT id FROM ({asked.text})", asked.parameters)
        ids = [id for (id,) in found]
        self.meter.visit(len(ids))
        return constant(ids)

    def settled(self, relation: Relation) -> Relation:
        """The same rows as a constant, so that statements do not nest without end."""
        asked = relation.sql
        found = self.connection.execute(
            f"SELECT id, depth, rank, learned FROM ({asked.text})", asked.parameters
        )
        return listed(found.fetchall())


def walk_to_name(plan: Project) -> Walk | None:
    """The walk whose rows are to be shown as ids and depths alone, if they are."""
    source = plan.source.source if isinstance(plan.source, Limit) else plan.source
    shown = {column.key for column in plan.columns}
    return source if isinstance(source, Walk) and shown <= {"id", "depth"} else None


def _learned(plan: Plan) -> set[str]:
    return {field.key for field in shape.learned(plan)}


def _plain(value: Any) -> Any:
    """What was JSON: a list is a tuple."""
    return tuple(value) if isinstance(value, list) else value


def _present(keys: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    return {key: v for key, v in zip(keys, values, strict=True) if v is not None}


def _read(row: tuple[Any, ...], readers: list[Callable[[str], Any] | None]) -> tuple[Any, ...]:
    return tuple(
        value if reader is None or value is None else reader(value)
        for value, reader in zip(row, readers, strict=True)
    )
