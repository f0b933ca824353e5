"""`provgraph run` from a shell: the program is its own, and what it did is found afterwards.

Over both that do it: Python's runner, and the native front.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from capture.workspace import PYTHON

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(params=["python", "native"])
def provgraph(request: pytest.FixtureRequest) -> list[str]:
    return PYTHON if request.param == "python" else [str(request.getfixturevalue("native_front"))]


@pytest.fixture
def start(project: Path, provgraph: list[str]) -> Start:
    def begin(*words: str, **options: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen([*provgraph, *words], cwd=project, text=True, **options)

    return begin


def appears(path: Path) -> None:
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not appear")


@pytest.mark.parametrize("status", [0, 1, 3, 42, 255])
def test_the_exit_status_is_the_programs(cli: Any, status: int) -> None:
    assert cli("run", "--", "sh", "-c", f"exit {status}", check=False).returncode == status


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV"])
def test_a_program_that_a_signal_ends_ends_the_run_by_it(cli: Any, name: str) -> None:
    done = cli("run", "--", "sh", "-c", f"ulimit -c 0; kill -{name} $$", check=False)
    assert done.returncode == -getattr(signal, f"SIG{name}")
    (run,) = json.loads(cli("log", "--json").stdout)
    assert run["properties"]["signal"] == f"SIG{name}"


def test_streams_are_the_programs(project: Path, provgraph: list[str]) -> None:
    done = subprocess.run(
        [*provgraph, "run", "--", "sh", "-c", "cat; echo told >&2"],
        cwd=project,
        input="given",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "given"
    assert done.stderr.splitlines()[-1] == "told"


def test_a_command_that_does_not_exist(cli: Any) -> None:
    done = cli("run", "--", "no-such-command-here", check=False)
    assert done.returncode == 127
    assert "no-such-command-here" in done.stderr


def test_a_file_that_is_no_program(cli: Any, project: Path) -> None:
    (project / "data.txt").write_text("x")
    assert cli("run", "--", "./data.txt", check=False).returncode == 126


def test_a_failed_command_is_recorded_with_what_it_wrote(cli: Any) -> None:
    done = cli("run", "--", "sh", "-c", "echo x > out.txt; exit 7", check=False)
    assert done.returncode == 7
    assert "echo x > out.txt" in cli("why", "out.txt").stdout


def test_ctrl_c_ends_the_program_and_is_recorded(cli: Any, project: Path, start: Start) -> None:
    cli("init")
    child = start("run", "--", "sh", "-c", "echo x > begun.txt; sleep 60", start_new_session=True)
    appears(project / "begun.txt")
    time.sleep(0.3)
    os.killpg(child.pid, signal.SIGINT)
    assert child.wait(30) == -signal.SIGINT
    (run,) = json.loads(cli("log", "--json").stdout)
    assert run["properties"]["signal"] == "SIGINT"
    assert "begun.txt" in cli("why", "begun.txt").stdout


def test_outside_a_project_one_is_made_at_the_git_root_and_said_once(
    cli: Any, project: Path, provgraph: list[str]
) -> None:
    subprocess.run(["git", "init", "-q", project], check=True)
    inner = project / "deep" / "inner"
    inner.mkdir(parents=True)
    for expected in (1, 0):
        done = subprocess.run(
            [*provgraph, "run", "--", "sh", "-c", "echo x > here.txt"],
            cwd=inner,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr.count("made a project in") == expected
    assert (project / "provgraph.toml").is_file()
    assert (project / ".provgraph").stat().st_mode & 0o777 == 0o700
    ignored = ["git", "-C", str(project), "status", "--porcelain", "--", ".provgraph"]
    assert subprocess.run(ignored, capture_output=True, check=True).stdout == b""
    assert "deep/inner/here.txt" in cli("why", "here.txt").stdout


def test_init_makes_what_a_clone_lacks_and_says_so(cli: Any, project: Path) -> None:
    cli("init")
    before = (project / "provgraph.toml").read_text()
    assert cli("init").stdout.strip() == f"{project} is a project already"
    shutil.rmtree(project / ".provgraph")  # it is in no repository
    assert "what lacked of its .provgraph/ is made" in cli("init").stdout
    assert (project / ".provgraph").stat().st_mode & 0o777 == 0o700
    assert (project / ".provgraph/.gitignore").read_text() == "*\n"
    assert json.loads(cli("init", "--json").stdout)["completed"] is False
    assert (project / "provgraph.toml").read_text() == before


def test_eight_runs_at_once_while_others_ask(cli: Any, project: Path, start: Start) -> None:
    cli("init")
    program = (
        "for i in 1 2 3 4 5; do cat in$0.txt > mid$0.$i.txt; cat mid$0.$i.txt > out$0.$i.txt; done"
    )
    for n in range(8):
        (project / f"in{n}.txt").write_text(f"input {n}")
    runs = [start("run", "--", "sh", "-c", program, str(n)) for n in range(8)]
    while any(run.poll() is None for run in runs):
        cli("log")
    assert [run.returncode for run in runs] == [0] * 8
    for n in range(8):
        query = f'file "out{n}.5.txt" | lineage | where kind = document | select path'
        rows = json.loads(cli("ask", query, "--json").stdout)
        assert {row["path"] for row in rows} == {f"mid{n}.5.txt", f"in{n}.txt"}
    log = json.loads(cli("log", "--json").stdout)
    assert len(log) == 8
    assert {run["properties"]["verdict"] for run in log} == {"complete"}


def test_kill_9_of_the_program_keeps_what_it_wrote_before(cli: Any, project: Path) -> None:
    (project / "in.txt").write_text("input")
    program = (
        "import os, signal\n"
        "open('first.txt', 'w').write(open('in.txt').read())\n"
        "held = open('second.txt', 'w'); held.write('x'); held.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = cli("run", "--", sys.executable, "-c", program, check=False)
    assert done.returncode == -signal.SIGKILL
    for name in ("first.txt", "second.txt"):
        assert "in.txt" in cli("why", name).stdout


def test_kill_9_of_provgraph_itself_keeps_what_was_written(
    cli: Any, project: Path, start: Start
) -> None:
    cli("init")
    (project / "in.txt").write_text("input")
    program = (
        "cat in.txt > first.txt; while [ ! -e go ]; do sleep 0.1; done; cat first.txt > last.txt"
    )
    child = start("run", "--", "sh", "-c", program)
    appears(project / "first.txt")
    time.sleep(0.3)
    child.kill()
    child.wait()
    (project / "go").touch()
    appears(project / "last.txt")
    time.sleep(0.5)
    text = cli("why", "last.txt").stdout
    assert "first.txt" in text
    assert "in.txt" in text
    (run,) = json.loads(cli("log", "--json").stdout)
    assert run["properties"]["verdict"] == "incomplete"


def test_parameters_and_tags_stay_with_the_run(cli: Any) -> None:
    cli("run", "--param", "depth=6", "--tag", "stage=nightly", "--", "sh", "-c", "echo x > y.txt")
    rows = json.loads(cli("ask", "run [param.depth = 6] | select id, tag.stage", "--json").stdout)
    assert [row["tag.stage"] for row in rows] == ["nightly"]


def test_metrics_that_the_program_logs_stay_with_the_run(cli: Any) -> None:
    program = "import provgraph; provgraph.log_metrics(auc=0.75); open('m.txt', 'w').write('x')"
    cli("run", "--", sys.executable, "-c", program)
    rows = json.loads(cli("ask", "run [metric.auc > 0.5] | select metric.auc", "--json").stdout)
    assert [row["metric.auc"] for row in rows] == [0.75]


def test_odd_file_names_are_kept_apart_and_found(cli: Any, project: Path) -> None:
    names = [
        b"line\nbreak.txt",
        b"latin-\xe9.txt",
        b"utf-8-\xc3\xa9.txt",
        b"quo'te\".txt",
        b"tab\t.txt",
    ]
    program = "import sys, os\nfor name in sys.argv[1:]:\n    open(os.fsencode(name), 'wb').write(os.fsencode(name))"
    cli("run", "--", sys.executable, "-c", program, *map(os.fsdecode, names))
    rows = json.loads(cli("ask", "file * | select path, size", "--json").stdout)
    sizes = sorted(row["size"] for row in rows)
    assert sizes == sorted(map(len, names))
    for name in names:
        assert "-c" in cli("why", os.fsdecode(name)).stdout


def test_a_deleted_input_is_still_in_the_answer(cli: Any, project: Path) -> None:
    (project / "in.txt").write_text("input")
    cli("run", "--", "sh", "-c", "cat in.txt > out.txt; rm in.txt")
    text = cli("why", "out.txt").stdout
    assert "in.txt" in text
    (row,) = json.loads(cli("ask", "file in.txt | select state", "--json").stdout)
    assert row["state"] == "deleted"


def test_two_pipelines_of_one_run_are_not_mixed(cli: Any, project: Path) -> None:
    for name in ("left", "right"):
        (project / f"{name}.txt").write_text(name)
    program = "cat left.txt > left.out & sort right.txt | head -1 > right.out; wait"
    cli("run", "--", "sh", "-c", program)
    for name, other in (("left", "right"), ("right", "left")):
        query = f'file "{name}.out" | lineage | where size > 0 | select path'
        rows = json.loads(cli("ask", query, "--json").stdout)
        assert [row["path"] for row in rows] == [f"{name}.txt"], other
