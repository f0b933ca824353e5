"""Does `provgraph`, where it is a native program, find its Python however it was installed?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from manual.pages import left_to

from provgraph import __version__

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None or sys.platform != "linux", reason="no C compiler for Linux"
)
PIP = [sys.executable, "-m", "pip"]
OFFLINE = [
    "--quiet",
    "--no-deps",
    "--no-index",
    "--no-build-isolation",
    "--disable-pip-version-check",
]


def environment(cache: Path) -> dict[str, str]:
    names = {name for name in os.environ if name.startswith(("PROVGRAPH_", "GIT_", "PYTHON"))}
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return {**kept, "XDG_CACHE_HOME": str(cache)}


def virtual(folder: Path) -> Path:
    """A virtual environment that has what provgraph depends on from ours, but not provgraph."""
    venv.create(folder, with_pip=False, symlinks=True)
    here = sysconfig.get_path("purelib")
    there = next(folder.glob("lib/python*/site-packages"))
    for path in Path(here).iterdir():
        if "provgraph" not in path.name.lower() and path.suffix != ".pth":
            (there / path.name).symlink_to(path)
    return folder


def installed_in_a_virtual_environment(wheel: Path, tree: Path, folder: Path) -> Path:
    made = virtual(folder / "venv")
    subprocess.run([*PIP, "--python", made, "install", *OFFLINE, wheel], check=True)
    return made / "bin" / "provgraph"


def installed_from_a_checkout(wheel: Path, tree: Path, folder: Path) -> Path:
    """As the manual says it."""
    made = virtual(folder / "venv")
    (made / "bin" / "pip").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m pip --python "{made}" "$@"\n'
    )
    (made / "bin" / "pip").chmod(0o755)
    names = ("QUIET", "NO_DEPS", "NO_INDEX", "DISABLE_PIP_VERSION_CHECK")
    options = {f"PIP_{name}": "1" for name in names} | {"PIP_NO_BUILD_ISOLATION": "0"}
    first, same = (left_to(__file__, page) for page in ("docs/start.md", "README.md"))
    assert [block.partition("#")[0].strip() for block in first + same] == ["pip install ."] * 2
    subprocess.run(
        ["bash", "-e", "-c", *first],
        cwd=shutil.copytree(tree, folder / "checkout", symlinks=True),
        env=os.environ | options | {"PATH": f"{made / 'bin'}:{os.environ['PATH']}"},
        check=True,
    )
    return made / "bin" / "provgraph"


def linked_into_another_folder(wheel: Path, tree: Path, folder: Path) -> Path:
    """As pipx and `uv tool` do it."""
    front = installed_in_a_virtual_environment(wheel, tree, folder)
    link = folder / "home" / "bin" / "provgraph"
    link.parent.mkdir(parents=True)
    link.symlink_to(front)
    return link


def installed_apart_from_its_interpreter(wheel: Path, tree: Path, folder: Path) -> Path:
    """As `pip install --user` does it: no interpreter stands beside the script."""
    made = virtual(folder / "venv")
    prefix = folder / "a user's base"
    subprocess.run(
        [*PIP, "--python", made, "install", *OFFLINE, "--prefix", prefix, wheel], check=True
    )
    (there,) = made.glob("lib/python*/site-packages")
    (packages,) = prefix.glob("lib/python*/site-packages")
    (there / "user.pth").write_text(f"{packages}\n")
    return prefix / "bin" / "provgraph"


def installed_to_be_edited(wheel: Path, tree: Path, folder: Path) -> Path:
    made = virtual(folder / "venv")
    copy = shutil.copytree(tree, folder / "checkout", symlinks=True)
    for name in ("query", "ingest"):
        if not (copy / "provgraph" / name).exists():
            (copy / "provgraph" / name).symlink_to(f"../{name}")
    subprocess.run([*PIP, "--python", made, "install", *OFFLINE, "--editable", copy], check=True)
    return made / "bin" / "provgraph"


@pytest.mark.parametrize(
    "install",
    [
        installed_from_a_checkout,
        linked_into_another_folder,
        installed_apart_from_its_interpreter,
        installed_to_be_edited,
    ],
)
def test_it_leaves_to_python_what_is_python_s_and_does_the_second_run_itself(
    install: object, wheel: Path, tree: Path, tmp_path: Path
) -> None:
    assert callable(install)
    front: Path = install(wheel, tree, tmp_path)
    project = tmp_path / "project"
    project.mkdir()
    env = environment(tmp_path / "cache")

    def provgraph(*words: str) -> str:
        done = subprocess.run(
            [front, *words], cwd=project, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert front.open("rb").read(4) == b"\x7fELF"
    assert provgraph("--version") == f"provgraph, version {__version__}\n"
    provgraph("init")
    spools = project / ".provgraph" / "spool"
    provgraph("run", "--", "sh", "-c", "echo one > one")
    assert list(spools.iterdir()) == []  # Python's
    provgraph("run", "--", "sh", "-c", "cat one > two")
    assert len(list(spools.iterdir())) == 1  # left to the next sync
    runs = json.loads(provgraph("log", "--json"))
    assert [run["properties"]["verdict"] for run in runs] == ["complete", "complete"]
    assert "one" in provgraph("why", "two")


def test_without_its_python_part_it_says_what_to_do(
    wheel: Path, tree: Path, tmp_path: Path
) -> None:
    front = installed_in_a_virtual_environment(wheel, tree, tmp_path)
    front.with_name("provgraph-python").unlink()
    done = subprocess.run([front, "log"], capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert "provgraph-python" in done.stderr
    assert "install provgraph again" in done.stderr
