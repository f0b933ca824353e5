"""Which plan does Neo4j itself choose for what is compiled? Asked by EXPLAIN, of both lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from neo4j import Driver, GraphDatabase

from provgraph.model.elements import Batch, Edge, Node
from provgraph.model.vocabulary import LETTERS, LINEAGE_EDGES, Label
from provgraph.query.optimizer import optimize
from provgraph.query.plan import (
    AnyOf,
    Column,
    Comparison,
    Condition,
    Digested,
    Exactly,
    Filter,
    Find,
    Globbed,
    Identified,
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
)
from provgraph.store.memory import MemoryStore
from provgraph.store.neo4j import Neo4jStore, Settings
from provgraph.store.neo4j import open as open_neo4j
from provgraph.store.neo4j.dialect import Calendar, Neo4j5, dialect
from provgraph.store.neo4j.schema import server_version

PRUNING = {"VarLengthExpand(Pruning,BFS)", "VarLengthExpand(Pruning,BFS,All)"}  # 5.26, 2026.08
SEEKS = {"NodeIndexSeek"}  # never a unique one: the planner takes it for one row at most
ROWS = {"Argument", "Unwind"}
AT = 1_795_000_000_000_000_000

ONE = Find("Version", Identified(("v00000",)))
NAMED = Find("Version", Named("out7.csv", True), which=Latest())
RAW = Find("Version", Globbed("raw/*"), files=True)


def lineage(source: Plan, **more: Any) -> Walk:
    return Walk(source, "origin", LINEAGE_EDGES, **more)


WALKS: dict[str, Plan] = {
    "by id": lineage(ONE),
    "from the latest version of a name": lineage(NAMED),
    "against the edges": Walk(NAMED, "effect", LINEAGE_EDGES),
    "stop at": lineage(NAMED, stop_at=RAW),
    "as of": lineage(NAMED, until=AT),
    "depth": lineage(NAMED, max_hops=6),
    "all of these": lineage(NAMED, stop_at=RAW, until=AT, max_hops=6),
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
    "a kind": Find("Version", kind="model"),
    "all versions of a name": Versions(NAMED),
    "a run by its id": Find("Run", Named("r0001")),
    "a commit": Find("Commit", Named("ab12cd")),
    "an agent": Find("Agent", Named("somebody")),
    "steps": Find("Step", Named("train.py")),
}


@pytest.fixture(scope="module", params=["neo4j_server", "neo4j_lts"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[Neo4jStore, Driver]]:
    """A project with some thousand nodes, so that the planner has something to choose by."""
    settings: Settings = request.getfixturevalue(request.param)
    auth = (settings.user, settings.secret())
    with (
        open_neo4j(settings, os.urandom(8).hex()) as store,
        GraphDatabase.driver(settings.uri, auth=auth) as driver,
    ):
        store.apply(_graph())
        driver.execute_query("CALL db.prepareForReplanning(60)")
        yield store, driver
        store.clear()


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
        node("Commit", number, sha=f"{number:040}", name=f"{number:040}")
        node("Agent", number, name=f"a{number}")
        edges += [Edge(version, "VERSION_OF", artifact), Edge(step, "PART_OF", run)]
        edges += [Edge(version, "GENERATED_BY", step)]
        for read in random.sample(range(number), min(number, 3)):
            edges.append(Edge(step, "USED", f"v{read:05}"))
    return Batch(nodes, edges)


def operators(server: tuple[Neo4jStore, Driver], plan: Plan) -> list[tuple[str, bool, str]]:
    """The operators that the server chooses: name, whether it is a leaf, and its words."""
    store, driver = server
    compiler = dialect(server_version(store.version))
    statement = compiler.compile(optimize(plan), store.project)
    language, rest = statement.text.split("\n", 1)
    with driver.session() as session:
        said = f"{language} EXPLAIN\n{rest}"
        result = session.run(said, statement.parameters)
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
def test_many_ids_are_many_starts(server: tuple[Neo4jStore, Driver], what: str) -> None:
    known = MemoryStore()
    known.apply(_graph())
    for toward in ("origin", "effect"):
        starts = Find("Version", where=MANY[what])
        walk = Project(Walk(starts, toward, LINEAGE_EDGES), (Column("id", "id"),))
        assert server[0].run(walk) == known.run(walk)


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


def test_each_line_is_spoken_to_in_its_own_language(server: tuple[Neo4jStore, Driver]) -> None:
    store, _ = server
    spoken = dialect(server_version(store.version))
    assert spoken is (Neo4j5 if store.version.startswith("5.") else Calendar)
    assert spoken.compile(ONE, "p").text.startswith(f"CYPHER {spoken.language}\n")
