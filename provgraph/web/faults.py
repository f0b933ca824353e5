"""What went wrong, as an answer: one shape for every error, and HTTP's status for each."""

from __future__ import annotations

import re
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from provgraph.erasure.execution import OutOfDate
from provgraph.erasure.requests import Busy
from provgraph.errors import (
    AmbiguousName,
    BudgetExceeded,
    JournalError,
    NotFound,
    ProjectError,
    ProvgraphError,
    QueryError,
    StoreError,
    UsageError,
)
from provgraph.web.access import Refused
from provgraph.web.documents import Failure, Mistake

_STATUS: Final[dict[type[ProvgraphError], int]] = {
    QueryError: 422,
    UsageError: 400,
    NotFound: 404,
    AmbiguousName: 409,
    OutOfDate: 409,
    Busy: 409,
    BudgetExceeded: 504,
    StoreError: 503,
    JournalError: 503,
    ProjectError: 503,
}


def install(app: FastAPI) -> None:
    """Answer the errors of the tree, of validation and of routing in one shape."""

    @app.exception_handler(ProvgraphError)
    async def told(request: Request, error: ProvgraphError) -> JSONResponse:
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return _response(422, Mistake(kind="invalid", message=f"{place}: {first['msg']}"))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        return _response(error.status_code, Mistake(kind="http", message=str(error.detail)))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        said = f"an error that should not be: {type(error).__name__}"
        return _response(500, Mistake(kind="unexpected", message=said))


def refusal(error: ProvgraphError) -> JSONResponse:
    return _response(status(error), mistake(error))


def status(error: ProvgraphError) -> int:
    """
    >>> status(NotFound("x")), status(StoreError("x")), status(Refused(421, "x"))
    (404, 503, 421)
    """
    if isinstance(error, Refused):
        return error.status
    return next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)


def mistake(error: ProvgraphError) -> Mistake:
    """
    >>> mistake(BudgetExceeded("too far")).kind
    'budget-exceeded'
    """
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower()
    if isinstance(error, QueryError):
        return Mistake(
            kind=kind,
            message=error.message,
            hint=error.hint,
            start=error.start,
            end=error.end,
            line=error.line,
            column=error.column,
        )
    return Mistake(kind=kind, message=error.message, hint=error.hint)


def _response(status: int, mistake: Mistake) -> JSONResponse:
    return JSONResponse(Failure(error=mistake).model_dump(exclude_none=True), status)
