"""Are the tables that a program asks of a database versions of their own, without what it asked for?"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from capture.workspace import PYTHON, Workspace, environment

from provgraph.config import create_project
from provgraph.graph import Graph

FILL = """
import contextlib, csv, importlib.util
assert importlib.util.find_spec("{driver}"), "asked for by pandas and others before they import it"
import {driver} as driver
with contextlib.closing(driver.connect({place})) as connection:
    cursor = connection.cursor()
    cursor.execute("create table orders (client text, amount bigint)")
    for row in csv.reader(open("orders.csv")):
        cursor.execute("insert into orders values ('client hunter2', " + row[1] + ")")
    cursor.execute("create table unread (x int)")
    connection.commit()
"""
SUM = """
import contextlib, {driver} as driver
with contextlib.closing(driver.connect({place})) as connection:
    cursor = connection.cursor()
    cursor.execute("create table totals as select client, sum(amount) as total from orders group by client")
    cursor.execute("update totals set total = total + 987654321012345 where client = 'client hunter2'")
    connection.commit()
    cursor.execute("select total from totals -- of client hunter2")
    open("out", "w").write(str(cursor.fetchall()))
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(create_project(tmp_path / "project"), environment(), PYTHON)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a server of its own."""
    folder = tmp_path_factory.mktemp("postgres")
    get = pytest.importorskip("pgserver").get_server
    # It gives a busy machine ten seconds, and then shows a log that may not be there yet; asked again, it
    # starts another, which fails until the first is there.
    for _ in range(100):
        with suppress(subprocess.SubprocessError, FileNotFoundError):
            server = get(folder)
            break
        time.sleep(0.5)
    else:
        pytest.fail("the server did not start")
    yield str(server.get_uri())
    server.cleanup()


def answer(workspace: Workspace, question: str) -> list[tuple[object, ...]]:
    workspace.records()
    with Graph.open(workspace.root) as graph:
        graph.sync()
        return [tuple(row) for row in graph.ask(question).rows.values]


def work(workspace: Workspace, driver: str, place: str) -> None:
    (workspace.root / "orders.csv").write_text("client hunter2,10\nclient hunter2,12\n")
    for name, text in (("fill.py", FILL), ("sum.py", SUM)):
        (workspace.root / name).write_text(text.format(driver=driver, place=place))
        done = workspace.run(sys.executable, name)
        assert (done.returncode, done.stderr) == (0, "")
    assert str(22 + 987654321012345) in (workspace.root / "out").read_text()


def check(workspace: Workspace, base: str) -> None:
    """What follows from the statements, whatever the database."""
    tables = answer(workspace, f'dataset "{base}/*" | latest | sort by name | select name, state')
    assert [(str(name).removeprefix(base), state) for name, state in tables] == [
        ("/orders", "present"),
        ("/totals", "present"),
        ("/unread", "present"),
    ]
    behind = answer(workspace, 'file "out" | lineage | where kind = dataset | select name')
    names = {str(name) for (name,) in behind}
    assert {f"{base}/orders", "orders.csv"} <= names
    assert f"{base}/unread" not in names
    for path in workspace.project.journal.iterdir():
        held = path.read_bytes()
        assert b"hunter2" not in held and b"987654321012345" not in held


def test_tables_of_sqlite(workspace: Workspace) -> None:
    work(workspace, "sqlite3", '"shop.db"')
    check(workspace, "sqlite://shop.db")
    assert answer(workspace, 'file "shop.db" | count') != [(0,)], "the file is seen as any other"
    (workspace.root / "view.py").write_text(
        "import sqlite3\n"
        'connection = sqlite3.connect("file:shop.db?mode=ro", uri=True)\n'
        'rows = connection.execute("with t as (select * from totals) select * from t join orders using (client)")\n'
        'open("seen", "w").write(str(rows.fetchall()))\n'
        'memory = sqlite3.connect(":memory:")\n'
        'memory.execute("create table private (x)")\n'
    )
    assert workspace.run(sys.executable, "view.py").returncode == 0
    names = answer(
        workspace,
        'file "seen" | lineage depth 2 | where name ~ "sqlite**" | select name | sort by name',
    )
    assert names == [("sqlite://shop.db/orders",), ("sqlite://shop.db/totals",)]
    assert answer(workspace, 'dataset "**/private"') == []


def test_tables_of_duckdb(workspace: Workspace) -> None:
    work(workspace, "duckdb", '"shop.duckdb"')
    check(workspace, "duckdb://shop.duckdb")
    (workspace.root / "read.py").write_text(
        "import duckdb\n"
        'with duckdb.connect("shop.duckdb") as connection:\n'
        "    connection.sql(\"copy (select * from orders, 'orders.csv') to 'copy.csv'\")\n"
    )
    assert workspace.run(sys.executable, "read.py").returncode == 0
    names = answer(
        workspace, 'file "copy.csv" | lineage depth 2 | where kind = dataset | select name'
    )
    assert {("duckdb://shop.duckdb/orders",), ("orders.csv",)} <= set(names)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_tables_of_postgresql(workspace: Workspace, postgres: str, driver: str) -> None:
    psycopg = pytest.importorskip("psycopg")
    name = f"shop_{driver}_{Path(workspace.root).parent.name.replace('-', '_')}".lower()[:60]
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'create database "{name}"')
    place = postgres.replace("/postgres?", f"/{name}?").replace("postgres:@", "postgres:hunter2@")
    work(workspace, driver, f'"{place}"')
    check(workspace, f"postgresql://{os.uname().nodename}:5432/{name}")
    with psycopg.connect(place) as connection:
        connection.execute("create table outside as select 1 as x")
    (workspace.root / "read.py").write_text(
        f"import {driver}\n"
        f'connection = {driver}.connect("{place}")\n'
        "cursor = connection.cursor()\n"
        'cursor.execute("select x from outside where x <> %s", (987654321012345,))\n'
        'open("seen", "w").write(str(cursor.fetchall()))\n'
    )
    assert workspace.run(sys.executable, "read.py").returncode == 0
    found = answer(
        workspace, 'file "seen" | lineage | where name ~ "postgresql**" | select name, state'
    )
    assert found == [(f"postgresql://{os.uname().nodename}:5432/{name}/outside", "external")]
    assert workspace.ended.verdict == "complete", workspace.ended.gaps


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server of its own."""
    if shutil.which("mariadbd") is None or shutil.which("mariadb-install-db") is None:
        pytest.skip("MariaDB's server is not installed")
    folder, user = tmp_path_factory.mktemp("mariadb"), getpass.getuser()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    given = ["--no-defaults", f"--datadir={folder}/data", f"--user={user}"]
    fill = ["mariadb-install-db", "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run([fill[0], *given, *fill[1:]], check=True, capture_output=True)
    places = [f"--socket={folder}/socket", f"--port={port}", f"--pid-file={folder}/pid"]
    with (folder / "log").open("wb") as log:
        words = ["mariadbd", *given, *places, "--bind-address=127.0.0.1"]
        server = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        while b"ready for connections" not in (folder / "log").read_bytes():
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait()


@pytest.mark.parametrize("driver", ["pymysql", "mysql.connector"])
def test_tables_of_mysql(workspace: Workspace, mariadb: int, driver: str) -> None:
    import pymysql

    name = f"shop_{driver.replace('.', '_').lower()}"
    admin = pymysql.connect(host="127.0.0.1", port=mariadb, user="root", autocommit=True)
    admin.cursor().execute(f"create database {name}")
    place = f'host="127.0.0.1", port={mariadb}, user="root", password="", database="{name}"'
    work(workspace, driver, place)
    base = f"mysql://127.0.0.1:{mariadb}/{name}"
    check(workspace, base)
    admin.cursor().execute(f"create table {name}.outside as select 1 as x")
    (workspace.root / "read.py").write_text(
        f"import {driver} as driver\nconnection = driver.connect({place})\n"
        "cursor = connection.cursor()\n"
        "cursor.execute('insert into outside values (%s)', (987654,)) # hunter2\n"
        f"cursor.execute('select x from {name}.outside where \"hunter2\" <> %s # hunter2', (1,))\n"
        'open("seen", "w").write(str(cursor.fetchall()))\n'
    )
    assert workspace.run(sys.executable, "read.py").returncode == 0
    found = answer(workspace, 'file "seen" | lineage | where name ~ "mysql**" | select name, state')
    assert found == [(f"{base}/outside", "external")], "its own rows, and those before them"
    assert workspace.ended.verdict == "complete", workspace.ended.gaps


ASYNC = {
    "asyncpg": """
async def work():
    session = await asyncpg.connect({place!r})
    await session.execute("create table summed as select sum(x) as x from outside")
    await session.executemany("insert into summed values ($1)", [(987654,)])
    await session.copy_records_to_table("summed", records=[(987654,)])
    async with session.transaction(), session.transaction():
        rows = [row async for row in session.cursor("select x from summed where x <> $1", 987653)]
    await session.close()
    return rows
""",
    "aiomysql": """
async def work():
    session = await aiomysql.connect(**{place!r}, autocommit=True)
    cursor = await session.cursor()
    await cursor.execute("create table summed as select sum(x) as x from outside")
    await cursor.executemany("insert into summed values (%s)", [(987654,), (987654,)])
    await cursor.execute("select x from summed where x <> %s", (987653,))
    rows = await cursor.fetchall()
    session.close()
    return rows
""",
}


@pytest.mark.parametrize("driver", ASYNC)
def test_tables_that_a_driver_of_asyncio_asks_for(
    workspace: Workspace, request: pytest.FixtureRequest, driver: str
) -> None:
    import psycopg
    import pymysql

    place: object
    if driver == "asyncpg":
        place = request.getfixturevalue("postgres")
        with psycopg.connect(str(place), autocommit=True) as admin:
            admin.execute("create table outside as select 1 as x")
        base = f"postgresql://{os.uname().nodename}:5432/postgres"
    else:
        place = {"host": "127.0.0.1", "port": request.getfixturevalue("mariadb"), "user": "root"}
        with pymysql.connect(**place, autocommit=True) as session:
            session.cursor().execute("create database asynchronous")
            session.cursor().execute("create table asynchronous.outside as select 1 as x")
        base, place = (
            f"mysql://127.0.0.1:{place['port']}/asynchronous",
            {**place, "db": "asynchronous"},
        )
    text = f"import asyncio, {driver}\n" + ASYNC[driver].format(place=place)
    (workspace.root / "work.py").write_text(
        text + "open('out', 'w').write(str(asyncio.run(work())))\n"
    )
    done = workspace.run(sys.executable, "work.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert (workspace.root / "out").read_text().count("987654") == 2
    behind = answer(
        workspace, f'dataset "{base}/summed" | lineage | where kind = dataset | select name'
    )
    assert (f"{base}/outside",) in behind
    assert workspace.ended.verdict == "complete", workspace.ended.gaps


ENGINES = ["postgresql+psycopg", "postgresql+psycopg2", "mysql+pymysql", "mysql+mysqlconnector"]


@pytest.mark.parametrize("engine", ENGINES)
def test_tables_that_pandas_asks_for_through_sqlalchemy(
    workspace: Workspace, request: pytest.FixtureRequest, engine: str
) -> None:
    if engine.startswith("mysql"):
        import pymysql

        port = request.getfixturevalue("mariadb")
        with pymysql.connect(host="127.0.0.1", port=port, user="root") as session:
            session.cursor().execute("create database if not exists frames")
        url, base = f"//root@127.0.0.1:{port}/frames", f"mysql://127.0.0.1:{port}/frames"
    else:
        url = request.getfixturevalue("postgres").removeprefix("postgresql:")
        base = f"postgresql://{os.uname().nodename}:5432/postgres"
    (workspace.root / "orders.csv").write_text("client,amount\nhunter2,987654\n")
    begin = f"import pandas, sqlalchemy\nengine = sqlalchemy.create_engine({f'{engine}:{url}'!r})\n"
    (workspace.root / "fill.py").write_text(
        begin
        + "orders = pandas.read_csv('orders.csv')\n"
        + "orders.to_sql('orders', engine, index=False, if_exists='replace')\n"
        + "with engine.begin() as session, session.begin_nested():\n"
        + "    session.execute(sqlalchemy.text('delete from orders where amount = 1'))\n"
    )
    (workspace.root / "read.py").write_text(
        begin
        + "frame = pandas.read_sql_table('orders', engine)\n"
        + "frame = pandas.read_sql('select * from orders where amount > 987653', engine)\n"
        + "frame.to_csv('out')\n"
    )
    for name in ("fill.py", "read.py"):
        done = workspace.run(sys.executable, name)
        assert done.returncode == 0, done.stderr
        assert workspace.ended.verdict == "complete", workspace.ended.gaps
    behind = answer(workspace, 'file "out" | lineage | where kind = dataset | select name')
    assert {(f"{base}/orders",), ("orders.csv",)} <= set(behind)


HIDING = {
    "a function of the database": 'cursor.execute("select total_of_all()")',
    "another connection": "import socket; socket.create_connection({other}).recv(1); cursor.execute('select 1')",
}


def greet(listening: socket.socket) -> None:
    """Whoever connects first, if somebody does."""
    with suppress(OSError):
        listening.accept()[0].send(b"1")


@pytest.mark.parametrize("way", HIDING)
def test_what_came_over_a_connection_otherwise_stays_a_gap(
    workspace: Workspace, postgres: str, way: str
) -> None:
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            "create or replace function total_of_all() returns int as 'select 1' language sql"
        )
    with socket.create_server(("127.0.0.1", 0)) as other:
        Thread(target=greet, args=[other], daemon=True).start()
        (workspace.root / "read.py").write_text(
            f"import psycopg\ncursor = psycopg.connect({postgres!r}).cursor()\n"
            + HIDING[way].format(other=other.getsockname())
        )
        assert workspace.run(sys.executable, "read.py").returncode == 0
    [gap] = workspace.ended.gaps
    assert ("127.0.0.1" in gap) == (way == "another connection"), gap


def test_a_tracked_process_tells_of_tables_too(workspace: Workspace) -> None:
    (workspace.root / "work.py").write_text(
        "import sqlite3, provgraph\n"
        "for name in ('one', 'two'):\n"
        "    with provgraph.track():\n"
        "        with sqlite3.connect('shop.db') as connection:\n"
        "            connection.execute(f'create table {name} (x)')\n"
    )
    words = [sys.executable, "work.py"]
    subprocess.run(words, cwd=workspace.root, env=workspace.environment, check=True)
    found = answer(workspace, 'dataset "sqlite://shop.db/*" | runs | count')
    assert found == [(2,)]


def test_a_program_without_a_database_loads_nothing_for_it(workspace: Workspace) -> None:
    code = "import sys; print('provgraph_database' in sys.modules, 'sqlite3' in sys.modules)"
    assert workspace.run(sys.executable, "-c", code).stdout == "False False\n"
