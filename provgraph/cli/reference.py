"""The command line as a page, and what its JSON is as a schema; the manual has both."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator

import click

from provgraph.cli.application import root
from provgraph.cli.documents import DOCUMENTS, schemas
from provgraph.cli.teaching import examples, leaves, taught

HEAD = """# The command line

`provgraph --help` lists the commands, `provgraph COMMAND --help` says what one takes. Every command has
`--json`; what it prints is described by a [JSON Schema](json-schema.json), one entry of `properties` a command.

| exit status | |
|---|---|
| 0 | done |
| 1 | an error, or something that was asked about is not so (`doctor`, `receipt verify`) |
| 2 | wrong usage, or a mistake in a question |
| 3 | nothing of that name |
| 4 | a question ran past its budget |
| 5 | the store, the journal or a source cannot be used |

`provgraph run` exits as the command that it runs does.

On a terminal, what is longer than the screen goes through `$PAGER`, and there are colours unless `NO_COLOR` is set. A
pipe gets plain text: columns separated by tabs.
"""


def page() -> str:
    return "\n".join((HEAD, *(line for each in _sections() for line in each)))


def schema() -> str:
    return json.dumps(schemas(), indent=2, ensure_ascii=False) + "\n"


def _sections() -> Iterator[list[str]]:
    context = click.Context(taught(root), info_name="provgraph")
    for words, command in leaves(root, context):
        yield list(_section(words, command))


def _section(words: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=f"provgraph {words}")
    pieces = " ".join(command.collect_usage_pieces(context))
    yield from (f"## provgraph {words}", "", f"`provgraph {words} {pieces}`", "")
    yield from (inspect.cleandoc(command.help or ""), "")
    options = [param for param in command.get_params(context) if isinstance(param, click.Option)]
    yield from ("| option | |", "|---|---|")
    for option in options:
        name, meaning = option.get_help_record(context) or ("", "")
        yield f"| `{_cell(name)}` | {_cell(meaning)} |"
    yield from ("", "```bash", *examples(command), "```", "")
    if words in DOCUMENTS:
        yield from (f"JSON: `properties` / `{words}` of the [schema](json-schema.json).", "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
