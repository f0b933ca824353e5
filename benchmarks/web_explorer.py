"""How fast is the explorer, in a browser without a graphics card?

    python benchmarks/web_explorer.py [--nodes 1000000] [--folder /tmp]

Serves the demo and a large graph, looks at both with headless Chromium, and prints what the browser's
own performance interface measured, each beside what is to be reached: the first view from navigation to
the drawn picture or list, an expansion from the click to the drawn picture, the median and the longest
frame while a mouse drags a picture of 500 cards, what is stale among the newest results, the layout of 1,000 cards in the worker with the longest pause of the
page meanwhile, and how many cards are drawn of an answer that has more. Each is of several rounds, the
least first; figures are of this machine.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layered_graph import Layered
from playwright.sync_api import Browser, Page, sync_playwright

from provgraph import demo
from provgraph.config import create_project
from provgraph.graph import Graph
from provgraph.model.vocabulary import LINEAGE_EDGES
from provgraph.query.plan import Column, Find, Identified, Limit, Project, Walk
from provgraph.store import embedded

ROUNDS = 5

FRAMES = """() => {
  const cy = document.querySelector(".canvas")._cyreg.cy;
  const seen = { frames: [], from: { ...cy.pan() }, on: true };
  let before = performance.now();
  const next = () => {
    const now = performance.now();
    seen.frames.push(now - before);
    before = now;
    if (seen.on) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
  window.ended = () => {
    seen.on = false;
    const { x, y } = cy.pan();
    return { frames: seen.frames.slice(2), moved: Math.hypot(x - seen.from.x, y - seen.from.y) };
  };
}"""

LAYOUT = """async (count) => {
  const { place } = await import("/static/graph/layout.js");
  let seed = 7;
  const random = () => ((seed = (seed * 16807) % 2147483647) / 2147483647);
  const nodes = Array.from({ length: count }, (_, i) => ({ id: `n${i}`, width: 196, height: 50 }));
  const edges = [];
  for (let i = 1; i < count; i += 1) {
    for (let k = 0; k < (i % 3 ? 1 : 2); k += 1) {
      const from = Math.max(0, i - 1 - Math.floor(random() * 40));
      edges.push({ id: `${from} ${i} ${k}`, source: `n${from}`, target: `n${i}` });
    }
  }
  await place(nodes.slice(0, 2), []);
  const began = performance.now();
  let longest = 0;
  let last = began;
  let done = false;
  const watch = () => { const now = performance.now(); longest = Math.max(longest, now - last); last = now; if (!done) setTimeout(watch, 0); };
  watch();
  const found = await place(nodes, edges);
  done = true;
  return { whole: performance.now() - began, worker: found.milliseconds, longest };
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as name, sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        folder = Path(name)
        small, model = recorded_demo(folder / "demo")
        with served(small) as url:
            first_views(browser, "the demo", url, model, "under 1,000 ms")
        large, version = layered(folder / "large", asked.nodes)
        with served(large) as url:
            first_views(browser, f"{asked.nodes:,} nodes", url, version, "under 2,000 ms")
            expansions(browser, url, version)
            pan(browser, url, large, version)
            drawn_at_most(browser, url, large, version)
            layout(browser, url)
            staleness(browser, url)
        browser.close()


def show(what: str, figure: str, to_reach: str = "") -> None:
    print(f"{what:58} {figure:28} {to_reach}".rstrip(), flush=True)


def recorded_demo(folder: Path) -> tuple[Path, str]:
    demo.prepare(folder)
    for words in (("run", "--", *demo.PIPELINE), ("ingest", "git")):
        subprocess.run(
            [sys.executable, "-m", "provgraph", *words],
            cwd=folder,
            env=demo.environment(),
            check=True,
            capture_output=True,
        )
    with Graph.open(folder) as graph:
        return folder, str(graph.ask('file "models/best.pkl"').rows.values[0][0])


def layered(folder: Path, nodes: int) -> tuple[Path, str]:
    """A project with the large graph, and the last version of its first project."""
    folder.mkdir()
    project = create_project(folder)
    graph = Layered(nodes)
    with embedded.open(project.database) as store:
        for batch in graph.batches():
            store.apply(batch)
    return folder, graph.projects[0].recent[-1]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "provgraph", "ui", "--no-open", "--port", "0"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+/", process.stdout.readline())
        assert found is not None
        yield found[0]
    finally:
        process.terminate()
        process.wait()


@contextmanager
def window(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


def drawn(page: Page) -> float:
    """Milliseconds from navigation until the picture was drawn."""
    page.wait_for_selector(".canvas[data-drawn]", state="attached", timeout=60_000)
    return float(page.evaluate("performance.getEntriesByName('drawn')[0].startTime"))


def first_views(browser: Browser, what: str, url: str, id: str, to_reach: str) -> None:
    pictures, overviews = [], []
    for _ in range(ROUNDS):
        with window(browser, f"{url}#/graph/{id}") as page:
            pictures.append(drawn(page))
        with window(browser, url) as page:
            page.wait_for_selector(".home", timeout=60_000)
            overviews.append(float(page.evaluate("performance.now()")))
    show(f"first picture, {what}: least, median", figures(pictures), to_reach)
    show(f"overview, {what}: least, median", figures(overviews), to_reach)


def expansions(browser: Browser, url: str, id: str) -> None:
    steps = []
    with window(browser, f"{url}#/graph/{id}") as page:
        drawn(page)
        page.locator(".canvas").focus()
        for _ in range(8):
            before = page.evaluate("performance.getEntriesByName('step').length")
            page.keyboard.press("ArrowLeft")
            page.keyboard.press("Enter")
            page.wait_for_function(
                "(n) => performance.getEntriesByName('step').length > n", arg=before
            )
            page.wait_for_timeout(400)
        steps = page.evaluate("performance.getEntriesByName('step').map((one) => one.duration)")
    words = f"a step on, {len(steps)} of them: least, median, most"
    show(words, figures(steps, most=True), "under 200 ms")


def lineage(folder: Path, id: str, nodes: int) -> str:
    """The ids of the nearest so many nodes that a version was made from."""
    with Graph.open(folder) as graph:
        whole = Walk(Find("Version", name=Identified((id,))), "origin", LINEAGE_EDGES)
        rows = graph.answer(Project(Limit(whole, nodes), (Column("id", "id"),))).values
    assert len(rows) == nodes, "the lineage is too small"
    return ",".join(row[0] for row in rows)


def drawn_at_most(browser: Browser, url: str, folder: Path, id: str, nodes: int = 1200) -> None:
    with window(browser, f"{url}#/graph?ids={lineage(folder, id, nodes)}") as page:
        took = drawn(page)
        found = page.evaluate(
            "document.querySelector('.canvas')._cyreg.cy.nodes('[kind = \"card\"]').length"
        )
    show(f"cards drawn of an answer of {nodes:,}", f"{found:,}", "at most 1,000")
    show("  from navigation to their picture", figures([took]))


def pan(browser: Browser, url: str, folder: Path, id: str, cards: int = 500) -> None:
    with window(browser, f"{url}#/graph?ids={lineage(folder, id, cards)}") as page:
        drawn(page)
        for words, zoom in (("as it opens", None), ("all of it in sight", "f")):
            if zoom:
                page.locator(".canvas").focus()
                page.keyboard.press(zoom)
            frames = dragged(page)
            what = f"a frame of a pan, {cards} drawn, {words}: median, most"
            show(what, spread(frames), "under 60 ms")


def dragged(page: Page) -> list[float]:
    """The milliseconds of the frames while a mouse drags the picture about."""
    box = page.locator(".canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.wait_for_timeout(500)
    page.mouse.down()
    page.evaluate(FRAMES)
    for n in range(1, 61):
        page.mouse.move(x + 6 * n, y + 9 * (n % 20 - 10))
    found = page.evaluate("ended()")
    page.mouse.up()
    assert found["moved"] > 300, "the picture was not dragged"
    return list(found["frames"])


def staleness(browser: Browser, url: str) -> None:
    with window(browser, f"{url}#/stale") as page:
        page.wait_for_selector(".stale-list > li, .answer .notice", timeout=60_000)
        took = float(page.evaluate("performance.now()"))
        said = page.locator(".answer > div").inner_text().splitlines()[0]
    show("the page of what is stale, from navigation", figures([took]), "under 2,000 ms")
    show(f"  {said[:70]}", "")


def layout(browser: Browser, url: str, cards: int = 1000) -> None:
    with window(browser, url) as page:
        page.wait_for_selector(".home")
        found = [page.evaluate(LAYOUT, cards) for _ in range(ROUNDS)]
    whole = figures([f["whole"] for f in found])
    show(f"layout of {cards} cards, as the page sees it", whole, "under 1,000 ms")
    show("  longest pause of the page meanwhile", figures([f["longest"] for f in found]))


def figures(milliseconds: list[float], *, most: bool = False) -> str:
    shown = [min(milliseconds), statistics.median(milliseconds)]
    return ", ".join(f"{one:.0f} ms" for one in [*shown, *([max(milliseconds)] if most else [])])


def spread(milliseconds: list[float]) -> str:
    return f"{statistics.median(milliseconds):.0f} ms, {max(milliseconds):.0f} ms"


if __name__ == "__main__":
    main()
