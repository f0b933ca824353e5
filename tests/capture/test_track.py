"""`provgraph.track` records a Python process that was not started under capture, and says what it cannot see."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from capture.workspace import Workspace, environment

from provgraph.config import create_project
from provgraph.errors import JournalError
from provgraph.graph import open as open_graph
from provgraph.ingest.capture import recover
from provgraph.ingest.capture.inside import NATIVE
from provgraph.model.journal import read_segment, segments
from provgraph.model.records import Generated, Invalidated, Observation, RunStarted, StepSeen, Used

SCRIPT = """
import os, subprocess, sys
import helper
import provgraph

before = open("before").read()
with provgraph.track(stage="nightly"):
    provgraph.log_params(depth=6)
    text = open("a").read()
    with open("first", "w") as file:
        file.write(text)
    other = helper.read("b")
    with open("second.tmp", "w") as file:
        file.write(other)
    os.replace("second.tmp", "second")
    subprocess.run(["cp", "first", "third"], check=True)
    with open("log", "a") as file:
        file.write("more")
    os.remove("old")
    provgraph.log_metrics(auc=0.5)
open("after", "w").write(open("second").read())
print(sorted(name for name in os.environ if name.startswith("PROVGRAPH") or name == "LD_PRELOAD"))
"""


@pytest.fixture
def tracked(tmp_path: Path) -> Workspace:
    workspace = Workspace(create_project(tmp_path), environment())
    for name in ("a", "b", "before", "old", "log"):
        (tmp_path / name).write_text(name)
    (tmp_path / "helper.py").write_text("def read(name): return open(name).read()\n")
    return workspace


def run(workspace: Workspace, text: str, *command: str) -> str:
    (workspace.root / "script.py").write_text(text)
    words = [*command, sys.executable, "script.py"]
    done = subprocess.run(
        words, cwd=workspace.root, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def lineage(workspace: Workspace, name: str) -> set[str]:
    with open_graph(workspace.root) as graph:
        rows = graph.file(name).lineage().select("path", "program")
        return {str(row["path"]) for row in rows if row["program"] is None}


def test_what_python_and_its_children_do_in_the_block_is_recorded(tracked: Workspace) -> None:
    assert run(tracked, SCRIPT) == "[]\n"
    code = {"script.py", "helper.py"}
    assert lineage(tracked, "first") == {*code, "a"}
    assert lineage(tracked, "second") >= {*code, "a", "b"}
    assert lineage(tracked, "third") == {*code, "first", "a"}
    assert set(tracked.generated()) == {"first", "second", "third", "log"}
    assert "before" not in tracked.used()
    assert [r.uri for r in tracked.all(Invalidated) if r.how == "delete"] == ["old"]
    assert (tracked.ended.verdict, tracked.ended.gaps) == ("incomplete", [NATIVE])
    assert tracked.ended.properties == {
        "tag.stage": "nightly",
        "param.depth": 6,
        "metric.auc": 0.5,
    }


def test_without_a_block_it_lasts_until_the_process_ends(tracked: Workspace) -> None:
    text = "import provgraph\nprovgraph.track()\nopen('made', 'w').write(open('a').read())\n"
    run(tracked, text)
    assert lineage(tracked, "made") == {"script.py", "a"}


def test_a_decorated_function_is_a_run_each_time(tracked: Workspace) -> None:
    text = (
        "import provgraph\n\n@provgraph.track()\ndef main(name):\n"
        "    open(name + '.out', 'w').write(open(name).read())\n\n"
        "open('before', 'w').write('x')\nmain('a')\nmain('b')\n"
    )
    run(tracked, text)
    assert lineage(tracked, "a.out") == {"script.py", "a"}
    assert lineage(tracked, "b.out") == {"script.py", "b"}
    assert len({record.run for record in tracked.all(RunStarted)}) == 2


def test_under_provgraph_run_there_is_one_record_and_it_is_whole(tracked: Workspace) -> None:
    run(tracked, SCRIPT.splitlines()[0] + SCRIPT, *tracked.provgraph, "run", "--")
    assert len({record.run for record in tracked.all(RunStarted)}) == 1
    assert tracked.ended.verdict == "complete"
    assert lineage(tracked, "after") >= {"before", "second", "b"}


def test_processes_forked_without_an_exec_are_a_gap(tracked: Workspace) -> None:
    text = (
        "import os, provgraph\nwith provgraph.track():\n    pid = os.fork()\n"
        "    if pid == 0:\n        open('made', 'w').write('x')\n        os._exit(0)\n    os.waitpid(pid, 0)\n"
    )
    run(tracked, text)
    assert "processes forked without an exec not seen" in tracked.ended.gaps
    assert tracked.generated()["made"].attributed is False


def test_what_threads_do_at_once_is_recorded_of_each(tracked: Workspace) -> None:
    text = (
        "import provgraph\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def write(name):\n"
        "    with open(name, 'w') as file:\n"
        "        file.write(name)\n"
        "with provgraph.track(), ThreadPoolExecutor(8) as threads:\n"
        "    list(threads.map(write, [f'made{n:03}' for n in range(400)]))\n"
    )
    run(tracked, text)
    assert set(tracked.generated()) == {f"made{n:03}" for n in range(400)}
    assert all(record.attributed for record in tracked.all(Generated))


WRITTEN_MEANWHILE = """
import os, subprocess, threading
import provgraph

track, done, written = provgraph.track(), threading.Event(), []

def write():
    while not done.wait(0.01):
        track.write()
        written.append(True)

writer = threading.Thread(target=write, daemon=True)
writer.start()
given = dict(os.environ)
while len(written) < 10:
    assert dict(os.environ) == given
for number in range(10):
    with provgraph.step(f"step {number}"):
        subprocess.run(["cp", "a", f"copy {number}"], check=True)
done.set()
writer.join()
"""


def test_nothing_is_missed_that_is_done_while_it_is_written_down(tracked: Workspace) -> None:
    run(tracked, WRITTEN_MEANWHILE)
    copies = {f"copy {number}" for number in range(10)}
    assert set(tracked.generated()) == copies
    assert all("a" in lineage(tracked, name) for name in copies)
    steps = tracked.all(StepSeen)
    blocks = {step.step for step in steps if step.kind == "block"}
    programs = {os.path.basename(step.argv[0]) for step in steps if step.kind == "process"}
    assert (len(blocks), programs) == (10, {os.path.basename(sys.executable), "cp"})


BESIDE_AN_IMPORT = """
import threading
from importlib._bootstrap import _ModuleLockManager
import provgraph

track = provgraph.track()
track.write()
with _ModuleLockManager("provgraph.ingest.capture.recover"):
    writer = threading.Thread(target=track.write)
    writer.start()
    while not track._tracking._lock.locked():
        pass
    with open("a") as source, open("out", "w") as target:
        target.write(source.read())
    assert writer.is_alive()
writer.join()
"""


def test_what_is_written_down_waits_for_an_import_of_the_program_and_not_the_other_way_around(
    tracked: Workspace,
) -> None:
    run(tracked, BESIDE_AN_IMPORT)
    assert "a" in lineage(tracked, "out")


LONG = """
import sys
import provgraph

with provgraph.track():
    for line in sys.stdin:
        with open("in") as source, open(f"out-{line.strip()}", "w") as target:
            target.write(source.read())
        print(line, end="", flush=True)
"""


def test_what_goes_on_for_long_is_written_down_meanwhile(tracked: Workspace) -> None:
    settings = tracked.root / "provgraph.toml"
    settings.write_text(settings.read_text() + '\n[capture]\nevery = "1ms"\n')
    (tracked.root / "in").write_text("in")
    process = subprocess.Popen(
        [sys.executable, "-c", LONG],
        cwd=tracked.root,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout

    def seen() -> set[str]:
        made = [r for r in records(tracked) if isinstance(r, Generated)]
        return {name.uri for record in made for name in record.names}

    number = 0
    while "out-0" not in seen():
        print(number, file=process.stdin, flush=True)
        assert process.stdout.readline() == f"{number}\n"
        number += 1
        time.sleep(0.02)
    assert process.poll() is None
    process.stdin.close()
    assert process.wait() == 0
    process.stdout.close()
    told = [r.version for r in records(tracked) if isinstance(r, Generated)]
    assert len(told) == len(set(told)) == number


def records(workspace: Workspace) -> list[Observation]:
    """What stands in the journal by now."""
    found: list[Observation] = []
    for path in segments(workspace.project.journal):
        with suppress(JournalError):  # it is being begun
            found += read_segment(path).records
    return found


LATER = """
import asyncio, os, sys
import provgraph

def copy(name):
    with open(name + "-copy", "w") as file:
        file.write(open(name).read())

@provgraph.track()
async def awaited(name):
    await asyncio.sleep(0)
    copy(name)
    return name

@provgraph.track()
def generated(name):
    sent = yield name
    copy(sent)
    return sent

@provgraph.track()
async def generated_async(name):
    yield name
    copy(name)

async def main():
    assert await awaited("a") == "a"
    assert [name async for name in generated_async("b")] == ["b"]

asyncio.run(main())
steps = generated("log")
assert next(steps) == "log"
try:
    steps.send("before")
except StopIteration as end:
    assert end.value == "before"
"""


def test_what_a_coroutine_or_a_generator_does_after_its_call_is_of_its_run(
    tracked: Workspace,
) -> None:
    run(tracked, LATER)
    assert lineage(tracked, "a-copy") == {"script.py", "a"}
    assert lineage(tracked, "b-copy") == {"script.py", "b"}
    assert lineage(tracked, "before-copy") == {"script.py", "before"}


KILLED = """
import os
import provgraph

provgraph.track()
class Stubborn:
    def __str__(self):
        raise RuntimeError
    item = __str__
provgraph.log_params(Stubborn(), name=Stubborn())
process = os.fork()
if process:
    os.waitpid(process, 0)
    open("before").close()
    import subprocess
    subprocess.run(["true"])
    provgraph.ingest.capture.inside._listeners[0].write()
os._exit(5 * bool(process))
"""


def test_a_process_that_ends_at_once_keeps_its_gaps_and_has_no_status_of_others(
    tracked: Workspace,
) -> None:
    (tracked.root / "script.py").write_text(KILLED)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tracked.root, env=environment(), check=False
    )
    assert done.returncode == 5
    with open_graph(tracked.root) as graph:
        (found,) = graph.run().nodes()
    assert found.properties.get("exit") is None
    assert found.properties["param.name"] == "<Stubborn>"
    assert "processes forked without an exec not seen" in str(found.properties["gaps"])


SLOTS = """
from dataclasses import dataclass
import provgraph

@dataclass(slots=True)
class Settings:
    depth: int = 6
    _own: int = 7

with provgraph.track():
    provgraph.log_params(Settings())
    open("before").close()
"""


def test_what_a_dataclass_with_slots_holds_is_kept(tracked: Workspace) -> None:
    run(tracked, SLOTS)
    with open_graph(tracked.root) as graph:
        (found,) = graph.run().nodes()
    kept = {name: said for name, said in found.properties.items() if name.startswith("param.")}
    assert kept == {"param.depth": 6}


MANY = """
import provgraph
from provgraph.ingest.capture import hashing, inside, itself, marks, put_away, spool
from provgraph.ingest.capture.assemble import known, phases, report

inside._MANY = itself.MOST_HELD = spool.MOST_HELD = hashing.MOST_KNOWN = {limit}
marks.MOST = known.MOST = phases.MANY = report._MANY = {limit}
put_away.CACHE = 256
tracked = provgraph.track()
long = open("long", "w")
for number in range({count}):
    with open("in") as source, open("{made}%d" % number, "w") as target:
        target.write(source.read() + str(number))
    if number == 60:
        tracked.write()
print("long", file=long)
long.close()
tracked.end()
for line in open("/proc/self/status"):
    if line.startswith("VmHWM:"):
        print(line.split()[1])
"""


def test_what_it_holds_does_not_grow_with_what_is_done(
    tracked: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tracked.root / "in").write_text("in")
    peaks = []
    for count in (1000, 4000):
        made = tmp_path_factory.mktemp("beside") / "made"  # the project's own tree is known
        peaks.append(int(run(tracked, MANY.format(limit=500, count=count, made=made))) * 1024)
    assert peaks[1] - peaks[0] < 450 * 4 * 3000, peaks  # each time four events
    told = [r.version for r in records(tracked) if isinstance(r, Generated)]
    assert len(told) == len(set(told)) == 1000 + 4000 + 2


def test_what_it_reads_again_it_tells_as_it_would_have(tracked: Workspace) -> None:
    (tracked.root / "in").write_text("in")
    told = []
    for limit in (3, 1_000_000):
        before = len(records(tracked))
        run(tracked, MANY.format(limit=limit, count=120, made="made"))
        found = records(tracked)[before:]
        made = [(r.names[-1].uri, r.content.digest) for r in found if isinstance(r, Generated)]
        used = [r.uri for r in found if isinstance(r, Used)]
        told.append((sorted(made), sorted(used)))
        for number in range(120):
            (tracked.root / f"made{number}").unlink()
    assert len(told[0][0]) == 121 and all(digest.startswith("blake3:") for _, digest in told[0][0])
    assert told[0] == told[1]


HARMS_ITSELF = """
import os, shutil
import provgraph
from provgraph.ingest.capture import inside

inside._MANY = 10
with provgraph.track():
    for number in range(30):
        open(f"a{{number}}", "w").close()
    {harm}
    for number in range(30):
        open(f"b{{number}}", "w").close()
print(open("mine").read() if os.path.exists("mine") else "")
"""
CLOSES_ALL = """
    os.closerange(3, 100)
    mine = [os.open("mine", os.O_RDWR | os.O_CREAT) for _ in range(20)]
"""


def test_what_it_saw_outlives_its_recording(tracked: Workspace) -> None:
    run(tracked, HARMS_ITSELF.format(harm='shutil.rmtree(".provgraph/spool")'))
    made = {record.names[-1].uri for record in records(tracked) if isinstance(record, Generated)}
    assert made == {f"{name}{number}" for name in "ab" for number in range(30)}


def test_it_writes_to_no_file_of_a_process_that_closes_all(tracked: Workspace) -> None:
    assert run(tracked, HARMS_ITSELF.format(harm=CLOSES_ALL)).strip() == ""
    made = tracked.generated()
    assert {f"a{number}" for number in range(30)} <= set(made)
    assert recover.KILLED in tracked.ended.gaps
