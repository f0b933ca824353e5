"""What is recorded of a notebook's cells, in kernels as Jupyter starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest
from capture.workspace import PYTHON, Workspace, environment
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from provgraph.config import create_project
from provgraph.content import Held, content
from provgraph.graph import open as open_graph
from provgraph.model.elements import Node
from provgraph.model.records import StepSeen

LOAD = "%load_ext provgraph"


class Notebook:
    """A kernel in a project, and what a person does with it."""

    def __init__(self, workspace: Workspace, **variables: str) -> None:
        self.workspace = workspace
        self.executed = 0
        self.manager = KernelManager(kernel_name="python3")
        given = {**workspace.environment, **variables}
        self.manager.start_kernel(cwd=str(workspace.root), env=given)
        self.client: BlockingKernelClient = self.manager.blocking_client()
        self._meet()

    def _meet(self) -> None:
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)

    def execute(self, *cells: str, id: str = "") -> None:
        """Each cell until it has ended, whatever it ended with, and all are written down, which a kernel that
        is short of time puts off a little. With `id`, as JupyterLab names it."""
        for cell in cells:
            about = {"code": cell, "silent": False, "store_history": True, "allow_stdin": False}
            about["stop_on_error"] = False  # else what comes soon after a failed cell is dropped
            message = self.client.session.msg("execute_request", about, metadata={"cellId": id})
            self.client.shell_channel.send(message)
            while self.client.get_shell_msg(timeout=120)["parent_header"] != message["header"]:
                pass
        self.executed += len(cells)
        while len(self.recorded()) < self.executed:
            time.sleep(0.1)

    def recorded(self) -> set[str]:
        steps = self.workspace.all(StepSeen)
        return {step.step for step in steps if step.kind == "cell" and step.exit is not None}

    def restart(self) -> None:
        self.client.stop_channels()
        self.manager.restart_kernel()
        self.client = self.manager.blocking_client()
        self._meet()

    def end(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace(create_project(tmp_path / "project"), environment(), PYTHON)
    for name in ("a", "b", "c"):
        (found.root / name).write_text(name)
    return found


@pytest.fixture
def notebook(workspace: Workspace) -> Iterator[Notebook]:
    notebook = Notebook(workspace)
    yield notebook
    notebook.end()


def cells(workspace: Workspace, name: str) -> list[str]:
    """The texts of the cells behind a file, in the order in which they were executed. One that heard of something
    after it had told something is several steps."""
    found = [str(step.properties["command"]) for step in steps(workspace, name) if is_cell(step)]
    return [text for text, _ in groupby(found)]


def is_cell(step: Node) -> bool:
    return step.properties["how"] == "cell"


def steps(workspace: Workspace, name: str) -> list[Node]:
    with open_graph(workspace.root) as graph:
        found = [node for node in graph.file(name).lineage().nodes() if node.label == "Step"]
    return sorted(found, key=lambda node: str(node.properties["at"]))


def files(workspace: Workspace, name: str) -> set[str]:
    with open_graph(workspace.root) as graph:
        rows = graph.file(name).lineage().where(kind="other").select("path")
        return {str(row["path"]) for row in rows}


def test_cells_hear_of_each_other_by_variables_in_the_order_of_execution(
    notebook: Notebook,
) -> None:
    workspace = notebook.workspace
    (workspace.root / "helper.py").write_text("def shout(text): return text.upper()\n")
    (workspace.root / "more.py").write_text("more = open('c').read()\n")
    one, two = "text = open('a').read()", "text = open('b').read()\nprint(len(text))"
    define, save = "def doubled(): return text * 2", "open('out', 'w').write(doubled())"
    notebook.execute(LOAD, "import helper", one, two, define, "unused = open('c').read()", save)
    assert cells(workspace, "out") == [two, define, save]  # while the kernel runs
    assert files(workspace, "out") == {"b"}

    notebook.execute(one, "words = [helper.shout(text)]", "words.append('!')")
    notebook.execute(
        "1 / 0\nwords = []", "x = (", "%run more.py", "open('late', 'w').write(words[0])"
    )
    assert cells(workspace, "late")[-3:] == [
        "words = [helper.shout(text)]",
        "words.append('!')",
        "open('late', 'w').write(words[0])",
    ]
    assert files(workspace, "late") == {"a"}
    with open_graph(workspace.root) as graph:
        assert "helper.py" in {
            row["path"] for row in graph.file("late").lineage().where(kind="script").select("path")
        }
        failed = graph.ask("step [exit = 1] | sort by started").nodes()
        assert [(step.properties["prop.error"], step.properties["command"]) for step in failed] == [
            ("ZeroDivisionError", "1 / 0\nwords = []"),
            ("SyntaxError", "x = ("),
        ]

    notebook.execute("open('run', 'w').write(more)", "name = 'late'", "!cp {name} copy")
    assert files(workspace, "run") == {"c"}
    assert cells(workspace, "copy")[-2:] == ["name = 'late'", "!cp {name} copy"]
    assert "more.py" in workspace.used()


def test_a_change_shows_under_every_name_and_in_what_goes_on(notebook: Notebook) -> None:
    """Names of one object, what holds it, views of arrays, open files, caches."""
    workspace = notebook.workspace
    notebook.execute(
        LOAD,
        "import io, numpy\nfrom functools import cache\nconfig = {'rows': []}\nfile = open('late', 'w')",
        "array = numpy.zeros(3)\nbuffer = io.StringIO()",
        "@cache\ndef load(name): return open(name).read()",
        "rows = config['rows']\nrows.append(open('a').read())",
        "part = array[:1]",
        "part[0] = ord(open('b').read())",
        "print(open('c').read(), file=buffer)",
        "load('a')",
        "file.write(open('b').read())",
        "open('held', 'w').write(str(config))",
        "open('view', 'w').write(str(array))",
        "open('stream', 'w').write(buffer.getvalue())",
        "open('cached', 'w').write(load('a'))",
        "file.close()",
    )
    for name, origins in {
        "held": "a",
        "view": "b",
        "stream": "c",
        "cached": "a",
        "late": "b",
    }.items():
        assert files(workspace, name) == {origins}, name


def test_a_new_kernel_is_a_new_run_and_knows_no_variables(notebook: Notebook) -> None:
    workspace = notebook.workspace
    notebook.execute(LOAD, "text = open('a').read()")
    notebook.restart()
    notebook.execute(LOAD, "text = 'new'", "open('out', 'w').write(text)")
    assert cells(workspace, "out") == ["text = 'new'", "open('out', 'w').write(text)"]
    with open_graph(workspace.root) as graph:
        assert len(graph.run()) == 2


def test_a_cell_that_was_changed_is_a_new_version_and_its_text_is_kept(
    workspace: Workspace,
) -> None:
    path = workspace.root / "notes" / "a.ipynb"
    notebook = Notebook(workspace, JPY_SESSION_NAME=str(path))
    notebook.execute(LOAD)
    texts = ["open('out', 'w').write('1')", "open('out', 'w').write('2')\ntoken = 'hunter2'"]
    for text in texts:
        notebook.execute(text, id="1f2e")
    os.kill(notebook.manager.provisioner.pid, signal.SIGKILL)  # type: ignore[union-attr]
    notebook.end()
    with open_graph(workspace.root) as graph:
        found = graph.script("cell://notes/a.ipynb/1f2e", version="all").nodes()
        held = [
            content(graph, node) for node in sorted(found, key=lambda n: str(n.properties["at"]))
        ]
        shown = [each.bytes.decode() for each in held if isinstance(each, Held)]
        assert shown == [texts[0], texts[1].replace("'hunter2'", "[redacted]")]
        assert len(graph.file("out", version="all").nodes()) == 2
        (run,) = graph.run().nodes()
        assert run.properties["tag.notebook"] == "a.ipynb"
        assert "provgraph was killed before the run ended" in str(run.properties["gaps"])


def test_under_provgraph_run_the_cells_are_steps_of_that_run_and_all_is_seen(
    workspace: Workspace,
) -> None:
    import nbformat

    read = "import pyarrow\nwith pyarrow.OSFile('a') as file: text = file.read()"
    write = "with pyarrow.OSFile('out', 'wb') as file: _ = file.write(text)"
    made = nbformat.v4.new_notebook(
        cells=list(map(nbformat.v4.new_code_cell, (LOAD, read, "x = open('b').read()", write)))
    )
    nbformat.write(made, workspace.root / "n.ipynb")
    done = workspace.run(
        str(Path(sys.executable).parent / "jupyter-execute"), "n.ipynb", timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert cells(workspace, "out") == [read, write]
    assert files(workspace, "out") == {"a"}
    assert (
        subprocess.run(
            [*PYTHON, "why", "out"], cwd=workspace.root, check=True, capture_output=True, text=True
        ).stdout.count("OSFile")
        == 2
    )
