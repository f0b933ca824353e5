"""Does a bar tell how far, and how fast? Only where somebody looks."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

WORK = """if True:
    import sys, time
    from provgraph.cli.progress import progress
    with progress("records") as told:
        for done in range(1, 41):
            told(done * 250, 10_000)
            time.sleep(0.02)
    print("done")
"""


def seen(error: int) -> bytes:
    done = subprocess.run(
        [sys.executable, "-c", WORK],
        stdout=subprocess.PIPE,
        stderr=error,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        check=True,
    )
    return done.stdout


def test_a_terminal_gets_a_bar_with_a_count_and_a_rate() -> None:
    ours, theirs = pty.openpty()
    assert seen(theirs) == b"done\n"
    os.close(theirs)
    shown = os.read(ours, 1 << 20).decode()
    os.close(ours)
    assert "records" in shown
    assert re.search(r"\d+/10000", shown)
    assert re.search(r"[\d,]+(\.\d)?/s", shown)


def test_elsewhere_there_is_no_bar() -> None:
    assert seen(subprocess.STDOUT) == b"done\n"
