"""A page of the manual as its examples: what is typed, and what is shown of the answer.

`sh` blocks are typed as they are, `python` blocks are one program a page, and `console` blocks have
prompts (`$`) and what a person sees after them. Times, durations, ids and digests in it may differ; what
else differs is a mistake of the page. PROVGRAPH_GOLDENS=write puts what is seen today into it. A block that
wants more than a terminal is left to the test that a comment before it names; one that nothing here can
run says so to its readers.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(
    r"(?P<before><!-- run by (?P<by>\S+) -->\n|\*Not tried: (?P<untried>[^\n]*)\*\n\n|)"
    r"^```(?P<language>sh|console|python)\n"
    r"(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
VOLATILE = (
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?"), "TIME"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:ns|µs|ms|s|min)\b"), "TOOK"),
    (re.compile(r"/[0-9a-f]{2}/[0-9a-f]{62}\b"), "/HEX"),
    (re.compile(r"\b[a-z]?[0-9a-f]{7,}\b"), "HEX"),
    (re.compile(r"[A-Za-z0-9+/]{43}="), "KEY"),
    (re.compile(r"[\s─━│├└]+"), " "),
)
HOME = "/home/ann"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    by: str = ""
    """The test that runs it, where it is not run as it stands."""
    untried: str = ""
    """Why nothing runs it."""

    @property
    def is_typed(self) -> bool:
        return not (self.by or self.untried)


def blocks(page: str) -> Iterator[Block]:
    """
    >>> one, two = blocks("```sh\\nls\\n```\\n*Not tried: no cluster.*\\n\\n```sh\\nsrun\\n```\\n")
    >>> one.is_typed, one.text, two.is_typed, two.untried
    (True, 'ls\\n', False, 'no cluster.')
    """
    for found in FENCE.finditer(page):
        yield Block(found["language"], found["text"], found["by"] or "", found["untried"] or "")


def left_to(test: str, page: str, language: str = "") -> list[str]:
    """The blocks of a page of the manual that a test is to run, in their order. Raises AssertionError
    where there is none."""
    by = Path(test).relative_to(ROOT).as_posix()
    found = [
        block.text
        for block in blocks((ROOT / page).read_text("utf-8"))
        if block.by == by and language in ("", block.language)
    ]
    assert found, f"{page} leaves nothing to {by}"
    return found


def exchanges(text: str) -> list[tuple[str, str]]:
    """What is typed in a console block, and what is shown after each.

    >>> exchanges("$ cat <<END\\n> a\\n> END\\na\\n$ true\\n")
    [('cat <<END\\na\\nEND', 'a\\n'), ('true', '')]
    """
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line[2:]}", "")
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
    return found


def comparable(shown: str) -> list[str]:
    """The words that are shown, without those that differ each time. In no order: rows that nothing
    orders stand by their ids, which are random, and a terminal folds where it must.

    >>> comparable("└── b.csv  12 B · 2026-11-26 15:25:37Z\\n    · run r0123abcd")
    ['12', 'B', 'HEX', 'TIME', 'b.csv', 'run', '·', '·']
    """
    for pattern, name in VOLATILE:
        shown = pattern.sub(name, shown)
    return sorted(shown.split())


@dataclass
class Desk:
    """A terminal, 132 columns wide, that stands in a folder and knows nobody's settings."""

    home: Path
    folder: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        tools = self.home / ".bin"
        if not tools.exists():
            tools.mkdir(parents=True)
            (tools / "provgraph").write_text(
                f'#!/bin/sh\nexec "{sys.executable}" -m provgraph "$@"\n'
            )
            (tools / "provgraph").chmod(0o755)
            (self.home / ".gitconfig").write_text(
                "[user]\n\tname = Ann\n\temail = ann@example.org\n[init]\n\tdefaultBranch = main\n"
            )
        ours = ("PROVGRAPH_", "GIT_", "XDG_", "PYTHON", "LC_", "COLUMNS", "LINES")
        kept = {name: held for name, held in os.environ.items() if not name.startswith(ours)}
        self.environment = kept | {
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "PATH": os.pathsep.join(
                (str(tools), str(Path(sys.executable).parent), os.environ["PATH"])
            ),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "NO_COLOR": "1",
            "COLUMNS": "132",
            "LINES": "500",
            "GIT_CONFIG_NOSYSTEM": "1",
            "PIP_NO_INDEX": "1",  # what is to be installed is here, or it is not among what we need
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def type(self, command: str) -> tuple[int, str]:
        """Type a command; gives its exit status and what is seen of it."""
        told = self.home / ".stands-in"
        script = f"trap 'pwd > \"{told}\"' EXIT\n{command}"
        ours, theirs = pty.openpty()
        running = subprocess.Popen(
            ["bash", "-e", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        seen = b"".join(_pieces(ours))
        status = running.wait(timeout=120)
        self.folder = Path(told.read_text().strip())
        text = seen.decode("utf-8", "replace").replace("\r\n", "\n")
        return status, text.replace(str(self.home), HOME)


def _pieces(terminal: int) -> Iterator[bytes]:
    with os.fdopen(terminal, "rb", buffering=0) as file:
        while True:
            try:
                piece = file.read(1 << 16)
            except OSError:  # the last program on the other side is gone
                return
            if not piece:
                return
            yield piece


def followed(page: str, desk: Desk, by: str = "") -> str:
    """Do all that a page shows, or what it leaves to the test `by`; gives the page with what was seen.
    Raises AssertionError where a command fails."""
    program = "\n".join(
        block.text
        for block in blocks(page)
        if block.language == "python" and block.by == by and not block.untried
    )
    done_python = not program

    def do(found: re.Match[str]) -> str:
        nonlocal done_python
        if (found["by"] or "") != by or found["untried"]:
            return found[0]
        match found["language"]:
            case "sh":
                status, seen = desk.type(found["text"])
                assert status == 0, f"{found['text']}\nended with {status}:\n{seen}"
            case "python" if not done_python:
                done_python = True
                (desk.folder / ".page.py").write_text(program)
                status, seen = desk.type("python .page.py")
                assert status == 0, f"{program}\nended with {status}:\n{seen}"
            case "console":
                return f"{found['before']}```console\n{''.join(_answered(found['text'], desk))}```"
        return found[0]

    return FENCE.sub(do, page)


def _answered(text: str, desk: Desk) -> Iterator[str]:
    for command, shown in exchanges(text):
        status, seen = desk.type(command)
        assert status == 0, f"$ {command}\nended with {status}:\n{seen}"
        typed = command.replace("\n", "\n> ")
        tidy = "".join(f"{line.rstrip()}\n" for line in seen.strip().splitlines())
        yield f"$ {typed}\n{shown if comparable(shown) == comparable(tidy) else tidy}"
