"""Hooks of MkDocs: pages that nobody has to keep. The reference of the commands is made from them when the
manual is built, and the navigation lists every page of `docs/decisions/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File


def on_config(config: Any) -> None:
    pages = sorted(Path(config.docs_dir, "decisions").glob("*.md"))
    (about,) = (entry["About"] for entry in config.nav if "About" in entry)
    about[-1]["Decisions"] = [f"decisions/{page.name}" for page in pages]


def on_files(files: Any, config: Any) -> None:
    from provgraph.cli import reference

    for name, content in (("cli.md", reference.page()), ("json-schema.json", reference.schema())):
        files.append(File.generated(config, f"reference/{name}", content=content))
