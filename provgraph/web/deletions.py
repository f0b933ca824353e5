"""Requests to be forgotten, for those who decide: what a plan does and why, and a signature under it.

The signature is made with the key of whoever runs the explorer. So it is made only where the explorer
answers to this machine alone and has asked for its token: nobody else can sign in that person's name.
What is kept is decided there, too. Anybody who may ask can make a plan, which deletes nothing; plans
are carried out on the command line.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime
from typing import Final

from provgraph.erasure import approvals, asking, holds, queue, requests
from provgraph.erasure.plan import Plan, decoded, planned
from provgraph.errors import StoreError, UsageError
from provgraph.graph import Graph
from provgraph.model.glob import is_glob
from provgraph.model.text import stamp
from provgraph.model.uri import shown
from provgraph.web.documents import (
    DeletionCopy,
    DeletionLine,
    DeletionPlan,
    DeletionRequest,
    DeletionRequests,
    Forget,
    Hold,
    Rerun,
)

_SIGNING: Final = threading.Lock()
"""Two tabs that approve at once: the second finds that it is done."""


def every(graph: Graph) -> DeletionRequests:
    """The requests, the most urgent open one first."""
    found = queue.listed(graph.project, time.time_ns())
    return DeletionRequests(requests=[_request(each) for each in found])


def _request(found: queue.Listed) -> DeletionRequest:
    request = found.request
    return DeletionRequest(
        id=request.id,
        reference=shown(request.reference),
        state=found.state,
        asked=stamp(request.asked),
        due=stamp(request.due),
        overdue=found.is_overdue,
    )


def plan(graph: Graph, id: str, *, may_sign: bool) -> DeletionPlan:
    """A request's plan and who has signed it. Raises `NotFound`, `UsageError`, `StoreError`."""
    folder = requests.folder(graph.project, id)
    made = _plan(folder)
    standing = approvals.standing(graph.project, folder, made.hash)
    return DeletionPlan(
        request=_request(queue.looked_up(graph.project, folder, time.time_ns())),
        hash=made.hash,
        lines=[
            DeletionLine(
                do=line.do,
                version=line.version,
                name=shown(line.name),
                kind=line.kind,
                size=line.bytes,
                how=line.how,
                why=shown(line.why),
                way=[shown(name) for name in line.way],
                basis=shown(line.basis),
            )
            for line in made.lines
        ],
        copies=[
            DeletionCopy(
                what=copy.what,
                name=shown(copy.name),
                size=copy.bytes,
                said=shown(copy.said),
                way=[shown(name) for name in copy.way],
            )
            for copy in made.copies
        ],
        reruns=[
            Rerun(
                run=rerun.run,
                command=shown(" ".join(rerun.argv)),
                seconds=rerun.seconds,
                makes=[shown(name) for name in rerun.makes],
            )
            for rerun in made.reruns
        ],
        blind=[shown(blind) for blind in made.blind],
        signed=list(standing.given),
        needed=standing.needed,
        may_sign=may_sign,
    )


def ask(graph: Graph, asked: Forget, *, may_sign: bool) -> DeletionPlan:
    """Make a request and its plan. Raises `NotFound` where nothing answers to one of its targets,
    `StoreError`."""
    if graph.read_only:
        raise StoreError(f"{graph.project.state} cannot be written")
    subjects, files = asking.sorted_out(graph, asked.targets, lambda name: name)
    now = time.time_ns()
    request = requests.Request(
        id="",
        reference=asked.reference,
        asked=now,
        due=_end_of(asked.due) if asked.due else now + requests.DEADLINE,
        subjects=subjects,
        files=files,
        erase_derived=asked.erase_derived,
    )
    folder = requests.open_request(graph.project, request)
    asking.replanned(graph, folder)
    return plan(graph, folder.id, may_sign=may_sign)


def _end_of(due: date) -> int:
    """
    >>> _end_of(date(2026, 5, 28)) == _end_of(date(2026, 5, 27)) + 86_400 * 10**9
    True
    """
    begin = datetime(due.year, due.month, due.day, tzinfo=UTC)
    return int(begin.timestamp() + 86_400) * 10**9 - 1


def replan(graph: Graph, id: str, *, may_sign: bool) -> DeletionPlan:
    """Make the plan anew. Raises `NotFound`, and `UsageError` where it is being carried out."""
    with _SIGNING, requests.alone(graph.project):
        asking.replanned(graph, requests.folder(graph.project, id))
    return plan(graph, id, may_sign=may_sign)


def keep(graph: Graph, id: str, asked: Hold) -> None:
    """Write down that a file is kept, for this plan and all later ones. Raises `UsageError` where the
    plan does not take it, and where a rule would cover other files, too."""
    with _SIGNING:
        made = _plan(requests.folder(graph.project, id))
        if asked.name not in {line.name for line in made.lines if line.do != "keep"}:
            raise UsageError(f"{id} does not take `{asked.name}`")
        if is_glob(asked.name):
            raise UsageError(
                f"`{asked.name}` would stand for other files, too",
                hint="`[[keep]]` in provgraph.toml takes a glob",
            )
        rule = holds.Keep(
            files=asked.name,
            basis=asked.basis,
            reason=asked.reason,
            owner=asked.owner,
            expires=asked.expires,
        )
        holds.hold(graph.project, rule)


def _plan(folder: requests.Folder) -> Plan:
    if not folder.has("plan.json"):
        raise requests.no_plan(folder)
    return decoded(folder.read("plan.json"))


def approve(graph: Graph, id: str, looked_at: str) -> DeletionPlan:
    """Sign the plan whose hash is `looked_at`, with one's own key. Raises `UsageError` where it is
    not the plan any more, or the graph has changed, or it is signed already; `KeyMissing`."""
    from provgraph.erasure.execution import OutOfDate

    with _SIGNING, requests.alone(graph.project):
        folder = requests.folder(graph.project, id)
        made, request = _plan(folder), folder.request()
        day = holds.today()
        begun = "began" in folder.done()
        if made.hash != looked_at or (not begun and planned(graph, request, day) != made):
            raise OutOfDate(
                f"{id} has another plan now, or the graph has changed since it was made",
                hint=f"look again; `provgraph forget replan {id}` makes the plan anew",
            )
        approvals.approve(graph.project, folder, made.hash)
    return plan(graph, id, may_sign=True)
