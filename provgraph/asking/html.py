"""How does an answer look on a page, such as a notebook's? A table, and a picture of nodes that hang
together. What stands in the graph is text here, never markup."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from provgraph.asking.answers import Answer, answer
from provgraph.asking.still import svg
from provgraph.asking.tables import cells
from provgraph.errors import ProvgraphError
from provgraph.model.text import count
from provgraph.query.plan import Project, is_table

if TYPE_CHECKING:
    from provgraph.asking.queries import Query
    from provgraph.model.elements import Edge, Node

ROWS: Final = 50
DRAWN: Final = 60
"""Nodes of an answer that are drawn; a larger picture would not be read."""


def html(query: Query) -> str:
    """The answer as a page shows it; a mistake in the question is told in its place."""
    try:
        found, picture, remarks = brief(query), image(query), query.remarks
    except ProvgraphError as error:
        return f"<pre>{escape(str(error))}</pre>"
    more = f", the first {ROWS} of them shown" if len(query) > ROWS else ""
    rows = table(found.names, cells(found, ROWS))
    told = "".join(f"<p>{escape(remark)}</p>" for remark in remarks)
    return f"{picture}{rows}<p>{count(len(query), 'row')}{more}</p>{told}"


def brief(query: Query) -> Answer:
    """What was selected; of nodes what people know them by, which is not their ids."""
    found = answer(query.rows, query.plan)
    if isinstance(query.plan, Project) or is_table(query.plan):
        return found
    kept = [at for at, name in enumerate(found.names) if name not in ("id", "type")]
    values = [tuple(row[at] for at in kept) for row in found.values]
    return Answer(tuple(found.columns[at] for at in kept), values)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """
    >>> table(["path"], [["<b>.csv"]])
    '<table><thead><tr><th>path</th></tr></thead><tbody><tr><td>&lt;b&gt;.csv</td></tr></tbody></table>'
    """
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def image(query: Query) -> str:
    """The picture as an image that stands for itself, and nothing where no two nodes hang together.
    In an image no text can become part of the page."""
    nodes, edges = drawn(query)
    if not edges:
        return ""
    left_out = ", and there are more" if len(nodes) >= DRAWN else ""
    words = f"Lineage of {count(len(nodes), 'node')}, causes left{left_out}"
    data = b64encode(svg(nodes, edges).encode()).decode()
    style = "max-width: 100%; height: auto"
    return f'<img alt="{words}" title="{words}" style="{style}" src="data:image/svg+xml;base64,{data}">'


def drawn(query: Query, most: int = DRAWN) -> tuple[list[Node], list[Edge]]:
    """What the question began at and the first nodes of the answer, and the lineage between them; of
    a table, none."""
    if is_table(query.plan):
        return [], []
    found = {node.id: node for node in [*query.beginning(), *query.nodes()][:most]}
    nodes = list(found.values())
    return nodes, query.lineage_between(nodes)
