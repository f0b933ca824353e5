"""Every Python process says what it ran, in each Python that is in use, and nobody notices."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from provgraph.ingest.capture import audit
from provgraph.ingest.capture.audit import SITE, Interpretation, read
from provgraph.tracking import SPOOL

VERSIONS = ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"]


def interpreters() -> dict[str, str]:
    """The Pythons of this machine, by version: ours, those on the path, and pyenv's."""
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": sys.executable}
    for version in VERSIONS:
        installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
        candidates = [str(path) for path in installed] + [shutil.which(f"python{version}") or ""]
        for path in filter(None, candidates):
            if subprocess.run([path, "-c", ""], check=False, capture_output=True).returncode == 0:
                found.setdefault(version, path)
                break
    return found


FOUND = interpreters()


@pytest.fixture(params=[version for version in VERSIONS if version in FOUND])
def python(request: pytest.FixtureRequest) -> str:
    return FOUND[request.param]


class Run:
    """Python programs in a folder, under the hook."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.recording = self.root / ".provgraph" / "spool" / "r1"
        self.said = self.recording / "python"
        self.recording.mkdir(parents=True)
        (self.root / "pkg").mkdir()
        for name, text in {
            "pkg/__init__.py": "",
            "pkg/a.py": "import pkg.b",
            "pkg/b.py": "def work(x):\n    import pkg.lazy\n    return x\n",
            "pkg/lazy.py": "",
            "script.py": "import sys, pkg.a; print(sys.argv[1:])",
        }.items():
            (self.root / name).write_text(text)

    def environment(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PROVGRAPH"))}
        return audit.environment({**kept, SPOOL: str(self.recording / "events"), **more})

    def __call__(self, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv,
            cwd=self.root,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def interpretations(self) -> list[Interpretation]:
        return list(read(self.said))

    def sources(self) -> list[set[str]]:
        return [
            {os.path.relpath(os.fsdecode(path), self.root) for path in found.event.sources}
            for found in self.interpretations()
        ]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path.resolve())


def test_a_script_and_the_project_s_modules_it_imported(run: Run, python: str) -> None:
    done = run(python, "script.py", "x")
    assert (done.returncode, done.stdout, done.stderr) == (0, "['x']\n", "")
    (found,) = run.interpretations()
    assert found.event.script == os.fsencode(run.root / "script.py")
    assert found.event.module == ""
    assert run.sources() == [{"pkg/__init__.py", "pkg/a.py", "pkg/b.py"}]
    shown = "import sys; print('.'.join(map(str, sys.version_info[:3])), sys.prefix)"
    answer = subprocess.run([python, "-c", shown], capture_output=True, text=True, check=True)
    assert f"{found.version} {found.prefix}" == answer.stdout.strip()


def test_a_module_given_by_name(run: Run, python: str) -> None:
    assert run(python, "-m", "pkg.a").returncode == 0
    (found,) = run.interpretations()
    assert found.event.module == "pkg.a"
    assert found.event.script == os.fsencode(run.root / "pkg/a.py")


def test_a_program_without_a_file(run: Run, python: str) -> None:
    run(python, "-c", "import pkg.b")
    (found,) = run.interpretations()
    assert (found.event.script, found.event.module) == (b"", "")
    assert run.sources() == [{"pkg/__init__.py", "pkg/b.py"}]


@pytest.mark.parametrize("text", ["raise SystemExit(3)", "raise ValueError('x')", "1/0"])
def test_a_program_that_fails_is_told_of_too(run: Run, text: str) -> None:
    (run.root / "failing.py").write_text(text)
    plain = subprocess.run(
        [sys.executable, "failing.py"], cwd=run.root, capture_output=True, text=True, check=False
    )
    done = run(sys.executable, "failing.py")
    assert (done.returncode, done.stderr) == (plain.returncode, plain.stderr)
    assert len(run.interpretations()) == 1


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_are_told_of(run: Run, python: str, method: str) -> None:
    (run.root / "parallel.py").write_text(
        "import multiprocessing, pkg.b\n"
        "if __name__ == '__main__':\n"
        f"    context = multiprocessing.get_context({method!r})\n"
        "    children = [context.Process(target=pkg.b.work, args=(1,)) for _ in range(2)]\n"
        "    [child.start() for child in children]\n"
        "    [child.join() for child in children]\n"
    )
    done = run(python, "parallel.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert sum("pkg/lazy.py" in sources for sources in run.sources()) == 2


def test_a_fork_that_execs_is_told_of_once(run: Run) -> None:
    (run.root / "forking.py").write_text(
        "import os\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    os.execvp('true', ['true'])\n"
        "os.waitpid(pid, 0)\n"
    )
    run(sys.executable, "forking.py")
    assert len(run.interpretations()) == 1


def test_what_is_reached_through_a_link_has_its_own_name(run: Run, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(run.root)
    run(sys.executable, str(tmp_path / "link" / "script.py"), PYTHONPATH=str(tmp_path / "link"))
    (found,) = run.interpretations()
    assert found.event.script == os.fsencode(run.root / "script.py")
    assert "pkg/a.py" in run.sources()[0]


def test_the_hook_hides_itself(run: Run, python: str) -> None:
    show = "import sys; print(sys.path[1:], sorted(m for m in sys.modules if 'custom' in m))"
    (run.root / "show.py").write_text(show)
    env = {k: v for k, v in run.environment().items() if k != "PYTHONPATH"}
    plain = subprocess.run(
        [python, "show.py"], cwd=run.root, env=env, capture_output=True, text=True, check=True
    )
    hooked = run(python, "show.py")
    assert hooked.stdout.partition("]")[0] == plain.stdout.partition("]")[0]
    assert str(SITE) not in hooked.stdout


def test_another_sitecustomize_still_runs(run: Run, tmp_path: Path, python: str) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('mine')")
    (tmp_path / "usercustomize.py").write_text("")
    done = run(
        python,
        "-c",
        "import sitecustomize; print(sitecustomize.__file__)",
        PYTHONPATH=str(tmp_path),
    )
    assert done.stdout == f"mine\n{tmp_path / 'sitecustomize.py'}\n"
    assert len(run.interpretations()) == 1


def test_a_broken_sitecustomize_is_broken_as_before(run: Run, tmp_path: Path, python: str) -> None:
    (tmp_path / "sitecustomize.py").write_text("import no_such_module")
    env = {**run.environment(), "PYTHONPATH": str(tmp_path)}
    plain = subprocess.run([python, "-c", ""], env=env, capture_output=True, text=True, check=False)
    done = run(python, "-c", "", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (plain.returncode, plain.stderr)


def test_a_folder_that_is_gone_goes_unnoticed(run: Run, python: str) -> None:
    run.recording.rmdir()
    done = run(python, "script.py")
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_is_imported_for_the_hook(run: Run, python: str) -> None:
    show = "import sys; print(sorted(sys.modules))"
    env = {k: v for k, v in run.environment().items() if k != "PYTHONPATH"}
    plain = subprocess.run(
        [python, "-c", show], env=env, capture_output=True, text=True, check=True
    )
    hooked = run(python, "-c", show)
    added = set(eval(hooked.stdout)) - set(eval(plain.stdout))
    assert added <= {"sitecustomize", "atexit", "time"}  # two that are built in


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\n",
        b"1\0x\0y\0z\0\0\0\0\n",
        b"2\x001\x002\x003\0\0\0\0\n",
        b"1\x001\x002\x003\0\0\0\0/cut",
    ],
)
def test_a_damaged_word_is_left_out(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "1-2").write_bytes(damage)
    assert list(read(tmp_path)) == []


def test_an_empty_path_variable_does_not_become_the_working_directory() -> None:
    made = audit.environment({"PYTHONPATH": ""})
    assert made["PYTHONPATH"] == str(SITE)
    twice = audit.environment(made)
    assert twice["PYTHONPATH"] == str(SITE)
