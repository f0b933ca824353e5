"""What the driver's errors mean to a person."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from neo4j import exceptions

from provgraph.errors import BudgetExceeded, StoreError
from provgraph.store import WriteRefused

LATER: Final = "what is recorded stays in the journal; `provgraph sync` brings it in later"
_READ_ONLY: Final = (
    "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase",
    "Neo.ClientError.General.WriteOnReadOnlyAccessDatabase",
    "Neo.ClientError.Cluster.NotALeader",
)
UNAVAILABLE: Final = "Neo.TransientError.General.DatabaseUnavailable"


@contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn the driver's errors into `StoreError`, or `BudgetExceeded` for a question's time."""
    try:
        yield
    except (exceptions.DriverError, exceptions.Neo4jError, OSError) as error:
        raise store_error(error, uri) from error
    except UnicodeEncodeError as error:
        raise StoreError(f"text that is not Unicode cannot be kept: {error.object!r}") from error


def is_forbidden(error: exceptions.Neo4jError) -> bool:
    return error.code == "Neo.ClientError.Security.Forbidden"


def is_read_only(error: exceptions.Neo4jError) -> bool:
    """Whether nobody may write, as opposed to this user."""
    return error.code in _READ_ONLY


def store_error(error: Exception, uri: str) -> StoreError | BudgetExceeded:
    """
    >>> print(store_error(exceptions.ServiceUnavailable("refused"), "bolt://db"))
    bolt://db: nothing answers there: refused
      hint: what is recorded stays in the journal; `provgraph sync` brings it in later
    """
    code = (error.code or "") if isinstance(error, exceptions.Neo4jError) else ""
    text = _text(error)
    match error:
        case exceptions.AuthError() if code.endswith("AuthenticationRateLimit"):
            return StoreError(
                f"{uri}: too many wrong passwords", hint="wait some seconds, then repeat"
            )
        case exceptions.Forbidden():
            return WriteRefused(f"{uri}: not allowed: {text}", hint=f"ask for the right; {LATER}")
        case exceptions.AuthError():
            return StoreError(
                f"{uri}: user or password is wrong",
                hint="set PROVGRAPH_NEO4J_USER and PROVGRAPH_NEO4J_PASSWORD",
            )
        case exceptions.ServiceUnavailable() | exceptions.SessionExpired() | OSError():
            return _unreachable(_root(error), uri)
        case exceptions.UnsupportedServerProduct():
            return StoreError(f"{uri}: no Neo4j answers there", hint="look at the URI")
        case exceptions.ConfigurationError():
            return StoreError(f"{uri}: {text}", hint="look at [store] in provgraph.toml")
    if "TransactionTimedOut" in code:
        return BudgetExceeded(
            "the question takes longer than it may", hint="narrow it, or raise `--timeout`"
        )
    if isinstance(error, exceptions.Neo4jError) and is_read_only(error):
        return WriteRefused(f"{uri}: the database cannot be written", hint=LATER)
    if code == "Neo.ClientError.Security.CredentialsExpired":
        return StoreError(
            f"{uri}: the password has expired",
            hint="set another in Neo4j's browser or cypher-shell, with `:use system` and"
            " `ALTER CURRENT USER SET PASSWORD FROM 'old' TO 'new'`",
        )
    if code == "Neo.ClientError.Database.DatabaseNotFound":
        return StoreError(
            f"{uri}: there is no such database: {text}",
            hint="look at `database` in [store] of provgraph.toml",
        )
    if "MemoryPoolOutOfMemory" in code:
        return StoreError(
            f"{uri}: the server has too little memory for it: {text}",
            hint="give it more; `provgraph neo4j start --heap` does, for one of one's own",
        )
    if code == UNAVAILABLE:
        return StoreError(f"{uri}: the database is not available: {text}", hint=LATER)
    return StoreError(f"{uri}: {text}")


def _unreachable(root: BaseException, uri: str) -> StoreError:
    """
    >>> print(_unreachable(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"), "neo4j+s://db"))
    neo4j+s://db: no encrypted connection comes about there: [SSL: WRONG_VERSION_NUMBER]
      hint: `neo4j://` connects without encryption, which sends the password as it is
    >>> print(_unreachable(ssl.SSLCertVerificationError(1, "self-signed certificate"), "bolt+s://db"))
    bolt+s://db: the server's certificate is not trusted: self-signed certificate
      hint: `bolt+ssc://` takes any certificate, whoever signed it
    """
    scheme = uri.partition("+")[0]
    text = _text(root)
    match root:
        case ssl.SSLCertVerificationError():
            return StoreError(
                f"{uri}: the server's certificate is not trusted: {text}",
                hint=f"`{scheme}+ssc://` takes any certificate, whoever signed it",
            )
        case ssl.SSLError():
            return StoreError(
                f"{uri}: no encrypted connection comes about there: {text}",
                hint=f"`{scheme}://` connects without encryption, which sends the password as it is",
            )
        case socket.gaierror():
            return StoreError(
                f"{uri}: the host is not found: {text}", hint=f"look at the URI; {LATER}"
            )
    return StoreError(f"{uri}: nothing answers there: {text}", hint=LATER)


def _root(error: BaseException) -> BaseException:
    """What the driver's error came from: it wraps what the system said, each time in more words."""
    while True:
        inner = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error.__cause__
        if inner is None:
            return error
        error = inner


def _text(error: BaseException) -> str:
    """
    >>> _text(OSError(111, "Connection refused")), _text(TimeoutError())
    ('Connection refused', 'TimeoutError')
    """
    plain = error.strerror if isinstance(error, OSError) else getattr(error, "message", None)
    return " ".join(str(plain or error or "").split()) or type(error).__name__
