"""What is stale is said in a list, on pages and in the picture, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from web.conftest import Explorer, Windows, served
from web.looking import classes, drawn, settled
from web.recorded import Layered, project_of, provgraph

from provgraph.graph import Graph
from provgraph.model.elements import Batch
from provgraph.web import staleness

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
        expect(page.locator(".answer")).to_contain_text("2 stale among all 2 results; of 1 the own")
        window.picture(f"stale-{width}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    page.get_by_label("The latest").select_option("model")
    expect(page.locator(".answer")).to_contain_text("There are no models, so none could be stale")
    page.get_by_label("The latest").select_option("figure")
    expect(page.locator(".answer")).to_contain_text("There are no figures")


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


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Explorer, Graph]]:
    """Some hundred results, most of them stale through others."""
    folder = project_of(tmp_path_factory.mktemp("layered") / "p", *Layered(3000).batches())
    with served(folder) as explorer, Graph.open(folder) as graph:
        yield explorer, graph


def test_looking_from_near_to_far_finds_what_the_language_calls_stale(
    layered: tuple[Explorer, Graph],
) -> None:
    _, graph = layered
    asked = graph.ask("version * | stale").rows
    expected = {row[0]: (row[-2], row[-1]) for row in asked.values}
    latest = [row[0] for row in graph.ask("version *").rows.values]
    assert 50 < len(expected) < len(latest)
    found = staleness.among(graph, latest, wait=600)
    assert {one.card.id: (tuple(one.reasons), one.direct) for one in found.versions} == expected
    assert found.unsure == []
    hurried = staleness.among(graph, latest, wait=0)
    assert {one.card.id for one in hurried.versions} <= expected.keys()
    assert set(expected) - {one.card.id for one in hurried.versions} <= set(hurried.unsure)
    assert hurried.unsure


def test_many_results_are_looked_at_a_page_at_a_time(
    layered: tuple[Explorer, Graph], windows: Windows
) -> None:
    explorer, graph = layered
    page = windows.open(explorer.view("/stale")).page
    expect(page.locator(".answer")).to_contain_text("among the newest 50 results")
    shown = page.locator(".stale-list > li").count()
    page.get_by_role("button", name="Look at older ones").click()
    expect(page.locator(".answer")).to_contain_text("among the newest 100 results")
    assert page.locator(".stale-list > li").count() > shown
    found, before = list[str](), None
    while not found or before:
        one = httpx.get(f"{explorer.url}api/stale", params={"before": before} if before else {})
        before = one.json()["before"]
        found += [stale["card"]["id"] for stale in one.json()["versions"]] + one.json()["unsure"]
    newest = "version [kind in (model, report)] | stale | sort created desc | select id"
    assert set(found) >= {row[0] for row in graph.ask(newest).rows.values}
    assert len(found) == len(set(found))


def test_where_nothing_is_recorded_nothing_could_be_stale(tmp_path: Path, windows: Windows) -> None:
    with served(project_of(tmp_path / "p", Batch())) as explorer:
        page = windows.open(explorer.view("/stale")).page
        expect(page.locator(".answer")).to_contain_text("There are no results, so none could be")
