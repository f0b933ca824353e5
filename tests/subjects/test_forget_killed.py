"""An execution that is killed anywhere, with all that it started, and taken up again comes to the same end.

`PROVGRAPH_KILLS=200` (as `make soak` has it) draws that many moments; otherwise a few.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from subjects.conftest import Cli
from subjects.test_forget import MARKER, added, approving, bytes_of, planned

KILLS = int(os.environ.get("PROVGRAPH_KILLS", "4"))


def end_state(project: Path, cli: Cli) -> tuple[dict[str, bytes], list[tuple[str, str]]]:
    """The files of the work tree, and the names and states of the graph's versions."""
    files = {
        str(path.relative_to(project)): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and ".provgraph" not in path.parts and path.name != "provgraph.erased"
    }
    rows = json.loads(cli("ask", "file *@all | select path, state", "--json").stdout)
    return files, sorted((row["path"], row["state"]) for row in rows)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no `unshare` here")
@pytest.mark.timeout(60 + 60 * KILLS)
def test_an_execution_killed_anywhere_comes_to_the_same_end(
    captured: Path, cli: Cli, tmp_path: Path
) -> None:
    added(cli)
    approving(captured, cli)
    planned(cli, "client:u3")
    cli("forget", "approve", "e1")
    before = tmp_path / "before"
    shutil.copytree(captured, before, symlinks=True)

    began = time.monotonic()
    cli("forget", "execute", "e1", "--consent")
    length = time.monotonic() - began
    last_part = _seconds_after_preparing(captured)
    expected = end_state(captured, cli)

    drawn = random.Random(7)
    stopped: dict[str, int] = {}
    for _ in range(KILLS):
        shutil.rmtree(captured)
        shutil.copytree(before, captured, symlinks=True)
        for _ in range(drawn.choice((1, 1, 2))):
            if drawn.random() < 0.4:
                _killed(captured, tmp_path, drawn.uniform(0.15, length))
            else:
                _killed(captured, tmp_path, drawn.uniform(0, last_part), prepared=True)
        last = _log(captured)[-1]["what"]
        stopped[last] = stopped.get(last, 0) + 1
        assert "complete" in cli("forget", "execute", "e1", "--consent").stdout
        files, versions = end_state(captured, cli)
        assert files == expected[0]
        assert Counter(versions) == Counter(expected[1]), last
        assert MARKER.encode() not in bytes_of(captured)
        assert not list(captured.parent.glob(".project.provgraph-erasure-*"))
        print(f"after `{last}` and executed again: the same end", flush=True)
    print("\n".join(f"| {after} | {count} | {count} |" for after, count in sorted(stopped.items())))


def _log(project: Path) -> list[dict[str, Any]]:
    path = project / ".provgraph/erasure/e1/log.ndjson"
    return [json.loads(line) for line in path.read_bytes().splitlines() if line.endswith(b"}")]


def _seconds_after_preparing(project: Path) -> float:
    """How long it took from the moment on when files are changed."""
    at = {entry["what"]: entry["at"] for entry in _log(project)}
    return float(at["receipt"] - at["prepared"]) / 1e9


def _killed(project: Path, folder: Path, seconds: float, *, prepared: bool = False) -> None:
    """Execute, and kill it so many seconds later, or after it has prepared everything."""
    words = [sys.executable, "-m", "provgraph", "forget", "execute", "e1", "--consent"]
    running = subprocess.Popen(
        words,
        cwd=project,
        env=os.environ | {"XDG_CONFIG_HOME": str(folder / "config")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while prepared and running.poll() is None:
        if any(entry["what"] == "prepared" for entry in _log(project)):
            break
        time.sleep(0.005)
    try:
        running.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
