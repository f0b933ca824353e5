"""How a test looks at the picture: by what Cytoscape has drawn, and where."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

_CY = "document.querySelector('.canvas')._cyreg.cy"


def settled(page: Page) -> None:
    """Wait until nothing is being fetched or drawn."""
    expect(page.locator(".waiting")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    if page.locator(".canvas").count():
        drawn(page)


def drawn(page: Page) -> None:
    page.wait_for_selector(".canvas[data-drawn]", state="attached")


def again(page: Page) -> str:
    """What tells this drawing from the next."""
    drawn(page)
    return str(page.locator(".canvas").get_attribute("data-drawn"))


def redrawn(page: Page, before: str) -> None:
    page.wait_for_function(
        "(turn) => document.querySelector('.canvas').dataset.drawn !== turn", arg=before
    )


def cards(page: Page) -> dict[str, dict[str, float]]:
    """The places of the cards, by id."""
    found: dict[str, dict[str, float]] = page.evaluate(
        f"Object.fromEntries({_CY}.nodes('[kind = \"card\"]').map((n) => [n.id(), n.position()]))"
    )
    return found


def folds(page: Page) -> list[str]:
    found: list[str] = page.evaluate(f"{_CY}.nodes('[kind = \"fold\"]').map((n) => n.data('name'))")
    return found


def classes(page: Page, id: str) -> list[str]:
    found: list[str] = page.evaluate(f"(id) => {_CY}.getElementById(id).classes()", id)
    return found


def click(page: Page, id: str) -> None:
    """Click where a node of the picture is on the screen."""
    at = page.evaluate(f"(id) => {_CY}.getElementById(id).renderedPosition()", id)
    box = page.locator(".canvas").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + at["x"], box["y"] + at["y"])


def open_by(page: Page, id: str) -> None:
    """Click a handle or a fold, and wait for the next drawing."""
    before = again(page)
    click(page, id)
    redrawn(page, before)


def boxes(page: Page) -> list[dict[str, Any]]:
    """The box of each node with its label."""
    found: list[dict[str, Any]] = page.evaluate(
        f"""{_CY}.nodes().map((node) => {{
          const {{ x1, y1, x2, y2 }} = node.boundingBox({{ includeLabels: true, includeOverlays: false }});
          return {{ id: node.id(), kind: node.data("kind"), x1, y1, x2, y2 }};
        }})"""
    )
    return found


def overlapping(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Pairs of boxes that lie over one another by more than a line's width."""
    return [
        (a["id"], b["id"])
        for n, a in enumerate(found)
        for b in found[n + 1 :]
        if min(a["x2"], b["x2"]) - max(a["x1"], b["x1"]) > 3
        and min(a["y2"], b["y2"]) - max(a["y1"], b["y1"]) > 3
    ]


def texts_over_another(page: Page) -> list[tuple[str, str]]:
    """Pairs of the page's texts of which one lies over the other, as far as both are in sight."""
    found: list[dict[str, Any]] = page.evaluate(_TEXTS)
    return [
        (a["text"], b["text"])
        for n, a in enumerate(found)
        for b in found[n + 1 :]
        if a["node"] != b["node"]
        and min(a["x2"], b["x2"]) - max(a["x1"], b["x1"]) > 3
        and min(a["y2"], b["y2"]) - max(a["y1"], b["y1"]) > 3
    ]


# A line's box is higher than its letters: a fifth is taken off at the top and at the bottom.
_TEXTS = """() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = 0; texts.nextNode(); node += 1) {
    const text = texts.currentNode.data.trim();
    const around = texts.currentNode.parentElement;
    if (!text || around.closest(".unseen, select") || !around.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    let seen = { left: 0, top: 0, right: innerWidth, bottom: Infinity };
    for (let at = around; at; at = at.parentElement) {
      if (getComputedStyle(at).overflow === "visible" || at === document.body || at === document.documentElement) continue;
      const box = at.getBoundingClientRect();
      seen = { left: Math.max(seen.left, box.left), top: Math.max(seen.top, box.top), right: Math.min(seen.right, box.right), bottom: Math.min(seen.bottom, box.bottom) };
    }
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    for (const box of range.getClientRects()) {
      const [x1, x2] = [Math.max(box.left, seen.left), Math.min(box.right, seen.right)];
      const [y1, y2] = [Math.max(box.top + box.height / 5, seen.top), Math.min(box.bottom - box.height / 5, seen.bottom)];
      if (x2 > x1 && y2 > y1) found.push({ node, text: text.slice(0, 40), x1, y1, x2, y2 });
    }
  }
  return found;
}"""
