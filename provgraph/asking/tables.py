"""How does an answer look as a table on a terminal?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from provgraph.asking.answers import Answer
from provgraph.model.text import value

if TYPE_CHECKING:
    from rich.table import Table


def cells(answer: Answer, limit: int | None = None) -> Iterable[list[str]]:
    """The rows as people read them.

    >>> from provgraph.query.plan import Column
    >>> list(cells(Answer((Column("path", "name"), Column("size", "size")), [("a.csv", 12_345)])))
    [['a.csv', '12.3 kB']]
    """
    keys = [column.key for column in answer.columns]
    for row in answer.values[:limit]:
        yield [value(key, held) for key, held in zip(keys, row, strict=True)]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Aligned columns without lines; long cells fold."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn
