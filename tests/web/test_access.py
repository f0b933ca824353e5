"""Who may ask the explorer, and what it tells whom."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from manual.pages import Desk, left_to
from web.conftest import Explorer, served

TOKEN = "a token of the test's"
CSRF = "x-csrf-token"


@pytest.fixture(scope="module")
def guarded(demo_folder: Path) -> Iterator[Explorer]:
    with served(demo_folder, "--token", TOKEN) as explorer:
        yield explorer


def word(explorer: Explorer) -> dict[str, str]:
    return {CSRF: httpx.get(f"{explorer.url}api/session").json()["csrf"]}


def kind(answer: httpx.Response) -> str:
    found = answer.json()["error"]["kind"]
    assert isinstance(found, str)
    return found


def test_a_name_that_only_leads_here_is_refused(explorer: Explorer) -> None:
    answer = httpx.get(f"{explorer.url}api/home", headers={"host": "evil.example"})
    assert (answer.status_code, kind(answer)) == (421, "refused")


def test_a_call_without_the_word_is_refused(explorer: Explorer) -> None:
    asked = {"text": "run"}
    without = httpx.post(f"{explorer.url}api/query", json=asked)
    wrong = httpx.post(f"{explorer.url}api/query", json=asked, headers={CSRF: "guessed"})
    right = httpx.post(f"{explorer.url}api/query", json=asked, headers=word(explorer))
    assert [a.status_code for a in (without, wrong, right)] == [403, 403, 200]


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_call_from_another_page_is_refused_even_with_the_word(
    explorer: Explorer, headers: dict[str, str]
) -> None:
    answer = httpx.post(f"{explorer.url}api/sync", headers=word(explorer) | headers)
    assert (answer.status_code, kind(answer)) == (403, "refused")


def test_the_page_may_run_nothing_that_is_not_its_own(explorer: Explorer) -> None:
    policy = httpx.get(explorer.url).headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_without_the_token_nothing_of_the_project_is_told(guarded: Explorer) -> None:
    session = httpx.get(f"{guarded.url}api/session").json()
    assert (session["asks_token"], session["csrf"], session["project"]) == (True, "", "")
    for path in ("api/home", "api/search?q=best", "openapi.json", "api/nodes/x/preview"):
        assert httpx.get(guarded.url + path).status_code == 401, path


def test_a_wrong_token_opens_nothing(guarded: Explorer) -> None:
    answer = httpx.post(f"{guarded.url}api/session", json={"token": "wrong"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    headers = {"authorization": "Bearer wrong"}
    assert httpx.get(f"{guarded.url}api/home", headers=headers).status_code == 401


def test_the_token_opens_it_as_a_cookie_and_as_a_bearer(guarded: Explorer) -> None:
    with httpx.Client(base_url=guarded.url) as client:
        answer = client.post("api/session", json={"token": TOKEN})
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert client.get("api/home").status_code == 200
        assert client.post("api/sync").status_code == 403  # a cookie is no word
        assert client.post("api/sync", headers={CSRF: answer.json()["csrf"]}).status_code == 200
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert httpx.post(f"{guarded.url}api/sync", headers=bearer).status_code == 200


def test_tokens_cannot_be_tried_for_long(demo_folder: Path) -> None:
    with served(demo_folder, "--token", TOKEN) as explorer:
        codes = [
            httpx.post(f"{explorer.url}api/session", json={"token": f"guess {n}"}).status_code
            for n in range(15)
        ]
    assert codes[0] == 401
    assert codes[-1] == 429


def test_a_body_has_a_largest_size(explorer: Explorer) -> None:
    large = {"text": "x" * 300_000}
    answer = httpx.post(f"{explorer.url}api/query", json=large, headers=word(explorer))
    assert answer.status_code == 413

    def pieces() -> Iterator[bytes]:  # of a length that is not stated
        for _ in range(300):
            yield b"x" * 1000

    headers = word(explorer) | {"content-type": "application/json"}
    answer = httpx.post(f"{explorer.url}api/query", content=pieces(), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "static/../app.py",
        "static/%2e%2e/app.py",
        "static/..%2f..%2fgraph.py",
        "static/vendor/..%2f..%2fapp.py",
        "static//etc/passwd",
    ],
)
def test_no_path_leaves_the_pages_folder(explorer: Explorer, path: str) -> None:
    with httpx.Client() as client:
        request = client.build_request("GET", explorer.url)
        request.url = request.url.copy_with(raw_path=f"/{path}".encode())
        assert client.send(request).status_code == 404


def test_every_error_has_one_shape(explorer: Explorer) -> None:
    asked = ("api/nodes/vmissing", "api/nothing", "api/search", "api/timeline?before=soon")
    found = {path: httpx.get(explorer.url + path) for path in asked}
    assert {path: a.status_code for path, a in found.items()} == {
        "api/nodes/vmissing": 404,
        "api/nothing": 404,
        "api/search": 422,
        "api/timeline?before=soon": 400,
    }
    assert all(answer.json()["error"]["message"] for answer in found.values())


@contextmanager
def typed_until_interrupted(desk: Desk, commands: str) -> Iterator[str]:
    """Commands of which the last serves; the address that it prints. Ctrl-C ends it."""
    process = subprocess.Popen(
        ["bash", "-e", "-c", commands],
        cwd=desk.folder,
        env=desk.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        while not (found := re.search(r"http://\S+", said)):
            line = process.stdout.readline()
            assert line, said
            said += line
        assert "WARNING" not in said  # an extra that there is not
        yield found[0]
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode in (0, 130, -signal.SIGINT)


def test_the_manuals_page_can_be_followed(
    demo_folder: Path, guarded: Explorer, tmp_path: Path
) -> None:
    alone, for_others, asked = left_to(__file__, "docs/explorer.md")
    desk = Desk(tmp_path, demo_folder)
    with typed_until_interrupted(desk, alone) as url:
        assert httpx.get(f"{url}api/session").json()["project"]
    with typed_until_interrupted(desk, for_others) as url:
        here = re.sub(r"//[^:/]+", "//127.0.0.1", url.partition("?")[0])
        for name, code in (("lab7.example.org", 200), ("another.example.org", 421)):
            answer = httpx.get(f"{here}api/session", headers={"host": name})
            assert answer.status_code == code
        assert httpx.get(f"{here}api/home").status_code == 401
        token = {"authorization": f"Bearer {url.partition('token=')[2]}"}
        assert httpx.get(f"{here}api/home", headers=token).status_code == 200
    desk.environment["TOKEN"] = TOKEN
    status, seen = desk.type(asked.replace("http://127.0.0.1:7471/", guarded.url.split("?")[0]))
    assert status == 0, seen
    assert '"hits":[' in seen
