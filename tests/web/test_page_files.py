"""Is what the page is made of complete, as it was listed, and asked of nobody else?"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

import provgraph.web

WEB = Path(provgraph.web.__file__).parent
LISTED = json.loads((WEB / "vendor" / "vendored.json").read_text())
OWN = sorted(
    path for path in (WEB / "static").rglob("*") if path.suffix in (".js", ".css", ".html")
)


@pytest.mark.parametrize("package", LISTED, ids=lambda package: str(package["package"]))
def test_what_others_made_is_as_it_was_listed(
    package: dict[str, dict[str, dict[str, str]]],
) -> None:
    for name, file in package["files"].items():
        content = (WEB / "vendor" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"], name


def test_nothing_of_others_is_unlisted_or_without_its_licence() -> None:
    listed = {name for package in LISTED for name in package["files"]}
    here = {str(p.relative_to(WEB / "vendor")) for p in (WEB / "vendor").rglob("*") if p.is_file()}
    assert here - listed == {"README.md", "vendored.json"}
    for package in LISTED:
        assert any("LICENSE" in name for name in package["files"]), package["package"]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_the_page_asks_nobody_else(path: Path) -> None:
    addresses = re.findall(r"""https?://[^\s"'`)]+""", path.read_text())
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_what_a_file_names_is_there(path: Path) -> None:
    text = path.read_text()
    named = re.findall(r"""(?:from|import\()\s*"(\.[^"]+)\"""", text)
    absolute = re.findall(r"""["'(](/static/[^"')]+)""", text)
    for name in named:
        assert (path.parent / name).resolve().is_file(), name
    for name in absolute:
        inside = name.removeprefix("/static/")
        folder = WEB if inside.startswith("vendor/") else WEB / "static"
        assert (folder / inside).is_file(), name


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_nothing_is_taken_for_markup_or_code(path: Path) -> None:
    """Text of a project reaches the page through text nodes and attributes alone."""
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser"
        r"|srcdoc|javascript:|\son\w+=",
        path.read_text(),
    )
