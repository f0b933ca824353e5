"""Which content has which subject? One SQLite file, `.provgraph/subjects.db`, for its owner alone.

A subject is a number and its keyed hash; a pair is two numbers, subject and content. A content is what a
digest names, read by one rule: every version with that digest has it, wherever it lies, so copies are
found without being read. What was erased is overwritten (`secure_delete`), in the file and its log.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import apsw

from provgraph.errors import StoreError

_VERSION: Final = 1
_TABLES: Final = """
CREATE TABLE subject (id INTEGER PRIMARY KEY, mac BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE content (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL, rule TEXT NOT NULL, key TEXT NOT NULL,
    subjects INTEGER NOT NULL, UNIQUE (digest, rule)
) STRICT;
CREATE TABLE pair (
    subject INTEGER NOT NULL, content INTEGER NOT NULL, PRIMARY KEY (subject, content)
) STRICT, WITHOUT ROWID;
CREATE INDEX pair_content ON pair (content, subject);
"""


@dataclass(frozen=True, slots=True)
class Indexed:
    """A content that was read. `key` names the key of its hashes; `subjects` says how many it has."""

    digest: str
    rule: str
    key: str
    subjects: int


class SubjectIndex:
    """The index in the file `path`, made if it is not there. Raises `StoreError`.

    Any number of processes may read it; one writes at a time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        fresh = not path.exists()
        if fresh:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with self._explained():
            self._connection = apsw.Connection(str(path))
            self._connection.set_busy_timeout(10_000)
            self._connection.execute("PRAGMA secure_delete = ON; PRAGMA cache_size = -65536")
            self._connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
            with self._transaction():
                (version,) = next(self._connection.execute("PRAGMA user_version"))
                if version == 0:
                    self._connection.execute(_TABLES)
                    self._connection.execute(f"PRAGMA user_version = {_VERSION}")
        if version not in (0, _VERSION):
            raise StoreError(f"{path} is of another version", hint="delete it; it is filled again")

    def contents(self) -> list[Indexed]:
        """Everything that was read."""
        asked = "SELECT digest, rule, key, subjects FROM content ORDER BY id"
        with self._explained():
            return [Indexed(*row) for row in self._connection.execute(asked)]

    def add(self, digest: str, rule: str, key: str, macs: Iterable[Iterable[bytes]]) -> int:
        """Keep what a content has, in place of what was known of it; returns how many subjects.
        All of it or nothing, whatever `macs` raises."""
        with self._explained(), self._transaction():
            self._forget(digest, rule)
            self._connection.execute(
                "INSERT INTO content (digest, rule, key, subjects) VALUES (?, ?, ?, 0)",
                (digest, rule, key),
            )
            content = self._connection.last_insert_rowid()
            self._connection.execute("CREATE TEMP TABLE IF NOT EXISTS given (mac BLOB)")
            for batch in macs:
                self._keep(content, sorted(set(batch)))
            (count,) = next(
                self._connection.execute("SELECT count(*) FROM pair WHERE content = ?", (content,))
            )
            asked = "UPDATE content SET subjects = ? WHERE id = ?"
            self._connection.execute(asked, (count, content))
        return int(count)

    def _keep(self, content: int, macs: list[bytes]) -> None:
        execute = self._connection.execute
        execute("DELETE FROM given")
        self._connection.executemany("INSERT INTO given VALUES (?)", ((mac,) for mac in macs))
        execute("INSERT OR IGNORE INTO subject (mac) SELECT mac FROM given")
        execute(
            "INSERT OR IGNORE INTO pair SELECT s.id, ? FROM given CROSS JOIN subject s"
            " ON s.mac = given.mac",
            (content,),
        )

    def holding(self, macs: Iterable[bytes]) -> set[tuple[str, str]]:
        """The digests and rules of the contents that have one of these subjects."""
        found: set[tuple[str, str]] = set()
        with self._explained():
            for mac in macs:
                found.update(
                    self._connection.execute(
                        "SELECT c.digest, c.rule FROM subject s CROSS JOIN pair p"
                        " ON p.subject = s.id CROSS JOIN content c ON c.id = p.content"
                        " WHERE s.mac = ?",
                        (mac,),
                    )
                )
        return found

    def erase_subjects(self, macs: Iterable[bytes]) -> int:
        """Forget these subjects; returns how many were known. They are in no byte of the file and
        its log afterwards."""
        gone = 0
        with self._explained():
            with self._transaction():
                for mac in macs:
                    row = self._connection.execute(
                        "SELECT id FROM subject WHERE mac = ?", (mac,)
                    ).get
                    if row is None:
                        continue
                    gone += 1
                    self._connection.execute(
                        "UPDATE content SET subjects = subjects - 1 WHERE id IN"
                        " (SELECT content FROM pair WHERE subject = ?)",
                        (row,),
                    )
                    self._connection.execute("DELETE FROM pair WHERE subject = ?", (row,))
                    self._connection.execute("DELETE FROM subject WHERE id = ?", (row,))
            self._settle()
        return gone

    def erase_contents(self, digests: Iterable[str]) -> int:
        """Forget what these contents have; returns how many were known."""
        gone = 0
        with self._explained():
            with self._transaction():
                for digest in digests:
                    asked = "SELECT rule FROM content WHERE digest = ?"
                    for (rule,) in self._connection.execute(asked, (digest,)).fetchall():
                        self._forget(digest, str(rule))
                        gone += 1
                self._connection.execute(
                    "DELETE FROM subject WHERE NOT EXISTS"
                    " (SELECT 1 FROM pair WHERE pair.subject = subject.id)"
                )
            self._settle()
        return gone

    def rename_contents(self, names: Mapping[str, str]) -> int:
        """Know contents by other names than their digests, which go; returns how many were known."""
        renamed = 0
        with self._explained():
            with self._transaction():
                for digest, name in names.items():
                    asked = "UPDATE content SET digest = ? WHERE digest = ?"
                    self._connection.execute(asked, (name, digest))
                    renamed += self._connection.changes()
            self._settle()
        return renamed

    def _forget(self, digest: str, rule: str) -> None:
        here = "(SELECT id FROM content WHERE digest = ? AND rule = ?)"
        self._connection.execute(f"DELETE FROM pair WHERE content IN {here}", (digest, rule))
        self._connection.execute(
            "DELETE FROM content WHERE digest = ? AND rule = ?", (digest, rule)
        )

    def _settle(self) -> None:
        """Leave nothing behind in the write-ahead log or in free pages."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.execute("VACUUM")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except apsw.NotADBError as error:
            raise StoreError(
                f"{self.path} is damaged",
                hint="delete it; `provgraph subject index` fills it again",
            ) from error
        except apsw.Error as error:
            raise StoreError(f"{self.path}: {error}") from error
