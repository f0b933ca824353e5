"""What a shell is offered for a word that is being typed. Never an error, never a sync."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from provgraph.errors import ProvgraphError

if TYPE_CHECKING:
    from provgraph.graph import Graph

MOST = 200
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def recorded(
    context: click.Context, parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    """Recorded files that begin so; where there is none, the shell's own completion of paths."""
    return [*_names("file", typed)] or [CompletionItem(typed, type="file")]


def nodes(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Runs and components, too."""
    found = [*_names("run", typed), *_names("component", typed), *_names("file", typed)]
    return found or [CompletionItem(typed, type="file")]


def question(
    context: click.Context, parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    """What may come next in a question that is typed without quotes, word by word."""
    from provgraph.query.completion import complete

    before = " ".join([*(context.params.get("query") or ()), ""])
    with _graph() as graph:
        if graph is None:
            return []
        text = before + typed
        found = complete(text, len(text), graph.vocabulary())
        return [
            CompletionItem(text[len(before) : each.span.start] + each.text, help=each.meaning)
            for each in found
            if each.span.start >= len(before)
        ]


def adapters(
    context: click.Context, parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    from provgraph import ingest

    return [CompletionItem(name) for name in ingest.names() if name.startswith(typed)]


def _names(kind: str, typed: str) -> Iterator[CompletionItem]:
    with _graph() as graph:
        if graph is not None:
            names = graph.vocabulary().names(kind, typed)
            ours = (name for name in names if name.startswith(typed) and name.isprintable())
            yield from map(CompletionItem, islice(ours, MOST))


@contextmanager
def _graph() -> Iterator[Graph | None]:
    from provgraph.graph import Graph

    try:
        with Graph.open() as graph:
            yield graph
    except ProvgraphError:  # no project, no store: nothing to offer
        yield None
