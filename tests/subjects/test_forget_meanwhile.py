"""Others record and ask while somebody is forgotten: nothing that was acknowledged is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from subjects.conftest import Cli
from subjects.test_forget import MARKER, added, approving, bytes_of, planned, signed

pytestmark = pytest.mark.skipif(shutil.which("unshare") is None, reason="no `unshare` here")


def awaited(path: Path) -> None:
    until = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < until, f"{path} does not come"
        time.sleep(0.02)


def test_a_run_that_is_being_recorded_keeps_its_record_and_is_waited_for(
    captured: Path, cli: Cli, tmp_path: Path
) -> None:
    added(cli)
    approving(captured, cli)
    began, end = tmp_path / "began", tmp_path / "end"
    script = f"touch {began}; until test -e {end}; do sleep 0.05; done; echo mira > out/late.txt"
    words = [sys.executable, "-m", "provgraph", "run", "--", "sh", "-c", f"{script} # for Ada"]
    running = subprocess.Popen(words, cwd=captured)
    try:
        awaited(began)
        planned(cli, "client:u3", "--text", "Ada")
        cli("forget", "approve", "e1")
        before = bytes_of(captured / "raw")
        done = cli("forget", "execute", "e1", "--consent", check=False)
        assert (done.returncode, "still being recorded" in done.stderr) == (5, True), done.stderr
        assert "nothing was changed" in done.stderr
        assert bytes_of(captured / "raw") == before
    finally:
        end.touch()
        assert running.wait(120) == 0
    assert "complete" in cli("forget", "execute", "e1", "--consent").stdout
    late = json.loads(cli("ask", 'file "out/late.txt" | select path, state', "--json").stdout)
    assert late == [{"path": "out/late.txt", "state": "present"}]
    commands = cli("ask", "run [exit = 0] | select command").stdout
    assert "# for [erased]" in commands and "Ada" not in commands


RECORDING = """
import sys, pathlib, provgraph
end, number = pathlib.Path(sys.argv[1]), 0
while not end.exists():
    provgraph.open().declare(f"component-{sys.argv[2]}-{number}")
    print(f"component-{sys.argv[2]}-{number}", flush=True)
    number += 1
"""


@contextmanager
def recording(project: Path, folder: Path) -> Iterator[list[str]]:
    """Two processes that write to the journal and bring it into the graph, all the time; what was
    acknowledged is there when they have ended."""
    end, acknowledged = folder / "end", list[str]()
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", RECORDING, str(end), name],
            cwd=project,
            env=os.environ | {"XDG_CONFIG_HOME": str(folder / "config")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in "ab"
    ]
    try:
        yield acknowledged
    finally:
        end.touch()
        for each in running:
            said, wrong = each.communicate(timeout=120)
            assert (each.returncode, wrong) == (0, "")
            acknowledged += said.split()


def test_what_others_record_and_sync_meanwhile_is_not_lost(
    captured: Path, cli: Cli, tmp_path: Path
) -> None:
    signed(captured, cli)
    with recording(captured, tmp_path) as acknowledged:
        done = cli("forget", "execute", "e1", "--consent")
        cli("run", "--", "cp", "raw/users.csv", "out/copy.csv")
    assert "complete" in done.stdout
    assert len(acknowledged) > 1
    found = json.loads(cli("ask", "component * | select name", "--json").stdout)
    assert {row["name"] for row in found} >= set(acknowledged)
    assert MARKER.encode() not in bytes_of(captured)
