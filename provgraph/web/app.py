"""The server: which address answers what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final

from fastapi import FastAPI, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from provgraph import __version__
from provgraph.errors import NotFound
from provgraph.graph import Graph, SyncReport
from provgraph.web import documents as d
from provgraph.web import faults
from provgraph.web.access import Access, Refused
from provgraph.web.graphs import Graphs
from provgraph.web.guard import Guard
from provgraph.web.limits import TOKENS, Limiter

_FILES: Final = Path(__file__).parent
Id = Annotated[str, InPath(min_length=1, max_length=200)]


def create(root: Path, access: Access | None = None) -> FastAPI:
    """The explorer of the project at `root`, an ASGI application.

    Raises `ProjectError` if there is none.
    """
    access = access or Access()
    graphs = Graphs(root)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        graphs.close()

    app = FastAPI(
        title="provgraph",
        version=__version__,
        summary="Questions to a project's provenance graph, over HTTP.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses={status: {"model": d.Failure} for status in (400, 404, 422, 503)},
    )
    app.add_middleware(Guard, access=access)
    faults.install(app)
    _session(app, graphs, access)
    _nodes(app, graphs)
    _pictures(app, graphs)
    _time(app, graphs)
    _freshness(app, graphs)
    _questions(app, graphs)
    _deletions(app, graphs, access)
    _files(app)
    return app


def _session(app: FastAPI, graphs: Graphs, access: Access) -> None:
    attempts = Limiter(TOKENS)

    def session(known: bool) -> d.Session:
        return d.Session(
            project=graphs.project.name if known else "",
            version=__version__,
            csrf=access.csrf if known else "",
            asks_token=not known,
        )

    @app.get("/api/session", tags=["session"])
    async def read_session(request: Request) -> d.Session:
        """The project, and the word (`csrf`) for calls that are no GET."""
        return session(access.is_known(request.headers))

    @app.post("/api/session", tags=["session"])
    async def sign_in(request: Request, response: Response, given: d.SignIn) -> d.Session:
        """Show the token; a cookie then stands for it."""
        if attempts.wait(request.client.host if request.client else ""):
            raise Refused(429, "too many attempts", hint="again in a minute")
        if not access.is_token(given.token):
            raise Refused(401, "that is not the token", hint="`provgraph ui` printed it")
        response.set_cookie(
            access.cookie,
            given.token,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return session(True)

    @app.post("/api/sync", tags=["session"])
    async def sync() -> d.Sync:
        """Bring in what the journal has."""
        return _synced(await graphs.sync())

    @app.get("/api/sync", tags=["session"])
    async def last_sync() -> d.Sync:
        """What the last time brought in."""
        return _synced(graphs.report)


def _synced(report: SyncReport) -> d.Sync:
    return d.Sync(
        segments=report.segments,
        records=report.records,
        pending=report.pending,
        problems=report.problems,
    )


def _nodes(app: FastAPI, graphs: Graphs) -> None:
    from provgraph import content
    from provgraph.web import checks, home, page, preview, search
    from provgraph.web.cards import shown_node

    @app.get("/api/home", tags=["nodes"])
    async def read_home() -> d.Home:
        """What there is: counts, the newest runs and results."""
        return await graphs.ask(home.home)

    @app.get("/api/search", tags=["nodes"])
    async def find(
        q: Annotated[str, Query(max_length=500)], limit: Annotated[int, Query(ge=1, le=50)] = 12
    ) -> d.Hits:
        """Files, runs, commits and others by a part of their name, best first."""
        return d.Hits(hits=await graphs.ask(lambda graph: search.search(graph, q, limit)))

    @app.get("/api/nodes/{id}", tags=["nodes"])
    async def read_node(id: Id) -> d.Page:
        """All about one node; an artifact's page is its latest version's."""
        return await graphs.ask(lambda graph: page.page(graph, id))

    @app.get("/api/nodes/{id}/checks", tags=["nodes"])
    async def read_checks(id: Id) -> d.Checks:
        """What was looked at of a node: its content, its freshness, how what made it ended."""
        return await graphs.ask(lambda graph: checks.checks(graph, id))

    @app.post("/api/nodes/{id}/flag", tags=["nodes"])
    async def flag(id: Id, asked: d.Flag) -> d.Page:
        """Flag a node as one to look at, or take the flag away; the journal keeps who and when."""
        what = "flag" if asked.flagged else "unflag"
        return await graphs.ask(lambda graph: page.said(graph, id, what, asked.reason))

    @app.post("/api/nodes/{id}/notes", tags=["nodes"])
    async def note(id: Id, asked: d.Note) -> d.Page:
        """Add a note to a node."""
        return await graphs.ask(lambda graph: page.said(graph, id, "note", asked.text))

    @app.get("/api/nodes/{id}/preview", tags=["nodes"])
    async def read_preview(id: Id) -> d.Preview:
        """A version's content, where it is still to be had."""

        def shown(graph: Graph) -> d.Preview:
            node = shown_node(graph, id)
            if node.label != "Version":
                return d.Nothing(reason=f"a {node.label.lower()} has no content")
            return preview.preview(node, content.content(graph, node))

        return await graphs.ask(shown)

    @app.get("/api/nodes/{id}/image", tags=["nodes"], response_class=Response)
    async def read_image(id: Id) -> Response:
        """The image that a version is."""
        found = await graphs.ask(lambda graph: content.content(graph, shown_node(graph, id)))
        media = None if isinstance(found, content.Gone) else preview.image_type(found.bytes)
        if isinstance(found, content.Gone) or media is None:
            raise NotFound(found.reason if isinstance(found, content.Gone) else "it is no image")
        policy = {"content-security-policy": "default-src 'none'; sandbox"}
        return Response(found.bytes, media_type=media, headers=policy)


def _pictures(app: FastAPI, graphs: Graphs) -> None:
    from provgraph.web import expansion

    @app.get("/api/nodes/{id}/focus", tags=["pictures"])
    async def read_focus(id: Id) -> d.Focus:
        """A node and one step each way, big fans folded."""
        return await graphs.ask(lambda graph: expansion.focus(graph, id))

    @app.post("/api/expand", tags=["pictures"])
    async def expand(asked: d.Expand) -> d.Picture:
        """One step on from a node."""
        return await graphs.ask(
            lambda graph: expansion.expand(
                graph, asked.of, asked.toward, asked.fold, asked.offset, asked.drawn
            )
        )

    @app.post("/api/among", tags=["pictures"])
    async def among(asked: d.Among) -> d.Picture:
        """These nodes and the lineage between them."""
        return await graphs.ask(lambda graph: expansion.among(graph, asked.ids))


def _time(app: FastAPI, graphs: Graphs) -> None:
    from provgraph.web import difference, timeline

    @app.get("/api/timeline", tags=["time"])
    async def read_timeline(
        before: Annotated[str | None, Query(max_length=30)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> d.Timeline:
        """Runs and commits, newest first."""
        return await graphs.ask(lambda graph: timeline.timeline(graph, before, limit))

    @app.get("/api/activity", tags=["time"])
    async def read_activity() -> d.Activity:
        """How many runs and commits each day had."""
        return await graphs.ask(timeline.activity)

    @app.get("/api/difference", tags=["time"])
    async def read_difference(
        left: Annotated[str, Query(max_length=200)], right: Annotated[str, Query(max_length=200)]
    ) -> d.Difference:
        """Two versions, or two runs, side by side."""
        return await graphs.ask(lambda graph: difference.difference(graph, left, right))


def _freshness(app: FastAPI, graphs: Graphs) -> None:
    from provgraph.web import staleness

    @app.get("/api/stale", tags=["freshness"])
    async def read_stale(
        kind: Annotated[str | None, Query(max_length=100)] = None,
        before: Annotated[str | None, Query(max_length=30)] = None,
    ) -> d.StaleVersions:
        """Which of the latest results, or of a kind, would come out otherwise today, and why; fifty
        are looked at, the newest first."""
        return await graphs.ask(lambda graph: staleness.results(graph, kind, before))

    @app.post("/api/stale", tags=["freshness"])
    async def stale_among(asked: d.Among) -> d.StaleVersions:
        """Which of these versions would."""
        return await graphs.ask(lambda graph: staleness.among(graph, asked.ids))


def _questions(app: FastAPI, graphs: Graphs) -> None:
    from provgraph.web import answers, typing_help

    @app.post("/api/query", tags=["questions"])
    async def query(asked: d.Question) -> d.Answer:
        """A question in the query language. A mistake in it is a 422 that points into the text."""
        return await graphs.ask(lambda graph: answers.answer(graph, asked.text, asked.limit))

    @app.post("/api/complete", tags=["questions"])
    async def complete(asked: d.Typing) -> d.Completion:
        """What may stand at a place in a question."""
        return await graphs.ask(lambda graph: typing_help.options(graph, asked.text, asked.cursor))


def _deletions(app: FastAPI, graphs: Graphs, access: Access) -> None:
    from provgraph.web import deletions

    @app.get("/api/requests", tags=["deletions"])
    async def read_requests() -> d.DeletionRequests:
        """Requests to be forgotten, the most urgent first."""
        return await graphs.ask(deletions.every)

    @app.get("/api/requests/{id}", tags=["deletions"])
    async def read_plan(id: Id) -> d.DeletionPlan:
        """What a request comes to, and who has signed it."""
        return await graphs.ask(lambda graph: deletions.plan(graph, id, may_sign=access.is_own))

    @app.post("/api/requests", tags=["deletions"])
    async def ask_to_forget(asked: d.Forget) -> d.DeletionPlan:
        """Make a request and its plan. Nothing is deleted by that."""
        return await graphs.ask(lambda graph: deletions.ask(graph, asked, may_sign=access.is_own))

    @app.post("/api/requests/{id}/replan", tags=["deletions"])
    async def replan(id: Id) -> d.DeletionPlan:
        """Make a plan anew; what was signed has to be signed again."""
        return await graphs.ask(lambda graph: deletions.replan(graph, id, may_sign=access.is_own))

    @app.post("/api/requests/{id}/keep", tags=["deletions"])
    async def keep(id: Id, asked: d.Hold) -> d.DeletionPlan:
        """Decide that a file is kept: a rule in `provgraph.toml`, and the plan made anew by it."""
        if not access.is_own:
            raise Refused(
                403,
                "what is kept is decided here only where the explorer is for this machine and has a token",
                hint="`[[keep]]` in provgraph.toml, or `provgraph ui --token WORD`",
            )
        await graphs.ask(lambda graph: deletions.keep(graph, id, asked))
        return await graphs.ask(lambda graph: deletions.replan(graph, id, may_sign=True))

    @app.post("/api/requests/{id}/approve", tags=["deletions"])
    async def approve(id: Id, asked: d.Approve) -> d.DeletionPlan:
        """Sign the plan that was looked at, with the key of whoever runs the explorer."""
        if not access.is_own:
            raise Refused(
                403,
                "plans are signed here only where the explorer is for this machine and has a token",
                hint=f"`provgraph forget approve {id}`, or `provgraph ui --token WORD`",
            )
        return await graphs.ask(lambda graph: deletions.approve(graph, id, asked.plan))


def _files(app: FastAPI) -> None:
    static = StaticFiles(directory=_FILES / "static")
    app.mount("/static/vendor", StaticFiles(directory=_FILES / "vendor"))
    app.mount("/static", static)

    @app.get("/", include_in_schema=False)
    async def read_page() -> FileResponse:
        return FileResponse(_FILES / "static" / "index.html", media_type="text/html")
