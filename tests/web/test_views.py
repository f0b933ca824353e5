"""Every view on the demo, in a real browser."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from web.conftest import Explorer, Windows
from web.looking import again, boxes, drawn, overlapping, redrawn, settled

from provgraph.graph import Graph

WIDTHS = ((1440, 900), (1024, 768), (390, 844))


@pytest.fixture(scope="session")
def model(graph: Graph) -> str:
    return _id(graph, "models/best.pkl")


@pytest.fixture(scope="session")
def addresses(graph: Graph, model: str) -> dict[str, str]:
    one, two = (graph.ask(f'file "models/forest.pkl"@{n}').rows.values[0][0] for n in (1, 2))
    return {
        "overview": "/",
        "picture": f"/graph/{model}",
        "model": f"/node/{model}",
        "script": f"/node/{_id(graph, 'src/train.py')}",
        "table": f"/node/{_id(graph, 'data/raw/labels.csv')}",
        "figure": f"/node/{_id(graph, 'report/figure.png')}",
        "run": f"/node/{graph.ask('run').rows.values[0][0]}",
        "timeline": "/timeline",
        "difference": f"/diff/{one}/{two}",
        "query": "/query?q=file%20report.md%20%7C%20lineage",
        "mistake": "/query?q=file%20report.md%20%7C%20linage",
        "cause": "/cause?bad=model%20*&good=figure%20*",
        "interface": "/api",
    }


VIEWS = (
    "overview",
    "picture",
    "model",
    "script",
    "table",
    "figure",
    "run",
    "timeline",
    "difference",
    "query",
    "mistake",
    "cause",
    "interface",
)


def _id(graph: Graph, name: str) -> str:
    return str(graph.ask(f'file "{name}"').rows.values[-1][0])


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_a_view_is_whole_and_accessible(
    view: str,
    width: int,
    scheme: str,
    explorer: Explorer,
    windows: Windows,
    addresses: dict[str, str],
) -> None:
    height = dict(WIDTHS)[width]
    window = windows.open(explorer.view(addresses[view]), width, height, scheme)
    page = window.page
    expect(page.locator("main h1").first).to_be_attached()
    settled(page)
    window.picture(f"{view}-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(("width", "height"), WIDTHS)
def test_no_card_lies_over_another_however_much_is_opened(
    width: int, height: int, explorer: Explorer, windows: Windows, model: str
) -> None:
    window = windows.open(explorer.view(f"/graph/{model}"), width, height)
    page = window.page
    drawn(page)
    page.locator(".canvas").focus()
    for key in ("Enter", "ArrowLeft", "Enter", "ArrowLeft", "Enter", "ArrowDown", "Enter"):
        before = again(page)
        page.keyboard.press(key)
        if key == "Enter":
            redrawn(page, before)
            page.wait_for_load_state("networkidle")
        assert overlapping(boxes(page)) == []
    page.keyboard.press("f")
    window.picture(f"opened-{width}")
    assert sum(box["kind"] == "card" for box in boxes(page)) > 8
