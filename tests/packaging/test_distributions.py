"""Is everything in the wheel and the sdist that belongs there, and nothing else?"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provgraph import __version__
from provgraph.ingest.capture import shim
from provgraph.store.embedded import native

Build = Callable[..., Path]
SHIM = f"provgraph/ingest/capture/{shim.file_name()}"
TRACER = f"provgraph/ingest/capture/{shim.file_name(shim.TRACER)}"
WALKS = f"provgraph/store/embedded/{native.file_name()}"
METADATA = f"provgraph-{__version__}.dist-info/"
FRONT = f"provgraph-{__version__}.data/scripts/provgraph"

needs_compiler = pytest.mark.skipif(
    shutil.which("cc") is None or sys.platform != "linux", reason="no C compiler for Linux"
)


def contents(wheel: Path) -> set[str]:
    """The files of a wheel but for its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    return {name for name in names if not name.startswith(METADATA)}


def scripts(wheel: Path) -> list[str]:
    """The entry points that an installer makes scripts of."""
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read(f"{METADATA}entry_points.txt").decode().splitlines()
    return [line for line in lines if "=" in line]


def files(tree: Path) -> Iterator[str]:
    """The files of the package in a tree, as they are named when it is installed."""
    for folder, installed in (("provgraph", ""), ("query", "provgraph"), ("ingest", "provgraph")):
        for path in (tree / folder).rglob("*"):  # follows no links
            if path.is_file():
                yield str(Path(installed, path.relative_to(tree)))


def test_the_wheel_has_every_file_of_the_package_and_no_other(tree: Path, wheel: Path) -> None:
    assert contents(wheel) - {SHIM, TRACER, WALKS, FRONT} == set(files(tree))


def test_nothing_is_installed_but_provgraph(wheel: Path) -> None:
    assert {name.split("/")[0] for name in contents(wheel) - {FRONT}} == {"provgraph"}


@pytest.mark.parametrize(
    "name",
    [
        "provgraph/py.typed",
        "provgraph/query/grammar.lark",
        "provgraph/ingest/capture/preload.c",
        "provgraph/ingest/capture/tracer.c",
        "provgraph/store/embedded/walk.c",
        "provgraph/demo/project/pipeline.sh",
        "provgraph/demo/project/src/features.py",
        "provgraph/web/static/index.html",
        "provgraph/web/static/graph/layout-worker.js",
        "provgraph/web/vendor/cytoscape/cytoscape.esm.min.mjs",
        "provgraph/web/vendor/cytoscape/LICENSE",
    ],
)
def test_the_wheel_has_what_is_not_a_module(name: str, wheel: Path) -> None:
    assert name in contents(wheel)


@needs_compiler
def test_with_a_compiler_the_wheel_has_the_shim_and_is_for_this_platform(wheel: Path) -> None:
    assert {SHIM, TRACER, WALKS} <= contents(wheel)
    assert wheel.name == f"provgraph-{__version__}-py3-none-linux_{platform.machine()}.whl"


@needs_compiler
def test_with_a_compiler_provgraph_is_the_native_front_and_python_stands_beside_it(
    wheel: Path,
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(FRONT).startswith(b"\x7fELF")
        assert archive.getinfo(FRONT).external_attr >> 16 & 0o111 == 0o111
    assert scripts(wheel) == ["provgraph-python = provgraph.__main__:main"]


def test_without_a_compiler_the_wheel_is_pure_and_the_build_succeeds(
    tree: Path, build: Build, tmp_path: Path
) -> None:
    wheel = build("wheel", tree, tmp_path, CC="/nowhere/cc")
    assert wheel.name == f"provgraph-{__version__}-py3-none-any.whl"
    assert contents(wheel) == set(files(tree))
    assert scripts(wheel) == ["provgraph = provgraph.__main__:main"]


def test_the_sdist_builds_the_same_wheel(
    sdist: Path, wheel: Path, build: Build, tmp_path: Path
) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    again = build("wheel", unpacked, tmp_path / "wheels")
    assert again.name == wheel.name
    assert contents(again) == contents(wheel)


def test_the_sdist_has_the_tests_and_the_licence(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "setup.py", "tests/packaging/test_distributions.py"} <= names
    assert not [name for name in names if name.endswith((".so", ".pyc"))]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("installed") / "root"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(root), str(wheel)], check=True)
    return root


def answers(installed: Path, question: str, *options: str, **variables: str) -> list[str]:
    """What a Python prints that finds the installed package first."""
    asked = f"import sys; sys.path[0] = sys.argv[1]\n{question}"
    return subprocess.run(
        [sys.executable, *options, "-c", asked, str(installed)],
        cwd=installed.parent,
        env=os.environ | variables,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()


def test_an_installed_wheel_imports_with_nothing_else_around(installed: Path) -> None:
    question = """if True:
        import importlib.util
        import provgraph, provgraph.demo, provgraph.query
        for module in (provgraph, provgraph.demo, provgraph.query):
            print(module.__file__)
        print(importlib.util.find_spec("query"), importlib.util.find_spec("ingest"))
    """
    package = installed / "provgraph"
    assert answers(installed, question, "-S", PYTHONPATH="") == [
        *(str(package / name / "__init__.py") for name in ("", "demo", "query")),
        "None None",
    ]


@needs_compiler
def test_the_installed_shim_is_found_without_a_compiler(installed: Path, tmp_path: Path) -> None:
    question = "from provgraph.ingest.capture import shim; print(shim.library())"
    found = answers(installed, question, PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    assert found == [str(installed / SHIM)]


@needs_compiler
def test_the_installed_tracer_is_found_and_can_be_run(installed: Path, tmp_path: Path) -> None:
    question = "from provgraph.ingest.capture import shim; print(shim.tracer())"
    found = answers(installed, question, PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    assert found == [str(installed / TRACER)]
    done = subprocess.run([installed / TRACER], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")  # it wants arguments


@needs_compiler
def test_the_installed_walks_are_found_without_a_compiler(installed: Path, tmp_path: Path) -> None:
    question = """if True:
        from provgraph.store.embedded import kernel, native
        print(native.library())
        print(kernel.kernel() is not None)
    """
    found = answers(installed, question, PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    assert found == [str(installed / WALKS), "True"]


@needs_compiler
def test_a_program_runs_as_before_with_the_installed_shim_preloaded(installed: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", "echo untouched"],
        env=os.environ | {"LD_PRELOAD": str(installed / SHIM)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("untouched\n", "")
