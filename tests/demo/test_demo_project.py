"""Is the demo a project that works, and is what is written down about it true?"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from provgraph import demo
from provgraph.demo import truth
from provgraph.errors import ProvgraphError, UsageError

PACKAGED = Path(demo.__file__).parent / "project"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("demo") / "project"
    demo.prepare(target)
    return target


@pytest.fixture(scope="module")
def trace(project: Path) -> Iterator[Path]:
    """What strace saw of the pipeline's run in `project`."""
    traced = project.parent / "trace"
    strace = ["strace", "-f", "-y", "-s", "4096", "-o", str(traced)]
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    if subprocess.run([*strace, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("strace may not trace here")
    calls = "execve,open,openat,creat,close,exit_group,clone,clone3,fork,vfork"
    subprocess.run(
        [*strace, "-e", f"trace={calls}", *demo.PIPELINE],
        cwd=project,
        env=demo.environment(),
        check=True,
    )
    yield traced


def git(project: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=project, check=True, capture_output=True, text=True
    ).stdout


def test_the_prepared_files_are_those_that_are_shipped(project: Path) -> None:
    shipped = {
        str(path.relative_to(PACKAGED)): path.read_bytes()
        for path in PACKAGED.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name: (project / name).read_bytes() for name in shipped} == shipped
    assert set(git(project, "ls-files").split()) == set(shipped) | {".gitignore"}


def test_the_history_has_four_commits_by_two_authors_and_leaves_nothing_uncommitted(
    project: Path,
) -> None:
    authors = git(project, "log", "--format=%an").splitlines()
    assert authors == ["Jonas Falk", "Mira Okafor", "Jonas Falk", "Mira Okafor"]
    assert git(project, "status", "--porcelain") == ""
    assert "like=unseen" in git(project, "show", "HEAD~3:src/features.py")


def test_the_same_commits_come_out_anywhere_and_whatever_the_caller_has_configured(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text("[commit]\n\tgpgsign = true\n[core]\n\tautocrlf = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "another.git"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Someone Else")
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    demo.prepare(tmp_path / "again")
    for variable in ("GIT_CONFIG_GLOBAL", "GIT_DIR", "GIT_AUTHOR_NAME"):
        monkeypatch.delenv(variable)
    assert git(tmp_path / "again", "log", "--format=%H") == git(project, "log", "--format=%H")
    assert not (tmp_path / "another.git").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        demo.prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_missing_scikit_learn_is_an_error_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(ProvgraphError) as raised:
        demo.prepare(tmp_path / "project")
    assert raised.value.hint == 'pip install "provgraph[demo]"'
    assert not (tmp_path / "project").exists()


def test_a_second_run_writes_the_same_bytes(project: Path, trace: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    demo.prepare(again)
    subprocess.run(demo.PIPELINE, cwd=again, env=demo.environment(), check=True)
    made = {name for step in truth.STEPS for phase in step.phases for name in phase.writes}
    for name in sorted(made):
        assert (again / name).read_bytes() == (project / name).read_bytes(), name


def test_the_steps_read_and_write_what_strace_sees(project: Path, trace: Path) -> None:
    seen = {
        command: events
        for command, events in file_events(trace, project).items()
        if command not in ("sh pipeline.sh", "mkdir -p data/features models metrics report")
        and not command.startswith("fc-list")  # asked by matplotlib where it has no cache yet
    }
    assert set(seen) == {step.command for step in truth.STEPS}
    for step in truth.STEPS:
        assert phases(step, seen[step.command]) == step.phases, step.command


@pytest.mark.parametrize("lineage", truth.LINEAGES, ids=lambda lineage: lineage.of)
def test_each_lineage_follows_from_the_steps(lineage: truth.Lineage) -> None:
    files, commands = upstream(lineage.of)
    scripts = {script for step in truth.STEPS for script in step.scripts} & files
    assert files - scripts == lineage.data
    assert scripts == lineage.scripts
    assert commands == lineage.commands
    assert not lineage.absent & files
    assert lineage.absent <= every_file()


@pytest.mark.parametrize("impact", truth.IMPACTS, ids=lambda impact: impact.of)
def test_each_impact_follows_from_the_steps(impact: truth.Impact) -> None:
    made = {name for step in truth.STEPS for phase in step.phases for name in phase.writes}
    assert {name for name in made if impact.of in upstream(name)[0]} == impact.files


@pytest.mark.parametrize("name", truth.USERS)
def test_the_users_of_a_file_follow_from_the_steps(name: str) -> None:
    users = {
        step.command
        for step in truth.STEPS
        if name in step.scripts or any(name in phase.reads for phase in step.phases)
    }
    assert users == truth.USERS[name]


def every_file() -> set[str]:
    made = {name for step in truth.STEPS for phase in step.phases for name in phase.writes}
    shipped = {str(path.relative_to(PACKAGED)) for path in PACKAGED.rglob("*")}
    return made | shipped | {".gitignore", "data/raw/wine.csv", "data/raw/labels.csv"}


def upstream(name: str) -> tuple[set[str], set[str]]:
    """The files and the commands that a file was made from."""
    files: set[str] = set()
    commands: set[str] = set()
    for step in truth.STEPS:
        for number, phase in enumerate(step.phases):
            if name in phase.writes:
                enter(step, number, files, commands)
    return files, commands


def enter(step: truth.Step, last: int, files: set[str], commands: set[str]) -> None:
    commands.add(step.command)
    read = {name for phase in step.phases[: last + 1] for name in phase.reads}
    files |= step.scripts | read
    for above in (upstream(name) for name in read):
        files |= above[0]
        commands |= above[1]
    for before in truth.STEPS:
        if before.command == step.piped_from:
            enter(before, len(before.phases) - 1, files, commands)


OPENED = re.compile(
    r'(?:open|openat|creat)\(.*?"[^"]*"(?:, (?P<flags>[A-Z_|]+))?.*= \d+<(?P<path>[^>]*)>'
)
CLOSED = re.compile(r"close\(\d+<(?P<path>[^>]*)>")
EXECUTED = re.compile(r"execve\(\"[^\"]*\", \[(?P<argv>.*?)\], .* = 0$")


def file_events(trace: Path, project: Path) -> dict[str, list[tuple[str, str]]]:
    """What each command did to the project's files, in order: read, wrote (when it closed)."""
    commands: dict[str, str] = {}
    events: dict[str, list[tuple[str, str]]] = {}
    writing: set[tuple[str, str]] = set()
    for pid, call in calls(trace):
        if executed := EXECUTED.match(call):
            argv = re.findall(r'"((?:[^"\\]|\\.)*)"', executed["argv"])
            commands[pid] = shlex.join(argv[1:] if "python" in argv[0] else argv)
        elif opened := OPENED.match(call):
            path = inside(project, opened["path"])
            if path and re.search("O_WRONLY|O_RDWR", opened["flags"] or "O_WRONLY"):
                writing.add((pid, path))
            elif path:
                events.setdefault(pid, []).append(("read", path))
        elif closed := CLOSED.match(call):
            path = inside(project, closed["path"])
            if path and (pid, path) in writing:
                writing.remove((pid, path))
                events.setdefault(pid, []).append(("wrote", path))
        elif call.startswith("exit_group"):
            left = sorted(path for writer, path in writing if writer == pid)
            events.setdefault(pid, []).extend(("wrote", path) for path in left)
    return {commands[pid]: seen for pid, seen in events.items() if pid in commands}


def calls(trace: Path) -> Iterator[tuple[str, str]]:
    unfinished: dict[str, str] = {}
    for line in trace.read_text(errors="replace").splitlines():
        pid, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            unfinished[pid] = call.removesuffix("<unfinished ...>")
        elif resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", call):
            yield pid, unfinished.pop(pid, "") + resumed[1]
        else:
            yield pid, call


def inside(project: Path, path: str) -> str | None:
    root = os.path.realpath(project) + "/"
    ours = path.startswith(root) and Path(path).is_file() and "__pycache__" not in path
    return path.removeprefix(root) if ours else None


def phases(step: truth.Step, events: list[tuple[str, str]]) -> tuple[truth.Phase, ...]:
    """The events in phases: the first read after a completed write opens the next one."""
    found = [truth.Phase(frozenset())]
    for what, path in events:
        if path in step.scripts or path.endswith(".pyc"):
            continue
        last = found[-1]
        if what == "wrote":
            found[-1] = truth.Phase(last.reads, last.writes | {path})
        elif last.writes:
            found.append(truth.Phase(frozenset({path})))
        else:
            found[-1] = truth.Phase(last.reads | {path}, last.writes)
    return tuple(found)
