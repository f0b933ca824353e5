"""Does lineage say of programs that were drawn at random what their files say themselves?

Each input is a letter, and a process writes the letters of all that it has read: the letters of a file are its
origins. What else may be said to be one is what `drawn.possible` allows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from capture.drawn import INPUTS, WORDS, Author, Word, possible
from capture.machine import Told
from capture.traced import compiled
from capture.workspace import Workspace, environment
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provgraph.config import create_project
from provgraph.ingest.capture.assemble import Assembly
from provgraph.model.records import Informed, Record

__all__ = ["compiled"]

SOURCE = (Path(__file__).with_name("programs") / "actors.c").read_text()
EXAMPLES = int(os.environ.get("PROVGRAPH_PROGRAMS", "16"))
NUMBER = st.integers(0, 63)
PROGRAMS = st.lists(
    st.tuples(st.sampled_from(WORDS), NUMBER, NUMBER, NUMBER, NUMBER), min_size=1, max_size=40
)


class Outcome(NamedTuple):
    status: int
    results: list[str]
    files: dict[str, str]


class Seen(NamedTuple):
    verdict: str
    gaps: list[str]
    origins: dict[str, set[str]]


def prepare(folder: Path) -> None:
    (folder / "sub").mkdir(parents=True)
    for name in INPUTS:
        (folder / name).write_text(name * 3)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text().replace("\0", "")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not path.is_symlink()
        and ".provgraph" not in path.parts
        and path.name != "provgraph.toml"
    }


def words(binary: Path, folder: Path, text: str) -> list[str]:
    return [str(binary), "new", "0", "0", "", str(folder), text]


def results(log: str) -> list[str]:
    """The step, actor and result of each line."""
    return [" ".join(line.split()[:3]) for line in log.splitlines()]


def alone(binary: Path, folder: Path, text: str) -> tuple[Outcome, str, dict[int, str]]:
    prepare(folder)
    inputs = {(folder / name).stat().st_ino: name for name in INPUTS}
    done = subprocess.run(
        words(binary, folder, text),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(),
    )
    return Outcome(done.returncode, results(done.stderr), contents(folder)), done.stderr, inputs


def captured(
    front: Path, binary: Path, folder: Path, text: str, *flags: str
) -> tuple[Outcome, Seen]:
    prepare(folder)
    place = Workspace(create_project(folder), environment(), [str(front)])
    done = place.run(*words(binary, folder, text), flags=flags)
    found = Outcome(done.returncode, results(done.stderr), contents(folder))
    told = Told(Assembly(without_turns(place.records()), [], set(), []))
    known = {str(node.properties["name"]) for node in told.batch.nodes if node.label == "Artifact"}
    origins = {
        name: (told.lineage(name) if name in known else set()) & set(INPUTS) for name in found.files
    }
    return found, Seen(place.ended.verdict, place.ended.gaps, origins)


def without_turns(records: list[Record]) -> list[Record]:
    """Without what the actors may tell each other through the memory by which they take their turns. They have no other
    that belongs to no file."""
    return [r for r in records if not (isinstance(r, Informed) and r.channel == "memory")]


def mistakes(
    drawn: list[Word], dynamic: Path, static: Path, front: Path, folder: Path
) -> list[str]:
    author = Author()
    text = author.write(drawn)
    bare, log, inputs = alone(dynamic, folder / "alone" / "project", text)
    assert bare.status == 5, (bare, text)
    may = possible(author.lines, log, author.processes, inputs)
    wrong = []
    seen = {}
    ways = {"shim": (dynamic, "auto"), "tracer": (dynamic, "ptrace"), "static": (static, "auto")}
    for way, (binary, backend) in ways.items():
        flags = () if backend == "auto" else ("--backend", backend)
        found, seen[way] = captured(front, binary, folder / way / "project", text, *flags)
        if found != bare:
            wrong.append(f"{way}: behaves otherwise: {found} is not {bare}")
        if seen[way].verdict != "complete":
            wrong.append(f"{way}: {seen[way].verdict} {seen[way].gaps}")
        for name, letters in bare.files.items():
            true = (set(letters) & set(INPUTS)) - {name}
            said = seen[way].origins.get(name, set())
            if not true <= said:
                wrong.append(
                    f"{way}: {name} is said to come from {sorted(said)}, and has {sorted(true)}"
                )
            allowed = may.get((folder / "alone" / "project" / name).stat().st_ino, set()) | true
            if not said <= allowed:
                wrong.append(
                    f"{way}: {name} is said to come from {sorted(said)}, and can from {sorted(allowed)}"
                )
    told = [
        {name: by[name] for name, letters in bare.files.items() if letters}
        for by in (one.origins for one in seen.values())
    ]
    if not told[0] == told[1] == told[2]:
        wrong.append(f"they differ: {seen}")
    return [*wrong, text, log] if wrong else []


@pytest.fixture(scope="session")
def binaries(compiled: Callable[..., Path]) -> tuple[Path, Path]:
    """`actors.c` as it is usually linked, and statically."""
    return compiled(SOURCE, "-pthread"), compiled(SOURCE, "-static")


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="PROVGRAPH_PROGRAMS" not in os.environ,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(drawn=PROGRAMS)
def test_the_letters_of_a_file_are_its_origins(
    drawn: list[Word],
    binaries: tuple[Path, Path],
    native_front: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path_factory.getbasetemp()))
    wrong = mistakes(drawn, *binaries, native_front, folder)
    shutil.rmtree(folder)
    assert not wrong, "\n".join(wrong)
