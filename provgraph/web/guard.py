"""What stands before every request: the host, the rate, the token, the size; and what every answer
carries. Plain ASGI: nothing is read that is refused."""

from __future__ import annotations

import math
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from provgraph.web.access import Access, Refused
from provgraph.web.faults import refusal
from provgraph.web.limits import BODY, CALLS, Limiter

POLICY: Final = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; font-src 'self';"
    " img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """ASGI middleware. What is under `/api` and the description of it are for whom `access` lets
    in; the page's own files hold nothing of a project and are for everyone."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access
        self.calls = Limiter(CALLS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        send = _with_headers(send)
        headers = Headers(scope=scope)
        try:
            self.access.check_host(headers)
            if not scope["path"].startswith("/static/"):
                self._check_rate(scope)
            if scope["path"].startswith("/api") or scope["path"] == "/openapi.json":
                self.access.check(scope["method"], scope["path"], headers)
            _check_length(headers)
            receive = receive if scope["method"] in ("GET", "HEAD") else await _read(receive)
            await self.app(scope, receive, send)
        except Refused as refused:
            await refusal(refused)(scope, receive, send)

    def _check_rate(self, scope: Scope) -> None:
        client = scope.get("client") or ("", 0)
        if wait := self.calls.wait(client[0]):
            raise Refused(429, "too many calls", hint=f"again in {math.ceil(wait)} s")


def _check_length(headers: Headers) -> None:
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > BODY:
        raise Refused(413, f"a body has at most {BODY:,} bytes")


async def _read(receive: Receive) -> Receive:
    """The body, read whole: one without a stated length is counted as it comes."""
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
        if sum(map(len, parts)) > BODY:
            raise Refused(413, f"a body has at most {BODY:,} bytes")
    whole: Message | None = {"type": "http.request", "body": b"".join(parts), "more_body": False}

    async def again() -> Message:
        nonlocal whole
        message, whole = whole, None
        return await receive() if message is None else message

    return again


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-cache" if "etag" in headers else "no-store")
        await send(message)

    return sent
