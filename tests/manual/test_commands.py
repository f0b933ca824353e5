"""Does every command teach by examples that run, and print JSON as its schema says?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
import jsonschema
import pytest
from manual.pages import Desk

from provgraph.cli.application import root
from provgraph.cli.documents import DOCUMENTS, schemas
from provgraph.cli.teaching import examples, leaves

COMMANDS = dict(leaves(root, click.Context(root)))
TRIED_ELSEWHERE = {
    "provgraph cypher": "tests/neo4j_store: it wants a Neo4j",
    "provgraph demo": "tests/demo: it wants scikit-learn, and half a minute",
    "provgraph neo4j": "tests/neo4j_store: it starts a server",
    "provgraph shell-hook": "tests/capture/test_shell_hook.py: it wants a shell on a terminal",
    "provgraph ui": "tests/web: it serves until it is interrupted",
}


@pytest.mark.parametrize("words", COMMANDS)
def test_the_help_of_every_command_ends_with_examples(words: str) -> None:
    assert examples(COMMANDS[words]), (
        f"the docstring of `provgraph {words}` shows nothing to type: end it with a block of `\\b` and"
        " indented examples, which are run here"
    )
    for option in COMMANDS[words].params:
        assert isinstance(option, click.Argument) or getattr(option, "help", None), (
            f"`provgraph {words}` has an option without help: {option.name}"
        )


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_prints_json_that_has_a_schema(words: str) -> None:
    known = {option for param in COMMANDS[words].params for option in param.opts}
    assert "--json" in known, f"`provgraph {words}` lacks `@json_option`"
    assert words in DOCUMENTS, f"cli/documents.py does not say what `provgraph {words} --json` is"


def test_no_schema_is_of_a_command_that_is_not_there() -> None:
    assert set(DOCUMENTS) <= set(COMMANDS)


def taught() -> Iterator[str]:
    groups = [root, *(c for c in map(command_called, root.list_commands(click.Context(root))))]
    for group in groups:
        yield from examples(group)
        if isinstance(group, click.Group) and group is not root:
            for _, leaf in leaves(group, click.Context(group)):
                yield from examples(leaf)


def command_called(name: str) -> click.Command:
    command = root.get_command(click.Context(root), name)
    assert command is not None
    return command


@pytest.mark.timeout(900)
def test_every_example_of_the_help_runs(lesson: Desk) -> None:
    for line in dict.fromkeys(taught()):
        command = line.split("   ")[0]
        if " ".join(command.split()[:2]) in TRIED_ELSEWHERE:
            continue
        status, seen = lesson.type(command)
        assert status == 0, f"$ {command}\nended with {status}:\n{seen}"
        assert "Traceback" not in seen


CALLS = {
    "init": "init",
    "run": "run --json -- sh -c 'echo x > alone.txt' 2>&1 | tail -1",
    "why": "why models/churn.pkl",
    "ask": "ask 'model * | lineage'",
    "sql": "sql 'SELECT * FROM versions'",
    "impact": "impact data/raw/customers.csv",
    "history": "history models/churn.pkl",
    "diff": "diff models/churn.pkl",
    "log": "log",
    "show": "show models/churn.pkl",
    "flag": "flag customer-18",
    "unflag": "unflag customer-18",
    "tag": "tag stage=test models/churn.pkl",
    "note": "note seen models/churn.pkl",
    "component": "component score",
    "ingest": "ingest git",
    "sync": "sync",
    "neo4j status": "neo4j status",
    "neo4j stop": "neo4j stop",
    "neo4j schema": "neo4j schema",
    "doctor": "doctor",
    "completion": "completion zsh",
    "subject add": "subject add data/raw/customers.csv --column client",
    "subject index": "subject index",
    "subject list": "subject list",
    "subject report": "subject report client:4712",
    "impact of a subject": "impact client:4712",
    "subject key new": "subject key new --yes",
    "subject key rotate": "subject key rotate",
    "subject key path": "subject key path",
    "forget key": "forget key",
    "forget plan": "forget plan alone.txt",
    "forget expired": "forget expired",
    "forget list": "forget list",
    "forget replan": "forget replan {request}",
    "forget show": "forget show {request}",
    "forget approve": "forget approve {request}",
    "forget execute": "forget execute {request}",
    "receipt verify": "receipt verify .provgraph/erasure/{request}/receipt.json",
    "forget abandon": "forget abandon {request}",
    "forget join": "forget join {request} {other}",
}
STATUS = {"neo4j status": 1}  # none runs


@pytest.mark.timeout(900)
def test_what_json_prints_is_as_the_schemas_say(lesson: Desk) -> None:
    schema = schemas()
    untried = {words for words in DOCUMENTS if f"provgraph {words.split()[0]}" in TRIED_ELSEWHERE}
    assert set(CALLS) >= set(DOCUMENTS) - untried, "a call is missing here"
    request = other = ""
    for words, call in CALLS.items():
        if words == "forget abandon":  # of another request than the one carried out
            request = printed(lesson, "forget plan alone.txt", 0)["request"]
        if words == "forget join":
            request = printed(lesson, "forget plan alone.txt", 0)["request"]
            other = printed(lesson, "forget plan models/churn.pkl", 0)["request"]
        found = printed(lesson, call.format(request=request, other=other), STATUS.get(words, 0))
        shape = schema["properties"][words.removesuffix(" of a subject")]
        jsonschema.validate(found, {**shape, "$defs": schema["$defs"]})
        if words == "forget plan":
            request = found["request"]


def printed(lesson: Desk, call: str, expected: int) -> Any:
    asked = call if "--json" in call else f"{call} --json"
    status, seen = lesson.type(
        f"provgraph {asked} 2>/dev/null" if "2>" not in asked else f"provgraph {asked}"
    )
    assert status == expected, f"{asked}: {seen}"
    return json.loads(seen)
