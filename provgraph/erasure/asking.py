"""From what somebody asks for to a request with its plan."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from math import inf

from msgspec.json import encode
from msgspec.structs import replace

from provgraph.erasure import census
from provgraph.erasure.holds import day, retentions, today
from provgraph.erasure.plan import Plan, encoded, planned
from provgraph.erasure.queue import freed
from provgraph.erasure.requests import DEADLINE, Folder, Request, folders, open_request
from provgraph.errors import NotFound, UsageError
from provgraph.graph import Graph
from provgraph.query.plan import AllOf, Comparison, Exactly, Find, Limit
from provgraph.subjects.keys import Key


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
    made = planned(graph, request, today())
    folder.write("plan.json", encoded(made))
    folder.log("planned", plan=made.hash, lines=len(made.lines))
    return made


def know_by(graph: Graph, older: Sequence[Key], key: Key) -> None:
    """Let the requests that wait find their subjects by another key too. Raises `StoreError`."""
    asked = {folder: folder.request() for folder in folders(graph.project)}
    hashes = {bytes.fromhex(mac) for request in asked.values() for mac in request.subjects}
    found = census.under_another_key(graph, hashes, older, key)
    names = {before.hex(): after.hex() for before, after in found.items()}
    for folder, request in asked.items():
        if own := [names[mac] for mac in request.subjects if mac in names]:
            folder.write(
                "request.json",
                encode(replace(request, subjects=_each_once([request.subjects, own]))),
            )


def joined(graph: Graph, parts: Sequence[Folder]) -> Folder:
    """One request in place of several that wait, so that a command which concerns more than one is run
    again once. It is due when the first of them is. Raises `UsageError`."""
    for part in parts:
        if part.state() not in ("planned", "approved"):
            raise UsageError(f"{part.id} is {part.state()}: it cannot be joined with others")
    asked = [part.request() for part in parts]
    if len({part.id for part in parts}) < 2:
        raise UsageError("it takes two requests at least")
    if len({request.erase_derived for request in asked}) > 1:
        raise UsageError("one of them erases what was made from its data, another makes it again")
    folder = open_request(
        graph.project,
        Request(
            id="",
            reference="; ".join(dict.fromkeys(r.reference for r in asked if r.reference)),
            asked=min(request.asked for request in asked),
            due=min(request.due for request in asked),
            subjects=_each_once(request.subjects for request in asked),
            files=_each_once(request.files for request in asked),
            texts=_each_once(request.texts for request in asked),
            kept=_each_once(request.kept for request in asked),
            old=_each_once(request.old for request in asked),
            erase_derived=asked[0].erase_derived,
        ),
    )
    for part in parts:
        part.log("joined", request=folder.id)
        part.clear(bare=True)
    return folder


def due_again(graph: Graph, now: int) -> Folder | None:
    """A request of what is older than the retention rules allow, and of what was kept and may go because
    no rule keeps it any more; None where there is nothing. Raises `StoreError`, `ProjectError`."""
    known = folders(graph.project)
    ended = [folder for folder in known if freed(graph.project, folder, day(now))]
    asked = [folder.request() for folder in ended]
    before = {version for folder in known for version in folder.request().old}
    old, reasons = _too_old(graph, now, before)
    if not (ended or old):
        return None
    references = [*(request.reference for request in asked if request.reference), *reasons]
    folder = open_request(
        graph.project,
        Request(
            id="",
            reference="; ".join(dict.fromkeys(references)),
            asked=now,
            due=now + DEADLINE,
            subjects=_each_once(request.subjects for request in asked),
            files=_each_once(request.files for request in asked),
            kept=_each_once([kept.version for kept in each.kept()] for each in ended),
            old=_each_once([*(request.old for request in asked), old]),
            erase_derived=bool(asked) and not old and all(r.erase_derived for r in asked),
        ),
    )
    for each in ended:
        each.hand_over(folder.id)
    return folder


def _too_old(graph: Graph, now: int, asked: Collection[str]) -> tuple[list[str], list[str]]:
    """The versions that retention rules let go, without those asked for before, and the rules' reasons. A
    content that a younger version has too is not too old."""
    old, reasons = list[str](), list[str]()
    for rule in retentions(graph.project):
        here = (Comparison("name", "~", rule.files), Comparison("state", "!=", "erased"))
        rows = graph.answer(Find("Version", where=AllOf(here))).values
        aged = {id: held for id, _, _, held, *_ in rows if _at(held) < now - rule.age}
        young = {held.get("digest") for id, _, _, held, *_ in rows if id not in aged} - {None, ""}
        found = {id for id, held in aged.items() if held.get("digest") not in young}
        found -= {*asked, *old}
        old += sorted(found)
        reasons += [rule.reason] if found else []
    return old, reasons


def _at(version: Mapping[str, object]) -> float:
    at = version.get("at")
    return at if isinstance(at, int) else inf


def _each_once(parts: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(each for part in parts for each in part))
