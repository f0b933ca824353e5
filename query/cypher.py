"""Plan -> Cypher, one parameterised statement a plan. A store subclasses `Cypher` and overrides what
it says differently.

For Neo4j 5.26 and newer, in what Cypher 5 and Cypher 25 have in common. A node has one label, its
properties and `id` and `project`; an edge has its properties and `key`. Declared fields hold values
of their declared type. What a user wrote is in the parameters only; the text is made of words from
the vocabulary and of whole numbers.

Reachability is planned as `VarLengthExpand(Pruning,BFS)`, which visits a node once instead of
following each path. That holds as long as a path is asked for nothing but its smallest length, and
its predicates are about all of its relationships; `SHORTEST` follows the paths.

One thing Neo4j says differently: `<` and `>` between stored text and a parameter compare UTF-16
units, so they differ from code points where one side has a character from U+E000 to U+FFFF in the
place of an astral one of the other. Its indexes and its `ORDER BY` of stored text keep to code points.
Where the parameter has such a character, the comparison is put right (`compares_by_code_point`), and
so is the order of texts that come with the question (`by_code_point`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, assert_never

from msgspec import structs

from provgraph.model.vocabulary import (
    DIGESTS,
    EDGES,
    FIELDS,
    LABELS,
    LETTERS,
    FieldType,
    Label,
)
from provgraph.query.conditions import keys
from provgraph.query.glob import expression, is_glob, literal_prefix
from provgraph.query.plan import (
    AllOf,
    AnyOf,
    Around,
    Comparison,
    Condition,
    Constant,
    Count,
    Deletion,
    Diff,
    Digested,
    Every,
    Exactly,
    Filter,
    Find,
    Given,
    Globbed,
    Identified,
    InCommit,
    Latest,
    Limit,
    Membership,
    Name,
    Named,
    Negate,
    Nth,
    Operator,
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
    WithDigest,
)
from provgraph.query.shape import has_depth, labels, learned

Lines = list[str]
Kind = Literal["number", "boolean", "text", "texts", "open", "missing"]

_KINDS: Final[Mapping[FieldType, Kind]] = {
    FieldType.TEXT: "text",
    FieldType.TEXTS: "texts",
    FieldType.BOOLEAN: "boolean",
    FieldType.NUMBER: "number",
    FieldType.TIME: "number",
    FieldType.DURATION: "number",
    FieldType.SIZE: "number",
}
_DECLARED: Final[Mapping[str, Kind]] = {
    field.key: _KINDS[field.type] for fields in FIELDS.values() for field in fields
}

IN_COMMIT: Final = "-[i:IN_COMMIT]"
REMOVED_IN: Final = "-[:REMOVED_IN]"
RUN_AT_COMMIT: Final = "-[:GENERATED_BY]->(:Step)-[:PART_OF]->(:Run)-[:AT_COMMIT]"


@dataclass(frozen=True, slots=True)
class Statement:
    """Cypher and its parameters. The columns are `c0`, `c1` ... in the order of the plan's columns,
    or `id`, `label`, `depth` and `properties` (`id` and `project` among them)."""

    text: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Term:
    """An expression for a row's value under a key, and what may be found there."""

    text: str
    kind: Kind
    is_stored: bool = True


class Cypher:
    """Compiles one plan. `project` restricts it to the nodes of a project.

    The lines for an operator leave its rows in scope as `n`, each once and in no order, and their
    depth, where there is one and it is wanted, as `depth`.
    """

    sorts_lists: ClassVar[bool] = True
    """Whether `ORDER BY` goes by code point for the texts of a stored list, as it does for others."""

    def __init__(self, project: str | None = None) -> None:
        self.project = project
        self.parameters: dict[str, Any] = {} if project is None else {"project": project}
        self.known: dict[str, str] = {}

    @classmethod
    def compile(cls, plan: Plan, project: str | None = None) -> Statement:
        """
        >>> print(Cypher.compile(Find("Run", where=Comparison("exit", "!=", 0)), "p").text)
        MATCH (n:Run {project: $project})
        WHERE n.exit <> $p0
        RETURN n.id AS id, labels(n)[0] AS label, null AS depth, properties(n) AS properties
        ORDER BY n.at, n.id
        """
        dialect = cls(project)
        text = "\n".join(dialect.statement(plan))
        return Statement(text, dialect.parameters)

    @classmethod
    def compile_count(cls, plan: Count, project: str | None = None) -> Statement:
        """The groups of a count: the columns `c0`, `c1` ... and `count`.

        >>> from provgraph.query.plan import Column
        >>> print(Cypher.compile_count(Count(Find("Run"), (Column("exit", "exit"),))).text)
        MATCH (n:Run)
        RETURN n.exit AS c0, count(*) AS count
        """
        dialect = cls(project)
        terms = [dialect.term(column.key, plan.source) for column in plan.by]
        asked = any(column.key == "depth" for column in plan.by)
        shown = [f"{term.text} AS c{place}" for place, term in enumerate(terms)]
        lines = dialect.rows(plan.source, depth=asked)
        text = "\n".join([*lines, f"RETURN {', '.join([*shown, 'count(*) AS count'])}"])
        return Statement(text, dialect.parameters)

    @classmethod
    def compile_cone(cls, walk: Walk, project: str | None = None) -> Statement:
        """What a walk leaves and reaches, in one row of lists: `ids`, `labels`, `starts` (whether
        the walk leaves from there), and the edges' ends `effects` and `causes`, as ids. Edges that
        lead out of the nodes are among them."""
        dialect = cls(project)
        text = "\n".join(dialect.cone(walk))
        return Statement(text, dialect.parameters)

    @classmethod
    def compile_edges(cls, plan: Plan, via: Sequence[str], project: str | None = None) -> Statement:
        """The edges of these types out of a plan's rows, in one row of lists: `effects`, `types`,
        `causes`, the ends as ids.

        >>> print(Cypher.compile_edges(Find("Run"), ("BY",)).text)
        MATCH (n:Run)
        MATCH (n)-[r:BY]->(y)
        WITH DISTINCT n, type(r) AS type, y
        RETURN collect(n.id) AS effects, collect(type) AS types, collect(y.id) AS causes
        """
        dialect = cls(project)
        types = "|".join(edge_type(type) for type in via)
        lines = [
            *dialect.rows(plan, depth=False),
            f"MATCH (n)-[r:{types}]->(y)" if types else "MATCH (n)-[r]->(y) WHERE false",
            "WITH DISTINCT n, type(r) AS type, y",
            "RETURN collect(n.id) AS effects, collect(type) AS types, collect(y.id) AS causes",
        ]
        return Statement("\n".join(lines), dialect.parameters)

    @classmethod
    def compile_whole_edges(
        cls, plan: Plan, types: Sequence[str], project: str | None = None
    ) -> Statement:
        """The edges of these types out of a plan's rows, in one row of lists: their `sources`, `types` and
        `targets`, and their properties, the key among them.

        >>> print(Cypher.compile_whole_edges(Find("Run"), ("BY",)).text)
        MATCH (n:Run)
        MATCH (n)-[e:BY]->(x)
        RETURN collect(n.id) AS sources, collect(type(e)) AS types, collect(x.id) AS targets,
          collect(properties(e)) AS properties
        """
        dialect = cls(project)
        text = "\n".join(
            (
                *dialect.rows(plan, depth=False),
                f"MATCH (n)-[e:{'|'.join(map(edge_type, types))}]->(x)",
                "RETURN collect(n.id) AS sources, collect(type(e)) AS types, collect(x.id) AS targets,",
                "  collect(properties(e)) AS properties",
            )
        )
        return Statement(text, dialect.parameters)

    def label_of(self, node: str, possible: Collection[Label]) -> str:
        """The label of a node that has one of these."""
        return f"labels({node})[0]"

    def end(self, node: str) -> str:
        """What says of an edge of a cone which node it ends at."""
        return f"{node}.id"

    def cone(self, walk: Walk) -> Lines:
        starts = self.rows(walk.source, depth=False)
        if walk.until is not None:
            starts.append(f"WITH n WHERE {exists_at('n', self.parameter(walk.until))}")
        reached = self.walk(walk, depth=False)
        possible = labels(walk.source) | labels(walk)
        types = "|".join(edge_type(type) for type in walk.via)
        edges = [
            "UNWIND nodes AS x",
            f"MATCH (x)-[:{types}]->(y)" if types else "MATCH (x)-->(y) WHERE false",
            "WITH DISTINCT x, y",
            f"RETURN collect({self.end('x')}) AS effects, collect({self.end('y')}) AS causes",
        ]
        both = [*starts, "RETURN n, true AS start", "UNION ALL"]
        both += [*reached, "WITH n", "RETURN n, false AS start"]
        return [
            *subquery(both),
            "WITH n, max(start) AS start",
            "WITH collect(n) AS nodes, collect(start) AS starts",
            "CALL (nodes) {",
            *(f"  {line}" for line in edges),
            "}",
            f"RETURN [x IN nodes | x.id] AS ids, [x IN nodes | {self.label_of('x', possible)}] AS labels,",
            "  starts, effects, causes",
        ]

    def statement(self, plan: Plan) -> Lines:
        lines = self.rows(plan, depth=True)
        return [
            *lines,
            f"RETURN {', '.join(self.columns(plan))}",
            f"ORDER BY {', '.join(self.order(plan))}",
        ]

    def columns(self, plan: Plan) -> list[str]:
        if isinstance(plan, Project):
            terms = [self.term(column.key, plan.source) for column in plan.columns]
            return [f"{term.text} AS c{place}" for place, term in enumerate(terms)]
        depth = self.term("depth", plan).text
        label, properties = "labels(n)[0] AS label", "properties(n) AS properties"
        more = [f"{self.term(f.key, plan).text} AS {f.name}" for f in learned(plan)]
        return ["n.id AS id", label, f"{depth} AS depth", properties, *more]

    def rows(self, plan: Plan, *, depth: bool) -> Lines:
        match plan:
            case Find():
                return self.find(plan)
            case Walk():
                return self.walk(plan, depth)
            case Around():
                return self.around(plan, depth)
            case Filter(source, condition):
                lines = self.rows(source, depth=depth or "depth" in keys(condition))
                return [*lines, f"WITH * WHERE {self.condition(condition, source)}"]
            case Versions():
                return self.versions(plan)
            case Runs():
                return self.runs(plan)
            case SetOp():
                return self.set_operation(plan)
            case Sort(source, _):
                asked = any(key.key == "depth" for key in plan.by)
                return self.rows(source, depth=depth or asked)
            case Limit(source, count):
                lines = self.rows(source, depth=True)
                order = ", ".join(self.order(source))
                return [*lines, f"WITH * ORDER BY {order} LIMIT {self.parameter(count)}"]
            case Project(source, _):
                return self.rows(source, depth=depth)
            case Given():
                return self.given(plan)
            case (
                Slice()
                | Segment()
                | Stale()
                | Count()
                | Paths()
                | Deletion()
                | Rerun()
                | Diff()
                | Summarize()
            ):
                raise AssertionError(f"{type(plan).__name__} is carried out, not said")
            case _:
                assert_never(plan)

    def given(self, plan: Given) -> Lines:
        """Rows that an operator made; what they have learned stays with them as `learned`."""
        if not plan.labels:
            return ["MATCH (n) WHERE false", "WITH n, {} AS learned"]
        names = ("id", *plan.keys)
        given = self.another(
            tuple(dict(zip(names, (row.id, *row.learned), strict=True)) for row in plan.rows)
        )
        lines = []
        for each in plan.labels:
            found = f"MATCH (n:{label(each)}{self.here()}) WHERE n.id = g.id"
            lines += [f"UNWIND {given} AS g", found, "RETURN n, g", "UNION ALL"]
        return [*subquery(lines[:-1]), "WITH n, g AS learned"]

    # Find

    def find(self, plan: Find) -> Lines:
        if plan.label == "Version" and isinstance(plan.which, Latest | Nth | InCommit):
            lines = self.picked_of_each(plan, plan.which)
            if plan.where is not None:
                lines.append(f"WITH * WHERE {self.condition(plan.where, plan)}")
            return lines
        asked = self.candidates(plan)
        if plan.where is not None:
            asked.append(self.condition(plan.where, plan))
        if plan.label == "Version" and isinstance(plan.name, Exactly | Named | Globbed):
            artifact = f"(a:Artifact{self.here()})"
            return [f"MATCH {artifact}<-[:VERSION_OF]-(n)", *where(asked), "WITH DISTINCT n"]
        return [f"MATCH (n:{label(plan.label)}{self.here()})", *where(asked)]

    def picked_of_each(self, plan: Find, which: Latest | Nth | InCommit) -> Lines:
        """A version of each artifact that has the name. Where what is asked is asked of versions,
        an index may lead to them, and from there to the artifacts."""
        if isinstance(which, InCommit):
            return self.left_by_commits(plan, which.prefix)
        place = "-1" if isinstance(which, Latest) else self.parameter(which.number - 1)
        if isinstance(plan.name, Exactly | Named | Globbed):
            one = "n.at DESC, n.id DESC" if place == "-1" else f"n.at, n.id SKIP {place}"
            picked = [
                "MATCH (a)<-[:VERSION_OF]-(n)",
                *where(self.candidates(structs.replace(plan, name=None))),
                f"RETURN DISTINCT n ORDER BY {one} LIMIT 1",
            ]
            artifacts = [f"MATCH (a:Artifact{self.here()})", *where([self.name(plan.name, plan)])]
            return [*artifacts, *subquery(picked, "a"), "WITH DISTINCT n"]
        return [
            f"MATCH (a:Artifact{self.here()})<-[:VERSION_OF]-(n:Version)",
            *where(self.candidates(plan)),
            "WITH DISTINCT a, n ORDER BY n.at, n.id",
            "WITH a, collect(n) AS versions",
            f"WITH DISTINCT versions[{place}] AS n WHERE n IS NOT NULL",
        ]

    def left_by_commits(self, plan: Find, prefix: str) -> Lines:
        """For a commit `h`, each one that it came from, `c`, with how many edges lead there, by first parents
        and by any, and what is `held` of it. They meet by grouping: sought for each commit anew, what is held
        takes seconds where there are thousands."""
        asked = self.candidates(plan)
        held = f"(a:Artifact{self.here()})<-[:VERSION_OF]-(n:Version)"
        parts: list[tuple[str, list[str], str]] = [
            (
                "p = (h)-[:PARENT*0.. {first: true}]->(c)",
                [],
                "min(length(p)) AS near, null AS far, null AS held",
            ),
            ("p = (h)-[:PARENT*0..]->(c)", [], "null AS near, min(length(p)) AS far, null AS held"),
            (
                f"{held}{IN_COMMIT}->(c)",
                [*asked, "(i.uri IS NULL OR i.uri = a.name)"],
                "null AS near, null AS far, [a, n, 'has'] AS held",
            ),
            (
                f"{held}{RUN_AT_COMMIT}->(c)",
                asked,
                "null AS near, null AS far, [a, n, 'made'] AS held",
            ),
            (
                f"{held}, (a){REMOVED_IN}->(c)",
                asked,
                "null AS near, null AS far, [a, null, 'removed'] AS held",
            ),
        ]
        each: list[str] = []
        for match, said, shown in parts:
            each += [f"MATCH {match}", *where(said), f"RETURN c, {shown}", "UNION ALL"]
        return [
            f"MATCH (h:Commit{self.here()}) WHERE h.sha STARTS WITH {self.parameter(prefix)}",
            *subquery(each[:-1], "h"),
            "WITH h, c, min(near) AS near, min(far) AS far, collect(held) AS held",
            "WHERE far IS NOT NULL",
            "UNWIND held AS each",
            "WITH h, each[0] AS a, each[1] AS n, each[2] AS what, near, far",
            "WITH h, a, min(CASE what WHEN 'removed' THEN near END) AS removed,",
            "  max(what <> 'made') AS known, collect([n, what, near, far]) AS held",
            "UNWIND held AS each",
            "WITH h, a, each[0] AS n, each[1] AS what, removed,",
            "  CASE WHEN known THEN each[2] ELSE each[3] END AS away",
            "WHERE n IS NOT NULL AND away <= coalesce(removed, away)",
            "WITH h, a, n ORDER BY what, away, n.at DESC, n.id DESC",
            "WITH h, a, head(collect(n)) AS n",
            "WITH DISTINCT n",
        ]

    def here(self) -> str:
        return "" if self.project is None else " {project: $project}"

    def candidates(self, plan: Find) -> list[str]:
        """What is asked of a node (and of `a`, its artifact) before `which` picks."""
        asked = [] if plan.name is None else [self.name(plan.name, plan)]
        if plan.kind is not None:
            asked.append(f"n.kind = {self.parameter(plan.kind)}")
        if plan.files:
            asked.append("(NOT n.name CONTAINS '://' OR n.name STARTS WITH 'file://')")
        if plan.label == "Version":
            asked += self.which(plan)
        return asked

    def which(self, plan: Find) -> list[str]:
        match plan.which:
            case Every(None) | Latest(None) | Nth() | InCommit():
                return []
            case Every(until) | Latest(until):
                return [f"n.at <= {self.parameter(until)}"]
            case WithDigest(prefix):
                return [
                    either(
                        f"n.{key} STARTS WITH {self.parameter(tag + prefix)}"
                        for key, tag in DIGESTS.items()
                    )
                ]
            case _:
                assert_never(plan.which)

    def name(self, name: Name, plan: Find) -> str:
        match name:
            case Digested(digests):
                if plan.label != "Version":
                    return "false"
                held = self.parameter(list(digests))
                return either((f"n.digest IN {held}", f"n.blob IN {held}"))
            case Identified(ids):
                return f"n.id IN {self.parameter(list(ids))}"
            case Exactly(whole):
                named = "a" if plan.label == "Version" else "n"
                return f"{named}.name = {self.parameter(whole)}"
            case Named(word, stems):
                return (
                    self.artifact_named(word, stems)
                    if plan.label == "Version"
                    else self.named(word, plan.label)
                )
            case Globbed(pattern):
                base = plan.label == "Version" and "/" not in pattern
                key = "base" if base else "name"
                return self.matches(f"{'a' if plan.label == 'Version' else 'n'}.{key}", pattern)
            case _:
                assert_never(name)

    def artifact_named(self, word: str, stems: bool) -> str:
        asked = self.parameter(word)
        keys = ("name", "base", "stem") if stems else ("name", "base")
        return either(f"a.{key} = {asked}" for key in keys)

    def named(self, word: str, of: Label) -> str:
        """Each part is one that an index can seek: the id without its letter is asked for with it."""
        letter = LETTERS[of]
        asked = self.parameter(word)
        named = [f"n.name = {asked}"]
        if len(word) >= 4:
            named += [f"n.id STARTS WITH {text}" for text in (asked, self.parameter(letter + word))]
            named += [f"n.sha STARTS WITH {asked}"] if of == "Commit" else []
        return either(named)

    # Walk

    def walk(self, plan: Walk, depth: bool) -> Lines:
        if not plan.via or plan.max_hops == 0:
            return [*self.rows(plan.source, depth=False), "WITH n, 0 AS depth WHERE false"]
        lines, asked = self.starts(plan), []
        if plan.stop_at is not None:
            passed = "startNode(r)" if plan.toward == "origin" else "endNode(r)"
            asked.append(f"all(r IN relationships(p) WHERE NOT {passed} IN stops)")
        if plan.until is not None:
            exists = exists_at("x", self.parameter(plan.until))
            asked.append(f"all(x IN nodes(p) WHERE {exists})")
        path = "p = " if depth or asked else ""
        match = [f"MATCH {path}{self.way(plan)}", *where(asked)]
        if depth:
            return [*lines, *match, "WITH n, min(length(p)) AS depth"]
        if is_one(plan.source):  # what is reached from one start is distinct as it comes
            return [*lines, *subquery([*match, "RETURN DISTINCT n"], "*"), "WITH n"]
        return [*lines, *match, "WITH DISTINCT n"]

    def starts(self, plan: Walk) -> Lines:
        """From nothing to `s`, one of the source's rows, and `stops`. A source is no stop: it is always
        left, and what is passed through it is as near to it."""
        lines = self.rows(plan.source, depth=False)
        if plan.stop_at is None:
            return [*lines, "WITH n AS s"]
        return [
            *lines,
            "WITH collect(n) AS sources",
            *subquery([*self.rows(plan.stop_at, depth=False), "RETURN collect(n) AS found"]),
            "WITH sources, [x IN found WHERE NOT x IN sources] AS stops",
            "UNWIND sources AS s",
        ]

    def way(self, plan: Walk) -> str:
        types = "|".join(edge_type(type) for type in plan.via)
        hops = f"*1..{'' if plan.max_hops is None else int(plan.max_hops)}"
        if plan.toward == "origin":
            return f"(s)-[:{types}{hops}]->(n)"
        return f"(s)<-[:{types}{hops}]-(n)"

    def around(self, plan: Around, depth: bool) -> Lines:
        types = "|".join(edge_type(type) for type in plan.via)
        if not types or plan.hops == 0:
            return [*self.rows(plan.source, depth=False), "WITH n, 0 AS depth"]
        path = "p = " if depth else ""
        return [
            *self.rows(plan.source, depth=False),
            "WITH n AS s",
            f"MATCH {path}(s)-[:{types}*0..{int(plan.hops)}]-(n)",
            "WITH n, min(length(p)) AS depth" if depth else "WITH DISTINCT n",
        ]

    # Versions, Runs, SetOp

    def versions(self, plan: Versions) -> Lines:
        ways = {
            "Artifact": "WITH n AS a WHERE a:Artifact",
            "Version": "MATCH (n)-[:VERSION_OF]->(a)",
        }
        lines = self.led(plan.source, ways, "a")
        until = [] if plan.until is None else [f"n.at <= {self.parameter(plan.until)}"]
        return [
            *lines,
            "WITH DISTINCT a",
            "MATCH (a)<-[:VERSION_OF]-(n)",
            *where(until),
            "WITH DISTINCT n",
        ]

    def runs(self, plan: Runs) -> Lines:
        ways = {
            "Run": "WITH n AS r WHERE r:Run",
            "Step": "MATCH (n:Step)-[:PART_OF]->(r:Run)",
            "Version": "MATCH (n:Version)-[:GENERATED_BY]->(:Step)-[:PART_OF]->(r:Run)",
        }
        if has_generating_steps(plan.source):
            del ways["Version"]
        return [*self.led(plan.source, ways, "r"), "WITH DISTINCT r AS n"]

    def led(self, source: Plan, ways: Mapping[str, str], to: str) -> Lines:
        """From a source's rows to others, by a way for each label that they may have."""
        lines, possible = self.rows(source, depth=False), labels(source)
        taken = [way for label, way in ways.items() if label in possible]
        if not taken:
            return [*lines, f"WITH n AS {to} WHERE false"]
        if len(taken) == 1:
            return [*lines, *taken]
        each = []
        for way in taken:
            each += ["UNWIND found AS n", way, f"RETURN {to}", "UNION ALL"]
        return [*lines, "WITH collect(n) AS found", *subquery(each[:-1], "found")]

    def set_operation(self, plan: SetOp) -> Lines:
        sides = [
            *self.rows(plan.left, depth=False),
            "RETURN n, 0 AS side",
            "UNION ALL",
            *self.rows(plan.right, depth=False),
            "RETURN n, 1 AS side",
        ]
        match plan.operator:
            case "union":
                return [*subquery(sides), "WITH DISTINCT n"]
            case "intersection":
                kept = "count(side) AS sides WHERE sides = 2"
            case "difference":
                kept = "max(side) AS last WHERE last = 0"
            case _:
                assert_never(plan.operator)
        return [*subquery(sides), f"WITH n, {kept}", "WITH n"]

    # Order

    def order(self, plan: Plan) -> list[str]:
        """The expressions that put a plan's rows in order; Cypher puts null last."""
        match plan:
            case Sort(source, by):
                return [*(text for key in by for text in self.sorted_by(key, source)), "n.id"]
            case Filter() | Limit() | Project():
                return self.order(plan.source)
            case Find() | Walk() | Around() | Versions() | Runs() | SetOp() | Given():
                return [*(["depth"] if has_depth(plan) else []), "n.at", "n.id"]
            case (
                Slice()
                | Segment()
                | Stale()
                | Count()
                | Paths()
                | Deletion()
                | Rerun()
                | Diff()
                | Summarize()
            ):
                raise AssertionError(f"{type(plan).__name__} is carried out, not said")
            case _:
                assert_never(plan)

    def sorted_by(self, key: SortKey, source: Plan) -> list[str]:
        term, down = self.term(key.key, source), " DESC" if key.descending else ""
        match term.kind:
            case "missing":
                return []
            case "number" | "text" | "boolean":
                return [f"{term.text} IS NULL", term.text + down]
            case "texts":
                first = f"head({term.text})"
                sorts = self.sorts_lists and term.is_stored
                return [f"{first} IS NULL", (first if sorts else by_code_point(first)) + down]
            case "open":
                first = f"head([] + {term.text})"
                is_text = f"{first} IS :: STRING"
                place = as_number(first)
                if not self.sorts_lists:
                    place = f"CASE WHEN {is_text} THEN {by_code_point(first)} ELSE {place} END"
                return [f"{first} IS NULL", is_text + down, place + down]
            case _:
                assert_never(term.kind)

    # Conditions. Null stands for false: in `AND` and `OR` it does, under `NOT` it is made false.

    def condition(self, condition: Condition, source: Plan) -> str:
        match condition:
            case Comparison(key, operator, constant):
                return self.comparison(self.term(key, source), operator, constant)
            case Membership(key, constants, negated):
                return self.membership(self.term(key, source), constants, negated)
            case AllOf(conditions):
                return both(self.condition(part, source) for part in conditions)
            case AnyOf(conditions):
                return either(self.condition(part, source) for part in conditions)
            case Negate(part):
                return f"NOT coalesce({self.condition(part, source)}, false)"
            case _:
                assert_never(condition)

    def term(self, key: str, source: Plan) -> Term:
        """The value under a key in the rows of a plan."""
        if key == "depth":
            return Term("depth", "number") if has_depth(source) else Term("null", "missing")
        if key.startswith(":"):
            known = next((field for field in learned(source) if field.key == key), None)
            if known is None:
                return Term("null", "missing")
            return Term(f"learned[{self.parameter(key)}]", _KINDS[known.type], is_stored=False)
        if key in _DECLARED:
            return Term(f"n.{key}", _DECLARED[key])
        return Term(f"n[{self.parameter(key)}]", "open")

    def comparison(self, term: Term, operator: Operator, constant: Constant) -> str:
        is_text = isinstance(constant, str)
        match term.kind:
            case "missing":
                return "false"
            case "number" | "boolean":
                number = f"toInteger({term.text})" if term.kind == "boolean" else term.text
                return "false" if is_text else self.compares(number, operator, constant)
            case "text":
                return self.compares(term.text, operator, constant) if is_text else "false"
            case "texts":
                each = self.compares("x", operator, constant)
                return f"any(x IN {term.text} WHERE {each})" if is_text else "false"
            case "open":
                each = self.compares_open("x" if is_text else as_number("x"), operator, constant)
                return f"any(x IN [] + {term.text} WHERE {each})"
            case _:
                assert_never(term.kind)

    def compares(self, text: str, operator: Operator, constant: Constant) -> str:
        if operator == "~":
            return self.matches(text, constant) if isinstance(constant, str) else "false"
        if isinstance(constant, str) and operator not in ("=", "!="):
            return self.compares_by_code_point(text, operator, constant)
        return f"{text} {'<>' if operator == '!=' else operator} {self.parameter(number(constant))}"

    def compares_by_code_point(self, text: str, operator: Operator, constant: str) -> str:
        """By UTF-16 unit, what begins like the constant up to an astral character and goes on with
        one of U+E000 to U+FFFF is after it, and is before it by code point; the other way about
        where the constant has such a one and the text an astral one."""
        plain = f"{text} {operator} {self.parameter(constant)}"
        below: list[str] = []
        above: list[str] = []
        for place, character in enumerate(constant):
            if character >= "\ue000":
                (below if character > "\uffff" else above).append(
                    self.goes_on(f"coalesce({text}, null)", constant[:place], character)
                )
        if operator in ("<", "<="):
            below, above = above, below
        if below:
            plain = both((plain, f"NOT {either(below)}"))
        return either((plain, *above))

    def goes_on(self, text: str, beginning: str, character: str) -> str:
        """Whether a text begins so, and goes on with a character of U+E000 to U+FFFF (an astral one,
        if `character` is none). No index is asked: those compare by code point."""
        first, end = ("\U00010000", "\ue000") if character <= "\uffff" else ("\ue000", None)
        asked = [f"{text} STARTS WITH {self.parameter(beginning)}"] if beginning else []
        asked.append(f"{text} >= {self.parameter(beginning + first)}")
        if end is not None:
            asked.append(f"{text} < {self.parameter(beginning + end)}")
        return both(asked)

    def compares_open(self, text: str, operator: Operator, constant: Constant) -> str:
        """Where text may meet a number: `<>` would hold between them, `<` and `>` do not."""
        if operator == "!=":
            other = self.parameter(number(constant))
            return either((f"{text} < {other}", f"{text} > {other}"))
        return self.compares(text, operator, constant)

    def membership(self, term: Term, constants: Iterable[Constant], negated: bool) -> str:
        if term.kind == "missing":
            return "false"
        values = self.parameter([number(constant) for constant in constants])
        no = "NOT " if negated else ""
        match term.kind:
            case "number" | "text":
                return f"({term.text} IS NOT NULL AND {no}{term.text} IN {values})"
            case "boolean":
                return f"({term.text} IS NOT NULL AND {no}toInteger({term.text}) IN {values})"
            case "texts":
                return f"any(x IN {term.text} WHERE {no}x IN {values})"
            case "open":
                return f"any(x IN [] + {term.text} WHERE {no}{as_number('x')} IN {values})"
            case _:
                assert_never(term.kind)

    def matches(self, text: str, pattern: str) -> str:
        """A glob, as a regular expression that is ours: nothing of the pattern has a meaning in it
        but its wildcards. The literal prefix lets an index be sought."""
        if not is_glob(pattern):
            return f"{text} = {self.parameter(pattern)}"
        prefix = literal_prefix(pattern)
        begins = [f"{text} STARTS WITH {self.parameter(prefix)}"] if prefix else []
        return both((*begins, f"{text} =~ {self.parameter(f'(?s){expression(pattern)}')}"))

    def parameter(self, value: Constant | list[Constant] | list[str] | None) -> str:
        """A parameter for a value: the same one for the same value."""
        said = repr(value)
        if said not in self.known:
            self.known[said] = self.another(value)
        return self.known[said]

    def another(self, value: Any) -> str:
        """A parameter of its own."""
        name = f"p{len(self.parameters) - (self.project is not None)}"
        self.parameters[name] = value
        return f"${name}"


def label(word: str) -> str:
    """A label, which is a word of the vocabulary."""
    assert word in LABELS, word
    return word


def edge_type(word: str) -> str:
    """An edge type, which is a word of the vocabulary."""
    assert word in EDGES, word
    return word


def where(conditions: Iterable[str]) -> Lines:
    """
    >>> where(["a", "b"]), where([])
    (['WHERE a', '  AND b'], [])
    """
    text = "\n  AND ".join(conditions)
    return f"WHERE {text}".split("\n") if text else []


def subquery(lines: Lines, known: str = "") -> Lines:
    """`known` are the names of outside that it uses."""
    return [f"CALL ({known}) {{", *(f"  {line}" for line in lines), "}"]


def is_one(plan: Plan) -> bool:
    """Whether a plan has one row at most, for sure.

    >>> is_one(Find("Run", Identified(("r1",)))), is_one(Find("Run"))
    (True, False)
    """
    return isinstance(plan, Find) and isinstance(plan.name, Identified) and len(plan.name.ids) == 1


def asks_for_ids(plan: Plan) -> bool:
    """Whether it asks for the ids alone of all that a walk reaches, in its order. (Few hops reach little.)
    Who asks a Neo4j so again reads them faster by its numbers of the nodes.

    >>> from provgraph.query.plan import Column
    >>> walk, id = Walk(Find("Run"), "effect", ("PART_OF",)), (Column("id", "id"),)
    >>> asks_for_ids(Project(walk, id)), asks_for_ids(Project(Limit(walk, 3), id))
    (True, False)
    """
    if not isinstance(plan, Project) or [column.key for column in plan.columns] != ["id"]:
        return False
    source = plan.source
    while isinstance(source, Filter):
        source = source.source
    return isinstance(source, Walk) and bool(source.via) and source.max_hops is None


def has_generating_steps(plan: Plan) -> bool:
    """Whether the steps that generated a plan's versions are among its rows, for sure: those of a
    whole lineage are.

    >>> file = Find("Version", Identified(("v1",)))
    >>> has_generating_steps(Walk(file, "origin", ("GENERATED_BY", "USED")))
    True
    >>> has_generating_steps(Walk(file, "origin", ("GENERATED_BY", "USED"), max_hops=3))
    False
    """
    if not isinstance(plan, Walk) or plan.toward != "origin" or "GENERATED_BY" not in plan.via:
        return False
    return plan.max_hops is None and plan.stop_at is None and plan.until is None


def both(conditions: Iterable[str]) -> str:
    """
    >>> both(["a", "b"]), both(["a"]), both([])
    ('(a AND b)', 'a', 'true')
    """
    return _joined(list(conditions), " AND ", "true")


def either(conditions: Iterable[str]) -> str:
    return _joined(list(conditions), " OR ", "false")


def _joined(conditions: list[str], word: str, none: str) -> str:
    if len(conditions) > 1:
        return f"({word.join(conditions)})"
    return conditions[0] if conditions else none


def exists_at(node: str, until: str) -> str:
    """What has no time always exists."""
    return f"({node}.at <= {until} OR {node}.at IS NULL)"


def as_number(text: str) -> str:
    """A boolean is 0 or 1; anything else is what it is."""
    return f"CASE {text} WHEN true THEN 1 WHEN false THEN 0 ELSE {text} END"


def by_code_point(text: str) -> str:
    """What takes the place that a text has by code point: its UTF-16 units, each of an astral
    character after all others. No code point is a text of its own after U+FFFF but such a pair."""
    unit = "CASE WHEN c > '\\uD7FF' AND c < '\\uE000' THEN '\\uFFFF' + c ELSE c END"
    return f"[c IN split({text}, '') | {unit}]"


def number(constant: Constant) -> Constant:
    return int(constant) if isinstance(constant, bool) else constant
