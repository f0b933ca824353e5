"""`provgraph ui`: look at the graph in a browser."""

from __future__ import annotations

import secrets
import socket
import sys
from typing import TYPE_CHECKING

import click

from provgraph.cli.output import json_option, note, write_json
from provgraph.cli.progress import progress
from provgraph.errors import ProvgraphError, UsageError
from provgraph.graph import Graph

if TYPE_CHECKING:
    from provgraph.web.access import Access

PORT = 7471


@click.command(name="ui")
@click.option("--port", type=click.IntRange(0, 65535), help=f"{PORT}, or a free one, by default.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--name", "names", multiple=True, help="Another name that browsers know it by.")
@click.option("--token", help="What callers must know; made up where others can reach the port.")
@click.option("--open/--no-open", "browse", default=True, help="Open a browser, if there is one.")
@json_option
def command(
    port: int | None,
    host: str,
    names: tuple[str, ...],
    token: str | None,
    browse: bool,
    as_json: bool,
) -> int:
    """Show the graph in a browser: search, lineage and impact step by step, differences, queries.

    Only programs on this machine reach it, unless --host says otherwise; then it asks for a token.

    \b
      provgraph ui
      provgraph ui --no-open --port 8000
      provgraph ui --host 0.0.0.0 --name lab7.example.org
    """
    with Graph.open() as graph, progress("segments") as told:
        root = graph.project.root
        for problem in graph.sync(told).problems:
            note(problem)
    _serve(root, _access(host, names, token), host, port, browse, as_json)
    return 0


def _access(host: str, names: tuple[str, ...], token: str | None) -> Access:
    try:
        from provgraph.web.access import LOCAL, Access
    except ImportError as error:  # pragma: no cover
        raise _missing() from error
    own = {host.lower(), *(name.lower() for name in names)}
    if host in ("0.0.0.0", "::"):
        own |= {socket.gethostname().lower(), socket.getfqdn().lower(), *_addresses()}
    if token is not None and len(token) < 8:
        raise UsageError("the token is too short", hint="8 characters at least, or leave it out")
    if token is None and host.lower() not in LOCAL:
        token = secrets.token_urlsafe(24)
    return Access(hosts=LOCAL | own, token=token)


def _addresses() -> set[str]:
    try:
        found = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return set()
    return {str(address[0]) for *_, address in found}


def _serve(
    root: object, access: Access, host: str, port: int | None, browse: bool, as_json: bool
) -> None:
    from dataclasses import replace
    from pathlib import Path

    try:
        import uvicorn

        from provgraph.web import app
    except ImportError as error:
        raise _missing() from error

    listening = _listen(host, port)
    number = listening.getsockname()[1]
    access = replace(access, cookie=f"provgraph-{number}")
    url = _url(host, number, access.token)
    config = uvicorn.Config(
        app.create(Path(str(root)), access),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    if as_json:
        write_json({"url": url})
    else:
        click.echo(f"provgraph is at {url}  (Ctrl-C ends it)")
    sys.stdout.flush()
    if browse:
        _browse(url)
    uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket at the port; without one, at the usual or a free one."""
    for number in (PORT, 0) if port is None else (port,):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # asyncio sends small answers at once (TCP_NODELAY) where the protocol is said to be TCP.
        found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, number))
        except OSError as error:
            found.close()
            problem = error
        else:
            found.listen(128)
            return found
    raise ProvgraphError(
        f"nothing can listen at {host}:{port or PORT}: {problem.strerror}",
        hint="another `--port`, or `--port 0` for a free one",
    )


def _url(host: str, port: int, token: str | None) -> str:
    """
    >>> _url("127.0.0.1", 7471, None), _url("::1", 80, "t")
    ('http://127.0.0.1:7471/', 'http://[::1]:80/?token=t')
    """
    name = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{port}/" + (f"?token={token}" if token else "")


def _browse(url: str) -> None:
    import os
    import webbrowser

    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER"):
        webbrowser.open(url)


def _missing() -> ProvgraphError:
    return ProvgraphError(
        "the web explorer needs FastAPI, uvicorn and Pygments",
        hint='pip install "provgraph[web]"',
    )
