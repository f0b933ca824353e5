"""`provgraph sql` on a recorded project."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def recorded(cli: Any, project: Path) -> Any:
    (project / "a, b.txt").write_text("input")
    cli("run", "--", "sh", "-c", 'cat "a, b.txt" > out.txt')
    return cli


def test_a_statement_is_answered_as_a_table_json_and_csv(recorded: Any) -> None:
    text = "SELECT path, size, state FROM versions ORDER BY path"
    lines = recorded("sql", text).stdout.splitlines()
    assert lines == ["path\tsize\tstate", "a, b.txt\t5\texternal", "out.txt\t5\tpresent"]
    found = json.loads(recorded("sql", text, "--json").stdout)
    assert [row["path"] for row in found] == ["a, b.txt", "out.txt"]
    comma = recorded("sql", text, "--csv").stdout
    assert list(csv.reader(comma.splitlines()))[1] == ["a, b.txt", "5", "external"]
    assert json.loads(recorded("sql", "SELECT 1 WHERE 0", "--json").stdout) == []


def test_a_statement_can_be_piped_in(recorded: Any, project: Path) -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "provgraph", "sql"],
        input="SELECT count(*) AS runs FROM runs",
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["runs", "1"]


def test_what_writes_needs_to_be_told(recorded: Any) -> None:
    done = recorded("sql", "DELETE FROM edge", check=False)
    assert done.returncode == 2
    assert "`--write`" in done.stderr
    assert "changed" in recorded("sql", "--write", "DELETE FROM edge").stderr
    assert recorded("sql", "SELECT count(*) FROM edges").stdout.splitlines()[1] == "0"
    recorded("sync", "--rebuild")
    assert recorded("sql", "SELECT count(*) FROM edges").stdout.splitlines()[1] != "0"


def test_a_mistake_is_told_with_its_place(recorded: Any) -> None:
    done = recorded("sql", "SELECT pth FROM versions", check=False)
    assert done.returncode == 2
    assert "query:1:8: no such column: pth" in done.stderr
    assert recorded("sql", "", check=False).returncode == 2
    assert recorded("sql", "SELECT 1", "--csv", "--json", check=False).returncode == 2


def test_another_store_has_no_sql(recorded: Any) -> None:
    away = {"PROVGRAPH_STORE": "neo4j://nowhere.invalid"}
    done = recorded("sql", "SELECT 1", check=False, **away)
    assert done.returncode == 2
    assert "SQL asks the embedded store" in done.stderr


PAGE = Path(__file__).parents[2] / "docs" / "sql.md"


def test_every_statement_of_the_page_is_answered(recorded: Any) -> None:
    import re

    text = PAGE.read_text("utf-8")
    statements = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    statements += re.findall(r"provgraph sql (?:'([^']+)'|\"[^\"]+\")", text)
    asked = [statement for statement in statements if statement]
    assert len(asked) >= 4
    for statement in asked:
        recorded("sql", statement)
