"""Files outside the project, and files that are gone."""

import json
from pathlib import Path
from typing import Any


def test_a_file_outside_the_project_is_asked_by_its_path(
    cli: Any, project: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "elsewhere.txt"
    outside.write_text("input")
    cli("run", "--", "sh", "-c", 'cat "$0" > out.txt', str(outside))
    for words in (
        (f'file "{outside}" | impact | where kind = document',),
        ('file "../elsewhere.txt" | impact | where size > 0',),
    ):
        rows = json.loads(cli("ask", *words, "--json").stdout)
        assert [row["name"] for row in rows] == ["out.txt"], words
    assert "elsewhere.txt" in cli("why", "out.txt").stdout
    assert cli("impact", str(outside)).stdout.splitlines()[1].startswith("out.txt")


def test_impact_counts_what_is_deleted_and_lists_it_when_asked(cli: Any, project: Path) -> None:
    (project / "in.txt").write_text("input")
    cli("run", "--", "sh", "-c", "cat in.txt > t.tmp; cat t.tmp > out.txt; rm t.tmp")
    done = cli("impact", "in.txt")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["out.txt"]
    assert "1 deleted one" in done.stderr
    listed = cli("impact", "in.txt", "--all").stdout
    assert {line.split()[0] for line in listed.splitlines()[1:]} == {"t.tmp", "out.txt"}
