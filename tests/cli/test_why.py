"""What `provgraph why` remarks about the file as it is now."""

import os
from pathlib import Path
from typing import Any

CHANGED = "out.txt on disk has changed since this version"


def test_a_file_that_was_only_given_another_time_has_not_changed(cli: Any, project: Path) -> None:
    (project / "in.txt").write_text("input")
    cli("run", "--", "sh", "-c", "cat in.txt > out.txt")
    assert CHANGED not in cli("why", "out.txt").stderr
    os.utime(project / "out.txt", (1e9, 1e9))
    assert CHANGED not in cli("why", "out.txt").stderr
    (project / "out.txt").write_text("other")
    assert CHANGED in cli("why", "out.txt").stderr
    (project / "out.txt").write_text("longer than it was")
    assert CHANGED in cli("why", "out.txt").stderr


def test_no_large_file_is_read_for_a_remark_on_its_time(cli: Any, project: Path) -> None:
    cli("run", "--", "truncate", "-s", "257M", "out.txt")
    assert cli("why", "out.txt").stderr == ""
    os.utime(project / "out.txt", (1e9, 1e9))
    said = cli("why", "out.txt").stderr
    assert "out.txt on disk has another time than this version had" in said
    assert CHANGED not in said
