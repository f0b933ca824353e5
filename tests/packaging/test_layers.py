"""Does each module import only from the layers to its left?

errors, tracking < config, calls < model < query < store, ingest, subjects < asking < graph < origins, doctor, erasure, content, recorded < web, demo < notebook < cli
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "provgraph"
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "tracking"}),
    frozenset({"config", "calls"}),
    frozenset({"model"}),
    frozenset({"query"}),
    frozenset({"store", "ingest", "subjects"}),
    frozenset({"asking"}),
    frozenset({"graph"}),
    frozenset({"origins", "doctor", "erasure", "content", "recorded"}),
    frozenset({"web", "demo"}),
    frozenset({"notebook"}),
    frozenset({"cli"}),
    frozenset({"__init__"}),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


def modules() -> Iterator[Path]:
    """The package's modules. (`rglob` follows no links, and query and ingest are links.)"""
    for top in sorted(PACKAGE.iterdir()):
        found = sorted(top.rglob("*.py")) if top.is_dir() else [top]
        yield from (path for path in found if path.suffix == ".py" and "project" not in path.parts)


def layer(module: str) -> str:
    """The layer's name. `__main__` is the command line's door, and `provgraph` itself is over all.

    >>> layer("provgraph.ingest.capture.events"), layer("provgraph.__main__"), layer("provgraph")
    ('ingest', 'cli', '__init__')
    """
    name = [*module.split("."), "__init__"][1]
    return "cli" if name == "__main__" else name


def name_of(path: Path) -> str:
    return ".".join(["provgraph", *path.relative_to(PACKAGE).with_suffix("").parts])


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module of ours that a module imports, anywhere in it, with the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                names = [alias.name for alias in node.names]
            case ast.ImportFrom(module=str(module)):
                names = [f"{module}.{alias.name}" for alias in node.names]
            case _:
                continue
        for name in names:
            if name.split(".")[0] == "provgraph":
                yield node.lineno, name


def is_allowed(importer: str, imported: str) -> bool:
    """
    >>> is_allowed("provgraph.store.embedded", "provgraph.query.plan.Plan")
    True
    >>> is_allowed("provgraph.query.plan", "provgraph.store.Store")
    False
    >>> is_allowed("provgraph.store.embedded", "provgraph.ingest.git")
    False
    """
    if imported in ("provgraph", "provgraph.__version__"):  # anybody may know the version
        return True
    return layer(importer) == layer(imported) or RANK[layer(imported)] < RANK[layer(importer)]


def test_the_links_are_walked_through() -> None:
    seen = {name_of(path) for path in modules()}
    assert {"provgraph.query.plan", "provgraph.ingest.capture.events"} <= seen


def test_every_module_has_a_layer() -> None:
    assert {layer(name_of(path)) for path in modules()} <= set(RANK)


def test_a_module_imports_only_from_its_left() -> None:
    wrong = [
        f"{name_of(path)}:{line} imports {imported}"
        for path in modules()
        for line, imported in imports(path)
        if not is_allowed(name_of(path), imported)
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", ["query", "ingest"])
def test_the_folders_at_the_top_are_the_packages(folder: str) -> None:
    assert (PACKAGE / folder).samefile(PACKAGE.parent / folder)
