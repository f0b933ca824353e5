"""Which of the explorer's modules draw its picture, for a page that has no server to ask for them?

They are read as they are. Where one names another, its name stands in the text in a form that the
loader finds (`static/loader.js`), for it to put the address that the other got in its page.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Final

import provgraph.web

_OWN: Final = Path(__file__).parent / "static"
_WEB: Final = Path(provgraph.web.__file__).parent
ENTRY: Final = "/notebook/picture.js"

_NAMES: Final = re.compile(r'"((?:\.{1,2}|/static)/[^"\s]+\.m?js)"')


@cache
def linked() -> dict[str, str]:
    """The texts of the modules, each after those that it names; the last is the one to begin with."""
    found: dict[str, str] = {}
    _link(ENTRY, found)
    return found


def _link(name: str, found: dict[str, str]) -> None:
    if name in found:
        return
    text = _file(name).read_text()
    if "/vendor/" not in name:
        for other in dict.fromkeys(_NAMES.findall(text)):
            _link(resolved(name, other), found)
        text = _NAMES.sub(lambda match: f'"provgraph:{resolved(name, match[1])}"', text)
    found[name] = text


def resolved(inside: str, named: str) -> str:
    """
    >>> resolved("/static/graph/canvas.js", "../format.js"), resolved("/static/a.js", "/static/b.js")
    ('/static/format.js', '/static/b.js')
    """
    if named.startswith("/"):
        return named
    parts = inside.split("/")[:-1]
    for part in named.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _file(name: str) -> Path:
    if name.startswith("/notebook/"):
        return _OWN / name.removeprefix("/notebook/")
    inside = name.removeprefix("/static/")
    return _WEB / (inside if inside.startswith("vendor/") else f"static/{inside}")


@cache
def version() -> str:
    whole = "\0".join(part for item in linked().items() for part in item)
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def styles() -> str:
    """The explorer's colours, for what stands in a picture of ours and for nothing else of the page."""
    colours = (_WEB / "static" / "colours.css").read_text().replace(":root", ".provgraph")
    return colours + (_OWN / "picture.css").read_text()
