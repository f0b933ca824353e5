"""Every notebook runs from its first cell to its last, in a kernel of its own, and shows what it says.

Those that ran are kept as pages in `PROVGRAPH_SCREENSHOTS`, where that is set.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[2] / "notebooks"
SHOWN = {
    "tutorial": (
        "pear,5",
        "<td>prices.csv</td>",
        "['head', 'prices.csv', 'sort', 'tail']",
        "apple,9",
        "`lineage` might be meant",
    ),
    "what_produced_this_model": (
        "<td>data/raw/labels.csv</td>",
        "<td>src/train.py</td>",
        "<td>complete</td>",
        "<td>params.toml</td>",
        "['params.toml']",
    ),
    "find_the_bad_run": (
        "['2026-11-07', '2026-11-08', '2026-11-09']",
        "<td>rate.txt</td>",
        "echo 92 &gt; rate.txt",
        "<td>totals/2026-11-08.csv</td>",
    ),
    "forget_a_customer": (
        "models/churn-north.pkl",
        "e1 is carried out, complete",
        "genuine",
        "(79, [])",
    ),
}
"""What a notebook's outputs have, in their order."""


def test_each_notebook_is_here() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == SHOWN.keys()


@pytest.mark.parametrize("name", SHOWN)
def test_the_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "forget_a_customer" and shutil.which("unshare") is None:
        pytest.skip("no `unshare` here, which keeps what is run again from the network")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "committed with outputs"
    done = executed(notebook, tmp_path)
    keep(done, name)
    text = said(done)
    for words in SHOWN[name]:
        before, found, text = text.partition(words)
        assert found, (words, before[-2000:])


def executed(notebook: NotebookNode, folder: Path) -> NotebookNode:
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        notebook, timeout=240, resources=resources, store_widget_state=False, kernel_name="python3"
    )
    done: NotebookNode = client.execute()
    return done


def said(notebook: NotebookNode) -> str:
    """The outputs, as streams, pages or text."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    return "\n".join(
        out.text
        if out.output_type == "stream"
        else out.data.get("text/html", out.data.get("text/plain", ""))
        for out in outputs
    )


def keep(notebook: NotebookNode, name: str) -> None:
    if folder := os.environ.get("PROVGRAPH_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page, _ = HTMLExporter().from_notebook_node(notebook)
        (Path(folder) / f"notebook-{name}.html").write_text(page)
