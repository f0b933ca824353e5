"""Every view on the demo, in a real browser."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from web.conftest import Explorer, Windows
from web.looking import (
    again,
    boxes,
    drawn,
    overlapping,
    redrawn,
    settled,
    texts_over_another,
)

from provgraph.graph import Graph

WIDTHS = ((1440, 900), (1024, 768), (390, 844))
EXAMINED = ((1440, "light"), (390, "dark"))
"""Where axe looks at a view: each scheme once."""


@pytest.fixture(scope="session")
def model(graph: Graph) -> str:
    return _id(graph, "models/best.pkl")


@pytest.fixture(scope="session")
def addresses(graph: Graph, model: str) -> dict[str, str]:
    one, two = (graph.ask(f'file "models/forest.pkl"@{n}').rows.values[0][0] for n in (1, 2))
    run, other = (row[0] for row in graph.ask("run").rows.values)
    made_by = graph.store.edges([model], ("GENERATED_BY",))[0].target
    return {
        "overview": "/",
        "picture": f"/graph/{model}",
        "model": f"/node/{model}",
        "script": f"/node/{_id(graph, 'src/train.py')}",
        "table": f"/node/{_id(graph, 'data/raw/labels.csv')}",
        "figure": f"/node/{_id(graph, 'report/figure.png')}",
        "run": f"/node/{run}",
        "step": f"/node/{made_by}",
        "commit": f"/node/{graph.ask('commit').rows.values[0][0]}",
        "environment": f"/node/{graph.ask('environment').rows.values[0][0]}",
        "timeline": "/timeline",
        "difference": f"/diff/{one}/{two}",
        "difference-of-runs": f"/diff/{run}/{other}",
        "query": "/query?q=file%20report.md%20%7C%20lineage",
        "mistake": "/query?q=file%20report.md%20%7C%20linage",
        "cause": "/cause?bad=model%20*&good=figure%20*",
        "stale": "/stale",
        "requests": "/requests",
        "interface": "/api",
        "missing": "/node/vmissing",
    }


VIEWS = (
    "overview",
    "picture",
    "model",
    "script",
    "table",
    "figure",
    "run",
    "step",
    "commit",
    "environment",
    "timeline",
    "difference",
    "difference-of-runs",
    "query",
    "mistake",
    "cause",
    "stale",
    "requests",
    "interface",
    "missing",
)


def _id(graph: Graph, name: str) -> str:
    return str(graph.ask(f'file "{name}"').rows.values[-1][0])


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_whole_and_accessible(
    view: str, explorer: Explorer, windows: Windows, addresses: dict[str, str]
) -> None:
    window = windows.open(explorer.view(addresses[view]))
    page = window.page
    for width, height in WIDTHS:
        page.set_viewport_size({"width": width, "height": height})
        page.reload()
        expect(page.locator("main h1").first).to_be_attached()
        settled(page)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            window.picture(f"{view}-{width}-{scheme}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert texts_over_another(page) == []
            if view == "picture":
                assert overlapping(boxes(page)) == []
            if (width, scheme) in EXAMINED:
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
