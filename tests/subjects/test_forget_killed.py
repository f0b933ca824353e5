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
from bisect import bisect
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from subjects.conftest import Cli
from subjects.test_forget import MARKER, bytes_of, signed

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
@pytest.mark.timeout(120 + 60 * KILLS)
def test_an_execution_killed_anywhere_comes_to_the_same_end(
    captured: Path, cli: Cli, tmp_path: Path
) -> None:
    signed(captured, cli)
    before = tmp_path / "before"
    shutil.copytree(captured, before, symlinks=True)

    began = time.time_ns()
    cli("forget", "execute", "e1", "--consent")
    parts = Parts.of(began, _log(captured))
    expected = end_state(captured, cli)

    drawn = random.Random(KILLS)
    stopped = Counter[str]()
    while stopped.total() < KILLS:
        shutil.rmtree(captured)
        shutil.copytree(before, captured, symlinks=True)
        moments = sorted(parts.moment(drawn) for _ in range(drawn.randint(1, 4)))
        found = [_killed(captured, tmp_path, *parts.after(moment)) for moment in moments]
        killed = [last for last in found if last]
        assert "complete" in cli("forget", "execute", "e1", "--consent").stdout
        files, versions = end_state(captured, cli)
        assert files == expected[0]
        assert Counter(versions) == Counter(expected[1]), killed
        assert MARKER.encode() not in bytes_of(captured)
        assert not list(captured.parent.glob(".project.provgraph-erasure-*"))
        stopped.update(killed)
        print(f"{stopped.total()}: killed after {killed}, executed again: the same end", flush=True)
    print("\n".join(f"| {after} | {count} | {count} |" for after, count in stopped.items()))


@dataclass(frozen=True)
class Parts:
    """What an execution that was left alone noted, and when: its beginning first, its end last."""

    names: tuple[str, ...]
    at: tuple[int, ...]

    @classmethod
    def of(cls, began: int, log: list[dict[str, Any]]) -> Parts:
        own = [entry for entry in log if entry["at"] > began]
        return cls(("", *(e["what"] for e in own)), (began, *(e["at"] for e in own)))

    def moment(self, drawn: random.Random) -> float:
        """When to kill: in a part as likely as in any other, or at a time as likely as any other."""
        if drawn.random() < 0.5:
            number = drawn.randrange(len(self.at) - 1)
            return drawn.uniform(self.at[number], self.at[number + 1])
        return drawn.uniform(self.at[0], self.at[-1])

    def after(self, moment: float) -> tuple[str, float]:
        """The line of the log that comes before, and how many seconds."""
        number = bisect(self.at, moment) - 1
        return self.names[number], (moment - self.at[number]) / 1e9


def _log(project: Path) -> list[dict[str, Any]]:
    path = project / ".provgraph/erasure/e1/log.ndjson"
    return [json.loads(line) for line in path.read_bytes().splitlines() if line.endswith(b"}")]


def _killed(project: Path, folder: Path, after: str, seconds: float) -> str:
    """Execute, and kill it so many seconds after a line of its log; the last line that it wrote. Nothing, if
    it had ended before."""
    words = [sys.executable, "-m", "provgraph", "forget", "execute", "e1", "--consent"]
    running = subprocess.Popen(
        words,
        cwd=project,
        env=os.environ | {"XDG_CONFIG_HOME": str(folder / "config")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while after and running.poll() is None:
        if any(entry["what"] == after for entry in _log(project)):
            break
        time.sleep(0.002)
    try:
        running.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        last = str(_log(project)[-1]["what"])
        return last if last != "receipt" else ""
    return ""
