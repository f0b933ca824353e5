"""Is the shim found or built, by whoever asks first and however many ask?"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from capture.traced import compiled

from provgraph.errors import CaptureError
from provgraph.ingest.capture import shim, spool
from provgraph.ingest.capture.events import Image

__all__ = ["compiled"]

ASK = "from provgraph.ingest.capture import shim; print(shim.library())"


@pytest.fixture
def unbuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a checkout: no library lies beside the source."""
    monkeypatch.setattr(shim, "FLAGS", (*shim.FLAGS, "-DPROVGRAPH_TEST"))


def test_it_is_compiled_once_into_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbuilt: None
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = shim.library()
    assert path == tmp_path / "provgraph" / shim.file_name()
    made = path.stat()
    assert shim.library() == path
    assert path.stat().st_ino == made.st_ino
    assert list(path.parent.iterdir()) == [path]


def test_eight_at_once_get_the_same_whole_library(tmp_path: Path) -> None:
    code = (
        "from provgraph.ingest.capture import shim; shim.FLAGS += ('-DPROVGRAPH_EIGHT',);"
        "print(shim.library())"
    )
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    asked = [
        subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE)
        for _ in range(8)
    ]
    answers = {one.communicate()[0] for one in asked}
    assert [one.returncode for one in asked] == [0] * 8
    assert len(answers) == 1
    library = Path(os.fsdecode(answers.pop().strip()))
    assert [p.name for p in library.parent.iterdir()] == [library.name]
    run = subprocess.run(
        ["true"], env={**os.environ, "LD_PRELOAD": str(library)}, capture_output=True, check=True
    )
    assert run.stderr == b""


@pytest.mark.parametrize("place", ["a file", "with space", "with:colon"])
def test_the_callers_folder_serves_where_the_cache_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbuilt: None, place: str
) -> None:
    if place == "a file":
        (tmp_path / "taken").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ("taken" if place == "a file" else place)))
    assert shim.library(tmp_path / "own").parent == tmp_path / "own"
    with pytest.raises(CaptureError) as error:
        shim.library()
    assert error.value.hint


def test_without_a_compiler_the_hint_names_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbuilt: None
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CaptureError) as error:
        shim.library()
    assert "apt install" in str(error.value.hint)


def test_a_compiler_that_fails_is_quoted_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="does not compile"):
        shim.compile_shim(tmp_path / "x.so", "false")
    with pytest.raises(CaptureError):
        shim.compile_shim(tmp_path / "x.so", "no-such-compiler")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_machine_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "pdp11")
    with pytest.raises(CaptureError, match="pdp11"):
        shim.file_name()


def test_finding_it_starts_no_process_and_imports_little(tmp_path: Path) -> None:
    code = (
        "import sys; from provgraph.ingest.capture import shim; p = shim.library();"
        "heavy = {'subprocess', 'tempfile', 'shutil', 'hashlib'} & set(sys.modules); print(heavy)"
    )
    subprocess.run([sys.executable, "-c", ASK], check=True, capture_output=True)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


def test_it_depends_on_nothing_and_asks_the_loader_for_one_symbol(tmp_path: Path) -> None:
    library = tmp_path / "shim.so"
    shim.compile_shim(library)
    shown = subprocess.run(
        ["readelf", "-dWr", library], capture_output=True, text=True, check=False
    )
    if shown.returncode:
        pytest.skip("no readelf here")
    assert "NEEDED" not in shown.stdout
    asked = [line.split()[4] for line in shown.stdout.splitlines() if " R_" in line]
    assert asked == ["environ"]


def test_its_data_are_one_page(tmp_path: Path) -> None:
    """Each page that is written is a fault in every process of a run, and what goes beyond the first one a map."""
    library = tmp_path / "shim.so"
    shim.compile_shim(library)
    shown = subprocess.run(
        ["readelf", "-lW", library], capture_output=True, text=True, check=True
    ).stdout
    [(begin, size)] = [
        (int(words[2], 16), int(words[5], 16))
        for words in map(str.split, shown.splitlines())
        if words[:1] == ["LOAD"] and "W" in words[6]
    ]
    assert begin % 4096 == 0
    assert size <= 4096


@pytest.mark.parametrize("native", [shim.SHIM, shim.TRACER], ids=["shim", "tracer"])
def test_it_compiles_without_a_warning(tmp_path: Path, native: shim.Native) -> None:
    command = ["cc", *shim.flags(platform.machine(), native), "-Wall", "-Wextra", "-Werror"]
    done = subprocess.run(
        [*command, "-o", tmp_path / "x", native.sources[0]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_one_shim_is_never_preloaded_twice(tmp_path: Path) -> None:
    once = spool.environment(tmp_path / "a.so", tmp_path / "one", {"LD_PRELOAD": "/x.so /y.so"})
    twice = spool.environment(tmp_path / "a.so", tmp_path / "two", once)
    assert twice["LD_PRELOAD"] == f"{tmp_path}/a.so:/x.so:/y.so"
    assert twice["PROVGRAPH_SPOOL"] == f"{tmp_path}/two"
    assert twice["ASAN_OPTIONS"] == once["ASAN_OPTIONS"] == "verify_asan_link_order=0"


def test_an_optimised_build_does_the_same(
    tmp_path: Path, compiled: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shim, "FLAGS", tuple("-O3" if f == "-Os" else f for f in shim.FLAGS))
    library, path = tmp_path / "o3.so", tmp_path / "spool"
    shim.compile_shim(library)
    spool.create(path)
    environment = spool.environment(library, path, os.environ)
    done = subprocess.run(
        ["sh", "-c", "echo x > f; cat f; mv f g; rm g"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"x\n", b"")
    with spool.Spool(path) as read:
        assert len([e for e in read.events() if isinstance(e, Image)]) == 4
