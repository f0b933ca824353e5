"""The explorer as people start it: a process that serves, and a browser that looks.

Screenshots go to `PROVGRAPH_SCREENSHOTS`, where that is set. Without a Chromium the browser's tests
are skipped, loudly; in CI that fails.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from web.recorded import recorded_demo

from provgraph.graph import Graph

expect.set_options(timeout=30_000)  # a busy machine may take long; none of the tests is about that

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Explorer:
    """A served project: where it is, and its graph's folder."""

    url: str
    folder: Path
    process: subprocess.Popen[str]

    def view(self, address: str = "/") -> str:
        return f"{self.url}#{address}"


@contextmanager
def served(folder: Path, *options: str) -> Iterator[Explorer]:
    """`provgraph ui` in a folder, at a free port, until the end of the block."""
    words = [sys.executable, "-m", "provgraph", "ui", "--no-open", "--port", "0", *options]
    process = subprocess.Popen(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stderr is not None
        ready, _, _ = select.select([process.stdout], [], [], 60)
        said = process.stdout.readline() if ready else ""
        found = re.search(r"http://\S+/", said)
        if found is None:
            process.kill()
            raise AssertionError((said, process.stderr.read()))
        yield Explorer(found[0], folder, process)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded_demo(tmp_path_factory.mktemp("explored") / "demo")


@pytest.fixture(scope="session")
def explorer(demo_folder: Path) -> Iterator[Explorer]:
    """The demo, captured twice with a change between, served."""
    with served(demo_folder) as explorer:
        yield explorer


@pytest.fixture(scope="session")
def graph(demo_folder: Path) -> Iterator[Graph]:
    with Graph.open(demo_folder) as graph:
        graph.sync()
        yield graph


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        pytest.skip("the explorer is looked at with Chromium: apt install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()


@dataclass
class Window:
    """A page, and what it complained of. `complaints` are console errors and uncaught exceptions;
    an answer that is an error by HTTP is noted apart, because some tests ask for one."""

    page: Page
    complaints: list[str]
    refused: list[str]

    def picture(self, name: str) -> None:
        if folder := os.environ.get("PROVGRAPH_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png")


class Windows:
    """Opens windows; at the end none may have complained."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.contexts: list[BrowserContext] = []
        self.opened: list[Window] = []

    def open(self, url: str, width: int = 1440, height: int = 900, scheme: str = "light") -> Window:
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
        )
        self.contexts.append(context)
        page = context.new_page()
        window = Window(page, [], [])
        page.on("pageerror", lambda error: window.complaints.append(str(error)))
        page.on("console", lambda message: self._said(window, message.type, message.text))
        page.set_default_timeout(60_000)
        page.goto(url)
        self.opened.append(window)
        return window

    @staticmethod
    def _said(window: Window, kind: str, text: str) -> None:
        if kind == "error" and text.startswith("Failed to load resource"):
            window.refused.append(text)
        elif kind in ("error", "warning"):
            window.complaints.append(text)


@pytest.fixture
def windows(browser: Browser) -> Iterator[Windows]:
    windows = Windows(browser)
    yield windows
    for context in windows.contexts:
        context.close()
    complaints = [said for window in windows.opened for said in window.complaints]
    assert complaints == []
