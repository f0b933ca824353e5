"""`provgraph demo`: a small machine-learning project, captured and asked about."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from provgraph.cli.output import json_option, write_json
from provgraph.errors import ProvgraphError, UsageError, reason_of

QUESTIONS = (
    ("What produced the model that was chosen?", ("why", "models/best.pkl")),
    (
        "From which data?",
        ("ask", 'model "best" | lineage | where kind = dataset | select path, by'),
    ),
    (
        "What is touched if one raw file is deleted?",
        ("impact", "data/raw/labels.csv"),
    ),
    (
        "Which runs used a script?",
        ("ask", 'script "src/features.py" | impact depth 1 | runs | select name, command, commit'),
    ),
)


@click.command(name="demo")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("provgraph-demo"))
@json_option
def command(folder: Path, as_json: bool) -> int:
    """Make a small machine-learning project in FOLDER, run it under capture, and ask about it.

    It needs scikit-learn, pandas and matplotlib (`pip install "provgraph[demo]"`). A folder of an
    earlier demo is used again: the pipeline runs once more.

    \b
      provgraph demo
      provgraph demo /tmp/wine --json
    """
    from provgraph import demo
    from provgraph.__main__ import main

    if not (folder / "provgraph.toml").exists():
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty", hint="name a folder that does not exist")
        try:
            demo.prepare(folder)
        except OSError as error:
            raise ProvgraphError(
                f"{folder} cannot be made: {reason_of(error)}", hint="name a folder that can"
            ) from error
    with _inside(folder, demo.environment()):
        _say(as_json, f"\n$ cd {folder}")
        runs = [("run", "--", *command) for command in (demo.PIPELINE, demo.CUSTOMERS)]
        for words in (*runs, ("ingest", "git")):
            _say(as_json, f"\n$ provgraph {shlex.join(words)}")
            status = main([*words, *(["--json"] if as_json and words[0] != "run" else [])])
            if status:
                raise ProvgraphError(f"`provgraph {shlex.join(words)}` ended with {status}")
        for question, words in QUESTIONS:
            _say(as_json, f"\n# {question}\n$ provgraph {shlex.join(words)}")
            if not as_json:
                main(list(words))
        if as_json:
            write_json({"folder": str(folder.resolve()), "questions": [w for _, w in QUESTIONS]})
    return 0


@contextmanager
def _inside(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    before, before_environment = Path.cwd(), dict(os.environ)
    os.chdir(folder)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(before_environment)


def _say(as_json: bool, text: str) -> None:
    if not as_json:
        click.secho(text, bold=True)
        sys.stdout.flush()
