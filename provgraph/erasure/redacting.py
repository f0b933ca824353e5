"""`python -m provgraph.erasure.redacting`: write a table again without the rows of some subjects, beside it.

Run by an execution, under capture, in a scratch copy of the project; what is put in the table's place is
moved there when capture has read the table to its end. What to do stands on standard input, so
that nothing of it is in a command line: a JSON object with the path, the rule, the key and the hashes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from provgraph.subjects.keys import Key
from provgraph.subjects.rules import Rule
from provgraph.subjects.tables import format_for


class Task(msgspec.Struct, frozen=True):
    """`keys` and `hashes` are in hexadecimal; a row goes if its identifier has one of the hashes under one
    of the keys."""

    path: str
    rule: dict[str, str]
    keys: list[str]
    hashes: list[str]


def redact(task: Task) -> int:
    """Returns how many rows went. Raises `TableError`, OSError."""
    rule = Rule.model_validate(task.rule)
    keys = [Key(bytes.fromhex(secret)) for secret in task.keys]
    hashes = {bytes.fromhex(mac) for mac in task.hashes}

    def goes(identifier: str) -> bool:
        return any(key.hashed(rule.prefix + identifier) in hashes for key in keys)

    path = Path(task.path)
    target = beside(path)
    gone = format_for(path).without(path, rule.column, rule.table, goes, target)
    os.chmod(target, os.stat(path).st_mode & 0o7777)
    return gone


def beside(path: Path) -> Path:
    """Where the table without the rows is written.

    >>> beside(Path("raw/users.csv")).as_posix()
    'raw/.users.redacted.csv'
    """
    return path.with_name(f".{path.stem}.redacted{path.suffix}")


if __name__ == "__main__":
    print(redact(msgspec.json.decode(sys.stdin.buffer.read(), type=Task)))
