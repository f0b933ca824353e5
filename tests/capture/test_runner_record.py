"""What a run leaves in the journal: who, where, when, from which commit, and what it did to files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from blake3 import blake3
from capture.workspace import Workspace

from provgraph.ingest.capture import given, recording
from provgraph.model.journal import read_segment, segments
from provgraph.model.records import (
    EnvironmentSeen,
    Generated,
    Invalidated,
    RunEnded,
    RunStarted,
    StepSeen,
)


def digest_of(data: bytes) -> str:
    return "blake3:" + blake3(data).hexdigest()


def git(workspace: Workspace, *words: str) -> str:
    command = ["git", "-C", str(workspace.root), "-c", "user.name=Ann", "-c", "user.email=a@b.c"]
    return subprocess.run(
        [*command, *words], check=True, capture_output=True, text=True, env=workspace.environment
    ).stdout.strip()


@pytest.fixture
def static(workspace: Workspace, tmp_path: Path) -> str:
    """A program that the shim cannot be loaded into; it writes its second word to its first."""
    source = tmp_path / "static.c"
    source.write_text(
        "#include <stdio.h>\n"
        'int main(int n, char **w) { if (n < 3) return 0; FILE *f = fopen(w[1], "w");'
        " fputs(w[2], f); return fclose(f); }\n"
    )
    made = subprocess.run(
        ["cc", "-static", "-o", str(tmp_path / "static"), str(source)], check=False
    )
    if made.returncode:
        pytest.skip("needs a C library to link statically")
    return str(tmp_path / "static")


def test_files_are_recorded_with_their_digests_and_the_segment_is_whole(
    workspace: Workspace,
) -> None:
    (workspace.root / "in").write_text("b\na\n")
    assert workspace.run("sh", "-c", "sort in > out").returncode == 0
    assert workspace.used()["in"].content.digest == digest_of(b"b\na\n")
    assert workspace.generated()["out"].content.digest == digest_of(b"a\nb\n")
    assert (workspace.ended.verdict, workspace.ended.gaps) == ("complete", [])
    (segment,) = segments(workspace.project.journal)
    assert segment.stem == workspace.started.run
    assert read_segment(segment).condition == "whole"


def test_nothing_is_left_in_the_spool_and_all_is_private(workspace: Workspace) -> None:
    workspace.run("sh", "-c", "ls -lR .provgraph > listing; echo x > out")
    assert workspace.ended.verdict == "complete"
    assert workspace.spools() == []
    for path in workspace.project.state.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600) or path.name == ".gitignore"
    listing = (workspace.root / "listing").read_text()
    assert workspace.started.run in listing
    own = " front" if workspace.native else " run.json"
    spooled = [line for line in listing.splitlines() if " events" in line or own in line]
    assert len(spooled) == 2
    assert all(line.startswith("-rw-------") for line in spooled)


def test_the_start_can_be_asked_for_while_the_program_runs(workspace: Workspace) -> None:
    process = workspace.start("sh", "-c", "touch begun; cat", stdin=subprocess.PIPE)
    while not (workspace.root / "begun").exists():
        time.sleep(0.01)
    (started,) = workspace.records()
    (segment,) = segments(workspace.project.journal)
    assert read_segment(segment).condition == "open"
    assert workspace.records() == [started]
    process.communicate("")
    assert started in workspace.all(RunStarted)
    assert {record.run for record in workspace.all(RunStarted)} == {workspace.ended.run}


def test_who_where_when_and_how(workspace: Workspace) -> None:
    (workspace.root / "sub").mkdir()
    workspace.run("sh", "-c", "exit 3", cwd=workspace.root / "sub")
    started, ended = workspace.started, workspace.ended
    assert started.argv == ["sh", "-c", "exit 3"]
    assert started.cwd == "sub"
    assert started.when.host == os.uname().nodename
    assert started.when.boot == Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    assert 0 < ended.when.at - started.when.at < 60_000_000_000
    assert 0 < ended.when.tick - started.when.tick < 60_000_000_000
    assert started.user
    assert (ended.exit, ended.signal) == (3, "")


def test_the_commit_and_whether_the_work_tree_differs_from_it(workspace: Workspace) -> None:
    git(workspace, "init", "-q")
    git(workspace, "config", "user.name", "Ann Author")
    git(workspace, "config", "user.email", "ann@example.org")
    (workspace.root / "data").write_text("1")
    git(workspace, "add", "-A")
    git(workspace, "commit", "-qm", "x")
    workspace.run("sh", "-c", "cat data; echo 2 > data; echo new > new")
    started = workspace.started
    assert (started.agent, started.email) == ("Ann Author", "ann@example.org")
    assert (started.commit, started.dirty) == (git(workspace, "rev-parse", "HEAD"), False)
    assert workspace.used()["data"].content.blob == "git:" + git(
        workspace, "rev-parse", "HEAD:data"
    )
    for name in ("data", "new"):
        blob = workspace.generated()[name].content.blob
        assert blob == "git:" + git(workspace, "hash-object", name)
    workspace.run("true")
    assert {record.dirty for record in workspace.all(RunStarted)} == {False, True}


def test_outside_git_the_account_is_who_did_it(workspace: Workspace) -> None:
    workspace.run(
        "true",
        env={
            **workspace.environment,
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
        },
    )
    assert (workspace.started.commit, workspace.started.dirty) == ("", None)
    assert workspace.started.agent == workspace.started.user


def test_flags_and_what_the_program_says_are_the_run_s_properties(workspace: Workspace) -> None:
    (workspace.root / "train.py").write_text(
        "from provgraph.tracking import log_metrics, log_params\n"
        "log_params({'depth': 5, 'model': {'seed': 3}}, depth=6, criterion='gini', seed=1)\n"
        "log_metrics(auc=0.5, loss=float('nan'))\n"
        "log_metrics(auc=0.75)\n"
    )
    params = ("seed=2", "api_key=hush", f"large={'9' * 30}")
    flags = ("--tag", "stage=night", *(word for each in params for word in ("--param", each)))
    done = workspace.run(sys.executable, "train.py", flags=(*flags, "--json"))
    assert workspace.ended.properties == {
        "param.depth": 6,
        "param.model.seed": 3,
        "param.criterion": "gini",
        "param.seed": 2,
        "param.api_key": "[redacted]",
        "param.large": "9" * 30,
        "metric.auc": 0.75,
        "metric.loss": "nan",
        "tag.stage": "night",
    }
    shown = json.loads(done.stderr)
    assert shown["run"] == workspace.started.run
    assert shown["properties"]["metric.auc"] == 0.75


def test_secrets_of_the_command_line_reach_no_file(workspace: Workspace) -> None:
    workspace.run("sh", "-c", "exit 0", "sh", "--password", "hunter2", "--token=hunter2")
    assert workspace.started.argv[-3:] == ["--password", "[redacted]", "--token=[redacted]"]
    for path in workspace.project.state.rglob("*"):
        assert path.is_dir() or b"hunter2" not in path.read_bytes()


def test_a_command_line_that_is_no_text_is_recorded(workspace: Workspace) -> None:
    done = workspace.run("sh", "-c", 'echo x > "$1"', "sh", b"caf\xe9")
    assert done.returncode == 0
    (name,) = [path for path in os.listdir(os.fsencode(workspace.root)) if path.startswith(b"caf")]
    assert name == b"caf\xe9"
    assert len(workspace.all(Generated)) == 1


def test_the_environment_names_the_interpreter_and_the_packages_that_were_used(
    workspace: Workspace,
) -> None:
    workspace.run(sys.executable, "-c", "import msgspec")
    (environment,) = workspace.all(EnvironmentSeen)
    assert environment.python == "{}.{}.{}".format(*sys.version_info)
    assert any(package.startswith("msgspec==") for package in environment.packages)
    assert workspace.started.environment == environment.environment
    workspace.run(sys.executable, "-c", "import msgspec")
    assert len({e.environment for e in workspace.all(EnvironmentSeen)}) == 1
    workspace.run("true")
    assert len({e.environment for e in workspace.all(EnvironmentSeen)}) == 2


def test_what_an_unseen_program_changed_is_recorded_without_a_writer(
    workspace: Workspace, static: str
) -> None:
    (workspace.root / "gone").write_text("x")
    script = f"{static} made bytes; rm gone; echo seen > seen"
    workspace.run("sh", "-c", script, flags=("--backend", "preload"))
    made = workspace.generated()
    assert (made["made"].attributed, made["seen"].attributed) == (False, True)
    assert made["made"].content.digest == digest_of(b"bytes")
    (step,) = [step for step in workspace.all(StepSeen) if step.kind == "unattributed"]
    assert made["made"].step == step.step
    assert all(record.step != step.step for record in workspace.all(Invalidated))
    assert workspace.ended.verdict == "incomplete"
    assert "1 file changed by a program that was not seen" in workspace.ended.gaps


def test_a_run_of_which_nothing_was_seen_is_a_loud_warning(
    workspace: Workspace, static: str
) -> None:
    done = workspace.run(static, flags=("--backend", "preload"))
    assert done.returncode == 0
    assert done.stderr == "provgraph: NOTHING was recorded of this run: static\n"
    assert workspace.ended.verdict == "nothing recorded"


@pytest.mark.parametrize("backend", ["auto", "ptrace"])
def test_a_static_program_is_recorded_by_the_tracer(
    workspace: Workspace, static: str, backend: str
) -> None:
    for command in ([static, "made", "bytes"], ["sh", "-c", f"{static} made bytes; :"]):
        done = workspace.run(*command, flags=("--backend", backend))
        assert (done.returncode, done.stderr) == (0, "")
        assert workspace.generated()["made"].attributed
        assert workspace.ended.verdict == "complete"
    assert workspace.started.backend == {"auto": "preload", "ptrace": "ptrace"}[backend]


def test_a_touched_file_is_no_change(workspace: Workspace) -> None:
    (workspace.root / "file").write_text("x")
    workspace.run("touch", "-d", "2001-01-01", "file")
    workspace.run("chmod", "600", "file")
    assert [record for record in workspace.all(Generated) if not record.attributed] == []


def test_two_runs_in_one_tree_do_not_claim_each_other_s_files(workspace: Workspace) -> None:
    script = "echo x > $0.begun; n=0; while [ ! -e $1.begun ] && [ $((n+=1)) -lt 3000 ]; do sleep 0.02; done; echo $0 > $0"
    first = workspace.start("sh", "-c", script, "one", "two")
    second = workspace.start("sh", "-c", script, "two", "one")
    assert (first.wait(), second.wait()) == (0, 0)
    assert [record for record in workspace.all(StepSeen) if record.kind == "unattributed"] == []
    assert {record.verdict for record in workspace.all(RunEnded)} == {"complete"}
    assert {"one", "two"} <= workspace.generated().keys()


def test_a_run_within_a_run_names_the_step_that_started_it(workspace: Workspace) -> None:
    inner = [str(word) for word in workspace.command("sh", "-c", "echo x > out")]
    assert workspace.run(*inner).returncode == 0
    ends = {record.run: record for record in workspace.all(RunEnded)}
    parents = {record.run: record.parent for record in workspace.all(RunStarted)}
    (outer,) = [run for run, parent in parents.items() if not parent]
    (within,) = [run for run, parent in parents.items() if parent]
    steps = {record.step: record.run for record in workspace.all(StepSeen)}
    assert steps[parents[within]] == outer
    assert [steps[record.step] for record in workspace.all(Generated)] == [within]
    assert {ends[outer].verdict, ends[within].verdict} == {"complete"}


def test_what_is_read_from_a_pipe_of_others_is_a_gap(workspace: Workspace) -> None:
    assert workspace.run("sort", "-o", "out", input="2\n1\n").returncode == 0
    assert (workspace.root / "out").read_text() == "1\n2\n"
    assert workspace.ended.gaps == [given.GAP]


@pytest.mark.parametrize("backend", ["auto", "ptrace"])
def test_a_fifo_that_nobody_in_the_run_writes_to_is_a_gap(
    workspace: Workspace, backend: str
) -> None:
    root = workspace.root
    for name in ("theirs", "ours"):
        os.mkfifo(root / name)
    (root / "a").write_text("a\n")
    own = "cat a > ours & sort < ours > own; bash -c 'sort <(cat a) > other'; wait"
    flags = ("--backend", backend)
    assert workspace.run("sh", "-c", own, flags=flags).returncode == 0
    with subprocess.Popen(["sh", "-c", "cat a > theirs"], cwd=root):
        assert workspace.run("sh", "-c", "sort < theirs > got", flags=flags).returncode == 0
    assert (root / "got").read_text() == "a\n"
    gaps = {record.run: record.gaps for record in workspace.all(RunEnded)}
    runs = {record.argv[2]: record.run for record in workspace.all(RunStarted)}
    assert gaps[runs[own]] == []
    (unseen,) = [gaps[run] for script, run in runs.items() if script != own]
    assert unseen == ["input through a FIFO that nobody in the run writes to not seen"]


@pytest.mark.parametrize("said", [b"", b"nobody reads it"])
def test_a_pipe_of_others_that_nobody_reads_is_none(workspace: Workspace, said: bytes) -> None:
    read, write = os.pipe()
    os.write(write, said)
    (workspace.root / "a").write_text("1\n")
    try:
        assert workspace.run("cp", "a", "b", stdin=read).returncode == 0
        assert workspace.ended.verdict == "complete"
        os.close(write)
        assert workspace.run("cp", "a", "b", stdin=read).returncode == 0
        assert workspace.ended.verdict == "complete"
        assert os.read(read, 99) == said
    finally:
        os.close(read)


WAITING = ": > begun; while [ ! -e ../done ]; do sleep 0.02; done"
SPLICED = (
    "import os; os.splice(0, os.open('b', os.O_WRONLY | os.O_CREAT), 9); open('begun', 'w').close()"
)
INPUTS = {
    "closed": (f"exec <&-; {WAITING}; cat a > b", b"", b"more", False),
    "another": (f"exec < /dev/null; {WAITING}; cat a > b", b"", b"more", False),
    "nothing came": (f"{WAITING}; cat a > b", b"", b"", False),
    "nothing to read": (f"{WAITING}; cat > b", b"", b"", False),
    "unread": (f"{WAITING}; cat a > b", b"line\n", b"more", False),
    "read": (f"{WAITING}; cat > b", b"", b"more", True),
    "read at once": (f"read line; {WAITING}; echo $line > b", b"line\n", b"", True),
    "spliced": (f'{sys.executable} -c "{SPLICED}"; {WAITING}', b"line\n", b"", True),
}


@pytest.mark.parametrize("how", INPUTS)
def test_an_input_is_a_gap_just_where_something_was_taken_out_of_it(
    workspace: Workspace, how: str
) -> None:
    script, before, after, taken = INPUTS[how]
    (workspace.root / "a").write_text("a\n")
    read, write = os.pipe()
    os.write(write, before)
    with workspace.start("sh", "-c", script, stdin=read) as run:
        while not (workspace.root / "begun").exists() and run.poll() is None:
            time.sleep(0.02)
        os.write(write, after)
        os.close(write)
        (workspace.root.parent / "done").touch()
    os.close(read)
    assert run.returncode == 0
    sure = given.tells_of_reading()  # else it counts as read
    assert workspace.ended.gaps == ([given.GAP] if taken or not sure else [])


def test_ignored_files_are_not_recorded(workspace: Workspace) -> None:
    (workspace.root / ".provgraphignore").write_text("scratch/\n*.tmp\n")
    (workspace.root / "scratch").mkdir()
    workspace.run("sh", "-c", "echo x | tee scratch/a b.tmp kept")
    assert set(workspace.generated()) == {"kept"}


def test_a_tree_that_is_too_large_is_said_not_to_have_been_compared(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from provgraph.ingest.capture import runner, tree

    for number in range(5):
        (workspace.root / f"{number}").write_text("")
    look = tree.look
    monkeypatch.setattr(tree, "look", lambda root, ignored: look(root, ignored, most=3))
    monkeypatch.chdir(workspace.root)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert runner.run(["true"], workspace.project) == 0
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    assert "changes by unseen programs were not looked for" in workspace.ended.gaps[0]


def test_a_copy_with_its_times_keeps_the_digest_of_what_it_copied(workspace: Workspace) -> None:
    (workspace.root / "in").write_text("data")
    os.utime(workspace.root / "in", (1, 1))
    workspace.run("cp", "-p", "in", "out")
    assert workspace.generated()["out"].content.digest == digest_of(b"data")


def test_an_input_is_hashed_before_the_program_overwrites_it(workspace: Workspace) -> None:
    (workspace.root / "in").write_text("old")
    workspace.run("sh", "-c", "cat in > copy; sleep 0.5; echo new > in")
    assert workspace.used()["in"].content.digest == digest_of(b"old")
    assert workspace.generated()["in"].content.digest == digest_of(b"new\n")


def test_the_order_of_the_journal_begins_with_the_start_and_ends_with_the_end(
    workspace: Workspace,
) -> None:
    workspace.run("sh", "-c", "echo x > out")
    records = workspace.records()
    assert isinstance(records[0], RunStarted)
    assert isinstance(records[-1], RunEnded)


def test_a_secret_param_is_redacted() -> None:
    kept = recording.without_secrets({"param.password": "x", "tag.owner": "ann", "param.n": 1})
    assert kept == {"param.password": "[redacted]", "tag.owner": "ann", "param.n": 1}


def test_a_project_without_its_state_folder_gets_one(workspace: Workspace) -> None:
    shutil.rmtree(workspace.project.state)
    workspace.run("sh", "-c", "echo x > out")
    assert workspace.ended.verdict == "complete"
