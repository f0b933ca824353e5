"""What a person does with the explorer, in a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Page, expect
from web.conftest import Explorer, Windows, served
from web.looking import again, cards, classes, drawn, open_by, redrawn, settled
from web.recorded import project_of, provgraph

from provgraph.graph import Graph
from provgraph.model.elements import Batch


@pytest.fixture
def model(graph: Graph) -> str:
    return str(graph.ask('file "models/best.pkl"').rows.values[0][0])


@pytest.fixture
def maker(graph: Graph, model: str) -> str:
    """The step that made the model."""
    return graph.store.edges([model], ("GENERATED_BY",))[0].target


@pytest.fixture
def picture(explorer: Explorer, windows: Windows, model: str) -> Page:
    """The picture around the model, as it opens."""
    page = windows.open(explorer.view(f"/graph/{model}")).page
    drawn(page)
    return page


def test_a_few_letters_and_enter_lead_to_the_picture(explorer: Explorer, windows: Windows) -> None:
    page = windows.open(explorer.view()).page
    page.keyboard.press("/")
    page.keyboard.type("best")
    expect(page.get_by_role("option").first).to_contain_text("models/best.pkl")
    page.keyboard.press("Enter")
    drawn(page)
    expect(page.locator(".panel h2")).to_have_text("best.pkl")
    assert len(cards(page)) == 2


def test_a_click_opens_causes_and_what_stood_stays(
    picture: Page, model: str, maker: str, graph: Graph
) -> None:
    before = cards(picture)
    open_by(picture, f"handle origin {maker}")
    after = cards(picture)
    causes = {edge.target for edge in graph.store.edges([maker], ("USED", "EXECUTED"))}
    assert after.keys() - before.keys() == causes
    for id, place in before.items():
        assert after[id] == pytest.approx(place, abs=1), id
    assert all(after[id]["x"] < after[maker]["x"] < after[model]["x"] for id in causes)


def test_an_address_brings_back_what_was_opened_hidden_and_pinned(
    picture: Page, windows: Windows, maker: str, graph: Graph
) -> None:
    open_by(picture, f"handle origin {maker}")
    script = graph.store.edges([maker], ("EXECUTED",))[0].target
    picture.get_by_role("button", name="List").click()
    picture.locator(f"tr[data-id='{script}'] .link").first.click()
    before = again(picture)
    picture.locator("[data-act='hide']").click()
    redrawn(picture, before)
    shown = cards(picture).keys()
    assert script not in shown
    other = windows.open(picture.url).page
    drawn(other)
    assert cards(other).keys() == shown
    before = again(other)
    other.get_by_role("button", name="Show", exact=True).click()
    redrawn(other, before)
    assert script in cards(other)


def test_a_pinned_path_stands_out_and_undo_takes_it_back(picture: Page, maker: str) -> None:
    open_by(picture, f"handle origin {maker}")
    picture.locator(".canvas").focus()
    picture.keyboard.press("ArrowLeft")
    picture.keyboard.press("ArrowLeft")
    pinned = picture.evaluate("document.querySelector('.canvas')._cyreg.cy.$(':selected').id()")
    before = again(picture)
    picture.keyboard.press("p")
    redrawn(picture, before)
    assert "pinned" in classes(picture, pinned)
    assert "dim" not in classes(picture, maker)
    assert any("dim" in classes(picture, id) for id in cards(picture))
    before = again(picture)
    picture.keyboard.press("u")
    redrawn(picture, before)
    assert not any("dim" in classes(picture, id) for id in cards(picture))


def test_the_list_has_what_the_graph_has_and_opens_it_too(
    picture: Page, maker: str, graph: Graph
) -> None:
    picture.get_by_role("button", name="List").click()
    rows = picture.locator(".graph-list tbody tr")
    assert rows.count() == len(cards(picture)) == 2
    before = again(picture)
    rows.filter(has_text="choose.py").first.get_by_role("button", name=re.compile("cause")).click()
    redrawn(picture, before)
    assert (
        rows.count()
        == len(cards(picture))
        == 2 + len(graph.store.edges([maker], ("USED", "EXECUTED", "INFORMED_BY")))
    )


def test_the_picture_is_saved_as_svg_png_and_json(
    picture: Page, tmp_path: Path, model: str, maker: str
) -> None:
    def saved(name: str) -> bytes:
        picture.get_by_label("Save the picture").click()
        with picture.expect_download() as download:
            picture.get_by_role("button", name=name).click()
        assert download.value.suggested_filename == f"best.pkl.{name.lower()}"
        return Path(download.value.path()).read_bytes()

    svg = ElementTree.fromstring(saved("SVG"))
    words = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert {"best.pkl", "choose.py", "model"} <= set(words)
    assert saved("PNG").startswith(b"\x89PNG")
    document = json.loads(saved("JSON"))
    assert {node["id"] for node in document["nodes"]} == {model, maker}


def test_the_picture_is_dragged_from_anywhere_even_from_a_card(picture: Page, model: str) -> None:
    cy = "document.querySelector('.canvas')._cyreg.cy"
    before = picture.evaluate(f"{cy}.pan()")
    at = picture.evaluate(f"(id) => {cy}.getElementById(id).renderedPosition()", model)
    box = picture.locator(".canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + at["x"], box["y"] + at["y"]
    picture.mouse.move(x, y)
    picture.mouse.down()
    picture.mouse.move(x + 40, y + 10)
    picture.mouse.move(x + 90, y + 25)
    picture.mouse.up()
    after = picture.evaluate(f"{cy}.pan()")
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((90, 25), abs=45)
    assert after["x"] - before["x"] > 40


def test_colours_can_be_chosen_and_are_kept(picture: Page) -> None:
    assert picture.evaluate("getComputedStyle(document.body).colorScheme") == "light"
    picture.get_by_role("button", name="Use dark colours").click()
    assert picture.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    picture.reload()
    drawn(picture)
    assert picture.evaluate("getComputedStyle(document.body).colorScheme") == "dark"


def test_a_node_that_is_not_there_is_said_so(explorer: Explorer, windows: Windows) -> None:
    for address in ("/node/vmissing", "/graph/vmissing", "/diff/vmissing/vmissing", "/nowhere"):
        page = windows.open(explorer.view(address)).page
        heading = page.locator("main h1").filter(has_text=re.compile("Nothing|no such"))
        expect(heading).to_be_visible()


# Questions.


def test_words_are_completed_and_the_answer_leads_on(explorer: Explorer, windows: Windows) -> None:
    page = windows.open(explorer.view("/query")).page
    box = page.get_by_label("A question in the query language")
    box.press_sequentially("model best | lin")
    expect(page.locator("#query-options [aria-selected='true']")).to_contain_text("lineage")
    page.keyboard.press("Tab")
    box.press_sequentially("| where kind = dataset")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    link = page.locator(".rows").get_by_role("link", name="data/raw/labels.csv")
    expect(link).to_be_visible()
    page.get_by_role("link", name="Draw them").click()
    drawn(page)
    assert len(cards(page)) >= 5


def test_a_mistake_is_marked_where_it_is(explorer: Explorer, windows: Windows) -> None:
    page = windows.open(explorer.view(f"/query?q={quote('model best | linage depth 2')}")).page
    expect(page.locator(".editor mark")).to_have_text("linage")
    expect(page.get_by_role("alert").filter(has_text="unknown verb")).to_contain_text(
        "`lineage` might be meant"
    )
    word = page.locator(".editor mark").bounding_box()
    box = page.locator("#query-text").bounding_box()
    assert word is not None and box is not None
    assert box["x"] < word["x"] and word["y"] < box["y"] + 40
    area = page.locator("#query-text")
    assert area.evaluate("(box) => box.selectionStart") == len("model best | ")
    area.fill("file [kind = modle]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("note")).to_contain_text("`model` might be meant")


def test_what_bad_results_share_is_found(explorer: Explorer, windows: Windows) -> None:
    page = windows.open(explorer.view("/cause")).page
    page.get_by_label("The bad results").fill('file "models/*.pkl"')
    page.get_by_label("The others, to compare with").fill('file "report/figure.png"')
    page.get_by_role("button", name="Find what they share").click()
    rows = page.locator(".causes tbody tr")
    expect(rows.filter(has_text="src/train.py")).to_contain_text("100 %")
    page.get_by_label("The others, to compare with").fill("file [sise > 3]")
    page.get_by_role("button", name="Find what they share").click()
    expect(page.locator(".pair mark")).to_have_text("sise")


def test_a_flag_and_a_note_are_written_down_and_kept(
    explorer: Explorer, windows: Windows, graph: Graph
) -> None:
    table = graph.ask('file "data/raw/wine.csv"').rows.values[0][0]
    page = windows.open(explorer.view(f"/node/{table}")).page
    page.get_by_role("button", name="Flag").click()
    page.get_by_label("Why is it one to look at?").fill("<b>odd</b> rows")
    page.get_by_role("button", name="Flag it").click()
    expect(page.locator(".said .notice")).to_have_text("Flagged: <b>odd</b> rows")
    page.get_by_role("button", name="Add a note").click()
    page.get_by_label("Note").fill("asked Mira")
    page.keyboard.press("Enter")
    expect(page.locator(".notes li")).to_have_text("asked Mira")
    graph.sync()
    held = graph.store.nodes([table])[0].properties
    assert (held["flagged"], held["notes"]) == (True, ("asked Mira",))
    page.get_by_role("button", name="Take the flag away").click()
    expect(page.locator(".said .notice")).to_have_count(0)


def test_a_component_is_told_with_how_its_runs_ended(tmp_path: Path, windows: Windows) -> None:
    folder = project_of(tmp_path / "p", Batch())
    for status in (0, 3):
        provgraph(
            folder, "run", "--", "sh", "-c", f"echo x > made.csv; exit {status}", status=status
        )
    with served(folder) as explorer, Graph.open(folder) as graph:
        graph.sync()
        runs = [row[0] for row in graph.ask("run").rows.values]
        graph.declare("make", owner="ann", runs=runs)
        made = graph.ask("file made.csv").rows.values[0][0]
        window = windows.open(explorer.view(f"/node/{made}"))
        page = window.page
        expect(page.locator(".checks .bad")).to_contain_text("Run ended with 3")
        page.locator("aside").get_by_role("link", name="make").click()
        expect(page.locator(".checks")).to_contain_text("Owner ann")
        expect(page.locator(".checks .bad")).to_contain_text("Last run ended with 3")
        expect(page.locator(".checks .warn")).to_contain_text("Ends 1 of the last 2 runs is good")
        window.picture("component")


def test_versions_are_compared_from_the_page_of_one(
    explorer: Explorer, windows: Windows, graph: Graph
) -> None:
    forest = graph.ask('file "models/forest.pkl"').rows.values[0][0]
    page = windows.open(explorer.view(f"/node/{forest}")).page
    expect(page.locator(".head .good")).to_have_text("complete record")
    page.get_by_role("link", name="Compare version 2 with 1").click()
    settled(page)
    expect(page.locator("main h1")).to_have_text("forest.pkl: what changed")
    expect(page.locator(".both .removed").filter(has_text="n_estimators = 60")).to_be_visible()
    expect(page.locator(".both .added").filter(has_text="n_estimators = 30")).to_be_visible()
