"""From what somebody asks for to a request with its plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime

from provgraph.erasure import census
from provgraph.erasure.plan import Plan, encoded, planned
from provgraph.erasure.requests import Folder
from provgraph.errors import NotFound, UsageError
from provgraph.graph import Graph
from provgraph.query.plan import Exactly, Find, Limit


def sorted_out(
    graph: Graph, targets: Iterable[str], uri: Callable[[str], str]
) -> tuple[list[str], list[str]]:
    """The keyed hashes of the subjects and the URIs of the files among the targets; `uri` says which
    file a target would be. Raises `NotFound`."""
    from provgraph.subjects import hashes, rules

    subjects, files = list[str](), list[str]()
    for target in targets:
        file = uri(target)
        if graph.answer(Limit(Find("Version", Exactly(file)), 1)).values:
            files.append(file)
            continue
        if not rules.rules(graph.project):
            raise NotFound(
                f"nothing recorded answers to `{target}`",
                hint="`provgraph subject add` says where people's identifiers stand",
            )
        with census.opened(graph) as index:
            census.take(graph, index)
            macs = hashes(graph.project, [target])
            if not index.holding(macs):
                raise NotFound(
                    f"no file is known by that name, and no content has the subject `{target}`",
                    hint="a subject is called by its rule's prefix and its identifier: `client:4711`",
                )
        subjects += [mac.hex() for mac in macs]
    return subjects, files


def replanned(graph: Graph, folder: Folder) -> Plan:
    """The plan of a request as the graph and the settings are now, kept in its folder. What was
    approved has to be approved again. Raises `UsageError` where it is being carried out."""
    if "began" in folder.done():
        raise UsageError(
            f"{folder.id} is being carried out", hint=f"provgraph forget execute {folder.id}"
        )
    request = folder.request()
    made = planned(graph, request, day(request.asked))
    folder.write("plan.json", encoded(made))
    folder.log("planned", plan=made.hash, lines=len(made.lines))
    return made


def day(at: int) -> date:
    """The day in UTC of a time in nanoseconds.

    >>> day(1_780_000_000_123_000_000).isoformat()
    '2026-05-28'
    """
    return datetime.fromtimestamp(at / 1e9, UTC).date()
