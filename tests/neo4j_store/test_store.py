"""What the store in a Neo4j does beside what every store does: names, rights, budgets, errors."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contract.graphs import chain, diamonds
from contract.test_answers import lineage, shaped
from neo4j import Driver, GraphDatabase
from servers import settings

from provgraph.errors import BudgetExceeded, ProjectError, StoreError, UsageError
from provgraph.model.elements import Batch, Edge, Node, Value, Watermark
from provgraph.query.plan import (
    Budget,
    Column,
    Comparison,
    Find,
    Identified,
    Limit,
    Project,
    Sort,
    SortKey,
)
from provgraph.store import StoreChanged
from provgraph.store.memory import MemoryStore
from provgraph.store.neo4j import Neo4jStore, Settings
from provgraph.store.neo4j import open as open_neo4j
from provgraph.store.neo4j.connection import Asked
from provgraph.store.neo4j.settings import settings_of

GRAPH = Batch(
    nodes=[Node("s1", "Step", {"name": "sort"}), Node("v1", "Version", {"name": "a"})],
    edges=[Edge("s1", "USED", "v1")],
    watermarks=[Watermark("segment-1", 0, 2)],
)


@pytest.fixture
def driver(neo4j_server: Settings) -> Iterator[Driver]:
    auth = (neo4j_server.user, neo4j_server.secret())
    with GraphDatabase.driver(neo4j_server.uri, auth=auth) as opened:
        yield opened


def but(given: Settings, **others: object) -> Settings:
    return settings(given.uri, given.secret(), **{"user": given.user, **others})


# Text, numbers, values.


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
def test_text_is_compared_by_code_point(store: Neo4jStore, operator: str) -> None:
    texts = [
        "",
        "a",
        "\ud7ff",
        "\ue000",
        "\uffee",
        "𝒳",
        "\uffee𝒳",
        "𝒳\uffee",
        "a𝒳",
        "a\uffee",
        "a𝒳b",
    ]
    nodes = [Node(f"r{n}", "Run", {"name": t, "tag.t": t}) for n, t in enumerate(texts)]
    nodes.append(Node("r99", "Run", {"tag.t": 7}))
    known = MemoryStore()
    for each in (store, known):
        each.apply(Batch(nodes=nodes))
    for key in ("name", "tag.t"):
        for text in texts:
            asked = Find("Run", where=Comparison(key, operator, text))  # type: ignore[arg-type]
            assert store.run(asked) == known.run(asked), (key, operator, text)
    by_text = Sort(Find("Run"), (SortKey("name"),))
    assert store.run(by_text) == known.run(by_text)


def test_values_come_back_as_they_were_given(store: Neo4jStore) -> None:
    held: dict[str, Value] = {
        "prop.inf": math.inf,
        "prop.large": 2**63 - 1,
        "prop.small": -(2**63),
        "prop.empty": (),
        "prop.`q`\n": "line\nbreak",
        "prop.true": True,
        "prop.one": 1.0,
        "prop.long": "é" * 100_000,
    }
    store.apply(Batch(nodes=[Node("r1", "Run", {**held, "prop.nan": math.nan})]))
    (node,) = store.nodes(["r1"])
    assert math.isnan(node.properties.pop("prop.nan"))  # type: ignore[arg-type]
    assert repr(sorted(node.properties.items())) == repr(sorted(held.items()))


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"prop.x": 2**63}, "more than 64 bits"),
        ({"prop.x": "\ud800"}, "not Unicode"),
        ({"prop.x": ("a", 1)}, "a tuple cannot be kept"),
        ({"prop.\0": 1}, "cannot be kept in Neo4j"),
        ({"": 1}, "cannot be kept in Neo4j"),
        ({"project": "another"}, "cannot be kept in Neo4j"),
    ],
)
def test_what_cannot_be_kept_is_told_and_changes_nothing(
    store: Neo4jStore, properties: dict[str, object], told: str
) -> None:
    with pytest.raises(StoreError, match=told):
        store.apply(Batch(nodes=[Node("r0", "Run"), Node("r1", "Run", properties)]))  # type: ignore[arg-type]
    assert store.nodes(["r0"]) == []


def test_a_question_may_name_numbers_beyond_64_bits(store: Neo4jStore) -> None:
    store.apply(Batch(nodes=[Node("v1", "Version", {"size": 5})]))
    assert len(store.run(Find("Version", where=Comparison("size", "<", 10**30))).values) == 1
    assert len(store.run(Find("Version", where=Comparison("size", ">", -(10**400)))).values) == 1


# Others in the database.


def test_projects_with_the_same_ids_do_not_meet(store: Neo4jStore) -> None:
    other = store.beside(os.urandom(8).hex())
    store.apply(GRAPH)
    assert other.nodes(["s1"]) == []
    assert other.watermarks() == {}
    other.apply(Batch(nodes=[Node("s1", "Step", {"name": "other"}), Node("v1", "Version")]))
    assert other.edges(["s1"]) == []
    with pytest.raises(StoreError, match="there is no node v2"):
        other.apply(Batch(edges=[Edge("s1", "USED", "v2")]))
    other.clear()
    assert store.nodes(["s1"])[0].properties == {"name": "sort"}
    assert store.edges(["s1"]) == GRAPH.edges


def test_a_prefix_keeps_our_words_apart_from_others(
    neo4j_server: Settings, store: Neo4jStore, driver: Driver
) -> None:
    project = os.urandom(8).hex()
    store.beside(project).apply(GRAPH)  # somebody else's, as far as the next is concerned
    with open_neo4j(but(neo4j_server, prefix="Pg_"), project) as ours:
        assert ours.run(Find("Step")).values == []
        assert ours.statistics().nodes == {}
        ours.apply(GRAPH)
        assert ours.run(Find("Step")).values == [("s1", "Step", None, {"name": "sort"})]
        assert ours.edges(["s1"]) == GRAPH.edges
        walk = lineage("v1")
        assert ours.run(walk).values == store.beside(project).run(walk).values
        assert ours.cone(walk).labels == ["Version"]
        assert ours.statistics() == store.beside(project).statistics()
        records = driver.execute_query(
            "MATCH (n:Pg_Step {project: $project})-[r]->() RETURN labels(n), type(r)",
            project=project,
        ).records
        assert [record.values() for record in records] == [[["Pg_Step"], "Pg_USED"]]
        ours.clear()
    assert store.beside(project).nodes(["s1"]) != []
    store.beside(project).clear()


def test_a_node_may_have_others_labels_too(store: Neo4jStore, driver: Driver) -> None:
    store.apply(GRAPH)
    driver.execute_query("MATCH (n {id: 's1'}) WHERE n.name = 'sort' SET n:Aardvark")
    assert store.nodes(["s1"])[0].label == "Step"
    assert [row[1] for row in store.run(lineage("v1")).values] == []
    assert store.run(Find("Step")).values[0][1] == "Step"


# Rights and versions.


def test_without_the_right_to_make_a_schema_it_works_and_says_so(
    neo4j_server: Settings, driver: Driver
) -> None:
    prefix = "No" + os.urandom(4).hex()
    with open_neo4j(but(neo4j_server, prefix=prefix, schema=False), "p") as store:
        assert store.warning is not None
        assert "none of our constraints" in store.warning
        for _ in range(2):
            store.apply(GRAPH)
        assert store.nodes(["s1", "v1"]) == [GRAPH.nodes[0], GRAPH.nodes[1]]
        assert store.watermarks() == {"segment-1": Watermark("segment-1", 0, 2)}
        found = driver.execute_query("SHOW INDEXES YIELD labelsOrTypes AS words RETURN words")
        assert not any(prefix in str(record["words"]) for record in found.records)
        store.clear()


def test_the_schema_is_of_a_version_and_a_newer_one_is_refused(
    neo4j_server: Settings, driver: Driver
) -> None:
    ours = but(neo4j_server, prefix="Newer")
    with open_neo4j(ours, "p") as store:
        assert store.warning is None
    driver.execute_query("MATCH (s:NewerProvgraphSchema) SET s.version = 99")
    try:
        with pytest.raises(StoreError, match=r"newer provgraph \(schema 99") as told:
            open_neo4j(ours, "p")
        assert told.value.hint == "upgrade provgraph"
    finally:
        driver.execute_query("MATCH (s:NewerProvgraphSchema) DELETE s")


def test_of_what_an_older_version_wrote_the_journals_are_applied_again(
    neo4j_server: Settings, driver: Driver
) -> None:
    ours = but(neo4j_server, prefix="Older")
    with open_neo4j(ours, "p") as store:
        store.apply(GRAPH)
    driver.execute_query("MATCH (s:OlderProvgraphSchema) SET s.version = 1")
    driver.execute_query("DROP INDEX provgraph_OlderRun_id")
    driver.execute_query(
        "CREATE CONSTRAINT provgraph_OlderRun_id FOR (n:OlderRun) REQUIRE (n.project, n.id) IS UNIQUE"
    )
    with open_neo4j(but(neo4j_server, prefix="Older", schema=False), "p") as store:
        assert store.warning is not None and "an older provgraph made the graph" in store.warning
        assert store.watermarks() != {}
    with open_neo4j(ours, "p") as store:
        assert store.warning is None
        assert store.watermarks() == {}
        assert store.edges(["s1"]) == GRAPH.edges
        store.apply(GRAPH)
    with open_neo4j(ours, "p") as store:
        assert store.watermarks() != {}
        store.clear()
    found = driver.execute_query("SHOW CONSTRAINTS YIELD name RETURN collect(name)").records
    assert "provgraph_OlderRun_id" not in found[0][0]
    driver.execute_query("MATCH (s:OlderProvgraphSchema) DELETE s")


def test_a_store_that_was_opened_to_read_does_not_write(neo4j_server: Settings) -> None:
    with open_neo4j(neo4j_server, "p", read_only=True) as store:
        with pytest.raises(StoreError, match="opened to read only"):
            store.apply(GRAPH)
        with pytest.raises(StoreError, match="opened to read only"):
            store.cypher("CREATE (n:Nobody)", {}, write=True)


# Budgets.


def test_a_budget_of_nodes_holds_for_what_a_plan_stands_on(store: Neo4jStore) -> None:
    store.apply(shaped(*diamonds(20)))
    asked = Limit(lineage("v00000"), 1)
    with pytest.raises(BudgetExceeded, match="more than 60 nodes"):
        store.run(asked, Budget(nodes=60))
    assert len(store.run(asked, Budget(nodes=61)).values) == 1


# Two that write at once.


def test_what_was_bound_before_another_wrote_is_refused(store: Neo4jStore) -> None:
    store.timelines(["a1"])
    store.beside(store.project).apply(GRAPH)
    with pytest.raises(StoreChanged):
        store.apply(Batch(nodes=[Node("s2", "Step")]))
    assert store.nodes(["s2"]) == []
    store.timelines(["a1"])
    store.apply(Batch(nodes=[Node("s2", "Step")]))
    assert store.nodes(["s2"]) != []


def test_writers_take_turns_and_lose_nothing(store: Neo4jStore) -> None:
    def write(writer: int) -> None:
        for number in range(10):
            node = Node(f"s{writer}x{number}", "Step")
            store.apply(Batch([Node("v1", "Version"), node], [Edge(node.id, "USED", "v1")]))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.edges(["v1"], incoming=True)) == 40
    assert store.statistics().nodes == {"Version": 1, "Step": 40}


def test_what_one_process_wrote_another_is_told_of(neo4j_server: Settings, tmp_path: Path) -> None:
    file = tmp_path / "bookmarks.json"
    with open_neo4j(neo4j_server, "p", bookmarks=file) as store:
        store.apply(GRAPH)
        written = file.read_text()
        assert len(written) > 10
        store.clear()
    for held in ("no bookmarks", '{"bolt://another": ["of no use here"]}'):
        file.write_text(held)
        with open_neo4j(neo4j_server, "p", bookmarks=file) as store:
            assert store.nodes(["s1"]) == []


# What is tried again.

LOSES_ITS_CONNECTIONS = """
import os
from neo4j import GraphDatabase
from provgraph.model.elements import Batch, Node
from provgraph.query.plan import Find
from provgraph.store.neo4j import Settings, open

def connections():
    found = other.execute_query("CALL dbms.listConnections() YIELD connectionId, userAgent"
        " WHERE userAgent STARTS WITH 'provgraph/' RETURN collect(connectionId) AS ids")
    return set(found.records[0]["ids"])

def lose():
    ids = list(connections() - others)
    assert ids and len(other.execute_query("CALL dbms.killConnections($ids)", ids=ids).records)

uri, user, password, project = (os.environ[name] for name in ("AT", "USER", "PASSWORD", "PROJECT"))
settings = Settings.model_validate({"uri": uri, "user": user, "password": password})
with GraphDatabase.driver(uri, auth=(user, password)) as other:
    others = connections()
    with open(settings, project) as store:
        lose()
        store.apply(Batch(nodes=[Node("s1", "Step")]))
        lose()
        print([row[0] for row in store.run(Find("Step")).values])
"""


def test_a_lost_connection_is_made_again_and_nothing_is_said_of_it(
    neo4j_server: Settings, store: Neo4jStore
) -> None:
    reached = {"AT": neo4j_server.uri, "USER": neo4j_server.user, "PROJECT": store.project}
    done = subprocess.run(
        [sys.executable, "-c", LOSES_ITS_CONNECTIONS],
        env={**os.environ, **reached, "PASSWORD": neo4j_server.secret()},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "['s1']\n", "")


# What cannot be reached.


def test_a_server_that_is_not_there_is_told_with_what_becomes_of_the_journal() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(StoreError, match="nothing answers there") as told:
        open_neo4j(settings(f"bolt://127.0.0.1:{port}", "x"), "p")
    assert "stays in the journal" in str(told.value.hint)


def test_a_wrong_password_is_told_without_saying_it(neo4j_server: Settings) -> None:
    with pytest.raises(StoreError, match="user or password is wrong") as told:
        open_neo4j(settings(neo4j_server.uri, "never-this-one"), "p")
    assert "never-this-one" not in repr(told.value) + str(told.value)


def test_a_password_that_has_expired_is_told(neo4j_server: Settings, driver: Driver) -> None:
    driver.execute_query(
        "CREATE OR REPLACE USER expired SET PASSWORD 'once-only' CHANGE REQUIRED",
        database_="system",
    )
    try:
        with pytest.raises(StoreError, match="the password has expired") as told:
            open_neo4j(settings(neo4j_server.uri, "once-only", user="expired"), "p")
        assert "ALTER CURRENT USER SET PASSWORD" in str(told.value.hint)
    finally:
        driver.execute_query("DROP USER expired", database_="system")


@pytest.mark.parametrize("scheme", ["bolt+s", "bolt+ssc", "neo4j+s"])
def test_encryption_that_the_server_does_not_speak_is_told(
    neo4j_server: Settings, scheme: str
) -> None:
    _, _, place = neo4j_server.uri.partition("://")
    with pytest.raises(StoreError, match="no encrypted connection") as told:
        open_neo4j(settings(f"{scheme}://{place}", neo4j_server.secret()), "p")
    assert str(told.value.hint).startswith(f"`{scheme.partition('+')[0]}://` connects without")


def test_a_database_that_does_not_exist_is_told(neo4j_server: Settings) -> None:
    with pytest.raises(StoreError, match=r"no such database: .*nowhere"):
        open_neo4j(but(neo4j_server, database="nowhere"), "p")


def test_something_else_that_listens_is_no_neo4j() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def answer() -> None:
            while True:
                try:
                    accepted, _ = other.accept()
                except OSError:
                    return
                accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                accepted.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(StoreError):
            open_neo4j(settings(f"bolt://127.0.0.1:{other.getsockname()[1]}", "x"), "p")


# Settings.


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"uri": "http://host"}, "`uri` is wrong"),
        ({"uri": "neo4j://user:secret@host"}, "user and password stand elsewhere"),
        ({"uri": "neo4j://host", "password": "x"}, "holds a password, and the file is committed"),
        ({"uri": "neo4j://host", "prefix": "a b"}, "`prefix` is wrong"),
        ({"uri": "neo4j://host", "prefix": "x`"}, "`prefix` is wrong: a letter, then"),
        ({"uri": "neo4j://host:99999"}, "`uri` is wrong: a port is a number"),
        ({"uri": "neo4j://host:port"}, "`uri` is wrong: a port is a number"),
        ({"uri": "neo4j://host", "database": "System"}, "`database` is wrong: Neo4j keeps users"),
        ({"uri": "neo4j://host", "databse": "x"}, "`databse` is wrong"),
    ],
)
def test_a_setting_that_is_wrong_is_named(
    tmp_path: Path, written: dict[str, str], told: str
) -> None:
    from provgraph.config import Project

    lines = "".join(f'{name} = "{value}"\n' for name, value in written.items())
    (tmp_path / "provgraph.toml").write_text(f"[store]\n{lines}")
    with pytest.raises(ProjectError, match=told):
        settings_of(Project(tmp_path, "p" * 8, "p"), {})


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    from provgraph.config import Project

    (tmp_path / "provgraph.toml").write_text(
        '[store]\nuri = "neo4j://host"\nuser = "one"\ndatabase = "d"\nschema = false\n'
    )
    (tmp_path / "secret").write_text("from a file\n")
    found = settings_of(
        Project(tmp_path, "p" * 8, "p"),
        {
            "PROVGRAPH_NEO4J_USER": "other",
            "PROVGRAPH_NEO4J_PASSWORD_FILE": str(tmp_path / "secret"),
        },
    )
    assert (found.uri, found.user, found.database) == ("neo4j://host", "other", "d")
    assert found.schema_ is False
    assert found.secret() == "from a file"
    assert "from a file" not in repr(found)


# A person's own Cypher.


def test_own_cypher_reads_and_is_answered_in_plain_data(store: Neo4jStore) -> None:
    store.apply(GRAPH)
    found = store.cypher(
        "MATCH p = (s:Step {project: $project})-[r:USED]->(v) RETURN s, r, p, date('2026-11-26') AS d",
        {"project": store.project},
    )
    step = {"labels": ["Step"], "project": store.project, "id": "s1", "name": "sort"}
    assert found.columns == ("s", "r", "p", "d")
    assert found.rows[0][0] == step
    assert found.rows[0][1] == {"type": "USED", "key": ""}
    assert found.rows[0][2][0] == step
    assert found.rows[0][3] == "2026-11-26"


def test_own_cypher_writes_only_when_told(store: Neo4jStore) -> None:
    text = "CREATE (n:Mine {project: $project}) RETURN n.x"
    with pytest.raises(UsageError, match="was to read only") as told:
        store.cypher(text, {"project": store.project})
    assert told.value.hint == "`--write` lets it write"
    assert store.cypher(text, {"project": store.project}, write=True).changed > 0
    gone = "MATCH (n:Mine {project: $project}) DELETE n"
    store.cypher(gone, {"project": store.project}, write=True)


@pytest.mark.parametrize(
    "text",
    [
        "WITH 1 AS x CALL (x) { CREATE (:Mine) } IN TRANSACTIONS OF 1 ROWS",
        "CALL db.createLabel('Mine')",
        "CREATE INDEX mine IF NOT EXISTS FOR (n:Mine) ON (n.x)",
        "TERMINATE TRANSACTIONS 'neo4j-transaction-1'",
        "\\u0054ERMINATE /**/ TRANSACTION 'neo4j-transaction-1'",
        "CALL `db` . /* all */ `clearQueryCaches`()",
        "CALL db.resampleOutdatedIndexes()",
        "CALL dbms.killConnections([]) YIELD message RETURN message",
    ],
)
def test_own_cypher_does_no_more_than_read_in_any_other_way(store: Neo4jStore, text: str) -> None:
    with pytest.raises(UsageError, match="was to read only"):
        store.cypher(text, {})


@pytest.mark.parametrize("text", ["MATCH (n RETURN n", "RETURN $missing", "RETURN nowhere"])
def test_a_mistake_in_own_cypher_is_a_mistake_of_use(store: Neo4jStore, text: str) -> None:
    with pytest.raises(UsageError):
        store.cypher(text, {})


def test_own_cypher_has_a_time(store: Neo4jStore) -> None:
    endless = "UNWIND range(1, 1000000000) AS n RETURN sum(n)"
    with pytest.raises(BudgetExceeded):
        store.cypher(endless, {}, seconds=0.5)


def test_who_interrupts_a_question_does_not_wait_for_its_answer(store: Neo4jStore) -> None:
    endless = "UNWIND range(1, 1000000000000) AS interrupted RETURN sum(interrupted)"
    running = "SHOW TRANSACTIONS YIELD currentQuery AS q WHERE q STARTS WITH $endless RETURN q"

    def interrupted(server: Asked) -> None:
        server.run(endless, {})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store._connection.read(interrupted)
    until = time.monotonic() + 120
    while store.cypher(running, {"endless": endless}).rows:
        assert time.monotonic() < until
        time.sleep(0.2)


def test_an_empty_answer_has_its_columns(store: Neo4jStore) -> None:
    assert store.run(Find("Run", Identified(("r1",)))).columns[:2] == ("id", "label")
    assert store.cypher("MATCH (n:Nowhere) RETURN n.x AS x", {}).columns == ("x",)


def test_ids_that_are_kept_hold_until_anybody_writes(store: Neo4jStore, driver: Driver) -> None:
    """By this store, by another, or by a person past both; also where a node has the number of one
    that is gone."""
    other = store.beside(store.project)
    new = Node("v00007", "Version", {"at": 3})
    by_hand = "MATCH (n:Version {project: $project, id: 'v00002'}) SET n.id = 'v00009'"
    changes: list[tuple[Callable[[], object], list[str]]] = [
        (lambda: store.apply(shaped(*chain(5))), ["s00001", "v00002", "s00003", "v00004"]),
        (
            lambda: other.apply(Batch(removed_nodes=["v00004"])),
            ["s00001", "v00002", "s00003"],
        ),
        (
            lambda: other.apply(Batch([new], [Edge("s00001", "USED", new.id)])),
            ["s00001", "v00002", "v00007", "s00003"],
        ),
        (
            lambda: driver.execute_query(by_hand, project=store.project),
            ["s00001", "v00009", "v00007", "s00003"],
        ),
    ]
    asked = Project(lineage("v00000"), (Column("id", "id"),))
    for change, ids in changes:
        change()
        for _ in range(100):  # others write to this server, too
            assert store.run(asked).values == [(id,) for id in ids]
            if kept(store):
                break
        assert kept(store)


def kept(store: Neo4jStore) -> int:
    """How many nodes a store knows by number."""
    return len(store._runner.numbers._held.known)
