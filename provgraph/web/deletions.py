"""Requests to be forgotten, for those who decide: what a plan does and why, and a signature under it.

The signature is made with the key of whoever runs the explorer. So it is made only where the explorer
answers to this machine alone and has asked for its token: nobody else can sign in that person's name.
Plans are made and carried out on the command line.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Final

from provgraph.erasure import approvals, requests
from provgraph.erasure.plan import Plan, decoded, planned
from provgraph.errors import UsageError
from provgraph.graph import Graph
from provgraph.model.text import stamp
from provgraph.model.uri import shown
from provgraph.web.documents import (
    DeletionLine,
    DeletionPlan,
    DeletionRequest,
    DeletionRequests,
    Rerun,
)

_SIGNING: Final = threading.Lock()
"""Two tabs that approve at once: the second finds that it is done."""


def every(graph: Graph) -> DeletionRequests:
    """The requests, the most urgent open one first."""
    found = [_request(folder) for folder in requests.folders(graph.project)]
    ended = ("done", "abandoned")
    return DeletionRequests(requests=sorted(found, key=lambda one: (one.state in ended, one.due)))


def _request(folder: requests.Folder) -> DeletionRequest:
    request, state = folder.request(), folder.state()
    open_still = state not in ("done", "abandoned")
    return DeletionRequest(
        id=request.id,
        reference=shown(request.reference),
        state=state,
        asked=stamp(request.asked),
        due=stamp(request.due),
        overdue=open_still and time.time_ns() > request.due,
    )


def plan(graph: Graph, id: str, *, may_sign: bool) -> DeletionPlan:
    """A request's plan and who has signed it. Raises `NotFound`, `UsageError`, `StoreError`."""
    folder = requests.folder(graph.project, id)
    made = _plan(folder)
    standing = approvals.standing(graph.project, folder, made.hash)
    return DeletionPlan(
        request=_request(folder),
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


def _plan(folder: requests.Folder) -> Plan:
    if not folder.has("plan.json"):
        raise UsageError(
            f"{folder.id} is {folder.state()}; its plan is not kept",
            hint="`provgraph receipt` shows what was done",
        )
    return decoded(folder.read("plan.json"))


def approve(graph: Graph, id: str, looked_at: str) -> DeletionPlan:
    """Sign the plan whose hash is `looked_at`, with one's own key. Raises `UsageError` where it is
    not the plan any more, or the graph has changed, or it is signed already; `KeyMissing`."""
    from provgraph.erasure.execution import OutOfDate

    with _SIGNING:
        folder = requests.folder(graph.project, id)
        made, request = _plan(folder), folder.request()
        day = datetime.fromtimestamp(request.asked / 1e9, UTC).date()
        begun = "began" in folder.done()
        if made.hash != looked_at or (not begun and planned(graph, request, day) != made):
            raise OutOfDate(
                f"{id} has another plan now, or the graph has changed since it was made",
                hint=f"look again; `provgraph forget replan {id}` makes the plan anew",
            )
        approvals.approve(graph.project, folder, made.hash)
    return plan(graph, id, may_sign=True)
