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
    """`keys` and `hashes` are in hexadecimal; a row goes if its identifier by one of the rules has one of
    the hashes under one of the keys."""

    path: str
    rules: list[dict[str, str]]
    keys: list[str]
    hashes: list[str]


def redact(task: Task) -> int:
    """Returns how many rows went. Raises `TableError`, OSError."""
    keys = [Key(bytes.fromhex(secret)) for secret in task.keys]
    hashes = {bytes.fromhex(mac) for mac in task.hashes}
    path, gone = Path(task.path), 0
    source, target = path, beside(path)
    for rule in map(Rule.model_validate, task.rules):

        def goes(identifier: str, prefix: str = rule.prefix) -> bool:
            return any(key.hashed(prefix + identifier) in hashes for key in keys)

        fresh = beside(target) if source == target else target
        gone += format_for(path).without(source, rule.column, rule.table, goes, fresh)
        os.replace(fresh, target)
        source = target
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
