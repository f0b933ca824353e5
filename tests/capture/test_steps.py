"""`provgraph.step` tells the parts of a program apart: what each read and wrote, and what they told each other."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from capture.workspace import PYTHON, Workspace, environment

from provgraph.config import create_project
from provgraph.graph import open as open_graph
from provgraph.model.records import StepSeen
from provgraph.tracking import SPOOL

SCRIPT = """
import asyncio, multiprocessing, threading
import provgraph

@provgraph.step
def load(name, depth=3):
    return open(name).read()

@provgraph.step
def save(name, text, token="hunter2"):
    with open(name, "w") as file:
        file.write(text)
    provgraph.log_metrics(size=len(text))

@provgraph.step
def pipeline(source, target):
    save(target, load(source))

meeting = threading.Barrier(4)

@provgraph.step
def copy(number):
    meeting.wait()
    text = open(f"in{number}").read()
    meeting.wait()
    with open(f"out{number}", "w") as file:
        file.write(text)
    meeting.wait()

@provgraph.step("slow", rate=0.5)
async def later(name):
    await asyncio.sleep(0)
    with open(name + ".later", "w") as file:
        file.write(open(name).read())

async def both():
    await asyncio.gather(later("in0"), later("in1"))

@provgraph.step
def work(name):
    with open(name + ".work", "w") as file:
        file.write(open(name).read())

if __name__ == "__main__":
    for name in ("x", "y"):
        work(name)
    first = load("a")
    pipeline("b", "b.out")
    save("a.out", first)
    threads = [threading.Thread(target=copy, args=[number]) for number in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    asyncio.run(both())
    with provgraph.step("last", folds=5):
        open("last.out", "w").write(open("c").read())
    child = multiprocessing.get_context("fork").Process(target=work, args=["z"])
    child.start()
    child.join()
    try:
        load("missing")
    except OSError:
        pass
"""
TRACKED = SCRIPT.replace('__main__":\n', '__main__":\n    provgraph.track()\n')


@pytest.fixture
def project(tmp_path: Path) -> Workspace:
    workspace = Workspace(create_project(tmp_path), environment(), PYTHON)
    for name in ("a", "b", "c", "x", "y", "z", *(f"in{number}" for number in range(4))):
        (tmp_path / name).write_text(name)
    return workspace


def origins(workspace: Workspace, name: str) -> set[str]:
    with open_graph(workspace.root) as graph:
        rows = graph.file(name).lineage().where("kind = other").select("path")
        return {str(row["path"]) for row in rows}


@pytest.mark.parametrize("how", ["provgraph run", "track"])
def test_each_step_has_what_it_did_itself_and_what_it_was_told(
    project: Workspace, how: str
) -> None:
    (project.root / "script.py").write_text(TRACKED if how == "track" else SCRIPT)
    if how == "track":
        project.environment["PYTHONPATH"] = ""
        import subprocess

        subprocess.run(
            [sys.executable, "script.py"], cwd=project.root, env=project.environment, check=True
        )
    else:
        done = project.run(sys.executable, "script.py")
        assert (done.returncode, done.stderr) == (0, "")
    assert origins(project, "x.work") == {"x"}
    assert origins(project, "y.work") == {"y"}, "a call that gives nothing back tells nothing"
    assert origins(project, "b.out") == {"a", "b"}, "what the program knew was there to be given"
    assert origins(project, "a.out") == {"a"}, "`pipeline` gave nothing back"
    for number in range(4):
        assert origins(project, f"out{number}") == {"a", f"in{number}"}
    assert origins(project, "in0.later") == {"a", "in0"}
    assert origins(project, "in1.later") == {"a", "in1"}
    assert origins(project, "last.out") >= {"a", "c"}
    steps = [step for step in project.all(StepSeen) if step.kind in ("function", "block")]
    by_id = {step.step: step for step in project.all(StepSeen)}
    (inner,) = (s for s in steps if s.argv == ["load(name=b, depth=3)"])
    assert (by_id[inner.parent].program, inner.script, inner.exit) == ("pipeline", "script.py", 0)
    assert inner.properties == {"param.name": "b", "param.depth": 3, "prop.line": 5}
    (failed,) = (s for s in steps if "missing" in s.argv[0])
    assert (failed.exit, failed.properties["prop.error"]) == (1, "FileNotFoundError")
    sizes = {s.properties["metric.size"] for s in steps if s.program == "save" and s.exit == 0}
    assert sizes == {1}
    assert {s.properties["param.rate"] for s in steps if s.program == "slow"} == {0.5}
    assert {s.properties["param.folds"] for s in steps if s.kind == "block"} == {5}
    if how != "track":  # a fork is its gap
        assert origins(project, "z.work") >= {"z"}
        assert project.ended.verdict == "complete"
    assert not any(b"hunter2" in path.read_bytes() for path in project.project.journal.iterdir())


def test_outside_a_run_they_do_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import provgraph

    monkeypatch.delenv(SPOOL, raising=False)

    @provgraph.step
    def double(number: int) -> int:
        return number * 2

    with provgraph.step("block"):
        assert double(2) == 4
    assert double.__name__ == "double"


def test_what_no_store_holds_is_kept_as_text_or_passed_over(project: Workspace) -> None:
    (project.root / "large.py").write_text(
        "import os, provgraph\n"
        "from provgraph.tracking import METRICS, run_folder\n"
        "provgraph.log_params(large=10**30, longest=1 << 20000)\n"
        "with provgraph.step('fit', large=10**30, longest=1 << 20000, row=[10**5000]):\n"
        "    open('a.out', 'w').write(open('a').read())\n"
        "with open(os.path.join(run_folder(), METRICS), 'a') as said:\n"
        '    for line in (\'param", "value\', \'metric", "at\', \'enter", "how": "x", "id\', \'leave", "tick\'):\n'
        '        print(\'{"kind": "\' + line + \'": \' + \'9\' * 400 + \', "name": "n", "pid": 1}\', file=said)\n'
    )
    done = project.run(sys.executable, "large.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert origins(project, "a.out") == {"a"}
    assert project.ended.properties["param.large"] == hex(10**30)
    with open_graph(project.root) as graph:
        assert len(graph.ask(f'step "fit" | where param.large = "{hex(10**30)}"')) == 1
