"""A plan of deletion is reviewed and signed in the page, by nobody but who runs it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from web.conftest import Explorer, Windows, served
from web.looking import settled
from web.recorded import provgraph

TOKEN = "a token of the test's"


@pytest.fixture
def requested(demo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo with a request to forget a table, and one approver: whoever has the test's key."""
    folder = tmp_path / "demo"
    shutil.copytree(demo_folder, folder, symlinks=True)
    monkeypatch.setenv("PROVGRAPH_APPROVER_KEY", str(tmp_path / "approver.pem"))
    made = subprocess.run(
        [sys.executable, "-m", "provgraph", "forget", "key"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    with open(folder / "provgraph.toml", "a") as settings:
        settings.write(f"\n[erasure]\napprovals = 1\n{made.stdout.replace('NAME', 'mira')}\n")
    provgraph(folder, "forget", "data/raw/labels.csv", "--reference", "DSR-17")
    return folder


def opened(windows: Windows, explorer: Explorer) -> Page:
    page = windows.open(f"{explorer.url.split('?')[0]}?token={TOKEN}#/requests/e1").page
    expect(page.locator("main h1")).to_have_text("DSR-17: plan of deletion")
    return page


def sign(page: Page) -> None:
    page.get_by_label("I have read").check()
    page.get_by_role("button", name="Sign the plan").click()


def test_a_plan_is_read_and_signed_once_though_two_tabs_try(
    requested: Path, windows: Windows
) -> None:
    with served(requested, "--token", TOKEN) as explorer:
        first, second = opened(windows, explorer), opened(windows, explorer)
        expect(first.locator(".plan").first).to_contain_text("data/raw/labels.csv")
        expect(first.locator(".signatures")).to_contain_text("it takes 1 signature")
        own = first.get_by_role("region", name="In provgraph's own files")
        expect(own).to_contain_text(".provgraph/journal/")
        windows.opened[0].picture("deletion-plan")
        assert Axe().run(first).violations_count == 0
        first.get_by_role("button", name="Sign the plan").click()
        expect(first.get_by_role("alert")).to_contain_text("read")
        sign(first)
        expect(first.locator(".signatures")).to_contain_text("Signed by mira: 1 of 1.")
        sign(second)
        expect(second.locator(".signatures .wrong")).to_contain_text("approved this plan already")
        first.goto(f"{explorer.url.split('?')[0]}#/")
        settled(first)
        expect(first.get_by_role("link", name="DSR-17")).to_contain_text("approved")
    assert len(list((requested / ".provgraph/erasure/e1").glob("approval-*.json"))) == 1


def test_another_plan_than_the_one_that_was_read_is_not_signed(requested: Path) -> None:
    with served(requested, "--token", TOKEN) as explorer:
        answer = httpx.post(
            f"{explorer.url.split('?')[0]}api/requests/e1/approve",
            json={"plan": "0" * 64},
            headers={"authorization": f"Bearer {TOKEN}"},
        )
    assert (answer.status_code, answer.json()["error"]["kind"]) == (409, "out-of-date")


def test_nothing_is_signed_where_others_may_ask(requested: Path, windows: Windows) -> None:
    with served(requested) as explorer:
        page = windows.open(explorer.view("/requests/e1")).page
        expect(page.locator(".signatures")).to_contain_text("provgraph forget approve e1")
        expect(page.get_by_role("button", name="Sign the plan")).to_have_count(0)
        word = httpx.get(f"{explorer.url}api/session").json()["csrf"]
        answer = httpx.post(
            f"{explorer.url}api/requests/e1/approve",
            json={"plan": "0" * 64},
            headers={"x-csrf-token": word},
        )
        assert (answer.status_code, answer.json()["error"]["kind"]) == (403, "refused")


def test_a_plan_is_made_in_the_page_and_a_file_is_kept_from_it(
    requested: Path, windows: Windows
) -> None:
    with served(requested, "--token", TOKEN) as explorer:
        base = explorer.url.split("?")[0]
        window = windows.open(f"{base}?token={TOKEN}#/requests")
        page = window.page
        page.get_by_label("Subjects or files").fill("data/raw/labls.csv")
        page.get_by_role("button", name="Make the plan").click()
        expect(page.locator(".asking .wrong")).to_contain_text("nothing recorded answers to")
        page.get_by_label("Subjects or files").fill("data/raw/labels.csv\ndata/raw/wine.csv")
        page.get_by_label("Called elsewhere").fill("DSR-18")
        assert Axe().run(page).violations_count == 0
        page.get_by_role("button", name="Make the plan").click()
        expect(page.locator("main h1")).to_have_text("DSR-18: plan of deletion")
        assert page.url.endswith("#/requests/e2")
        before = page.locator(".signatures code").first.get_attribute("title")
        page.get_by_label("Keep models/best.pkl").first.click()
        page.get_by_label("Why", exact=True).locator("visible=true").fill('it is "in service"')
        page.get_by_label("In whose name").locator("visible=true").fill("operations")
        for width, scheme in ((1440, "light"), (1024, "dark"), (390, "light")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            window.picture(f"deletion-decision-{width}-{scheme}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            report = Axe().run(page)
            assert report.violations_count == 0, report.generate_report()
        page.get_by_role("button", name="Keep it").locator("visible=true").click()
        kept = page.locator("section").filter(has=page.locator("h2", has_text="Kept"))
        expect(kept).to_contain_text('legal hold: it is "in service" (operations)')
        assert page.locator(".signatures code").first.get_attribute("title") != before
        headers = {"authorization": f"Bearer {TOKEN}"}
        hold = {"name": "no.csv", "basis": "legal hold", "reason": "r", "owner": "o"}
        wrong = httpx.post(f"{base}api/requests/e2/keep", json=hold, headers=headers)
        assert wrong.json()["error"]["message"] == "e2 does not take `no.csv`"
    assert (requested / "provgraph.toml").read_text().count("[[keep]]") == 1


def test_nothing_is_kept_where_others_may_ask(requested: Path) -> None:
    with served(requested) as explorer:
        word = httpx.get(f"{explorer.url}api/session").json()["csrf"]
        hold = {
            "name": "models/best.pkl",
            "basis": "legal hold",
            "reason": "r",
            "owner": "o",
        }
        answer = httpx.post(
            f"{explorer.url}api/requests/e1/keep", json=hold, headers={"x-csrf-token": word}
        )
    assert (answer.status_code, answer.json()["error"]["kind"]) == (403, "refused")
    assert "[[keep]]" not in (requested / "provgraph.toml").read_text()
