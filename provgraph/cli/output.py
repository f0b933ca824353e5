"""Where answers go: tables and trees for people, JSON for programs, plain text into a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

if TYPE_CHECKING:
    from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """`--json`, the same on every command."""
    option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
    return option(command)


def write_json(document: Any) -> None:
    raw = msgspec.json.format(msgspec.json.encode(document), indent=2)
    sys.stdout.buffer.write(raw + b"\n")


def console() -> Console:
    """Colours and the terminal's width on a terminal; neither in a pipe."""
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=int(os.environ.get("COLUMNS", "0")) or 100_000)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Aligned columns on a terminal, tab-separated values with a heading into a pipe."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            print("\t".join(cell.replace("\t", "\\t") for cell in row))
        return
    from provgraph.asking.tables import table

    console().print(table(columns, rows))


def note(text: str) -> None:
    """A remark, to standard error."""
    from provgraph.model.uri import shown

    print(f"provgraph: {shown(text)}", file=sys.stderr)
