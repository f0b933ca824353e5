"""What is stale is said in a list, on pages and in the picture, and why."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from web.conftest import Explorer, Windows, served
from web.looking import classes, drawn, settled
from web.recorded import provgraph

from provgraph.graph import Graph

WIDTHS = ((1440, "light"), (1024, "dark"), (390, "light"))


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """A project whose table grew after a report and a summary of the report were made of it."""
    folder = tmp_path_factory.mktemp("grown") / "p"
    folder.mkdir()
    (folder / "prices.csv").write_text("plum,2\n")
    (folder / "other.csv").write_text("1\n")
    make = (
        "sort prices.csv > report.md; wc -l < report.md > report-lines.md; cat other.csv > other.md"
    )
    provgraph(folder, "run", "--", "sh", "-c", make)
    provgraph(folder, "run", "--", "sh", "-c", "echo apple,3 >> prices.csv")
    with served(folder) as explorer:
        yield explorer


@pytest.fixture(scope="module")
def report(grown: Explorer) -> str:
    with Graph.open(grown.folder) as graph:
        graph.sync()
        return str(graph.ask('file "report.md"').rows.values[0][0])


def test_stale_results_are_listed_with_reasons(grown: Explorer, windows: Windows) -> None:
    for width, scheme in WIDTHS:
        window = windows.open(grown.view("/stale"), width, 900, scheme)
        page = window.page
        rows = page.locator(".stale-list > li")
        expect(rows).to_have_count(2)
        expect(rows.filter(has_text="newer prices.csv")).to_contain_text("report.md")
        expect(page.locator(".answer > p")).to_contain_text("of 1 the own inputs are why")
        window.picture(f"stale-{width}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    page.get_by_label("The latest").select_option("model")
    expect(page.locator(".answer")).to_contain_text("Nothing is stale")


def test_the_picture_and_the_page_say_it_too(
    grown: Explorer, windows: Windows, report: str
) -> None:
    window = windows.open(grown.view(f"/graph/{report}"))
    page = window.page
    drawn(page)
    assert "stale" not in classes(page, report)
    page.get_by_role("button", name="Show what is stale").click()
    expect(page.locator(".panel .stale li")).to_contain_text("prices.csv")
    assert "stale" in classes(page, report)
    window.picture("picture-stale")
    other = windows.open(page.url).page  # its address has it
    expect(other.locator(".panel .stale li")).to_contain_text("prices.csv")
    page.get_by_role("button", name="Show what is stale").click()
    expect(page.locator(".panel .stale")).to_have_count(0)
    assert "stale" not in classes(page, report)
    page.goto(grown.view(f"/node/{report}"))
    settled(page)
    expect(page.locator(".staleness li")).to_contain_text("prices.csv")


def test_the_interface_tells_which_of_some_versions_are_stale(grown: Explorer, report: str) -> None:
    word = httpx.get(f"{grown.url}api/session").json()["csrf"]
    answer = httpx.post(
        f"{grown.url}api/stale", json={"ids": [report, "none"]}, headers={"x-csrf-token": word}
    )
    (one,) = answer.json()["versions"]
    assert (one["card"]["id"], one["direct"]) == (report, True)
