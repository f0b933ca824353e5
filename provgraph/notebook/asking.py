"""`%%prov`: a cell that is a question. And how an answer looks where its kernel can be asked on."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from provgraph.asking.queries import Query
from provgraph.errors import ProvgraphError, UsageError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from provgraph.graph import Graph

_VIEW: Final = "application/vnd.jupyter.widget-view+json"


def load(shell: InteractiveShell) -> None:
    shell.register_magics(Questions(shell))
    shell.display_formatter.mimebundle_formatter.for_type(Query, bundle)  # type: ignore[union-attr]


def unload(shell: InteractiveShell) -> None:
    for name in ("line", "cell"):
        shell.magics_manager.magics[name].pop("prov", None)
    shell.display_formatter.mimebundle_formatter.pop(Query, None)  # type: ignore[union-attr]


def bundle(query: Query) -> dict[str, Any]:
    """A page for whatever keeps or prints the notebook, and a picture that can be walked through for
    where its kernel runs: only of answers whose nodes hang together, and if anywidget is installed."""
    from provgraph.asking.html import html

    shown: dict[str, Any] = {"text/plain": repr(query), "text/html": html(query)}
    try:
        from provgraph.notebook.picture import picture
    except ImportError:
        return shown
    try:
        drawn = picture(query)
    except ProvgraphError:
        return shown  # the page says what is wrong
    if drawn is not None:
        shown[_VIEW] = {"version_major": 2, "version_minor": 0, "model_id": drawn.model_id}
    return shown


@magics_class
class Questions(Magics):
    """The graph of the project that the notebook works in, kept open from question to question."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._graph: Graph | None = None
        self._stood: tuple[int, int] | None = None

    @magic_arguments()  # type: ignore[untyped-decorator]
    @argument("--project", default=".", help="a folder in the project")  # type: ignore[untyped-decorator]
    @argument("name", nargs="?", help="a variable for the answer")  # type: ignore[untyped-decorator]
    @line_cell_magic
    def prov(self, line: str, cell: str | None = None) -> Query | None:
        """Ask the provenance graph. The cell is a question in the query language:

            %%prov inputs
            model "churn" | lineage | where kind = dataset

        The line alone is one, too: `%prov run [exit != 0]`.
        """
        try:
            return self._asked(line, cell)
        except ProvgraphError as error:
            print(error, file=sys.stderr)
            return None

    def _asked(self, line: str, cell: str | None) -> Query:
        if cell is None:
            return self._open(".").ask(line)
        given = parse_argstring(self.prov, line)
        if given.name and not given.name.isidentifier():
            raise UsageError(
                f"`{given.name}` is no name of a variable",
                hint="the question stands in the lines below `%%prov`",
            )
        query = self._open(given.project).ask(cell)
        _ = query.rows  # a mistake is told here, where its text stands
        if given.name:
            self.shell.user_ns[given.name] = query  # type: ignore[union-attr]
        return query

    def _open(self, folder: str) -> Graph:
        """The graph that is open, if it is this one and its store is still the file it was."""
        import provgraph
        from provgraph.notebook import capturing

        capturing.write()
        fresh = provgraph.open(folder)
        stands = _file(fresh.project.database)
        if self._graph is not None and (self._graph.project.root, self._stood) == (
            fresh.project.root,
            stands,
        ):
            fresh.close()
            return self._graph
        self._graph, self._stood = fresh, stands
        return fresh


def _file(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:  # a graph in a Neo4j has none
        return None
    return (found.st_dev, found.st_ino)
