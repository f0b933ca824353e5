"""Every example of the page about Python runs, and prints what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
BLOCKS = re.findall(
    r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", PAGE.read_text("utf-8"), re.DOTALL
)


def test_the_examples_of_the_page_run(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    names: dict[str, object] = {}
    for code, printed in BLOCKS:
        exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102
        said = capsys.readouterr().out
        assert not printed or sorted(said.splitlines()) == sorted(printed.splitlines())
    assert len(BLOCKS) > 10
