"""The cases: small programs, and what must be recorded of each.

A case is a file `cases/<name>.toml`:

    about   what it shows, in a sentence
    needs   what the machine must have: commands, `python:MODULE`, `static` (a C library to link
            statically) or `root`
    files   the project's files before; a key that ends in `.hex` gives a name in hexadecimal
    build   a shell command that runs first, outside the capture
    run     the shell command that is captured, in which $PYTHON is this Python; `exit` is its status
    made    each file of the project that is there afterwards and was made: `by` what the command
            that made it begins with, `from` every file of the project that it came from
    gone    names that were removed
    random  globs of names that are different each time
    gaps    by backend: a word of the gap that its verdict must name, in place of the facts; a backend
            that is not named must be right and say `complete`
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import msgspec
from capture.machine import Told
from capture.workspace import Workspace

from provgraph.ingest.capture.assemble import Assembly
from provgraph.model.records import Generated, Invalidated, RunEnded, StepSeen, Used

FOLDER = Path(__file__).with_name("cases")
BACKENDS = ("auto", "ptrace")


class Output(msgspec.Struct, rename={"sources": "from"}):
    by: str
    sources: list[str] = []


class Case(msgspec.Struct, forbid_unknown_fields=True):
    about: str
    run: str
    needs: list[str] = []
    files: dict[str, str] = {}
    build: str = ""
    exit: int = 0
    made: dict[str, Output] = {}
    gone: list[str] = []
    random: list[str] = []
    gaps: dict[str, str] = {}


class Facts(NamedTuple):
    """What a record says of a run: of each file that was made, who made it and what it came from."""

    made: dict[str, tuple[str, frozenset[str]]]
    used: frozenset[str]
    gone: frozenset[str]


class Outcome(NamedTuple):
    facts: Facts
    verdict: str
    gaps: list[str]
    exit: int | None
    said: str


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Case:
    return msgspec.convert(tomllib.loads((FOLDER / f"{name}.toml").read_text()), type=Case)


def missing(case: Case) -> list[str]:
    """What the machine lacks of what the case needs."""
    return [need for need in case.needs if not _has(need)]


def _has(need: str) -> bool:
    if need.startswith("python:"):
        return importlib.util.find_spec(need.removeprefix("python:")) is not None
    if need == "root":
        return os.getuid() == 0
    if need == "static":
        return shutil.which("cc") is not None and _links_statically()
    return shutil.which(need) is not None


def _links_statically() -> bool:
    command = ["cc", "-static", "-o", "/dev/null", "-x", "c", "-"]
    return (
        subprocess.run(command, input=b"int main;", capture_output=True, check=False).returncode
        == 0
    )


def prepare(case: Case, root: Path, environment: dict[str, str]) -> None:
    for name, text in case.files.items():
        path = os.path.join(os.fsencode(root), _name(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        if text.startswith("#!"):
            os.chmod(path, 0o755)
    if case.build:
        subprocess.run(["sh", "-ec", case.build], cwd=root, env=environment, check=True)


def _name(name: str) -> bytes:
    return bytes.fromhex(name[:-4]) if name.endswith(".hex") else os.fsencode(name)


def outcome(case: Case, workspace: Workspace, backend: str) -> Outcome:
    """Run a case, which has been prepared, under a backend; `auto` is what a run without flags does."""
    command = case.run.replace("$PYTHON", sys.executable)
    flags = () if backend == "auto" else ("--backend", backend)
    done = workspace.run("sh", "-c", command, flags=flags)
    assert done.returncode == case.exit, (done.returncode, done.stdout, done.stderr)
    records = workspace.records()
    (ended,) = (record for record in records if isinstance(record, RunEnded))
    facts = facts_of(Told(Assembly(records, [], set(), [])), case.random)
    return Outcome(facts, ended.verdict, ended.gaps, ended.exit, done.stderr)


def is_inside(uri: str) -> bool:
    """Of the project: neither elsewhere, nor what went to others over a connection."""
    return not uri.startswith(("file:", "socket:"))


def facts_of(told: Told, random: list[str]) -> Facts:
    def named(uri: str) -> str:
        return next((glob for glob in random if fnmatchcase(uri, glob)), uri)

    def when(record: Generated | Invalidated) -> int:
        return (record.names[-1].since if isinstance(record, Generated) else record.when).tick

    last: dict[str, Generated | Invalidated] = {}
    changes: list[Generated | Invalidated] = [*told.of(Generated), *told.of(Invalidated)]
    for record in sorted(changes, key=when):
        had = [name.uri for name in record.names] if isinstance(record, Generated) else [record.uri]
        last.update((uri, record) for uri in had)
    made = {
        named(uri): (
            _words(told, record.step),
            frozenset(named(source) for source in told.lineage(uri) if is_inside(source)),
        )
        for uri, record in last.items()
        if isinstance(record, Generated) and record.names[-1].uri == uri and is_inside(uri)
    }
    used = {named(used.uri) for used in told.of(Used) if is_inside(used.uri)}
    gone = {
        named(uri)
        for uri, record in last.items()
        if isinstance(record, Invalidated) and is_inside(uri)
    }
    return Facts(made, frozenset(used), frozenset(gone))


def _words(told: Told, step: str) -> str:
    seen: StepSeen = told.steps[step]
    return " ".join([os.path.basename(seen.argv[0]), *seen.argv[1:]]) if seen.argv else seen.program


def alike(facts: Facts) -> Facts:
    """Facts without the words of commands, in which temporary names may stand."""
    made = {uri: (by.split()[0], sources) for uri, (by, sources) in facts.made.items()}
    return facts._replace(made=made)


def mistakes(case: Case, facts: Facts) -> list[str]:
    """Where the facts are not those that the case states."""
    wrong = []
    for uri in sorted(case.made.keys() | facts.made.keys()):
        stated, found = case.made.get(uri), facts.made.get(uri)
        if stated is None:
            wrong.append(
                f"{uri!r} is said to be made by {found and found[0]!r}, which is not stated"
            )
        elif found is None:
            wrong.append(f"{uri!r} is not said to be made")
        else:
            if not found[0].startswith(stated.by):
                wrong.append(f"{uri!r} is said to be made by {found[0]!r}, not {stated.by!r}")
            if set(stated.sources) != found[1]:
                wrong.append(f"{uri!r} is said to come from {sorted(found[1])}")
    missed = sorted(set(case.gone) - facts.gone)
    return wrong + [f"{uri!r} is not said to be gone" for uri in missed]
