"""Find -> SQL: which nodes answer to a name, and which versions are picked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, assert_never

import apsw

from provgraph.model.vocabulary import DIGESTS
from provgraph.query.plan import (
    Digested,
    Every,
    Exactly,
    Find,
    Globbed,
    Identified,
    InCommit,
    Latest,
    Named,
    Nth,
    WithDigest,
)
from provgraph.store.embedded import commits
from provgraph.store.embedded.conditions import condition
from provgraph.store.embedded.relation import NO_MORE, NOTHING, Relation
from provgraph.store.embedded.schema import (
    ARTIFACT,
    TYPE_NUMBERS,
    VERSION,
    Lexicon,
)
from provgraph.store.embedded.sql import Sql, after, begins, globbed, joined, sql

_VERSION_OF: Final = TYPE_NUMBERS["VERSION_OF"]
_SHORTEST_PREFIX: Final = 4
# What SQLite must see to choose the index of artifacts' names, or of `base` and `stem`.
_IS_ARTIFACT: Final = f"n.label = {ARTIFACT}"
_IS_NAMED_ARTIFACT: Final = f"{_IS_ARTIFACT} AND n.label <> {VERSION}"


@dataclass(frozen=True, slots=True)
class Finder:
    connection: apsw.Connection
    lexicon: Lexicon

    def relation(self, plan: Find) -> Relation:
        number = self.lexicon.labels.get(plan.label)
        if number is None:
            return NOTHING
        found = self.versions(plan) if number == VERSION else self.others(plan, number)
        if plan.where is not None:
            found = sql(
                f"SELECT r.id FROM (SELECT id, {NO_MORE} FROM ({{}})) AS r"
                " CROSS JOIN node n ON n.id = r.id WHERE {}",
                found,
                condition(plan.where, self.lexicon),
            )
        return Relation(sql(f"SELECT id, {NO_MORE} FROM ({{}})", found), 3)

    # Versions

    def versions(self, plan: Find) -> Sql:
        match plan.which:
            case WithDigest(prefix) if plan.name is None:
                return self.by_digest(plan, prefix)
            case InCommit(prefix):
                return commits.left(self.connection, prefix, self.held(plan))
            case Every() | WithDigest():
                return sql("{} AND {}", self.candidates(plan), self.picked(plan.which))
            case Latest(until):
                return self.nth_of_each(plan, 1, descending=True, until=until)
            case Nth(number):
                return self.nth_of_each(plan, number) if number >= 1 else _no_ids()
            case _:
                assert_never(plan.which)

    def candidates(self, plan: Find) -> Sql:
        """The versions, `n`, that have the name, the kind and are files; more may be asked."""
        if plan.name is None or isinstance(plan.name, Digested | Identified):
            return sql("SELECT n.id FROM node n WHERE {}", self.is_candidate(plan))
        return sql(
            "SELECT DISTINCT n.id FROM ({}) AS a"
            f" CROSS JOIN edge e ON e.dst = a.id AND e.type = {_VERSION_OF}"
            " CROSS JOIN node n ON n.id = e.src WHERE {}",
            self.artifacts(plan.name),
            self.is_candidate(plan),
        )

    def by_digest(self, plan: Find, prefix: str) -> Sql:
        """The versions of any name, each part by its own index: not by that of kinds."""
        own = joined(" AND ", [Sql(f"+n.label = {VERSION}"), *_own(plan)])
        parts = (
            sql("SELECT n.id FROM node n WHERE {} AND {}", own, begun)
            for begun in _digest_begins(prefix)
        )
        return joined(" UNION ", parts)

    def is_candidate(self, plan: Find) -> Sql:
        """Whether `n` is a version, of the kind, a file, with the digest: all but its names."""
        tests = [Sql(f"n.label = {VERSION}"), *_own(plan)]
        match plan.name:
            case Digested(digests):
                wanted = json.dumps(list(digests))
                held = "(SELECT value FROM json_each({}))"
                tests.append(sql(f"(n.digest IN {held} OR n.blob IN {held})", wanted, wanted))
            case Identified(ids):
                tests.append(_identified(ids))
            case _:
                pass
        return joined(" AND ", tests)

    def picked(self, which: Every | WithDigest) -> Sql:
        match which:
            case Every(until):
                return is_before(until)
            case WithDigest(prefix):
                return sql("({})", joined(" OR ", _digest_begins(prefix)))
            case _:
                assert_never(which)

    def held(self, plan: Find) -> Sql:
        """The candidates, each with an `artifact` that answers to the name."""
        if plan.name is None or isinstance(plan.name, Digested | Identified):
            return sql(
                "SELECT e.dst AS artifact, c.id FROM ({}) AS c"
                f" CROSS JOIN edge e ON e.src = c.id AND e.type = {_VERSION_OF}",
                self.candidates(plan),
            )
        return sql(
            "SELECT a.id AS artifact, n.id FROM ({}) AS a"
            f" CROSS JOIN edge e ON e.dst = a.id AND e.type = {_VERSION_OF}"
            " CROSS JOIN node n ON n.id = e.src WHERE {}",
            self.artifacts(plan.name),
            self.is_candidate(plan),
        )

    def nth_of_each(
        self, plan: Find, number: int, *, descending: bool = False, until: int | None = None
    ) -> Sql:
        """The nth candidate of each artifact in order of (`at`, id), or from the end."""
        way = " DESC" if descending else ""
        picked = sql(
            f"SELECT n.id FROM (SELECT DISTINCT e.src FROM edge e"
            f" WHERE e.dst = a.id AND e.type = {_VERSION_OF}) AS v"
            " CROSS JOIN node n ON n.id = v.src WHERE {} AND {}"
            f" ORDER BY n.at IS NULL{way}, n.at{way}, n.uid{way} LIMIT 1 OFFSET {{}}",
            self.is_candidate(plan),
            is_before(until),
            number - 1,
        )
        picks = sql("SELECT DISTINCT ({}) AS id FROM ({}) AS a", picked, self.holders(plan))
        return sql("SELECT id FROM ({}) WHERE id IS NOT NULL", picks)

    def holders(self, plan: Find) -> Sql:
        """The artifacts whose versions are to be picked from, and perhaps some without any."""
        if plan.name is not None and not isinstance(plan.name, Digested | Identified):
            return self.artifacts(plan.name)
        if plan.name is None and plan.kind is None:
            return Sql(f"SELECT n.id FROM node n WHERE {_IS_NAMED_ARTIFACT}")
        return sql(
            f"SELECT DISTINCT e.dst AS id FROM ({{}}) AS c CROSS JOIN edge e"
            f" ON e.src = c.id AND e.type = {_VERSION_OF}",
            self.candidates(plan),
        )

    def artifacts(self, name: Exactly | Named | Globbed) -> Sql:
        match name:
            case Exactly(whole):
                return _artifacts("name", sql("n.name = {}", whole))
            case Named(word, stems):
                keys = ("name", "base", "stem") if stems else ("name", "base")
                tests = ((key, sql(f"n.{key} = {{}}", word)) for key in keys)
                return joined(" UNION ", [_artifacts(key, test) for key, test in tests])
            case Globbed(pattern):
                key = "name" if "/" in pattern else "base"
                return _artifacts(key, globbed(f"n.{key}", pattern))
            case _:
                assert_never(name)

    # Other labels

    def others(self, plan: Find, label: int) -> Sql:
        own = joined(" AND ", [Sql(f"n.label = {label} AND n.label <> {VERSION}"), *_own(plan)])
        match plan.name:
            case None:
                return sql("SELECT n.id FROM node n WHERE {}", own)
            case Exactly(whole):
                return sql("SELECT n.id FROM node n WHERE {} AND n.name = {}", own, whole)
            case Globbed(pattern):
                return sql(
                    "SELECT n.id FROM node n WHERE {} AND {}", own, globbed("n.name", pattern)
                )
            case Named(word, _):
                named = sql("SELECT n.id FROM node n WHERE {} AND n.name = {}", own, word)
                # The plus keeps SQLite from seeking by label where a prefix is far rarer.
                begun = joined(" AND ", [Sql(f"+n.label = {label}"), *_own(plan)])
                return joined(
                    " UNION ",
                    [named]
                    + [
                        sql("SELECT n.id FROM node n WHERE {} AND {}", begun, beginning)
                        for beginning in self.beginnings(word)
                    ],
                )
            case Identified(ids):
                begun = joined(" AND ", [Sql(f"+n.label = {label}"), *_own(plan)])
                return sql("SELECT n.id FROM node n WHERE {} AND {}", begun, _identified(ids))
            case Digested():
                return _no_ids()
            case _:
                assert_never(plan.name)

    def beginnings(self, word: str) -> list[Sql]:
        """Whether the id, the id without its letter or `sha` begins so, each by its index."""
        if len(word) < _SHORTEST_PREFIX:
            return []
        whole = ["", *self.letters()]
        return [begins("n.sha", word), *(begins("n.uid", letter + word) for letter in whole)]

    def letters(self) -> list[str]:
        """The first letters of all ids: a few, found without reading the ids."""
        letters: list[str] = []
        least: str | None = "\x00"
        while least is not None:
            first = self.connection.execute(
                "SELECT min(uid) FROM node WHERE uid >= ?", (least,)
            ).get
            if not first:
                break
            letters.append(first[0])
            least = after(first[0])
        return letters


def is_before(until: int | None) -> Sql:
    """Whether `n` was there at a moment, where one is given."""
    return Sql("1") if until is None else sql("(typeof(n.at) = 'integer' AND n.at <= {})", until)


def _artifacts(key: str, test: Sql) -> Sql:
    """The artifacts of which a test of `key` holds."""
    label = _IS_NAMED_ARTIFACT if key == "name" else _IS_ARTIFACT
    return sql(f"SELECT n.id FROM node n WHERE {label} AND {{}}", test)


def _own(plan: Find) -> list[Sql]:
    tests = [] if plan.kind is None else [sql("n.kind = {}", plan.kind)]
    if plan.files:
        is_file = "(instr(n.name, '://') = 0 OR substr(n.name, 1, 7) = 'file://')"
        tests.append(Sql(f"typeof(n.name) = 'text' AND {is_file}"))
    return tests


def _identified(ids: tuple[str, ...]) -> Sql:
    return sql("n.uid IN (SELECT value FROM json_each({}))", json.dumps(list(ids)))


def _digest_begins(prefix: str) -> list[Sql]:
    """Whether `n`'s digest, or its blob, begins so after its tag."""
    return [begins(f"n.{key}", tag + prefix) for key, tag in DIGESTS.items()]


def _no_ids() -> Sql:
    return Sql("SELECT NULL AS id WHERE 0")
