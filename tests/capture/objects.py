"""A server of one object over HTTP, at whatever path it is asked for, with an ETag that changes with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Objects(ThreadingHTTPServer):
    """Counts the requests. `moved` leads to the object, `missing` is not there, `changed` has no ETag but an old date, and
    `upgrade` leads to another protocol."""

    def __init__(self) -> None:
        self.content, self.etag = b"first", "e1"
        self.requests: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def url(self, user: str = "", query: str = "", path: str = "raw/data.csv") -> str:
        return f"http://{user}{self.address}/{path}{query}"


class Handler(BaseHTTPRequestHandler):
    server: Objects
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.server.requests.append(self.command)
        size = len(self.server.content)
        match self.path.rpartition("/")[2]:
            case "moved":
                self.answer(302, 0, Location="/raw/data.csv")
            case "missing":
                self.answer(404, 0)
            case "upgrade":
                self.answer(101, 0, Connection="upgrade", Upgrade="websocket")
            case "changed":
                self.answer(200, size, **{"Last-Modified": "Sun, 09 Sep 2001 01:46:40 GMT"})
            case _:
                self.answer(200, size, ETag=f'"{self.server.etag}"')

    def do_GET(self) -> None:
        self.do_HEAD()
        if self.path.rpartition("/")[2] not in ("moved", "missing", "upgrade"):
            self.wfile.write(self.server.content)

    def do_PUT(self) -> None:
        self.server.requests.append(self.command)
        self.server.content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.etag = "e2"
        self.answer(200, 0, ETag='"e2"')

    def answer(self, status: int, size: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 101:
            self.send_header("Content-Length", str(size))
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def objects() -> Iterator[Objects]:
    with Objects() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
