"""Is what Python programs ask over HTTP recorded, whichever library asks it, and is a run complete whose answers were all seen?"""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from capture.objects import Objects
from capture.workspace import PYTHON, Workspace, environment

from provgraph.config import create_project
from provgraph.graph import Graph

CLIENTS = {
    "urllib": "import urllib.request\ndata = urllib.request.urlopen(url).read()",
    "pandas": "import pandas\ndata = pandas.read_csv(url).to_csv().encode()",
    "requests": (
        "import requests\n"
        "with requests.Session() as session:\n"
        "    session.head(url)\n"
        "    data = b''.join(session.get(url, stream=True).iter_content(2))"
    ),
    "urllib3": "import urllib3\ndata = urllib3.PoolManager().request('GET', url).data",
    "httpx": "import httpx\ndata = httpx.get(url, follow_redirects=True).content",
    "httpx, async": (
        "import asyncio, httpx\n"
        "async def read():\n"
        "    async with httpx.AsyncClient(follow_redirects=True) as client:\n"
        "        return (await client.get(url)).content\n"
        "data = asyncio.run(read())"
    ),
    "aiohttp": (
        "import aiohttp, asyncio\n"
        "async def read():\n"
        "    async with aiohttp.ClientSession() as session, session.get(url) as answer:\n"
        "        return await answer.read()\n"
        "data = asyncio.run(read())"
    ),
    "fsspec": "import fsspec\nwith fsspec.open(url) as file:\n    data = file.read()",
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(create_project(tmp_path / "project"), environment(), PYTHON)


def written(workspace: Workspace, text: str, url: str, *, name: str = "work.py") -> list[str]:
    (workspace.root / name).write_text(f"url = {url!r}\n{text}\n")
    return [sys.executable, name]


def alone_and_captured(workspace: Workspace, words: list[str]) -> str:
    """What a program prints, the same both times."""
    alone = subprocess.run(
        words,
        check=False,
        cwd=workspace.root,
        env=workspace.environment,
        capture_output=True,
        text=True,
    )
    captured = workspace.run(*words)
    assert captured.stdout == alone.stdout
    assert (captured.returncode, captured.stderr) == (alone.returncode, alone.stderr)
    return captured.stdout


def ask(workspace: Workspace, question: str) -> list[tuple[object, ...]]:
    workspace.records()
    with Graph.open(workspace.root) as graph:
        graph.sync()
        return [tuple(row) for row in graph.ask(question).rows.values]


def remote_inputs(workspace: Workspace, name: str = "out") -> list[tuple[object, ...]]:
    question = f'file "{name}" | lineage | where name ~ "*://**" | select name, digest, state'
    found = sorted(ask(workspace, question))
    return [row for row in found if not str(row[0]).startswith("socket:")]


@pytest.mark.parametrize("client", CLIENTS)
def test_the_url_asked_for_and_the_one_it_leads_to_are_inputs(
    workspace: Workspace, objects: Objects, client: str
) -> None:
    asked, final = objects.url(path="moved"), objects.url()
    work = CLIENTS[client] + "\nopen('out', 'wb').write(data)"
    alone_and_captured(workspace, written(workspace, work, asked))
    half = len(objects.requests) // 2
    assert objects.requests[:half] == objects.requests[half:], "capture asks for nothing itself"
    assert remote_inputs(workspace) == [(asked, None, "external"), (final, "etag:e1", "external")]
    assert workspace.ended.verdict == "complete", workspace.ended.gaps


FAILING = """
import asyncio, urllib.request, aiohttp, httpx, requests
async def ask(url):
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        answer.raise_for_status()
for way in (urllib.request.urlopen, requests.get, httpx.get, lambda url: asyncio.run(ask(url))):
    for place in (url, "http://127.0.0.1:1/"):
        try:
            print(way(place))
        except Exception as error:
            print(type(error), str(error))
"""


def test_what_is_not_there_is_no_input_and_its_errors_are_the_programs_own(
    workspace: Workspace, objects: Objects
) -> None:
    words = written(workspace, FAILING, objects.url(path="missing"))
    assert alone_and_captured(workspace, words).count("rror") >= 5
    assert ask(workspace, 'file "http://**"@all | count') == [(0,)]
    assert workspace.ended.verdict == "complete", workspace.ended.gaps


def test_a_date_of_change_tells_states_apart_where_there_is_no_etag(
    workspace: Workspace, objects: Objects
) -> None:
    url = objects.url(path="changed")
    words = written(workspace, CLIENTS["urllib"] + "\nopen('out', 'wb').write(data)", url)
    workspace.run(*words)
    assert remote_inputs(workspace) == [(url, "modified:2001-09-09T01:46:40Z", "external")]


def test_what_is_put_somewhere_is_an_output_that_another_run_reads(
    workspace: Workspace, objects: Objects
) -> None:
    (workspace.root / "in.csv").write_text("a,b\n")
    put = "import requests\nprint(requests.put(url, data=open('in.csv', 'rb')).status_code)"
    words = written(workspace, put, objects.url())
    assert alone_and_captured(workspace, words) == "200\n"
    get = CLIENTS["aiohttp"] + "\nopen('out', 'wb').write(data)"
    workspace.run(*written(workspace, get, objects.url(), name="read.py"))
    assert remote_inputs(workspace) == [(objects.url(), "etag:e2", "present")]
    assert ask(workspace, 'file "out" | lineage | where name = "in.csv" | count') == [(1,)]


def test_objects_of_s3_are_known_by_their_bucket_and_key(
    workspace: Workspace, objects: Objects
) -> None:
    signed = "AWS4-HMAC-SHA256 Credential=hunter2/20261127/us-east-1/s3/aws4_request, Signature=1"
    work = (
        "import requests\n"
        f"headers = {{'Authorization': {signed!r}}}\n"
        "data = requests.get(url, headers=headers).content\n"
        "requests.get(url + '?acl', headers=headers), requests.get(url.rpartition('/')[0], headers=headers)\n"
        "open('out', 'wb').write(data)"
    )
    workspace.run(*written(workspace, work, objects.url(path="bucket/a%20key")))
    assert remote_inputs(workspace) == [("s3://bucket/a key", "etag:e1", "external")]


OTHERWISE = {
    "a socket of its own": (
        "import socket\n"
        "own = socket.create_connection({address})\n"
        "own.send(b'GET / HTTP/1.0\\r\\n\\r\\n'), own.recv(1)"
    ),
    "another protocol": (
        "import http.client\n"
        "connection = http.client.HTTPConnection(*{address})\n"
        "connection.request('GET', '/upgrade')\n"
        "connection.getresponse()"
    ),
}


@pytest.mark.parametrize("way", OTHERWISE)
def test_what_the_same_server_says_otherwise_stays_a_gap(
    workspace: Workspace, objects: Objects, way: str
) -> None:
    work = OTHERWISE[way].format(address=objects.server_address)
    workspace.run(*written(workspace, f"{CLIENTS['urllib']}\n{work}", objects.url()))
    assert workspace.ended.gaps == [f"input over the network not seen: {objects.address}"]


WAITING = """
import time, urllib.request
while True:
    try:
        data = urllib.request.urlopen(url).read()
        break
    except OSError:
        time.sleep(0.05)
"""


def test_a_server_of_the_run_itself_is_no_input_from_elsewhere(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (workspace.root / "data").mkdir()
    (workspace.root / "data/a.csv").write_text("a")
    work = WAITING + "open('out', 'wb').write(data)"
    words = written(workspace, work, f"http://127.0.0.1:{port}/a.csv")
    serve = f"{sys.executable} -m http.server --bind 127.0.0.1 --directory data {port} 2> log &"
    done = workspace.run("sh", "-c", f"{serve}\n{' '.join(words)}\nkill $!")
    assert done.returncode == 0, done.stderr
    assert remote_inputs(workspace) == []
    assert ask(workspace, 'file "out" | lineage | where name = "data/a.csv" | count') == [(1,)]


def test_a_program_that_asks_nothing_loads_nothing_for_it(workspace: Workspace) -> None:
    code = "import sys, pandas; print('provgraph_web' in sys.modules, 'http.client' in sys.modules)"
    assert workspace.run(sys.executable, "-c", code).stdout == "False False\n"
