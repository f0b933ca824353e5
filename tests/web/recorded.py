"""Projects to look at: the demo after two captured runs, and a large graph without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from provgraph import demo
from provgraph.config import create_project
from provgraph.model.elements import Batch
from provgraph.store import embedded


def provgraph(folder: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "provgraph", *words],
        cwd=folder,
        env=demo.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)


def recorded_demo(folder: Path) -> Path:
    """The demo, run twice: between the runs a parameter changed. Its history is read in."""
    demo.prepare(folder)
    provgraph(folder, "run", "--", *demo.PIPELINE)
    parameters = folder / "params.toml"
    text = parameters.read_text()
    assert "n_estimators = 60" in text
    parameters.write_text(text.replace("n_estimators = 60", "n_estimators = 30"))
    provgraph(folder, "run", "--", *demo.PIPELINE)
    provgraph(folder, "ingest", "git")
    return folder


def project_of(folder: Path, *batches: Batch) -> Path:
    """A project whose store has these batches; its journal is empty."""
    folder.mkdir(parents=True)
    project = create_project(folder)
    with embedded.open(project.database) as store:
        for batch in batches:
            store.apply(batch)
    return folder
