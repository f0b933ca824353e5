"""Which plan does Neo4j itself choose for what is compiled? Asked by EXPLAIN, of both lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace
from neo4j import Driver, GraphDatabase

from provgraph.model.elements import Batch, Edge, Node
from provgraph.model.vocabulary import LETTERS, LINEAGE_EDGES, Label
from provgraph.query.cypher import Statement
from provgraph.query.optimizer import optimize
from provgraph.query.plan import (
    AnyOf,
    Column,
    Comparison,
    Condition,
    Count,
    Digested,
    Exactly,
    Filter,
    Find,
    Globbed,
    Identified,
    InCommit,
    Latest,
    Limit,
    Membership,
    Named,
    Negate,
    Nth,
    Plan,
    Project,
    Runs,
    SetOp,
    Sort,
    SortKey,
    Versions,
    Walk,
    WithDigest,
)
from provgraph.store.memory import MemoryStore
from provgraph.store.neo4j import Neo4jStore, Settings
from provgraph.store.neo4j import open as open_neo4j
from provgraph.store.neo4j.dialect import Neo4jCypher
from provgraph.store.neo4j.names import INDEXED

PRUNING = {"VarLengthExpand(Pruning,BFS)", "VarLengthExpand(Pruning,BFS,All)"}  # 5.26, 2026.08
SEEKS = {"NodeIndexSeek"}  # never a unique one: the planner takes it for one row at most
ROWS = {"Argument", "Unwind"}
AT = 1_795_000_000_000_000_000

ONE = Find("Version", Identified(("v00000",)))
NAMED = Find("Version", Named("out7.csv", True), which=Latest())
RAW = Find("Version", Globbed("raw/*"), files=True)


def lineage(source: Plan, **more: Any) -> Walk:
    return Walk(source, "origin", LINEAGE_EDGES, **more)


SCRIPTS = Find("Version", kind="script")
WALKS: dict[str, Plan] = {
    "by id": lineage(ONE),
    "from the latest version of a name": lineage(NAMED),
    "against the edges": Walk(NAMED, "effect", LINEAGE_EDGES),
    "stop at": lineage(NAMED, stop_at=RAW),
    "stop at a kind": lineage(NAMED, stop_at=SCRIPTS),
    "as of": lineage(NAMED, until=AT),
    "depth": lineage(NAMED, max_hops=6),
    "all of these": lineage(NAMED, stop_at=RAW, until=AT, max_hops=6),
    "all of these with a kind": lineage(NAMED, stop_at=SCRIPTS, until=AT, max_hops=6),
    "filtered": Filter(lineage(NAMED), Comparison("kind", "=", "dataset")),
    "filtered by depth": Filter(lineage(NAMED), Comparison("depth", "<", 4)),
    "sorted and limited": Limit(Sort(lineage(NAMED), (SortKey("size", True),)), 5),
    "only ids": Project(lineage(NAMED), (Column("id", "id"),)),
    "runs behind it": Runs(lineage(NAMED)),
    "two at once": SetOp("intersection", lineage(NAMED), lineage(ONE)),
    "a walk from a walk": Walk(lineage(ONE), "effect", ("USED",)),
}
STARTS: dict[str, Plan] = {
    "an id": ONE,
    "a name": Find("Version", Exactly("raw/in3.csv")),
    "a word": NAMED,
    "the second of a name": Find("Version", Named("out7.csv"), which=Nth(2)),
    "a glob that begins with text": RAW,
    "a digest": Find("Version", Digested(("blake3:7",))),
    "the beginning of a digest": Find("Version", which=WithDigest("7")),
    "a file at a commit": Find("Version", Named("out7.csv"), which=InCommit("0007")),
    "a kind": Find("Version", kind="model"),
    "all versions of a name": Versions(NAMED),
    "a run by its id": Find("Run", Named("r0001")),
    "a commit": Find("Commit", Named("ab12cd")),
    "an agent": Find("Agent", Named("somebody")),
    "steps": Find("Step", Named("train.py")),
}


WHOLE: dict[str, Plan] = {
    **{f"every {label}": Find(label) for label in INDEXED},
    "runs that failed": Find("Run", where=Comparison("exit", "!=", 0)),
    "the largest versions": Limit(Sort(Find("Version"), (SortKey("size", True),)), 5),
    "counted": Count(Find("Run"), (Column("exit", "exit"),)),
    "what every version came from": lineage(Find("Version")),
    "steps or runs": SetOp("union", Find("Step"), Find("Run")),
}
"""Questions about a whole label: those of one project, beside others."""


@pytest.fixture(scope="module", params=["neo4j_server", "neo4j_lts"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[Neo4jStore, Driver]]:
    """A project with some thousand nodes, beside others, so that the planner has something to
    choose by."""
    settings: Settings = request.getfixturevalue(request.param)
    auth = (settings.user, settings.secret())
    with (
        open_neo4j(settings, os.urandom(8).hex()) as store,
        GraphDatabase.driver(settings.uri, auth=auth) as driver,
    ):
        others = [store.beside(os.urandom(8).hex()) for _ in range(2)]
        for each in (store, *others):
            each.apply(_graph())
        driver.execute_query("CALL db.prepareForReplanning(60)")
        yield store, driver
        for each in (store, *others):
            each.clear()


@pytest.fixture(scope="module")
def known() -> MemoryStore:
    store = MemoryStore()
    store.apply(_graph())
    return store


def _graph(count: int = 1000) -> Batch:
    random = Random(1)
    nodes, edges = [], []

    def node(label: Label, number: int, **properties: Any) -> str:
        nodes.append(Node(f"{LETTERS[label]}{number:05}", label, {"at": AT + number, **properties}))
        return nodes[-1].id

    for number in range(count):
        word = f"{'raw/in' if number % 5 == 0 else 'out'}{number}.csv"
        artifact = node("Artifact", number, name=word, base=word.rpartition("/")[2], stem=word[:-4])
        version = node("Version", number, name=word, kind="dataset", digest=f"blake3:{number}")
        step, run = node("Step", number, name="train.py"), node("Run", number, name=f"r{number}")
        commit = node("Commit", number, sha=f"{number:040}", name=f"{number:040}")
        node("Agent", number, name=f"a{number}")
        edges += [Edge(version, "VERSION_OF", artifact), Edge(step, "PART_OF", run)]
        edges += [Edge(version, "GENERATED_BY", step), Edge(run, "AT_COMMIT", commit)]
        edges += [Edge(version, "IN_COMMIT", commit, "", {"uri": word})]
        if number:
            edges.append(Edge(commit, "PARENT", f"c{number - 1:05}", "", {"first": True}))
            edges.append(Edge(f"a{number - 1:05}", "REMOVED_IN", commit))
        for read in random.sample(range(number), min(number, 3)):
            edges.append(Edge(step, "USED", f"v{read:05}"))
    return Batch(nodes, edges)


def operators(server: tuple[Neo4jStore, Driver], plan: Plan) -> list[tuple[str, bool, str]]:
    """The operators that the server chooses: name, whether it is a leaf, and its words."""
    store, driver = server
    asked = optimize(plan)
    if isinstance(asked, Count):
        statement = Neo4jCypher.compile_count(asked, store.project)
    else:
        statement = Neo4jCypher.compile(asked, store.project)
    return chosen(driver, statement)


def chosen(driver: Driver, statement: Statement) -> list[tuple[str, bool, str]]:
    with driver.session() as session:
        result = session.run(f"EXPLAIN {statement.text}", statement.parameters)
        found = result.consume().plan
    assert found is not None
    return list(_operators(found))


def _operators(plan: dict[str, Any]) -> Iterator[tuple[str, bool, str]]:
    below = plan.get("children", [])
    name = plan["operatorType"].partition("@")[0]
    yield name, not below, str(plan["args"].get("Details", ""))
    for each in below:
        yield from _operators(each)


def begins_by_seeking(found: list[tuple[str, bool, str]]) -> None:
    leaves = {name.partition("(")[0] for name, is_leaf, _ in found if is_leaf}
    assert leaves <= SEEKS | ROWS, found
    assert leaves & SEEKS, found


@pytest.mark.parametrize("what", WALKS)
def test_a_walk_visits_each_node_once(server: tuple[Neo4jStore, Driver], what: str) -> None:
    found = operators(server, WALKS[what])
    expanding = {name for name, _, words in found if "*" in words and "Expand" in name}
    lineages = [name for name, _, words in found if "GENERATED_BY|" in words or "USED*" in words]
    assert expanding & PRUNING, found
    assert lineages and set(lineages) <= PRUNING, found
    assert not any("ShortestPath" in name or name == "ProjectEndpoints" for name, _, _ in found)
    begins_by_seeking(found)


@pytest.mark.parametrize("what", STARTS)
def test_a_question_begins_by_seeking_in_an_index(
    server: tuple[Neo4jStore, Driver], what: str
) -> None:
    begins_by_seeking(operators(server, STARTS[what]))


def test_the_line_of_a_commit_is_followed_without_its_paths(
    server: tuple[Neo4jStore, Driver],
) -> None:
    """Nor is what is held sought again for each commit: nothing comes from a commit to its files."""
    found = operators(server, STARTS["a file at a commit"])
    followed = [(name, words) for name, _, words in found if "PARENT*" in words]
    assert len(followed) == 2, found
    assert {name for name, _ in followed} <= PRUNING, found
    assert sum("first = true" in words for _, words in followed) == 1, found
    assert not any(name == "Unwind" and "line" in words for name, _, words in found)
    assert any(name == "NodeIndexSeek" and "a:Artifact" in words for name, _, words in found), found


@pytest.mark.parametrize("what", WHOLE)
def test_a_question_about_a_whole_label_leaves_other_projects_alone(
    server: tuple[Neo4jStore, Driver], what: str
) -> None:
    begins_by_seeking(operators(server, WHOLE[what]))


MANY: dict[str, Condition] = {
    "all": Comparison("id", ">=", ""),
    "a glob": Comparison("id", "~", "v*"),
    "the last": Comparison("id", ">", "v00990"),
    "all but one": Comparison("id", "!=", "v00999"),
    "none of two": Membership("id", ("v00999", "v00998"), negated=True),
    "not one": Negate(Comparison("id", "=", "v00999")),
    "two": Membership("id", ("v00999", "v00998")),
    "one or the rest": AnyOf((Comparison("id", "=", "v00999"), Comparison("id", "<", "v00100"))),
}


@pytest.mark.parametrize("what", MANY)
def test_many_ids_are_many_starts(
    server: tuple[Neo4jStore, Driver], known: MemoryStore, what: str
) -> None:
    for toward in ("origin", "effect"):
        starts = Find("Version", where=MANY[what])
        walk = Project(Walk(starts, toward, LINEAGE_EDGES), (Column("id", "id"),))
        assert server[0].run(walk) == known.run(walk)


LAST = lineage(Find("Version", Identified(("v00999",))))
BELOW: dict[str, Plan] = {
    "whole nodes": LAST,
    "ids": Project(LAST, (Column("id", "id"),)),
    "what may be missing": Project(LAST, (Column("kind", "kind"),)),
    "an open field": Project(LAST, (Column("else", "else"),)),
    "two columns": Project(LAST, (Column("depth", "depth"), Column("kind", "kind"))),
    "ids and more": Project(LAST, tuple(Column(key, key) for key in ("id", "name", "depth"))),
    "some of them": Filter(LAST, AnyOf((Comparison("depth", "<", 3), Comparison("depth", ">", 6)))),
    "the last": Limit(Sort(LAST, (SortKey("depth", True), SortKey("name"))), 7),
    "the last of the first": Limit(Sort(Limit(LAST, 50), (SortKey("depth", True),)), 7),
    "stop at a kind": replace(LAST, stop_at=Filter(LAST, Comparison("id", "~", "v*7"))),
    "stop at the start": replace(LAST, stop_at=LAST.source),
    "as of": replace(LAST, until=AT + 998),
    "as of later": replace(LAST, until=AT + 999, max_hops=5),
    "no hop": replace(LAST, max_hops=0),
    "from nowhere": Project(lineage(Find("Version", Identified(("v",)))), (Column("id", "id"),)),
    "whole nodes from nowhere": lineage(Find("Version", Identified(("v",)))),
    "all that is left": Walk(Find("Version", Identified(("v00000",))), "effect", LINEAGE_EDGES),
}


@pytest.mark.parametrize(
    "what", ["whole nodes", "some of them", "stop at a kind", "as of", "from a name"]
)
def test_numbers_are_had_by_the_same_walk_without_sorting(
    server: tuple[Neo4jStore, Driver], what: str
) -> None:
    store, driver = server
    plan = lineage(NAMED) if what == "from a name" else BELOW[what]
    found = chosen(driver, Neo4jCypher.compile_numbers(optimize(plan), store.project))
    names = {name for name, _, _ in found}
    assert names & PRUNING and not any("Sort" in name for name in names), found
    begins_by_seeking(found)


@pytest.mark.parametrize("what", BELOW)
def test_what_one_start_reaches_comes_in_order(
    server: tuple[Neo4jStore, Driver], known: MemoryStore, what: str
) -> None:
    assert server[0].run(BELOW[what]) == known.run(BELOW[what])


@pytest.mark.parametrize("what", ["ids", "whole nodes", "as of"])
def test_nothing_makes_distinct_what_one_start_reaches(
    server: tuple[Neo4jStore, Driver], what: str
) -> None:
    found = operators(server, BELOW[what])
    assert not any("min(" in words for _, _, words in found), found


def test_that_check_sees_paths_that_are_enumerated(server: tuple[Neo4jStore, Driver]) -> None:
    _, driver = server
    with driver.session() as session:
        text = "EXPLAIN MATCH p = (s:Version {id: 'v'})-[:USED|GENERATED_BY*1..]->(n) RETURN p"
        found = session.run(text).consume().plan
    assert found is not None
    names = {name for name, _, _ in _operators(found)}
    assert "VarLengthExpand(All)" in names
    with pytest.raises(AssertionError):
        begins_by_seeking(list(_operators(found)))  # an id without a project is sought nowhere


def test_a_statement_means_the_same_in_either_cypher(server: tuple[Neo4jStore, Driver]) -> None:
    """None says which it is in, and a database may be set to either. 5.26 knows but one."""
    store, driver = server
    known = ["5"] if store.version.startswith("5.") else ["5", "25"]
    for plan in (*WALKS.values(), *STARTS.values()):
        statement = Neo4jCypher.compile(optimize(plan), store.project)
        with driver.session() as session:
            answers = [
                session.run(f"CYPHER {each}\n{statement.text}", statement.parameters).values()
                for each in known
            ]
        assert answers == answers[:1] * len(known)
