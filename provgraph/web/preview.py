"""How is a version's content shown? As a table, an image, highlighted text, or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from provgraph.content import Gone, Held
from provgraph.model.elements import Node
from provgraph.model.uri import split
from provgraph.web.documents import Code, Image, Nothing, Preview, Table, Token

if TYPE_CHECKING:
    from pygments.lexer import Lexer

LINES: Final = 2000
ROWS: Final = 100
COLUMNS: Final = 40
_CELL: Final = 300
_LINE: Final = 2000
_TEXT: Final = 400_000
"""Characters of text that are highlighted and sent."""

_TABLES: Final = {"csv": ",", "tsv": "\t"}
_MAGIC: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def preview(version: Node, found: Held | Gone) -> Preview:
    if isinstance(found, Gone):
        return Nothing(reason=found.reason)
    if media := image_type(found.bytes):
        return Image(media=media, source=found.source)
    name = split(str(version.properties.get("name", "")))[0]
    if name.lower().endswith(".parquet"):
        return _parquet(found)
    text = text_of(found.bytes)
    if text is None:
        return Nothing(reason="it is no text")
    if delimiter := _TABLES.get(name.lower().rpartition(".")[2]):
        return _table(text, delimiter, found.source)
    return _code(text, name, found.source)


def image_type(content: bytes) -> str | None:
    """
    >>> image_type(b"GIF89a..."), image_type(b"<svg>") is None
    ('image/gif', True)
    """
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((media for magic, media in _MAGIC.items() if content.startswith(magic)), None)


def text_of(content: bytes) -> str | None:
    """
    >>> text_of(b"a\\xc3\\xa9"), text_of(b"\\x00\\x01") is None
    ('aé', True)
    """
    if b"\0" in content[:8192]:
        return None
    text = content.decode("utf-8", "replace")
    return None if text[:8192].count("\ufffd") > 80 else text.removeprefix("\ufeff")


def _table(text: str, delimiter: str, source: str) -> Table | Code:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        rows = [[cell[:_CELL] for cell in row[:COLUMNS]] for row in islice(reader, ROWS + 2)]
    except csv.Error:
        return _code(text, "table.txt", source)
    if not rows:
        return _code(text, "table.txt", source)
    columns, body = rows[0], [row for row in rows[1:] if row]
    whole = len(body) <= ROWS and len(columns) < COLUMNS
    return Table(columns=columns, rows=body[:ROWS], whole=whole, source=source)


def _parquet(found: Held) -> Table | Nothing:
    try:
        from pyarrow import ArrowException, BufferReader
        from pyarrow.parquet import ParquetFile
    except ImportError:
        return Nothing(
            reason='Parquet is shown where pyarrow is: pip install "provgraph[subjects]"'
        )
    try:
        file = ParquetFile(BufferReader(found.bytes))
        names = list(file.schema_arrow.names)[:COLUMNS]
        batch = next(file.iter_batches(ROWS, columns=names), None)
        cells = [] if batch is None else [batch.column(n).to_pylist() for n in range(len(names))]
    except (ArrowException, OSError, ValueError) as error:
        return Nothing(reason=f"it is no Parquet that can be read: {str(error)[:200]}")
    rows = [
        ["" if cell is None else str(cell)[:_CELL] for cell in row]
        for row in zip(*cells, strict=True)
    ]
    whole = file.metadata.num_rows <= ROWS and len(file.schema_arrow.names) <= COLUMNS
    return Table(columns=names, rows=rows, whole=whole, source=found.source)


def _code(text: str, name: str, source: str) -> Code:
    kept = text[:_TEXT]
    lexer = _lexer(name, kept)
    lines = list(islice(_lines(lexer, kept), LINES))
    whole = len(kept) == len(text) and text.count("\n") <= LINES
    return Code(language=lexer.name, lines=lines, whole=whole, source=source)


def _lexer(name: str, text: str) -> Lexer:
    from pygments.lexers import get_lexer_for_filename
    from pygments.lexers.special import TextLexer
    from pygments.util import ClassNotFound

    try:
        return get_lexer_for_filename(name, text[:1000], stripnl=False)
    except ClassNotFound:
        return TextLexer(stripnl=False)


def _lines(lexer: Lexer, text: str) -> Iterator[list[Token]]:
    """The text in lines of pieces, each with its short class (`k`, `s1`, ...)."""
    from pygments.token import STANDARD_TYPES

    line: list[Token] = []
    length = 0
    for kind, piece in lexer.get_tokens(text):
        name = STANDARD_TYPES.get(kind, "")
        first, *others = piece.split("\n")
        for number, part in enumerate((first, *others)):
            if number:
                yield line
                line, length = [], 0
            if part and length < _LINE:
                line.append((name, part[: _LINE - length]))
                length += len(part)
    if line:
        yield line
