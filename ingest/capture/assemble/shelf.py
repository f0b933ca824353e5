"""Where does what was learned of a run's files stand while nobody uses them, once there are very many?

In a file of its own in the project's folder, which has no name and goes with the process. A `File` that
nobody has open is put away with its versions, whole, and comes back as it was when one of its names or
its inode turns up again; so what follows files needs to know nothing of it. What it made comes out in the end in
order of time, from the disk too. What stays in memory does not depend on how many files there were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final, assert_never

import msgspec

from provgraph.ingest.capture.assemble.processes import Execution
from provgraph.ingest.capture.assemble.states import (
    Action,
    File,
    Read,
    Removal,
    Source,
    State,
    Version,
    place,
)
from provgraph.ingest.capture.put_away import key_of, without_name
from provgraph.model.records import Stat

_SCHEMA: Final = """
create table file (id integer primary key, passing integer not null, body blob not null) strict;
create table inode (key blob primary key, file integer not null) strict, without rowid;
create table name (path blob primary key, file integer not null) strict, without rowid;
create table action (
  seq integer primary key, by integer not null, tick integer not null, moment integer not null,
  rank integer not null, file integer not null, body blob not null
) strict;
create table seen (
  by integer not null, path blob not null, states blob not null, primary key (by, path)
) strict, without rowid;
create table touched (path blob primary key) strict, without rowid;
create table made (uri blob primary key, times integer not null) strict, without rowid;
"""


class _Read(msgspec.Struct, array_like=True, tag=0):
    path: bytes
    index: int
    stat: Stat | None
    made: int
    compiled: bool


class _Source(msgspec.Struct, array_like=True):
    path: bytes
    tick: int
    stat: Stat | None
    how: str
    version: int | None


class _Version(msgspec.Struct, array_like=True, tag=1):
    path: bytes
    index: int
    stat: Stat | None
    shared: bool
    names: list[tuple[bytes, int]]
    moved: Stat | None
    linked: bool
    renamed: int | None
    sources: list[_Source]


class _Removal(msgspec.Struct, array_like=True, tag=2):
    path: bytes
    index: int
    stat: Stat | None
    how: str
    version: int | None


class _File(msgspec.Struct, array_like=True):
    """`names`: those that it has, which version it got under each, and whether the name is its own yet."""

    key: tuple[int, int] | None
    created: bool
    removed: bool
    shared: bool
    user: int | None
    tellers: list[int]
    names: list[tuple[bytes, int | None, bool]]
    last: int | None
    others: list[tuple[int, int]]


_Packed = _Read | _Version | _Removal
_encode = msgspec.msgpack.Encoder().encode
_action = msgspec.msgpack.Decoder(_Packed).decode
_file = msgspec.msgpack.Decoder(_File).decode
_states = msgspec.msgpack.Decoder(list[State]).decode


class Shelf:
    """Of one run, and of one process and thread. Raises OSError and apsw's errors where the disk is full."""

    def __init__(self, folder: Path) -> None:
        self._db = without_name(folder)
        self._ask = self._db.cursor().execute
        self._put = self._db.cursor().executemany
        self._ask(_SCHEMA)
        self._things: list[Any] = []
        self._numbers: dict[Any, int] = {}
        self._next = 1
        self._recalled: list[Version] = []

    def number(self, thing: Any) -> int:
        """Executions and processes stay in memory and are told by their numbers."""
        number = self._numbers.get(thing)
        if number is None:
            number = self._numbers[thing] = len(self._things)
            self._things.append(thing)
        return number

    # Away

    def put_files(self, files: Iterable[tuple[File, list[bytes], bool]]) -> None:
        """Each with the names that are its own, and whether its inode is."""
        rows, names, inodes = [], [], []
        for file, own, is_its in files:
            number = self.number_of(file)
            rows.append((number, file.passing, _encode(self._packed(file, own))))
            names += [(path, number) for path in own]
            if is_its and file.key is not None:
                inodes.append((key_of(file.key), number))
        self._put("insert or replace into file values (?, ?, ?)", rows)
        self._put("insert or replace into name values (?, ?)", names)
        self._put("insert or replace into inode values (?, ?)", inodes)

    def put_actions(self, actions: Iterable[Action]) -> None:
        rows = (
            (
                action.seq,
                self.number(action.by),
                action.tick,
                *place(action),
                0 if action.file is None else self.number_of(action.file),
                _encode(_packed(action)),
            )
            for action in actions
        )
        self._put("insert into action values (?, ?, ?, ?, ?, ?, ?)", rows)

    def put_seen(self, by: Execution, paths: Iterable[tuple[bytes, list[State]]]) -> None:
        number = self.number(by)
        rows = ((number, path, _encode(states)) for path, states in paths)
        self._put("insert or replace into seen values (?, ?, ?)", rows)

    def put_touched(self, paths: Iterable[bytes]) -> None:
        self._put("insert or ignore into touched values (?)", ((path,) for path in paths))

    def number_of(self, file: File) -> int:
        if not file.number:
            file.number, self._next = self._next, self._next + 1
        return file.number

    def _packed(self, file: File, own: list[bytes]) -> _File:
        last, user = file.last, file.user
        return _File(
            file.key,
            file.created,
            file.removed,
            file.shared,
            None if user is None else self.number(user),
            [self.number(teller) for teller in file.tellers],
            [(path, _seq(v), path in own) for path, v in file.names.items()],
            _seq(last),
            [(self.number(by), v.seq) for by, v in (file.others or {}).items()],
        )

    def renew(self, active: AbstractSet[File]) -> None:
        """Versions that came back may have got a name since; those of the active files may still."""
        for version in self._recalled:
            body = self._body(version.seq)
            if (body.names, body.moved) != (version.names, version.moved):
                body.names, body.moved = version.names, version.moved
                self._ask("update action set body = ? where seq = ?", (_encode(body), version.seq))
        self._recalled = [version for version in self._recalled if version.file in active]

    # Back

    def at_inode(self, key: tuple[int, int]) -> int | None:
        found: int | None = self._one("select file from inode where key = ?", key_of(key))
        return found

    def at_name(self, path: bytes) -> int | None:
        found: int | None = self._one("select file from name where path = ?", path)
        return found

    def below(self, folder: bytes) -> list[int]:
        """The files with names below a folder."""
        sql = "select distinct file from name where path > ? and path < ?"
        return [file for (file,) in self._ask(sql, (folder + b"/", folder + b"0"))]

    def file(self, number: int) -> tuple[File, list[bytes]]:
        """Take a file back, and the names that are its own."""
        packed = _file(self._one("select body from file where id = ?", number))
        file = File(created=packed.created, removed=packed.removed, shared=packed.shared)
        file.key, file.number = packed.key, number
        file.user = None if packed.user is None else self._things[packed.user]
        file.tellers = {self._things[teller]: None for teller in packed.tellers}
        known: dict[int, Version] = {}

        def version(seq: int) -> Version:
            if seq not in known:
                known[seq] = self._version(seq)
                known[seq].file = file
            return known[seq]

        for path, seq, _ in packed.names:
            file.names[path] = None if seq is None else version(seq)
        file.last = None if packed.last is None else version(packed.last)
        if packed.others:
            file.others = {self._things[by]: version(seq) for by, seq in packed.others}
        self._recalled += known.values()
        own = [path for path, _, is_own in packed.names if is_own]
        self._put("delete from name where path = ?", ((path,) for path in own))
        return file, own

    def seen(self, by: Execution, path: bytes) -> list[State] | None:
        """In which states an execution has read a path."""
        found = self._one(
            "select states from seen where by = ? and path = ?", self.number(by), path
        )
        return None if found is None else _states(found)

    def forget_seen(self, by: Execution, path: bytes) -> None:
        self._ask("delete from seen where by = ? and path = ?", (self.number(by), path))

    def __contains__(self, path: object) -> bool:
        """Whether a change of a path was captured."""
        return self._one("select 1 from touched where path = ?", path) is not None

    # In the end

    def actions(self) -> Iterator[tuple[Action, bool]]:
        """All, in the order in which they came, and whether the file of each was a passing one."""
        sql = (
            "select action.*, passing from action left join file on file.id = action.file"
            " order by seq"
        )
        for seq, by, tick, _, _, _, body, passing in self._db.cursor().execute(sql):
            yield self._unpacked(seq, self._things[by], tick, body), bool(passing)

    def drop(self, actions: Iterable[int]) -> None:
        """Forget those that are not recorded; then the rest can be asked for by `of`."""
        self._put("delete from action where seq = ?", ((seq,) for seq in actions))
        self._ask("create index if not exists in_time on action (by, moment, rank, seq)")

    def of(self, by: Execution) -> Iterator[Action]:
        """Those of an execution, in order of time."""
        sql = "select seq, tick, body from action where by = ? order by moment, rank, seq"
        for seq, tick, body in self._db.cursor().execute(sql, (self.number(by),)):
            yield self._unpacked(seq, by, tick, body)

    def count(self, uri: str) -> int:
        """How often it was asked for before, since `count_anew`."""
        sql = (
            "insert into made values (?, 0) on conflict do update set times = times + 1"
            " returning times"
        )
        [(times,)] = self._ask(sql, (uri.encode("utf-8", "surrogateescape"),))
        return int(times)

    def count_anew(self) -> None:
        self._ask("delete from made")

    def _unpacked(self, seq: int, by: Execution, tick: int, body: bytes) -> Action:
        match packed := _action(body):
            case _Read() as r:
                return Read(by, r.path, tick, r.index, r.stat, None, r.made, r.compiled, seq=seq)
            case _Version() as v:
                made = Version(
                    by, v.path, tick, v.index, v.stat, None, v.names, v.moved, v.shared, v.linked
                )
                made.renamed = v.renamed
                made.seq, made.sources = seq, tuple(self._source(source) for source in v.sources)
                return made
            case _Removal() as r:
                version = None if r.version is None else self._version(r.version)
                return Removal(by, r.path, tick, r.index, r.stat, None, r.how, version, seq=seq)
            case _:
                assert_never(packed)

    def _source(self, source: _Source) -> Source:
        version = None if source.version is None else self._version(source.version)
        return Source(source.path, source.tick, source.stat, source.how, version)

    def _version(self, seq: int) -> Version:
        """As it is now, but for what it was made from."""
        [(by, tick, body)] = self._ask("select by, tick, body from action where seq = ?", (seq,))
        v = _action(body)
        assert isinstance(v, _Version)
        by = self._things[by]
        return Version(
            by, v.path, tick, v.index, v.stat, None, v.names, v.moved, v.shared, v.linked, seq=seq
        )

    def _body(self, seq: int) -> _Version:
        body = _action(self._one("select body from action where seq = ?", seq))
        assert isinstance(body, _Version)
        return body

    def _one(self, sql: str, *values: object) -> Any:
        return next((found for (found,) in self._ask(sql, values)), None)


def _seq(version: Version | None) -> int | None:
    return None if version is None else version.seq


def _packed(action: Action) -> _Read | _Version | _Removal:
    match action:
        case Read():
            return _Read(action.path, action.index, action.stat, action.made, action.compiled)
        case Version():
            sources = [
                _Source(s.path, s.tick, s.stat, s.how, _seq(s.version)) for s in action.sources
            ]
            return _Version(
                action.path,
                action.index,
                action.stat,
                action.shared,
                action.names,
                action.moved,
                action.linked,
                action.renamed,
                sources,
            )
        case Removal():
            version = _seq(action.version)
            return _Removal(action.path, action.index, action.stat, action.how, version)
        case _:
            raise AssertionError(action)
