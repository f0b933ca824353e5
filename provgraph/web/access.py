"""Who may ask? Hosts, tokens, and the word that goes with every call that changes something.

A page of another origin can send requests here but not read our answers: it cannot learn the word
(`csrf`), so none of its calls changes anything. Names that only resolve to this machine are refused
by the Host header, so that such a page cannot become one of ours by rebinding its name. Where a
token is asked for, it comes as `Authorization: Bearer`, or as a cookie that `POST /api/session` sets.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from provgraph.errors import ProvgraphError

CSRF_HEADER: Final = "x-csrf-token"
LOCAL: Final = frozenset(("127.0.0.1", "localhost", "::1"))
_SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))


class Refused(ProvgraphError):
    """A call that may not be made; `status` is HTTP's."""

    def __init__(self, status: int, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(frozen=True)
class Access:
    """`hosts` are the names that the explorer answers to, in any port. Without a `token` whoever
    reaches the port may ask."""

    hosts: frozenset[str] = LOCAL
    token: str | None = None
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    cookie: str = "provgraph"

    @property
    def is_own(self) -> bool:
        """Whether only who runs the explorer can ask it: this machine alone, and with a token."""
        return self.token is not None and self.hosts <= LOCAL

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Raises `Refused` for a Host header of another name."""
        if name_of(headers.get("host", "")) not in self.hosts:
            raise Refused(
                421, "this is not a name of the explorer's", hint="`provgraph ui --host NAME`"
            )

    def check(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Raises `Refused` where the call lacks the token or, changing something, the word."""
        if method not in _SAFE:
            self.check_origin(headers)
        if path == "/api/session":
            return  # says whether a token is asked for, and takes it
        bearer = self.is_token(_bearer(headers))
        if self.token is not None and not bearer and not self.is_token(self._cookie(headers)):
            raise Refused(401, "the explorer asks for its token", hint="`provgraph ui` printed it")
        if method not in _SAFE and not bearer and not self._has_word(headers):
            raise Refused(
                403,
                f"the header {CSRF_HEADER} is missing or wrong",
                hint="GET /api/session tells it",
            )

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """Raises `Refused` for a call that a page of another origin makes."""
        site = headers.get("sec-fetch-site", "none")
        origin = headers.get("origin")
        same = origin is None or urlsplit(origin).netloc == headers.get("host")
        if site not in ("same-origin", "none") or not same:
            raise Refused(403, "the call comes from another page")

    def is_token(self, given: str | None) -> bool:
        if self.token is None or not given:
            return False
        return secrets.compare_digest(given.encode(), self.token.encode())

    def is_known(self, headers: Mapping[str, str]) -> bool:
        """Whether the caller has shown the token, or need not."""
        return (
            self.token is None
            or self.is_token(_bearer(headers))
            or self.is_token(self._cookie(headers))
        )

    def _has_word(self, headers: Mapping[str, str]) -> bool:
        return secrets.compare_digest(headers.get(CSRF_HEADER, "").encode(), self.csrf.encode())

    def _cookie(self, headers: Mapping[str, str]) -> str | None:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return None
        return found.value if found else None


def _bearer(headers: Mapping[str, str]) -> str | None:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else None


def name_of(host: str) -> str:
    """The name in a Host header.

    >>> name_of("localhost:7471"), name_of("[::1]:80"), name_of("Example.org")
    ('localhost', '::1', 'example.org')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()
