"""What the driver's errors mean to a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from neo4j import exceptions

from provgraph.errors import BudgetExceeded, StoreError

LATER: Final = "what is recorded stays in the journal; `provgraph sync` brings it in later"
_READ_ONLY: Final = (
    "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase",
    "Neo.ClientError.General.WriteOnReadOnlyAccessDatabase",
    "Neo.ClientError.Cluster.NotALeader",
)


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
            return StoreError(f"{uri}: not allowed: {text}", hint="ask for the right, or read only")
        case exceptions.AuthError():
            return StoreError(
                f"{uri}: user or password is wrong",
                hint="set PROVGRAPH_NEO4J_USER and PROVGRAPH_NEO4J_PASSWORD",
            )
        case exceptions.ServiceUnavailable() | exceptions.SessionExpired() | OSError():
            return StoreError(f"{uri}: nothing answers there: {text}", hint=LATER)
        case exceptions.UnsupportedServerProduct():
            return StoreError(f"{uri}: no Neo4j answers there", hint="look at the URI")
        case exceptions.ConfigurationError():
            return StoreError(f"{uri}: {text}", hint="look at [store] in provgraph.toml")
    if "TransactionTimedOut" in code:
        return BudgetExceeded(
            "the question takes longer than it may", hint="narrow it, or raise `--timeout`"
        )
    if code in _READ_ONLY:
        return StoreError(f"{uri}: the database cannot be written", hint=LATER)
    if code == "Neo.ClientError.Database.DatabaseNotFound":
        return StoreError(f"{uri}: {text}", hint="look at `database` in [store] of provgraph.toml")
    if code == "Neo.TransientError.General.DatabaseUnavailable":
        return StoreError(f"{uri}: the database is not available: {text}", hint=LATER)
    return StoreError(f"{uri}: {text}")


def _text(error: Exception) -> str:
    said = getattr(error, "message", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())
