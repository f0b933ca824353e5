"""Columns of real files are read, and files are written again without some rows: each format, the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from provgraph.subjects.tables import TableError, format_for, format_of

Row = tuple[str, int]
ROWS: list[Row] = [("0042", 1), ("a,b", 2), ("", 3), ("line\nbreak", 4), ("0042", 5), ("é'\"", 6)]


def write_csv(path: Path, rows: list[Row]) -> None:
    import csv

    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerows([("user", "n"), *rows])


def write_json_lines(path: Path, rows: list[Row]) -> None:
    path.write_text("".join(json.dumps({"user": u or None, "n": n}) + "\n" for u, n in rows))


def write_parquet(path: Path, rows: list[Row]) -> None:
    import pyarrow as arrow
    from pyarrow import parquet

    table = arrow.table({"user": [u or None for u, _ in rows], "n": [n for _, n in rows]})
    parquet.write_table(table, path, row_group_size=2, compression="zstd")


def write_sqlite(path: Path, rows: list[Row]) -> None:
    connection = apsw.Connection(str(path))
    connection.execute('CREATE TABLE "the people" (user TEXT, n INTEGER)')
    connection.executemany('INSERT INTO "the people" VALUES (?, ?)', rows)
    connection.close()


def write_duckdb(path: Path, rows: list[Row]) -> None:
    import duckdb

    connection = duckdb.connect(str(path))
    connection.execute('CREATE TABLE "the people" ("user" TEXT, n INTEGER)')
    connection.executemany('INSERT INTO "the people" VALUES (?, ?)', rows)
    connection.close()


WRITERS: dict[str, Callable[[Path, list[Row]], None]] = {
    "people.csv": write_csv,
    "people.tsv": write_csv,
    "people.jsonl": write_json_lines,
    "people.parquet": write_parquet,
    "people.sqlite": write_sqlite,
    "people.duckdb": write_duckdb,
}


@pytest.fixture(params=WRITERS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    WRITERS[path.name](path, ROWS)
    return path


def identifiers(path: Path, column: str = "user") -> list[str]:
    read = format_for(path).identifiers(path, column, "")
    return [text for batch in read for text in batch]


def test_the_identifiers_of_a_column_are_read_and_missing_ones_left_out(path: Path) -> None:
    assert sorted(identifiers(path)) == sorted(user for user, _ in ROWS if user)


def test_numbers_are_read_as_they_are_written(path: Path) -> None:
    assert sorted(identifiers(path, "n")) == ["1", "2", "3", "4", "5", "6"]


def test_a_file_without_some_rows_has_all_others(path: Path) -> None:
    target = path.with_name(f"less-{path.name}")
    gone = format_for(path).without(path, "user", "", lambda user: user == "0042", target)
    assert gone == 2
    assert sorted(identifiers(target)) == sorted(["a,b", "line\nbreak", "é'\""])
    assert sorted(identifiers(target, "n")) == ["2", "3", "4", "6"]
    assert b"0042" not in target.read_bytes()


def test_a_file_of_which_nothing_goes_keeps_its_rows(path: Path) -> None:
    target = path.with_name(f"same-{path.name}")
    assert format_for(path).without(path, "user", "", lambda user: False, target) == 0
    assert sorted(identifiers(target, "n")) == ["1", "2", "3", "4", "5", "6"]
    if path.suffix in (".csv", ".tsv", ".jsonl"):
        assert target.read_bytes() == path.read_bytes()


def test_a_column_that_is_not_there_is_named_with_the_nearest(path: Path) -> None:
    with pytest.raises(TableError) as caught:
        identifiers(path, "usr")
    assert "no column `usr`" in caught.value.message
    assert "`user`" in str(caught.value.hint)


def test_a_file_that_is_none_of_the_format_is_refused(path: Path) -> None:
    path.write_bytes(b"\x00\xff not \x00 what it \n says {" * 40)
    with pytest.raises(TableError):
        identifiers(path)


def test_rows_that_stay_are_byte_for_byte_what_they_were(tmp_path: Path) -> None:
    raw = (
        b'\xef\xbb\xbfuser;n\r\n"0042";1\r\n  x ;"2"\r\n\r\n\xff\xfe;3\r\n"0042";"a\r\nb"\r\nlast;9'
    )
    path, target = tmp_path / "odd.csv", tmp_path / "out.csv"
    path.write_bytes(raw)
    assert format_for(path).without(path, "user", "", lambda user: user == "0042", target) == 2
    expected = b'\xef\xbb\xbfuser;n\r\n  x ;"2"\r\n\r\n\xff\xfe;3\r\nlast;9'
    assert target.read_bytes() == expected


def test_a_database_with_several_tables_wants_one_named(tmp_path: Path) -> None:
    path = tmp_path / "many.db"
    write_sqlite(path, ROWS)
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE other (x)")
    connection.close()
    with pytest.raises(TableError, match="2 tables"):
        identifiers(path)
    with pytest.raises(TableError, match="no table `them`"):
        list(format_for(path).identifiers(path, "user", "them"))
    assert list(format_for(path).identifiers(path, "user", "the people"))


def test_names_from_a_user_are_never_a_statement(tmp_path: Path) -> None:
    path = tmp_path / "users.db"
    write_sqlite(path, ROWS)
    for evil in ('user" FROM x; DROP TABLE "the people"; --', "user FROM sqlite_schema"):
        with pytest.raises(TableError, match="no column"):
            identifiers(path, evil)
    assert identifiers(path)


def test_a_dotted_column_leads_into_objects(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text('{"user": {"id": 7}}\n\n{"other": 1}\n{"user": {"id": "8"}}\n')
    assert identifiers(path, "user.id") == ["7", "8"]


def test_other_suffixes_are_no_tables() -> None:
    assert format_of("report.docx") is None
    with pytest.raises(TableError, match=r"report.docx"):
        format_for(Path("report.docx"))
