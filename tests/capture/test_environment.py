"""What did a run run in, and which part of it was different the other time?"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from capture.workspace import Workspace

from provgraph.graph import Graph
from provgraph.ingest.capture import surroundings
from provgraph.model.records import EnvironmentSeen, RunStarted


def wheel(folder: Path, version: str) -> Path:
    path = folder / f"tiny-{version}-py3-none-any.whl"
    about = f"tiny-{version}.dist-info"
    files = {
        "tiny.py": f"VERSION = {version!r}\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def installed(folder: Path, version: str) -> str:
    """The Python of a virtual environment that has the package."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = str(folder / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    made = wheel(folder.parent, version)
    subprocess.run([*pip, "install", "--quiet", "--no-index", "--no-deps", made], check=True)
    return python


def differences(workspace: Workspace) -> list[Any]:
    """Between the environments of the two runs: what, the one, the other, how."""
    started = sorted(workspace.all(RunStarted), key=lambda record: record.when.at)
    first, second = dict.fromkeys(record.run for record in started)
    with Graph.open(workspace.root) as graph:
        graph.sync()
        rows = graph.ask(f'run "{first}" | diff (run "{second}") on environment').rows
    return sorted(row[1:5] for row in rows.values)


def test_diff_says_which_package_and_which_variable_changed(
    workspace: Workspace, tmp_path: Path
) -> None:
    (workspace.root / "use.py").write_text("import tiny\nprint(tiny.VERSION)\n")
    base = {k: v for k, v in workspace.environment.items() if k != "OMP_NUM_THREADS"}
    for version, threads in (("1.0", "1"), ("2.0", "4")):
        python = installed(tmp_path / f"env-{version}", version)
        done = workspace.run(python, "use.py", env={**base, "OMP_NUM_THREADS": threads})
        assert done.stdout == f"{version}\n"
    assert differences(workspace) == [
        ("$OMP_NUM_THREADS", "1", "4", "changed"),
        ("tiny", "1.0", "2.0", "changed"),
    ]


def put(folder: Path, version: str) -> list[str]:
    """Packages of other languages, as their installers lay them down; what a program reads of them."""
    files = {
        "node_modules/@tiny/js/package.json": f'{{"exports": {{}}, "version": "{version}"}}',
        "node_modules/@tiny/js/index.js": "module.exports = 1\n",
        "library/tiny/DESCRIPTION": f"Package: tiny\nVersion: {version}\n",
        "library/tiny/Meta/package.rds": "compressed",
        f"gems/tiny-{version}/lib/tiny.rb": "V = 1\n",
        f"go/pkg/mod/example.org/tiny@v{version}/tiny.go": "package tiny\n",
        f".cargo/registry/src/index-1/tiny-{version}/src/lib.rs": "mod tiny;\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return [str(folder / name) for name in files if "DESCRIPTION" not in name]


def test_diff_says_which_package_of_another_language_changed(
    workspace: Workspace, tmp_path: Path
) -> None:
    for version in ("1.0.0", "2.0.0"):
        assert workspace.run("cat", *put(tmp_path / "opt", version)).returncode == 0
        workspace.records()  # as installed now
    assert differences(workspace) == [
        ("cargo:tiny", "1.0.0", "2.0.0", "changed"),
        ("cran:tiny", "1.0.0", "2.0.0", "changed"),
        ("gem:tiny", "1.0.0", "2.0.0", "changed"),
        ("go:example.org/tiny", "v1.0.0", "v2.0.0", "changed"),
        ("npm:@tiny/js", "1.0.0", "2.0.0", "changed"),
    ]


def conda(folder: Path, **builds: str) -> list[str]:
    """An environment as conda and its likes lay it down: a program and a shell's script in it."""
    (folder / "bin").mkdir(parents=True)
    (folder / "conda-meta").mkdir()
    (folder / "conda-meta/history").write_text("==> 2026-11-28 <==\n")
    for name, build in builds.items():
        (folder / f"conda-meta/{name}-{build}.json").write_text("{}")
    shutil.copy("/bin/cat", folder / "bin/program")
    (folder / "bin/script").write_text("#!/bin/sh\ncat /dev/null\n")
    (folder / "bin/script").chmod(0o755)
    return [str(folder / "bin" / name) for name in ("program", "script")]


@pytest.mark.parametrize("which", [0, 1])
def test_diff_says_which_package_of_conda_changed(
    workspace: Workspace, tmp_path: Path, which: int
) -> None:
    """A library has no other version, but is built with another one."""
    (workspace.root / "a").write_text("x")
    for number, blas in enumerate(("3.9.0-20_openblas", "3.9.0-22_mkl")):
        env = tmp_path / "opt/conda/envs" / str(number)
        commands = conda(env, libblas=blas, zlib="1.3.1-h4ab18f5_1")
        (tmp_path / "opt/conda/conda-meta").mkdir(exist_ok=True)  # the one it was made from
        assert workspace.run(commands[which], "a").returncode == 0
        if workspace.native:  # what was there then is what counts
            (env / f"conda-meta/libblas-{blas}.json").unlink()
    assert differences(workspace) == [
        ("conda:libblas", "3.9.0=20_openblas", "3.9.0=22_mkl", "changed")
    ]
    packages = {package for seen in workspace.all(EnvironmentSeen) for package in seen.packages}
    assert "conda:zlib==1.3.1=h4ab18f5_1" in packages


def test_a_package_that_was_exchanged_before_the_record_was_made_has_no_version(
    native_workspace: Workspace, tmp_path: Path
) -> None:
    native_workspace.run("cat", *put(tmp_path, "1.0.0"))
    put(tmp_path, "2.0.0")
    [seen] = native_workspace.all(EnvironmentSeen)
    assert {"npm:@tiny/js==unknown", "cran:tiny==unknown", "gem:tiny==1.0.0"} <= {*seen.packages}


def test_a_package_that_the_run_itself_exchanged_is_there_in_both_versions(
    workspace: Workspace, tmp_path: Path
) -> None:
    python = installed(tmp_path / "env", "1.0")
    made = wheel(tmp_path, "2.0")
    pip = f"{sys.executable} -m pip --disable-pip-version-check --python {python}"
    use = f"{python} -c 'import tiny; print(tiny.VERSION)'"
    line = f"{use}; {pip} install --quiet --no-index --no-deps --upgrade {made}; {use}"
    assert workspace.run("sh", "-c", line).stdout == "1.0\n2.0\n"
    [seen] = workspace.all(EnvironmentSeen)
    assert {"tiny==1.0", "tiny==2.0"} <= {*seen.packages}


def test_runs_in_the_same_environment_share_its_node(workspace: Workspace) -> None:
    for _ in range(2):
        workspace.run(sys.executable, "-c", "import msgspec")
    with Graph.open(workspace.root) as graph:
        graph.sync()
        [found] = graph.ask("environment").nodes()
    assert found.properties["cpu"] == surroundings.processor()
    assert str(found.properties["system"]) == surroundings.operating_system()


def test_variables_are_kept_by_name_and_no_secret_ever_is(workspace: Workspace) -> None:
    with workspace.project.file.open("a") as settings:
        settings.write('\n[environment]\nvariables = ["MYAPP_*"]\n')
    given = {"TZ": "UTC", "MYAPP_MODE": "fast", "MYAPP_TOKEN": "hunter2", "OTHER": "hunter2"}
    workspace.run("true", env={**workspace.environment, **given})
    [seen] = workspace.all(EnvironmentSeen)
    ours = [entry for entry in seen.variables if entry.startswith(("TZ", "MYAPP", "OTHER"))]
    assert ours == ["MYAPP_MODE=fast", "MYAPP_TOKEN=[redacted]", "TZ=UTC"]
    for path in workspace.project.state.rglob("*"):
        assert path.is_dir() or b"hunter2" not in path.read_bytes()


def test_graphics_processors_are_named_as_their_driver_tells(tmp_path: Path) -> None:
    for number in range(2):
        folder = tmp_path / f"proc/driver/nvidia/gpus/0000:0{number}"
        folder.mkdir(parents=True)
        (folder / "information").write_text("Model: \t\t NVIDIA A100\nIRQ: 5\n")
    (tmp_path / "proc/driver/nvidia/version").write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu\n"
    )
    found = surroundings.accelerators_below(tmp_path)
    assert found == "2 x NVIDIA A100 (driver 550.54.14)"
    assert surroundings.accelerators_below(tmp_path / "nothing") == ""
