"""Where answers go: tables and trees for people, JSON for programs, plain text into a pipe."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """`--json`, the same on every command."""
    option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
    return option(command)


def write_json(document: Any) -> None:
    raw = msgspec.json.format(msgspec.json.encode(document), indent=2)
    sys.stdout.buffer.write(raw + b"\n")


def write_json_rows(rows: Iterable[Mapping[str, Any]]) -> int:
    """A JSON list with a row a line, written as the rows come; says how many there were."""
    out, number = sys.stdout.buffer, 0
    for row in rows:
        out.write(b",\n" if number else b"[\n")
        out.write(msgspec.json.encode(row, enc_hook=_as_text))
        number += 1
    out.write(b"\n]\n" if number else b"[]\n")
    return number


def _as_text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """RFC 4180, in UTF-8: lines end in CR LF, a missing value is an empty field, and a list is JSON."""
    import csv

    from provgraph.model.uri import shown

    sys.stdout.flush()
    plain = shown if sys.stdout.isatty() else str  # a name may not drive the terminal
    out = io.TextIOWrapper(sys.stdout.buffer, "utf-8", errors="surrogateescape", newline="")
    try:
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(columns)
        number = 0
        for row in rows:
            cells = (_field(value) for value in row)
            writer.writerow([plain(cell) if isinstance(cell, str) else cell for cell in cells])
            number += 1
    finally:
        out.flush()
        out.detach()
    return number


def _field(value: Any) -> Any:
    match value:
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return msgspec.json.encode(value).decode()
        case bytes():
            return value.hex()
        case _:
            return value


def console() -> Console:
    """Colours and the terminal's width on a terminal; neither in a pipe."""
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=int(os.environ.get("COLUMNS", "0")) or 100_000)


def present(drawn: RenderableType) -> None:
    """Print a table or a tree, folded at the edge of a terminal; what is longer than the screen goes
    through the pager there. In a pipe a line is as long as it is."""
    screen = console()
    if not sys.stdout.isatty():
        screen.print(drawn, soft_wrap=True)
        return
    if not sys.stdin.isatty():
        screen.print(drawn)
        return
    with screen.capture() as captured:
        screen.print(drawn)
    text = captured.get()
    if text.count("\n") < screen.height:
        sys.stdout.write(text)
    else:
        click.echo_via_pager(text)


def write_lines(lines: Iterable[str]) -> None:
    """Lines as they are, nothing in them read as a picture; paged as `present` does."""
    from rich.text import Text

    if sys.stdout.isatty():
        present(Text("\n".join(lines)))
    else:
        for line in lines:
            print(line)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Aligned columns on a terminal; into a pipe tab-separated values with a heading, as they come.
    Says how many rows there were."""
    if sys.stdout.isatty():
        from provgraph.asking.tables import table

        drawn = table(columns, rows)
        present(drawn)
        return drawn.row_count
    number = 0
    print("\t".join(_cell(cell) for cell in columns))
    for number, row in enumerate(rows, 1):  # noqa: B007
        print("\t".join(_cell(cell) for cell in row))
    return number


def _cell(text: str) -> str:
    return text.replace("\t", "\\t")


def note(text: str) -> None:
    """A remark, to standard error."""
    from provgraph.model.uri import shown

    print(f"provgraph: {shown(text)}", file=sys.stderr)


def tell(error: str) -> None:
    """An error, to standard error; nothing in it can drive the terminal."""
    from provgraph.model.uri import shown

    lines = f"provgraph: {error}".split("\n")
    print("\n".join(shown(line) for line in lines), file=sys.stderr)
