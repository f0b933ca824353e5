"""Is the manual built without a warning, and does it load and name only what is there?"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import click
import jsonschema
import pytest
from manual.conftest import DOCS

from provgraph.cli.application import root
from provgraph.cli.documents import DOCUMENTS
from provgraph.cli.teaching import examples, leaves

ROOT = DOCS.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built strictly: a link or an anchor that leads nowhere is an error."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


class Page(HTMLParser):
    """What a page loads, where it leads, and pictures that say nothing to who cannot see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.mute: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "a" and known.get("href"):
            self.links.append(known["href"] or "")
        elif tag in ("script", "img") and known.get("src"):
            self.loaded.append(known["src"] or "")
        elif tag == "link" and known.get("rel") in ("stylesheet", "preload", "icon"):
            self.loaded.append(known["href"] or "")
        if tag == "img" and not known.get("alt"):
            self.mute.append(known.get("src") or "")
        if known.get("class") == "picture" and not known.get("aria-labelledby"):
            self.mute.append("a picture")


def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text("utf-8")) for path in site.rglob("*.html")}


def test_a_page_loads_nothing_from_elsewhere(site: Path) -> None:
    found = {(path.name, name) for path, page in pages(site).items() for name in page.loaded}
    assert found
    assert {each for each in found if urlsplit(each[1]).netloc} == set()


def test_links_to_elsewhere_are_whole_addresses(site: Path) -> None:
    links = {link for page in pages(site).values() for link in page.links if "://" in link}
    assert len(links) > 20
    for link in links:
        parts = urlsplit(link)
        assert parts.scheme == "https" or parts.hostname in ("127.0.0.1", "localhost"), link
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+|localhost", parts.hostname or ""), link
        assert not re.search(r"[\s<>\"]", link), link


def test_every_picture_is_told_in_words(site: Path) -> None:
    assert {name for page in pages(site).values() for name in page.mute} == set()
    assert "aria-labelledby" in (site / "index.html").read_text("utf-8")


def test_every_page_is_in_the_navigation(site: Path) -> None:
    links = pages(site)[site / "index.html"].links
    reached = {(site / link.partition("#")[0]).resolve() for link in links}
    written = {path.resolve() for path in site.rglob("*.html") if path.name != "404.html"}
    assert written - reached == set()


def test_the_reference_has_every_command_with_its_examples(site: Path) -> None:
    text = (site / "reference" / "cli.html").read_text("utf-8")
    shown = set(unescape(re.sub(r"<[^>]+>", "", text)).splitlines())
    for words, command in leaves(root, click.Context(root)):
        assert f'id="provgraph-{words.replace(" ", "-")}"' in text
        assert set(examples(command)) <= shown
    schema = json.loads((site / "reference" / "json-schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == set(DOCUMENTS)
