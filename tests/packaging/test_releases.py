"""Do a release's distributions run where nothing is: an empty environment, no compiler, another libc?"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from provgraph import __version__

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="native parts are for Linux"),
    pytest.mark.timeout(1200),  # compiled for two machines
]
NATIVES = ("/preload-", "/tracer-", "/walk-", "/scripts/provgraph")
ELF_MACHINES = {"x86_64": "Advanced Micro Devices X86-64", "aarch64": "AArch64"}


@pytest.fixture(scope="session")
def release(tree: Path) -> Path:
    folder = tree.parent / "release"
    subprocess.run(
        [sys.executable, tree / "tools" / "release.py", folder, "--no-isolation"], check=True
    )
    return folder


def wheel_for(release: Path, machine: str) -> Path:
    (found,) = release.glob(f"*_{machine}.whl")
    return found


def test_a_release_is_a_wheel_for_each_machine_and_two_for_all_others(release: Path) -> None:
    any_libc = "manylinux2014_{0}.musllinux_1_1_{0}"
    tags = [*(any_libc.format(machine) for machine in ELF_MACHINES), "any"]
    assert {path.name for path in release.iterdir()} == {
        f"provgraph-{__version__}.tar.gz",
        *(f"provgraph-{__version__}-py3-none-{tag}.whl" for tag in tags),
    }


@pytest.mark.parametrize("machine", ELF_MACHINES)
def test_what_is_compiled_is_for_its_machine_and_asks_no_libc_for_anything(
    machine: str, release: Path, tmp_path: Path
) -> None:
    """So it runs with every glibc and with musl, which is what the wheel's tags say."""
    with zipfile.ZipFile(wheel_for(release, machine)) as archive:
        names = [name for name in archive.namelist() if any(part in name for part in NATIVES)]
        archive.extractall(tmp_path, names)
    assert len(names) == len(NATIVES)
    for name in names:
        told = subprocess.run(
            ["readelf", "--wide", "--file-header", "--dynamic", "--dyn-syms", tmp_path / name],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert f"Machine:                           {ELF_MACHINES[machine]}" in told
        assert "NEEDED" not in told
        wanted = [line.split() for line in told.splitlines() if " UND " in line]
        assert {words[-1] for words in wanted if words[4] == "GLOBAL"} == set()
        assert {words[-1] for words in wanted if words[4] == "WEAK"} <= {"environ"}


@pytest.fixture(scope="module")
def bare(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the release and what it says that it needs, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (packages,) = folder.glob("venv/lib/python*/site-packages")
    for path in needed_files("provgraph"):
        (packages / path.name).symlink_to(path)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "venv")]
    install = [*pip, "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, wheel_for(release, platform.machine())], check=True)
    subprocess.run([*pip, "check"], check=True)
    return folder


def needed_files(name: str) -> set[Path]:
    """What the packages that one needs have in the folder of packages, directly or not."""
    found: set[Path] = set()
    waiting, seen = [name], {name}
    while waiting:
        distribution = metadata.distribution(waiting.pop())
        if distribution.name != "provgraph":
            found |= set(top_level(distribution))
        for text in distribution.requires or ():
            wanted = Requirement(text)
            known = wanted.name in seen
            if not known and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
                seen.add(wanted.name)
                waiting.append(wanted.name)
    return found


def top_level(distribution: metadata.Distribution) -> Iterator[Path]:
    for file in distribution.files or ():
        if file.parts[0] not in ("..", "__pycache__"):
            yield Path(str(distribution.locate_file(file.parts[0])))


@pytest.fixture
def project(bare: Path, tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "cat"):  # no compiler, no git
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or "")
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def provgraph(bare: Path, project: Path, *words: str) -> str:
    done = subprocess.run(
        [bare / "venv" / "bin" / "provgraph", *words],
        cwd=project,
        env={"PATH": str(project.parent / "bin"), "HOME": str(project.parent), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def test_an_empty_environment_records_and_answers(bare: Path, project: Path) -> None:
    (project / "raw").write_text("1\n")
    assert provgraph(bare, project, "--version") == f"provgraph, version {__version__}\n"
    provgraph(bare, project, "run", "--", "sh", "-c", "cat raw > made")
    provgraph(bare, project, "run", "--", "cat", "made")
    assert "cat raw" in provgraph(bare, project, "why", "made")
    rows = json.loads(
        provgraph(bare, project, "ask", "file made | lineage | select name", "--json")
    )
    assert "raw" in {row["name"] for row in rows}
    assert {run["properties"]["verdict"] for run in log(bare, project)} == {"complete"}


def log(bare: Path, project: Path) -> list[dict[str, dict[str, object]]]:
    runs: list[dict[str, dict[str, object]]] = json.loads(provgraph(bare, project, "log", "--json"))
    return runs


COPY = """
#include <fcntl.h>
#include <unistd.h>
int main(void) {
    char text[9];
    int in = open("raw", O_RDONLY), out = open("made", O_WRONLY | O_CREAT, 0644);
    return write(out, text, read(in, text, 9)) < 0;
}
"""


def test_a_program_of_another_libc_loads_the_same_library(bare: Path, project: Path) -> None:
    if shutil.which("musl-gcc") is None:
        pytest.skip("musl-gcc is not installed")
    (project / "copy.c").write_text(COPY)
    subprocess.run(["musl-gcc", "-o", "copy", "copy.c"], cwd=project, check=True)
    described = subprocess.run(["readelf", "-l", project / "copy"], capture_output=True, check=True)
    assert b"ld-musl" in described.stdout
    (project / "raw").write_text("1\n")
    provgraph(bare, project, "run", "--backend", "preload", "--", "./copy")
    assert "raw" in provgraph(bare, project, "why", "made")
    assert [run["properties"]["verdict"] for run in log(bare, project)] == ["complete"]


def test_without_compiled_parts_it_answers_all_the_same(
    release: Path, tree: Path, tmp_path: Path
) -> None:
    """The wheel for all other systems; recording there is Python's own."""
    (wheel,) = release.glob("*-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if any(part in name for part in NATIVES)]
        archive.extractall(tmp_path / "root")
    done = subprocess.run(
        [sys.executable, "-m", "provgraph", "--version"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "root")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"provgraph, version {__version__}\n"
