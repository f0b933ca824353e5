"""Graphs that are large, hostile or going away, in a real browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect
from web.conftest import Explorer, Windows, served
from web.looking import again, boxes, cards, drawn, folds, open_by, overlapping, redrawn, settled
from web.recorded import SCRIPT, Layered, fan, hostile, id_of, ladder, project_of, provgraph

from provgraph.graph import open as open_graph
from provgraph.model.elements import Batch

TOKEN = "a token of the test's"


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    with served(project_of(tmp_path_factory.mktemp("wide") / "p", fan(1500))) as explorer:
        yield explorer


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Explorer, str]]:
    """A graph of 100,000 nodes, and the last version in it."""
    graph = Layered(100_000)
    folder = project_of(tmp_path_factory.mktemp("large") / "p", *graph.batches())
    with served(folder) as explorer:
        yield explorer, graph.projects[0].recent[-1]


def test_a_big_fan_is_folded_and_comes_a_few_at_a_time(wide: Explorer, windows: Windows) -> None:
    window = windows.open(wide.view("/graph/s1"))
    page = window.page
    drawn(page)
    assert (len(cards(page)), folds(page)) == (2, ["1,500 datasets"])
    window.picture("fan")
    open_by(
        page,
        page.evaluate("document.querySelector('.canvas')._cyreg.cy.$('[kind = \"fold\"]').id()"),
    )
    assert (len(cards(page)), folds(page)) == (22, ["1,480 datasets"])
    assert overlapping(boxes(page)) == []
    window.picture("fan-opened")


def test_no_more_than_a_thousand_are_drawn(wide: Explorer, windows: Windows) -> None:
    many = ",".join(id_of(n) for n in range(1200))
    page = windows.open(wide.view(f"/graph?ids={many}")).page
    drawn(page)
    assert len(cards(page)) == 1000
    said = page.evaluate(
        """async () => {
          const { Picture } = await import("/static/graph/picture.js");
          const picture = await Picture.around("s1");
          const [fold] = picture.folds.keys();
          try {
            while (picture.folds.has(fold)) await picture.more(fold);
          } catch (failed) {
            return [picture.nodes.size, failed.message];
          }
        }"""
    )
    assert said[0] <= 1000
    assert "1,000 nodes" in said[1]


def test_a_deep_lineage_is_drawn_whole(tmp_path: Path, windows: Windows) -> None:
    """Hundreds of layers, with lines that pass through most of them."""
    rungs = 499
    many = ",".join([id_of(0), *(id for n in range(1, rungs + 1) for id in (f"s{n}", id_of(n)))])
    with served(project_of(tmp_path / "p", ladder(rungs))) as explorer:
        page = windows.open(explorer.view(f"/graph?ids={many}")).page
        page.wait_for_selector(".canvas[data-drawn]", state="attached", timeout=120_000)
        places = cards(page)
        assert len(places) == 2 * rungs + 1
        across = [places[id_of(n)]["x"] for n in range(rungs + 1)]
        assert across == sorted(across)
        assert overlapping(boxes(page)) == []


def test_a_hundred_thousand_nodes_are_explored_step_by_step(
    large: tuple[Explorer, str], windows: Windows
) -> None:
    explorer, last = large
    window = windows.open(explorer.view(f"/graph/{last}"))
    page = window.page
    drawn(page)
    page.locator(".canvas").focus()
    for key in ("Enter", "ArrowLeft", "Enter", "ArrowLeft", "Enter"):
        before = again(page)
        page.keyboard.press(key)
        if key == "Enter" and page.locator("[data-act='origin']").count():
            redrawn(page, before)
        page.wait_for_load_state("networkidle")
    assert 3 < len(cards(page)) <= 1000
    assert overlapping(boxes(page)) == []
    window.picture("large")
    page.keyboard.press("/")
    page.keyboard.type("train")
    expect(page.get_by_role("option").first).to_contain_text("train.py")
    page.goto(explorer.view())
    expect(page.locator(".lead")).to_contain_text("versions")
    page.goto(explorer.view("/timeline"))
    settled(page)
    expect(page.get_by_role("button", name="Show older")).to_be_visible()


def test_every_view_of_a_hundred_thousand_nodes_is_shown(
    large: tuple[Explorer, str], windows: Windows
) -> None:
    explorer, last = large
    with open_graph(explorer.folder) as graph:
        nodes = [graph.ask(f"{label} | limit 2").rows.values for label in ("run", "step")]
        (run, other), (step, _) = [[row[0] for row in rows] for rows in nodes]
        before = graph.ask("version | limit 1").rows.values[0][0]
        question = f'version "{graph.store.nodes([last])[0].properties["name"]}" | lineage'
        count = len(graph.ask(question))
    assert count > 1
    shown = {
        "/": "versions",
        f"/graph/{last}": "causes",
        f"/node/{last}": "Checks",
        f"/node/{run}": "Checks",
        f"/node/{step}": "Checks",
        "/timeline": "Show older",
        f"/diff/{before}/{last}": "Differences",
        f"/diff/{run}/{other}": "Differences",
        f"/query?q={quote(question)}": f"{count:,} rows|shown, there are more",
        "/cause?bad=model%20*&good=figure%20*": "share",
        "/stale": "results",
        "/requests": "request",
        "/api": "api",
    }
    for address, words in shown.items():
        window = windows.open(explorer.view(address))
        settled(window.page)
        window.picture(f"large{address.replace('/', '-')[:20]}")
        expect(window.page.locator("main")).to_contain_text(re.compile(words, re.IGNORECASE))
        window.page.context.close()


def test_markup_in_names_and_messages_is_text(tmp_path: Path, windows: Windows) -> None:
    version, step = id_of(1), "s1"
    addresses = ["/", f"/graph/{version}", f"/node/{version}", f"/node/{step}", "/node/r1"]
    addresses += ["/node/c1", "/timeline", "/query?q=step", f"/graph/{version}?x=o.{step}"]
    with served(project_of(tmp_path / "p", hostile())) as explorer:
        for address in addresses:
            page = windows.open(explorer.view(address)).page
            settled(page)
            if "/graph" in address:
                page.get_by_role("button", name="List").click()
            expect(page.locator("main")).to_contain_text("onerror")
            assert page.locator("img[onerror], main script, img[src=x]").count() == 0, address
            assert page.title() != "broken"
            page.keyboard.press("/")
            page.keyboard.type("onerror")
            expect(page.get_by_role("option").first).to_contain_text("onerror")
            page.context.close()
        page = windows.open(explorer.view(f"/node/{version}")).page
        expect(page.locator(".notice.warn").first).to_contain_text("may miss something")
        commit = windows.open(explorer.view("/node/c1")).page
        expect(commit.locator(".message")).to_have_text(SCRIPT)


def test_a_store_may_go_away_and_come_back(
    demo_folder: Path, tmp_path: Path, windows: Windows
) -> None:
    folder = tmp_path / "moving"
    shutil.copytree(demo_folder, folder, symlinks=True)
    with served(folder) as explorer:
        page = windows.open(explorer.view("/timeline")).page
        settled(page)
        away = tmp_path / "away"
        folder.rename(away)
        page.get_by_role("link", name="Overview", exact=True).click()
        expect(page.locator("main h1")).to_have_text("The graph cannot be read now")
        expect(page.locator("main")).to_contain_text("no provgraph project any more")
        away.rename(folder)
        page.locator("main").get_by_role("button", name="Try again").click()
        expect(page.locator(".home h1")).to_be_visible()
        for file in (folder / ".provgraph").glob("graph.db*"):
            file.unlink()  # the journal fills it again
        page.reload()
        page.goto(explorer.view("/timeline"))
        expect(page.locator(".day li").first).to_contain_text("sh pipeline.sh")
        explorer.process.terminate()
        explorer.process.wait(20)
        page.get_by_role("link", name="Overview", exact=True).click()
        expect(page.locator("#banner")).to_contain_text("does not answer")


def test_the_token_is_asked_for_and_taken_from_the_address(
    demo_folder: Path, windows: Windows
) -> None:
    with served(demo_folder, "--token", TOKEN) as explorer:
        page = windows.open(explorer.url.split("?")[0]).page
        expect(page.locator("main h1")).to_have_text("This explorer asks for its token")
        page.get_by_label("Token").fill("a wrong one")
        page.get_by_role("button", name="Open").click()
        expect(page.locator(".wrong")).to_contain_text("that is not the token")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Open").click()
        expect(page.locator(".home h1")).to_be_visible()
        page.reload()  # a cookie stands for it
        expect(page.locator(".home h1")).to_be_visible()
        other = windows.open(f"{explorer.url.split('?')[0]}?token={TOKEN}#/timeline").page
        expect(other.locator("main h1")).to_have_text("Timeline")
        assert "token" not in other.url


def test_an_empty_project_says_what_to_do(tmp_path: Path, windows: Windows) -> None:
    with served(project_of(tmp_path / "p", Batch())) as explorer:
        page = windows.open(explorer.view()).page
        expect(page.locator(".lead")).to_contain_text("Nothing is recorded yet")
        page.goto(explorer.view("/timeline"))
        expect(page.locator(".timeline")).to_contain_text("Nothing is recorded yet")


def test_a_new_run_shows_up_without_a_restart(tmp_path: Path, windows: Windows) -> None:
    folder = project_of(tmp_path / "p", Batch())
    with served(folder) as explorer:
        page = windows.open(explorer.view("/timeline")).page
        expect(page.locator(".timeline")).to_contain_text("Nothing is recorded yet")
        provgraph(folder, "run", "--", "sh", "-c", "echo 1 > made.csv")
        page.wait_for_timeout(1100)  # what was brought in a second ago counts as fresh
        page.reload()
        expect(page.locator(".day li")).to_contain_text("made.csv")
