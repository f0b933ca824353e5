"""What a notebook shows of an answer: in JupyterLab, in a page made of the notebook, and as text."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from manual.pages import left_to
from nbclient import NotebookClient
from nbformat import NotebookNode
from playwright.sync_api import expect
from web.conftest import Windows
from web.looking import again, boxes, cards, drawn, folds, open_by, overlapping, redrawn
from web.recorded import provgraph

VIEW = "application/vnd.jupyter.widget-view+json"
LOAD = "%load_ext provgraph"
LINEAGE = '%%prov whence\nfile "report.md" | lineage'


@pytest.fixture(scope="session")
def orchard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which a script made a table and a report from prices."""
    folder = tmp_path_factory.mktemp("orchard")
    (folder / "prices.csv").write_text("fruit,price\napple,3\nplum,2\n")
    (folder / "<b>bold.csv").write_text("fruit\nplum\n")
    (folder / "report.sh").write_text(
        "sort prices.csv '<b>bold.csv' > sorted.csv\nhead -n 1 sorted.csv > report.md\n"
    )
    provgraph(folder, "run", "--", "sh", "report.sh")
    return folder


@pytest.fixture
def executed(orchard: Path) -> Callable[..., NotebookNode]:
    """Runs cells in the project, in a kernel of their own; gives the notebook with its outputs."""

    def run(*cells: str) -> NotebookNode:
        resources = {"metadata": {"path": str(orchard)}}
        client = NotebookClient(written(*cells), timeout=240, resources=resources)
        done: NotebookNode = client.execute()
        return done

    return run


def written(*cells: str) -> NotebookNode:
    notebook: NotebookNode = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
    )
    notebook.metadata.kernelspec = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return notebook


def outputs(notebook: NotebookNode, cell: int) -> list[NotebookNode]:
    found: list[NotebookNode] = notebook.cells[cell].outputs
    return found


def test_a_cell_is_a_question_and_its_answer_a_variable(
    executed: Callable[..., NotebookNode],
) -> None:
    notebook = executed(
        LOAD,
        LINEAGE,
        "sorted(row['name'] for row in whence.where(kind='dataset'))",
        "%prov run | select command",
        'import provgraph\nprovgraph.open().file("prices.csv").impact().where(kind="dataset")',
    )
    (shown,) = outputs(notebook, 1)
    assert set(shown.data) == {"text/plain", "text/html", VIEW}
    assert "<td>&lt;b&gt;bold.csv</td>" in shown.data["text/html"]
    (names,) = outputs(notebook, 2)
    assert names.data["text/plain"] == "['<b>bold.csv', 'prices.csv', 'sorted.csv']"
    (table,) = outputs(notebook, 3)
    assert "<td>sh report.sh</td>" in table.data["text/html"]
    assert VIEW not in table.data
    (of_python,) = outputs(notebook, 4)
    assert "<td>report.md</td>" not in of_python.data["text/html"]
    assert "<td>sorted.csv</td>" in of_python.data["text/html"]


def test_a_mistake_is_told_without_a_traceback(executed: Callable[..., NotebookNode]) -> None:
    notebook = executed(
        LOAD,
        '%%prov\nfile "report.md" | linage',
        '%prov file "reprt.md"',
        "%%prov 2nd\nrun",
        "import provgraph\nprovgraph.open().file('report.md').lineage(depth=-1)",
    )
    (verb,) = outputs(notebook, 1)
    assert (verb.output_type, verb.name) == ("stream", "stderr")
    assert "`lineage` might be meant" in verb.text
    assert "^^^^^^" in verb.text
    (name,) = outputs(notebook, 3)
    assert "`2nd` is no name of a variable" in name.text
    (depth,) = outputs(notebook, 4)
    assert "<pre>" in depth.data["text/html"]
    assert not any(out.output_type == "error" for cell in notebook.cells for out in cell.outputs)


def test_markup_in_a_name_is_text(orchard: Path, windows: Windows) -> None:
    """In the page that nbconvert makes of a notebook as the manual says, which no kernel stands behind."""
    nbformat.write(written(LOAD, LINEAGE), orchard / "notebook.ipynb")
    (command,) = left_to(__file__, "docs/notebooks.md", "sh")
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-e", "-c", command], cwd=orchard, env=os.environ | {"PATH": tools}, check=True
    )
    window = windows.open((orchard / "notebook.html").as_uri())
    shown = window.page
    expect(shown.locator("td", has_text="<b>bold.csv").first).to_be_visible()
    picture = shown.locator("img[src^='data:image/svg']")
    expect(picture).to_have_attribute("alt", re.compile("Lineage of [0-9]+ nodes"))
    assert picture.evaluate("(image) => image.naturalWidth") > 300
    assert shown.locator("b", has_text="old.csv").count() == 0
    window.picture("notebook-html")
    # The export's template asks for MathJax and require.js from elsewhere; ours asks for nothing.
    window.complaints[:] = [said for said in window.complaints if "file.csv" in said]


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """JupyterLab on a folder, at a free port; the address that opens it."""
    words = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"]
    words += ["--ServerApp.token=orchard", "--LabApp.news_url=", "--LabApp.check_for_updates_class"]
    words[-1] += "=jupyterlab.NeverCheckForUpdate"
    process = subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said = ""
        while (found := re.search(r"http://(?:localhost|127\.0\.0\.1):(\d+)/", said)) is None:
            ready, _, _ = select.select([process.stderr], [], [], 120)
            line = process.stderr.readline() if ready else ""
            assert line, said
            said += line
        yield f"http://localhost:{found[1]}"
    finally:
        process.terminate()
        process.wait(30)


def test_an_answer_is_walked_through_in_jupyterlab(orchard: Path, windows: Windows) -> None:
    question = '%%prov\nfile "report.md" | lineage depth 2'
    nbformat.write(written(LOAD, question), orchard / "walk.ipynb")
    with jupyterlab(orchard) as url:
        window = windows.open(f"{url}/lab/tree/walk.ipynb?token=orchard")
        page = window.page
        page.set_default_timeout(120_000)
        expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=120_000)
        page.locator(".jp-Notebook .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        page.keyboard.press("Shift+Enter")
        drawn(page)
        assert overlapping(boxes(page)) == []
        before = set(cards(page))
        handle = page.evaluate(
            "document.querySelector('.canvas')._cyreg.cy.$('[kind = \"handle\"]').first().id()"
        )
        assert handle, (before, folds(page))
        open_by(page, handle)
        assert set(cards(page)) > before
        page.locator(".provgraph summary").click()
        expect(page.locator(".provgraph td", has_text="sorted.csv").first).to_be_visible()
        turn = again(page)
        page.locator(".canvas").focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        redrawn(page, turn)
        window.picture("notebook-jupyterlab")
        light = page.locator(".provgraph").evaluate(
            "(cell) => getComputedStyle(cell).backgroundColor"
        )
        page.evaluate("document.body.dataset.jpThemeLight = 'false'")
        expect(page.locator(".provgraph")).to_have_attribute("data-theme", "dark")
        expect(page.locator(".provgraph")).not_to_have_css("background-color", light)
        window.picture("notebook-jupyterlab-dark")
        report = Axe().run(page, context=".provgraph")
        assert report.violations_count == 0, report.generate_report()
        page.context.close()
    # JupyterLab has its own; ours come from modules that have no address but a blob's.
    window.complaints[:] = [said for said in window.complaints if "blob:" in said]


def test_the_page_about_notebooks_runs(executed: Callable[..., NotebookNode]) -> None:
    notebook = executed(*left_to(__file__, "docs/notebooks.md", "python"))
    assert len(notebook.cells) >= 4
    for cell in notebook.cells:
        assert not any(out.output_type in ("error", "stream") for out in cell.outputs), cell
