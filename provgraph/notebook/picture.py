"""An answer's graph in a notebook's cell, to walk on from: the explorer's own picture, whose
questions the kernel answers instead of a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets
from pydantic import BaseModel, ValidationError

from provgraph.asking.html import ROWS, brief, drawn, image
from provgraph.asking.queries import Query
from provgraph.asking.tables import cells
from provgraph.errors import ProvgraphError
from provgraph.graph import Graph
from provgraph.notebook import modules
from provgraph.web import documents as d
from provgraph.web import expansion

DRAWN: Final = 300
"""Nodes of an answer that are drawn to begin with."""


def picture(query: Query) -> Picture | None:
    """A picture of an answer; None where no two of its nodes hang together. Raises `QueryError`,
    `BudgetExceeded`."""
    nodes, edges = drawn(query, DRAWN)
    return Picture(query, [node.id for node in nodes]) if edges else None


class Picture(anywidget.AnyWidget):
    """The nodes of an answer and the lineage between them, and the answer as a table beside it."""

    _esm = (Path(__file__).parent / "static" / "loader.js").read_text()
    _css = modules.styles()

    ids = traitlets.List(traitlets.Unicode()).tag(sync=True)
    version = traitlets.Unicode().tag(sync=True)
    """Of the modules that draw; a page keeps those of one version."""
    still = traitlets.Unicode().tag(sync=True)
    """The address of an image to show until the modules are here, and where no kernel sends them."""
    table = traitlets.Dict().tag(sync=True)

    def __init__(self, query: Query, ids: list[str]) -> None:
        found = brief(query)
        super().__init__(
            ids=ids,
            version=modules.version(),
            still=image(query),
            table={
                "columns": found.names,
                "rows": list(cells(found, ROWS)),
                "count": len(query),
            },
        )
        assert isinstance(query.graph, Graph)
        self._graph = query.graph
        self.on_msg(self._told)

    def _told(self, widget: object, asked: Mapping[str, Any], buffers: object) -> None:
        self.send({"number": asked.get("number"), **answered(self._graph, asked)})


def answered(graph: Graph, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to what a picture asks, or what was wrong, in words for a person."""
    try:
        return {"answer": _ANSWERS[str(asked["what"])](graph, asked.get("given"))}
    except ProvgraphError as error:
        return {"error": {"message": error.message, "hint": error.hint}}
    except (KeyError, ValidationError):
        return {"error": {"message": "the kernel does not know this question", "hint": None}}


def _modules(graph: Graph, given: Any) -> Any:
    return [[name, text] for name, text in modules.linked().items()]


def _expand(graph: Graph, given: Any) -> Any:
    asked = d.Expand.model_validate(given)
    return _plain(
        expansion.expand(graph, asked.of, asked.toward, asked.fold, asked.offset, asked.drawn)
    )


def _among(graph: Graph, given: Any) -> Any:
    return _plain(expansion.among(graph, d.Among.model_validate({"ids": given}).ids))


def _plain(document: BaseModel) -> dict[str, Any]:
    return document.model_dump(mode="json")


_ANSWERS: Final[dict[str, Callable[[Graph, Any], Any]]] = {
    "modules": _modules,
    "expand": _expand,
    "among": _among,
}
