"""Which tables of databases does this Python process read and write? Loaded when a captured program imports a
driver: sqlite3, duckdb, psycopg, psycopg2, asyncpg, pymysql, aiomysql, MySQLdb or mysql.connector.

A line is appended to the run's folder for each statement. SQLite itself says which tables a statement is about,
and only those are told. Of other databases the statement is told, every literal value in it replaced by a
question mark and every comment by a blank, with the database's address without who logs in. With `socket`, the
inode of the connection's, all that goes over that connection is told: what cannot be told is a `doubt`. No statement is sent that the program would not send, and no error leaves.
"""

# ruff: noqa: S110, BLE001, SIM105, UP031 - it must never be noticed

import functools
import os
import re
import stat
import weakref

SUFFIX, MOST = "sql", 100000
_LITERAL = re.compile(
    r"--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$|[eEbBxXnN]?'(?:[^'\\]|''|\\.)*'|\$\d+|\b\d[\w.]*(?:[eE][+-]?\d+)?",
    re.DOTALL,
)
_OF_MYSQL = re.compile(
    r'"(?:[^"\\]|""|\\.)*"|#[^\n]*|%s|%\(\w+\)s', re.DOTALL
)  # values and comments
_LONGEST = 10000
_IS_COROUTINE = 0x80


class _Hook:
    def __init__(self, notes):
        self.say = notes.add

    def doubt(self, *_):
        self.say(doubt=True)

    def statement(self, given, dialect, place, file=None):
        """A statement, text or something that has one. `file` is the descriptor that it goes out by, or what has one."""
        try:
            over = {} if file is None else {"socket": os.fstat(_number(file)).st_ino}
            if isinstance(given, bytes):
                given = given.decode("utf-8", "replace")
            if isinstance(given, str) and place:
                text = _LITERAL.sub(_shown, given[: 4 * _LONGEST])
                if dialect == "mysql":
                    text = _OF_MYSQL.sub(_shown, text)
                if over and len(given) > 4 * _LONGEST:
                    self.doubt()
                text = text[:_LONGEST]
                self.say(statement=text, dialect=dialect, place=place, **over)
        except Exception:
            self.doubt()

    def around(self, owner, names, told):
        """Wrap methods so that `told(object, first argument)` is called before them."""
        for name in names:
            given = getattr(owner, name, None)
            if given is None or hasattr(given, "_provgraph"):
                continue
            try:
                setattr(owner, name, _wrapped(given, told, self.doubt))
            except Exception:
                pass


def _shown(found):
    return " " if found[0].startswith(("--", "/*", "#")) else "?"


def _number(file):
    return file if isinstance(file, int) else file.fileno()


def _wrapped(given, told, doubt):
    def tell(this, args, kwargs):
        try:
            told(this, args[0] if args else next(iter(kwargs.values()), None))
        except Exception:
            doubt()

    if getattr(getattr(given, "__code__", None), "co_flags", 0) & _IS_COROUTINE:

        @functools.wraps(given)
        async def wrapped(this, *args, **kwargs):
            tell(this, args, kwargs)
            return await given(this, *args, **kwargs)

    else:

        @functools.wraps(given)
        def wrapped(this, *args, **kwargs):
            tell(this, args, kwargs)
            return given(this, *args, **kwargs)

    wrapped._provgraph = True
    return wrapped


# --- SQLite: asked of the library, which knows views and triggers

_READ, _DELETE, _INSERT, _UPDATE, _CREATE, _DROP = 20, 9, 18, 23, 2, 11


def sqlite3(hook, module):
    connect = module.connect

    @functools.wraps(connect)
    def connected(*args, **kwargs):
        made = connect(*args, **kwargs)
        try:
            _watch(hook, made, args[0] if args else kwargs.get("database"))
        except Exception:
            pass
        return made

    module.connect = connected
    module.dbapi2.connect = connected


def _watch(hook, connection, name):
    path = os.fsdecode(name)
    if path.startswith("file:"):
        path = path[5:].partition("?")[0]
    if not path or path.startswith(":memory:"):
        return
    path = os.path.realpath(path)

    def asked(action, one, two, database, _):
        if database == "main" and not str(one).startswith("sqlite_"):
            if action == _READ:
                hook.say(how="read", path=path, table=one)
            elif action in (_INSERT, _CREATE):
                hook.say(how="append" if action == _INSERT else "write", path=path, table=one)
            elif action in (_UPDATE, _DELETE):
                hook.say(how="change", path=path, table=one)
            elif action == _DROP:
                hook.say(how="drop", path=path, table=one)
        return 0

    connection.set_authorizer(asked)


# --- Others


def duckdb(hook, module):
    connect, kind = module.connect, module.DuckDBPyConnection
    cursor, places = kind.cursor, weakref.WeakKeyDictionary()

    @functools.wraps(connect)
    def connected(*args, **kwargs):
        made = connect(*args, **kwargs)
        try:
            path = os.fsdecode(args[0] if args else kwargs.get("database", ""))
            if path and not path.startswith(":"):
                places[made] = "file:" + os.path.realpath(path)
        except Exception:
            pass
        return made

    @functools.wraps(cursor)
    def another(this, *args, **kwargs):
        made = cursor(this, *args, **kwargs)
        if this in places:
            places[made] = places[this]
        return made

    def told(this, given):
        hook.statement(given, "duckdb", places.get(this))

    module.connect, kind.cursor = connected, another
    hook.around(kind, ("execute", "executemany", "sql", "query", "from_query"), told)


def psycopg(hook, module):
    def place(cursor):
        info = cursor.connection.info
        return _address("postgresql", info.host, info.port, info.dbname)

    def told(this, given):
        if hasattr(given, "as_string"):
            given = given.as_string(this.connection)
        hook.statement(given, "postgres", place(this), this.connection.fileno())

    for name in ("Cursor", "AsyncCursor", "ClientCursor", "ServerCursor", "AsyncServerCursor"):
        owner = getattr(module, name, None)
        if owner is not None:
            hook.around(owner, ("execute", "executemany", "stream", "copy"), told)


def psycopg2(hook, module):
    from psycopg2.extensions import connection as session
    from psycopg2.extensions import cursor as plain

    connect, made = module.connect, {}

    def told(this, given):
        connection = this.connection
        if hasattr(given, "as_string"):
            given = given.as_string(connection)
        about = connection.get_dsn_parameters()
        place = _address("postgresql", about.get("host"), about.get("port"), about.get("dbname"))
        hook.statement(given, "postgres", place, connection.fileno())

    def watched(kind):
        if kind not in made:
            made[kind] = type(kind.__name__, (kind,), {"__module__": kind.__module__})
            hook.around(made[kind], ("execute", "executemany", "copy_expert"), told)
            hook.around(made[kind], ("callproc", "copy_from", "copy_to"), hook.doubt)
        return made[kind]

    class connection(session):
        """What cursors it is asked for are watched, too."""

        __module__ = session.__module__

        def cursor(self, name=None, cursor_factory=None, *args, **kwargs):
            kind = watched(cursor_factory or self.cursor_factory or plain)
            return session.cursor(self, name, kind, *args, **kwargs)

        def lobject(self, *args, **kwargs):
            hook.doubt()
            return session.lobject(self, *args, **kwargs)

    @functools.wraps(connect)
    def connected(dsn=None, connection_factory=None, *args, **kwargs):
        if connection_factory is not None:
            hook.doubt()
        found = connect(dsn, connection_factory or connection, *args, **kwargs)
        if connection_factory is not None:
            try:
                found.cursor_factory = watched(found.cursor_factory or plain)
            except Exception:
                pass
        return found

    module.connect = connected


def asyncpg(hook, module):
    kind = module.Connection

    def told(this, given):
        at = this._addr
        host, port = (at, at.rpartition(".")[2]) if isinstance(at, str) else at
        place = _address("postgresql", host, port, this._params.database)
        hook.statement(given, "postgres", place, this._transport.get_extra_info("socket"))

    names = (
        "execute executemany fetch fetchval fetchrow fetchmany prepare cursor _copy_out _copy_in"
    )
    hook.around(kind, names.split(), told)


def pymysql(hook, module):
    def told(this, given):
        about = this.connection
        name = about.db.decode() if isinstance(about.db, bytes) else about.db
        place = _address("mysql", about.host, about.port, name)
        hook.statement(given, "mysql", place, about._sock.fileno())

    hook.around(module.cursors.Cursor, ("execute", "executemany"), told)
    hook.around(module.cursors.Cursor, ("callproc",), hook.doubt)


def aiomysql(hook, module):
    def told(this, given):
        about = this.connection
        place = _address("mysql", about.host, about.port, about.db)
        file = about._writer.transport.get_extra_info("socket")
        hook.statement(given, "mysql", place, file)

    hook.around(module.Cursor, ("execute", "executemany"), told)
    hook.around(module.Cursor, ("callproc",), hook.doubt)


def MySQLdb(hook, module):
    from MySQLdb import connections, cursors

    kind = connections.Connection
    begin, places = kind.__init__, weakref.WeakKeyDictionary()

    @functools.wraps(begin)
    def begun(this, *args, **kwargs):
        begin(this, *args, **kwargs)
        try:
            names = ("host", "user", "password", "database", "port")
            given = {**dict(zip(names, args)), **kwargs}  # noqa: B905 - there is no `strict` in 3.8
            name = given.get("database", given.get("db"))
            places[this] = _address("mysql", given.get("host"), given.get("port", 3306), name)
        except Exception:
            pass

    def told(this, given):
        hook.statement(given, "mysql", places.get(this.connection), this.connection)

    kind.__init__ = begun
    hook.around(cursors.BaseCursor, ("execute", "executemany"), told)
    hook.around(cursors.BaseCursor, ("callproc",), hook.doubt)


def mysql_connector(hook, module):
    sockets = weakref.WeakKeyDictionary()

    def told(this, given):
        about = getattr(this, "_connection", None) or this._cnx
        place = _address("mysql", about.server_host, about.server_port, about._database)
        hook.statement(given, "mysql", place, sockets.get(_itself(about)))

    def watch(kind, cursor):
        begin = kind._open_connection

        @functools.wraps(begin)
        def _open_connection(this, *args, **kwargs):
            before = _sockets()
            found = begin(this, *args, **kwargs)
            made = _sockets() - before
            if len(made) == 1:  # else which it is cannot be told
                sockets[this] = made.pop()[0]
            return found

        kind._open_connection = _open_connection
        hook.around(cursor, ("execute", "executemany"), told)
        hook.around(cursor, ("callproc",), hook.doubt)

    watch(module.connection.MySQLConnection, module.cursor.MySQLCursor)
    kind = getattr(module, "CMySQLConnection", None)
    if kind is not None:
        from mysql.connector.cursor_cext import CMySQLCursor

        watch(kind, CMySQLCursor)


def _itself(connection):
    """A cursor may know its connection by a weak proxy."""
    return connection.__repr__.__self__


def _sockets():
    """The descriptors of this process that are sockets, with their inodes."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            about = os.fstat(int(name))
        except OSError:
            continue
        if stat.S_ISSOCK(about.st_mode):
            found.add((int(name), about.st_ino))
    return found


def _address(scheme, host, port, name):
    host = host or "localhost"
    if host.startswith("/"):  # a socket of this machine
        host = os.uname().nodename
    return "%s://%s%s/%s" % (scheme, host, ":%s" % port if port else "", name or "")


def install(module, notes):
    globals()[module.__name__.replace(".", "_")](_Hook(notes), module)
