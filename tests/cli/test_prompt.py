"""`provgraph ask` without a question: a prompt on a terminal, else questions line by line."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from provgraph.cli.prompt import Coloured, Suggesting, kept_history, made_session
from provgraph.query.binder import Scope
from provgraph.query.completion import Vocabulary

KNOWN = Vocabulary(Scope(frozenset(("model",)), 0), lambda kind, part: ["raw/a b.csv"])
ASK = [sys.executable, "-m", "provgraph", "ask"]


@pytest.fixture
def recorded(cli: Any, project: Path) -> Any:
    (project / "in.txt").write_text("input")
    cli("run", "--", "sh", "-c", "cat in.txt > out.txt")
    return cli


def typed(keys: str) -> str:
    """What a question is when these keys are pressed."""
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        pipe.send_text(keys)
        return made_session(KNOWN, InMemoryHistory()).prompt()


def test_enter_ends_a_question_that_is_whole_and_goes_on_with_one_that_is_not() -> None:
    assert typed("run\r") == "run"
    assert typed("run [\rdirty\r]\r") == "run [\ndirty\n]"
    assert typed("file x |\rlineage\r") == "file x |\nlineage"
    assert typed("run ]\r") == "run ]"
    assert typed("run\x1b\r| limit 3\r") == "run\n| limit 3"


def test_suggestions_have_their_meaning_and_marks_come_when_asked_for() -> None:
    document = Document("model | lin")
    (found,) = Suggesting(KNOWN).get_completions(document, CompleteEvent(text_inserted=True))
    assert (found.text, found.start_position) == ("lineage", -3)
    assert "Everything the rows were made from" in found.display_meta_text
    for asked, marks in ((False, False), (True, True)):
        event = CompleteEvent(text_inserted=not asked, completion_requested=asked)
        texts = {f.text for f in Suggesting(KNOWN).get_completions(Document("run x "), event)}
        assert ("|" in texts) is marks


def test_a_question_is_coloured_line_by_line() -> None:
    line = Coloured().lex_document(Document("run [\nexit != 0] | limit 3"))
    assert line(0) == [("class:kind", "run"), ("", " "), ("class:operator", "[")]
    assert line(1)[:3] == [("class:field", "exit"), ("", " "), ("class:operator", "!=")]
    assert ("class:verb", "limit") in line(1)
    assert line(7) == []


def test_history_is_kept_for_this_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    kept_history().append_string("run\n| limit 3")
    file = tmp_path / "provgraph" / "questions"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(kept_history().load_history_strings()) == ["run\n| limit 3"]
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    assert isinstance(kept_history(), InMemoryHistory)


class Terminal:
    """`provgraph ask` on a terminal of its own."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.ours, theirs = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "XDG_STATE_HOME": str(folder.parent)}
        self.process = subprocess.Popen(
            ASK, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment | variables
        )
        os.close(theirs)
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def until(self, wanted: str) -> str:
        """What was written until some text stood there, without the terminal's escapes."""
        for _ in range(600):
            plain = re.sub(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[=>78])", "", self.seen)
            if wanted in plain:
                self.seen = ""
                return plain
            ready, _, _ = select.select([self.ours], [], [], 0.1)
            if ready:
                try:
                    self.seen += os.read(self.ours, 65536).decode(errors="replace")
                except OSError:
                    break
                if "\x1b[6n" in self.seen:  # it asks where the cursor is
                    self.seen = self.seen.replace("\x1b[6n", "")
                    self.type("\x1b[1;1R")
        raise AssertionError(f"{wanted!r} is not in {self.seen!r}")


def test_a_terminal_has_a_prompt_that_answers_and_survives_mistakes(
    recorded: Any, project: Path
) -> None:
    terminal = Terminal(project)
    terminal.until("provgraph>")
    terminal.type("file out.txt | select path, size\r")
    answer = terminal.until("1 row")
    assert "out.txt" in answer and "5 B" in answer
    terminal.type("file x | linage\r")
    assert "`lineage` might be meant" in terminal.until("might be meant")
    terminal.type("file ou")
    terminal.until("out.txt")  # in the menu
    terminal.type("\t")
    terminal.until("out.txt")  # chosen
    terminal.type(" | select state\r")
    assert "present" in terminal.until("1 row")
    terminal.type("help\r")
    terminal.until("Ctrl-D leaves")
    terminal.type("exit\r")
    for _ in range(600):
        if terminal.process.poll() is not None:
            break
        time.sleep(0.05)
    assert terminal.process.wait(timeout=30) == 0
    assert "file out.txt" in (project.parent / "provgraph" / "questions").read_text()


def asked(
    project: Path, text: str, *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ASK, *words],
        input=text,
        cwd=project,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_questions_are_read_from_a_pipe(recorded: Any, project: Path) -> None:
    text = "# two questions\nfile out.txt\n  | select path\nrun [\n  exit = 0]\n  | count\n"
    done = asked(project, text, "--format", "csv")
    assert done.stdout.splitlines() == ["path", "out.txt", "count", "1"]
    assert done.returncode == 0


def test_a_mistake_in_a_pipe_ends_it_with_its_status(recorded: Any, project: Path) -> None:
    done = asked(project, "run | limit 1\nrun | lmit 1\nrun\n")
    assert done.returncode == 2
    assert "`limit` might be meant" in done.stderr
    assert len(done.stdout.splitlines()) == 2
    assert "Traceback" not in done.stderr


def test_nothing_to_ask_is_no_error(recorded: Any, project: Path) -> None:
    done = asked(project, "")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
